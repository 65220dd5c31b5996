"""Records of a text by the standard library's reader, as a spreadsheet program reads them.

Where a quote stands wrong within one line, it is mended as such a program does; where rows would
vanish into a cell, or a row is longer than is read, the line is named.
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
    """The lines of a text, of which one that is longer than a row can be comes in pieces."""
    while line := text.readline(_MAX_RECORD + 1):
        yield line


def records(
    lines: Iterable[str], delimiter: str, *, first_line: int, name: str
) -> Iterator[list[str]]:
    """The records of text lines as a spreadsheet program reads them; an empty line gives [].

    A stray quote is part of its cell. Raises InputError, naming the line, where a record with such
    a quote spans lines or a quote is never closed: rows would vanish into one cell.
    """
    taken: list[str] = []

    def noted() -> Iterator[str]:
        room = _MAX_RECORD
        for text in lines:
            room = (room if taken else _MAX_RECORD) - len(text)
            if room < 0:
                raise InputError(
                    f"{name} line {line}: the row has more than {_MAX_RECORD:,} characters. "
                    f"{_OPEN_QUOTE}"
                )
            taken.append(text)
            yield text

    reader = csv.reader(noted(), delimiter=delimiter, strict=True)
    for line in count(first_line):
        taken.clear()
        try:
            record = next(reader, None)
        except csv.Error as error:
            record = _mended(taken, delimiter, where=f"{name} line {line}", error=error)
        if record is None:
            return
        yield record


def _mended(taken: list[str], delimiter: str, *, where: str, error: csv.Error) -> list[str]:
    """The one line that the strict reader refused, with its stray quotes in their cells."""
    if "field larger than field limit" in str(error):
        raise InputError(
            f"{where}: a cell is longer than {MAX_TEXT_CELL:,} characters. {_OPEN_QUOTE}"
        ) from error
    text = taken[0].rstrip("\r\n") + "\n"
    record = next(csv.reader([text], delimiter=delimiter))
    if any("\n" in cell for cell in record):
        raise InputError(
            f"{where}: a quote is opened that is not closed where its cell ends, so that the rows "
            "below would be read as part of it. Close it, or write it twice if it is meant as text."
        ) from error
    return record
