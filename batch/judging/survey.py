"""The passes over a whole file: rows counted, leads that are named again found and compared.

No row stays: of a valid one twelve bytes, and some 25 more where its lead is named again.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import polars as pl

from batch.judging.leads import LEAD, Leads, join_leads
from batch.judging.merge import merge_leads
from batch.judging.plan import FIRST_PROBLEMS, NOT_SENT, errors
from batch.judging.totals import numbers
from batch.model import Reason, Tally

Cells = Callable[[], Iterator[pl.DataFrame]]
# All rows as `rules.judge` gives them, or those of some lines (UInt32, rising): from the first,
# each time it is called.
Judgements = Callable[[pl.Series | None], Iterator[pl.DataFrame]]

# Rows of leads that are compared at once: each takes some 300 bytes while that lasts.
_ROWS_COMPARED = 250_000


def _hash(*, seed: int) -> pl.Expr:
    return pl.col(LEAD[0]).hash(seed) ^ pl.col(LEAD[1]).hash(seed + 1)


# Two rows that share a hash are of one lead if they share the other one, too: that 128 bits agree
# by chance happens to fewer than one in 10^24 files of ten million leads.
_HASH, _OTHER_HASH = _hash(seed=1), _hash(seed=3)


class Survey:
    """What is known of a whole file without holding it.

    rows: all input rows. tally: those that are not sent, by reason.
    requests, sendable: `totals.numbers` of the requests, and of the rows that they are made of.
    first_errors: at least the first rows that are wrong by themselves, as `rules.judge` gives them.
    leads: what the rows of leads that are named again come to.
    """

    def __init__(self, judged: Judgements, *, clear_word: str, last_wins: bool) -> None:
        """Go through all rows: once, and once more if a lead is named again."""
        self.rows = 0
        self.tally = Tally()
        self.requests: Counter[str] = Counter()
        self.sendable: Counter[str] = Counter()
        self.first_errors = pl.DataFrame(schema=NOT_SENT)
        named_again = _named_again([self._add(rows) for rows in judged(None)], judged)
        parts = _by_lead(*named_again) if named_again else ()
        self.leads = join_leads(
            self._compare(part, last_wins=last_wins, clear_word=clear_word) for part in parts
        )

    def _add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Count one judged batch as if each valid row were a request; these rows' line and hash."""
        requests = valid(rows)
        self.rows += rows.height
        self._count_reasons(rows)
        self.requests += numbers(requests)
        self.sendable += numbers(requests)
        if self.first_errors.height < FIRST_PROBLEMS:
            found = errors(rows).head(FIRST_PROBLEMS).select(NOT_SENT.names())
            # In memory of their own, or the texts of the whole batch would be kept for them.
            found = found.with_columns(pl.col(pl.String) + pl.lit(""))
            self.first_errors = pl.concat([self.first_errors, found])
        return requests.select("line", hash=_HASH)

    def _compare(self, rows: pl.DataFrame, *, last_wins: bool, clear_word: str) -> Leads:
        """What these rows come to; the counts now take their requests for what they are."""
        compared = merge_leads(rows, last_wins=last_wins, clear_word=clear_word)
        for part in compared.leads.judged:
            self._count_reasons(part)
        self.requests += numbers(compared.requests)
        self.requests -= numbers(rows)
        self.sendable += numbers(compared.sent)
        self.sendable -= numbers(rows)
        return compared.leads

    def _count_reasons(self, rows: pl.DataFrame) -> None:
        for reason, n in rows.get_column("reason").drop_nulls().value_counts().iter_rows():
            self.tally[Reason(reason)] += n


def valid(rows: pl.DataFrame) -> pl.DataFrame:
    """The judged rows that nothing is wrong with by themselves."""
    return rows.filter(pl.col("reason").is_null())


def _named_again(
    seen: list[pl.DataFrame], judged: Judgements
) -> tuple[pl.DataFrame, pl.Series] | None:
    """The rows whose hash others have, too, and how many have each hash; None if there are none.

    seen: line and hash of all rows; emptied on the way. Hashes are numbered in their order.
    """
    repeated = _repeated([rows.get_column("hash") for rows in seen])
    if not repeated.height:
        return None
    hashes = repeated.get_column("hash")
    # Few as a rule.
    lines = pl.concat(_numbered(rows, hashes).get_column("line") for rows in seen)
    seen.clear()  # twelve bytes a row
    rows = pl.concat(_compared_rows(valid(batch), hashes) for batch in judged(lines))
    return rows, repeated.get_column("rows")


def _repeated(hashes: list[pl.Series]) -> pl.DataFrame:
    """The hashes that several rows have, in order, and the number of rows that have them."""
    ordered = pl.concat([pl.Series(dtype=pl.UInt64), *hashes]).sort()
    repeats = ordered.filter(ordered == ordered.shift()).rle().struct
    return pl.DataFrame({"hash": repeats.field("value"), "rows": repeats.field("len") + 1})


def _by_lead(rows: pl.DataFrame, sharing: pl.Series) -> Iterator[pl.DataFrame]:
    """The rows in parts that share no lead, as `merge_leads` takes them.

    sharing: how many rows have each hash.
    """
    lead = pl.col("line").first().over("number", "other_hash")
    part_of = (sharing.cum_sum() - sharing) // _ROWS_COMPARED
    for part in part_of.unique(maintain_order=True):
        first, last = part_of.search_sorted(part, "left"), part_of.search_sorted(part, "right") - 1
        yield rows.filter(pl.col("number").is_between(first, last)).with_columns(lead=lead)


def _compared_rows(rows: pl.DataFrame, hashes: pl.Series) -> pl.DataFrame:
    """What is compared of these rows, and their number among the hashes."""
    compared = rows.select(
        "line",
        pl.col("status", "ai_tag").cast(pl.Categorical),
        "clear_tag",
        hash=_HASH,
        other_hash=_OTHER_HASH,
    )
    return _numbered(compared, hashes).drop("hash")


def _numbered(rows: pl.DataFrame, hashes: pl.Series) -> pl.DataFrame:
    """The rows whose hash is one of these sorted ones, with its number."""
    own = rows.get_column("hash")
    number = hashes.search_sorted(own).clip(upper_bound=hashes.len() - 1)
    return rows.with_columns(number=number).filter(hashes.gather(number) == own)
