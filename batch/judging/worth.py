"""Which campaigns are worth reading before a run, and for how long. Pure: frames in, yes or no out.

A page costs a request, as a change does; it saves one for each of its leads that is already as
asked for. How many pages a campaign has is often not known: the share of the wanted leads that were
on the pages so far is the estimate of what is still to come.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from batch.judging.leads import LEAD
from batch.judging.live import STATUS_HOLDS, TAG_HOLDS
from batch.model import Status

FEWEST_REQUESTS = 10  # a campaign with fewer is not read: it would hardly save anything
MOST_SHARE = 0.8  # the cost of reading over its savings; the rest is for wrong estimates

# 14 bytes a request, with the one for whether it was found.
_ASKED = pl.Schema(
    {
        "key": pl.UInt64(),
        "status": pl.Enum([status.value for status in Status]),
        "ai_tag": pl.Categorical(),
        "clear_tag": pl.Boolean(),
    }
)
_SEED, _OTHER_SEED = 1, 2
# Two leads with one key only make an estimate a little worse.
_KEY = (pl.col(LEAD[0]).hash(_SEED) ^ pl.col(LEAD[1]).hash(_OTHER_SEED)).alias("key")
# After all other keys, so that a search always finds a place.
_END = (2**64 - 1, None, None, False)
_COUNTS = pl.Schema({LEAD[0]: pl.String(), "asked": pl.UInt64()})
# What a lead is asked to be, and what it is.
_COMPARED = pl.Schema(
    {
        "status": pl.String(),
        "ai_tag": pl.String(),
        "clear_tag": pl.Boolean(),
        "live_status": pl.String(),
        "live_tag": pl.String(),
    }
)
_PARTS = 8  # in which requests are sorted; a power of two
_MOST_REMEMBERED = 20_000  # such combinations; there are few unless labels are not checked

_Comparison = tuple[str | None, str | None, bool, str, str | None]


class Worth:
    """Says after each page of a campaign whether the next one is worth its request.

    Keeps some bytes a request, however many campaigns are read side by side.
    """

    def __init__(self, requests: Iterable[pl.DataFrame]) -> None:
        """requests: frames as `Leads.requests`; a lead has one request."""
        # Frames are made here, not with the module: making one with values starts threads.
        asked = [pl.DataFrame([_END], schema=_ASKED, orient="row")]
        counts = [pl.DataFrame(schema=_COUNTS)]
        for frame in requests:
            asked.append(frame.select(_KEY, "status", "ai_tag", "clear_tag").cast(_ASKED))
            of_campaign = frame.group_by(LEAD[0], maintain_order=True)
            counts.append(of_campaign.agg(asked=pl.len().cast(pl.UInt64)))
        whole = pl.concat(asked)
        # A part at a time: sorting takes several times the memory of what it sorts.
        part = pl.col("key") // (2**64 // _PARTS)
        parts = [whole.filter(part == number).sort("key") for number in range(_PARTS)]
        ordered = pl.concat(parts, rechunk=True)
        self._keys = ordered["key"]
        self._asked = ordered.drop("key")
        self._is_found = bytearray(len(self._keys))
        self._holding: dict[_Comparison, bool] = {}
        of_campaign = pl.concat(counts).group_by(LEAD[0], maintain_order=True)
        large = of_campaign.agg(pl.col("asked").sum()).filter(pl.col("asked") >= FEWEST_REQUESTS)
        self._campaigns = {name: _Campaign(asked=asked) for name, asked in large.iter_rows()}

    def campaign_ids(self) -> list[str]:
        """The campaigns whose first page is worth reading, in the order of their requests."""
        return list(self._campaigns)

    def goes_on(self, campaign_id: str, page: pl.DataFrame, pages_left: int | None = None) -> bool:
        """Whether the page after this one is worth reading; call it once for each page.

        campaign_id: one of `campaign_ids`. page: its next leads, as a Snapshot has them.
        pages_left: how many follow at most; None if the server doesn't say.
        """
        found = self._compare(campaign_id, page)
        if len(self._holding) > _MOST_REMEMBERED:
            self._holding.clear()
        new = list(found.keys() - self._holding.keys())
        if new:
            rows = pl.DataFrame(new, schema=_COMPARED, orient="row")
            holds = rows.select(STATUS_HOLDS & TAG_HOLDS).to_series()
            self._holding.update(zip(new, holds, strict=True))
        holding = sum(count for compared, count in found.items() if self._holding[compared])
        campaign = self._campaigns[campaign_id]
        campaign.add(found=found.total(), holding=holding)
        return campaign.pays(pages_left)

    def _compare(self, campaign_id: str, page: pl.DataFrame) -> Counter[_Comparison]:
        """What the page's leads are asked to be, and what they are; only leads of no page before.

        Columns as Python lists, since each expression over a page takes 100 us and more.
        """
        of_campaign = pl.Series([campaign_id]).hash(_SEED)
        keys = page[LEAD[1]].hash(_OTHER_SEED) ^ of_campaign  # as _KEY has it
        at = self._keys.search_sorted(keys)  # the last key is behind all others
        is_new = pl.Series([not self._is_found[n] for n in at.to_list()], dtype=pl.Boolean)
        is_asked = (self._keys[at] == keys) & is_new
        at = at.filter(is_asked)
        for n in at.to_list():
            self._is_found[n] = True
        compared = [
            *self._asked[at].get_columns(),
            *(page[name].filter(is_asked) for name in ("status", "ai_tag")),
        ]
        return Counter(zip(*(values.to_list() for values in compared), strict=True))


@dataclass(slots=True, kw_only=True)
class _Campaign:
    """How far a campaign is read, counted in leads with a request."""

    asked: int
    pages: int = 0
    pages_without: int = 0  # since a lead was last found
    found: int = 0
    holding: int = 0

    def add(self, *, found: int, holding: int) -> None:
        """Count one page."""
        self.pages += 1
        self.pages_without = 0 if found else self.pages_without + 1
        self.found += found
        self.holding += holding

    def pays(self, pages_left: int | None) -> bool:
        """Whether reading on costs clearly less than sending the remaining requests unread.

        Pages that were read are paid for, so only the rest counts: a last lead that was removed
        from a campaign is not sought through thousands of pages.
        """
        left = self.asked - self.found
        pages = max(self.pages * left / (self.found or 0.5), self.pages_without)
        if pages_left is not None:
            pages = min(pages, pages_left)
        writes = left * (1 - self.holding / (self.found or 1))
        return pages + writes < MOST_SHARE * left
