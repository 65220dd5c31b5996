"""Sending a run of several workspaces: all parts at once, and one result of them.

Each part is sent as a run of its own, in one event loop: what stops one stops no other. Results are
joined from the journals of all; whatever happens, each part can be gone on with by itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial

import anyio
import anyio.to_thread

from batch.errors import RunError
from batch.jobs.execution import (
    OTHER_FILES,
    Begun,
    begin,
    carry_out,
    raise_open_files,
)
from batch.jobs.frontend import Orders, SharedOrders
from batch.jobs.joined import join_results, joined_outcome, open_parts
from batch.jobs.known_pace import at_one_pace, parted_paces, spread_s, workers_of
from batch.jobs.outcome import (
    PartOutcome,
    RunOutcome,
    error_sentence,
    next_command,
)
from batch.jobs.parts import FILES_A_PART, ReadyParts
from batch.jobs.report import REPORT_NAME, write_report_of_parts
from batch.jobs.request import command
from batch.jobs.run_record import counts_of, first_record, last_record, record_at
from batch.model import Reason, Tally
from batch.recording.folder import RunFolder
from batch.recording.journal import JOURNAL_NAME, JUDGED_NOTE, Journal
from batch.recording.run_list import remember
from batch.recording.runfile import (
    FORMAT,
    RunFile,
    RunRecord,
    RunState,
)
from batch.sending.pace.pacer import Pacer
from batch.sending.pace.parting import KeyPace, Member, joint_of
from batch.wording.parts import about_budgets, moments_together, tallies_together
from batch.wording.progress import Moment

TELL_EVERY_S = 0.25
PREPARED = "Its parts are sent one by one."  # why a run whose parts were made has not sent any
# Endings of the journal's files: SQLite leaves those beside it behind where the disk is full.
_OF_JOURNAL = ("", "-wal", "-shm", "-journal")


async def execute_parts(
    run: ReadyParts, *, on_moment: Callable[[Moment], None], orders: Orders
) -> RunOutcome:
    """Send what is left of all parts and report; what a run can meet does not raise.

    on_moment, orders: as `execution.execute` takes them. Raises as that does, before anything is
    sent anywhere.
    """
    whole = run.own.opened
    needed = [part.pace.workers(part.opened.request.settings) for part in run.parts]
    concurrency = whole.request.settings.pace.concurrency
    workers, limit = workers_of(concurrency, needed=needed)
    raise_open_files(sum(workers) + FILES_A_PART * len(run.parts) + OTHER_FILES)
    limiter = anyio.Semaphore(limit) if limit else None
    with ExitStack() as held:
        journal = held.enter_context(closing(journal_of(run)))
        begun, record, run_file = _begin(run)
        sharing = Counter(part.pacer for part in run.parts)
        begun = [
            replace(
                _with_workers(part, each),
                limiter=limiter,
                shares_pace=sharing[part.run.pacer] > 1,
            )
            for part, each in zip(begun, workers, strict=True)
        ]
        begun, keys = _by_key(begun)
        sending = _Sending(run, begun, record, run_file)
        await sending.run(on_moment, orders)
        outcome = await anyio.to_thread.run_sync(_outcome_of, run, record, journal, sending)
        outcome = replace(outcome, pace_note=about_budgets(keys))
        last = last_record(record, outcome)
        try:
            run_file.write(last)
        except RunError as error:
            reason = f"{outcome.reason} {error}".strip()
            outcome = replace(outcome, state=RunState.FAILED, exit_code=3, reason=reason)
        return await anyio.to_thread.run_sync(_with_page, run, outcome, last, journal)


def _with_page(
    run: ReadyParts, outcome: RunOutcome, record: RunRecord, journal: Journal
) -> RunOutcome:
    """The outcome with its report; one that can't be written is a note, and spoils nothing."""
    folder, key = outcome.folder, run.own.opened.access.api_key
    try:
        with open_parts(folder, record, journal, at_hand=run.journals) as (_, parts):
            path = write_report_of_parts(folder, record, journal, parts)
    except Exception as error:  # noqa: BLE001 - told, and kept in the folder
        why = error_sentence(error, folder, key)
        return replace(outcome, report_note=f"{REPORT_NAME} was not written. {why}")
    return replace(outcome, report=path)


