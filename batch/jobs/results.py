"""Results made again from what a run's folder holds, alone or together with its retries.

Asks no server. Anything that was on its way when a run's process died is called in flight.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from batch.jobs.joined import join_results, joined_outcome, open_parts
from batch.jobs.outcome import RunOutcome, file_to_mend, next_command, state_by_rows
from batch.jobs.recorded import (
    looked_up_ids,
    open_recorded_table,
    recorded_journal,
    request_of,
)
from batch.jobs.run_record import counts_of
from batch.jobs.unfinished import linked_runs
from batch.model import Move, Tally
from batch.reading.table import Table
from batch.recording.attempts_file import HistoryFile, write_history
from batch.recording.history import EarlierRun
from batch.recording.journal import Journal
from batch.recording.linked import Ids, LinkedIds, LinkedOutcomes
from batch.recording.parts import JoinedOutcomes, plans_of_all
from batch.recording.result_rows import with_outcomes
from batch.recording.results import Outcomes, parts_of, write_results
from batch.recording.runfile import RunFile, RunRecord, RunState, read_record
from batch.wording.amounts import count_of

RETRIES_SUFFIX = "-with-retries"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """Results that were made again. notes: sentences for the user."""

    outcome: RunOutcome
    notes: tuple[str, ...]


def remake_results(
    folder: Path, *, state_dir: Path, into: Path | None = None, attempts: bool = False
) -> Remade:
    """Write results.csv and failed.csv of a run again, and set its record right by them.

    into: another folder for the files; the run's own then stays as it is.
    attempts: whether history.csv is written beside them.
    Raises InputError when the folder is no run or its copy is damaged, LockedError while a process
    is at work on it, and RunError when the disk fails.
    """
    with recorded_journal(folder, read_record(folder / "run.json")) as journal:
        # Read once the journal is ours: until then, another process may have ended the run.
        record = read_record(folder / "run.json")
        run = EarlierRun(folder=folder, record=record)
        if record.is_of_several:
            outcome = _joined(run, journal, state_dir=state_dir, into=into or folder)
        else:
            outcome = _outcome_of([run], journal, state_dir=state_dir, into=into or folder)
        if into is None and outcome.state is not record.state:
            changed = {
                "state": outcome.state,
                "exit_code": outcome.exit_code,
                "stop_reason": outcome.reason,
                "ended_at": run.stopped_at,
                **counts_of(outcome.tally),
            }
            RunFile(folder / "run.json").write(record.model_copy(update=changed))
        notes: tuple[str, ...] = ()
        if attempts:
            with _with_parts(folder, record, journal, state_dir=state_dir) as journals:
                notes = (_history_note(write_history(journals, into or folder)),)
    return Remade(outcome=outcome, notes=notes)


def remake_history(folder: Path) -> Path:
    """Write history.csv of a run alone. Raises as `remake_results` does."""
    record = read_record(folder / "run.json")
    with (
        recorded_journal(folder, record) as journal,
        _with_parts(folder, record, journal) as journals,
    ):
        return write_history(journals, folder).path


@contextmanager
def _with_parts(
    folder: Path, record: RunRecord, journal: Journal, *, state_dir: Path | None = None
) -> Iterator[list[Journal]]:
    """A run's journal, and those of its parts. state_dir: as `open_parts` takes it."""
    if not record.is_of_several:
        yield [journal]
        return
    with open_parts(folder, record, journal, state_dir=state_dir) as (_, parts):
        yield [journal, *(part.rows.journal for part in parts)]


def _joined(run: EarlierRun, journal: Journal, *, state_dir: Path, into: Path) -> RunOutcome:
    """The results of a run of several workspaces, by what all parts came to."""
    folder, record = run.folder, run.record
    request = request_of(folder, record, state_dir=state_dir)
    with (
        open_recorded_table(folder, record, request, journal=journal) as table,
        open_parts(folder, record, journal, state_dir=state_dir) as (outcomes, parts),
    ):
        joined = join_results(table, folder, record, outcomes, parts, into=into)
        is_undo = record.undo_of is not None
        return joined_outcome(folder, request, table, joined, is_undo=is_undo)


def _history_note(history: HistoryFile) -> str:
    said = f"{history.path}: {count_of(history.attempts, 'attempt')}."
    if history.unknown:
        said += f" {history.unknown:,} of them are only counted; each place says why."
    return said


