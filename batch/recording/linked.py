"""A run and its retries read as one: the latest outcome of each row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from batch.model import Field, Reason
from batch.sending.retry import MAY_BE_APPLIED

BLOCK_LINES = 50_000
_AT = "at_ms"  # a temporary column, by which outcomes are sorted
# Reasons that alone would say that the lead was not changed.
_NO_CHANGE = [
    reason.value
    for reason in Reason
    if reason.changes_nothing or reason in {Reason.DRIFTED, Reason.CHANGED_SINCE}
]
_NOT_REACHED = pl.col("reason") == Reason.NOT_REACHED.value


class Ids(Protocol):
    """What is needed of the ids that a run's rows got by their e-mail addresses."""

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """Those of the lines from first to last: line, campaignId, campaignLeadId."""


class Outcomes(Protocol):
    """What came of a run's rows, as its journal tells it, or those of its parts."""

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """As `Journal.rows`."""

    def lines(self) -> pl.Series:
        """The lines that `rows` tells of (UInt32, rising)."""

    def in_doubt(self) -> pl.Series:
        """As `Journal.in_doubt`."""


class LinkedIds:
    """The ids of a run's rows and of its retries': later ones count, where they have any."""

    def __init__(self, runs: Sequence[Ids]) -> None:
        """runs: the first run's, then its retries' as they came."""
        self._runs = runs

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """As `Ids.between`."""
        fields = (Field.CAMPAIGN_ID.value, Field.CAMPAIGN_LEAD_ID.value)
        found = [ids.between(first_line, last_line).select("line", *fields) for ids in self._runs]
        return pl.concat(found).group_by("line").agg(pl.all().drop_nulls().last()).sort("line")


class LinkedOutcomes:
    """What came of a run and of its retries, read as one.

    A row that a retry never reached keeps its earlier outcome.
    """

    def __init__(self, runs: Sequence[Outcomes], started_at: Sequence[datetime]) -> None:
        """runs: the first one, then its retries as they came. started_at: of those runs."""
        self._runs = runs
        self._started_ms = [int(at.timestamp() * 1000) for at in started_at]

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The latest outcomes of the lines from first to last, as `Journal.rows` gives them.

        Attempts are summed over all runs, and `sent_at_ms` is the first one's. The message of a row
        that was refused or left out in the end says if a request of any run may have been applied.
        """
        frames = [run.rows(first_line, last_line) for run in self._runs]
        timed = [
            # An outcome is as old as its run, or as the line's requests in it: a run that was
            # resumed may have sent later than its retry.
            frame.with_columns(pl.max_horizontal("sent_at_ms", pl.lit(started_ms)).alias(_AT))
            for frame, started_ms in zip(frames, self._started_ms, strict=True)
        ]
        # Lines that were not reached come first, so that any other outcome outranks them.
        by_age = pl.concat(timed).sort(~_NOT_REACHED, _AT, maintain_order=True)
        latest = by_age.drop(_AT).unique("line", keep="last").drop("attempts", "sent_at_ms")
        of_all = by_age.group_by("line").agg(pl.sum("attempts"), pl.min("sent_at_ms"))
        in_doubt = pl.concat([run.in_doubt() for run in self._runs])
        hides_it = (
            pl.col("reason").is_in(_NO_CHANGE)
            & pl.col("line").is_in(in_doubt.implode())
            & ~pl.col("message").str.ends_with(MAY_BE_APPLIED)
        )
        told = pl.concat_str(
            pl.when(pl.col("message") != "").then("message"),
            pl.lit(MAY_BE_APPLIED),
            separator="; ",
            ignore_nulls=True,
        )
        return (
            latest.join(of_all, on="line")
            .with_columns(message=pl.when(hides_it).then(told).otherwise("message"))
            .select(by_age.columns[:-1])
            .sort("line")
        )

    def recorded(self) -> int:
        """The number of lines with an outcome."""
        lines = [run.lines() for run in self._runs]
        return pl.concat(lines).n_unique()

    def examples(self) -> dict[Reason, tuple[int, str]]:
        """The first line of each reason that occurs, and its message."""
        found: dict[Reason, tuple[int, str]] = {}
        lines = pl.concat([run.lines() for run in self._runs]).unique().sort()
        for part in lines.to_frame().iter_slices(BLOCK_LINES):
            rows = self.rows(part["line"][0], part["line"][-1])
            for reason, line, message in (
                rows.select("reason", "line", "message").unique("reason", keep="first").iter_rows()
            ):
                found.setdefault(Reason(reason), (line, message))
        return found
