"""The whole file judged: what will be sent, what won't and why, and whether to go on at all.

Pure: it reads cells from wherever they come, as often as it needs, and sends nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import starmap
from typing import NamedTuple

import polars as pl

from batch.columns import Column, column_of
from batch.judging.explain import (
    Asked,
    Explainer,
    conflict,
    duplicate,
    located,
    partly_superseded,
    superseded,
)
from batch.judging.leads import Leads, between
from batch.judging.rules import Rules
from batch.judging.survey import ERROR, FIRST_PROBLEMS, Cells, Survey, errors, judged, valid
from batch.judging.totals import Effect
from batch.lines import frames_with
from batch.model import Change, Field, OnConflict, Outcome, Reason, Status, Tally

# Rows that become Python objects at once, so that a large batch does not all do so.
_OBJECTS = 5_000

_STATUS_OF: Mapping[str | None, Status | None] = {
    None: None,
    **{status.value: status for status in Status},
}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Effect):
    """What a file comes to, in numbers, and row by row as often as it is asked for.

    Its effect is that of all its requests, as long as nobody looked which are needed.
    cells, rules, leads: what the rows are judged again from when they are asked for.
    rows: all input rows. tally: those that are not sent, by reason.
    first_problems: the first 20, in line order.
    """

    cells: Cells
    rules: Rules
    leads: Leads
    rows: int
    tally: Tally
    first_problems: tuple[Problem, ...]

    def problems(self) -> Iterator[Problem]:
        """Every row that is wrong, in line order."""
        if not self.tally.error:
            return
        explainer = Explainer(self.rules)
        for rows in self._not_sent():
            for row in _rows(errors(rows)):
                yield _problem(row, explainer)

    def judged(self) -> Iterator[list[Outcome]]:
        """Every row that is not sent, error or skipped, in line order, some thousand at once."""
        if not self.tally:
            return
        explainer = Explainer(self.rules)
        for rows in self._not_sent():
            for part in rows.iter_slices(_OBJECTS):
                yield [_outcome(row, explainer) for row in _rows(part)]

    def changes(self, *, only: pl.Series | None = None) -> Iterator[Change]:
        """The requests, in line order of the row that carries them; reads only as far as asked.

        only: the lines (UInt32, rising) of the rows that carry the wanted ones; None for all.
        """
        cells = self.cells if only is None else lambda: frames_with(self.cells(), only)
        for requests in self._requests(cells):
            for part in requests.iter_slices(_OBJECTS):
                yield from map(_change, part.rows())

    def requests_of(self, lines: pl.Series) -> Iterator[pl.DataFrame]:
        """The requests that these lines carry (UInt32, rising), in frames as `Leads.requests`."""
        return self._requests(lambda: frames_with(self.cells(), lines))

    def all_requests(self) -> Iterator[pl.DataFrame]:
        """All requests, in frames as `Leads.requests`."""
        return self._requests(self.cells)

    def carrying_lines(self) -> Iterator[pl.Series]:
        """The lines (UInt32, rising) of the rows that carry the requests, in parts."""
        for requests in self.all_requests():
            yield requests["line"]

    def partly_sent(self) -> Iterator[tuple[int, str]]:
        """Lines of rows that are sent without one of their values, each with a message saying so.

        Only last-wins has such rows; the outcome that they share with others would not tell.
        """
        for row in merge(*map(_rows, self.leads.partly)):
            yield row.line, partly_superseded(*row.asked)

    def _requests(self, cells: Cells) -> Iterator[pl.DataFrame]:
        return (self.leads.requests(valid(rows)) for rows in judged(cells, self.rules))

    def _not_sent(self) -> Iterator[pl.DataFrame]:
        for rows in judged(self.cells, self.rules):
            yield _in_line_order(rows, between(self.leads.judged, rows))


def make_plan(cells: Cells, rules: Rules, *, on_conflict: OnConflict) -> Plan:
    """Judge the whole file; `check_rules` comes first.

    cells: gives the file's batches from its first row, each time it is called: line, blank_row and
    the four fields as raw text or null.
    """
    survey = Survey(cells, rules, last_wins=on_conflict is OnConflict.LAST_WINS)
    explainer = Explainer(rules)
    of_leads = pl.concat(errors(part).head(FIRST_PROBLEMS) for part in survey.leads.judged)
    wrong = _in_line_order(survey.first_errors, of_leads)
    return Plan(
        cells=cells,
        rules=rules,
        leads=survey.leads,
        rows=survey.rows,
        tally=survey.tally,
        requests=survey.requests["all"],
        to_active=survey.requests["to_active"],
        to_paused=survey.requests["to_paused"],
        tags_set=survey.requests["tags_set"],
        tags_cleared=survey.requests["tags_cleared"],
        sendable_rows=survey.sendable["all"],
        clears_rows=survey.sendable["tags_cleared"],
        first_problems=tuple(_problem(row, explainer) for row in _rows(wrong.head(FIRST_PROBLEMS))),
    )


class _Row(NamedTuple):
    """A row that is not sent, as `leads.EXPLAINED` has it.

    message: the whole sentence, where looking up its ids has made it.
    """

    line: int
    reason: str
    column: str | None
    found: str
    line_a: int | None
    value_a: str | None
    line_b: int | None
    value_b: str | None
    message: str | None = None

    @property
    def asked(self) -> list[Asked]:
        """What the rows that it is judged against ask for, in line order."""
        in_conflict = _column(self)
        pairs = (
            (self.line_a, in_conflict or Field.STATUS, self.value_a),
            (self.line_b, in_conflict or Field.AI_TAG, self.value_b),
        )
        asked = [Asked(line, column, value or "") for line, column, value in pairs if line]
        return sorted(asked, key=lambda one: one.line)


def _column(row: _Row) -> Column | None:
    return None if row.column is None else column_of(row.column)


def _in_line_order(rows: pl.DataFrame, of_leads: pl.DataFrame) -> pl.DataFrame:
    """Rows judged by themselves and rows judged with others of their lead, as in EXPLAINED."""
    alone = rows.filter(pl.col("reason").is_not_null()).select(ERROR.names())
    texts = of_leads.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    both = pl.concat([alone, texts], how="diagonal").select(_Row._fields).sort("line")
    return both.with_columns(pl.col("found").fill_null(""))


def _rows(frame: pl.DataFrame) -> Iterator[_Row]:
    return starmap(_Row, frame.iter_rows())


def _message(row: _Row, explainer: Explainer) -> str:
    if row.message is not None:
        return row.message
    match Reason(row.reason):
        case Reason.CONFLICT:
            return conflict(row.asked)
        case Reason.DUPLICATE:
            return duplicate(sorted({asked.line for asked in row.asked}))
        case Reason.SUPERSEDED:
            return superseded(row.asked)
        case reason:
            return explainer.sentence(reason, _column(row), row.found)


def _problem(row: _Row, explainer: Explainer) -> Problem:
    return Problem(
        line=row.line,
        column=_column(row),
        reason=Reason(row.reason),
        found=row.found,
        message=_message(row, explainer),
    )


def _outcome(row: _Row, explainer: Explainer) -> Outcome:
    return Outcome(lines=(row.line,), reason=Reason(row.reason), message=_message(row, explainer))


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
