"""What the columns of one spreadsheet mean: which are the user's, which are read, which are ours.

Pure: a grid's header in, positions out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from batch.columns import (
    ADDED_SETS,
    COLUMNS,
    FIRST_ADDED,
    Column,
    Naming,
    is_of_later_format,
    reads_as,
    recognised_fields,
)
from batch.errors import InputError
from batch.escape import unescape_text
from batch.model import Field
from batch.reading.grid import Grid, listed, quoted
from batch.reading.header import find_columns, find_workspace, refuse_row
from batch.reading.proposals import propose
from batch.reading.spreadsheet import Found

_IDS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)


class LookedUpIds(Protocol):
    """Ids that were looked up by e-mail address."""

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """Those of the lines from first to last: line (UInt32), campaignId, campaignLeadId."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one spreadsheet.

    names: the columns that are read, in their order; without the added ones of a file of ours.
    own_width: how many of these are the user's own; ids that an earlier run looked up follow them.
    fields: the position of each column that means something.
    width: how many columns have a name, the added ones too.
    is_ours: whether it is a results.csv or failed.csv.
    """

    names: tuple[str, ...]
    own_width: int
    fields: Mapping[Column, int]
    width: int
    is_ours: bool

    @property
    def is_by_email(self) -> bool:
        """Whether e-mail addresses stand for the leads' ids."""
        return Naming.EMAIL in self.fields

    @property
    def campaign_was_found(self) -> bool:
        """Whether an earlier run has looked up the campaigns' ids."""
        return self.fields.get(Field.CAMPAIGN_ID, -1) >= self.own_width

    @property
    def missing_ids(self) -> tuple[Field, ...]:
        """The ids that are not among the user's own columns; results show them behind those."""
        end = self.own_width
        return tuple(each for each in _IDS if self.fields.get(each, end) >= end)

    def misread(self, columns: Mapping[Column, str]) -> Column | None:
        """The first column that is read, or not read, against its name; None if there is none.

        columns: names, or numbers, that the user gave.
        """
        for column in COLUMNS:
            at = self.fields.get(column)
            named = [n for n, cell in enumerate(self.names) if reads_as(cell, column, columns)]
            if at is None:
                if named and isinstance(column, Field):
                    return column
            elif at not in named and columns.get(column) != f"#{at + 1}":
                return column
        return None

    def append_ids(
        self, frames: Iterator[pl.DataFrame], ids: LookedUpIds
    ) -> Iterator[pl.DataFrame]:
        """The user's own columns, as `Table.rows` gives them, followed by the missing ids."""
        places = enumerate(self.missing_ids, self.own_width)
        columns = [pl.col(field).alias(str(place)) for place, field in places]
        for frame in frames:
            found = ids.between(frame["line"][0], frame["line"][-1]).select("line", *columns)
            yield frame.join(found, on="line", how="left", maintain_order="left")


def known_layout(grid: Grid, found: Found, *, name: str) -> Layout:
    """What the columns of a grid mean, as it was found. Raises InputError where it can't be so."""
    positions = (*found.columns.values(), found.own_width - 1)
    is_there = max(positions) < found.read_width <= found.width <= len(grid.header)
    if not is_there or not found.columns:
        raise InputError(f"{name}: its header is not the one that run.json tells of.")
    names = grid.header[: found.read_width]
    return Layout(
        names=tuple(map(unescape_text, names)) if found.is_ours else names,
        own_width=found.own_width,
        fields=found.columns,
        width=found.width,
        is_ours=found.is_ours,
    )


