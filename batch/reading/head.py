"""Read a text file up to its header: find the header's line and the delimiter."""

import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

from batch.columns import recognised_fields
from batch.errors import InputError
from batch.model import Field
from batch.reading.cost import check_columns
from batch.reading.grid import Cells, filled_cells
from batch.reading.header_row import Evidence, HeaderSearch, no_such_header
from batch.reading.records import Lines, read_records, unquoted_line

_HEAD_MB = 1
_HEAD_BYTES = _HEAD_MB * 1_000_000  # in which the header must end
_DELIMITERS = (",", ";", "\t")
_RECOMMENDED = (*_DELIMITERS, "|")  # by a message
_BLANKS = " ,;\t\xa0"  # a row of these alone is blank, whichever of them is the delimiter
_NAMED_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}
_BOM = "\ufeff"  # a file that was marked twice may have two
_SEP_LINE = re.compile(r'"?sep=(\\t|[^"\r\n])"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A text file's header and its place.

    line: the header's line number.
    end: the offset in bytes of the first row. known: how many of its names are recognised.
    above, better_line, better_delimiter: as in Grid. data_line: as in Top.
    is_quoted: whether it is in quotes as a whole, as the rows below it are then.
    mends: as in `Found`.
    """

    header: tuple[str, ...]
    line: int
    evidence: Evidence
    delimiter: str
    end: int
    known: int
    above: tuple[tuple[int, Cells], ...] = ()
    better_line: int | None = None
    data_line: int | None = None
    better_delimiter: str | None = None
    is_quoted: bool = False
    mends: bool = True

    def fit(self) -> tuple[Evidence, int, int, int]:
        """How well the delimiter fits; the greatest counts."""
        first = -self.line if self.evidence is Evidence.NAMES else 0  # as of several such rows
        return self.evidence, first, self.known, len(self.header)


def _one_character(delimiter: str, *, name: str) -> str:
    one = _NAMED_DELIMITERS.get(delimiter.lower(), delimiter)
    if len(one) != 1 or not one.isascii() or one in '"\r\n\0':
        raise InputError(
            f'{name}: the delimiter "{delimiter}" can\'t be used; expected one ASCII character '
            "other than a quote, such as ; or | or the word tab."
        )
    return one


def read_head(
    path: Path,
    delimiter: str | None,
    search: HeaderSearch,
    *,
    name: str,
    mends: bool = True,
) -> Head:
    """The head of a UTF-8 text file. delimiter: None to find it, where the header is found, too.

    Raises InputError when there is no header.
    """
    delimiter = None if delimiter is None else _one_character(delimiter, name=name)
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
        is_whole = not file.read(1)
    text = start.decode("utf-8", errors="ignore")  # only a cut last character is ignored
    marks = len(text) - len(text.lstrip(_BOM))
    sep = _SEP_LINE.match(text, marks)
    first = marks if sep is None else len(next(io.StringIO(text, newline="")))
    if sep is not None:
        delimiter = delimiter or _one_character(sep[1], name=name)
    read = partial(
        _read_heads,
        text=text[first:],
        offset=len(text[:first].encode()),
        is_whole=is_whole,
        name=name,
        search=search,
        mends=mends,
    )
    heads, problem = _try_delimiters([delimiter] if delimiter else _DELIMITERS, read)
    if not heads and search.line:
        raise problem or no_such_header(search.line, name=name)
    if not heads:
        is_blank = not text.strip(f'{_BLANKS}{_BOM}"\r\n')
        raise (None if is_blank else problem) or InputError(
            f"{name}: no header row was found{'' if is_whole else f' in its first {_HEAD_MB} MB'}; "
            f"expected {', '.join(Field)}."
        )

    # What is data by one delimiter is no title by another.
    data_line = min((head.data_line for head in heads if head.data_line), default=None)
    heads = [head for head in heads if data_line is None or head.line <= data_line]
    best = max(heads, key=Head.fit)
    check_columns(len(best.header), name=name)
    better = max([best, *_try_delimiters(_RECOMMENDED, read)[0]], key=Head.fit)
    return best if better is best else replace(best, better_delimiter=better.delimiter)


def _try_delimiters(
    delimiters: Iterable[str], read: Callable[[str], Iterator[Head]]
) -> tuple[list[Head], InputError | None]:
    """The head for each delimiter that gives one, and the last error."""
    heads: list[Head] = []
    problem = None
    for delimiter in delimiters:
        try:
            heads += read(delimiter)
        except InputError as error:
            problem = error
    return heads, problem


class _Record(NamedTuple):
    """A record, and where it ends in the text. is_quoted: whether it was in quotes as a whole."""

    cells: list[str]
    end: int
    is_quoted: bool


def _read_heads(
    delimiter: str,
    text: str,
    *,
    offset: int,
    is_whole: bool,
    name: str,
    search: HeaderSearch,
    mends: bool,
) -> Iterator[Head]:
    """The head for one delimiter; none where there is no header.

    is_whole: whether the text is all of the file. Raises InputError for a header that goes on.
    """
    records = _first_records(
        delimiter, text, is_whole=is_whole, name=name, search=search, mends=mends
    )
    top = search.split(records, lambda record: filled_cells(record.cells))
    if top is not None:
        cells = top.header.cells
        yield Head(
            header=(*cells, *[""] * (top.width - len(cells))),
            line=top.line,
            evidence=top.evidence,
            delimiter=delimiter,
            end=offset + len(text[: top.header.end].encode()),
            known=recognised_fields(cells, search.columns),
            above=tuple((line, record.cells) for line, record in top.above),
            better_line=top.better_line,
            data_line=top.data_line,
            is_quoted=top.header.is_quoted,
            mends=mends,
        )


def _first_records(
    delimiter: str, text: str, *, is_whole: bool, name: str, search: HeaderSearch, mends: bool
) -> Iterator[tuple[int, _Record]]:
    """The records with their lines, as far as they can be read; none is cut.

    Raises InputError for a fault in what may be the header, or above it.
    """
    source = Lines(io.StringIO(text, newline=""))
    records = read_records(source, delimiter, first_line=1, name=name, mends=mends)
    has_first = False  # below it a fault is one of the rows, for whoever reads those
    for line in count(1):
        may_be_header = line <= search.line if search.line else not has_first
        try:
            cells = next(records, None)
        except InputError:
            if may_be_header:
                raise
            return
        if cells is None:
            return
        is_blank = not any(cell.strip(_BLANKS) for cell in cells)
        if not is_blank and not is_whole and source.taken == len(text):
            if may_be_header:
                raise InputError(
                    f"{name} line {line}: the header is longer than {_HEAD_MB} MB. "
                    "Shorten the names of its columns, or close a quote that is open."
                )
            return
        has_first = has_first or not is_blank
        inner = unquoted_line(cells, delimiter, name=name) if mends else None
        is_quoted = inner is not None and recognised_fields(inner, search.columns) > 0
        record = [] if is_blank else inner if inner and is_quoted else cells
        yield line, _Record(record, source.taken, is_quoted)
