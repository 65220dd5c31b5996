"""The rows of a plan as they are written down: a row for each input line, in one named shape.

Pure: frames in and out. `recording/plan_file.py` keeps them.
"""

from collections.abc import Iterator

import polars as pl

from batch.judging.diff import is_sent
from batch.judging.explain_leads import LeadRow
from batch.judging.preview import Preview

# line: of the input.
# carrier: the line of the row that carries its request; null if it has none.
# reason, column, message: why the row is not sent, and which of its columns is wrong. If `reason`
#     is null the row is sent, and `message` names the values that are left out.
# campaign_id, campaign_lead_id: as they are sent, also where they were looked up.
# status, ai_tag, clear_tag: what a row that carries a request sets.
# was_…: the lead as last read, at a Unix time in ms; a tag of "" is none, null: it was not read.
# base_…: what the lead must still be, or the row is not sent; null: no condition.
# is_expected: false if the lead must be absent.
PLANNED = pl.Schema(
    {
        "line": pl.UInt32(),
        "carrier": pl.UInt32(),
        "reason": pl.String(),
        "column": pl.String(),
        "message": pl.String(),
        "campaign_id": pl.String(),
        "campaign_lead_id": pl.String(),
        "status": pl.String(),
        "ai_tag": pl.String(),
        "clear_tag": pl.Boolean(),
        "was_status": pl.String(),
        "was_tag": pl.String(),
        "was_at_ms": pl.Int64(),
        "is_expected": pl.Boolean(),
        "base_status": pl.String(),
        "base_tag": pl.String(),
    }
)
# The columns that judging fills.
JUDGED = frozenset(PLANNED.names()[: PLANNED.names().index("was_status")])
# What leads are expected to be: line of the row that carries the request, and as in PLANNED.
BASELINE = pl.Schema({"line": pl.UInt32, "base_status": pl.String, "base_tag": pl.String})


def with_leads_now(
    frames: Iterator[pl.DataFrame], preview: Preview | None, baseline: pl.DataFrame | None
) -> Iterator[pl.DataFrame]:
    """The rows with what was read of their leads, and what these are expected to be.

    frames: as PLANNED, in line order. preview: of what was read; None if nothing was.
    baseline: as BASELINE; None to expect nothing.
    """
    later = pl.DataFrame(schema=_LEFT_OUT)  # of lines that are carried by rows before them
    for frame in frames:
        rows = frame
        if preview is not None and rows.height:
            left_out = pl.concat([later, _left_out(preview, rows)])
            later = left_out.filter(pl.col("line") > rows["line"][-1])
            rows = _over(_with_read(rows, preview), left_out)
        if baseline is not None:
            rows = _over(rows, _between(baseline, rows).with_columns(is_expected=True))
        yield rows.select(PLANNED.names())


_LEFT_OUT = pl.Schema({"line": pl.UInt32, "reason": pl.String, "message": pl.String})


def _left_out(preview: Preview, rows: pl.DataFrame) -> pl.DataFrame:
    """For each line, why its request is left out."""
    verdicts = _between(preview.verdicts, rows).filter(~is_sent())
    told = [
        (lines or [line], *preview.left_out_by(*seen))
        for line, lines, *seen in verdicts.select("line", "lines", *LeadRow._fields).iter_rows()
    ]
    shape = {**_LEFT_OUT, "line": pl.List(pl.UInt32)}
    return pl.DataFrame(told, schema=shape, orient="row").explode("line").sort("line")


def _with_read(rows: pl.DataFrame, preview: Preview) -> pl.DataFrame:
    before = _between(preview.verdicts, rows).filter(pl.col("read_at_ms").is_not_null())
    return _over(
        rows,
        before.select(
            "line",
            was_status=pl.col("live_status").cast(pl.String),
            was_tag=pl.col("live_tag").cast(pl.String).fill_null(""),
            was_at_ms="read_at_ms",
        ),
    )


def _over(rows: pl.DataFrame, values: pl.DataFrame) -> pl.DataFrame:
    """Replace columns of the rows by those of `values`, matched by line."""
    if not values.height:
        return rows
    return rows.update(values, on="line", how="left", maintain_order="left")


def _between(frame: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """What a frame in line order has between the first and the last of the rows."""
    if not rows.height:
        return frame.clear()
    lines = frame["line"]
    start = lines.search_sorted(rows["line"][0], "left")
    return frame.slice(start, lines.search_sorted(rows["line"][-1], "right") - start)
