"""Going on with an earlier run, or with each part of one of several workspaces."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from batch.jobs.execution import OTHER_FILES, raise_open_files
from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun, access_of, take_locks
from batch.jobs.outcome import RunOutcome
from batch.jobs.part_steps import ready_parts_again
from batch.jobs.parts import FILES_A_PART, OpenPart, SplitRun, of_a_part
from batch.jobs.past_run import PastRun, check_several
from batch.jobs.plan import check_no_plan
from batch.jobs.preflight import Preflight
from batch.jobs.recorded import open_recorded_table, reopened_journal
from batch.jobs.reopening import Reopened, ready_again, reopen_run
from batch.jobs.request import Request
from batch.jobs.steps import (
    ask_server,
    confirm,
    confirm_parts,
    send,
    send_parts,
)
from batch.jobs.unfinished import retried_note
from batch.jobs.workspaces import Target, find_targets, pacers_of, target_of
from batch.model import Tally
from batch.recording.atomic_file import clear_partial_files
from batch.recording.folder import RunFolder
from batch.recording.parts import read_part
from batch.recording.plan_check import open_plan
from batch.recording.runfile import PARTS, RunState, read_record
from batch.wording.parts import shown_name

NOTHING_SENT = "Nothing was sent by this command: no row is left to send."


def resume(
    past: PastRun, frontend: Frontend, *, check: Callable[[Preflight], None] = lambda _: None
) -> RunOutcome:
    """Send what is left of a run that broke off. Raises UsageError for a mere plan.

    check: raises UsageError where nothing may be sent.
    """
    record = past.record()
    check_no_plan(past.folder, record, options=past.key_options)
    if record.is_of_several:
        check_several(past, record, "resume")
        return go_on_in_each(past, past.request(), frontend)
    asks = frontend.asks(practice=record.sandbox)
    return go_on(past.folder, past.request(), frontend, asks=asks, check=check)


def go_on(
    folder: Path,
    request: Request,
    frontend: Frontend,
    *,
    asks: bool,
    check: Callable[[Preflight], None],
) -> RunOutcome:
    """Send what is left of the run in a folder. asks: whether a question is put before sending."""
    with reopen_run(folder, request) as reopened:
        preflight = ask_server(frontend, reopened.opened)
        check(preflight)
        ready = ready_again(frontend, reopened, preflight, asks=asks)
        ready = confirm(frontend, ready, asks=asks)
        if not ready.work.requests:  # said in any case: it is the journal's word alone
            frontend.warn(NOTHING_SENT)
        return send(frontend, ready)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """A run of several workspaces that was opened again. reopened: its parts, in their order."""

    split: SplitRun
    reopened: tuple[Reopened, ...]


def go_on_in_each(past: PastRun, request: Request, frontend: Frontend) -> RunOutcome:
    """Send what is left in every part of a run of several workspaces.

    request: as `PastRun.request` gives it.
    """
    asks = frontend.asks(practice=past.record().sandbox)
    others = replace(request.guardrails, skip_failed_workspaces=True)  # are perhaps not needed
    targets = frontend.run(partial(find_targets, replace(request, guardrails=others)))
    with _reopen(past, request, targets) as again:
        split = again.split
        frontend.show_target(split.opened.access, None, is_of_several=True)
        frontend.note(*split.opened.notes)
        ready = ready_parts_again(frontend, split, again.reopened, asks=asks)
        confirmed = confirm_parts(frontend, ready, asks=asks)
        if not confirmed.requests:
            frontend.warn(NOTHING_SENT)
        return send_parts(frontend, confirmed)


@contextmanager
def _reopen(past: PastRun, request: Request, targets: Sequence[Target]) -> Iterator[_Again]:
    """Open the whole, and each part that is not finished."""
    folder = past.folder
    sha256 = past.record().input.sha256
    with ExitStack() as resources:
        warnings = resources.enter_context(take_locks(request, sha256=sha256, run=folder))
        record = read_record(folder / "run.json")  # as nobody else changes it any more
        raise_open_files(FILES_A_PART * len(record.parts) + OTHER_FILES)
        table = resources.enter_context(open_recorded_table(folder, record, request))
        journal = resources.enter_context(
            reopened_journal(folder, record, state_dir=past.state_dir)
        )
        clear_partial_files(folder)
        opened = OpenRun(
            request=request,
            folder=RunFolder.of_run(folder),
            input=record.input,
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=record.started_at,
            notes=(
                *table.notes,
                *retried_note(
                    folder, record, state_dir=past.state_dir, options=request.key_options
                ),
                *warnings,
            ),
            retry_of=record.retry_of,
            undo_of=record.undo_of,
        )
        finished, own = Tally(), past.load_own()
        asked: dict[str, tuple[Request, Target]] = {}
        for part in record.parts:
            path, of_part = folder / PARTS / part.folder, read_part(folder, record, part)
            if of_part.state is RunState.FINISHED:
                finished.update(of_part.reasons)
                continue
            target = target_of(part, targets)
            again = past.part_request(path, of_part, own)
            session = replace(again.session, access=target.access, section=target.name_in_settings)
            guardrails = of_a_part(again.guardrails)
            again = replace(again, session=session, guardrails=guardrails)
            asked[part.folder] = again, replace(target, settings=again.settings)
        pacers = pacers_of([target for _, target in asked.values()], past.state_dir)
        reopened = {
            name: resources.enter_context(reopen_run(folder / PARTS / name, each, within=table))
            for name, (each, _) in asked.items()
        }
        workspaces = [each.workspace for each in record.parts]
        parts = [
            OpenPart(
                target=asked[part.folder][1],
                name=shown_name(part.workspace, workspaces),
                opened=reopened[part.folder].opened,
                rows=part.rows,
                pacer=pacers[asked[part.folder][1].workspace.id],
            )
            for part in record.parts
            if part.folder in asked
        ]
        split = SplitRun(
            id=record.id,
            opened=opened,
            nobodys=open_plan(folder, record),
            parts=tuple(parts),
            finished=finished,
            record=record,
            journal=journal,
        )
        yield _Again(split=split, reopened=tuple(reopened.values()))
