"""The values of a workbook's cells as text: numbers, dates and booleans as a person types them.

Pure, and shared by the three workbook formats.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from batch.reading.grid import FilledCells
from batch.reading.merged import Merged

MAX_ROWS = 1 << 20  # of Excel and LibreOffice; more is damage or a bomb

_DAY_MS = 86_400_000
_LAST_DAY = 2_958_465  # 9999-12-31
# Parts of a number format that are text, a colour, a locale or padding, not a unit of time.
# Elapsed time, as [h], is kept.
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\[\]]*\]', re.IGNORECASE)


class UnorderedRowsError(Exception):
    """A row comes after one that stands below it; `Workbook.sorted_rows` gives them in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """A row of a sheet: its cells that hold something."""

    cells: FilledCells
    hidden: bool = False

    def texts(self) -> list[str | None]:
        """All cells from column A on, up to the last that holds something."""
        return [self.cells.get(i) for i in range(max(self.cells, default=-1) + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbook:
    """The sheets of a workbook by name, in order, and two ways to read one.

    visible, hidden: the names of the sheets.
    rows: gives a sheet's rows without gaps, from spreadsheet line 1 on; may raise
    UnorderedRowsError on the way.
    sorted_rows: gives the same rows in whatever order the file has them, at twice the cost.
    merged: the groups of merged cells of the sheet whose rows were read last.
    every: gives the rows of several sheets, each with its sheet's name, where reading one at a time
    would read the whole file each time; else None.
    """

    visible: tuple[str, ...]
    hidden: tuple[str, ...]
    rows: Callable[[str], Iterator[SheetRow]]
    sorted_rows: Callable[[str], Iterator[SheetRow]]
    merged: list[Merged]
    every: Callable[..., Iterator[tuple[str, SheetRow]]] | None = None


def number_text(value: float) -> str:
    """The number with the 15 digits that Excel keeps: 123, 0.3, 6.5E+23.

    The E gives away an id that Excel turned into a number.
    """
    return f"{value or 0.0:.15g}".upper()


def boolean_text(value: object) -> str:
    """TRUE or FALSE, as spreadsheets show it."""
    return "TRUE" if value else "FALSE"


def has_date(number_format: str) -> bool:
    """Whether a number format shows a date or a time."""
    units = _LITERALS.sub("", number_format.partition(";")[0])
    return units.lower() != "general" and re.search(r"[dmyhs]", units, re.IGNORECASE) is not None


def date_text(serial: float, number_format: str, *, from_1904: bool) -> str:
    """An Excel serial date as ISO text, with the parts that its format shows.

    serial: days since the workbook's epoch; one that is no date is given as a number.
    """
    if not 0 <= serial <= _LAST_DAY:
        return number_text(serial)
    units = _LITERALS.sub("", number_format.partition(";")[0]).lower()
    milliseconds = round(serial * _DAY_MS)
    if not re.search(r"[yd]", units) and (serial < 1 or "[" in units):
        seconds, fraction = divmod(milliseconds, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{hour:02}:{minute:02}:{second:02}" + (f".{fraction:03}" if fraction else "")
    if serial < 61 and not from_1904:
        milliseconds += _DAY_MS  # Excel counts a 29 February 1900 that never was
    epoch = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001  # a cell has no time zone
    return moment_text(epoch + timedelta(milliseconds=milliseconds))


def moment_text(moment: datetime) -> str:
    """ISO text without a time of midnight and without a fraction of zero."""
    if moment.time() == datetime.min.time():
        return moment.date().isoformat()
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix(".000")
