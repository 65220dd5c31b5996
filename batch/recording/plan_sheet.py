"""plan.csv: every row of the input with what a plan makes of it, in the input's order.

Streams: memory does not grow with the user's columns.
"""

from pathlib import Path

import polars as pl

from batch.columns import result_header
from batch.escape import escape, escape_text
from batch.reading.mended import notes_of
from batch.recording.atomic_file import AtomicFile
from batch.recording.result_rows import to_csv, with_mended
from batch.recording.results import BATCH_ROWS, Outcomes, Table

PLAN_NAME = "plan.csv"
PLAN_COLUMNS = (
    "line",
    "plan",
    "before_status",
    "after_status",
    "before_ai_tag",
    "after_ai_tag",
    "message",
)
_BOM = b"\xef\xbb\xbf"  # without it spreadsheet programs take UTF-8 for the local encoding


def write_plan_sheet(table: Table, told: pl.DataFrame, judged: Outcomes, folder: Path) -> Path:
    """Write plan.csv into the run's folder.

    told: what is planned for the rows whose leads were looked at, a row a line in line order:
    line and the other PLAN_COLUMNS. judged: the outcomes of all other rows, perhaps of more.
    Raises RunError when the disk fails.
    """
    header = [escape_text(name) or None for name in result_header(table.header, PLAN_COLUMNS)]
    columns = [str(index) for index in range(len(table.header))]
    mended = notes_of(table.mended)
    with AtomicFile(folder / PLAN_NAME) as new_file:
        names = pl.DataFrame({str(index): [name] for index, name in enumerate(header)})
        new_file.write(_BOM + to_csv(names, table.delimiter))
        for frame in table.rows():
            for part in frame.iter_slices(BATCH_ROWS):
                if part.height:
                    planned = _planned(part, told, judged)
                    if mended is not None:
                        planned = with_mended(planned, mended)
                    texts = planned.select(
                        *(_cell(name) for name in columns),
                        "line",
                        *(_cell(name) for name in PLAN_COLUMNS[1:]),
                    )
                    new_file.write(to_csv(texts, table.delimiter))
        return new_file.publish()


def _planned(rows: pl.DataFrame, told: pl.DataFrame, judged: Outcomes) -> pl.DataFrame:
    """The rows with what is planned for them beside them."""
    first, last = rows["line"][0], rows["line"][-1]
    lines = told["line"]
    start, end = lines.search_sorted(first, "left"), lines.search_sorted(last, "right")
    planned = told.slice(start, end - start)
    outcomes = judged.rows(first, last).select("line", plan="reason", message="message")
    both = pl.concat([planned, outcomes.join(planned, on="line", how="anti")], how="diagonal")
    return rows.join(both, on="line", how="left", maintain_order="left")


def _cell(column: str) -> pl.Expr:
    text = pl.col(column)
    return escape(pl.when(text != "").then(text))
