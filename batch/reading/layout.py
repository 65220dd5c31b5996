"""What the columns of one spreadsheet mean: which are the user's, which are read, which are ours.

Pure: a grid's header in, positions out.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from batch.columns import Column, Naming
from batch.errors import InputError
from batch.escape import unescape_text
from batch.model import Field
from batch.reading.grid import Grid
from batch.reading.header import find_columns, looked_up_before, own_width

_IDS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one spreadsheet.

    names: those that are read, in their order; of a file of ours without the eleven added ones.
    users: how many of these are the user's own; ids that an earlier run looked up stand behind.
    fields: the position of each column that means something.
    is_ours: whether it is a results.csv or failed.csv.
    """

    names: tuple[str, ...]
    users: int
    fields: Mapping[Column, int]
    is_ours: bool

    @property
    def is_by_email(self) -> bool:
        """Whether e-mail addresses stand for the leads' ids."""
        return Naming.EMAIL in self.fields

    @property
    def campaign_was_found(self) -> bool:
        """Whether an earlier run has found the campaigns' ids."""
        return self.fields.get(Field.CAMPAIGN_ID, -1) >= self.users

    @property
    def lacking(self) -> tuple[Field, ...]:
        """The ids that the user's own columns have not: found ones are shown behind them."""
        return tuple(each for each in _IDS if self.fields.get(each, self.users) >= self.users)


def layout_of(
    grid: Grid, columns: Mapping[Column, str], *, has_campaign: bool, name: str
) -> Layout:
    """What the columns of a grid mean.

    columns: names that the user gave. has_campaign: whether one campaign was named for all rows.
    name: what messages call the file. Raises InputError when it is not clear.
    """
    own = own_width(grid.header)
    names = grid.header if own is None else tuple(map(unescape_text, grid.header[:own]))
    appended = 0 if own is None else looked_up_before(names, columns)
    layout = Layout(
        names=names,
        users=len(names) - appended,
        fields=find_columns(
            names,
            columns,
            name=name,
            better_delimiter=grid.better_delimiter,
            was_looked_up=appended > 0,
            has_campaign=has_campaign,
        ),
        is_ours=own is not None,
    )
    if has_campaign and not layout.is_by_email:
        raise InputError(
            f"{name}: names its leads by their ids, where --campaign means nothing. Leave it out."
        )
    return layout
