"""A workbook as a grid: choose its sheet, read its rows as text, count the hidden ones."""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import xlrd

from batch.advice import Fix, Remedy
from batch.errors import InputError
from batch.model import Field
from batch.reading.content import FREE_EXPANSION, MAX_EXPANSION, Format, max_unpacked_bytes
from batch.reading.cost import CostError, Tally
from batch.reading.grid import (
    FilledCells,
    Grid,
    PackedRows,
    is_blank,
    listed,
    pack_rows,
    short_text,
    without_empty_end,
)
from batch.reading.header_row import HeaderSearch, Top, no_such_header
from batch.reading.markup import MarkupError
from batch.reading.ods import open_ods
from batch.reading.sheet import SheetRow, UnorderedRowsError, Workbook
from batch.reading.xls import open_xls
from batch.reading.xlsx import open_xlsx

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    xlrd.XLRDError,
    struct.error,
    # what parsers meet in a file whose parts contradict each other; MarkupError is a ValueError
    ValueError,
    LookupError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
)

_SEARCHED_SHEETS = 100  # of a workbook where none is named


def open_workbook(
    path: Path, file_format: Format, *, sheet: str | None, search: HeaderSearch, name: str
) -> Grid:
    """The grid of one sheet of a workbook; its cells are in memory, as text.

    sheet: the sheet's name; None when only one is visible. search: finds the header.
    Raises InputError when the file is damaged or holds too much, the sheet is not clear or has no
    header, or a cell stands beyond the header's width.
    """
    with _open(path, file_format, name=name) as book:
        chosen = _choose_sheet(book, sheet, search, name=name)
        try:
            read = _read_sheet(book.rows(chosen), search, sheet=chosen, name=name)
        except UnorderedRowsError:
            read = _read_sheet(book.sorted_rows(chosen), search, sheet=chosen, name=name)
    notes = []
    if len(book.visible) + len(book.hidden) > 1:
        was_found = sheet is None and len(book.visible) > 1
        only = ", the only one with the columns" if was_found else ""
        notes.append(f'{name}: reading sheet "{short_text(chosen)}"{only}.')
    if read.hidden == 1:
        notes.append(f"{name}: 1 hidden or filtered row is read and sent like the others.")
    elif read.hidden:
        notes.append(
            f"{name}: {read.hidden:,} hidden or filtered rows are read and sent like the others."
        )
    header = read.header
    return Grid(
        header=header,
        batches=lambda: (rows.frame(len(header)) for rows in read.rows),
        header_line=read.top.line,
        above=tuple((line, row.texts()) for line, row in read.top.above),
        better_header_line=read.top.better_line,
        sheet=chosen,
        is_sheet=True,
        merged=tuple(book.merged),
        notes=tuple(notes),
    )


def sheet_names(path: Path, file_format: Format, *, name: str) -> tuple[str, ...]:
    """The names of a workbook's sheets, hidden ones last. Raises InputError when it is damaged."""
    with _open(path, file_format, name=name) as book:
        return book.visible + book.hidden


class _Sheet(NamedTuple):
    """A sheet's contents. hidden: the number of hidden rows that hold something."""

    top: Top[SheetRow]
    header: tuple[str, ...]
    rows: tuple[PackedRows, ...]
    hidden: int


def _read_sheet(rows: Iterable[SheetRow], search: HeaderSearch, *, sheet: str, name: str) -> _Sheet:
    """Raises CostError when the rows hold too much, and InputError when there is no header."""
    numbered = _counted(rows)
    top = search.split(numbered, lambda row: row.cells)
    if top is None and search.line:
        raise no_such_header(search.line, name=name)
    if top is None:
        raise InputError(
            f'{name}: sheet "{short_text(sheet)}" is empty; '
            f"expected a header with {', '.join(Field)}."
        )
    hidden = 0

    def below() -> Iterator[FilledCells]:
        nonlocal hidden
        for row in chain(top.below, (row for _, row in numbered)):
            hidden += row.hidden and not all(map(is_blank, row.cells.values()))
            yield row.cells

    cells = without_empty_end(below())
    names = [cell or "" for cell in top.header.texts()]
    header = (*names, *[""] * (top.width - len(names)))
    packed = tuple(pack_rows(cells, width=len(header), first_line=top.line + 1, name=name))
    return _Sheet(top=top, header=header, rows=packed, hidden=hidden)


