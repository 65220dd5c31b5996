"""How a run ended: its state, its exit code, its counts, and what to run next.

And errors as sentences; the traceback of one that nobody expected is left in error.txt.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from batch.columns import result_header
from batch.errors import BatchError
from batch.jobs.ready import ReadyRun
from batch.jobs.request import Request, command
from batch.model import Move, Reason, Tally
from batch.reading.spreadsheet import Found
from batch.reading.table import Table
from batch.recording.plain_file import private
from batch.recording.results import ResultFiles
from batch.recording.runfile import RunState, RunWorkspace
from batch.redaction import KeyRedactor
from batch.sending.pace.pacer import PaceEstimate
from batch.sending.stops import Stop, StopCause

TRACEBACK_NAME = "error.txt"
FOUND_DELIMITERS = {",", ";", "\t"}  # those that reading finds by itself
_INTERRUPTED = {StopCause.INTERRUPTED: 130, StopCause.TERMINATED: 143}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOutcome:
    """How a part of a run of several workspaces ended, as `RunOutcome` has it."""

    workspace: RunWorkspace
    folder: Path
    state: RunState
    rows: int
    tally: Tally
    reason: str = ""
    requests: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    reason: why it ended early, or what it could not do, in a sentence; "" when all is done.
    tally: every input row by reason; its sum is checked when there are files.
    examples: a line and its message for each reason.
    found: how the input was read.
    moves: what the server did with leads in subsequences, in all of the run.
    requests: attempts that were made. pace_estimate: None when nothing was sent.
    files: None when no results could be written.
    next_command: what to run next; None when nothing is left to do. to_mend: the file whose rows
        are to be mended before that; None if none are.
    is_undo: whether it set leads back.
    go_on_at: when it can go on, where that is known.
    report: report.html, for people; None when there is none. report_note: why it is missing.
    parts: of a run of several workspaces, in the order of its record.
    pace_note: whose the server's budgets were found to be; "" where nothing was.
    """

    folder: Path
    state: RunState
    exit_code: int
    reason: str
    rows: int
    tally: Tally
    examples: dict[Reason, tuple[int, str]]
    found: Found
    files: ResultFiles | None
    next_command: str | None
    requests: int
    moves: tuple[Move, ...] = ()
    pace_estimate: PaceEstimate | None = None
    report: Path | None = None
    report_note: str = ""
    to_mend: Path | None = None
    is_undo: bool = False
    go_on_at: datetime | None = None
    parts: tuple[PartOutcome, ...] = ()
    pace_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the sending ended: at most one of the two is set."""

    stop: Stop | None = None
    failure: str | None = None

    @property
    def reason(self) -> str:
        """Why it ended early; "" if it did not."""
        return self.failure or (self.stop.message if self.stop else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What a run left behind.

    tally: the rows whose outcome is known, where no files count them.
    """

    tally: Tally
    files: ResultFiles | None = None
    moves: tuple[Move, ...] = ()
    examples: dict[Reason, tuple[int, str]] = field(default_factory=dict)
    requests: int = 0
    pace_estimate: PaceEstimate | None = None


def outcome_of(run: ReadyRun, ended: Ending, left: SendResult) -> RunOutcome:
    """Combine how sending ended with what was recorded."""
    rows = run.plan.rows
    unknown = Tally({Reason.NOT_REACHED: rows - left.tally.total()})
    tally = left.files.tally if left.files else Tally(left.tally + unknown)
    if tally.unsent and ended.stop is None and ended.failure is None:
        ended = Ending(
            failure=f"{tally.unsent:,} rows have no outcome although the run went to its end; "
            "please report this as a bug."
        )
    state, exit_code = _state_of(ended, tally)
    folder, opened, files = run.opened.folder.path, run.opened, left.files
    is_undo = opened.undo_of is not None
    # Whoever reads no notes must not take a run for whole that isn't.
    reason = run.incomplete if state is RunState.FINISHED else ended.reason
    return RunOutcome(
        folder=folder,
        state=state,
        exit_code=exit_code,
        reason=reason,
        rows=rows,
        tally=tally,
        examples=left.examples,
        found=opened.table.found,
        files=files,
        next_command=next_command(
            folder, opened.request, opened.table, state, tally, files, is_undo=is_undo
        ),
        to_mend=None if is_undo else file_to_mend(state, tally, files),
        is_undo=is_undo,
        requests=left.requests,
        moves=left.moves,
        pace_estimate=left.pace_estimate,
        go_on_at=ended.stop.go_on_at if ended.stop and state is RunState.STOPPED else None,
    )


