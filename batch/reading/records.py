"""Records of a text by the standard library's reader, as a spreadsheet program reads them.

Where a quote stands wrong within one line, it is mended as such a program does; where rows would
vanish into a cell, the line is named.
"""

import csv
from collections.abc import Iterable, Iterator
from itertools import count

from batch.errors import InputError


def records(
    lines: Iterable[str], delimiter: str, *, first_line: int, name: str
) -> Iterator[list[str]]:
    """The records of text lines as a spreadsheet program reads them; an empty line gives [].

    A stray quote is part of its cell. Raises InputError, naming the line, where a record with such
    a quote spans lines or a quote is never closed: rows would vanish into one cell.
    """
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

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
            f"{where}: a cell is longer than {csv.field_size_limit():,} characters. "
            "A quote may be unclosed there."
        ) from error
    text = taken[0].rstrip("\r\n") + "\n"
    record = next(csv.reader([text], delimiter=delimiter))
    if any("\n" in cell for cell in record):
        raise InputError(
            f"{where}: a quote is opened that is not closed where its cell ends, so that the rows "
            "below would be read as part of it. Close it, or write it twice if it is meant as text."
        ) from error
    return record