def _counted(rows: Iterable[SheetRow]) -> Iterator[tuple[int, SheetRow]]:
    """The rows with their lines. Raises CostError when they hold too much."""
    tally = Tally()
    for line, row in enumerate(rows, 1):
        tally.add(row.cells, line=line)
        yield line, row


@contextmanager
def _open(path: Path, file_format: Format, *, name: str) -> Iterator[Workbook]:
    try:
        if file_format is Format.XLS:
            yield open_xls(path)
            return
        size = path.stat().st_size
        # a sheet that is refused half read would keep a file open that the archive had opened
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            # each part may unpack to some MB, however small it is: all of them together no further
            if sum(part.file_size for part in archive.infolist()) > max_unpacked_bytes(size):
                raise InputError(
                    f"{name}: its parts unpack to more than {FREE_EXPANSION >> 20} MB and "
                    f"{MAX_EXPANSION} times its size, as no workbook's do. "
                    "Save its data as CSV if you trust it."
                )
            yield open_ods(archive) if file_format is Format.ODS else open_xlsx(archive)
    except CostError as error:
        raise InputError(error.sentence(name)) from error
    except _DAMAGE as error:
        detail = f" ({short_text(str(error))})" if isinstance(error, MarkupError) else ""
        raise InputError(
            f"{name}: can't be read as {file_format}{detail}; it is damaged or protected. "
            "Open it in a spreadsheet program and save it again."
        ) from error


def _choose_sheet(book: Workbook, sheet: str | None, search: HeaderSearch, *, name: str) -> str:
    """The sheet that is named, else the only visible one, else the only one with the columns."""
    if sheet is None and len(book.visible) == 1:
        return book.visible[0]
    if sheet is not None:
        every = book.visible + book.hidden
        for same in (str, str.casefold):
            for each in every:
                if same(each.strip()) == same(sheet.strip()):
                    return each
        raise InputError(f'{name}: has no sheet "{sheet}"; found {listed(every)}.')
    if not book.visible:
        raise InputError(f"{name}: has no visible sheet.", Remedy(Fix.NAME_SHEET))
    with_columns = _sheets_with_columns(book, search)
    if search.line and not with_columns:
        with_columns = _sheets_with_columns(book, replace(search, line=None))
    if len(with_columns) == 1 and any(with_columns.values()):
        return next(iter(with_columns))
    is_choice = len(with_columns) > 1  # one without rows may be a template for the others
    sheets, what = (list(with_columns), " with the columns") if is_choice else (book.visible, "")
    raise InputError(
        f"{name}: has {len(sheets)} sheets{what}: {listed(sheets)}.", Remedy(Fix.NAME_SHEET)
    )


def _sheets_with_columns(book: Workbook, search: HeaderSearch) -> dict[str, bool]:
    """The visible sheets with the names of the columns, and whether rows stand below those.

    None where there are too many to look.
    """
    if len(book.visible) > _SEARCHED_SHEETS:
        return {}
    if book.every:
        by_name = groupby(book.every(*book.visible), itemgetter(0))
        each_rows = ((sheet, (row for _, row in rows)) for sheet, rows in by_name)
        each_found = [(sheet, _has_rows(rows, search)) for sheet, rows in each_rows]
        return {sheet: has_rows for sheet, has_rows in each_found if has_rows is not None}
    found = {}
    for sheet in book.visible:
        try:
            has_rows = _has_rows(book.rows(sheet), search)
        except UnorderedRowsError:
            has_rows = _has_rows(book.sorted_rows(sheet), search)
        if has_rows is not None:
            found[sheet] = has_rows
    return found


def _has_rows(rows: Iterable[SheetRow], search: HeaderSearch) -> bool | None:
    """Whether rows stand below the names of the columns; None where those are missing."""
    top = search.split(_counted(rows), lambda row: row.cells)
    if top is None or not search.has_names(top.header.cells):
        return None
    return any(not is_blank(cell) for row in top.below for cell in row.cells.values())
