"""A spreadsheet as text, whatever it was: header cells, and batches of rows with line numbers.

The one shape that every format is brought to before anybody asks what its columns mean.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

import polars as pl

from batch.errors import InputError

ROWS_A_BATCH = 10_000  # for formats that are read by Python: some 10 MB of cells at a time
# A text may be a whole line of a file that is no CSV; a name near a field's is never longer.
_SHOWN_CHARACTERS = 60

Cells = Sequence[str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A spreadsheet's header, and its rows as often as they are asked for.

    header: the names as read, of all columns.
    batches: gives the frames: `line` (UInt32), then "0", "1", … (String), one for each header cell.
    delimiter: of a text file; None of any other.
    better_delimiter: one that would give more of the four columns; None if there is none.
    is_sheet: whether it comes from a workbook.
    notes: sentences that the user should see.
    """

    header: tuple[str, ...]
    batches: Callable[[], Iterator[pl.DataFrame]]
    delimiter: str | None = None
    better_delimiter: str | None = None
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


def shown(text: str) -> str:
    """A cell or a name as messages show it: cut to one line, and without unseen characters.

    Control characters could steer a terminal.
    """
    seen = "".join(c if c.isprintable() else " " for c in text[: 10 * _SHOWN_CHARACTERS])
    line = " ".join(seen.split())
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def is_blank(cell: str | None) -> bool:
    """Whether a cell holds nothing that can be seen."""
    return not cell or cell.isspace()


def is_blank_text(text: pl.Expr) -> pl.Expr:
    """Whether a frame's cells hold nothing that can be seen."""
    return text.str.strip_chars().fill_null("") == ""


def holding_rows(
    frame: pl.DataFrame, columns: Sequence[int], *, grid: Grid
) -> tuple[int, int, int] | None:
    """Column, line and line breaks of a cell that seems to hold rows; None if there is none.

    columns: positions of those to look at.
    A quote that is closed some rows below swallows the rest of its own row and the rows between:
    the cell's first line has the delimiters of the columns behind it, and each line break brings
    as many as a row has, give or take a tenth.
    """
    if grid.delimiter is None or not columns:
        return None  # a quote can be left open in text only
    cells = {column: pl.col(str(column)) for column in columns}
    has_break = [cell.str.contains("\n", literal=True) for cell in cells.values()]
    broken = frame.filter(pl.any_horizontal(has_break))
    a_row = len(grid.header) - 1
    for column, cell in cells.items() if broken.height else ():
        breaks = _count(cell, "\n")
        first_line = cell.str.extract(r"^([^\n]*)\n")
        found = broken.filter(
            _count(first_line, grid.delimiter) == a_row - column,
            (_count(cell, grid.delimiter) - breaks * a_row).abs() * 10 <= breaks * a_row,
        )
        if found.height:
            return column, *found.select("line", breaks).row(0)
    return None


def _count(cell: pl.Expr, text: str) -> pl.Expr:
    return cell.str.count_matches(text, literal=True).cast(pl.Int64)


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
            raise _first_extra_cell(batch, width=width, first_line=first_line, name=name)
        columns += [(None,) * len(batch)] * (width - len(columns))
        frame = pl.DataFrame(
            [
                pl.Series(key, column, dtype=pl.String)
                for key, column in zip(column_names(width), columns, strict=False)
            ]
        )
        yield with_lines(frame, first_line)
        first_line += len(batch)


def extra_cell(cell: str, *, line: int, column: int, width: int, name: str) -> InputError:
    """The error that a cell stands in a column beyond the header's width.

    column: its number, from 1.
    """
    return InputError(
        f'{name} line {line}: "{shown(cell)}" stands in column {column}, '
        f"but the header has only {width}. Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


def _first_extra_cell(batch: list[Cells], *, width: int, first_line: int, name: str) -> InputError:
    return next(
        extra_cell(cell, line=line, column=column, width=width, name=name)
        for line, row in enumerate(batch, first_line)
        for column, cell in enumerate(row, 1)
        if column > width and cell and not cell.isspace()
    )
