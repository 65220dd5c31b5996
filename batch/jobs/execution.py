"""Execute a run that is ready: send, record, write the results, and say how it ended.

Whatever happens once the run's folder counts, results are written from what the journal holds,
and an unexpected error leaves its traceback in the folder, without the key.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import anyio
import anyio.to_thread

from batch.advice import Fix, Remedy
from batch.errors import RunError, SettingsError
from batch.jobs.engine import SendEngine
from batch.jobs.frontend import Orders
from batch.jobs.known_pace import keep_learnt, make_pacer, meeting_of
from batch.jobs.opening import OpenRun
from batch.jobs.outcome import Ending, RunOutcome, SendResult, error_sentence, outcome_of
from batch.jobs.paging import Paging
from batch.jobs.ready import ReadyRun
from batch.jobs.report import REPORT_NAME, write_report
from batch.jobs.request import command
from batch.jobs.run_record import first_record, last_record, record_at
from batch.model import Answer, Change, Tally
from batch.recording.atomic_file import clear_partial_files
from batch.recording.journal import JOURNAL_NAME, JUDGED_NOTE, Journal
from batch.recording.meeting import Meeting
from batch.recording.results import write_results
from batch.recording.run_list import remember
from batch.recording.runfile import RunFile, RunRecord, RunState
from batch.recording.timeline import Timeline
from batch.sending.shared_pace import SharedPace
from batch.settings.credentials import KEY_VARIABLE
from batch.wording.progress import Moment

if sys.platform != "win32":
    import resource

# The journal, the input, logs, standard streams, the event loop, a sandbox's pipes: some 30, twice.
OTHER_FILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run whose folder counts. record: as run.json says it began now, or goes on now.

    limiter: bounds the requests that it and others have under way at once; None for its own bound.
    shares_pace: others keep to its pacer, so that what that has learnt is not its own pace.
    shared: its pacer's part in a pace of several runs, which others may have, too.
    """

    run: ReadyRun
    record: RunRecord
    run_file: RunFile
    limiter: anyio.Semaphore | None = None
    shares_pace: bool = False
    shared: SharedPace | None = None


def begin(
    run: ReadyRun,
    *,
    state: RunState = RunState.RUNNING,
    stop_reason: str = "",
    is_unreached: bool = False,
) -> Begun:
    """Let the run's folder count: whatever happens from now on, it can be gone on with.

    A part's counts once the run of several workspaces does whose part it is. state, stop_reason: of
    one that is sent later. is_unreached: as `RunRecord` has it.
    Raises SettingsError and RunError, with a new run's folder not kept, when run.json or the list
    of runs can't be written.
    """
    folder = run.opened.folder
    run_file = RunFile(folder.path / "run.json")
    begins = {"state": state, "stop_reason": stop_reason, "is_unreached": is_unreached}
    record = first_record(run).model_copy(update=begins)
    if record.part_of is None:
        _remember(run.opened, record)
    run_file.write(record)
    if record.part_of is None:
        folder.keep()
    clear_partial_files(folder.path)  # of an earlier time, which was killed or had no disk left
    return Begun(run=run, record=record, run_file=run_file)


async def execute(
    run: ReadyRun, *, on_moment: Callable[[Moment], None], orders: Orders
) -> RunOutcome:
    """Send what is left of the run and report; what a run can meet does not raise.

    on_moment: called a few times a second, on the event loop.
    orders: the first stop ends the run, the second does so at once; results are complete in
        either case.
    Raises SettingsError and RunError, before anything is sent and with a new run's folder not
    kept, when so many connections can't be opened, or as `begin` does.
    """
    raise_open_files(run.opened.request.settings.pace.concurrency + OTHER_FILES)
    return await carry_out(begin(run), on_moment=on_moment, orders=orders)


