"""What a run of format 1 asked for, by the rules of its time. Frozen.

Such a run has no plan file. Which of its rows were not to be sent stands in its journal, which
outranks its spreadsheet; only what the others asked for is read from their cells once more. A
later change of `rules.py` or `merge.py` must not touch such runs, so nothing of these is used here,
and nothing here is to be changed. Pure: frames in and out; some 150 bytes a row while it lasts.
"""

from collections.abc import Iterable, Sequence

import polars as pl

from batch.judging.explain import RowValue, partly_superseded
from batch.model import Field, Reason

# Why rows were not sent by themselves, or beside other rows of their lead; anything else that a
# journal says of a row came later.
JUDGED = (
    Reason.BLANK_ROW,
    Reason.NOTHING_TO_CHANGE,
    Reason.DUPLICATE,
    Reason.SUPERSEDED,
    Reason.MISSING_ID,
    Reason.BAD_ID,
    Reason.BAD_STATUS,
    Reason.BAD_CELL,
    Reason.UNKNOWN_CAMPAIGN,
    Reason.UNKNOWN_LEAD,
    Reason.AMBIGUOUS_LEAD,
    Reason.UNKNOWN_TAG,
    Reason.CONFLICT,
)
# Of the rows that were to be sent, in line order. carrier: the line that carries their request,
# which alone has status, ai_tag and clear_tag; null where no request can be made of what the row
# says. message: which value a row lost; else null.
SENT = pl.Schema(
    {
        "line": pl.UInt32(),
        "carrier": pl.UInt32(),
        "message": pl.String(),
        "campaign_id": pl.String(),
        "campaign_lead_id": pl.String(),
        "status": pl.String(),
        "ai_tag": pl.String(),
        "clear_tag": pl.Boolean(),
    }
)
_EDGES = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"
    "\ufeff"
)
_FORMULA = "^'*[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
_NUMBER = "^(?:[+-]?[0-9 .,()-]+)\\z"
_LEAD = ("campaign_id", "campaign_lead_id")


def requests_of_format_1(
    cells: Iterable[pl.DataFrame], *, clear_word: str, labels: Sequence[str] | None
) -> pl.DataFrame:
    """The rows that were to be sent, as SENT; cells: of these rows alone, in line order.

    labels: those that tags were checked against; None if they weren't.
    """
    read = [_read(frame, clear_word=clear_word, labels=labels) for frame in cells]
    rows = pl.concat(read) if read else _read(_NO_CELLS, clear_word=clear_word, labels=None)
    last_key = pl.col("key").drop_nulls().last().over(_LEAD)
    last_status = pl.col("status").drop_nulls().last().over(_LEAD)
    rows = rows.with_columns(
        carrier=pl.col("line").first().over(_LEAD),
        last_status=last_status,
        last_key=last_key,
        status_by=pl.col("line").filter(pl.col("status").is_not_null()).last().over(_LEAD),
        tag_by=pl.col("line").filter(pl.col("key").is_not_null()).last().over(_LEAD),
        last_tag=pl.col("tag").drop_nulls().last().over(_LEAD),
    )
    holds_last = pl.col("key") == pl.col("last_key")
    rows = rows.with_columns(
        the_label=pl.col("label").filter(holds_last).drop_nulls().first().over(_LEAD),
        key_clears="clears",
        clears=(pl.col("clears") & holds_last).fill_null(value=False).any().over(_LEAD),
    )
    carries = pl.col("carrier") == pl.col("line")
    asks = pl.col("status").is_not_null() | pl.col("label").is_not_null() | pl.col("key_clears")
    has_lead = pl.all_horizontal(pl.col(name).is_not_null() for name in _LEAD)
    return rows.select(
        "line",
        pl.when(asks & has_lead).then("carrier"),
        _lost(rows),
        *_LEAD,
        status=pl.when(carries).then("last_status"),
        ai_tag=pl.when(carries & ~pl.col("clears")).then("the_label"),
        clear_tag=pl.when(carries).then("clears"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SENT.items())


_NO_CELLS = pl.DataFrame(schema={"line": pl.UInt32, **dict.fromkeys(Field, pl.String)})


def _read(cells: pl.DataFrame, *, clear_word: str, labels: Sequence[str] | None) -> pl.DataFrame:
    """What each row says: line, ids, status, tag (as it is shown), key, label and clears."""
    texts = cells.select("line", *(_trimmed(pl.col(field)) for field in Field))
    known = pl.DataFrame({"label": labels or ()}, schema={"label": pl.String})
    known = known.with_columns(key=_folded(pl.col("label"))).unique("key", keep="first")
    cell = pl.col(Field.AI_TAG)
    is_label = _folded(cell).is_in(known["key"].implode())
    rows = texts.with_columns(meant=pl.when(is_label).then(cell).otherwise(_bare(cell)))
    rows = rows.with_columns(key=_folded(pl.col("meant")))
    if labels is None:
        rows = rows.with_columns(label="meant")
    else:
        rows = rows.join(known, on="key", how="left", maintain_order="left")
    clears = (pl.col("key") == _folded(pl.lit(clear_word))).fill_null(value=False)
    return rows.select(
        "line",
        campaign_id=pl.col(Field.CAMPAIGN_ID).str.to_lowercase(),
        campaign_lead_id=pl.col(Field.CAMPAIGN_LEAD_ID).str.to_lowercase(),
        status=pl.col(Field.STATUS).str.to_lowercase(),
        tag=pl.when(clears).then(pl.lit(clear_word)).otherwise("label"),
        key="key",
        label=pl.when(~clears).then("label"),
        clears=clears,
    )


def _lost(rows: pl.DataFrame) -> pl.Series:
    """What is said of rows that lost one of their values to a later row."""
    loses_status = (pl.col("status") != pl.col("last_status")).fill_null(value=False)
    loses_tag = (pl.col("key") != pl.col("last_key")).fill_null(value=False)
    asked = rows.select(
        pl.when(loses_status).then("status_by"),
        "last_status",
        pl.when(loses_tag).then("tag_by"),
        "last_tag",
    )
    messages: list[str | None] = [None] * rows.height
    lost = asked.with_row_index().filter(
        pl.col("status_by").is_not_null() | pl.col("tag_by").is_not_null()
    )
    for index, status_by, status, tag_by, tag in lost.iter_rows():
        winner = (
            RowValue(status_by, Field.STATUS, status)
            if status_by
            else RowValue(tag_by, Field.AI_TAG, tag)
        )
        messages[index] = partly_superseded(winner)
    return pl.Series("message", messages, dtype=pl.String)


def _trimmed(cell: pl.Expr) -> pl.Expr:
    return cell.str.strip_chars(_EDGES).replace("", None)


def _folded(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(_EDGES).str.normalize("NFC").str.to_lowercase()


def _bare(text: pl.Expr) -> pl.Expr:
    """Without the apostrophe that results put before what could run as a formula."""
    bare = text.str.slice(1)
    is_harmless = ~bare.str.contains(_FORMULA) | bare.str.contains(_NUMBER)
    return pl.when(text.str.starts_with("'") & ~is_harmless).then(bare).otherwise(text)
