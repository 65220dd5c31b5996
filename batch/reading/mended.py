"""Cells that somebody has mended: a table beside the file, laid over what is read from it.

The file keeps its bytes. Only the columns that are read can be mended. Pure.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import polars as pl

from batch.columns import Column, column_of
from batch.errors import InputError
from batch.escape import escape_text, unescape, unescape_text
from batch.reading.grid import quoted

MENDS_NAME = "mends.csv"
MOST_MENDS = 1_000
LONGEST_WAS = 500  # characters of a cell that are kept as what it was
_HEADER = ("line", "column", "was", "now")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """A cell that was mended. line, column: which. now: what counts.

    was: as it was read, its first LONGEST_WAS characters; it says which cell is meant.
    """

    line: int
    column: Column
    was: str
    now: str

    def __str__(self) -> str:
        """What it was, as a part of a sentence."""
        return f'{self.column} was "{self.was}"' if self.was else f"{self.column} was blank"


def to_csv(mends: Sequence[Mend]) -> bytes:
    """The mends as the file that stands beside the copy of the input; no cell runs as a formula."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_HEADER)
    rows.writerows(
        (each.line, each.column.value, escape_text(each.was), escape_text(each.now))
        for each in mends
    )
    return text.getvalue().encode("utf-8-sig")


def from_csv(content: bytes) -> tuple[Mend, ...]:
    """Mends as `to_csv` gave them. Raises ValueError for anything else."""
    try:
        text = io.StringIO(content.decode("utf-8-sig"), newline="")
        header, *rows = csv.reader(text, strict=True)
        mends = tuple(
            Mend(
                line=int(line),
                column=column_of(column),
                was=unescape_text(was),
                now=unescape_text(now),
            )
            for line, column, was, now in rows
        )
    except (ValueError, csv.Error) as error:
        raise ValueError("no table of mends") from error
    if tuple(header) != _HEADER or len(mends) > MOST_MENDS:
        raise ValueError("no table of mends")
    return mends


def mends_sha256(mends: Sequence[Mend]) -> str | None:
    """What tells one table of mends from another; None for none."""
    return sha256(to_csv(mends)).hexdigest() if mends else None


def check_mends(mends: Sequence[Mend], fields: Mapping[Column, int], *, name: str) -> None:
    """Raise InputError for a mend of a column that the file lacks. name: of the file."""
    for each in mends:
        if each.column not in fields:
            raise InputError(
                f"{name} line {each.line}: a cell of {each.column} was mended, but no column is "
                "read as that. Choose the columns as they were then, or take the mend back."
            )


def laid_over(
    frame: pl.DataFrame,
    mends: Sequence[Mend],
    fields: Mapping[Column, int],
    *,
    is_ours: bool,
    name: str,
) -> pl.DataFrame:
    """A grid's frame with its mended cells.

    frame: `line`, then "0", "1", … as texts. fields: the position of each column that is read.
    is_ours: whether the file's cells have our apostrophes, which are taken off later.
    name: of the file. Raises InputError for a cell that is not what was mended.
    """
    for column in dict.fromkeys(each.column for each in mends):
        of_column = {each.line: each for each in mends if each.column is column}
        texts = [escape_text(e.now) if is_ours else e.now for e in of_column.values()]
        mended = pl.DataFrame(
            {
                "line": list(of_column),
                "was": [each.was[:LONGEST_WAS] for each in of_column.values()],
                "now": texts,
            },
            schema={"line": pl.UInt32, "was": pl.String, "now": pl.String},
        )
        cell = str(fields[column])
        frame = frame.join(mended, on="line", how="left", maintain_order="left")
        read = unescape(pl.col(cell)) if is_ours else pl.col(cell)
        read = read.fill_null("").str.slice(0, LONGEST_WAS)
        others = frame.filter(read != pl.col("was")).select("line", read.alias("read"), "was")
        for line, found, was in others.head(1).iter_rows():
            raise InputError(
                f"{name} line {line}, column {column}: found {quoted(found)}; expected "
                f"{quoted(was)}, which somebody has mended. The mends are of another file, sheet "
                "or column: take them back, and mend what is wrong here."
            )
        frame = frame.with_columns(pl.coalesce("now", cell).alias(cell)).drop("was", "now")
    return frame


def notes_of(mends: Sequence[Mend]) -> pl.DataFrame | None:
    """What plan and results say of mended rows: `line` and `mended`, a text; None of none."""
    if not mends:
        return None
    notes: dict[int, list[str]] = {}
    for each in mends:
        notes.setdefault(each.line, []).append(str(each))
    return pl.DataFrame(
        {"line": list(notes), "mended": [f"Mended: {', '.join(each)}." for each in notes.values()]},
        schema={"line": pl.UInt32, "mended": pl.String},
    )
