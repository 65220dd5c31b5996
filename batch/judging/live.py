"""Compare what was asked for with what the leads are now. Pure: frames in, frames out."""

import polars as pl

from batch.judging.leads import LEAD
from batch.judging.rules import tag_key
from batch.model import FINAL_STATUSES, MOVES, Reason

DIFFERENT = pl.Schema(
    {
        "line": pl.UInt32,
        "campaign_id": pl.String,
        "campaign_lead_id": pl.String,
        "column": pl.String,
        "wanted": pl.String,
        "found": pl.String,
    }
)
# Leads that are not what was asked for, though their rows are a success, by the line of the row
# that carried the request: the status that the server gave a lead that it has moved (null for any
# other), and whether the status that was asked for was left out.
ANSWERED = pl.Schema(
    {"line": pl.UInt32, "answered_status": pl.String, "is_status_left": pl.Boolean}
)
MISSING = "no such lead in the campaign"

# For requests joined with what their leads are now (`live`).
IS_THERE = pl.col("is_there").fill_null(value=False)
ASKS_TAG = pl.col("clear_tag") | pl.col("ai_tag").is_not_null()
STATUS_HOLDS = pl.col("status").is_null() | (pl.col("status") == pl.col("live_status"))
# Of a lead that is through, a status that was asked for is left out.
STATUS_LEFT = ~STATUS_HOLDS & pl.col("live_status").is_in(FINAL_STATUSES)
TAG_HOLDS = ~ASKS_TAG | (
    tag_key(pl.col("ai_tag").fill_null("")) == tag_key(pl.col("live_tag").fill_null(""))
)


def find_differences(
    requests: pl.DataFrame, leads: pl.DataFrame, *, clear_word: str
) -> pl.DataFrame:
    """The values that were asked for and don't hold: a row for each, in line order.

    requests: as `Plan.requests_of` gives them; a request of several rows stands for each of them.
    leads: as a Snapshot has them. Tags are compared regardless of case. A missing lead is one row
    with column "".
    """
    rows = (
        requests.with_columns(pl.coalesce("lines", pl.concat_list("line")).alias("lines"))
        .drop("line")
        .explode("lines")
        .rename({"lines": "line"})
        .join(live(leads), on=LEAD, how="left")
    )
    is_missing, there = rows.filter(~IS_THERE), rows.filter(IS_THERE)
    parts = (
        _differences(is_missing, "", pl.lit(""), pl.lit(MISSING)),
        _differences(
            there.filter(~STATUS_HOLDS), "status", pl.col("status"), pl.col("live_status")
        ),
        _differences(
            there.filter(~TAG_HOLDS),
            "aiTag",
            pl.when("clear_tag").then(pl.lit(clear_word)).otherwise("ai_tag"),
            pl.col("live_tag").fill_null(clear_word),
        ),
    )
    return pl.concat(parts).sort("line", maintain_order=True)


def answered(rows: pl.DataFrame) -> pl.DataFrame:
    """What the server answered where that may differ from what was asked, as ANSWERED.

    rows: successes, with line, reason, server_status and subsequence as a journal has them.
    """
    is_moved = pl.col("subsequence").str.split(":").list.first().is_in(MOVES).fill_null(value=False)
    is_left = pl.col("reason") == Reason.APPLIED_IN_PART.value
    return rows.filter(is_moved | is_left).select(
        pl.col("line").cast(pl.UInt32),
        answered_status=pl.when(is_moved).then("server_status"),
        is_status_left=is_left,
    )


def statuses_left(before: pl.DataFrame) -> pl.DataFrame:
    """Of requests without a clear answer, those whose status was left out, as ANSWERED.

    before: what their leads were: line, status. Whether they asked for one does not matter.
    """
    through = before.filter(pl.col("status").is_in(FINAL_STATUSES))
    return through.select(
        "line", answered_status=pl.lit(None, dtype=pl.String), is_status_left=pl.lit(value=True)
    )


def add_expected_status(requests: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """The requests with `expected_status`: what their leads are expected to be; null for anything.

    That is what the server answered, else what was asked for: a subsequence may have moved the
    lead, and set its status whether or not one was asked for. A status that was left out counts as
    not asked for, here and in what comes back.
    answered: as ANSWERED.
    """
    rows = requests.join(answered, on="line", how="left", maintain_order="left")
    is_left = pl.col("is_status_left").fill_null(value=False)
    return (
        rows.with_columns(status=pl.when(~is_left).then("status"))
        .with_columns(expected_status=pl.coalesce("answered_status", "status"))
        .drop("answered_status", "is_status_left")
    )


def with_expected_status(requests: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """The requests as if they had asked for what their leads are expected to be.

    A status that was not asked for stays so: it may change by itself. answered: as ANSWERED.
    """
    is_asked = pl.col("status").is_not_null()
    rows = add_expected_status(requests, answered)
    return rows.with_columns(status=pl.when(is_asked).then("expected_status")).drop(
        "expected_status"
    )


def live(leads: pl.DataFrame) -> pl.DataFrame:
    """What leads are now, to be joined with requests by `LEAD`: live_status, live_tag, is_there.

    leads: as a Snapshot has them.
    """
    return leads.select(*LEAD, live_status="status", live_tag="ai_tag", is_there=True)


def _differences(rows: pl.DataFrame, column: str, wanted: pl.Expr, found: pl.Expr) -> pl.DataFrame:
    return rows.select(
        pl.col("line").cast(pl.UInt32),
        *LEAD,
        column=pl.lit(column),
        wanted=wanted.cast(pl.String),
        found=found.cast(pl.String),
    )
