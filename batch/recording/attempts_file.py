"""history.csv: every attempt of every row that was sent, as far as the journal kept it.

It is made on request, of the journals alone. What was not kept is said in a row of its own, with
the numbers of those attempts. Streams: memory does not grow with the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from batch.model import MOST_ATTEMPTS, Reason
from batch.recording.atomic_file import AtomicFile
from batch.recording.journal import Journal
from batch.recording.result_rows import as_text_cell, as_time, to_csv

HISTORY_NAME = "history.csv"
COLUMNS = (
    "line", "attempt", "sent_at", "http_status", "message", "elapsed_ms", "request_id", "process",
    "note",
)  # fmt: skip
BATCH_LINES = 50_000  # read at a time
_BOM = b"\xef\xbb\xbf"  # as in results.csv

BEYOND = f"not kept: of a row, the first {MOST_ATTEMPTS - 1} attempts and the last are"
KILLED = "not known: the process ended before it was on the disk"
OLDER = "not known: an earlier version did not keep it, or the process ended before"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFile:
    """What was written. attempts: all that were made. unknown: those of which nothing is known."""

    path: Path
    attempts: int
    unknown: int


def write_history(journals: Sequence[Journal], folder: Path) -> HistoryFile:
    """Write history.csv into a folder, in place of an older one. Raises RunError if that fails.

    journals: the run's own, and those of its parts, whose lines differ.
    An attempt is a line; "3-7" stands for several of which nothing is known.
    process: which of the run's processes made it, by those that made any; blank for the only
    attempt of a row that succeeded at once, or that an earlier version made. Joined rows share
    their attempts, and each has them.
    """
    lines = pl.concat(journal.lines() for journal in journals).sort()
    made = missing = 0
    with AtomicFile(folder / HISTORY_NAME) as file:
        file.write(_BOM + ",".join(COLUMNS).encode() + b"\n")
        for start in range(0, lines.len(), BATCH_LINES):
            part, rows = lines[start : start + BATCH_LINES], []
            for journal in journals:
                outcomes = journal.rows(part[0], part[-1]).filter(pl.col("attempts") > 0)
                if not outcomes.height:
                    continue
                kept = with_sole_attempts(outcomes, journal.attempts(part[0], part[-1]))
                gaps = gaps_between(outcomes, kept)
                made += int(outcomes["attempts"].sum())
                missing += int((gaps["last"] - gaps["first"] + 1).sum())
                unknown = OLDER if journal.lacks_earlier_attempts() else KILLED
                rows.append(history_rows(kept, gaps, unknown=unknown))
            if rows:
                file.write(to_csv(pl.concat(rows).sort("line", maintain_order=True), ","))
        path = file.publish()
    return HistoryFile(path=path, attempts=made, unknown=missing)


def with_sole_attempts(outcomes: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The kept attempts, and those that an outcome tells: of rows that were sent just once.

    outcomes: as `Journal.rows` has them. kept, and what is given: as `Journal.attempts`.
    """
    sole = outcomes.filter(
        (pl.col("attempts") == 1) & (pl.col("reason") != Reason.IN_FLIGHT.value)
    ).join(kept, on="line", how="anti")
    told = sole.select(
        "line",
        pl.col("attempts").alias("number"),
        "sent_at_ms",
        "elapsed_ms",
        "http_status",
        "message",
        pl.lit("").alias("request_id"),
        pl.lit(None, dtype=pl.Int64).alias("generation"),
    )
    return pl.concat([kept, told]).sort("line", "number")


def gaps_between(outcomes: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """The attempts that were made and not kept: `line`, then the numbers `first` and `last`."""
    ends = outcomes.select("line", (pl.col("attempts") + 1).alias("number"))
    both = pl.concat([kept.select("line", "number"), ends]).sort("line", "number")
    before = pl.col("number").shift(1, fill_value=0).over("line")
    gaps = both.select("line", (before + 1).alias("first"), (pl.col("number") - 1).alias("last"))
    return gaps.filter(pl.col("first") <= pl.col("last"))


def history_rows(kept: pl.DataFrame, gaps: pl.DataFrame, *, unknown: str) -> pl.DataFrame:
    """Attempts and gaps as they are written, by line and number. unknown: the note of a gap."""
    attempts = kept.select(
        "line",
        pl.col("number").cast(pl.String).alias("attempt"),
        as_time("sent_at_ms").alias("sent_at"),
        "http_status",
        as_text_cell("message"),
        "elapsed_ms",
        as_text_cell("request_id"),
        pl.col("generation").alias("process"),
        pl.lit(None, dtype=pl.String).alias("note"),
        pl.col("number").alias("order"),
    )
    first, last = pl.col("first"), pl.col("last")
    ranges = (
        pl.when(first == last)
        .then(first.cast(pl.String))
        .otherwise(pl.format("{}-{}", first, last))
    )
    note = (
        pl.when(first >= MOST_ATTEMPTS)
        .then(pl.lit(BEYOND))
        .when(last >= MOST_ATTEMPTS)
        .then(pl.lit(f"{unknown}; {BEYOND}"))
        .otherwise(pl.lit(unknown))
    )
    missing = gaps.select("line", ranges.alias("attempt"), note.alias("note"), first.alias("order"))
    both = pl.concat([attempts, missing], how="diagonal")
    return both.sort("line", "order").select(COLUMNS)
