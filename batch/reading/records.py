"""Read a text's records by the standard library's reader, as a spreadsheet program reads them.

A stray quote within one line is read as such a program reads it; where rows would vanish into a
cell, or a row is too long, the error names the line.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Self, TextIO

from batch.errors import InputError
from batch.reading.cost import MAX_TEXT_CELL

_MAX_RECORD = 16 << 20  # characters of a row, line breaks in its cells included
_BLANKS = " \t\xa0"  # that stand before a quote
_MOST_LINES = 100  # of a cell whose quote has blanks before it
_OPEN_QUOTE = "A quote may be unclosed there."
csv.field_size_limit(MAX_TEXT_CELL)  # its own is 131,072


def bounded_lines(text: TextIO) -> Iterator[str]:
    """The lines of a text; one that is longer than a row may be comes in pieces."""
    while line := text.readline(_MAX_RECORD + 1):
        yield line


class Lines:
    """The lines of a text, which can be put back; record: those of the record being read.

    taken: the characters of all lines but for those that were put back.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._ahead: list[str] = []
        self._room = _MAX_RECORD
        self.record: list[str] = []
        self.taken = 0
        self.where = ""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        text = self._ahead.pop() if self._ahead else next(self._lines)
        self._room -= len(text)
        if self._room < 0:
            raise InputError(
                f"{self.where}: the row has more than {_MAX_RECORD:,} characters. {_OPEN_QUOTE}"
            )
        self.record.append(text)
        self.taken += len(text)
        return text

    def begin(self, where: str) -> None:
        """Begin a record. where: the file and the line, for messages."""
        self.where = where
        self._room = _MAX_RECORD
        self.record.clear()

    def put_back(self, kept: int) -> None:
        """Put back the record's lines but for so many."""
        self._ahead += reversed(self.record[kept:])
        self.taken -= sum(map(len, self.record[kept:]))
        del self.record[kept:]


def read_records(
    lines: Iterable[str] | Lines, delimiter: str, *, first_line: int, name: str, mends: bool = True
) -> Iterator[list[str]]:
    """The records of text lines as a spreadsheet program reads them; an empty line gives [].

    A stray quote is part of its cell; with `mends` (as in `Found`) one behind blanks opens a cell,
    if it is closed where the cell ends. Raises InputError, naming the line, where a record with a
    stray quote spans lines or a quote is never closed: rows would vanish into one cell.
    """
    source = lines if isinstance(lines, Lines) else Lines(lines)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    for line in count(first_line):
        source.begin(f"{name} line {line}")
        try:
            record = next(reader, None)
        except csv.Error as error:
            source.put_back(1)
            is_long = "field larger than field limit" in str(error)
            record = _read_spaced(source, delimiter) if mends and not is_long else None
            yield record or _read_leniently(
                source.record[0], delimiter, where=source.where, error=error
            )
            continue
        if record is None:
            return
        if mends and any(cell[:1] in _BLANKS and cell.lstrip()[:1] == '"' for cell in record):
            record = _read_spaced(source, delimiter) or record
        yield record


def _read_spaced(source: Lines, delimiter: str) -> list[str] | None:
    """The record whose quotes have blanks before or behind them; None if it can't be read so.

    Such a quote opens a cell that may go on in the lines below.
    """
    kept = len(source.record)
    text = "".join(source.record)
    record = _spaced_cells(text, delimiter)
    if record is None and text.count('"') % 2:  # a cell goes on below, to where quotes are even
        for below in islice(source, _MOST_LINES):
            if below.count('"') % 2:
                record = _spaced_cells("".join(source.record), delimiter)
                break
    if record is None:
        source.put_back(kept)
    return record


def _spaced_cells(text: str, delimiter: str) -> list[str] | None:
    """The cells of a record with blanks round its quotes; None if a quote is not closed."""
    cells = []
    at, end = 0, len(text.rstrip("\r\n"))
    blanks = _BLANKS.replace(delimiter, "")
    while True:
        start = at
        while text[start : start + 1] in blanks and start < end:
            start += 1
        if text[start : start + 1] != '"':
            close = text.find(delimiter, at, end)
            close = end if close < 0 else close
            if "\n" in text[at:close]:
                return None
            cells.append(text[at:close])
        else:
            close = start + 1
            while (close := text.find('"', close)) >= 0 and text[close + 1 : close + 2] == '"':
                close += 2
            if close < 0:
                return None
            cells.append(text[start + 1 : close].replace('""', '"'))
            close += 1
            while close < end and text[close] in blanks:
                close += 1
            if close < end and text[close] != delimiter:
                return None
        if close >= end:
            return cells
        at = close + 1


def unquoted_line(record: Sequence[str], delimiter: str, *, name: str) -> list[str] | None:
    """The cells of a record that was put in quotes as a whole; None for others."""
    if not record or delimiter not in record[0] or any(map(str.strip, record[1:])):
        return None
    text = io.StringIO(record[0], newline="")
    try:
        first, *others = read_records(text, delimiter, first_line=1, name=name)
    except InputError:
        return None
    return None if others or len(first) < 2 else first


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
