"""CSV, TSV and semicolon text as a grid, in bounded memory.

A file is cut into blocks of whole records. A block whose quotes all stand where they belong goes to
Polars. From a block with a stray quote on, the standard library's reader takes over: it reads what
a spreadsheet program reads, and where rows would vanish into a cell the line is named.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import BinaryIO

import polars as pl

from batch.errors import InputError
from batch.model import Field
from batch.reading.grid import Cells, Grid, column_names, frames_of, until_last_row, with_lines
from batch.reading.header import recognised_fields

BLOCK = 4 << 20  # bytes; larger ones are no faster and take five times as much memory
_HEAD = 1 << 20  # bytes in which the header must end
_DELIMITERS = (",", ";", "\t")
_ADVISED = (*_DELIMITERS, "|")  # those that a message may recommend
_NO_NAME = " ,;\t\xa0"  # a row of these alone is blank, whichever of them is the delimiter
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_BOM = "\ufeff"  # a file that was marked twice may have two
_SEP_LINE = re.compile(r'"?sep=(\\t|[^"\r\n])"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """A text file up to its header.

    line: the header's line number.
    end: the offset in bytes of what follows the header.
    better_delimiter: as in Grid.
    """

    header: tuple[str, ...]
    line: int
    delimiter: str
    end: int
    better_delimiter: str | None = None


def open_delimited(
    path: Path,
    *,
    delimiter: str | None,
    columns: Mapping[Field, str],
    notes: tuple[str, ...],
    name: str,
) -> Grid:
    """The grid of a UTF-8 text file, which may begin with a byte order mark.

    delimiter: one ASCII character, or tab, comma, semicolon; None to find it.
    columns: header names that the user gave, which help to find the delimiter.
    notes: what reading its bytes brought up.
    Raises InputError here when there is no header, and while rows are read for a cell beyond the
    header's width and for a quote that is never closed.
    """
    given = None if delimiter is None else _one_character(delimiter, name=name)
    head = _read_head(path, given, columns, name=name)
    return Grid(
        header=head.header,
        delimiter=head.delimiter,
        better_delimiter=head.better_delimiter,
        batches=partial(_batches, path, head, _end_of_text(path), name),
        notes=notes,
    )


def _one_character(delimiter: str, *, name: str) -> str:
    one = _NAMED_DELIMITERS.get(delimiter.lower(), delimiter)
    if len(one) != 1 or not one.isascii() or one in '"\r\n\0':
        raise InputError(
            f'{name}: --delimiter "{delimiter}" can\'t be used; expected one ASCII character '
            "other than a quote, such as ; or | or the word tab."
        )
    return one


def _read_head(path: Path, given: str | None, columns: Mapping[Field, str], *, name: str) -> _Head:
    with path.open("rb") as file:
        start = file.read(_HEAD)
    text = start.decode("utf-8", errors="ignore")  # only a cut last character is ignored
    marks = len(text) - len(text.lstrip(_BOM))
    sep = _SEP_LINE.match(text, marks)
    first = marks if sep is None else len(next(io.StringIO(text, newline="")))
    if sep is not None:
        given = given or _one_character(sep[1], name=name)
    read = partial(_head_by, text=text[first:], offset=len(text[:first].encode()), name=name)
    heads, problem = _heads([given] if given else _DELIMITERS, read)
    if not heads:
        raise problem or InputError(
            f"{name}: no header row was found; expected {', '.join(Field)}."
        )

    def fit(head: _Head) -> tuple[int, int]:
        return recognised_fields(head.header, columns), len(head.header)

    best = max(heads, key=fit)
    better = max([best, *_heads(_ADVISED, read)[0]], key=fit)
    return best if better is best else replace(best, better_delimiter=better.delimiter)


def _heads(
    delimiters: Iterable[str], read: Callable[[str], Iterator[_Head]]
) -> tuple[list[_Head], InputError | None]:
    """The head by each delimiter that gives one, and what went wrong last."""
    heads: list[_Head] = []
    problem = None
    for delimiter in delimiters:
        try:
            heads += read(delimiter)
        except InputError as error:
            problem = error
    return heads, problem


def _head_by(delimiter: str, text: str, *, offset: int, name: str) -> Iterator[_Head]:
    """The head if this were the delimiter; nothing where every row is blank."""
    source = io.StringIO(text, newline="")
    for line, record in enumerate(_records(source, delimiter, first_line=1, name=name), 1):
        if any(cell.strip(_NO_NAME) for cell in record):
            end = offset + len(text[: source.tell()].encode())
            yield _Head(header=tuple(record), line=line, delimiter=delimiter, end=end)
            return


def _end_of_text(path: Path) -> int:
    """The offset behind the last byte that is no line break: empty lines at the end are no rows.

    The file has a header, so there is such a byte.
    """
    with path.open("rb") as file:
        start = file.seek(0, io.SEEK_END)
        kept = 0
        while not kept:
            end, start = start, max(0, start - BLOCK)
            file.seek(start)
            kept = len(file.read(end - start).rstrip(b"\r\n"))
    return start + kept


def _batches(path: Path, head: _Head, end: int, name: str) -> Iterator[pl.DataFrame]:
    line = head.line + 1
    is_regular = _regularity(head.delimiter)
    with path.open("rb") as file:
        for offset, block in _blocks(file, start=head.end, end=end):
            if not is_regular(block):
                file.seek(offset)
                with io.TextIOWrapper(file, encoding="utf-8", newline="") as lines:
                    yield from _frames(lines, head, line, name, trim=until_last_row)
                return
            frame = _parsed(block, head)
            if frame is not None:
                yield with_lines(frame, line)
                line += frame.height
                continue
            for frame in _frames(io.StringIO(block.decode(), newline=""), head, line, name):
                yield frame
                line += frame.height


def _frames(
    lines: Iterable[str],
    head: _Head,
    line: int,
    name: str,
    *,
    trim: Callable[[Iterable[Cells]], Iterable[Cells]] = iter,
) -> Iterator[pl.DataFrame]:
    records = _records(lines, head.delimiter, first_line=line, name=name)
    return frames_of(trim(records), width=len(head.header), first_line=line, name=name)


def _blocks(file: BinaryIO, *, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole records with their offsets, as far as quotes stand where they belong.

    A last block without a line break is given one. A record that fills two blocks, or a quote that
    is never closed, makes a block that ends inside a record: it is irregular.
    """
    rest = b""
    left = end - start
    file.seek(start)
    while left > 0:
        offset = start - len(rest)
        chunk = file.read(min(BLOCK, left))
        start += len(chunk)
        left -= len(chunk)
        block = rest + chunk
        cut = _end_of_records(block) if left > 0 else len(block)
        if not cut and len(block) < 2 * BLOCK:
            rest = block
            continue
        cut = cut or len(block)
        yield offset, block[:cut] if left > 0 else block + b"\n"
        rest = block[cut:]