def find_layout(
    grid: Grid,
    columns: Mapping[Column, str],
    *,
    has_campaign: bool,
    name: str,
    has_workspaces: bool = False,
    was_accepted: bool = False,
) -> Layout:
    """What the columns of a grid mean.

    columns: names that the user gave. has_campaign: whether one campaign was named for all rows.
    name: what messages call the file. has_workspaces: whether rows may be of several workspaces.
    was_accepted: whether an earlier run has read it so.
    Raises InputError when it is not clear.
    """
    if grid.above:
        name = f"{name} line {grid.header_line}"
    added = find_added_columns(grid.header)
    if added is None:
        if not was_accepted:
            refuse_newer(grid.header, columns, name=name)
        names, width, looked_up = grid.header, len(grid.header), 0
    else:
        start, width = added
        names = tuple(map(unescape_text, grid.header[:start]))
        looked_up = count_looked_up_ids(names, columns)
    fields = find_columns(
        names,
        columns,
        name=name,
        better_delimiter=grid.better_delimiter,
        better_line=grid.better_header_line,
        has_looked_up_ids=looked_up > 0,
        has_campaign=has_campaign,
        propose=lambda found: _proposed(grid, names, found),
    )
    # Else a column of that name is the user's own.
    if has_workspaces or Naming.WORKSPACE in columns:
        fields |= find_workspace(names, columns, fields, name=name)
    if not was_accepted:
        refuse_row(names, fields, better_line=grid.better_header_line, name=name)
    if has_campaign and Naming.EMAIL not in fields:
        raise InputError(
            f"{name}: names its leads by their ids, where one campaign for all rows means nothing. "
            "Leave it out."
        )
    own_width, is_ours = len(names) - looked_up, added is not None
    return Layout(names=names, own_width=own_width, fields=fields, width=width, is_ours=is_ours)


def _proposed(
    grid: Grid, names: Sequence[str], found: Mapping[Column, int]
) -> Mapping[Column, int]:
    """The columns that are missing, by the values of the first rows."""
    try:
        rows = next(grid.batches(), None)
    except InputError:  # what is wrong with the rows is told once the columns are known
        return {}
    return {} if rows is None else propose(names, rows, found)


def find_added_columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Where the added columns of a results.csv or failed.csv begin and end; None for other files.

    A file is one of these when its last columns are exactly those that some format of the results
    adds. Some spreadsheet programs put white space round names, and columns without a name behind
    them.
    """
    names = _named_columns(header)
    for added in ADDED_SETS:
        if names[-len(added) :] == added:
            return len(names) - len(added), len(names)
    return None


def refuse_newer(header: Sequence[str], columns: Mapping[Column, str], *, name: str) -> None:
    """Raise InputError for the results of a newer version of this program.

    header: of a file that is none of ours. columns: names that the user gave.
    Such a file has columns of a later format behind those of the first. Columns of the user's own
    may stand there, too: one that is read, or has another kind of name, makes the file the user's.
    """
    names = _named_columns(header)
    ends = (
        (end, added)
        for added in ADDED_SETS
        for end in range(len(names), len(added) - 1, -1)
        if names[end - len(added) : end] == added
    )
    end, added = next(ends, (len(names), FIRST_ADDED))
    behind = names[end:]
    if not behind or not is_of_later_format(behind) or recognised_fields(behind, columns):
        return
    columns_are, they_are, them = (
        ("column", "it is", "it") if len(behind) == 1 else ("columns", "they are", "them")
    )
    raise InputError(
        f"{name}: found the {columns_are} {listed(behind)} behind those that results add, as a "
        f"newer version of this program writes; expected none behind {quoted(added[-1])}. "
        f"Use that version, or, if {they_are} your own, move {them} in front of "
        f"{quoted(FIRST_ADDED[0])}."
    )


def _named_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, up to the last that has one."""
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def count_looked_up_ids(header: Sequence[str], columns: Mapping[Column, str]) -> int:
    """How many columns at a header's end are ids that an earlier run looked up.

    header: of a file of ours, without the added columns. columns: names that the user gave.
    Such ids are called exactly as results call them, and follow a column of e-mail addresses.
    """
    count = 0
    for field in reversed(_IDS):
        rest = header[: len(header) - count]
        if field in columns or not rest or rest[-1].strip() != field:
            break
        count += 1
    own = header[: len(header) - count]
    return count if any(reads_as(cell, Naming.EMAIL, columns) for cell in own) else 0
