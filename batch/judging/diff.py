"""Each request beside what its lead is now: whether it is needed, and what would come of it.

Pure: frames in, frames out. The words that a person reads are `explain_leads.py`'s.
"""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from batch.judging.leads import LEAD
from batch.judging.live import IS_THERE, STATUS_HOLDS, STATUS_LEFT, TAG_HOLDS, live
from batch.judging.rules import tag_key
from batch.model import FINAL_STATUSES, Reason, Status


class Verdict(StrEnum):
    """What becomes of a request, in one word."""

    WILL_CHANGE = "will_change"
    IN_PART = "in_part"  # its tag will; the lead is through, so its status is left out
    THROUGH = "through"  # it will, but the lead is through, where that may mean nothing
    UNREAD = "unread"  # the lead was not read, or too long ago: it is sent as it was asked for
    ALREADY_SO = "already_so"
    FINAL_STATE = "final_state"  # the lead is through, so its status is left, and nothing remains
    UNKNOWN_LEAD = "unknown_lead"  # not in that campaign
    OWN_ID = "own_id"  # the id is the lead's own, not its campaign lead's
    UNKNOWN_CAMPAIGN = "unknown_campaign"
    BAD_STATUS = "bad_status"  # a status that can't be set, and is another than the lead's
    DRIFTED = "drifted"  # the lead is not what it is expected to be

    @property
    def is_sent(self) -> bool:
        """Whether the request is made."""
        return self in SENT


SENT = frozenset({Verdict.WILL_CHANGE, Verdict.IN_PART, Verdict.THROUGH, Verdict.UNREAD})
REASON_OF = {
    Verdict.ALREADY_SO: Reason.ALREADY_SO,
    Verdict.FINAL_STATE: Reason.FINAL_STATE,
    Verdict.UNKNOWN_LEAD: Reason.UNKNOWN_LEAD,
    Verdict.OWN_ID: Reason.UNKNOWN_LEAD,
    Verdict.UNKNOWN_CAMPAIGN: Reason.UNKNOWN_CAMPAIGN,
    Verdict.BAD_STATUS: Reason.BAD_STATUS,
    Verdict.DRIFTED: Reason.DRIFTED,
}
# Why a request may be left out: an undo has its own word for a lead that has drifted.
LEFT_OUT = frozenset({*REASON_OF.values(), Reason.CHANGED_SINCE})