def remake_with_retries(folder: Path, *, state_dir: Path, into: Path | None = None) -> Remade:
    """Write the latest outcome of every row over a run and all its retries.

    Of a retry, the run that it goes back to is meant. The files are results-with-retries.csv and
    failed-with-retries.csv in that run's folder, or in `into`. Raises as `remake_results` does.
    """
    linked = linked_runs(folder, state_dir=state_dir)
    first, *retries = linked.runs
    with ExitStack() as resources:
        of_each = [resources.enter_context(_opened(run, state_dir)) for run in linked.runs]
        outcomes = LinkedOutcomes(of_each, [run.record.started_at for run in linked.runs])
        outcome = _outcome_of(
            linked.runs,
            outcomes,
            state_dir=state_dir,
            into=into or first.folder,
            suffix=RETRIES_SUFFIX,
        )
    names = ", ".join(_name_of(run) for run in retries) or "none"
    told = f"The run {first.folder}; its retries: {names}."
    return Remade(outcome=outcome, notes=(told, *linked.notes))


def _name_of(run: EarlierRun) -> str:
    """A run's folder; of a part, with the folder of the run whose part it is."""
    return "/".join(run.folder.parts[-3 if run.record.part_of else -1 :])


@contextmanager
def _opened(run: EarlierRun, state_dir: Path) -> Iterator[Journal | JoinedOutcomes]:
    """What came of a run, by its journal or those of its parts."""
    with recorded_journal(run.folder, run.record) as journal:
        if not run.record.is_of_several:
            yield journal
            return
        with open_parts(run.folder, run.record, journal, state_dir=state_dir) as (outcomes, _):
            yield outcomes


def _ids_of(run: EarlierRun) -> Sequence[Ids]:
    if run.record.is_of_several:
        return plans_of_all(run.folder, run.record)
    return [looked_up_ids(run.folder, run.record)]


@contextmanager
def outcomes_of(folder: Path, *, state_dir: Path) -> Iterator[tuple[Table, Iterator[pl.DataFrame]]]:
    """The rows of a run beside their outcomes, as `result_rows.with_outcomes` has them, in frames.

    Nothing is written. Raises as `remake_results` does.
    """
    with recorded_journal(folder, read_record(folder / "run.json")) as journal:
        record = read_record(folder / "run.json")
        request = request_of(folder, record, state_dir=state_dir)
        with ExitStack() as opened:
            table = opened.enter_context(
                open_recorded_table(folder, record, request, journal=journal)
            )
            outcomes: Outcomes = journal
            if record.is_of_several:
                outcomes, parts = opened.enter_context(
                    open_parts(folder, record, journal, state_dir=state_dir)
                )
                if table.is_by_email:
                    table.ids = LinkedIds([each.rows.plan for each in parts])
            yield (
                table,
                (
                    with_outcomes(part, outcomes.rows(part["line"][0], part["line"][-1]))
                    for part in parts_of(table)
                ),
            )


def _outcome_of(
    runs: Sequence[EarlierRun],
    outcomes: Journal | LinkedOutcomes,
    *,
    state_dir: Path,
    into: Path,
    suffix: str = "",
) -> RunOutcome:
    """The results of the first run, by what all of them came to."""
    folder, record = runs[0].folder, runs[0].record
    request = request_of(folder, record, state_dir=state_dir)
    journal = outcomes if isinstance(outcomes, Journal) else None
    with open_recorded_table(folder, record, request, journal=journal) as table:
        if table.is_by_email:  # a retry may have found what was not there before
            table.ids = LinkedIds([ids for run in runs for ids in _ids_of(run)])
        files = write_results(table, outcomes, into, stop_reason=record.stop_reason, suffix=suffix)
        state, exit_code = _state_of(record, files.tally)
        reason = "" if state is RunState.FINISHED else record.stop_reason
        if files.failure:
            state, exit_code, reason = RunState.FAILED, 3, files.failure
        alike = [run for run in runs if run.record.is_of_several == record.is_of_several]
        open_ones = [run for run in alike if files.tally.unsent and not run.is_finished]
        next_one = (open_ones or alike)[-1].folder
        is_undo = record.undo_of is not None
        return RunOutcome(
            folder=folder,
            state=state,
            exit_code=exit_code,
            reason=reason,
            rows=files.rows,
            tally=files.tally,
            examples=outcomes.examples(),
            found=table.found,
            files=files,
            next_command=next_command(
                next_one, request, table, state, files.tally, files, is_undo=is_undo
            ),
            to_mend=None if is_undo else file_to_mend(state, files.tally, files),
            is_undo=is_undo,
            requests=record.requests,
            moves=tuple(Move(**dict(move)) for move in record.moves),
        )


def _state_of(record: RunRecord, tally: Tally) -> tuple[RunState, int]:
    """How a run stands by its rows, and the exit code."""
    state = state_by_rows(record.state, tally)
    return state, int(bool(tally.error)) if state is RunState.FINISHED else 3
