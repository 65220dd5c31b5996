"""Compare what was asked for with what the leads are now. Pure: frames in, frames out."""

import polars as pl

from batch.judging.leads import LEAD
from batch.judging.rules import tag_key
from batch.model import MOVES

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
# The status that the server gave a lead that a change has moved, by the line of the row that
# carried the request. Any other lead reads what was asked for, or its row would be no success.
ANSWERED = pl.Schema({"line": pl.UInt32, "answered_status": pl.String})
MISSING = "no such lead in the campaign"

# For requests joined with what their leads are now (`live`).
IS_THERE = pl.col("is_there").fill_null(value=False)
ASKS_TAG = pl.col("clear_tag") | pl.col("ai_tag").is_not_null()
STATUS_HOLDS = pl.col("status").is_null() | (pl.col("status") == pl.col("live_status"))
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

    rows: successes, with line, server_status and subsequence as a journal has them.
    """
    move = pl.col("subsequence").str.split(":").list.first()
    moved = rows.filter(move.is_in(MOVES))
    return moved.select(pl.col("line").cast(pl.UInt32), answered_status="server_status")


def add_expected_status(requests: pl.DataFrame, answered: pl.DataFrame) -> pl.DataFrame:
    """The requests with `expected_status`: what their leads are expected to be; null for anything.

    That is what the server answered, else what was asked for: a subsequence may have moved the
    lead, and set its status whether or not one was asked for.
    answered: as ANSWERED.
    """
    rows = requests.join(answered, on="line", how="left", maintain_order="left")
    return rows.with_columns(
        expected_status=pl.coalesce("answered_status", "status"),
    ).drop("answered_status")


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
