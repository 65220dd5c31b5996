"""Count what requests would do, batch by batch in bounded memory."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from batch.model import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What some requests would do.

    requests: changes to send, one a lead; sendable_rows: the rows that they are made of.
    to_active, to_paused, tags_set, tags_cleared: requests that do so.
    clears_rows: sendable rows that clear the tag.
    rows_in_part: sendable rows of which the tag alone is sent.
    """

    requests: int
    sendable_rows: int
    to_active: int
    to_paused: int
    tags_set: int
    tags_cleared: int
    clears_rows: int
    rows_in_part: int = 0

    @property
    def tag_changes(self) -> int:
        """Requests that set or clear a tag: those that can start or stop e-mails."""
        return self.tags_set + self.tags_cleared


def numbers(changes: pl.DataFrame) -> Counter[str]:
    """Count rows or requests: all, to_active, to_paused, tags_set, tags_cleared.

    changes: a frame with status, ai_tag and clear_tag.
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