def prepare_parts(run: ReadyParts) -> RunOutcome:
    """Make the parts and let the run count, but send nothing: each part is sent by itself.

    Raises SettingsError and RunError, with the folder not kept, when that can't be written.
    """
    whole = run.own.opened
    with closing(journal_of(run)):
        _, record, _ = _begin(run, state=RunState.STOPPED)
    tally = Tally({Reason(reason): rows for reason, rows in record.reasons.items()})
    tally[Reason.NOT_REACHED] += record.rows - tally.total()
    return RunOutcome(
        folder=whole.folder.path,
        state=RunState.STOPPED,
        exit_code=0,
        reason=PREPARED,
        rows=record.rows,
        tally=tally,
        examples={},
        found=whole.table.found,
        files=None,
        next_command=command("part", str(whole.folder.path), "0", *whole.request.key_options),
        requests=0,
        parts=tuple(
            PartOutcome(
                workspace=part.target.workspace,
                folder=part.opened.folder.path,
                state=RunState.STOPPED,
                rows=part.rows,
                tally=ready.work.before,
                reason=PREPARED,
            )
            for part, ready in [
                *zip((p for p in run.split.parts if not p.failure), run.parts, strict=True),
                *run.unreached,
            ]
        ),
    )


def _begin(
    run: ReadyParts, *, state: RunState = RunState.RUNNING
) -> tuple[list[Begun], RunRecord, RunFile]:
    """Let the whole and its parts count, or none of them."""
    whole, reason = run.own.opened, PREPARED if state is RunState.STOPPED else ""
    record = first_record_of(run).model_copy(update={"state": state, "stop_reason": reason})
    run_file = RunFile(whole.folder.path / "run.json")
    if run.split.record is not None:  # a plan is none any more before a part of it is sent
        run_file.write(record)
    begun = [begin(part, state=state, stop_reason=reason) for part in run.parts]
    for part, ready in run.unreached:
        begin(ready, state=RunState.STOPPED, stop_reason=part.failure, is_unreached=True)
    remember(whole.request.session.state_dir, whole.folder.path, record)
    if run.split.record is None:
        run_file.write(record)
    for opened in (whole, *(part.opened for part in run.split.parts)):
        opened.folder.keep()
    return begun, record, run_file


def _by_key(begun: Sequence[Begun]) -> tuple[list[Begun], list[KeyPace]]:
    """The parts at paces that evidence may part, as `parted_paces` gives them."""
    shared = [each.run.pacer if each.shares_pace else None for each in begun]
    members, keys = parted_paces(shared, [each.run.opened.request.settings for each in begun])
    paced = [
        replace(each, run=replace(each.run, pacer=member)) if member else each
        for each, member in zip(begun, members, strict=True)
    ]
    return paced, keys


def _with_workers(begun: Begun, workers: int) -> Begun:
    """A part with as many workers; its run.json keeps what was asked for."""
    request = begun.run.opened.request
    pace = request.settings.pace.model_copy(update={"concurrency": workers})
    request = replace(request, settings=request.settings.model_copy(update={"pace": pace}))
    opened = replace(begun.run.opened, request=request)
    return replace(begun, run=replace(begun.run, opened=opened))


def journal_of(run: ReadyParts) -> Journal:
    """The journal of the rows of no workspace, with what is wrong with them."""
    journal = run.own.journal or new_journal(run.own.opened.folder)
    if journal.kept(JUDGED_NOTE) is None:
        for outcomes in run.own.plan.judged():
            journal.record(outcomes)
        journal.keep(JUDGED_NOTE, "all")
    return journal


def new_journal(folder: RunFolder) -> Journal:
    """The journal of a run that does not count yet."""
    path = folder.path / JOURNAL_NAME
    folder.will_hold(*(path.with_name(path.name + more) for more in _OF_JOURNAL))
    return Journal.create(path)


def first_record_of(run: ReadyParts) -> RunRecord:
    """The whole as it begins now, or goes on now."""
    split, record = run.split, first_record(run.own)
    before = tallies_together(split.done, *(part.work.before for part in run.parts))
    changed: dict[str, object] = {**counts_of(before)}
    if split.record is None:
        parts = tuple(part.recorded for part in split.parts)
        rows = split.nobodys.rows + sum(part.rows for part in parts)
        changed |= {"format": FORMAT, "id": split.id, "parts": parts, "rows": rows}
    return record.model_copy(update=changed)


