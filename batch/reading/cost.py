"""Limits on what a spreadsheet may hold, by what comes out of it and not by its size on disk.

A few hundred bytes can stand for billions of cells: repeated rows, a text that a million cells
share, pages of one value. So each limit is on what is read, and is checked while it is read.
"""

from collections.abc import Sequence

import polars as pl

from batch.errors import InputError
from batch.reading.grid import FilledCells, short_text

MAX_LEVELS = 100  # of elements within each other; real workbooks have some twenty
MAX_FORMAT_CODE = 255  # characters, Excel's own
MAX_CELL_FORMATS = 65_490  # of a workbook, Excel's own
MAX_COLUMNS = 1 << 14  # of Excel and LibreOffice, and for every format
MAX_CELL = 32_767  # characters in a workbook, Excel's own
MAX_TEXT_CELL = 1_000_000  # bytes in text and Parquet, as UTF-8
MAX_FILLED = 64 << 20  # cells of a workbook that hold something
MAX_CHARACTERS = 1 << 30  # of all of them together

_MANY = f"as many as {1 << 20:,} rows × {MAX_FILLED >> 20} cells"  # noqa: RUF001 - times, not x
_ADVICE = "Split it, or save its data as CSV."


class CostError(ValueError):
    """A workbook holds more than is read."""

    def __init__(self, text: str, *, where: str = "") -> None:
        """text: what was found and what to do. where: the line, or line and column."""
        super().__init__(text)
        self._where = where

    def sentence(self, name: str) -> str:
        """The whole message. name: what messages call the file."""
        return f"{name}{self._where and f' {self._where}'}: {self}"


class Tally:
    """Adds up what the rows of a workbook hold. Empty cells count nothing, repeated ones each."""

    def __init__(self) -> None:
        self._filled = 0
        self._characters = 0
        self._row: FilledCells = {}
        self._lengths: list[int] = []

    def add(self, cells: FilledCells, *, line: int) -> None:
        """Count a row. Raises CostError once a cell, or all of them together, is too much."""
        if cells is not self._row:  # a row that is repeated is one object
            self._row, self._lengths = cells, [*map(len, cells.values())]
        lengths = self._lengths
        if not lengths:
            return
        if max(lengths) > MAX_CELL:
            raise long_cell(line, 1 + min(i for i, text in cells.items() if len(text) > MAX_CELL))
        self._filled += len(lengths)
        self._characters += sum(lengths)
        if self._filled > MAX_FILLED:
            raise CostError(
                f"the workbook has more than {MAX_FILLED:,} filled cells up to here ({_MANY}); "
                f"repeated rows and cells count each time. {_ADVICE}",
                where=f"line {line}",
            )
        if self._characters > MAX_CHARACTERS:
            raise CostError(
                f"the workbook has more than {MAX_CHARACTERS:,} characters up to here ({_MANY} "
                f"of {MAX_CHARACTERS // MAX_FILLED}); repeated and shared texts count each time. "
                f"{_ADVICE}",
                where=f"line {line}",
            )


def long_cell(line: int, column: int) -> CostError:
    """The error for a workbook's cell that is too long. column: its number, from 1."""
    return CostError(
        f"the cell has more than {MAX_CELL:,} characters, the most that a workbook's cell holds. "
        "Shorten it.",
        where=f"line {line}, column {column}",
    )


def wide_row(line: int) -> CostError:
    """The error for a workbook's row with too many columns."""
    return CostError(
        f"the row has more than {MAX_COLUMNS:,} columns, the most that a sheet holds. "
        "Take out those that are not needed.",
        where=f"line {line}",
    )


def check_characters(characters: int, part: str) -> None:
    """Raise CostError when a part of a workbook has more text than all cells may have."""
    if characters > MAX_CHARACTERS:
        raise CostError(f"{part} has more than {MAX_CHARACTERS:,} characters. {_ADVICE}")


def check_cell_formats(number: int) -> None:
    """Raise CostError when a workbook has too many cell formats."""
    if number > MAX_CELL_FORMATS:
        raise CostError(
            f"the workbook has more than {MAX_CELL_FORMATS:,} cell formats, the most that Excel "
            "takes. Open it in a spreadsheet program and save it again, or save its data as CSV."
        )


def check_format_code(code: str) -> str:
    """The number format, unchanged. Raises CostError when it is too long."""
    if len(code) > MAX_FORMAT_CODE:
        raise CostError(
            f"a number format has {len(code):,} characters; a workbook's holds at most "
            f"{MAX_FORMAT_CODE}. Open it in a spreadsheet program and save it again."
        )
    return code


def check_columns(columns: int, *, name: str) -> None:
    """Raise InputError when a file has more columns than any spreadsheet program shows."""
    if columns > MAX_COLUMNS:
        raise InputError(
            f"{name}: has {columns:,} columns; expected at most {MAX_COLUMNS:,}. "
            "Take out those that are not needed."
        )


def check_cells(
    frame: pl.DataFrame, header: Sequence[str], *, name: str, advice: str = "Shorten it."
) -> None:
    """Raise InputError when a cell of a text or Parquet file is too long.

    frame: a grid's. advice: what to do about it.
    """
    lengths = frame.select(pl.exclude("line").str.len_bytes().max()).row(0) if header else ()
    for column, length in enumerate(lengths):
        if (length or 0) > MAX_TEXT_CELL:
            is_long = pl.col(str(column)).str.len_bytes() > MAX_TEXT_CELL
            line = frame.select(pl.col("line").filter(is_long).first()).item()
            raise InputError(
                f'{name} line {line}, column {column + 1} "{short_text(header[column])}": '
                f"the cell takes {length:,} bytes; expected at most {MAX_TEXT_CELL:,}. {advice}"
            )
