"""Find the header among a spreadsheet's first rows, below titles, notes and blank rows.

Pure: rows in, the header's place and what stands above it out.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

from batch.advice import Advice, Fix, Remedy
from batch.columns import Column, Naming, name_key, reads_as, recognised_fields, spellings
from batch.errors import InputError
from batch.model import LEAD_STATUSES, Field
from batch.reading.grid import FilledCells, Grid, is_blank, short_text
from batch.reading.header import is_value

SEARCHED_ROWS = 50  # at the top: no report has its header further down
MOST_ABOVE = 1_000  # rows above a header that the user names
_FEWEST = 3  # cells of a row: two ids, or address and campaign, and what is wished
_IDS = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{24}(?![0-9a-fA-F])")
_SHOWN = 3  # of what is passed over, in a message
_Row = TypeVar("_Row")


class Evidence(IntEnum):
    """What makes a row the header, the strongest last."""

    PLACE = 0  # it is the first that is not blank, and nothing more
    VALUES = 1  # it names columns of ids, addresses or statuses below it, or has some of the names
    NAMES = 2  # it has the names of the columns that are needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Top(Generic[_Row]):
    """A spreadsheet's first rows, split at the header, whose line this is.

    width: how many columns the rows below have, where the header has no evidence of names: it then
    is given so many, and those rows can be shown.
    above: what is passed over, without blank rows, each with its line. below: rows that were read
    on the way. better_line: of a row that has the needed names, where another must be the header.
    data_line: of the first row that was seen to be data, above any row with the needed names.
    """

    line: int
    header: _Row
    width: int
    evidence: Evidence
    above: tuple[tuple[int, _Row], ...]
    below: tuple[_Row, ...]
    better_line: int | None
    data_line: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderSearch:
    """How the header is to be found.

    columns: header names that the user gave for columns.
    has_campaign: whether the user named one campaign for all rows.
    has_own_ids: whether ids look otherwise than here: any row of three cells may then be one.
    line: of the header, where that is known.
    is_first: whether it else is the first row that is not blank, as it was before titles could
    stand above it.
    """

    columns: Mapping[Column, str] = field(default_factory=dict)
    has_campaign: bool = False
    has_own_ids: bool = False
    line: int | None = None
    is_first: bool = False

    def split(
        self, numbered: Iterable[tuple[int, _Row]], cells_of: Callable[[_Row], FilledCells]
    ) -> Top[_Row] | None:
        """Take rows from the top, each with its line, as far as the header is looked for.

        None where there is none: every row, or the one that was asked for, is blank.
        """
        rows: list[_Numbered[_Row]] = []
        last = max(self.line or 0, SEARCHED_ROWS)
        for line, row in numbered:
            cells = {at: cell for at, cell in cells_of(row).items() if not is_blank(cell)}
            if rows or line == self.line or cells:
                if line <= MOST_ABOVE or line == self.line or not rows:
                    rows.append(_Numbered(line, row, cells))
                if line >= last or (self.is_first and not self.line):
                    break
        places = (at for at, row in enumerate(rows) if row.line == (self.line or row.line))
        place = next(places, None)
        if place is None or not rows[place].cells:
            return None
        evidence = Evidence.NAMES if self.has_names(rows[place].cells) else Evidence.PLACE
        better = data = None
        if self.line is None and evidence is Evidence.PLACE:
            place, evidence, better, data = self._find([row.cells for row in rows])
        below = rows[place + 1 :]
        shown = [] if evidence is Evidence.NAMES else below
        return Top(
            line=rows[place].line,
            header=rows[place].row,
            width=max((at + 1 for each in shown for at in each.cells), default=0),
            evidence=evidence,
            above=tuple((each.line, each.row) for each in rows[:place] if each.cells),
            below=tuple(each.row for each in below),
            better_line=None if better is None else rows[better].line,
            data_line=None if data is None else rows[data].line,
        )

    def _find(self, rows: Sequence[FilledCells]) -> tuple[int, Evidence, int | None, int | None]:
        """The header's place, what speaks for it, and where the needed names and data stand.

        An ordinary header is never passed over for a later one: above the header stand only rows
        that say nothing of any lead.
        """
        named = next((at for at, row in enumerate(rows) if self.has_names(row)), None)
        headers: list[tuple[int, FilledCells]] = []  # rows that may be one, and their places
        data: int | None = None  # the first row of a table without a header
        addressed: set[int] = set()  # the places of addresses in rows so far
        for at, row in enumerate(rows[:named]):
            values = {place for place, cell in row.items() if is_value(cell)}
            if not values and len(row) > 1:
                headers.append((at, row))
            # a note has a label in front of its one value, as "Made by: ann@example.com"
            is_note = len(values) == 1 and len(row) < _FEWEST and min(row) not in values
            if values and len(row) > 1 and not is_note:
                fits = [header for header in headers if values <= header[1].keys()]
                if fits:  # the first, but for titles of two cells that are too narrow
                    place, _ = min(fits, key=lambda header: len(header[1]) < len(row))
                    return place, Evidence.VALUES, named, at
                # one row may be a note of three cells, two are rows; no note begins with a value
                if (
                    not addressed.isdisjoint(values)
                    or (len(row) >= _FEWEST and min(row) in values)
                    or len(row) > _FEWEST
                ):
                    data = at if data is None else data
                addressed |= values
            if data is None and self._is_row(row, {} if named is None else rows[named]):
                data = at
        if named is not None and data is None:
            return named, Evidence.NAMES, None, None
        first = next((at for at, row in enumerate(rows) if len(row) >= _FEWEST), 0)
        if named is None and self._is_header_of_words(rows[first], rows[first + 1 :]):
            return first, Evidence.VALUES, None, data
        return 0, Evidence.PLACE, named, data

    def _is_header_of_words(self, row: FilledCells, below: Sequence[FilledCells]) -> bool:
        """Whether the first row that is no title has two of the names, or one above statuses.

        Labels are not known while a file is read: of those, names alone can tell.
        """
        if len(row) < _FEWEST or any(is_value(cell) or _is_status(cell) for cell in row.values()):
            return False
        if recognised_fields([*row.values()], self.columns) > 1:
            return True
        return any(
            place in row and _is_status(cell) for each in below for place, cell in each.items()
        )

    def _is_row(self, row: FilledCells, header: FilledCells) -> bool:
        """Whether a row above the one with the needed names has what could be sent.

        Two ids, also in one cell where another delimiter is tried; or an address where the header
        has them, beside a campaign.
        """
        if len(_IDS.findall(" ".join(row.values()))) > 1:
            return True
        if self.has_own_ids and len(row) >= _FEWEST:
            return True
        values = {place for place, cell in row.items() if is_value(cell)}
        addresses = {p for p, cell in header.items() if reads_as(cell, Naming.EMAIL, self.columns)}
        fewest = _FEWEST - self.has_campaign
        return len(values) > 1 or (len(row) >= fewest and not values.isdisjoint(addresses))

    def has_names(self, row: FilledCells) -> bool:
        """Whether a row names the columns without which nothing can be sent."""
        names = set(map(name_key, set(row.values())))

        def has(column: Column) -> bool:
            return not names.isdisjoint(spellings(column, self.columns))

        if not (has(Field.STATUS) or has(Field.AI_TAG)):
            return False
        if has(Field.CAMPAIGN_ID) and has(Field.CAMPAIGN_LEAD_ID):
            return True
        has_campaign = self.has_campaign or has(Field.CAMPAIGN_ID) or has(Naming.CAMPAIGN)
        return has_campaign and has(Naming.EMAIL)


def _is_status(cell: str) -> bool:
    return cell.strip().lower() in LEAD_STATUSES


def no_such_header(line: int, *, name: str) -> InputError:
    """The error for a line that was to be the header, but is blank or not there."""
    return InputError(
        f"{name} line {line} is blank or missing; expected the header, the names of the columns."
    )


def passed_over(grid: Grid, *, was_named: bool, name: str) -> Advice:
    """Say where a header is, and what stands above it.

    was_named: whether the user named its line.
    """
    texts = (
        (line, short_text(", ".join(cell for cell in cells if cell and not cell.isspace())))
        for line, cells in grid.above[:_SHOWN]
    )
    shown = ", ".join(f'line {line} "{text}"' for line, text in texts)
    more = len(grid.above) - _SHOWN
    others = f" and {more} more" if more > 0 else ""
    return Advice(
        f"{name}: the header is line {grid.header_line}. Passed over above it: {shown}{others}.",
        *([] if was_named else [Remedy(Fix.NAME_HEADER_ROW)]),
    )


class _Numbered(NamedTuple, Generic[_Row]):
    line: int
    row: _Row
    cells: FilledCells  # without blank ones
