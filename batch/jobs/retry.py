"""Trying an earlier run's rows once more: a run of its own, about the rows without success.

Its folder holds the same copy of the input, and its plan says which of its lines are meant. Its
settings, base address and workspace are those of the earlier run; its rows are judged anew, by the
labels that the workspace has now. What a plan or an undo expects of its leads, a retry of it does.
Of several workspaces, each row of a part goes to that part's workspace, whatever that is called by
now; only rows that were no workspace's are sorted anew.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from batch.advice import Fix, Remedy
from batch.errors import InputError, UsageError
from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun, access_of, found_of, new_folder, take_locks, write_mends
from batch.jobs.outcome import RunOutcome
from batch.jobs.part_steps import ready_parts
from batch.jobs.parts import OpenPart, split_run
from batch.jobs.past_run import PastRun, check_several
from batch.jobs.plan import check_no_plan
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, judge
from batch.jobs.recorded import check_copy, plan_of_run, recorded_journal
from batch.jobs.reopening import check_workspace, proven_workspace
from batch.jobs.request import Request
from batch.jobs.steps import (
    ask_server,
    confirm,
    confirm_parts,
    look_up_leads,
    read_leads,
    read_names,
    send,
    send_parts,
)
from batch.jobs.unfinished import first_of, retried_alone, retried_note
from batch.jobs.workspaces import Target, find_targets, seen_by
from batch.judging.planned import BASELINE
from batch.reading.table import open_table
from batch.recording.history import EarlierRun, own_runs
from batch.recording.parts import read_part
from batch.recording.runfile import PARTS, RunLink, RunPart, RunRecord, read_record
from batch.recording.spill import Spill


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The rows of a run, or of a part of one, that were error or unsent.

    folder, record: of that run. lines: theirs (UInt32, rising). baseline: what their leads are
    expected to be, as `OpenRun` has it.
    """

    folder: Path
    record: RunRecord
    lines: pl.Series
    baseline: pl.DataFrame | None

    @property
    def link(self) -> RunLink:
        """What a retry says of that run."""
        id_, first = self.record.id, first_of(self.record)
        return RunLink(id=id_, folder=str(self.folder.resolve()), first=first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A run about the rows of an earlier one that were error or unsent.

    record: of that one. parts: of one of several workspaces, those that have such rows.
    """

    opened: OpenRun
    record: RunRecord
    parts: Sequence[tuple[RunPart, Failed]]

    def judge(self, preflight: Preflight) -> JudgedRun:
        """Judge those rows. Raises SettingsError when the key is of another workspace."""
        check_workspace(self.record, preflight)
        return judge(self.opened, preflight)


def retry(past: PastRun, frontend: Frontend) -> RunOutcome:
    """Try once more what was error or unsent, as a new run. Raises UsageError for a mere plan."""
    record = past.record()
    check_no_plan(past.folder, record, so="nothing can be tried again", options=past.key_options)
    asks = frontend.asks(practice=record.sandbox)
    if record.is_of_several:
        return _retry_several(past, frontend, asks=asks)
    with open_retry(past.folder, past.request()) as again:
        preflight = ask_server(frontend, again.opened)
        check_workspace(again.record, preflight)
        look_up_leads(frontend, again.opened, preflight)
        judged = again.judge(preflight)
        diff = read_leads(frontend, judged)
        judged = read_names(frontend, judged, diff, asks=asks)
        ready = judged.ready(diff, can_ask=asks)
        ready = confirm(frontend, ready, asks=asks)
        return send(frontend, ready)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """The failed rows of a part, and how its workspace is reached now, whatever it is called."""

    part: RunPart
    failed: Failed
    target: Target

    @property
    def lines(self) -> pl.DataFrame:
        """Whose rows they are: line, workspace_id."""
        return self.failed.lines.to_frame("line").with_columns(
            workspace_id=pl.lit(self.target.workspace.id)
        )

    @property
    def renamed(self) -> str:
        """That the workspace has another name by now; "" if it has not."""
        before, now = self.part.workspace, self.target.workspace
        if before.name == now.name or proven_workspace(self.failed.record) is None:
            return ""
        return f"{before.name} is called {now.name} now: its rows go to it ({now.id}) all the same."


def _retry_several(past: PastRun, frontend: Frontend, *, asks: bool) -> RunOutcome:
    """The same in several workspaces: a retry of each, after one question."""
    check_several(past, past.record(), "retry")
    request = past.request()
    others = replace(request.guardrails, skip_failed_workspaces=True)  # are perhaps not needed
    found = frontend.run(partial(find_targets, replace(request, guardrails=others)))
    with open_retry(past.folder, request) as again:
        frontend.show_target(again.opened.access, None, is_of_several=True)
        own = past.load_own()
        reached = [
            _reach(part, failed, found, past.part_request(failed.folder, failed.record, own))
            for part, failed in again.parts
        ]
        frontend.note(*again.opened.notes, *_retried_parts(past, again))
        frontend.note(*filter(None, (each.renamed for each in reached)))
        targets = {each.workspace.id: each for each in (*found, *(one.target for one in reached))}
        none = pl.DataFrame(schema={"line": pl.UInt32, "workspace_id": pl.String})
        owned = pl.concat([none, *(each.lines for each in reached)]).sort("line")
        with (
            _locks_by_names(again, reached),
            split_run(again.opened, [*targets.values()], None, owned) as split,
        ):
            _check_unchanged(past, again)
            parts = tuple(_part_again(part, again, reached) for part in split.parts)
            _check_reached(parts, request)
            ready = ready_parts(frontend, replace(split, parts=parts), asks=asks)
            return send_parts(frontend, confirm_parts(frontend, ready, asks=asks))


@contextmanager
def _locks_by_names(again: Retry, reached: Sequence[_Reached]) -> Iterator[None]:
    """Hold the rows of workspaces that were known by their names in the settings alone, as such."""
    opened = again.opened
    with ExitStack() as locks:
        for each in reached:
            if (name := each.part.workspace.id) != each.target.workspace.id:
                sha256, run = opened.input.sha256, opened.folder.path
                take = take_locks(
                    opened.request, sha256=sha256, run=run, part=name, shares_key=False
                )
                locks.enter_context(take)
        yield


def _reach(part: RunPart, failed: Failed, found: Sequence[Target], asked: Request) -> _Reached:
    """How the workspace of a part is reached now. asked: of that part, without its key."""
    target, proven = seen_by(part, found), proven_workspace(failed.record)
    if target is None or (proven is not None and proven.id != target.workspace.id):
        gone = "No key sees this workspace now."
        target = Target(
            workspace=part.workspace, access=None, settings=asked.settings, failure=gone
        )
    return _Reached(part=part, failed=failed, target=replace(target, settings=asked.settings))


def _part_again(part: OpenPart, again: Retry, reached: Sequence[_Reached]) -> OpenPart:
    """A part whose rows were sent, or were to be sent, to its workspace before."""
    opened, id_ = part.opened, part.target.workspace.id
    before = [each.failed for each in reached if each.target.workspace.id == id_]
    guardrails = opened.request.guardrails
    if not before or any(each.record.is_unreached for each in before):  # none was passed yet
        guardrails = replace(
            guardrails, allow_invalid=False, allow_clears=False, is_confirmed=False
        )
    expected = [each.baseline for each in before if each.baseline is not None]
    none = pl.DataFrame(schema=BASELINE)
    opened = replace(
        opened,
        request=replace(opened.request, guardrails=guardrails),
        retry_of=before[0].link if before else None,
        undo_of=before[0].record.undo_of if before else opened.undo_of,
        # Of a lead that no plan has expected anything of, nothing is known: it is left as it is.
        baseline=pl.concat([none, *expected]).sort("line") if again.record.has_baseline else None,
    )
    return replace(part, opened=opened)


def _retried_parts(past: PastRun, again: Retry) -> Iterator[str]:
    """Tell which parts were tried again by themselves, whose rows are sent once more now."""
    runs = own_runs(past.state_dir, past.folder.resolve().parent)
    parts = [EarlierRun(folder=each.folder, record=each.record) for _, each in again.parts]
    for part, run in retried_alone(parts, runs):
        yield (
            f"{part.folder} was tried again by {run.folder}: what that has done is sent once more."
        )


def _check_unchanged(past: PastRun, again: Retry) -> None:
    """Raise UsageError where a part was gone on with before its rows were this retry's alone."""
    for part, failed in again.parts:
        if read_part(past.folder, again.record, part) != failed.record:
            raise UsageError(
                f"{failed.folder}: was gone on with meanwhile. Nothing was sent. Try it again."
            )


def _check_reached(parts: Sequence[OpenPart], request: Request) -> None:
    """Raise InputError naming all workspaces that can't be reached, unless others may go on."""
    gone = [f"{part.name}: {part.failure}" for part in parts if part.failure]
    if gone and not request.guardrails.skip_failed_workspaces:
        raise InputError("Nothing was sent.", *gone, Remedy(Fix.SKIP_WORKSPACES))


@contextmanager
def open_retry(folder: Path, request: Request) -> Iterator[Retry]:
    """Make the folder of a run that tries once more what was error or unsent in an earlier one.

    request: as `recorded.request_of` gives it, with the key, and with what is to go otherwise.
    Raises InputError when the folder is no run, or its copy of the input is damaged, and
    LockedError while another process is at work on the same input.
    """
    started_at = datetime.now(UTC)
    record = read_record(folder / "run.json")
    # The guardrails were passed by the earlier run, of which these are the rows that went wrong.
    if not record.is_unreached:
        passed = replace(
            request.guardrails, allow_invalid=True, allow_clears=True, is_confirmed=True
        )
        request = replace(request, guardrails=passed)
    made = new_folder(request, now=started_at)
    with ExitStack() as resources:
        resources.callback(made.discard_unless_kept)
        warnings = resources.enter_context(
            take_locks(request, sha256=record.input.sha256, run=made.path)
        )
        source = folder / record.input.copy_name
        copy = made.copy_input(source, name=record.input.copy_name)
        check_copy(source, copy.sha256, record.input)
        write_mends(made, request)
        own, parts = _failed(folder, record, request), []
        for part in record.parts:
            path = folder / PARTS / part.folder
            failed = _failed(path, read_part(folder, record, part), request)
            if len(failed.lines):
                parts.append((part, failed))
        lines = pl.concat([own.lines, *(failed.lines for _, failed in parts)]).sort()
        spill = Spill(made.path)
        resources.callback(spill.close)
        table = resources.enter_context(
            open_table(copy.path, request.table_options, name=record.input.name, lines=lines)
        )
        opened = OpenRun(
            request=request,
            folder=made,
            input=record.input.model_copy(
                update={"copy_name": copy.path.name, "found": found_of(table)}
            ),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(
                *table.notes,
                *_notes(folder, record, lines, request),
                *warnings,
            ),
            retry_of=own.link,
            undo_of=record.undo_of,
            baseline=own.baseline,
            spill=spill,
        )
        yield Retry(opened=opened, record=record, parts=parts)


def _failed(folder: Path, record: RunRecord, request: Request) -> Failed:
    """The lines of an earlier run that are neither success nor skipped, and its baseline."""
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        lines = plan.source.lines()
        return Failed(
            folder=folder,
            # Read once the journal is ours: until then, another process may have gone on with it.
            record=read_record(folder / "run.json"),
            lines=lines.filter(~lines.is_in(journal.done_lines().implode())),
            baseline=plan.source.baseline() if record.has_baseline else None,
        )


def _notes(folder: Path, record: RunRecord, lines: pl.Series, request: Request) -> tuple[str, ...]:
    if not len(lines):
        return (f"{folder}: no row is error or unsent, so none is tried again.",)
    return retried_note(
        folder, record, state_dir=request.session.state_dir, options=request.key_options
    )
