"""A spreadsheet of any format as text: header cells, and batches of rows with line numbers.

Every format is brought to this one shape before its columns are known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import TypeVar

import polars as pl

from batch.errors import InputError
from batch.reading.merged import Merged

# For formats that are read by Python: rows, their places (8 bytes each, empty ones too), and their
# characters. Some 10 MB of cells at a time, and never more than 32 MB.
ROWS_A_BATCH = 10_000
_PLACES_A_BATCH = 1 << 21
_CHARACTERS_A_BATCH = 16 << 20
_MANY_CHARACTERS = 4 << 20  # of a batch, above which it pays to hold equal texts once
# A cell may be a whole line of a file that is no CSV; a name near a field's is never longer.
LISTED_NAMES = 12  # of a wide header; with more a message is no sentence any more
_QUOTED_CHARACTERS = 60

Cells = Sequence[str | None]
_Row = TypeVar("_Row", bound=Sized)
FilledCells = Mapping[int, str]  # the cells of a row that hold something, by position from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A spreadsheet's header, and its rows for as many passes as are needed.

    header: the names as read, of all columns.
    batches: gives the frames: `line` (UInt32), then "0", "1", … (String), one for each header cell.
    delimiter: a text file's; None for other formats.
    better_delimiter: one that would give more of the four columns; None if there is none.
    above: the rows above the header that hold something, each with its line.
    better_header_line: of a row with the needed names, where another must be the header.
    is_sheet: whether it comes from a workbook.
    notes: sentences that the user should see.
    merged: the groups of merged cells of a sheet.
    frames_without_breaks: first lines of the frames known to have no line break in any cell.
    frames_without_quotes: first lines of those known to have no quote in any cell.
    """

    header: tuple[str, ...]
    batches: Callable[[], Iterator[pl.DataFrame]]
    delimiter: str | None = None
    header_line: int = 1
    sheet: str | None = None
    encoding: str | None = None
    better_delimiter: str | None = None
    above: tuple[tuple[int, Cells], ...] = ()
    better_header_line: int | None = None
    is_sheet: bool = False
    notes: tuple[str, ...] = ()
    merged: tuple[Merged, ...] = ()
    frames_without_breaks: set[int] = field(default_factory=set)
    frames_without_quotes: set[int] = field(default_factory=set)


def column_names(width: int) -> list[str]:
    """The names of the text columns of a grid's frames."""
    return [str(i) for i in range(width)]


def add_lines(frame: pl.DataFrame, first_line: int) -> pl.DataFrame:
    """The frame with line numbers in front, from first_line on."""
    lines = _lines(first_line, first_line + frame.height)
    return frame.insert_column(0, lines.alias("line"))


def _lines(first: int, end: int) -> pl.Series:
    return pl.int_range(first, end, dtype=pl.UInt32, eager=True)


def short_text(text: str) -> str:
    """A cell or a name as messages quote it: one short line without unseen characters.

    Control characters could steer a terminal.
    """
    printable = "".join(c if c.isprintable() else " " for c in text[: 10 * _QUOTED_CHARACTERS])
    line = " ".join(printable.split())
    return line if len(line) <= _QUOTED_CHARACTERS else line[: _QUOTED_CHARACTERS - 1] + "…"


def listed(header: Sequence[str]) -> str:
    """The names of a header, as a message lists them."""
    names = [cell for cell in header if cell.strip()]
    more = len(names) - LISTED_NAMES
    first = ", ".join(map(quoted, names[:LISTED_NAMES])) or "none"
    return f"{first} and {more} more" if more > 0 else first


def quoted(name: str) -> str:
    """A name in quotes, as a message shows it."""
    return f'"{short_text(name)}"'


def is_blank(cell: str | None) -> bool:
    """Whether a cell holds nothing that can be seen."""
    return not cell or cell.isspace()


def is_blank_text(text: pl.Expr) -> pl.Expr:
    """Whether a frame's cells hold nothing that can be seen."""
    return text.str.strip_chars().fill_null("") == ""