def _end_of_records(block: bytes) -> int:
    """The length up to the last line break outside quotes; 0 if there is none."""
    cut = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, cut)
    while cut and quotes % 2:
        earlier = block.rfind(b"\n", 0, block.rfind(b'"', 0, cut)) + 1
        quotes -= block.count(b'"', earlier, cut)
        cut = earlier
    return cut


def _regularity(delimiter: str) -> Callable[[bytes], bool]:
    """A test whether Polars and a spreadsheet program read a block of text alike.

    They do when each quote opens or closes a whole cell or is doubled within one, and no carriage
    return stands without its line feed. The pattern is possessive: its time is linear.
    """
    one = re.escape(delimiter.encode())
    quoted = rb'(?<![^%b\n])"(?:[^"]++|"")*+"(?=[%b\r\n])' % (one, one)
    well_quoted = re.compile(rb'(?:[^"]*+%b)*+[^"]*+' % quoted)

    def is_regular(block: bytes) -> bool:
        return (
            block.endswith(b"\n")
            and block.count(b"\r") == block.count(b"\r\n")
            and (b'"' not in block or well_quoted.fullmatch(block) is not None)
        )

    return is_regular


def _parsed(block: bytes, head: _Head) -> pl.DataFrame | None:
    """The block by Polars, or None where a row is wider than the header."""
    # Polars takes the width from the first line and drops it when it is blank: give it one.
    width = len(head.header)
    ruler = head.delimiter.join("x" * width).encode() + b"\n"
    try:
        frame = pl.read_csv(
            ruler + block,
            has_header=False,
            separator=head.delimiter,
            schema=dict.fromkeys(column_names(width), pl.String),
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        return None
    return frame.slice(1)


def _records(
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
