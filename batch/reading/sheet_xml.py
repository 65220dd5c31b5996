"""Read the rows of an .xlsx workbook's sheet from its XML: each cell, and where it stands.

A cell stands where its reference says, not where it comes in the file. Nearly all programs write
rows from top to bottom, and those are passed on as they come; others are gathered and sorted. No
place is filled twice.
"""

import json
import re
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain, repeat
from string import digits
from typing import BinaryIO, NamedTuple

import polars as pl

from batch.reading.cost import MAX_COLUMNS, Tally
from batch.reading.markup import Attributes, Listener, MarkupError, listen
from batch.reading.merged import MAX_MERGED, Merged, column_letters
from batch.reading.sheet import MAX_ROWS, SheetRow, UnorderedRowsError

_EMPTY = SheetRow(cells={})
_NUMBER = re.compile(r"0*([0-9]{1,7})")
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
_ENCODING = ("utf-8", "surrogatepass")  # of the file for rows that are out of order
_MOST_PIECES = 1 << 24  # of rows, and empty cells, of a sheet that is out of order

# A cell's text, or None, by its type, style, stored value, and formula where it has one.
CellText = Callable[[str, str, str, str | None], str | None]
Put = Callable[[int, int, str | None, bool], None]  # `Places.put`


class Row(NamedTuple):
    """The cells of a row, or of a piece of it. empty: columns of cells that hold nothing."""

    line: int
    cells: dict[int, str]
    empty: set[int]
    is_hidden: bool


def ordered_rows(
    archive: zipfile.ZipFile, part: str, text: CellText, merged: list[Merged]
) -> Iterator[SheetRow]:
    """The rows without gaps. Raises UnorderedRowsError where one comes too late.

    merged: gets the groups of merged cells, which come last.
    """
    rows = OrderedRows()
    for _ in _read(archive, part, text, merged, rows.add):
        yield from rows.complete
        rows.complete.clear()


def sorted_rows(
    archive: zipfile.ZipFile, part: str, text: CellText, merged: list[Merged]
) -> Iterator[SheetRow]:
    """The rows without gaps, in whatever order they come."""
    with tempfile.TemporaryFile() as file:
        gathered = GatheredRows(file)
        for _ in _read(archive, part, text, merged, gathered.add):
            pass
        yield from gathered.rows()


def _read(
    archive: zipfile.ZipFile,
    part: str,
    text: CellText,
    merged: list[Merged],
    add: Callable[[Row], None],
) -> Iterator[None]:
    places = Places(add)
    merged.clear()
    sheet = _SheetListener(text, places.put, merged)
    yield from listen(archive, part, Listener(start=sheet.start, end=sheet.end, text=sheet.text))
    places.end()
    yield


class _SheetListener:
    """Reads a sheet's XML and puts its cells in their places.

    A cell's reference decides, even against the number of its row element: LibreOffice and
    openpyxl do the same. A row without a number follows the one before, a cell without a reference
    the one to its left; where references contradict that, such a cell could stand in either row,
    and the sheet is refused.
    """

    def __init__(self, cell_text: CellText, put: Put, merged: list[Merged]) -> None:
        self._merged = merged
        self._cell_text = cell_text
        self._put = put
        self._in_row = False
        self._line, self._line_text = 0, "0"  # of the row element
        self._counts = True  # whether rows without a number can be counted from the one before
        self._is_numbered = self._has_unnamed = self._has_strayed = False
        self._hidden = False
        self._cell_line, self._column = 0, -1
        self._is_named = False
        self._kind = self._style = ""
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._into: list[str] | None = None
        self._is_phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            reference = attributes.get("r", "")
            self._cell_line = self._line
            self._is_named = bool(reference)
            if not reference:
                self._column += 1
            else:
                letters = reference.rstrip(digits)
                self._column = column_number(letters)
                line = reference[len(letters) :]
                if line != self._line_text:
                    self._cell_line = row_number(line)
                    self._has_strayed |= self._cell_line != self._line
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._value = []
            self._formula = None
        elif name == "v":
            self._into = None if self._kind == "inlineStr" else self._value
        elif name == "t":
            is_text = self._kind == "inlineStr" or not self._value
            self._into = self._value if is_text and not self._is_phonetic else None
        elif name == "f":
            self._into = self._formula = []
        elif name == "row":
            number = attributes.get("r")
            self._is_numbered = number is not None
            self._counts |= self._is_numbered
            self._line = row_number(str(self._line + 1) if number is None else number)
            self._line_text = str(self._line)
            self._in_row, self._has_unnamed, self._has_strayed = True, False, False
            self._column = -1
            self._hidden = attributes.get("hidden") in {"1", "true"}
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "mergeCell" and len(self._merged) < MAX_MERGED:
            self._merged.append(_merged(attributes["ref"]))

    def text(self, piece: str) -> None:
        if self._into is not None:
            self._into.append(piece)

    def end(self, name: str) -> None:
        if name == "c":
            if not self._in_row:
                return
            formula = None if self._formula is None else "".join(self._formula)
            text = self._cell_text(self._kind, self._style, "".join(self._value), formula)
            if not self._is_named:
                if self._column >= MAX_COLUMNS:
                    raise MarkupError(f"row {self._line} has more than {MAX_COLUMNS:,} cells")
                self._has_unnamed |= text is not None
            self._put(self._cell_line, self._column, text, self._hidden)
        elif name == "row":
            self._in_row = False
            if self._has_strayed and not self._is_numbered:
                self._counts = False
            if self._has_unnamed and (self._has_strayed or not self._counts):
                raise MarkupError(f"row {self._line} or another: its cells don't say which")
        elif name == "rPh":
            self._is_phonetic = False
        else:
            self._into = None


