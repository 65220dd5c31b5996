"""The requests of a plan in numbers, added up batch by batch in bounded memory."""

from collections import Counter

import polars as pl

from batch.model import Status

# Distinct tags, or campaigns, that are counted: with more, naming them tells a person nothing.
_DISTINCT_COUNTED = 10_000


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
