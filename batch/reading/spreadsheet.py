"""A spreadsheet's file as a grid, whatever its format: what is said of it, and what was found.

A run keeps what was found beside its copy of the input: a later version of this program, which may
find another header or another delimiter, still reads that copy as it was read then.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from batch.columns import Column
from batch.errors import InputError
from batch.reading.content import Format, detect_format, unpack
from batch.reading.delimited import open_delimited
from batch.reading.encoding import to_utf8
from batch.reading.grid import Cells, Grid
from batch.reading.header_row import HeaderSearch, passed_over
from batch.reading.mended import Mend
from batch.reading.parquet import open_parquet


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a spreadsheet was read.

    header_line: the line of its header. passed_over: the lines above it that hold something.
    sheet: of a workbook. encoding, delimiter: of a text file.
    columns: the position of each column that means something.
    read_width: how many columns are read; own_width: how many of these are the user's own.
    width: how many columns have a name. is_ours: whether it is a results.csv or failed.csv.
    mends: whether slips of exporters are read as they are meant: blanks before a quote, lines
    quoted as a whole, ="…", an end mark. Earlier versions of this program read them as they stand.
    """

    header_line: int
    columns: Mapping[Column, int]
    read_width: int
    own_width: int
    width: int
    is_ours: bool
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    passed_over: tuple[int, ...] = ()
    mends: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """What the user says about the spreadsheet; None is found out.

    sheet: a workbook's sheet, by name.
    encoding: a text file's, by Python's name for it.
    delimiter: a text file's: one ASCII character, or tab, comma, semicolon.
    header_row: the line of its header.
    columns: header names of columns that are called otherwise.
    has_campaign: whether one campaign was named for all rows.
    has_own_ids: whether the user has said how ids look.
    has_workspaces: whether rows may be of several workspaces.
    was_accepted: whether an earlier run has read the file, perhaps before later formats were known.
    found: what that run found, which then counts instead; None of one that kept nothing.
    mended: cells that somebody has mended.
    remembered: gives what was confirmed before for a file of exactly these headers; it stands below
    `columns`. unused: gives the same where it may not be used, only named.
    """

    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    columns: Mapping[Column, str] = field(default_factory=dict)
    has_campaign: bool = False
    has_own_ids: bool = False
    has_workspaces: bool = False
    was_accepted: bool = False
    found: Found | None = None
    mended: tuple[Mend, ...] = ()
    remembered: Callable[[tuple[str, ...]], Mapping[Column, str]] = lambda _: {}
    unused: Callable[[tuple[str, ...]], Mapping[Column, str]] = lambda _: {}

    @property
    def mends(self) -> bool:
        """As `Found.mends`."""
        return not self.was_accepted if self.found is None else self.found.mends

    @property
    def search(self) -> HeaderSearch:
        """How the header is looked for."""
        return HeaderSearch(
            columns=self.columns,
            has_campaign=self.has_campaign,
            has_own_ids=self.has_own_ids,
            line=self.found.header_line if self.found else self.header_row,
            is_first=self.was_accepted,
        )


def open_grid(path: Path, options: TableOptions, *, scratch: Path, name: str) -> Grid:
    """The spreadsheet before its columns are known. scratch: the folder for copies.

    Raises InputError when it can't be read.
    """
    if not path.stat().st_size:
        raise InputError(f"{name}: is empty (0 bytes).")
    plain = unpack(path, scratch=scratch, name=name)
    file_format = detect_format(plain, name=name)
    is_text, is_parquet = file_format is Format.TEXT, file_format is Format.PARQUET
    found = options.found
    if found is not None:
        options = replace(
            options, sheet=found.sheet, encoding=found.encoding, delimiter=found.delimiter
        )
    # An option that would do nothing is a misunderstanding about the file.
    for what, value, fits in (
        ("a sheet", options.sheet, not is_text and not is_parquet),
        ("an encoding", options.encoding, is_text),
        ("a delimiter", options.delimiter, is_text),
        ("the line of a header", options.header_row, not is_parquet),
    ):
        if value is not None and not fits:
            raise InputError(f"{name}: is {file_format}, where {what} means nothing. Leave it out.")
    if is_parquet:
        return open_parquet(plain, name=name)
    if not is_text:
        from batch.reading.workbook import open_workbook  # noqa: PLC0415 - 15 ms to load

        grid = open_workbook(
            plain, file_format, sheet=options.sheet, search=options.search, name=name
        )
    else:
        text = to_utf8(plain, options.encoding, scratch=scratch, name=name, mends=options.mends)
        grid = open_delimited(
            text.path,
            delimiter=options.delimiter,
            search=options.search,
            notes=text.notes,
            name=name,
            mends=options.mends,
        )
        grid = replace(grid, encoding=text.encoding)
    if not grid.above or found:  # who reads on from what was found was told of it then
        return grid
    told = passed_over(grid, was_named=options.header_row is not None, name=name)
    return replace(grid, notes=(*grid.notes, told))


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRows:
    """A spreadsheet's header and its first rows. rows, above: line and cells as read.

    above: what is passed over above the header, without blank rows.
    """

    header: tuple[str, ...]
    header_line: int
    above: tuple[tuple[int, tuple[str, ...]], ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_sheet_names(path: Path, *, name: str) -> tuple[str, ...]:
    """The names of a workbook's sheets, hidden ones last; none of any other file.

    name: what messages call the file. Raises InputError when it can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        plain = unpack(path, scratch=Path(scratch), name=name)
        file_format = detect_format(plain, name=name)
        if file_format in {Format.TEXT, Format.PARQUET}:
            return ()
        from batch.reading.workbook import sheet_names  # noqa: PLC0415 - 15 ms to load

        return sheet_names(plain, file_format, name=name)


def read_first_rows(path: Path, options: TableOptions, *, name: str, rows: int) -> FirstRows:
    """The header and that many rows of a spreadsheet, whatever its columns are called.

    name: what messages call the file. Raises InputError when it can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        try:
            grid = open_grid(path, options, scratch=Path(scratch), name=name)
            every = chain.from_iterable(frame.iter_rows() for frame in grid.batches())
            first = islice(((line, cells) for line, *cells in every), rows)
            shown, above = map(_as_texts, (first, grid.above))
        except OSError as error:
            raise InputError(f"{name}: can't be read: {error.strerror or error}.") from error
    return FirstRows(
        header=grid.header,
        header_line=grid.header_line,
        above=above,
        rows=shown,
    )


def _as_texts(rows: Iterable[tuple[int, Cells]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    return tuple((line, tuple(cell or "" for cell in cells)) for line, cells in rows)
