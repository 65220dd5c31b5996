"""The columns by name: those that are read, by any spelling, and those that results add.

No other file knows the added names: reading drops these columns, and the results write them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from batch.model import Field


class Naming(StrEnum):
    """The columns that say in a person's words where a lead is."""

    # These two stand for the ids of a lead where people don't know them.
    EMAIL = "email"  # its address; the campaign is campaignId, or
    CAMPAIGN = "campaign"  # the campaign's name
    WORKSPACE = "workspace"  # its workspace's name or id, where rows are of several


Column = Field | Naming
COLUMNS: tuple[Column, ...] = (*Field, *Naming)
# Where a lead is named by its address.
BY_EMAIL = (Naming.EMAIL, Naming.CAMPAIGN)
# By which a header is told from other rows: people have columns of their own called "Workspace".
LEAD_COLUMNS: tuple[Column, ...] = (*Field, *BY_EMAIL)
_SPELLINGS: Mapping[Column, tuple[str, ...]] = {
    Naming.EMAIL: ("email", "emailaddress"),
    Naming.WORKSPACE: ("workspace", "workspaceid", "workspacename"),
}

# What reading adds to a row with a cell that swallowed other rows: that cell's column (null for one
# of the user's own), how the cell begins, and the whole sentence.
SWALLOWED = ("swallowed_column", "swallowed_found", "swallowed_message")

# What reading adds to a row with a blank id or name that belongs to merged cells: its column, and
# the whole sentence.
MERGED = ("merged_column", "merged_message")

# The columns that results add, by the format of the results that introduced them. A new column is a
# new format: it stands behind all earlier ones, whose files stay ours. Its name must be one that
# `is_of_later_format` recognises, so that earlier versions of this program refuse the file.
ADDED_BY_FORMAT: Mapping[int, tuple[str, ...]] = {
    1: (
        "line",
        "result",
        "reason",
        "http_status",
        "attempts",
        "elapsed_ms",
        "message",
        "sent_at",
        "server_status",
        "server_ai_tag",
        "subsequence",
    ),
}
# The columns of each format, the newest first.
ADDED_SETS = tuple(
    tuple(name for number in sorted(ADDED_BY_FORMAT)[:count] for name in ADDED_BY_FORMAT[number])
    for count in range(len(ADDED_BY_FORMAT), 0, -1)
)
ADDED_COLUMNS, FIRST_ADDED = ADDED_SETS[0], ADDED_SETS[-1]
_OF_LATER_FORMAT = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)+")


def column_of(name: str) -> Column:
    """The column with exactly this name; raises ValueError when there is none."""
    return Naming(name) if name in set(Naming) else Field(name)


def recognised_fields(header: Sequence[str], columns: Mapping[Column, str]) -> int:
    """How many of the columns that are read are in a header; most for the right delimiter."""
    names = set(map(name_key, header))
    return sum(not names.isdisjoint(spellings(column, columns)) for column in LEAD_COLUMNS)


def reads_as(cell: str, column: Column, columns: Mapping[Column, str]) -> bool:
    """Whether a header name stands for a column, by the name that the user gave it or its own."""
    return name_key(cell) in spellings(column, columns)


def spellings(column: Column, columns: Mapping[Column, str]) -> tuple[str, ...]:
    """The names of a column, as `name_key` gives them."""
    if column in columns:
        return (name_key(columns[column]),)
    return _SPELLINGS.get(column, (name_key(column),))


def name_key(name: str) -> str:
    """The name as it is compared: without case, spaces, hyphens and underscores, and of ="name"."""
    name = name.strip()
    if name.startswith('="') and name.endswith('"'):
        name = name[2:-1]
    return re.sub(r"[\s_\u200b\ufeff-]+", "", name).casefold()


def is_of_later_format(names: Iterable[str]) -> bool:
    """True for names that a later format may add: lower-case words joined by underscores.

    People who add columns of their own to results rarely name them so.
    """
    return all(map(_OF_LATER_FORMAT.fullmatch, names))


def result_header(header: Sequence[str], added: tuple[str, ...] = ADDED_COLUMNS) -> tuple[str, ...]:
    """The header of the results: the user's names, then the added ones.

    A user's column with exactly the name of an added one becomes `input_<name>`; it gets another
    `input_` in front as long as a further column of the user's has that name.
    """
    names = list(header)
    for index, name in enumerate(names):
        if name in added:
            names[index] = _free_name(f"input_{name}", names)
    return (*names, *added)


def _free_name(name: str, taken: Sequence[str]) -> str:
    while name in taken:
        name = f"input_{name}"
    return name
