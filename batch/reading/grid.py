"""A spreadsheet as text, whatever it was: header cells, and batches of rows with line numbers.

The one shape that every format is brought to before anybody asks what its columns mean.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import TypeVar

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
_Row = TypeVar("_Row", bound=Sized)
Filled = Mapping[int, str]  # the cells of a row that hold something, by position from 0


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


def until_last_row(rows: Iterable[_Row]) -> Iterator[_Row]:
    """The rows without those at the very end that have no cells."""
    empty = 0
    for row in rows:
        if not row:
            blank = row
            empty += 1
            continue
        if empty:
            yield from repeat(blank, empty)
            empty = 0
        yield row


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """Some rows as they are held in memory: what is empty costs nothing, what repeats little.

    texts: of the columns that hold something, by position; one text where all rows have the same.
    """

    first_line: int
    height: int
    texts: Mapping[int, pl.Series]

    def frame(self, width: int) -> pl.DataFrame:
        """A grid's frame. width: how many columns the header has."""
        columns = {"line": _lines(self.first_line, self.first_line + self.height)}
        for position in sorted(self.texts):
            texts = self.texts[position]
            is_whole = texts.len() == self.height
            columns[str(position)] = texts if is_whole else texts.new_from_index(0, self.height)
        return widened(pl.DataFrame(columns), width)


def widened(frame: pl.DataFrame, width: int) -> pl.DataFrame:
    """The frame with all of a grid's columns; those that are not in it share their memory."""
    if frame.width == width + 1:
        return frame
    return _blank(frame.height, width).with_columns(frame.get_columns())


@lru_cache(maxsize=2)
def _blank(height: int, width: int) -> pl.DataFrame:
    """A frame of empty cells; it takes a while to make of thousands of columns."""
    empty = pl.repeat(None, height, dtype=pl.String, eager=True)
    return pl.DataFrame([empty.alias(name) for name in ("line", *column_names(width))])


def filled(row: Cells) -> Filled:
    """The cells of a row that hold something."""
    return {position: cell for position, cell in enumerate(row) if cell}


def held_rows(
    rows: Iterable[Filled], *, width: int, first_line: int, name: str
) -> Iterator[HeldRows]:
    """Rows in parts that are held; blank cells beyond the header's width are dropped.

    Raises InputError, naming the line, when a cell there is not blank.
    """
    for part, characters in _parts(rows, width=width, first_line=first_line, name=name):
        columns: dict[int, list[str | None]] = {}
        for place, row in enumerate(part):
            for position, text in row.items():
                if position not in columns:
                    columns[position] = [None] * len(part)
                columns[position][place] = text
        held = _held_once if characters > _MANY_CHARACTERS else _held
        texts = {position: held(column) for position, column in columns.items()}
        yield HeldRows(first_line=first_line, height=len(part), texts=texts)
        first_line += len(part)


def _parts(
    rows: Iterable[Filled], *, width: int, first_line: int, name: str
) -> Iterator[tuple[list[Filled], int]]:
    """Rows, none wider than the header, in parts with the characters that each has."""
    part: list[Filled] = []
    columns: set[int] = set()
    characters = 0
    for line, each in enumerate(rows, first_line):
        row = each
        if each and max(each) >= width:
            row = _cut(each, width, line=line, name=name)
        columns.update(row)
        is_full = len(part) == ROWS_A_BATCH or characters > _CHARACTERS_A_BATCH
        if part and (is_full or (len(part) + 1) * len(columns) > _PLACES_A_BATCH):
            yield part, characters
            part, columns, characters = [], set(row), 0
        part.append(row)
        characters += sum(map(len, row.values()))
    if part:
        yield part, characters


def _cut(row: Filled, width: int, *, line: int, name: str) -> Filled:
    """The row as wide as the header. Raises InputError when a cell beyond it is not blank."""
    for position in sorted(row):
        if position >= width and not is_blank(row[position]):
            column = position + 1
            raise extra_cell(row[position], line=line, column=column, width=width, name=name)
    return {position: text for position, text in row.items() if position < width}


def _held(column: Cells) -> pl.Series:
    is_one = column.count(column[0]) == len(column)
    return pl.Series(values=column[:1] if is_one else column, dtype=pl.String)


def _held_once(column: Cells) -> pl.Series:
    """The column with equal texts held once: a workbook may have one text in a million cells."""
    places: dict[str | None, int] = {}
    order = [places.setdefault(cell, len(places)) for cell in column]
    texts = pl.Series(values=list(places), dtype=pl.String)
    return texts if len(places) == 1 else texts.gather(order)


def extra_cell(cell: str, *, line: int, column: int, width: int, name: str) -> InputError:
    """The error that a cell stands in a column beyond the header's width.

    column: its number, from 1.
    """
    return InputError(
        f'{name} line {line}: "{shown(cell)}" stands in column {column}, '
        f"but the header has only {width}. Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )
