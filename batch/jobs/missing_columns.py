"""What is said of a `status` or `aiTag` column that a spreadsheet has not.

Either may be left out. But a column that is called "Tag", or whose cells are the workspace's
labels, was hardly meant to be kept from the server: so people hear of it before they say yes.
"""

from collections.abc import Collection, Iterator, Mapping

import polars as pl

from batch.advice import Advice, map_columns
from batch.columns import name_key
from batch.judging.texts import folded, trimmed
from batch.model import LEAD_STATUSES, Field
from batch.near_names import NearNames
from batch.reading.grid import quoted
from batch.reading.proposals import choice
from batch.reading.table import Table

# How a name ends that stands for the column. ("stage" has "tag" in it, and is none.)
_ENDINGS: Mapping[Field, tuple[str, ...]] = {
    Field.STATUS: ("status",),
    Field.AI_TAG: ("tag", "tags", "label", "labels"),
}
_KEPT = {Field.STATUS: "no status", Field.AI_TAG: "no tag"}
_MEANT = {Field.STATUS: "statuses of leads", Field.AI_TAG: "labels of the workspace"}
_NEAR_ENOUGH = 0.65  # "state" for "status"; "stage" and "date" stay below for both
_SHARE = 0.8  # of a column's cells that are values of the field: a few may be misspelt
_ROWS = 1_000  # at the beginning, whose cells are looked at
_COLUMNS = 1_000  # unused ones that are looked at


def about_missing_columns(table: Table, *, labels: Collection[str] | None) -> tuple[str, ...]:
    """A sentence for `status` or `aiTag`, whichever the table has not.

    labels: the workspace's; None if they aren't known: cells are then compared with none.
    """
    missing = [field for field in _ENDINGS if field not in table.fields]
    return tuple(_sentence(field, table, labels) for field in missing)


def _sentence(field: Field, table: Table, labels: Collection[str] | None) -> Advice:
    told = f"There is no column {field}, so {_KEPT[field]} is changed."
    unused = {
        position: name
        for position, name in enumerate(table.header)
        if position not in table.fields.values() and name.strip()
    }
    unused = dict(list(unused.items())[:_COLUMNS])
    if (column := _near(field, unused)) is not None:
        told = f"{told} Column {quoted(table.header[column])} looks like it."
        return Advice(told, map_columns({field: choice(table.header, column)}))
    values = LEAD_STATUSES if field is Field.STATUS else labels
    if values and (column := next(_holding(values, table, unused), None)) is not None:
        held = quoted(table.header[column])
        meant = f"The cells of column {held} are {_MEANT[field]}; perhaps it is meant."
        return Advice(told, meant, map_columns({field: choice(table.header, column)}))
    return Advice(told)


def _near(field: Field, unused: Mapping[int, str]) -> int | None:
    """The unused column whose name ends like the field, or else is spelt much like it."""
    names = {name_key(name): position for position, name in unused.items()}
    ending = [name for name in names if name.endswith(_ENDINGS[field])]
    if ending:
        return names[ending[0]]
    near = NearNames().nearest(name_key(field), names, cutoff=_NEAR_ENOUGH)
    return names[near] if near else None


def _holding(values: Collection[str], table: Table, unused: Mapping[int, str]) -> Iterator[int]:
    """The unused columns most of whose cells are among these values."""
    labels = pl.DataFrame({"label": values}, schema={"label": pl.String})
    known = labels.select(folded(pl.col("label"))).to_series()
    first = next(table.rows(), pl.DataFrame()).head(_ROWS)
    for position in unused:
        if str(position) in first.columns:
            cells = first.select(folded(trimmed(pl.col(str(position))))).to_series().drop_nulls()
            if len(cells) and cells.is_in(known.implode()).sum() >= _SHARE * len(cells):
                yield position