async def carry_out(
    begun: Begun,
    *,
    on_moment: Callable[[Moment], None],
    orders: Orders,
    joins: bool = False,
) -> RunOutcome:
    """Send what is left of a run that has begun, and report. Takes what `execute` does.

    joins: it is a part, of which whoever has all parts writes the results; run.json then tells how
    it began and how it ended, since a flush a second of each would hold up all.
    """
    run, record, run_file = begun.run, begun.record, begun.run_file
    folder = run.opened.folder
    # Held until run.json tells how it ended: whoever gets the journal next goes by that.
    with ExitStack() as held:
        timeline = held.enter_context(Timeline(folder.path, clock=time.time))

        def tell(moment: Moment) -> None:
            on_moment(moment)
            if not joins:
                run_file.update(record_at(record, moment))
            timeline.observe(
                requests=moment.requests,
                refused=moment.refused,
                is_held=moment.hold is not None,
                is_away=moment.outage_s > 0,
            )

        journal = None
        try:
            journal = held.enter_context(_journal_of(run))
            outcome = await _send_and_tell(begun, journal, tell, orders, joins=joins)
        except Exception as error:  # noqa: BLE001 - told, kept in the folder, and exit 3
            failure = error_sentence(error, folder.path, run.opened.access.api_key)
            left = SendResult(tally=run.work.before)
            outcome = outcome_of(run, Ending(failure=failure), left)
        timeline.end()
        last = last_record(record, outcome)
        try:
            run_file.write(last)
        except RunError as error:
            outcome = _with_stale_record(outcome, error)
        if journal is not None and not joins:
            outcome = await anyio.to_thread.run_sync(_with_page, run, outcome, last, journal)
    return outcome


def _with_page(
    run: ReadyRun, outcome: RunOutcome, record: RunRecord, journal: Journal
) -> RunOutcome:
    """The report with its page; one that can't be written is a note, and spoils nothing."""
    opened = run.opened
    try:
        return replace(outcome, report=write_report(outcome.folder, record, run.plan, journal))
    except Exception as error:  # noqa: BLE001 - told, and kept in the folder
        why = error_sentence(error, outcome.folder, opened.access.api_key)
        return replace(outcome, report_note=f"{REPORT_NAME} was not written. {why}")


def _with_stale_record(outcome: RunOutcome, error: RunError) -> RunOutcome:
    """A run whose run.json still says what was before its end: going on with it mends that."""
    return replace(
        outcome,
        state=RunState.FAILED,
        exit_code=3,
        reason=f"{outcome.reason} run.json still says what was before."
        if outcome.reason
        else str(error),
        next_command=command("resume", str(outcome.folder)),
        to_mend=None,
    )


async def _send_and_tell(
    begun: Begun,
    journal: Journal,
    tell: Callable[[Moment], None],
    orders: Orders,
    *,
    joins: bool,
) -> RunOutcome:
    """Send, and write the results of what the journal holds, however the sending ended."""
    run, limiter = begun.run, begun.limiter
    opened, settings = run.opened, run.opened.request.settings
    quota = opened.quota(run.workspace)
    api = opened.client(connections=settings.pace.concurrency, quota=quota)

    async def send_limited(change: Change) -> Answer:
        async with limiter or anyio.Semaphore(1):
            return await api.send_change(change)

    sending = SendEngine(
        run.plan,
        work=run.work,
        journal=journal,
        settings=settings,
        send=send_limited if limiter else api.send_change,
        look=api.probe,
        pacer=run.pacer or make_pacer(settings, run.pace.good_per_s),
        shares_pacer=begun.shares_pace,
        quota=quota,
        canary=opened.request.guardrails.canary,
        paging_by=lambda gate: Paging(api, settings, gate=gate),
        meeting=None if joins else _meeting_of(run),
        shared=begun.shared,
        name=opened.folder.path.name,
        key=f"the key of {place}" if (place := opened.request.session.key_place) else KEY_VARIABLE,
    )
    if run.hold is not None:
        sending.hold_until(*run.hold)
    key = opened.access.api_key
    with orders.told_to(sending.obey):
        try:
            await anyio.to_thread.run_sync(_record_judged, run, journal)
            async with api:
                ended = Ending(stop=await sending.run(tell))
        except Exception as error:  # noqa: BLE001 - told, kept in the folder, and exit 3
            failure = error_sentence(error, opened.folder.path, key)
            ended = Ending(failure=failure + _unrecorded(sending.lost_rows))
        moment = sending.moment()
        left = SendResult(
            tally=Tally(moment.tally),
            requests=moment.requests,
            pace_estimate=moment.pace_estimate,
        )
        write = partial(write_results, opened.table, journal, opened.folder.path)
        try:
            if joins:
                left = replace(left, tally=await anyio.to_thread.run_sync(journal.tally))
            else:
                files = await anyio.to_thread.run_sync(partial(write, stop_reason=ended.reason))
                left = replace(left, files=files)
                if files.failure:
                    ended = _then_failed(ended, files.failure)
            left = replace(left, examples=journal.examples())
            left = replace(left, moves=journal.moves(carried=run.plan.source.carried()))
        except Exception as error:  # noqa: BLE001 - the same
            ended = _then_failed(ended, error_sentence(error, opened.folder.path, key))
        workspace_id = run.workspace.id if run.workspace and not begun.shares_pace else None
        await anyio.to_thread.run_sync(
            keep_learnt, opened.request, workspace_id, moment.pace_estimate
        )
    return outcome_of(run, ended, left)


