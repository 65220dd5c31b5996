"""What a file comes to: what will be sent, what won't and why, in numbers and row by row.

Pure: rows come from wherever they are kept, as often as they are asked for, and nothing is sent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import Protocol

import polars as pl

from batch.columns import Column, column_of
from batch.judging.explain import located
from batch.judging.totals import Effect
from batch.model import Change, Outcome, Reason, Result, Status, Tally

# Rows that become Python objects at once, so that a large batch does not all do so.
OBJECTS = 5_000
_CHANGES = 500  # the same, of those that wait to be sent: a hundred plans may be sent at once
FIRST_PROBLEMS = 20  # that are kept to be shown at once

LAST_LINE = (1 << 32) - 1
# What a lead was: line of the row that carries the request, status, ai_tag ("" for none), and when
# that was read (Unix ms). reason: why its request was not sent; null if it was to be.
BEFORE = pl.Schema(
    {
        "line": pl.UInt32(),
        "status": pl.String(),
        "ai_tag": pl.String(),
        "read_at_ms": pl.Int64(),
        "reason": pl.String(),
    }
)
_STATUS_OF: Mapping[str | None, Status | None] = {
    None: None,
    **{status.value: status for status in Status},
}
# A row that is not sent, where and at what text that was seen, and the whole sentence about it.
NOT_SENT = pl.Schema(
    {
        "line": pl.UInt32(),
        "reason": pl.String(),
        "column": pl.String(),
        "found": pl.String(),
        "message": pl.String(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A row that is wrong, where, and what to do; column is None when it is not one cell."""

    line: int
    column: Column | None
    reason: Reason
    found: str
    message: str

    def sentence(self, name: str) -> str:
        """The message with its place, as "leads.csv line 41, column status: found …"."""
        return located(self.message, name=name, line=self.line, column=self.column)


class PlanRows(Protocol):
    """Where the rows of a plan are: a spreadsheet that is judged, or a run's plan file."""

    def requests(self, lines: pl.Series | None = None) -> Iterator[pl.DataFrame]:
        """The requests, in frames as REQUESTS, by the line of the row that carries them.

        lines: the carrying lines that are wanted (UInt32, rising); None for all.
        """

    def not_sent(self, *, only_wrong: bool = False) -> Iterator[pl.DataFrame]:
        """The rows that were judged not to be sent, in frames as NOT_SENT, by line."""

    def partly_sent(self) -> Iterator[tuple[int, str]]:
        """Lines of rows that are sent without one of their values, each with a message saying so.

        Only last-wins has such rows; the outcome that they share with others would not tell.
        """

    def planned(self) -> Iterator[pl.DataFrame]:
        """Every row, in frames as PLANNED, by line."""

    def before(self, first_line: int = 0, last_line: int = LAST_LINE) -> pl.DataFrame:
        """What leads were as they were read before anything was sent, as BEFORE, by line.

        Of those alone whose request's line is from first to last, and whose lead was read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Effect):
    """What a file comes to, in numbers, and row by row as often as it is asked for.

    Its effect is that of all its requests, as long as nobody looked which are needed.
    source: where its rows are. rows: all input rows.
    tally: those that were judged not to be sent, by reason.
    first_problems: the first 20, in line order.
    """

    source: PlanRows
    rows: int
    tally: Tally
    first_problems: tuple[Problem, ...]

    def problems(self) -> Iterator[Problem]:
        """Every row that is wrong, in line order."""
        for rows in self.source.not_sent(only_wrong=True) if self.tally.error else ():
            yield from problems_in(rows)

    def judged(self) -> Iterator[list[Outcome]]:
        """Every row that is not sent, error or skipped, in line order, some thousand at once."""
        for rows in self.source.not_sent() if self.tally else ():
            for part in rows.select("line", "reason", "message").iter_slices(OBJECTS):
                yield list(starmap(_not_sent, part.iter_rows()))

    def changes(self, *, only: pl.Series | None = None) -> Iterator[Change]:
        """The requests, in line order of the row that carries them; reads only as far as asked.

        only: the lines (UInt32, rising) of the rows that carry the wanted ones; None for all.
        """
        for requests in self.source.requests(only):
            for part in requests.iter_slices(_CHANGES):
                yield from map(_change, part.rows())

    def requests_of(self, lines: pl.Series) -> Iterator[pl.DataFrame]:
        """The requests that these lines carry (UInt32, rising), in frames as REQUESTS."""
        return self.source.requests(lines)

    def all_requests(self) -> Iterator[pl.DataFrame]:
        """All requests, in frames as REQUESTS."""
        return self.source.requests()

    def carrying_lines(self) -> Iterator[pl.Series]:
        """The lines (UInt32, rising) of the rows that carry the requests, in parts."""
        for requests in self.all_requests():
            yield requests["line"]

    def partly_sent(self) -> Iterator[tuple[int, str]]:
        """As `PlanRows.partly_sent`."""
        return self.source.partly_sent()

    def before(self, first_line: int = 0, last_line: int = LAST_LINE) -> pl.DataFrame:
        """As `PlanRows.before`."""
        return self.source.before(first_line, last_line)

    def left_out(self) -> Iterator[list[Outcome]]:
        """The rows whose request was not needed when the plan was made, some thousand at once."""
        for block in self.source.planned():
            rows = block.filter(pl.col("carrier").is_not_null() & pl.col("reason").is_not_null())
            for part in rows.select("line", "reason", "message").iter_slices(OBJECTS):
                yield list(starmap(_not_sent, part.iter_rows()))


def errors(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that end as errors by their `reason`."""
    reasons = [reason.value for reason in Reason if reason.result is Result.ERROR]
    return rows.filter(pl.col("reason").is_in(reasons))


def problems_in(rows: pl.DataFrame) -> Iterator[Problem]:
    """The problem of each of these rows; rows: as NOT_SENT, all of them wrong."""
    for line, reason, column, found, message in rows.select(NOT_SENT.names()).iter_rows():
        yield Problem(
            line=line,
            column=None if column is None else column_of(column),
            reason=Reason(reason),
            found=found,
            message=message,
        )


def _not_sent(line: int, reason: str, message: str) -> Outcome:
    return Outcome(lines=(line,), reason=Reason(reason), message=message)


def _change(
    row: tuple[int, list[int] | None, str, str, str | None, str | None, bool],
) -> Change:
    """One row of `Leads.requests` as a change."""
    line, lines, campaign_id, campaign_lead_id, status, ai_tag, clear_tag = row
    return Change(
        lines=(line,) if lines is None else tuple(lines),
        campaign_id=campaign_id,
        campaign_lead_id=campaign_lead_id,
        status=_STATUS_OF.get(status),  # one that can't be set is sent only where it is so already
        ai_tag=ai_tag,
        clear_tag=clear_tag,
    )
