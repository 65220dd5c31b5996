"""What is left to send of a plan: all of it for a new run, the rest of it for a resumed one.

And what was read of its leads, which may leave some of it out.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from batch.judging.explain_leads import status_left
from batch.judging.plan import LAST_LINE, Plan
from batch.judging.preview import Preview
from batch.lines import only_lines
from batch.model import FINAL_STATUSES, Change, Outcome, Reason, Result, Tally
from batch.recording.journal import Journal
from batch.sending.pace.pacer import PaceEstimate, Pacer
from batch.sending.retry import with_earlier_attempts
from batch.settings.values import Age


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadsDiff:
    """What was read, and what that took.

    pacer: the one that reading kept to, which knows what reading has used up of the budget.
    pace_estimate: what is known of the pace by now. requests: pages that were read.
    at: when that was done, seconds of time.monotonic().
    """

    preview: Preview
    pacer: Pacer
    pace_estimate: PaceEstimate
    requests: int
    at: float

    def is_fresh(self, age: Age) -> bool:
        """Whether it still counts, or somebody took longer than that to say yes."""
        return time.monotonic() - self.at < age.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The changes to send, and what is known already.

    changes: gives them from the first, each time it is called. requests: how many they are.
    sets: the same as frames of line, status, ai_tag and clear_tag; for a new
        run without what is so already, as far as that was read.
    before: the rows that have a final outcome already, by reason, judged ones too.
    tried: what earlier processes left of lines that are not done, by line.
    left_out: the requests that are not sent because of what their leads are now; None if nobody
        looked.
    """

    changes: Callable[[], Iterator[Change]]
    sets: Callable[[], Iterator[pl.DataFrame]]
    requests: int
    before: Tally
    tried: Mapping[int, Outcome] = field(default_factory=dict)
    left_out: Preview | None = None

    def left_out_outcomes(self) -> Iterator[list[Outcome]]:
        """The outcomes of the rows that are not sent, some thousand at once.

        A row that was tried before keeps its attempts, and that it may have been applied.
        """
        for outcomes in self.left_out.left_out() if self.left_out else ():
            yield outcomes
            yield [
                with_earlier_attempts(replace(outcome, lines=(line,)), self.tried[line])
                for outcome in outcomes
                for line in (outcome.lines if self.tried else ())
                if line in self.tried
            ]


def whole_work(plan: Plan) -> Work:
    """All of a plan."""
    return Work(
        changes=plan.changes,
        sets=plan.all_requests,
        requests=plan.requests,
        before=Tally(plan.tally),
    )


def needed_work(plan: Plan, preview: Preview) -> Work:
    """What of a plan has to be sent, as the leads were read."""
    lines, through = preview.lines, preview.through
    return Work(
        changes=lambda: _without_status(plan.changes(only=lines), through),
        sets=preview.sets,
        requests=len(lines),
        before=Tally(plan.tally + preview.tally),
        left_out=preview,
    )


def remaining_work(
    plan: Plan,
    journal: Journal,
    preview: Preview | None = None,
    *,
    was: pl.DataFrame | None = None,
) -> Work:
    """What of a plan has no final outcome in its journal.

    preview: of what the leads are by now, if it was looked; those that drifted are left out. What
    is so already is sent: it may be so by a request whose answer nobody knows.
    was: what leads were when they were last read (line, status): one that was through gets no
    status. None: any lead gets it.
    Reads the whole plan once, so that sending, later, passes over what is done without asking.
    """
    none = pl.Series("line", [], dtype=pl.UInt32)
    lines = pl.concat([none, *_unfinished(plan, journal)])
    before = Tally(
        {
            Reason(reason): rows
            for reason, rows in journal.tally().items()
            if reason.result is not Result.UNSENT
        }
    )
    tried = journal.tried()
    left_out = preview.left_out_of(lines, tried=tried) if preview else None
    if left_out:
        lines = lines.filter(~lines.is_in(left_out.verdicts["line"].implode()))
        before.update(left_out.tally)
    through = None if was is None else _through(was, preview)
    return Work(
        changes=lambda: (
            _with_earlier(change, tried)
            for change in _without_status(plan.changes(only=lines), through)
        ),
        sets=lambda: _sets(plan.requests_of(lines), through),
        requests=len(lines),
        before=before,
        tried=tried,
        left_out=left_out,
    )


def _sets(requests: Iterator[pl.DataFrame], through: pl.DataFrame | None) -> Iterator[pl.DataFrame]:
    """Requests, as REQUESTS, without the status that they would set on leads that are through."""
    for part in requests:
        if through is None:
            yield part
        else:
            is_through = pl.col("line").is_in(only_lines(part, through["line"])["line"].implode())
            yield part.with_columns(status=pl.when(~is_through).then("status"))


def _through(was: pl.DataFrame, preview: Preview | None) -> pl.DataFrame:
    """The leads that were through when they were last read: line, status; in line order."""
    is_final = pl.col("status").is_in(FINAL_STATUSES)
    parts = [was.select("line", "status").filter(is_final)]
    if preview:
        parts.append(preview.through)
    return pl.concat(parts).unique("line", keep="last").sort("line")


def _without_status(changes: Iterator[Change], through: pl.DataFrame | None) -> Iterator[Change]:
    """The changes without the status that they would set on leads that are through.

    changes: in line order. through: as `Preview.through`.
    """
    leads = iter(()) if through is None else through.iter_rows()
    line, live_status = next(leads, _NO_MORE)
    for change in changes:
        while line < change.lines[0]:
            line, live_status = next(leads, _NO_MORE)
        if line > change.lines[0] or change.status is None:
            yield change
        else:
            yield replace(change, status=None, left=status_left(change.status, live_status))


_NO_MORE = (LAST_LINE + 1, "")


def _with_earlier(change: Change, tried: Mapping[int, Outcome]) -> Change:
    """The change with what is known of it already: its lines were always sent together."""
    earlier = next((tried[line] for line in change.lines if line in tried), None)
    return replace(change, earlier=earlier) if earlier else change


def _unfinished(plan: Plan, journal: Journal) -> Iterator[pl.Series]:
    """The carrying lines, four bytes each, of the changes without a final outcome."""
    for lines in plan.carrying_lines():
        if len(lines):
            final = journal.final_lines(lines[0], lines[-1])
            yield lines.filter(~lines.is_in(final.implode()))