def _state_of(ended: Ending, tally: Tally) -> tuple[RunState, int]:
    """The state and the exit code.

    A stop that left no row behind came too late to matter, unless what was sent does not hold.
    """
    if ended.failure is not None:
        return RunState.FAILED, 3
    is_canary = ended.stop is not None and ended.stop.cause is StopCause.CANARY
    if ended.stop is None or not (tally.unsent or is_canary):
        return RunState.FINISHED, 1 if tally.error else 0
    if ended.stop.cause in _INTERRUPTED:
        return RunState.INTERRUPTED, _INTERRUPTED[ended.stop.cause]
    return RunState.STOPPED, 3


def state_by_rows(state: RunState, tally: Tally) -> RunState:
    """How a run stands by its rows; one that says it is running was killed.

    So was a part that is still a plan, of a plan that is none any more.
    """
    if not tally.unsent:
        return RunState.FINISHED
    killed = {RunState.RUNNING, RunState.FINISHED, RunState.PLANNED}
    return RunState.FAILED if state in killed else state


def file_to_mend(state: RunState, tally: Tally, files: ResultFiles | None) -> Path | None:
    """The file whose rows are to be mended before they are fed back in; None if none are.

    Resume and retry don't read it, so that nothing is to be mended before them.
    """
    is_fed_back = state is RunState.FINISHED and not tally.may_pass
    if files is None or not is_fed_back or not tally.to_mend:
        return None
    return files.failed_sheet or files.failed


def next_command(
    folder: Path,
    request: Request,
    table: Table,
    state: RunState,
    tally: Tally,
    files: ResultFiles | None,
    *,
    is_undo: bool,
) -> str | None:
    """What to run next; None when nothing is left to do.

    A run that broke off is gone on with. One that finished is tried again if that may help as it
    is; else its failed rows are to be mended and fed back in. Those of an undo nobody wrote: they
    are looked at where their leads have changed, and nothing else can be done about them.
    """
    if state is not RunState.FINISHED:
        # Leads that have changed since are sent by it all the same, as was asked.
        is_forced = request.is_planned and request.guardrails.force
        force = ("--force",) if is_forced else ()
        word = "apply" if is_forced else "resume"
        return command(word, str(folder), *force, *request.key_options)
    if files is None or not tally.error:
        return None
    if tally.may_pass:
        return command("retry", str(folder), *request.key_options)
    # Leads that are not what they were taken for are to be looked at before anything is sent.
    has_changed = bool(tally[Reason.DRIFTED] or tally[Reason.CHANGED_SINCE])
    if is_undo and not has_changed:
        return None
    word = "plan" if has_changed else "run"
    options = (*_column_options(request, table), *request.options_for(word))
    if files.failed_sheet:
        return command(word, str(files.failed_sheet), *options)
    told = () if table.delimiter in FOUND_DELIMITERS else ("--delimiter", table.delimiter)
    return command(word, str(files.failed), *told, *options)


def _column_options(request: Request, table: Table) -> Iterator[str]:
    """How the mapped columns are called in the failed rows: an added name is `input_…` there."""
    names = result_header(table.header)
    for column in request.settings.columns.names():
        if column not in table.fields:  # an e-mail address where ids stand beside it
            continue
        yield from ("--map", f"{column}={names[table.fields[column]]}")


def error_sentence(error: Exception, folder: Path, key: SecretStr) -> str:
    """A sentence about an error; one that nobody expected is written to error.txt, without key."""
    single = list(_singles(error))
    if all(isinstance(each, BatchError) for each in single):
        return str(single[0])
    path = folder / TRACEBACK_NAME
    text, summary = without_key(
        key, "".join(traceback.format_exception(error)), f"{type(single[0]).__name__}: {single[0]}"
    )
    try:
        with open(path, "a", encoding="utf-8", opener=private) as out:
            out.write(text)
    except OSError:
        return f"Unexpected error: {summary}. Its traceback could not be written."
    return f"Unexpected error: {summary}. Its traceback is in {path}; please report it."


def without_key(key: SecretStr, *texts: str) -> list[str]:
    """Texts for a person, of any number of lines, with *** in place of the key."""
    redactor = KeyRedactor(key.get_secret_value(), mark="***")
    return [redactor.without_key_in_lines(text) for text in texts]


def _singles(error: BaseException) -> Iterator[BaseException]:
    """The errors inside groups, as task groups wrap them."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _singles(each)