def _meeting_of(run: ReadyRun) -> Meeting | None:
    """Where this run shares its pace with others of the same budget."""
    workspace_id = run.workspace.id if run.workspace else None
    return meeting_of(run.opened.request, run.opened.access, workspace_id)


def _remember(opened: OpenRun, record: RunRecord) -> None:
    """Put the run into the list of runs, so that `run` finds it wherever its folder is."""
    try:
        remember(opened.request.session.state_dir, opened.folder.path, record)
    except (RunError, SettingsError):
        if not opened.request.session.sandbox:  # practice needs nothing but the program
            raise


@contextmanager
def _journal_of(run: ReadyRun) -> Iterator[Journal]:
    """The run's journal: its own from before, or a new one that knows how rows are judged."""
    if run.journal is not None:
        yield run.journal
        return
    with closing(Journal.create(run.opened.folder.path / JOURNAL_NAME)) as journal:
        yield journal


def _record_judged(run: ReadyRun, journal: Journal) -> None:
    left_out = run.work.left_out_outcomes()
    if journal.kept(JUDGED_NOTE) is not None:
        for outcomes in left_out:
            journal.record(outcomes)
        return
    journal.begin_anew()
    for outcomes in run.plan.judged():
        journal.record(outcomes)
    for outcomes in run.plan.left_out() if run.record is None else left_out:
        journal.record(outcomes)
    if run.diff is not None and run.record is not None:  # the plan has what was read for a new run
        journal.keep_before(run.diff.preview.before(sent_only=True))
    journal.keep(JUDGED_NOTE, "all")


def _then_failed(ended: Ending, failure: str) -> Ending:
    """What happened first comes first; this failure is told after it."""
    first = ended.failure or (ended.stop.message if ended.stop else "")
    return Ending(failure=f"{first} {failure}".strip())


def _unrecorded(lost_rows: int) -> str:
    """What to say of outcomes that did not get into the journal; their lines are claimed in it."""
    if not lost_rows:
        return ""
    what = "1 row that was sent" if lost_rows == 1 else f"{lost_rows:,} rows that were sent"
    return f" The outcomes of {what} could not be recorded: the results call them in_flight."


def raise_open_files(needed: int) -> None:
    """See to it that as many descriptors can be open at once; Windows knows no such limit.

    needed: connections and OTHER_FILES. The limit is raised for this process and those that it
    starts, never above what the system allows it. Raises SettingsError where that is not enough.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_enough(soft, needed):
        return
    if not _is_enough(hard, needed):
        raise _too_few("hard limit", hard, needed)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:  # macOS has one more limit, which only trying shows
        raise _too_few("limit", soft, needed) from error


def _is_enough(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed


def _too_few(kind: str, found: int, needed: int) -> SettingsError:
    return SettingsError(
        f"Open files: found a {kind} of {found}; expected {needed} or more for this many "
        "connections.",
        Remedy(Fix.FEWER_CONNECTIONS),
        f"Or raise the limit first (ulimit -n {needed}).",
    )
