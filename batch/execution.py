"""Execute a run that is ready: send, record, write the results, and say how it ended.

Whatever happens once the run's folder counts, results are written from what the journal holds,
and an unexpected error leaves its traceback in the folder, without the key.
"""

import os
import platform
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import anyio.to_thread

from batch import __version__
from batch.errors import BatchError, RunError
from batch.job import ReadyRun, command
from batch.journal import Journal
from batch.model import Reason, Result, Tally
from batch.results import ResultFiles, write_results
from batch.runfile import RunFile, RunInput, RunRecord, RunState, RunWorkspace
from batch.sending import Moment, Sending
from batch.signals import Interrupts
from batch.stops import Stop, StopCause

TRACEBACK_NAME = "error.txt"
_INTERRUPTED = {StopCause.INTERRUPTED: 130, StopCause.TERMINATED: 143}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a run ended.

    reason: why it ended early, in a sentence; "" when it finished.
    tally: every input row by reason; its sum is checked when there are files.
    examples: a line and its message for each reason.
    requests: attempts that were made.
    files: None when no results could be written.
    next_command: what to run next; None when nothing is left to do.
    """

    folder: Path
    state: RunState
    exit_code: int
    reason: str
    rows: int
    tally: Tally
    examples: dict[Reason, tuple[int, str]]
    files: ResultFiles | None
    next_command: str | None
    requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """How the sending ended: at most one of the two is set."""

    stop: Stop | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """What a run left behind. tally: the rows whose outcome is known, where no files count them."""

    tally: Tally
    files: ResultFiles | None = None
    examples: dict[Reason, tuple[int, str]]
    requests: int = 0


async def execute(
    run: ReadyRun, *, on_moment: Callable[[Moment], None], interrupts: Interrupts
) -> Report:
    """Send all changes of the run and report; what a run can meet does not raise.

    on_moment: called a few times a second, on the event loop.
    interrupts: the first stops the run, the second does so at once; results are complete in
        either case.
    Raises RunError, before anything is sent and with the folder not kept, when run.json can't be
    written.
    """
    folder = run.opened.folder
    run_file = RunFile(folder.path / "run.json")
    record = _first_record(run)
    run_file.write(record)
    folder.keep()

    def tell(moment: Moment) -> None:
        on_moment(moment)
        run_file.update(_record_at(record, moment))

    try:
        with closing(Journal.create(folder.path / "journal.sqlite")) as journal:
            report = await _send_and_tell(run, journal, tell, interrupts)
    except Exception as error:  # noqa: BLE001 - told, kept in the folder, and exit 3
        left = _Left(tally=run.plan.tally, examples={})
        report = _report(run, _Ended(failure=_told(error, run)), left)
    try:
        run_file.write(_last_record(record, report))
    except RunError as error:
        reason = report.reason or str(error)
        report = replace(report, state=RunState.FAILED, exit_code=3, reason=reason)
    return report


async def _send_and_tell(
    run: ReadyRun, journal: Journal, tell: Callable[[Moment], None], interrupts: Interrupts
) -> Report:
    """Send, and write the results of what the journal holds, however the sending ended."""
    opened, settings = run.opened, run.opened.request.settings
    api = opened.client(connections=settings.pace.concurrency)
    sending = Sending(run.plan, journal=journal, settings=settings, send=api.send_change)
    with interrupts.told_to(sending.interrupt):
        try:
            await anyio.to_thread.run_sync(_record_judged, run, journal)
            async with api:
                ended = _Ended(stop=await sending.run(tell))
        except Exception as error:  # noqa: BLE001 - told, kept in the folder, and exit 3
            ended = _Ended(failure=_told(error, run) + _lost(sending.lost_rows))
        files, examples = None, {}
        try:
            files = await anyio.to_thread.run_sync(
                write_results, opened.table, journal, opened.folder.path
            )
            examples = journal.examples()
        except Exception as error:  # noqa: BLE001 - the same
            ended = _Ended(failure=ended.failure or _told(error, run))
        moment = sending.moment()
    left = _Left(tally=moment.tally, files=files, examples=examples, requests=moment.requests)
    return _report(run, ended, left)


def _record_judged(run: ReadyRun, journal: Journal) -> None:
    for outcomes in run.plan.judged():
        journal.record(outcomes)


def _report(run: ReadyRun, ended: _Ended, left: _Left) -> Report:
    rows = run.plan.rows
    unknown = Tally({Reason.NOT_REACHED: rows - left.tally.total()})
    tally = left.files.tally if left.files else Tally(left.tally + unknown)
    if tally.unsent and ended.stop is None and ended.failure is None:
        ended = _Ended(
            failure=f"{tally.unsent:,} rows have no outcome although the run went to its end; "
            "please report this as a bug."
        )
    state, exit_code = _state_of(ended, tally)
    return Report(
        folder=run.opened.folder.path,
        state=state,
        exit_code=exit_code,
        reason="" if state is RunState.FINISHED else _reason_of(ended),
        rows=rows,
        tally=tally,
        examples=left.examples,
        files=left.files,
        next_command=_next_command(run, left.files, tally),
        requests=left.requests,
    )


def _state_of(ended: _Ended, tally: Tally) -> tuple[RunState, int]:
    """The state and the exit code. A stop that left no row behind came too late to matter."""
    if ended.failure is not None:
        return RunState.FAILED, 3
    if ended.stop is None or not tally.unsent:
        return RunState.FINISHED, 1 if tally.error else 0
    if ended.stop.cause in _INTERRUPTED:
        return RunState.INTERRUPTED, _INTERRUPTED[ended.stop.cause]
    return RunState.STOPPED, 3


def _reason_of(ended: _Ended) -> str:
    if ended.failure is not None:
        return ended.failure
    return ended.stop.message if ended.stop else ""


def _next_command(run: ReadyRun, files: ResultFiles | None, tally: Tally) -> str | None:
    """Until a run can be resumed, its failed rows are fed back in; without them, its input is.

    Sending a change again that was applied changes nothing.
    """
    request = run.opened.request
    if files is None:
        path = str(run.opened.copy.path)
        return command("run", path, *request.reading_options, *request.repeated_options)
    if not (tally.error or tally.unsent):
        return None
    return command("run", str(files.failed_sheet or files.failed), *request.repeated_options)


def _told(error: Exception, run: ReadyRun) -> str:
    """A sentence about what broke the run off; the unexpected leaves its traceback behind."""
    single = list(_singles(error))
    if all(isinstance(each, BatchError) for each in single):
        return str(single[0])
    path = run.opened.folder.path / TRACEBACK_NAME
    key = run.opened.access.api_key.get_secret_value()
    text = "".join(traceback.format_exception(error)).replace(key, "***")
    summary = f"{type(single[0]).__name__}: {single[0]}".replace(key, "***")
    try:
        with open(path, "w", encoding="utf-8", opener=_private) as out:
            out.write(text)
    except OSError:
        return f"Unexpected error: {summary}. Its traceback could not be written."
    return f"Unexpected error: {summary}. Its traceback is in {path}; please report it."


def _singles(error: BaseException) -> Iterator[BaseException]:
    """The errors inside groups, as task groups wrap them."""
    if not isinstance(error, BaseExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _singles(each)


def _lost(rows: int) -> str:
    """What to say of rows that were sent while their outcomes could not be recorded."""
    if not rows:
        return ""
    what = "1 row that was sent" if rows == 1 else f"{rows:,} rows that were sent"
    return f" The outcomes of {what} could not be recorded: the results call them not_reached."


def _first_record(run: ReadyRun) -> RunRecord:
    opened, workspace = run.opened, run.preflight.workspace
    return RunRecord(
        state=RunState.RUNNING,
        versions={
            "python": platform.python_version(),
            "sendkit-batch": __version__,
            **{name: version(name) for name in ("httpx", "polars", "anyio")},
        },
        input=RunInput(
            name=opened.request.source.name,
            sha256=opened.copy.sha256,
            size_bytes=opened.copy.size_bytes,
        ),
        base_url=opened.access.base_url,
        workspace=RunWorkspace(id=workspace.id, name=workspace.name) if workspace else None,
        settings=opened.request.settings.public(),
        pid=os.getpid(),
        started_at=opened.started_at,
        rows=run.plan.rows,
        counts={},
        reasons={},
    )


def _record_at(record: RunRecord, moment: Moment) -> RunRecord:
    pace = f"{moment.rate_per_s:.1f} a second"
    if moment.hold:
        pace += f", held back for {moment.hold_left_s:.0f} s more ({moment.hold.why})"
    return record.model_copy(
        update={"pace": pace, "requests": moment.requests, **_counts_of(moment.tally)}
    )


def _last_record(record: RunRecord, report: Report) -> RunRecord:
    return record.model_copy(
        update={
            "state": report.state,
            "exit_code": report.exit_code,
            "stop_reason": report.reason,
            "ended_at": datetime.now(UTC),
            "requests": report.requests,
            **_counts_of(report.tally),
        }
    )


def _counts_of(tally: Tally) -> dict[str, object]:
    reasons = {reason: count for reason, count in sorted(tally.items()) if count}
    return {"counts": {result: tally.of(result) for result in Result}, "reasons": reasons}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
