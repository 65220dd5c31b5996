"""A run and its retries told as one: the latest outcome of every row of the first."""

from collections.abc import Sequence

import polars as pl

from batch.model import Reason
from batch.recording.journal import Journal

BLOCK_LINES = 50_000
_NOT_REACHED = pl.col("reason") == Reason.NOT_REACHED.value


class LinkedOutcomes:
    """The journals of a run and of its retries, read as if they were one.

    A row that a retry never reached keeps the outcome that it had before.
    """

    def __init__(self, journals: Sequence[Journal]) -> None:
        """journals: the first run's, then its retries' as they came."""
        self._journals = journals

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The latest outcomes of the lines from first to last, as `Journal.rows` gives them."""
        frames = [journal.rows(first_line, last_line) for journal in self._journals]
        # What says nothing goes first, where anything that is known of the line outdoes it.
        silent = [frame.filter(_NOT_REACHED) for frame in frames]
        told = [frame.filter(~_NOT_REACHED) for frame in frames]
        return pl.concat([*silent, *told]).unique("line", keep="last").sort("line")

    def recorded(self) -> int:
        """How many lines have an outcome."""
        lines = [journal.lines() for journal in self._journals]
        return pl.concat(lines).n_unique()

    def examples(self) -> dict[Reason, tuple[int, str]]:
        """For every reason that occurs, its first line and that line's message."""
        found: dict[Reason, tuple[int, str]] = {}
        lines = pl.concat([journal.lines() for journal in self._journals]).unique().sort()
        for part in lines.to_frame().iter_slices(BLOCK_LINES):
            rows = self.rows(part["line"][0], part["line"][-1])
            for reason, line, message in (
                rows.select("reason", "line", "message").unique("reason", keep="first").iter_rows()
            ):
                found.setdefault(Reason(reason), (line, message))
        return found