# All texts are categories, for a file may have millions of rows.
VERDICTS = pl.Schema(
    {
        "line": pl.UInt32(),
        "lines": pl.List(pl.UInt32()),
        "campaign_id": pl.Categorical(),
        "status": pl.Categorical(),
        "ai_tag": pl.Categorical(),
        "clear_tag": pl.Boolean(),
        "verdict": pl.Enum([verdict.value for verdict in Verdict]),
        "live_status": pl.Categorical(),
        "live_tag": pl.Categorical(),
        "read_at_ms": pl.Int64(),
        "base_status": pl.Categorical(),
        "base_tag": pl.Categorical(),
        "right_id": pl.String(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read of the campaigns.

    leads: as a Snapshot has them. unknown: campaigns that the workspace does not have.
    whole: whether of the others all leads are there; else what is not there was not read.
    oldest_ms: what was read before then (Unix ms) is no ground to leave a request out.
    through_since_ms: the same for leaving out the status of a lead that is through.
    """

    leads: pl.DataFrame
    unknown: tuple[str, ...] = ()
    whole: bool = True
    oldest_ms: int = 0
    through_since_ms: int = 0

    @property
    def status_left(self) -> pl.Expr:
        """Whether a request's status is left out."""
        is_read = pl.col("read_at_ms") >= self.through_since_ms
        is_settable = pl.col("status").is_in([word.value for word in Status])
        return (STATUS_LEFT & is_settable & is_read).fill_null(value=False)


def judge_live(
    requests: pl.DataFrame,
    known: Known,
    *,
    baseline: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Each request's verdict, in line order, as VERDICTS; `lines` is null where a row stands alone.

    requests: as `Plan.requests_of` gives them.
    baseline: what leads are expected to be: line, base_status, base_tag ("" for none); null where
    nothing is expected. A lead without a row is expected not to be there. None to expect nothing.
    right_id: where the id is the lead's own, the one to use.
    """
    leads = live(known.leads).with_columns(known.leads["read_at_ms"])
    rows = requests.join(leads, on=LEAD, how="left", maintain_order="left")
    rows = _with_right_ids(rows, known.leads)
    verdict = _verdict(known)
    if baseline is None:
        rows = rows.with_columns(base_status=pl.lit(None), base_tag=pl.lit(None))
    else:
        rows = rows.join(
            baseline.with_columns(is_expected=True), on="line", how="left", maintain_order="left"
        )
        would_change = IS_THERE & ~((STATUS_HOLDS | known.status_left) & TAG_HOLDS)
        drifted = pl.when(would_change & _has_drifted()).then(_word(Verdict.DRIFTED))
        verdict = drifted.otherwise(verdict)
    return rows.with_columns(verdict=verdict).select(
        pl.col(name).cast(dtype) for name, dtype in VERDICTS.items()
    )


def is_sent() -> pl.Expr:
    """Whether a row of VERDICTS is sent."""
    return pl.col("verdict").cast(pl.String).is_in([verdict.value for verdict in SENT])


def _verdict(known: Known) -> pl.Expr:
    absent = Verdict.UNKNOWN_LEAD if known.whole else Verdict.UNREAD
    return (
        pl.when(pl.col("campaign_id").is_in(list(known.unknown)))
        .then(_word(Verdict.UNKNOWN_CAMPAIGN))
        .when(~IS_THERE & pl.col("right_id").is_not_null())
        .then(_word(Verdict.OWN_ID))
        .when(~IS_THERE)
        .then(_word(absent))
        .when(STATUS_HOLDS & TAG_HOLDS & (pl.col("read_at_ms") >= known.oldest_ms))
        .then(_word(Verdict.ALREADY_SO))
        .when(STATUS_HOLDS & TAG_HOLDS)
        .then(_word(Verdict.UNREAD))
        .when(~STATUS_HOLDS & ~pl.col("status").is_in([word.value for word in Status]))
        .then(_word(Verdict.BAD_STATUS))
        .when(known.status_left & TAG_HOLDS)
        .then(_word(Verdict.FINAL_STATE))
        .when(known.status_left)
        .then(_word(Verdict.IN_PART))
        .when(pl.col("live_status").is_in(FINAL_STATUSES))
        .then(_word(Verdict.THROUGH))
        .otherwise(_word(Verdict.WILL_CHANGE))
    )


def _has_drifted() -> pl.Expr:
    """Whether the lead is not what the baseline says, or was not expected at all."""
    is_expected = pl.col("is_expected").fill_null(value=False)
    other_status = pl.col("base_status") != pl.col("live_status")
    other_tag = tag_key(pl.col("base_tag")) != tag_key(pl.col("live_tag").fill_null(""))
    return ~is_expected | other_status.fill_null(value=False) | other_tag.fill_null(value=False)


def _with_right_ids(rows: pl.DataFrame, leads: pl.DataFrame) -> pl.DataFrame:
    """Beside each request whose id is a lead's own, that lead's id in the campaign."""
    own = leads.select(
        "campaign_id",
        campaign_lead_id=pl.col("lead_id").str.to_lowercase(),
        right_id="campaign_lead_id",
    ).unique(LEAD, keep="first")
    missing = rows.filter(~IS_THERE).select(*LEAD).unique()
    return rows.join(missing.join(own, on=LEAD), on=LEAD, how="left", maintain_order="left")


def _word(verdict: Verdict) -> pl.Expr:
    return pl.lit(verdict.value)
