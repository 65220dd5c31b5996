"""A workbook as a grid: its sheet chosen, its rows held as text, hidden ones counted."""

import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import xlrd

from batch.errors import InputError
from batch.model import Field
from batch.reading.content import FREE_EXPANSION, MAX_EXPANSION, Format, most_unpacked
from batch.reading.cost import CostError, Tally
from batch.reading.grid import Filled, Grid, HeldRows, held_rows, is_blank, shown, until_last_row
from batch.reading.header_words import titles
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


def open_workbook(path: Path, file_format: Format, *, sheet: str | None, name: str) -> Grid:
    """The grid of one sheet of a workbook; its cells are held in memory, as text.

    sheet: the sheet's name; None when only one can be seen.
    Raises InputError when the file is damaged or holds more than is read, the sheet is not clear
    or has no header, or a cell stands beyond the header's width.
    """
    with _opened(path, file_format, name=name) as book:
        chosen = _choose_sheet(book, sheet, name=name)
        try:
            read = _read(book.rows(chosen), sheet=chosen, name=name)
        except UnorderedRowsError:
            read = _read(book.sorted_rows(chosen), sheet=chosen, name=name)
    return Grid(
        header=read.header,
        batches=lambda: (rows.frame(len(read.header)) for rows in read.rows),
        is_sheet=True,
        notes=tuple(_notes(book, chosen, read.hidden, name=name)),
    )


class _Sheet(NamedTuple):
    """A sheet as it was read. hidden: how many hidden rows hold something."""

    header: tuple[str, ...]
    rows: tuple[HeldRows, ...]
    hidden: int


def _read(rows: Iterable[SheetRow], *, sheet: str, name: str) -> _Sheet:
    numbered = _counted(rows)
    line, header = _find_header(numbered, sheet=sheet, name=name)
    hidden: list[int] = []
    held = tuple(
        held_rows(
            until_last_row(_cells(numbered, hidden)),
            width=len(header),
            first_line=line + 1,
            name=name,
        )
    )
    return _Sheet(header=header, rows=held, hidden=len(hidden))


@contextmanager
def _opened(path: Path, file_format: Format, *, name: str) -> Iterator[Workbook]:
    try:
        if file_format is Format.XLS:
            yield open_xls(path)
            return
        # a sheet that is refused half read would keep a file open that the archive had opened
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _refuse_bomb(archive, path.stat().st_size)
            yield open_ods(archive) if file_format is Format.ODS else open_xlsx(archive)
    except CostError as error:
        raise InputError(error.sentence(name)) from error
    except _DAMAGE as error:
        detail = f" ({shown(str(error))})" if isinstance(error, MarkupError) else ""
        raise InputError(
            f"{name}: can't be read as {file_format}{detail}; it is damaged or protected. "
            "Open it in a spreadsheet program and save it again."
        ) from error


def _refuse_bomb(archive: zipfile.ZipFile, size: int) -> None:
    """Each part may unpack to some MB, however small it is: all of them together no further."""
    if sum(part.file_size for part in archive.infolist()) > most_unpacked(size):
        raise CostError(
            f"its parts unpack to more than {FREE_EXPANSION >> 20} MB and {MAX_EXPANSION} times "
            "its size, as those of no workbook do. Save its data as CSV if you trust it."
        )


def _counted(rows: Iterable[SheetRow]) -> Iterator[tuple[int, SheetRow]]:
    """The rows with their lines. Raises CostError once they hold more than is read."""
    tally = Tally()
    for line, row in enumerate(rows, 1):
        tally.add(row.cells, line=line)
        yield line, row


def _choose_sheet(book: Workbook, sheet: str | None, *, name: str) -> str:
    if sheet is None and len(book.visible) == 1:
        return book.visible[0]
    every = book.visible + book.hidden
    if sheet is not None:
        for same in (str, str.casefold):
            for each in every:
                if same(each.strip()) == same(sheet.strip()):
                    return each
    listed = titles(book.visible if sheet is None else every)
    if sheet is not None:
        raise InputError(f'{name}: has no sheet "{sheet}"; found {listed}.')
    if not book.visible:
        raise InputError(f"{name}: has no visible sheet. Name a sheet with --sheet.")
    raise InputError(f"{name}: has {len(book.visible)} sheets: {listed}. Choose with --sheet.")


def _find_header(
    rows: Iterable[tuple[int, SheetRow]], *, sheet: str, name: str
) -> tuple[int, tuple[str, ...]]:
    for line, row in rows:
        if not all(map(is_blank, row.cells.values())):
            return line, tuple(cell or "" for cell in row.texts())
    raise InputError(
        f'{name}: sheet "{shown(sheet)}" is empty; expected a header with {", ".join(Field)}.'
    )


def _cells(rows: Iterable[tuple[int, SheetRow]], hidden: list[int]) -> Iterator[Filled]:
    """The rows' cells; the lines of hidden rows that hold something are noted."""
    for line, row in rows:
        if row.hidden and not all(map(is_blank, row.cells.values())):
            hidden.append(line)
        yield row.cells


def _notes(book: Workbook, sheet: str, hidden: int, *, name: str) -> Iterator[str]:
    if len(book.visible) + len(book.hidden) > 1:
        yield f'{name}: reading sheet "{shown(sheet)}".'
    if hidden == 1:
        yield f"{name}: 1 hidden or filtered row is read and sent like the others."
    elif hidden:
        yield f"{name}: {hidden:,} hidden or filtered rows are read and sent like the others."
