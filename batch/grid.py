"""A spreadsheet as text, whatever it was: header cells, and batches of rows with line numbers.

The one shape that every format is brought to before anybody asks what its columns mean.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import polars as pl

from batch.errors import InputError

ROWS_A_BATCH = 10_000  # for formats that are read by Python: some 10 MB of cells at a time

Cells = Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A spreadsheet's header, and its rows as often as they are asked for.

    header: the names as read, of all columns.
    batches: gives the frames: `line` (UInt32), then "0", "1", … (String), one for each header cell.
    delimiter: of a text file.
    is_sheet: whether it comes from a workbook.
    notes: sentences that the user should see.
    """

    header: tuple[str, ...]
    batches: Callable[[], Iterator[pl.DataFrame]]
    delimiter: str = ","
    is_sheet: bool = False
    notes: tuple[str, ...] = ()


def column_names(width: int) -> list[str]:
    """What a grid's frames call their columns of text."""
    return [str(i) for i in range(width)]


def with_lines(frame: pl.DataFrame, first_line: int) -> pl.DataFrame:
    """The frame with its rows' line numbers in front, counted up from first_line."""
    end = first_line + frame.height
    return frame.insert_column(
        0, pl.int_range(first_line, end, dtype=pl.UInt32, eager=True).alias("line")
    )


def is_blank(cell: str | None) -> bool:
    """Whether a cell holds nothing that can be seen."""
    return not cell or cell.isspace()


def until_last_row(rows: Iterable[Cells]) -> Iterator[Cells]:
    """The rows without those at the very end that have no cells."""
    held: list[Cells] = []
    for row in rows:
        if not row:
            held.append(row)
            continue
        yield from held
        held.clear()
        yield row


def frames_of(
    rows: Iterable[Cells], *, width: int, first_line: int, name: str
) -> Iterator[pl.DataFrame]:
    """Rows of cells as a grid's frames: short rows filled with nulls, blank extra cells dropped.

    Raises InputError, naming the line, when a cell beyond the header's width is not blank.
    """
    source = iter(rows)
    while batch := list(islice(source, ROWS_A_BATCH)):
        columns = list(zip_longest(*batch))
        if not all(is_blank(cell) for extra in columns[width:] for cell in extra):
            raise _extra_cells(batch, width=width, first_line=first_line, name=name)
        columns += [(None,) * len(batch)] * (width - len(columns))
        frame = pl.DataFrame(
            [
                pl.Series(key, column, dtype=pl.String)
                for key, column in zip(column_names(width), columns, strict=False)
            ]
        )
        yield with_lines(frame, first_line)
        first_line += len(batch)


def _extra_cells(batch: list[Cells], *, width: int, first_line: int, name: str) -> InputError:
    line, column, cell = next(
        (line, column, cell)
        for line, row in enumerate(batch, first_line)
        for column, cell in enumerate(row, 1)
        if column > width and cell and not cell.isspace()
    )
    text = cell.strip()
    shown = text if len(text) <= 40 else text[:39] + "…"
    return InputError(
        f'{name} line {line}: "{shown}" stands in column {column}, '
        f"but the header has only {width}. Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )
