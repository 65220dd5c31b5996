"""The results of a run of several workspaces, joined from the journals of its parts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from batch.jobs.outcome import (
    PartOutcome,
    RunOutcome,
    file_to_mend,
    next_command,
    state_by_rows,
)
from batch.jobs.recorded import open_recorded_table, recorded_journal, request_of
from batch.jobs.request import Request
from batch.model import Move, Reason
from batch.reading.table import Table
from batch.recording.journal import Journal
from batch.recording.linked import LinkedIds
from batch.recording.parts import JoinedOutcomes, PartRows, moves_together, read_part
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import KeptPlan
from batch.recording.results import ResultFiles, write_results
from batch.recording.run_list import find_listed
from batch.recording.runfile import PARTS, RunPart, RunRecord, RunState
from batch.wording.parts import shown_name, why_parts_stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The results of all parts."""

    files: ResultFiles
    parts: tuple[PartOutcome, ...]
    examples: dict[Reason, tuple[int, str]]
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAtHand:
    """A part whose journal is open. record: its own."""

    part: RunPart
    record: RunRecord
    plan: KeptPlan
    rows: PartRows


@contextmanager
def open_parts(
    folder: Path,
    record: RunRecord,
    journal: Journal,
    *,
    state_dir: Path | None = None,
    at_hand: Mapping[str, Journal] = MappingProxyType({}),
) -> Iterator[tuple[JoinedOutcomes, list[PartAtHand]]]:
    """Open the journals of all parts, and read them as one.

    record, journal: the whole's own. state_dir: where it is looked up whether the run is the
    user's own; a part of any other is held against its lines of the input. None where it is.
    at_hand: journals of parts that are open, by the parts' folders.
    Raises LockedError while a process is at work on a part, and InputError where one is damaged.
    """
    is_own = state_dir is None or find_listed(state_dir, folder, record) is not None
    with ExitStack() as opened:
        own = open_plan(folder, record)
        nobodys = PartRows(journal=journal, plan=own.source, rows=own.rows)
        parts = []
        for part in record.parts:
            path = folder / PARTS / part.folder
            of_journal = at_hand.get(part.folder) or opened.enter_context(
                recorded_journal(path, read_part(folder, record, part))
            )
            of_part = read_part(folder, record, part)  # as its process left it
            plan = open_plan(path, of_part)
            if not is_own and state_dir is not None:
                request = request_of(path, of_part, state_dir=state_dir)
                open_recorded_table(path, of_part, request, plan, of_journal).close()
            rows = PartRows(
                journal=of_journal,
                plan=plan.source,
                rows=plan.rows,
                stop_reason=of_part.stop_reason,
            )
            parts.append(PartAtHand(part=part, record=of_part, plan=plan, rows=rows))
        yield JoinedOutcomes([nobodys, *(each.rows for each in parts)]), parts


def join_results(
    table: Table,
    folder: Path,
    record: RunRecord,
    outcomes: JoinedOutcomes,
    parts: Sequence[PartAtHand],
    *,
    into: Path | None = None,
) -> Joined:
    """Write results.csv and failed.csv of all parts, in the order of the input.

    table: the whole input. outcomes, parts: as `open_parts` gives them. into: another folder.
    Raises RunError when the disk fails or the parts don't add up to the whole.
    """
    if table.is_by_email:
        table.ids = LinkedIds(outcomes.plans)
    files = write_results(table, outcomes, into or folder, rows=record.rows)
    return Joined(
        files=files,
        parts=tuple(_outcome_of(each, folder) for each in parts),
        examples=outcomes.examples(),
        moves=moves_together(
            each.rows.journal.moves(carried=each.rows.plan.carried()) for each in parts
        ),
    )


def _outcome_of(each: PartAtHand, folder: Path) -> PartOutcome:
    tally = JoinedOutcomes([each.rows]).tally()
    return PartOutcome(
        workspace=each.part.workspace,
        folder=folder / PARTS / each.part.folder,
        state=state_by_rows(each.record.state, tally),
        rows=each.part.rows,
        tally=tally,
        reason=each.record.stop_reason if tally.unsent else "",
        requests=each.record.requests,
    )


def joined_outcome(
    folder: Path,
    request: Request,
    table: Table,
    joined: Joined,
    *,
    interrupted_by: int | None = None,
    is_undo: bool = False,
) -> RunOutcome:
    """How a run of several workspaces stands. interrupted_by: its exit code if somebody did so."""
    tally, files = joined.files.tally, joined.files
    states = {part.state for part in joined.parts}
    order = (RunState.INTERRUPTED, RunState.FAILED, RunState.STOPPED)
    state = next((each for each in order if each in states), RunState.FINISHED)
    exit_code = int(bool(tally.error)) if state is RunState.FINISHED else 3
    if state is RunState.INTERRUPTED and interrupted_by:
        exit_code = interrupted_by
    reason = why_parts_stopped(
        {
            shown_name(part.workspace, [each.workspace for each in joined.parts]): part.reason
            for part in joined.parts
        }
    )
    if files.failure:
        state, exit_code, reason = RunState.FAILED, 3, f"{reason} {files.failure}".strip()
    return RunOutcome(
        folder=folder,
        state=state,
        exit_code=exit_code,
        reason=reason,
        rows=files.rows,
        tally=tally,
        examples=joined.examples,
        found=table.found,
        files=files,
        next_command=next_command(folder, request, table, state, tally, files, is_undo=is_undo),
        to_mend=None if is_undo else file_to_mend(state, tally, files),
        is_undo=is_undo,
        requests=sum(part.requests for part in joined.parts),
        moves=joined.moves,
        parts=joined.parts,
    )
