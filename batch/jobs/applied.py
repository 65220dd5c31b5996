"""What the server confirmed of an earlier run, as its journal has it: lines, and answers."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from batch.judging.live import ANSWERED, answered
from batch.judging.plan import LAST_LINE, Plan
from batch.model import Reason
from batch.recording.journal import Journal

_BLOCK_LINES = 50_000


def leads_before(
    plan: Plan,
    journal: Journal,
    first_line: int = 0,
    last_line: int = LAST_LINE,
    *,
    sent_only: bool = True,
) -> pl.DataFrame:
    """What a run's leads were before their requests, as BEFORE, by line.

    The plan has what was read when it was made. What was read once more before it was sent is the
    journal's, and outranks that. sent_only: without those whose request was not to be sent.
    """
    planned = plan.before(first_line, last_line)
    if sent_only:
        planned = planned.filter(pl.col("reason").is_null())
    again = journal.before(first_line, last_line)
    kept = planned.join(again, on="line", how="anti", maintain_order="left")
    return pl.concat([kept, again], how="diagonal").sort("line")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRows:
    """Rows that hold. lines: theirs (UInt32, rising). answered: as ANSWERED, of those moved."""

    lines: pl.Series
    answered: pl.DataFrame


def applied_rows(
    journal: Journal, *, reasons: Collection[Reason] = (Reason.APPLIED,)
) -> AppliedRows:
    """The rows of a run with one of these reasons."""
    words = [reason.value for reason in reasons]
    lines = [pl.Series("line", [], dtype=pl.UInt32)]
    parts = [pl.DataFrame(schema=ANSWERED)]
    for part in journal.lines().sort().to_frame().iter_slices(_BLOCK_LINES):
        rows = journal.rows(part["line"][0], part["line"][-1])
        rows = rows.filter(pl.col("reason").is_in(words))
        lines.append(rows["line"])
        parts.append(answered(rows))
    return AppliedRows(lines=pl.concat(lines), answered=pl.concat(parts))
