"""Put the cells of a sheet's XML in their places, and make rows of them.

A cell stands where its reference says, not where it comes in the file. Nearly all programs write
rows from top to bottom, and those are passed on as they come; others are gathered and sorted. No
place is filled twice.
"""

import json
import re
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import chain, repeat
from typing import BinaryIO, NamedTuple

import polars as pl

from batch.reading.cost import MAX_COLUMNS, Tally
from batch.reading.markup import MarkupError
from batch.reading.sheet import MAX_ROWS, SheetRow, UnorderedRowsError

_EMPTY = SheetRow(cells={})
_NUMBER = re.compile(r"0*([0-9]{1,7})")
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
_ENCODING = ("utf-8", "surrogatepass")  # of the file for rows that are out of order
_MOST_PIECES = 1 << 24  # of rows, and empty cells, of a sheet that is out of order


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


class Row(NamedTuple):
    """The cells of a row, or of a piece of it. empty: columns of cells that hold nothing."""

    line: int
    cells: dict[int, str]
    empty: set[int]
    is_hidden: bool


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
            letters, left = "", column + 1
            while left:
                left, letter = divmod(left - 1, 26)
                letters = chr(ord("A") + letter) + letters
            raise MarkupError(f"cell {letters}{line} is in the sheet twice")
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
