"""failed.xlsx: the rows of failed.csv as a sheet of text cells.

A spreadsheet program that opens a CSV turns some ids into numbers; text cells it leaves alone.
Reads failed.csv and writes what stands there, apostrophes included; it judges no row.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import xlsxwriter
import xlsxwriter.exceptions

from batch.errors import BatchError
from batch.recording.draft import Draft, disk_errors

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


def write_failed_sheet(source: Path, *targets: Path, delimiter: str) -> Path:
    """Write a CSV file of ours as a sheet to the first target not held open; which that was.

    Bounded memory. Raises SheetLimitError rather than leave a row or a character out, and
    RunError when the disk fails. A header is frozen; empty cells too are formatted as text, so
    that what a person types into them stays text.
    """
    with (
        Draft(*targets) as draft,
        disk_errors(targets[0]),
        tempfile.TemporaryDirectory(dir=targets[0].parent, prefix=".failed-") as scratch,
        source.open(encoding="utf-8-sig", newline="") as file,
    ):
        try:
            with xlsxwriter.Workbook(draft.file, {**_OPTIONS, "tmpdir": scratch}) as workbook:
                _fill(workbook, _fitting_rows(file, delimiter))
        except xlsxwriter.exceptions.FileCreateError as error:
            raise OSError(*error.args[0].args) from error  # the disk's own error, which it hides
        except xlsxwriter.exceptions.FileSizeError as error:
            raise SheetLimitError("more than the 4 GB that a sheet's file holds") from error
        return draft.publish()


def _fill(workbook: xlsxwriter.Workbook, rows: Iterator[Sequence[str]]) -> None:
    text = workbook.add_format({"num_format": "@"})
    sheet = workbook.add_worksheet("failed")
    sheet.freeze_panes(1, 0)
    for index, row in enumerate(rows):
        if index == 0:
            sheet.set_column(0, len(row) - 1, _COLUMN_WIDTH, text)
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(index, column, cell, text)


def _fitting_rows(file: Iterable[str], delimiter: str) -> Iterator[Sequence[str]]:
    """The rows of a CSV file as they come, as long as a sheet can hold them."""
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
