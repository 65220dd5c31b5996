"""CSV, TSV and semicolon text as a grid, in bounded memory.

A file is cut into blocks of whole records. Polars parses each block whose quotes all stand where
they belong. From the first block with a stray quote on, the standard library's reader takes over:
it reads what a spreadsheet program reads, and names the line where rows would vanish into a cell.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TextIO

import polars as pl

from batch.errors import InputError
from batch.reading.cost import check_cells
from batch.reading.grid import (
    Cells,
    Grid,
    add_lines,
    column_names,
    filled_cells,
    is_blank_text,
    pack_rows,
    widen,
    without_empty_end,
)
from batch.reading.head import Head, read_head
from batch.reading.header import ID
from batch.reading.header_row import HeaderSearch
from batch.reading.records import bounded_lines, read_records, unquoted_line

_LONE_RETURN = re.compile(rb"\r(?!\n)")
BLOCK = 4 << 20  # bytes; larger ones are no faster and take five times as much memory
_ROWS_A_FRAME = 1 << 19  # of lines so short that a block has more
_CELLS_A_FRAME = 4 << 20  # 16 bytes each, empty ones too


def open_delimited(
    path: Path,
    *,
    delimiter: str | None,
    search: HeaderSearch,
    notes: tuple[str, ...],
    name: str,
    mends: bool = True,
) -> Grid:
    """The grid of a UTF-8 text file, which may begin with a byte order mark.

    delimiter: one ASCII character, or tab, comma, semicolon; None to find it.
    search: finds the header; without a delimiter, that one counts which gives the best header.
    notes: sentences about its bytes that the user should see. mends: as in `Found`.
    Raises InputError here when there is no header, and while rows are read for a cell beyond the
    header's width and for a quote that is never closed.
    """
    head = read_head(path, delimiter, search, name=name, mends=mends)
    if head.is_quoted:
        notes += (f"{name}: its lines are in quotes as a whole; what is in them is read.",)
    without_breaks: set[int] = set()
    without_quotes: set[int] = set()
    return Grid(
        header=head.header,
        delimiter=head.delimiter,
        header_line=head.line,
        better_delimiter=head.better_delimiter,
        above=head.above,
        better_header_line=head.better_line,
        batches=partial(
            _batches,
            path,
            head,
            _end_of_rows(path),
            [head.end],
            without_breaks=without_breaks,
            without_quotes=without_quotes,
            name=name,
        ),
        notes=notes,
        frames_without_breaks=without_breaks,
        frames_without_quotes=without_quotes,
    )


def _end_of_rows(path: Path) -> int:
    """Where the last row ends, in bytes: empty lines at the end are none."""
    with path.open("rb") as file:
        start = file.seek(0, io.SEEK_END)
        length = 0
        while not length:  # some byte is no line break, since there is a header
            end, start = start, max(0, start - BLOCK)
            file.seek(start)
            length = len(file.read(end - start).rstrip(b"\r\n"))
    return start + length


def _batches(
    path: Path,
    head: Head,
    end: int,
    bounds: list[int],
    *,
    without_breaks: set[int],
    without_quotes: set[int],
    name: str,
) -> Iterator[pl.DataFrame]:
    """bounds: what `_regular_blocks` learnt. without_breaks, without_quotes: those of `Grid`."""
    line, offset = head.line + 1, head.end
    with path.open("rb") as file:
        for block in _regular_blocks(file, head.delimiter, bounds, end=end, name=name):
            offset += len(block)
            has_quotes = b'"' in block
            for frame, text_lines in _block_frames(block, head, line, name):
                if frame.height == text_lines:
                    without_breaks.add(line)
                if not has_quotes:
                    without_quotes.add(line)
                yield frame
                line += frame.height
        if offset < end:
            file.seek(offset)
            with io.TextIOWrapper(file, encoding="utf-8", newline="") as lines:
                yield from _frames(lines, head, line, name, trim=without_empty_end)


def _block_frames(
    block: bytes, head: Head, line: int, name: str
) -> Iterator[tuple[pl.DataFrame, int]]:
    """The frames of a block of whole records, each with the number of text lines it came from.

    Several frames of one part count all of its lines.
    """
    full_width = len(head.header)
    for part, width in _parts(block, head):
        text_lines = part.count(b"\n")
        if not width:
            blank = pl.DataFrame(height=text_lines)
            frames = iter([widen(add_lines(blank, line), full_width)])
        elif (parsed := _parse(part, head, width=width)) is not None and not (
            b'"' in part and _may_have_quoted_lines(parsed, head)
        ):
            frames = iter([_checked(widen(add_lines(parsed, line), full_width), head, name)])
        else:
            frames = _frames(io.StringIO(part.decode(), newline=""), head, line, name)
        for frame in frames:
            yield frame, text_lines
            line += frame.height


def _parts(block: bytes, head: Head) -> Iterator[tuple[bytes, int]]:
    """A block in parts that take bounded memory once they are parsed, each with its width.

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
    """Frames by the standard library's reader, the first of them from this line on."""
    width = len(head.header)

    def records() -> Iterator[Cells]:
        read = partial(read_records, first_line=line, name=name, mends=head.mends)
        for record in read(bounded_lines(lines), head.delimiter):
            cells = unquoted_line(record, head.delimiter, name=name) if head.mends else None
            is_line = cells and (
                head.is_quoted
                or len(cells) == width
                or (len(cells) < width and any(map(ID.fullmatch, cells)))  # its end is missing
            )
            yield cells if cells and is_line else record

    for rows in pack_rows(
        map(filled_cells, trim(records())), width=width, first_line=line, name=name
    ):
        yield _checked(rows.frame(width), head, name)


