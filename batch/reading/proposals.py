"""Propose columns by their values, where names don't tell: ids, addresses and statuses.

A proposal is shown to a person, and never used unasked.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from batch.columns import Column, Naming, name_key
from batch.model import LEAD_STATUSES, Field, Status
from batch.near_names import NearNames

NUMBER = re.compile(r"#([1-9][0-9]{0,4})")  # of a column, where its name does not name it
LONGEST_CHOICE = 60  # characters of a name that a person types
ROWS = 1_000  # at the beginning, whose cells are looked at
MOST_COLUMNS = 1_000  # without a meaning yet that are looked at
SHARE = 0.8  # of a column's cells that are of its kind: a few may be misspelt
_AROUND = " \t\xa0\"='"  # what exporters put round a value
_ID, _ADDRESS = r"\A[0-9a-fA-F]{24}\z", r"\A[^\s@]{1,64}@[^\s@]{1,255}\z"
_NEAR = 0.4  # lets "lead" stand for "campaignLeadId"


class _Values(NamedTuple):
    """A column's values. cells: how many are not blank."""

    position: int
    cells: int
    distinct: int


def propose(
    header: Sequence[str], rows: pl.DataFrame, found: Mapping[Column, int]
) -> dict[Column, int]:
    """The positions of columns that are missing, by the values of the first rows.

    rows: a grid's. found: the columns that are known by their names.
    """
    free = [i for i in range(len(header)) if i not in found.values()][:MOST_COLUMNS]
    columns = [(i, rows.get_column(str(i)).head(ROWS)) for i in free]

    def of(test: Callable[[pl.Expr], pl.Expr]) -> Iterator[_Values]:
        for position, texts in columns:
            cells = texts.str.strip_chars(_AROUND).drop_nulls().alias("cell")
            cells = cells.filter(cells != "")
            fits = cells.to_frame().select(test(pl.col("cell"))).to_series().sum()
            if len(cells) and fits >= SHARE * len(cells):
                yield _Values(position, len(cells), cells.n_unique())

    proposed = _ids(header, list(of(lambda cell: cell.str.contains(_ID))), found)
    if not {Naming.EMAIL, Field.CAMPAIGN_LEAD_ID} & (found.keys() | proposed.keys()):
        addresses = [each.position for each in of(lambda cell: cell.str.contains(_ADDRESS))]
        proposed |= _one_of(header, addresses, Naming.EMAIL)
    if Field.STATUS not in found:
        lower = {str(word) for word in LEAD_STATUSES}
        can_be_set = {str(word) for word in Status}
        statuses = [
            each.position
            for each in of(lambda cell: cell.str.to_lowercase().is_in(lower))
            if any(each.position == i and _has(texts, can_be_set) for i, texts in columns)
        ]
        proposed |= _one_of(header, statuses, Field.STATUS)
    return proposed


def _has(texts: pl.Series, words: set[str]) -> bool:
    return bool(texts.str.strip_chars(_AROUND).str.to_lowercase().is_in(words).any())


def _ids(
    header: Sequence[str], columns: Sequence[_Values], found: Mapping[Column, int]
) -> dict[Column, int]:
    """Which columns of ids are the campaign's and the lead's.

    A campaign's are few and come again, a lead's are many. Where that does not tell, names do.
    """
    needs_lead = not {Field.CAMPAIGN_LEAD_ID, Naming.EMAIL} & found.keys()
    needs_campaign = not {Field.CAMPAIGN_ID, Naming.CAMPAIGN} & found.keys()
    ordered = sorted(columns, key=lambda each: each.distinct)
    proposed: dict[Column, int] = {}
    if needs_campaign and ordered:
        first = ordered[0]
        fewer = len(ordered) > 1 and first.distinct < ordered[1].distinct
        if fewer or first.distinct < first.cells:
            proposed[Field.CAMPAIGN_ID] = first.position
        else:
            equal = [each.position for each in ordered if each.distinct == first.distinct]
            others = equal if len(equal) > 1 or not needs_lead else []
            proposed |= _named(header, others, Field.CAMPAIGN_ID)
    rest = [each for each in ordered if each.position not in proposed.values()]
    if needs_lead and (not needs_campaign or proposed or len(columns) == 1):
        many = [each.position for each in rest if 2 * each.distinct > each.cells]
        proposed |= _one_of(header, many, Field.CAMPAIGN_LEAD_ID)
    return proposed


def _one_of(header: Sequence[str], positions: Sequence[int], column: Column) -> dict[Column, int]:
    """The only one of the positions, or the one that is called most like the column."""
    if len(positions) == 1:
        return {column: positions[0]}
    return _named(header, positions, column)


def _named(header: Sequence[str], positions: Sequence[int], column: Column) -> dict[Column, int]:
    names = {name_key(header[i]): i for i in positions if header[i].strip()}
    near = NearNames().nearest(name_key(column), names, cutoff=_NEAR)
    return {column: names[near]} if near else {}


def choice(header: Sequence[str], position: int) -> str:
    """What names a column for a person: its name, or #3 where that does not name it alone.

    Names that are long, can't be seen, or begin or end with a quote are numbered, too.
    """
    name = header[position].strip()
    same = [i for i, cell in enumerate(header) if cell.strip() == name]
    is_clear = name.isprintable() and 0 < len(name) <= LONGEST_CHOICE and len(same) == 1
    is_clear = is_clear and name == name.strip("\"'") and not NUMBER.fullmatch(name)
    return name if is_clear else f"#{position + 1}"