def without_empty_end(rows: Iterable[_Row]) -> Iterator[_Row]:
    """The rows but for those without cells at the very end."""
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
class PackedRows:
    """Rows in memory, packed: empty columns cost nothing, repeated texts little.

    texts: the columns that hold something, by position; a single text stands for equal rows.
    """

    first_line: int
    height: int
    texts: Mapping[int, pl.Series]

    def frame(self, width: int) -> pl.DataFrame:
        """The rows as a grid's frame. width: the number of the header's columns."""
        columns = {"line": _lines(self.first_line, self.first_line + self.height)}
        for position in sorted(self.texts):
            texts = self.texts[position]
            is_whole = texts.len() == self.height
            columns[str(position)] = texts if is_whole else texts.new_from_index(0, self.height)
        return widen(pl.DataFrame(columns), width)


def widen(frame: pl.DataFrame, width: int) -> pl.DataFrame:
    """The frame with all of a grid's columns; the added ones share their memory."""
    if frame.width == width + 1:
        return frame
    return _blank(frame.height, width).with_columns(frame.get_columns())


@lru_cache(maxsize=2)
def _blank(height: int, width: int) -> pl.DataFrame:
    """A frame of empty cells; it takes a while to make of thousands of columns."""
    empty = pl.repeat(None, height, dtype=pl.String, eager=True)
    return pl.DataFrame([empty.alias(name) for name in ("line", *column_names(width))])


def filled_cells(row: Cells) -> FilledCells:
    """The cells of a row that hold something."""
    return {position: cell for position, cell in enumerate(row) if cell}


def pack_rows(
    rows: Iterable[FilledCells], *, width: int, first_line: int, name: str
) -> Iterator[PackedRows]:
    """Pack rows, in batches of bounded memory; blank cells beyond the header's width are dropped.

    Raises InputError, naming the line, when a cell there is not blank.
    """
    for batch, characters in _batches(rows, width=width, first_line=first_line, name=name):
        columns: dict[int, list[str | None]] = {}
        for place, row in enumerate(batch):
            for position, text in row.items():
                if position not in columns:
                    columns[position] = [None] * len(batch)
                columns[position][place] = text
        share = characters > _MANY_CHARACTERS
        texts = {place: _packed(column, share=share) for place, column in columns.items()}
        yield PackedRows(first_line=first_line, height=len(batch), texts=texts)
        first_line += len(batch)


def _batches(
    rows: Iterable[FilledCells], *, width: int, first_line: int, name: str
) -> Iterator[tuple[list[FilledCells], int]]:
    """Batches of rows, none wider than the header, each with its number of characters."""
    batch: list[FilledCells] = []
    columns: set[int] = set()
    characters = 0
    for line, each in enumerate(rows, first_line):
        row = each
        if each and max(each) >= width:
            for position in sorted(each):
                if position >= width and not is_blank(each[position]):
                    raise extra_cell(
                        each[position], line=line, column=position + 1, width=width, name=name
                    )
            row = {position: text for position, text in each.items() if position < width}
        columns.update(row)
        is_full = len(batch) == ROWS_A_BATCH or characters > _CHARACTERS_A_BATCH
        if batch and (is_full or (len(batch) + 1) * len(columns) > _PLACES_A_BATCH):
            yield batch, characters
            batch, columns, characters = [], set(row), 0
        batch.append(row)
        characters += sum(map(len, row.values()))
    if batch:
        yield batch, characters


def _packed(column: Cells, *, share: bool) -> pl.Series:
    """A column's texts, a single one where all are equal.

    share: hold equal texts once: a workbook may have one text in a million cells.
    """
    if not share:
        is_one = column.count(column[0]) == len(column)
        return pl.Series(values=column[:1] if is_one else column, dtype=pl.String)
    places: dict[str | None, int] = {}
    order = [places.setdefault(cell, len(places)) for cell in column]
    texts = pl.Series(values=list(places), dtype=pl.String)
    return texts if len(places) == 1 else texts.gather(order)


def extra_cell(cell: str, *, line: int, column: int, width: int, name: str) -> InputError:
    """The error for a cell beyond the header's width. column: its number, from 1."""
    return InputError(
        f'{name} line {line}: "{short_text(cell)}" is in column {column}, '
        f"but the header has only {width}. Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )
