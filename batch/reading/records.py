"""Read a text's records by the standard library's reader, as a spreadsheet program reads them.

A stray quote within one line is read as such a program reads it; where rows would vanish into a
cell, or a row is too long, the error names the line.
"""

import csv
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TextIO

from batch.errors import InputError
from batch.reading.cost import MAX_TEXT_CELL

_MAX_RECORD = 16 << 20  # characters of a row, line breaks in its cells included
_OPEN_QUOTE = "A quote may be unclosed there."
csv.field_size_limit(MAX_TEXT_CELL)  # its own is 131,072


def bounded_lines(text: TextIO) -> Iterator[str]:
    """The lines of a text; one that is longer than a row may be comes in pieces."""
    while line := text.readline(_MAX_RECORD + 1):
        yield line


def read_records(
    lines: Iterable[str], delimiter: str, *, first_line: int, name: str
) -> Iterator[list[str]]:
    """The records of text lines as a spreadsheet program reads them; an empty line gives [].

    A stray quote is part of its cell. Raises InputError, naming the line, where a record with such
    a quote spans lines or a quote is never closed: rows would vanish into one cell.
    """
    record_lines: list[str] = []

    def bounded() -> Iterator[str]:
        room = _MAX_RECORD
        for text in lines:
            room = (room if record_lines else _MAX_RECORD) - len(text)
            if room < 0:
                raise InputError(
                    f"{name} line {line}: the row has more than {_MAX_RECORD:,} characters. "
                    f"{_OPEN_QUOTE}"
                )
            record_lines.append(text)
            yield text

    reader = csv.reader(bounded(), delimiter=delimiter, strict=True)
    for line in count(first_line):
        record_lines.clear()
        try:
            record = next(reader, None)
        except csv.Error as error:
            where = f"{name} line {line}"
            record = _read_leniently(record_lines[0], delimiter, where=where, error=error)
        if record is None:
            return
        yield record


def _read_leniently(line: str, delimiter: str, *, where: str, error: csv.Error) -> list[str]:
    """A line that the strict reader refused, with its stray quotes as part of their cells."""
    if "field larger than field limit" in str(error):
        raise InputError(
            f"{where}: a cell is longer than {MAX_TEXT_CELL:,} characters. {_OPEN_QUOTE}"
        ) from error
    record = next(csv.reader([line.rstrip("\r\n") + "\n"], delimiter=delimiter))
    if any("\n" in cell for cell in record):
        raise InputError(
            f"{where}: a quote is opened that is not closed where its cell ends, so that the rows "
            "below would be read as part of it. Close it, or write it twice if it is meant as text."
        ) from error
    return record