def _may_have_quoted_lines(frame: pl.DataFrame, head: Head) -> bool:
    """Whether the first cell of some row, alone in it, may be a line that was put in quotes."""
    first, *others = frame.get_columns()
    if not head.mends or not others:
        return False
    # in most files the second cell is filled throughout, which is seen soonest
    rest = frame.filter(pl.col(others[0].name).fill_null("") == "")
    rest = rest.filter(pl.col(first.name).str.contains(head.delimiter, literal=True))
    return not rest.filter(*(is_blank_text(pl.col(each.name)) for each in others)).is_empty()


def _checked(frame: pl.DataFrame, head: Head, name: str) -> pl.DataFrame:
    check_cells(frame, head.header, name=name, advice="A quote may be unclosed there.")
    return frame


def _regular_blocks(
    file: BinaryIO, delimiter: str, bounds: list[int], *, end: int, name: str
) -> Iterator[bytes]:
    """Blocks of whole records, up to the end or the first irregular one.

    A regular block is one that Polars and a spreadsheet program read alike: each quote opens or
    closes a whole cell or is doubled within one, and no carriage return stands without its line
    feed.
    bounds: where the known regular blocks begin, and where the last of them ends. It grows here:
    cutting and checking take half of the reading, and a file is read several times.
    A last block without a line break is given one. Raises InputError when the file became shorter.
    """
    for start, stop in pairwise(bounds):
        file.seek(start)
        yield _whole(_read(file, stop - start, name=name))
    one = re.escape(delimiter.encode())
    quoted = rb'(?<![^%b\n])"(?:[^"]++|"")*+"(?=[%b\r\n])' % (one, one)
    well_quoted = re.compile(rb'(?:[^"]*+%b)*+[^"]*+' % quoted)  # possessive: its time is linear
    for offset, block in _blocks(file, start=bounds[-1], end=end, name=name):
        if not block.endswith(b"\n") or _LONE_RETURN.search(block):
            return
        if b'"' in block and not well_quoted.fullmatch(block):
            return
        if offset == bounds[-1]:  # another reader of the same grid may be further on
            bounds.append(min(offset + len(block), end))
        yield block


def _blocks(file: BinaryIO, *, start: int, end: int, name: str) -> Iterator[tuple[int, bytes]]:
    """Blocks of whole records with their offsets, as far as quotes stand where they belong.

    A record that fills two blocks, or a quote that is never closed, gives a block that ends inside
    a record: an irregular one.
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
            f"{name}: the file became shorter while it was read. Don't change it during a run."
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


def _parse(block: bytes, head: Head, *, width: int) -> pl.DataFrame | None:
    """The block as Polars parses it; None where a row is wider than `width`."""
    # Polars takes the width from the first line, and drops a blank one: put one in front.
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
