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
from batch.reading.header import added_columns, find_columns, looked_up_before, refuse_newer

_IDS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The columns of one spreadsheet.

    names: those that are read, in their order; of a file of ours without the added ones.
    users: how many of these are the user's own; ids that an earlier run looked up stand behind.
    fields: the position of each column that means something.
    width: how many columns have a name, the added ones too.
    is_ours: whether it is a results.csv or failed.csv.
    """

    names: tuple[str, ...]
    users: int
    fields: Mapping[Column, int]
    width: int
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
    grid: Grid,
    columns: Mapping[Column, str],
    *,
    has_campaign: bool,
    name: str,
    was_accepted: bool = False,
) -> Layout:
    """What the columns of a grid mean.

    columns: names that the user gave. has_campaign: whether one campaign was named for all rows.
    name: what messages call the file. was_accepted: whether an earlier run has read it so.
    Raises InputError when it is not clear.
    """
    added = added_columns(grid.header)
    if added is None:
        if not was_accepted:
            refuse_newer(grid.header, columns, name=name)
        names, width, appended = grid.header, len(grid.header), 0
    else:
        start, width = added
        names = tuple(map(unescape_text, grid.header[:start]))
        appended = looked_up_before(names, columns)
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
        width=width,
        is_ours=added is not None,
    )
    if has_campaign and not layout.is_by_email:
        raise InputError(
            f"{name}: names its leads by their ids, where --campaign means nothing. Leave it out."
        )
    return layout
