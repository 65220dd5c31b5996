"""What the functions for callers in Python give, beside `RunOutcome`: typed, and closed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Self

from batch.jobs.outcome import RunOutcome
from batch.jobs.results import outcomes_of
from batch.jobs.verify import Verified
from batch.judging.plan import Problem
from batch.model import Reason, Result, Tally
from batch.reading.spreadsheet import Found
from batch.recording.result_rows import NOT_REACHED_MESSAGE
from batch.recording.state import default_state_dir
from batch.wording.questions import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutcome:
    """A spreadsheet that was judged.

    rows: of the input. tally: those that would not be sent, by reason. requests: what would be.
    problems: the wrong rows, in line order, as many as were asked for.
    refusal: why a run would send nothing as it is; None if it would go on.
    forecast_s: how long sending would take. notes: what else should be read.
    found: how it was read.
    """

    rows: int
    tally: Tally
    requests: int
    problems: tuple[Problem, ...]
    refusal: str | None
    forecast_s: float
    notes: tuple[str, ...]
    found: Found


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPart:
    """What a plan of several workspaces would do in one. folder: of its part. rows: of the input.

    requests, tag_changes: what `apply` would do there.
    """

    workspace: str
    workspace_id: str
    folder: Path
    rows: int
    requests: int
    tag_changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutcome:
    """A plan that is kept in a run's folder.

    sheet: plan.csv, with a line for each change. rows: of the input. tally: all of them, those
    that would be sent as not reached. requests, tag_changes, forecast_s: what `apply` would do.
    question: what should be said yes to. next_command: the command line that goes on; or None.
    parts: of several workspaces; else none.
    """

    folder: Path
    sheet: Path
    rows: int
    tally: Tally
    requests: int
    tag_changes: int
    forecast_s: float
    question: Question
    exit_code: int
    next_command: str | None
    parts: tuple[PlanPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A value that is not what a run made it. column: status or aiTag; "" where the lead is gone.

    wanted, found: as they stand in a spreadsheet.
    """

    line: int
    campaign_id: str
    campaign_lead_id: str
    column: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOutcome:
    """Whether leads are what a run made them. rows: looked at. holding: those that are.

    file: verify.csv, with the same differences. requests: what it took to read.
    """

    rows: int
    holding: int
    differences: tuple[Difference, ...]
    file: Path
    requests: int

    @classmethod
    def of(cls, verified: Verified) -> Self:
        """What came of a verification."""
        return cls(
            rows=verified.rows,
            holding=verified.holding,
            differences=tuple(
                Difference(**row) for row in verified.different.iter_rows(named=True)
            ),
            file=verified.path.absolute(),
            requests=verified.requests,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """What came of one row of the input, as results.csv says it.

    cells: the row's own, by the header's names. attempts: requests made for it.
    elapsed_ms: of the last one. sent_at: when the first one left. message: "" where none is.
    server_status, server_ai_tag: what the server answered; None where it did not say.
    """

    line: int
    cells: Mapping[str, str]
    result: Result
    reason: Reason
    http_status: int | None
    attempts: int
    elapsed_ms: int | None
    message: str
    sent_at: datetime | None
    server_status: str | None
    server_ai_tag: str | None
    subsequence: str | None


def results(run: RunOutcome | str | PathLike[str]) -> Iterator[ResultRow]:
    """The rows of a run with what came of each, in the input's order; a folder, or an outcome.

    Reads the run's journal and its copy of the input, some thousand rows at once.
    Raises InputError when the folder is no run or is damaged, and LockedError while a process is
    at work on it.
    """
    folder = run.folder if isinstance(run, RunOutcome) else Path(run)
    with outcomes_of(folder, state_dir=default_state_dir()) as (table, frames):
        for frame in frames:
            for row in frame.iter_rows(named=True):
                yield _result_row(row, table.header)


def _result_row(row: Mapping[str, Any], header: tuple[str, ...]) -> ResultRow:
    is_recorded = row["reason"] is not None
    reason = Reason(row["reason"]) if is_recorded else Reason.NOT_REACHED
    sent_at_ms = row["sent_at_ms"]
    return ResultRow(
        line=row["line"],
        cells={name: row[str(index)] or "" for index, name in enumerate(header)},
        result=reason.result,
        reason=reason,
        http_status=row["http_status"],
        attempts=row["attempts"] or 0,
        elapsed_ms=row["elapsed_ms"],
        message=(row["message"] or "") if is_recorded else NOT_REACHED_MESSAGE,
        sent_at=sent_at_ms and datetime.fromtimestamp(sent_at_ms / 1000, UTC),
        server_status=row["server_status"] or None,
        server_ai_tag=row["server_ai_tag"] or None,
        subsequence=row["subsequence"] or None,
    )
