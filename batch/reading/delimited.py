"""CSV, TSV and semicolon text as a grid, in bounded memory.

A file is cut into blocks of whole records. A block whose quotes all stand where they belong goes to
Polars. From a block with a stray quote on, the standard library's reader takes over: it reads what
a spreadsheet program reads, and where rows would vanish into a cell the line is named.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TextIO

import polars as pl

from batch.columns import Column
from batch.errors import InputError
from batch.reading.cost import check_cells
from batch.reading.grid import (
    Cells,
    Grid,
    column_names,
    filled,
    held_rows,
    until_last_row,
    widened,
    with_lines,
)
from batch.reading.head import Head, read_head
from batch.reading.records import bounded_lines, records

_LONE_RETURN = re.compile(rb"\r(?!\n)")
BLOCK = 4 << 20  # bytes; larger ones are no faster and take five times as much memory
_ROWS_A_FRAME = 1 << 19  # of lines so short that a block has more
_CELLS_A_FRAME = 4 << 20  # 16 bytes each, empty ones too


def open_delimited(
    path: Path,
    *,
    delimiter: str | None,
    columns: Mapping[Column, str],
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
    head = read_head(path, delimiter, columns, name=name)
    unbroken: set[int] = set()
    return Grid(
        header=head.header,
        delimiter=head.delimiter,
        better_delimiter=head.better_delimiter,
        batches=partial(_batches, path, head, _end_of_text(path), [head.end], unbroken, name),
        notes=notes,
        unbroken=unbroken,
    )


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


def _batches(
    path: Path, head: Head, end: int, bounds: list[int], unbroken: set[int], name: str
) -> Iterator[pl.DataFrame]:
    """bounds: what `_regular_blocks` knows from the times before. unbroken: as in Grid."""
    line, offset = head.line + 1, head.end
    with path.open("rb") as file:
        for block in _regular_blocks(file, head.delimiter, bounds, end=end, name=name):
            offset += len(block)
            for frame, text_lines in _block_frames(block, head, line, name):
                if frame.height == text_lines:
                    unbroken.add(line)
                yield frame
                line += frame.height
        if offset < end:
            file.seek(offset)
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as lines:
                yield from _frames(lines, head, line, name, trim=until_last_row)


def _block_frames(
    block: bytes, head: Head, line: int, name: str
) -> Iterator[tuple[pl.DataFrame, int]]:
    """The frames of a block of whole records, each with the lines of text that it was made of.

    Where several were made of the same, their lines are those of all.
    """
    for part, width in _parts(block, head):
        for frame in _part_frames(part, head, line, name, width=width):
            yield frame, part.count(b"\n")
            line += frame.height


def _part_frames(
    part: bytes, head: Head, line: int, name: str, *, width: int
) -> Iterator[pl.DataFrame]:
    """width: as `_parts` gives it."""
    if not width:
        lines = pl.DataFrame(height=part.count(b"\n"))
        yield widened(with_lines(lines, line), len(head.header))
    elif (parsed := _parsed(part, head, width=width)) is not None:
        yield _checked(widened(with_lines(parsed, line), len(head.header)), head, name)
    else:
        yield from _frames(io.StringIO(part.decode(), newline=""), head, line, name)


def _parts(block: bytes, head: Head) -> Iterator[tuple[bytes, int]]:
    """A block in parts that take bounded memory once they are parsed, with their width.

    A header of thousands of names above lines of one byte makes thousands of cells of each byte.
    The width is 0 where all rows are blank.
    """
    lines, width = block.count(b"\n"), len(head.header)
    delimiter = head.delimiter.encode()
    if not block.strip(delimiter + b"\r\n"):
        width = 0
    elif lines > _ROWS_A_FRAME or lines * width > _CELLS_A_FRAME:
        width = min(width, 1 + max(each.count(delimiter) for each in block.split(b"\n")))
    is_large = lines > _ROWS_A_FRAME or lines * width > _CELLS_A_FRAME
    if is_large and (cut := _middle(block)):
        yield from _parts(block[:cut], head)
        yield from _parts(block[cut:], head)
    else:
        yield block, width


def _middle(block: bytes) -> int:
    """The length of about half of the block's records; 0 if it is a single one."""
    cut = len(block) // 2
    if earlier := _end_of_records(block[:cut]):
        return earlier
    quotes = block.count(b'"', 0, cut)
    while end := block.find(b"\n", cut) + 1:
        quotes += block.count(b'"', cut, end)
        cut = end
        if quotes % 2 == 0:
            return cut if cut < len(block) else 0
    return 0


def _frames(
    lines: TextIO,
    head: Head,
    line: int,
    name: str,
    *,
    trim: Callable[[Iterable[Cells]], Iterable[Cells]] = iter,
) -> Iterator[pl.DataFrame]:
    read = records(bounded_lines(lines), head.delimiter, first_line=line, name=name)
    width = len(head.header)
    for rows in held_rows(map(filled, trim(read)), width=width, first_line=line, name=name):
        yield _checked(rows.frame(width), head, name)


def _checked(frame: pl.DataFrame, head: Head, name: str) -> pl.DataFrame:
    check_cells(frame, head.header, name=name, advice="A quote may be unclosed there.")
    return frame


def _regular_blocks(
    file: BinaryIO, delimiter: str, bounds: list[int], *, end: int, name: str
) -> Iterator[bytes]:
    """Blocks of whole records, up to the end or the first that is irregular.

    bounds: where the blocks that are known to be regular begin, and where the last of them ends.
    It grows here: cutting and proving take half of the reading, and a file is read several times.
    A last block without a line break is given one. Raises InputError when the file ends too early.
    """
    for start, stop in pairwise(bounds):
        file.seek(start)
        yield _whole(_read(file, stop - start, name=name))
    is_regular = _regularity(delimiter)
    for offset, block in _blocks(file, start=bounds[-1], end=end, name=name):
        if not is_regular(block):
            return
        if offset == bounds[-1]:  # who reads at the same time may be further
            bounds.append(min(offset + len(block), end))
        yield block


def _blocks(file: BinaryIO, *, start: int, end: int, name: str) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole records with their offsets, as far as quotes stand where they belong.

    A record that fills two blocks, or a quote that is never closed, makes a block that ends inside
    a record: it is irregular.
    """
    rest = b""
    left = end - start
    file.seek(start)
    while left > 0:
        offset = start - len(rest)
        chunk = _read(file, min(BLOCK, left), name=name)
        start += len(chunk)
        left -= len(chunk)
        block = rest + chunk
        cut = _end_of_records(block) if left > 0 else len(block)
        if not cut and len(block) < 2 * BLOCK:
            rest = block
            continue
        cut = cut or len(block)
        yield offset, block[:cut] if left > 0 else _whole(block)
        rest = block[cut:]


def _read(file: BinaryIO, size: int, *, name: str) -> bytes:
    chunk = file.read(size)
    if len(chunk) < size:
        raise InputError(
            f"{name}: the file became shorter while it was read. Leave it alone during a run."
        )
    return chunk


def _whole(block: bytes) -> bytes:
    return block if block.endswith(b"\n") else block + b"\n"


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
            and _LONE_RETURN.search(block) is None
            and (b'"' not in block or well_quoted.fullmatch(block) is not None)
        )

    return is_regular


def _parsed(block: bytes, head: Head, *, width: int) -> pl.DataFrame | None:
    """The block by Polars, or None where a row is wider than this."""
    # Polars takes the width from the first line and drops it when it is blank: give it one.
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