def _merged(reference: str) -> Merged:
    """A group of merged cells by its reference, as A2:A4. Raises MarkupError for another text."""
    places = []
    for corner in reference.replace("$", "").split(":"):
        letters = corner.rstrip(digits)
        places.append((row_number(corner[len(letters) :]), column_number(letters)))
    (first_line, first_column), (last_line, last_column) = places[0], places[-1]
    return Merged(first_line, last_line, first_column, last_column)


def row_number(text: str) -> int:
    """The number of a row, from 1. Raises MarkupError where a sheet has no such row."""
    match = _NUMBER.fullmatch(text.strip())
    number = int(match[1]) if match else 0
    if not 1 <= number <= MAX_ROWS:
        raise MarkupError(f'"{text}" is no row of a sheet')
    return number


@lru_cache(maxsize=1024)
def column_number(letters: str) -> int:
    """The position of a column from 0, by its letters, in any case.

    Raises MarkupError where a sheet has no such column.
    """
    position = 0
    if _LETTERS.fullmatch(letters):
        for letter in letters.upper():
            position = position * 26 + ord(letter) - ord("A") + 1
    if not 1 <= position <= MAX_COLUMNS:
        raise MarkupError(f'"{letters}" is no column of a sheet')
    return position - 1


class Places:
    """Puts cells in their places, and passes each row on when a cell of another row comes.

    add: gets the rows; a row with others in between comes in pieces.
    """

    def __init__(self, add: Callable[[Row], None]) -> None:
        self._add = add
        self._line = 0
        self._cells: dict[int, str] = {}
        self._empty: set[int] = set()
        self._is_hidden = False

    def put(self, line: int, column: int, text: str | None, hidden: bool) -> None:  # noqa: FBT001 - once a cell
        """Put a cell in its place. text: None where it is empty. hidden: whether its row is.

        Raises MarkupError where its place is taken.
        """
        if line != self._line:
            self.end()
            self._line, self._cells, self._empty, self._is_hidden = line, {}, set(), False
        if hidden:
            self._is_hidden = True
        if column in self._cells or column in self._empty:
            raise MarkupError(f"cell {column_letters(column)}{line} is in the sheet twice")
        if text:
            self._cells[column] = text
        else:
            self._empty.add(column)

    def end(self) -> None:
        """Pass the last row on."""
        if self._line:
            self._add(Row(self._line, self._cells, self._empty, self._is_hidden))


class OrderedRows:
    """The rows of a sheet that come in order.

    complete: the rows so far, without gaps; the caller takes them and clears the list.
    """

    def __init__(self) -> None:
        self.complete: list[SheetRow] = []
        self._last = 0

    def add(self, row: Row) -> None:
        """Add the next row. Raises UnorderedRowsError where it comes too late."""
        if row.line <= self._last:
            raise UnorderedRowsError
        self.complete += [_EMPTY] * (row.line - self._last - 1)
        self.complete.append(SheetRow(cells=row.cells, hidden=row.is_hidden))
        self._last = row.line


class GatheredRows:
    """The rows of a sheet in any order and in pieces, kept in a file.

    Memory holds only where each piece stands in the file: twelve bytes a piece.
    """

    def __init__(self, file: BinaryIO) -> None:
        """file: an empty one, open for writing and reading."""
        self._file = file
        self._lines = array("I")
        self._starts = array("Q", [0])
        self._empty = 0
        self._tally = Tally()

    def add(self, row: Row) -> None:
        """Add a row or a piece of one. Raises CostError when the sheet holds too much."""
        self._tally.add(row.cells, line=row.line)
        self._empty += len(row.empty)
        if max(len(self._lines), self._empty) >= _MOST_PIECES:
            raise MarkupError("rows out of order, in too many pieces")
        piece = [[*row.cells], [*row.cells.values()], [*row.empty], row.is_hidden]
        written = self._file.write(json.dumps(piece, ensure_ascii=False).encode(*_ENCODING))
        self._lines.append(row.line)
        self._starts.append(self._starts[-1] + written)

    def rows(self) -> Iterator[SheetRow]:
        """The rows without gaps. Raises MarkupError where a place was filled twice."""
        whole = OrderedRows()
        places = Places(whole.add)
        self._file.seek(0)
        position = 0
        for piece in pl.Series(self._lines, dtype=pl.UInt32).arg_sort():
            start, end = self._starts[piece], self._starts[piece + 1]
            if start != position:
                self._file.seek(start)
            position = end
            text = self._file.read(end - start).decode(*_ENCODING)
            line, (columns, texts, empty, hidden) = self._lines[piece], json.loads(text)
            for column, text in chain(zip(columns, texts, strict=True), zip(empty, repeat(None))):
                places.put(line, column, text, hidden)
            yield from whole.complete
            whole.complete.clear()
        places.end()
        yield from whole.complete
