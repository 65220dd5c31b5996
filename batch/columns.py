"""The columns by name: those that name a lead as people do, and those that results add.

The one place that knows the added names: reading drops these columns, and the results write them.
"""

from collections.abc import Sequence
from enum import StrEnum

from batch.model import Field


class Naming(StrEnum):
    """The two columns that stand for the ids of a lead where people don't know them."""

    EMAIL = "email"  # its address; the campaign is campaignId, or
    CAMPAIGN = "campaign"  # the campaign's name


Column = Field | Naming
COLUMNS: tuple[Column, ...] = (*Field, *Naming)

# What reading says of a row in which a cell has swallowed other rows: which of the columns that are
# read it is (null for one of the user's own), how the cell begins, and the whole sentence.
SWALLOWED = ("swallowed_column", "swallowed_found", "swallowed_message")

ADDED_COLUMNS = (
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
)


def column_of(name: str) -> Column:
    """The column that is called exactly so; raises ValueError when there is none."""
    return Naming(name) if name in set(Naming) else Field(name)


def result_header(header: Sequence[str], added: tuple[str, ...] = ADDED_COLUMNS) -> tuple[str, ...]:
    """The header of the results: the user's names, then the added ones.

    A user's column with exactly the name of an added one becomes `input_<name>`, and once more
    `input_` in front while another column of the user's already has that name.
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
