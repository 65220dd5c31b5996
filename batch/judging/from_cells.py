"""A spreadsheet's cells to a plan: the whole file judged before anything is sent.

Pure: it reads cells from wherever they come.
"""

from collections.abc import Callable, Iterator
from heapq import merge
from itertools import starmap
from typing import Any, NamedTuple

import polars as pl

from batch.columns import Column, column_of
from batch.judging.explain import (
    Explainer,
    RowValue,
    conflict,
    duplicate,
    partly_superseded,
    superseded,
)
from batch.judging.leads import LEAD, Leads, between
from batch.judging.plan import (
    BEFORE,
    FIRST_PROBLEMS,
    LAST_LINE,
    NOT_SENT,
    Plan,
    errors,
    problems_in,
)
from batch.judging.planned import JUDGED, PLANNED
from batch.judging.rules import Rules, judge
from batch.judging.survey import Cells, Judgements, Survey, valid
from batch.judging.texts import is_safe_id
from batch.lines import frames_with
from batch.model import Field, Reason
from batch.settings.values import OnConflict

# Makes judgements that judge once, and are read again from where they were kept.
Once = Callable[[Judgements], Judgements]


class JudgedRows:
    """The rows of a spreadsheet as they were judged.

    judged: every row by itself. leads: what the rows of leads that are named again came to.
    """

    def __init__(self, judged: Judgements, leads: Leads, rules: Rules) -> None:
        self._judged = judged
        self.leads = leads
        self._rules = rules

    def requests(self, lines: pl.Series | None = None) -> Iterator[pl.DataFrame]:
        """As `PlanRows.requests`."""
        return (self.leads.requests(valid(rows)) for rows in self._judged(lines))

    def not_sent(self, *, only_wrong: bool = False) -> Iterator[pl.DataFrame]:
        """As `PlanRows.not_sent`."""
        explainer = Explainer(self._rules)
        for rows in self._judged(None):
            found = self._judged_rows(rows)
            yield _explained(errors(found) if only_wrong else found, explainer)

    def partly_sent(self) -> Iterator[tuple[int, str]]:
        """As `PlanRows.partly_sent`."""
        return starmap(_partly, merge(*map(_rows, self.leads.partly)))

    def before(self, first_line: int = 0, last_line: int = LAST_LINE) -> pl.DataFrame:
        """As `PlanRows.before`: nothing was read yet."""
        del first_line, last_line
        return pl.DataFrame(schema=BEFORE)

    def planned(self) -> Iterator[pl.DataFrame]:
        """As `PlanRows.planned`, with nothing of what the leads are now."""
        explainer = Explainer(self._rules)
        joined = tuple(map(_joined, self.leads.merged))
        ids = [pl.when(is_safe_id(pl.col(name))).then(name).alias(name) for name in LEAD]
        for rows in self._judged(None):
            said = _explained(self._judged_rows(rows), explainer).drop("found")
            partly = between(self.leads.partly, rows)
            lost = pl.DataFrame(
                list(starmap(_partly, _rows(partly))),
                schema={"line": pl.UInt32, "message": pl.String},
                orient="row",
            )
            requests = self.leads.requests(valid(rows)).with_columns(carrier="line")
            carried = pl.concat(
                [requests.drop("lines", *LEAD), between(joined, rows)], how="diagonal"
            )
            yield (
                rows.select("line", *ids)
                .join(carried, on="line", how="left", maintain_order="left")
                .join(
                    pl.concat([said, lost], how="diagonal"),
                    on="line",
                    how="left",
                    maintain_order="left",
                )
                .select(
                    pl.col(name).cast(dtype) if name in JUDGED else pl.lit(None, dtype).alias(name)
                    for name, dtype in PLANNED.items()
                )
            )

    def first_not_sent(self, errors_alone: pl.DataFrame) -> pl.DataFrame:
        """The first rows that are wrong, as NOT_SENT; errors_alone: by themselves."""
        of_leads = pl.concat(errors(part).head(FIRST_PROBLEMS) for part in self.leads.judged)
        first = _in_line_order(errors_alone, of_leads).head(FIRST_PROBLEMS)
        return _explained(first, Explainer(self._rules))

    def _judged_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        return _in_line_order(rows, between(self.leads.judged, rows))


def make_plan(
    cells: Cells,
    rules: Rules,
    *,
    on_conflict: OnConflict,
    once: Once = lambda judged: judged,
) -> Plan:
    """Judge the whole file; `check_rules` comes first.

    cells: gives the file's batches from its first row, each time it is called: line, blank_row and
    the four fields as raw text or null. once: keeps the rows as they are judged, so that no row is
    judged again when it is asked for.
    """

    def judge_rows(lines: pl.Series | None) -> Iterator[pl.DataFrame]:
        frames = cells() if lines is None else frames_with(cells(), lines)
        return (judge(frame, rules) for frame in frames)

    judged = once(judge_rows)
    last_wins = on_conflict is OnConflict.LAST_WINS
    survey = Survey(judged, clear_word=rules.clear_word, last_wins=last_wins)
    source = JudgedRows(judged, survey.leads, rules)
    return Plan(
        source=source,
        rows=survey.rows,
        tally=survey.tally,
        requests=survey.requests["all"],
        to_active=survey.requests["to_active"],
        to_paused=survey.requests["to_paused"],
        tags_set=survey.requests["tags_set"],
        tags_cleared=survey.requests["tags_cleared"],
        sendable_rows=survey.sendable["all"],
        clears_rows=survey.sendable["tags_cleared"],
        first_problems=tuple(problems_in(source.first_not_sent(survey.first_errors))),
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
    def asked(self) -> list[RowValue]:
        """What the rows that it is judged against ask for, in line order."""
        in_conflict = _column(self)
        pairs = (
            (self.line_a, in_conflict or Field.STATUS, self.value_a),
            (self.line_b, in_conflict or Field.AI_TAG, self.value_b),
        )
        asked = [RowValue(line, column, value or "") for line, column, value in pairs if line]
        return sorted(asked, key=lambda one: one.line)


def _column(row: _Row) -> Column | None:
    return None if row.column is None else column_of(row.column)


def _in_line_order(rows: pl.DataFrame, of_leads: pl.DataFrame) -> pl.DataFrame:
    """Rows judged by themselves and rows judged with others of their lead, as in EXPLAINED."""
    alone = rows.filter(pl.col("reason").is_not_null()).select(NOT_SENT.names())
    texts = of_leads.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    both = pl.concat([alone, texts], how="diagonal").select(_Row._fields).sort("line")
    return both.with_columns(pl.col("found").fill_null(""))


def _explained(rows: pl.DataFrame, explainer: Explainer) -> pl.DataFrame:
    """The rows as NOT_SENT."""
    messages = [_message(row, explainer) for row in _rows(rows)]
    texts = rows.with_columns(message=pl.Series(messages, dtype=pl.String))
    return texts.select(NOT_SENT.names())


def _joined(merged: pl.DataFrame) -> pl.DataFrame:
    """The lines that another row's request carries, and which, by line; merged: of `Leads`."""
    pairs = merged.select(carrier="line", line="lines").explode("line")
    return pairs.filter(pl.col("line") != pl.col("carrier")).sort("line")


def _partly(*values: Any) -> tuple[int, str]:  # noqa: ANN401 - of a _Row
    row = _Row(*values)
    return row.line, partly_superseded(*row.asked)


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
