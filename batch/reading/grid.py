"""A spreadsheet as text, whatever it was: header cells, and batches of rows with line numbers.

The one shape that every format is brought to before anybody asks what its columns mean.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat, zip_longest

import polars as pl

from batch.errors import InputError

# For formats that are read by Python: rows, their places (8 bytes each, empty ones too), and their
# characters. Some 10 MB of cells at a time, and never more than 32 MB.
ROWS_A_BATCH = 10_000
_PLACES_A_BATCH = 1 << 21
_CHARACTERS_A_BATCH = 16 << 20
_MANY_CHARACTERS = 4 << 20  # of a batch, above which it pays to hold equal texts once
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
    unbroken: lines where frames begin that have no line break in any cell, as far as is known yet.
    """

    header: tuple[str, ...]
    batches: Callable[[], Iterator[pl.DataFrame]]
    delimiter: str | None = None
    better_delimiter: str | None = None
    is_sheet: bool = False
    notes: tuple[str, ...] = ()
    unbroken: set[int] = field(default_factory=set)


def column_names(width: int) -> list[str]:
    """What a grid's frames call their columns of text."""
    return [str(i) for i in range(width)]


def with_lines(frame: pl.DataFrame, first_line: int) -> pl.DataFrame:
    """The frame with its rows' line numbers in front, counted up from first_line."""
    lines = _lines(first_line, first_line + frame.height)
    return frame.insert_column(0, lines.alias("line"))


def _lines(first: int, end: int) -> pl.Series:
    return pl.int_range(first, end, dtype=pl.UInt32, eager=True)


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


def until_last_row(rows: Iterable[Cells]) -> Iterator[Cells]:
    """The rows without those at the very end that have no cells."""
    empty = 0
    for row in rows:
        if not row:
            empty += 1
            continue
        yield from repeat((), empty)
        empty = 0
        yield row


def frames_of(
    rows: Iterable[Cells], *, width: int, first_line: int, name: str
) -> Iterator[pl.DataFrame]:
    """Rows of cells as frames for `widened`: blank extra cells dropped, and columns that are empty.

    Raises InputError, naming the line, when a cell beyond the header's width is not blank.
    """
    for batch, characters in _batched(rows, width=width, first_line=first_line, name=name):
        texts = _shared_texts if characters > _MANY_CHARACTERS else _texts
        filled = {
            str(position): texts(column)
            for position, column in enumerate(zip_longest(*batch))
            if column.count(None) < len(column)
        }
        end = first_line + len(batch)
        yield pl.DataFrame({"line": _lines(first_line, end), **filled})
        first_line = end


def widened(frame: pl.DataFrame, width: int) -> pl.DataFrame:
    """A frame of `frames_of` with all of a grid's columns; the empty ones share their memory."""
    if frame.width == width + 1:
        return frame
    empty = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    filled = {column.name: column for column in frame}
    names = ["line", *column_names(width)]
    return pl.DataFrame([filled.get(name, empty).alias(name) for name in names])


def _batched(
    rows: Iterable[Cells], *, width: int, first_line: int, name: str
) -> Iterator[tuple[list[Cells], int]]:
    """Rows by the batch, none wider than the header, with the characters that each batch has."""
    batch: list[Cells] = []
    widest = characters = 0
    for line, each in enumerate(rows, first_line):
        row = each if len(each) <= width else _cut(each, width, line=line, name=name)
        widest = max(widest, len(row))
        if (
            len(batch) == ROWS_A_BATCH
            or characters > _CHARACTERS_A_BATCH
            or (len(batch) + 1) * widest > _PLACES_A_BATCH
        ) and batch:
            yield batch, characters
            batch, widest, characters = [], len(row), 0
        batch.append(row)
        characters += sum([len(cell) for cell in row if cell])
    if batch:
        yield batch, characters


def _cut(row: Cells, width: int, *, line: int, name: str) -> Cells:
    """The row as wide as the header. Raises InputError when a cell beyond it is not blank."""
    for column, cell in enumerate(row[width:], width + 1):
        if cell and not cell.isspace():
            raise extra_cell(cell, line=line, column=column, width=width, name=name)
    return row[:width]


def _texts(column: Cells) -> pl.Series:
    return pl.Series(values=column, dtype=pl.String)


def _shared_texts(column: Cells) -> pl.Series:
    """The column with equal texts held once: a workbook may have one text in a million cells."""
    places: dict[str | None, int] = {}
    order = [places.setdefault(cell, len(places)) for cell in column]
    return _texts(list(places)).gather(order)


def extra_cell(cell: str, *, line: int, column: int, width: int, name: str) -> InputError:
    """The error that a cell stands in a column beyond the header's width.

    column: its number, from 1.
    """
    return InputError(
        f'{name} line {line}: "{shown(cell)}" stands in column {column}, '
        f"but the header has only {width}. Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )
