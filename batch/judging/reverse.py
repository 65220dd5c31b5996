"""The changes that take a run's changes back, as rows of a spreadsheet. Pure: frames in and out."""

from dataclasses import dataclass

import polars as pl

from batch.judging.live import ASKS_TAG, add_expected_status
from batch.judging.rules import NOT_READ, tag_key
from batch.model import Field, Status

FIRST_LINE = 2  # of the sheet: its header is line 1
COLUMNS = (*(field.value for field in Field), "undoes_line", "set_status", "set_ai_tag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """What takes changes back.

    rows: COLUMNS, a row for each lead to send, one for each status that can't be set again, and
        one for each lead of which nobody knows what it was.
    baseline: what the run has made of the leads, as `judge_live` takes it, by the rows' lines.
    unknown: lines (UInt32, rising) of requests of which nobody kept what the lead was before.
    unsettable: leads whose former status can't be set.
    """

    rows: pl.DataFrame
    baseline: pl.DataFrame
    unknown: pl.Series
    unsettable: int


def reverse(
    requests: pl.DataFrame, before: pl.DataFrame, answered: pl.DataFrame, *, clear_word: str
) -> Reverse:
    """What takes these requests back.

    requests: those that may have been applied, as `Plan.requests_of` gives them.
    before: what leads were before: line, status, ai_tag ("" for none).
    answered: as ANSWERED, the status that the server gave a lead where that may be another.
    """
    joined = add_expected_status(requests, answered).join(
        before.select("line", was_status="status", was_tag="ai_tag", is_known=True),
        on="line",
        how="left",
        maintain_order="left",
    )
    joined = joined.with_columns(set_tag=pl.when(ASKS_TAG).then(pl.col("ai_tag").fill_null("")))
    is_known = pl.col("is_known").fill_null(value=False)
    changes_status = pl.col("expected_status") != pl.col("was_status")
    changes_tag = tag_key(pl.col("set_tag")) != tag_key(pl.col("was_tag"))
    known = joined.filter(is_known).with_columns(
        back_status=pl.when(changes_status).then("was_status"),
        back_tag=pl.when(changes_tag).then(pl.col("was_tag").replace("", clear_word)),
    )
    can_be_set = pl.col("back_status").is_in([word.value for word in Status])
    unsettable = known.filter(~can_be_set)
    # A tag must not stay because a status can't be set: the two are rows of their own then.
    sent = known.with_columns(back_status=pl.when(can_be_set).then("back_status")).filter(
        pl.col("back_status").is_not_null() | pl.col("back_tag").is_not_null()
    )
    alone = unsettable.with_columns(back_tag=pl.lit(None, dtype=pl.String))
    # What can't be set back is a row as well, so that it is told as an error in every later part.
    unknown = joined.filter(~is_known).with_columns(
        back_status=pl.lit(NOT_READ),
        back_tag=pl.lit(None, dtype=pl.String),
    )
    both = pl.concat([sent, alone, unknown.select(sent.columns)]).sort("line", maintain_order=True)
    both = both.with_columns(at=pl.int_range(FIRST_LINE, FIRST_LINE + pl.len(), dtype=pl.UInt32))
    return Reverse(
        rows=both.select(
            pl.col("campaign_id").alias(Field.CAMPAIGN_ID),
            pl.col("campaign_lead_id").alias(Field.CAMPAIGN_LEAD_ID),
            pl.col("back_status").alias(Field.STATUS),
            pl.col("back_tag").alias(Field.AI_TAG),
            undoes_line="line",
            set_status="status",
            set_ai_tag=pl.col("set_tag").replace("", clear_word),
        ),
        baseline=both.select(
            line="at",
            base_status=pl.when(pl.col("back_status").is_not_null()).then("expected_status"),
            base_tag=pl.when(pl.col("back_tag").is_not_null()).then("set_tag"),
        ),
        unknown=unknown["line"],
        unsettable=unsettable.height,
    )