class _Sending:
    """All parts at work. ended: how each ended; failures: of those that broke in an unknown way."""

    def __init__(
        self, run: ReadyParts, begun: Sequence[Begun], record: RunRecord, run_file: RunFile
    ) -> None:
        self.ended: dict[str, RunOutcome] = {}
        self.failures: dict[str, str] = {}
        self._run = run
        self._begun = begun
        self._record = record
        self._run_file = run_file
        self._moments: dict[str, Moment] = {}
        self._began = time.monotonic()

    async def run(self, on_moment: Callable[[Moment], None], orders: Orders) -> None:
        """Send all, each until it ends."""
        shared = SharedOrders()
        for pacer, sharing in self._by_pacer().items():
            settings = sharing[0].run.opened.request.settings
            pacer.expect(partial(self._to_come, sharing), spread_s=spread_s(settings))
            for each in sharing:
                if isinstance(each.run.pacer, Member):
                    left = partial(self._to_come, [each])
                    each.run.pacer.expect(left, spread_s=spread_s(settings))
        with orders.told_to(shared.tell):
            async with (
                at_one_pace(self._run.split.meetings()) as paces,
                anyio.create_task_group() as beside,
            ):
                beside.start_soon(self._tell, on_moment)
                async with anyio.create_task_group() as parts:
                    for begun in self._begun:
                        pace = paces.get(joint_of(begun.run.pacer)) if begun.run.pacer else None
                        parts.start_soon(self._send, replace(begun, shared=pace), shared)
                beside.cancel_scope.cancel()
        self._tell_once(on_moment)

    def _by_pacer(self) -> dict[Pacer, list[Begun]]:
        found: dict[Pacer, list[Begun]] = {}
        for begun in self._begun:
            pacer = begun.run.pacer
            if pacer and begun.shares_pace:
                found.setdefault(joint_of(pacer), []).append(begun)
        return found

    def _to_come(self, begun: Sequence[Begun]) -> int:
        left = 0
        for each in begun:
            moment = self._moments.get(_name_of(each))
            left += each.run.work.requests - (moment.sent.total() if moment else 0)
        return max(1, left)

    async def _send(self, begun: Begun, orders: Orders) -> None:
        name = _name_of(begun)

        def keep(moment: Moment) -> None:
            self._moments[name] = moment

        try:
            ended = await carry_out(begun, on_moment=keep, orders=orders, joins=True)
            self.ended[name] = ended
        except Exception as error:  # noqa: BLE001 - told, and no other part is disturbed
            opened = begun.run.opened
            failure = error_sentence(error, opened.folder.path, opened.access.api_key)
            self.failures[name] = failure

    async def _tell(self, on_moment: Callable[[Moment], None]) -> None:
        while True:
            self._tell_once(on_moment)
            await anyio.sleep(TELL_EVERY_S)

    def _tell_once(self, on_moment: Callable[[Moment], None]) -> None:
        if len(self._moments) < len(self._begun):
            return
        names = {part.opened.folder.path.name: part.name for part in self._run.split.parts}
        moment = moments_together(
            {names[folder]: moment for folder, moment in self._moments.items()},
            done=self._run.split.done,
            elapsed_s=time.monotonic() - self._began,
        )
        on_moment(moment)
        self._run_file.update(record_at(self._record, moment))


def _name_of(begun: Begun) -> str:
    return begun.run.opened.folder.path.name


def _outcome_of(
    run: ReadyParts, record: RunRecord, journal: Journal, sending: _Sending
) -> RunOutcome:
    """Combine how all parts ended, and write their results."""
    whole = run.own.opened
    folder, key = whole.folder.path, whole.access.api_key
    ended = sending.ended
    code = next((one.exit_code for one in ended.values() if one.exit_code in {130, 143}), None)
    times = [one.go_on_at for one in ended.values() if one.state is not RunState.FINISHED]
    try:
        at_hand = {part.opened.folder.path.name: part.journal for part in run.parts if part.journal}
        with open_parts(folder, record, journal, at_hand=at_hand) as (outcomes, parts_at_hand):
            joined = join_results(whole.table, folder, record, outcomes, parts_at_hand)
    except Exception as error:  # noqa: BLE001 - told, kept in the folder, and exit 3
        tally = tallies_together(run.split.done, *(one.tally for one in ended.values()))
        return RunOutcome(
            folder=folder,
            state=RunState.FAILED,
            exit_code=3,
            reason=error_sentence(error, folder, key),
            rows=record.rows,
            tally=tally,
            examples={},
            found=whole.table.found,
            files=None,
            next_command=next_command(
                folder, whole.request, whole.table, RunState.FAILED, tally, None, is_undo=False
            ),
            requests=sum(one.requests for one in ended.values()),
        )
    failures = sending.failures
    parts = tuple(
        replace(part, reason=failures[name], state=RunState.FAILED)
        if (name := part.folder.name) in failures
        else replace(part, reason=ended[name].reason, state=ended[name].state)
        if name in ended
        else part
        for part in joined.parts
    )
    outcome = joined_outcome(
        folder,
        whole.request,
        whole.table,
        replace(joined, parts=parts),
        interrupted_by=code,
        is_undo=record.undo_of is not None,
    )
    if outcome.state is RunState.FINISHED:  # whoever reads no notes must not take it for whole
        outcome = replace(outcome, reason=run.own.incomplete)
    go_on_at = min(filter(None, times)) if times and all(times) else None
    return replace(outcome, requests=sum(one.requests for one in ended.values()), go_on_at=go_on_at)
