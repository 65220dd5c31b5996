"""What requests come to in numbers, added up batch by batch in bounded memory."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from batch.model import Status

# Distinct tags, or campaigns, that are counted: with more, naming them tells a person nothing.
_DISTINCT_COUNTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What some requests would do.

    requests: changes to send, one a lead; sendable_rows: the rows that they are made of.
    to_active, to_paused, tags_set, tags_cleared: requests that do so.
    clears_rows: sendable rows that clear the tag.
    """

    requests: int
    sendable_rows: int
    to_active: int
    to_paused: int
    tags_set: int
    tags_cleared: int
    clears_rows: int

    @property
    def tag_changes(self) -> int:
        """Requests that set or clear a tag: those that can start or stop e-mails."""
        return self.tags_set + self.tags_cleared


def numbers(changes: pl.DataFrame) -> Counter[str]:
    """How many rows or requests: all, to_active, to_paused, tags_set, tags_cleared.

    changes: with status, ai_tag and clear_tag.
    """
    status = pl.col("status")
    counted = changes.select(
        all=pl.len(),
        to_active=(status == Status.ACTIVE).sum(),
        to_paused=(status == Status.PAUSED).sum(),
        tags_set=pl.col("ai_tag").count(),
        tags_cleared=pl.col("clear_tag").sum(),
    )
    return Counter(counted.row(0, named=True))


class Distinct:
    """Counts each value of a column, as long as there are not too many of them."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._counts: Counter[str] | None = Counter()

    @property
    def counts(self) -> Counter[str] | None:
        """How often each value came; None when there were too many to count."""
        return None if self._counts is None else +self._counts

    def add(self, changes: pl.DataFrame, *, times: int = 1) -> None:
        """Count the values of these rows; times=-1 takes them back."""
        if self._counts is None:
            return
        values = changes.get_column(self._column).drop_nulls().value_counts()
        for value, n in values.iter_rows():
            self._counts[value] += times * n
        if len(self._counts) > _DISTINCT_COUNTED:
            self._counts = None
