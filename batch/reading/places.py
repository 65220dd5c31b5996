"""Where the cells of a sheet's XML stand, and the rows that they make.

A cell stands where its reference says, not where it comes in the file. Nearly all programs write
rows from top to bottom, and those are given as they come; others are gathered and sorted. No place
is filled twice.
"""

import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

import polars as pl

from batch.reading.cost import MAX_CELL, MAX_COLUMNS, Tally, long_cell
from batch.reading.markup import MarkupError
from batch.reading.sheet import MAX_ROWS, SheetRow, UnorderedRowsError

_EMPTY = SheetRow(cells=())
_NUMBER = re.compile(r"0*([0-9]{1,7})")
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
# Of an unordered sheet: cells and characters that become a frame at once, and empty cells that are
# remembered.
_CELLS_A_FRAME = 100_000
_CHARACTERS_A_FRAME = 1 << 24
_MAX_EMPTY_CELLS = 1 << 24


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


class OrderedRows:
    """The rows of cells that come row by row; within a row in any order.

    complete: rows without gaps that no later cell can belong to; whoever takes them empties it.
    """

    def __init__(self) -> None:
        self.complete: list[SheetRow] = []
        self._line = 0
        self._cells: list[str | None] = []
        self._empty: set[int] = set()
        self._is_hidden = False

    def put(self, line: int, column: int, text: str | None, *, hidden: bool) -> None:
        """Put a cell in its place. text: None where it is empty. hidden: whether its row is.

        Raises UnorderedRowsError where its row comes too late, MarkupError for a taken place.
        """
        if line != self._line:
            self._begin(line)
        cells = self._cells
        if (column < len(cells) and cells[column] is not None) or column in self._empty:
            raise _taken(line, column)
        if text is None:
            self._empty.add(column)
        elif column < len(cells):
            cells[column] = text
        else:
            if column > len(cells):
                cells += [None] * (column - len(cells))
            cells.append(text)
        self._is_hidden |= hidden

    def end(self) -> None:
        """Complete the last row."""
        if self._line:
            self._complete()

    def _begin(self, line: int) -> None:
        if line < self._line:
            raise UnorderedRowsError
        self.end()
        self.complete += [_EMPTY] * (line - self._line - 1)
        self._line = line
        self._cells = []
        self._empty.clear()
        self._is_hidden = False

    def _complete(self) -> None:
        while self._cells and not self._cells[-1]:
            self._cells.pop()
        self.complete.append(SheetRow(cells=self._cells, hidden=self._is_hidden))


class GatheredCells:
    """The cells of a sheet in any order, held as columns of frames, and their rows in order.

    They take about the memory that the sheet's own frames will take.
    """

    def __init__(self) -> None:
        self._frames: list[pl.DataFrame] = []
        self._cells: list[tuple[int, str, bool]] = []
        self._characters = 0  # of these
        self._empty = array("Q")
        self._tally = Tally()

    def put(self, line: int, column: int, text: str | None, *, hidden: bool) -> None:
        """As `OrderedRows.put`, but that rows may come in any order.

        Raises CostError once there is more than is read.
        """
        place = line * MAX_COLUMNS + column
        if text is None:
            self._empty.append(place)
            if len(self._empty) > _MAX_EMPTY_CELLS:
                raise MarkupError("too many empty cells in rows that are out of order")
            return
        if len(text) > MAX_CELL:
            raise long_cell(line, column + 1)
        self._cells.append((place, text, hidden))
        self._characters += len(text)
        if len(self._cells) == _CELLS_A_FRAME or self._characters > _CHARACTERS_A_FRAME:
            self._frame()

    def rows(self) -> Iterator[SheetRow]:
        """The rows without gaps. Raises MarkupError where a place was filled twice."""
        self._frame()
        gathered = pl.concat(self._frames)
        self._frames.clear()
        self._refuse_taken(gathered.get_column("place"))
        order = gathered.get_column("place").arg_sort()
        ordered = (
            cell
            for start in range(0, order.len(), _CELLS_A_FRAME)
            for cell in gathered[order[start : start + _CELLS_A_FRAME]].iter_rows()
        )
        last = 0
        for line, row in groupby(ordered, key=lambda cell: cell[0] // MAX_COLUMNS):
            yield from [_EMPTY] * (line - last - 1)
            last = line
            cells: list[str | None] = []
            is_hidden = False
            for place, text, hidden in row:
                cells += [None] * (place % MAX_COLUMNS - len(cells))
                cells.append(text)
                is_hidden |= hidden
            while cells and not cells[-1]:
                cells.pop()
            yield SheetRow(cells=cells, hidden=is_hidden)

    def _frame(self) -> None:
        if self._cells:
            self._tally.add(
                [text for _, text, _ in self._cells], line=self._cells[-1][0] // MAX_COLUMNS
            )
        schema = {"place": pl.UInt64, "text": pl.String, "hidden": pl.Boolean}
        self._frames.append(pl.DataFrame(self._cells, schema=schema, orient="row"))
        self._cells.clear()
        self._characters = 0

    def _refuse_taken(self, places: pl.Series) -> None:
        every = pl.concat([places, pl.Series(self._empty, dtype=pl.UInt64)]).sort()
        twice = every.filter(every == every.shift())
        if twice.len():
            raise _taken(*divmod(twice[0], MAX_COLUMNS))


def _taken(line: int, column: int) -> MarkupError:
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return MarkupError(f"cell {letters}{line} stands in the sheet twice")
