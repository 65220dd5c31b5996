"""Merged cells of a workbook: of each group only the first holds a value, the others read as blank.

A blank id among them is no slip of the row, so the row's message names the merged cells.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from batch.columns import MERGED, Column, Naming
from batch.model import Field

MAX_MERGED = 1 << 16  # groups that are told of
# The first that is blank is told: without its workspace a row's other names mean nothing.
_NAMES = (
    Naming.WORKSPACE,
    Field.CAMPAIGN_ID,
    Naming.CAMPAIGN,
    Field.CAMPAIGN_LEAD_ID,
    Naming.EMAIL,
)
_VALUES = (Field.STATUS, Field.AI_TAG)
_LETTERS = 26


class Merged(NamedTuple):
    """A group of merged cells: its first and last line from 1, its first and last column from 0."""

    first_line: int
    last_line: int
    first_column: int
    last_column: int

    @property
    def reference(self) -> str:
        """As spreadsheet programs write it: A2:A4."""
        first = f"{column_letters(self.first_column)}{self.first_line}"
        return f"{first}:{column_letters(self.last_column)}{self.last_line}"


def column_letters(column: int) -> str:
    """The letters of a column. column: its position from 0."""
    letters, left = "", column + 1
    while left:
        left, letter = divmod(left - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters


class MergedNames:
    """The merged cells in the columns of ids and names."""

    def __init__(self, merged: Iterable[Merged], fields: Mapping[Column, int]) -> None:
        """fields: the positions of the columns that are read."""
        schema = {"line": pl.UInt32, "last_line": pl.UInt32, "reference": pl.String}
        ordered = sorted(merged)
        self._groups: dict[Column, tuple[str, pl.DataFrame]] = {}
        for column in (name for name in _NAMES if name in fields):
            position = fields[column]
            groups = [
                (each.first_line, each.last_line, each.reference)
                for each in ordered
                if each.first_column <= position <= each.last_column
            ]
            if groups:
                frame = pl.DataFrame(groups, schema, orient="row")
                self._groups[column] = str(position), frame

    def blank(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows with a blank id or name that belongs to merged cells: their line, and MERGED.

        frame: a grid's.
        """
        found = pl.DataFrame(schema={"line": pl.UInt32, **dict.fromkeys(MERGED, pl.String)})
        for column, (key, groups) in self._groups.items():
            rows = frame.filter(pl.col(key).fill_null("").str.strip_chars() == "").select("line")
            rows = rows.join_asof(groups, on="line").filter(pl.col("line") <= pl.col("last_line"))
            sentence = (
                f"{column} is blank: it belongs to the merged cells {{}}, of which only the first "
                "holds a value. Unmerge them, and write the value into each."
            )
            named = rows.select(
                "line",
                pl.lit(column.value).alias(MERGED[0]),
                pl.format(sentence, "reference").alias(MERGED[1]),
            )
            found = pl.concat([found, named.join(found, on="line", how="anti")])
        return found


def notes(
    merged: Sequence[Merged], fields: Mapping[Column, int], *, header_line: int, name: str
) -> tuple[str, ...]:
    """For columns of values with merged cells: what is blank in them changes nothing."""
    texts = []
    for column in (value for value in _VALUES if value in fields):
        groups = sorted(
            each
            for each in merged
            if each.last_line > header_line
            and each.first_column <= fields[column] <= each.last_column
        )
        if groups:
            more = f" and {len(groups) - 1:,} more" if len(groups) > 1 else ""
            texts.append(
                f"{name}: column {column} has merged cells ({groups[0].reference}{more}). Only the "
                "first of them holds a value, and the rows of the others get none. Unmerge them, "
                "and write the value into each."
            )
    return tuple(texts)
