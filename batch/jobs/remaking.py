"""Results made again from what a run's folder holds, alone or together with its retries.

Asks no server. Anything that was on its way when a run's process died is called in flight.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch.jobs.ending import Report, next_command
from batch.jobs.recorded import open_recorded_table, recorded_journal, request_of
from batch.jobs.run_record import counts_of
from batch.model import Tally
from batch.recording.history import EarlierRun, earlier_runs
from batch.recording.journal import Journal
from batch.recording.linked import LinkedOutcomes
from batch.recording.results import write_results
from batch.recording.runfile import RunFile, RunRecord, RunState, read_record

RETRIES_SUFFIX = "-with-retries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """Results that were made again. notes: sentences for the user."""

    report: Report
    notes: tuple[str, ...]


def remake_results(folder: Path, *, state_dir: Path) -> Remade:
    """Write results.csv and failed.csv of a run again, and set its record right by them.

    Raises InputError when the folder is no run or its copy is damaged, LockedError while a process
    is at work on it, and RunError when the disk fails.
    """
    record = read_record(folder / "run.json")
    with recorded_journal(folder, record) as journal:
        report = _report(folder, record, journal, state_dir=state_dir)
    state = report.state
    if record.state is RunState.RUNNING or (state is RunState.FINISHED) != (
        record.state is RunState.FINISHED
    ):
        changed = {
            "state": state,
            "exit_code": report.exit_code,
            "stop_reason": report.reason,
            "ended_at": record.ended_at or datetime.now(UTC),
            **counts_of(report.tally),
        }
        RunFile(folder / "run.json").write(record.model_copy(update=changed))
    return Remade(report=report, notes=())


def remake_with_retries(folder: Path, *, state_dir: Path) -> Remade:
    """Write the latest outcome of every row over a run and all its retries.

    Of a retry, the run that it goes back to is meant. The files are results-with-retries.csv and
    failed-with-retries.csv in that run's folder. Raises as `remake_results` does.
    """
    runs = linked_runs(folder, state_dir=state_dir)
    first = runs[0]
    with ExitStack() as resources:
        outcomes = LinkedOutcomes(
            [resources.enter_context(recorded_journal(run.folder, run.record)) for run in runs]
        )
        report = _report(
            first.folder, first.record, outcomes, state_dir=state_dir, suffix=RETRIES_SUFFIX
        )
    retries = ", ".join(run.folder.name for run in runs[1:]) or "none"
    return Remade(report=report, notes=(f"The run {first.folder}; its retries: {retries}.",))


def linked_runs(folder: Path, *, state_dir: Path) -> list[EarlierRun]:
    """The run that a run goes back to (or itself), and all retries of it, as they came."""
    record = read_record(folder / "run.json")
    known = {
        run.record.id: run
        for run in reversed(earlier_runs(state_dir, folder.absolute().parent))
        if run.record.id
    }
    first = known[record.id] = EarlierRun(folder=folder, record=record)
    while first.record.retry_of and (before := known.get(first.record.retry_of.id)):
        first = before
    linked = {first.record.id: first}
    for run_id, run in known.items():  # the oldest first, so that what is retried comes before
        if run.record.retry_of and run.record.retry_of.id in linked:
            linked[run_id] = run
    return list(linked.values())


def _report(
    folder: Path,
    record: RunRecord,
    outcomes: Journal | LinkedOutcomes,
    *,
    state_dir: Path,
    suffix: str = "",
) -> Report:
    request = request_of(folder, record, state_dir=state_dir)
    with open_recorded_table(folder, record, request) as table:
        files = write_results(table, outcomes, folder, suffix=suffix)
        state, exit_code = _state_of(record, files.tally)
        reason = "" if state is RunState.FINISHED else record.stop_reason
        if files.failure:
            state, exit_code, reason = RunState.FAILED, 3, files.failure
        return Report(
            folder=folder,
            state=state,
            exit_code=exit_code,
            reason=reason,
            rows=files.rows,
            tally=files.tally,
            examples=outcomes.examples(),
            files=files,
            next_command=next_command(folder, request, table, state, files.tally, files),
            requests=record.requests,
        )


def _state_of(record: RunRecord, tally: Tally) -> tuple[RunState, int]:
    """How a run stands by its rows; one that says it is running was killed."""
    if not tally.unsent:
        return RunState.FINISHED, 1 if tally.error else 0
    if record.state in {RunState.RUNNING, RunState.FINISHED}:
        return RunState.FAILED, 3
    return record.state, 3
