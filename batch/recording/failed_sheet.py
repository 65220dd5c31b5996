"""failed.xlsx: the rows of failed.csv as a sheet of text cells.

Spreadsheet programs turn some ids of a CSV into numbers, and leave text cells alone. The rows of
failed.csv are written as they are, apostrophes included.
"""

import csv
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

import xlsxwriter
import xlsxwriter.exceptions

from batch.errors import BatchError
from batch.recording.atomic_file import PARTIAL_SUFFIX, AtomicFile, disk_errors

MAX_ROWS = 1_048_576  # a sheet's, the header being one of them
MAX_COLUMNS = 16_384
MAX_CHARACTERS = 32_767  # a cell's
_LONG_CELL = f"a cell longer than the {MAX_CHARACTERS:,} characters that a sheet's cell holds"
_COLUMN_WIDTH = 26  # characters: a whole id shows
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class SheetLimitError(BatchError):
    """The rows are more, or longer, than a sheet can hold; nothing was written."""


def write_failed_sheet(source: Path, *targets: Path, delimiter: str, name: str = "failed") -> Path:
    """Write a CSV file of ours as a sheet, to the first target that no program has open.

    name: the sheet's. Returns the target. The header is frozen; empty cells are text cells, too,
    so that what a person types into them stays text.
    Bounded memory. Raises SheetLimitError rather than leave out a row or a character, and RunError
    if the disk fails.
    """
    with (
        AtomicFile(*targets) as new_file,
        disk_errors(targets[0]),
        tempfile.TemporaryDirectory(
            dir=targets[0].parent,
            prefix=f".{targets[0].name}-",
            suffix=PARTIAL_SUFFIX,
            ignore_cleanup_errors=True,  # the rest is removed with partial files
        ) as scratch,
        source.open(encoding="utf-8-sig", newline="") as file,
    ):
        spool = _Spool(new_file.file)
        try:
            with spool, xlsxwriter.Workbook(spool, {**_OPTIONS, "tmpdir": scratch}) as workbook:
                _fill(workbook, name, _fitting_rows(file, delimiter))
        except xlsxwriter.exceptions.FileCreateError as error:
            raise OSError(*error.args[0].args) from error  # the disk's own error, which it hides
        except xlsxwriter.exceptions.FileSizeError as error:
            raise SheetLimitError("more than the 4 GB that a sheet's file holds") from error
        return new_file.publish()


class _Spool:
    """An empty file for zipfile to write to, which raises a disk's error when the block ends.

    Not before, and never after: a failed ZipFile writes again when it is garbage collected, and
    an error raised then is printed with its traceback.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._at = 0  # bytes from the file's start, as if nothing had failed
        self._error: OSError | None = None
        self._is_over = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._is_over = True
        if self._error and kind is None:
            raise self._error

    def write(self, data: bytes) -> int:
        self._do(lambda: self._file.write(data))
        self._at += len(data)
        return len(data)

    def seek(self, offset: int) -> int:
        self._do(lambda: self._file.seek(offset))
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """The file is flushed when it is published."""

    def _do(self, call: Callable[[], object]) -> None:
        if self._error or self._is_over:
            return
        try:
            call()
        except OSError as error:
            self._error = error


def _fill(workbook: xlsxwriter.Workbook, name: str, rows: Iterator[Sequence[str]]) -> None:
    text = workbook.add_format({"num_format": "@"})
    sheet = workbook.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    for index, row in enumerate(rows):
        if index == 0:
            sheet.set_column(0, len(row) - 1, _COLUMN_WIDTH, text)
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(index, column, cell, text)


def _fitting_rows(file: Iterable[str], delimiter: str) -> Iterator[Sequence[str]]:
    """The rows of a CSV file. Raises SheetLimitError at one that a sheet can't hold."""
    try:
        for number, row in enumerate(csv.reader(file, delimiter=delimiter), 1):
            if number > MAX_ROWS:
                raise SheetLimitError(f"more than the {MAX_ROWS - 1:,} rows that a sheet holds")
            if len(row) > MAX_COLUMNS:
                raise SheetLimitError(f"more than the {MAX_COLUMNS:,} columns that a sheet holds")
            if max(map(len, row)) > MAX_CHARACTERS:
                raise SheetLimitError(_LONG_CELL)
            yield row
    except csv.Error as error:  # a file of ours has one fault at most: a cell beyond csv's limit
        raise SheetLimitError(_LONG_CELL) from error
