"""A run and its retries read as one: the latest outcome of each row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from batch.model import Field, Reason
from batch.recording.journal import Journal
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
    """The journals of a run and of its retries, read as one.

    A row that a retry never reached keeps its earlier outcome.
    """

    def __init__(self, journals: Sequence[Journal], started_at: Sequence[datetime]) -> None:
        """journals: the first run's, then its retries' as they came. started_at: of those runs."""
        self._journals = journals
        self._started_ms = [int(at.timestamp() * 1000) for at in started_at]

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The latest outcomes of the lines from first to last, as `Journal.rows` gives them.

        Attempts are summed over all runs, and `sent_at_ms` is the first one's. The message of a row
        that was refused or left out in the end says if a request of any run may have been applied.
        """
        frames = [journal.rows(first_line, last_line) for journal in self._journals]
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
        in_doubt = pl.concat([journal.in_doubt() for journal in self._journals])
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
        lines = [journal.lines() for journal in self._journals]
        return pl.concat(lines).n_unique()

    def examples(self) -> dict[Reason, tuple[int, str]]:
        """The first line of each reason that occurs, and its message."""
        found: dict[Reason, tuple[int, str]] = {}
        lines = pl.concat([journal.lines() for journal in self._journals]).unique().sort()
        for part in lines.to_frame().iter_slices(BLOCK_LINES):
            rows = self.rows(part["line"][0], part["line"][-1])
            for reason, line, message in (
                rows.select("reason", "line", "message").unique("reason", keep="first").iter_rows()
            ):
                found.setdefault(Reason(reason), (line, message))
        return found
