"""What each job does, in a thread of its own: the same use cases as the commands, in their order.

Each gives the id of the run that it ended with, and a sentence. It holds no logic of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import anyio

from batch.api.sendkit import Access
from batch.errors import DeclinedError, SettingsError, UsageError
from batch.jobs import diff_leads, execution
from batch.jobs.diff_leads import LeadsNotReadError, Look
from batch.jobs.opening import JudgedRun, LeadsDiff, OpenRun, ReadyRun, open_run
from batch.jobs.outcome import RunOutcome
from batch.jobs.planning import check_plan, check_same_workspace, keep_plan
from batch.jobs.preflight import Preflight
from batch.jobs.recorded import request_of
from batch.jobs.request import Request, Source
from batch.jobs.resolving import is_needed, resolve
from batch.jobs.resuming import check_workspace, reopen_run
from batch.jobs.retrying import open_retry
from batch.jobs.run_settings import settings_of_run
from batch.jobs.undoing import open_undo
from batch.jobs.unfinished import find_unfinished, newer_notes, unfinished_of_others
from batch.jobs.verifying import open_applied, verify
from batch.recording.run_list import listed
from batch.recording.runfile import RunState, read_record
from batch.settings.load import LoadedSettings
from batch.web.board import Stage
from batch.web.talk import Talk
from batch.wording.amounts import count_of

OpenGate = Callable[[LoadedSettings], tuple[Access, tuple[str, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a job ended. run_id: of the run that it is about. is_wrong: whether to look at it."""

    run_id: str
    told: str = ""
    is_wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """An earlier run that a job goes back to.

    own: the settings that count here without it. open_gate: joins a key with its address, and
    gives notes.
    canary: how many changes of a plan go alone first, and are read back; 0 for none.
    """

    folder: Path
    state_dir: Path
    own: LoadedSettings
    open_gate: OpenGate
    canary: int = 0

    def request(self, talk: Talk) -> Request:
        """What was asked of it, with the key. Raises UsageError where it may not go there."""
        record = read_record(self.folder / "run.json")
        request = request_of(self.folder, record, state_dir=self.state_dir)
        if request.session.sandbox:
            return request
        is_listed = listed(self.state_dir, self.folder, record) is not None
        loaded = settings_of_run(
            self.folder, record, request.settings, own=self.own, is_listed=is_listed
        )
        access, notes = self.open_gate(loaded)
        talk.note(*notes)
        session = replace(request.session, access=access)
        return replace(request, settings=loaded.settings, session=session)

    def check_begun(self) -> None:
        """Raise SettingsError for a plan, of which nothing was sent."""
        if read_record(self.folder / "run.json").state is RunState.PLANNED:
            raise SettingsError("This is a plan, of which nothing was sent yet. Send it first.")


def plan(talk: Talk, request: Request) -> Done:
    """Hold a file against what the leads are now; nothing is sent."""
    with _opened(replace(request, is_planned=True)) as opened:
        preflight = _ask_server(talk, opened)
        _look_up_leads(talk, opened, preflight)
        judged = opened.judge(preflight)
        seen = _look_whole(talk, judged, Look())
        ready = judged.ready(seen, can_ask=True)
        talk.check()
        planned = keep_plan(ready, seen)
        return Done(run_id=_id_of(opened.folder.path), told=planned.ready.question.text)


def run(talk: Talk, request: Request) -> Done:
    """Send a file without a plan, or practise it."""
    with _opened(request) as opened:
        preflight = _ask_server(talk, opened)
        for note in newer_notes(opened):
            talk.note(note)
        if found := find_unfinished(opened, preflight):
            talk.note(
                f"There is {found}. This is a new run; to go on with that one, say no here and "
                "choose it among the earlier runs."
            )
        elif others := unfinished_of_others(opened):
            talk.note(f"There is {others}. It is not in your list of runs: this is a new run.")
        _look_up_leads(talk, opened, preflight)
        judged = opened.judge(preflight)
        return _send(talk, judged.ready(_look(talk, judged), can_ask=True))


def apply(talk: Talk, again: Again) -> Done:
    """Send a plan."""
    record = read_record(again.folder / "run.json")
    request = again.request(talk)
    check_plan(again.folder, record, request)
    guardrails = replace(request.guardrails, canary=again.canary)
    request = replace(request, guardrails=guardrails)
    return _go_on(
        talk, again, request, check=lambda preflight: check_same_workspace(record, preflight)
    )


def resume(talk: Talk, again: Again) -> Done:
    """Send what is left of a run that broke off."""
    again.check_begun()
    request = again.request(talk)
    return _go_on(talk, again, request)


def retry(talk: Talk, again: Again) -> Done:
    """Try once more what was error or unsent, as a new run."""
    again.check_begun()
    request = again.request(talk)
    with open_retry(again.folder, request) as retried:
        preflight = _ask_server(talk, retried.opened)
        check_workspace(retried.record, preflight)
        _look_up_leads(talk, retried.opened, preflight)
        judged = retried.judge(preflight)
        return _send(talk, judged.ready(_look(talk, judged), can_ask=True))


def undo(talk: Talk, again: Again) -> Done:
    """Set the leads of a run back to what they were, as a new run."""
    again.check_begun()
    record = read_record(again.folder / "run.json")
    request = again.request(talk)
    with open_undo(again.folder, record, request) as undone:
        judged = undone.judge(_ask_server(talk, undone.opened))
        ready = judged.ready(_look(talk, judged), can_ask=True)
        talk.note(*filter(None, (*undone.notes, undone.unknown)))
        return _send(talk, ready)


def verify_run(talk: Talk, again: Again) -> Done:
    """Read a run's leads again, and see whether they hold what it set."""
    record = read_record(again.folder / "run.json")
    request = again.request(talk)
    with open_applied(again.folder, record, request) as applied:
        talk.board.show(
            where=_where(record.workspace.name if record.workspace else None, record.base_url)
        )
        verified = talk.run(lambda: verify(applied, on_reading=talk.show_reading))
    holding = f"{verified.holding:,} of {count_of(verified.rows, 'row')} hold what was set."
    is_wrong = verified.holding < verified.rows
    more = " The list of the others is in verify.csv." if is_wrong else ""
    return Done(run_id=record.id, told=holding + more, is_wrong=is_wrong)


@contextmanager
def _opened(request: Request) -> Iterator[OpenRun]:
    """A new run of an upload, which is no file of the user's that could be named later."""
    source = request.source
    with ExitStack() as resources:
        stream = resources.enter_context(source.path.open("rb")) if source.path else source.stream
        request = replace(request, source=Source(name=source.name, stream=stream))
        yield resources.enter_context(open_run(request))


def _go_on(
    talk: Talk,
    again: Again,
    request: Request,
    *,
    check: Callable[[Preflight], None] = lambda _: None,
) -> Done:
    with reopen_run(again.folder, request) as reopened:
        preflight = _ask_server(talk, reopened.opened)
        check(preflight)
        judged = reopened.judge(preflight)
        if reopened.has_begun:
            expects = reopened.opened.baseline is not None
            ready = reopened.ready(judged, _look(talk, judged) if expects else None)
        else:
            ready = judged.ready(_look(talk, judged), can_ask=True)
        return _send(talk, ready)


def _ask_server(talk: Talk, opened: OpenRun) -> Preflight:
    """Ask the server, showing what should be known before anything is sent."""
    talk.note(*opened.notes)
    preflight = talk.run(opened.ask)
    name = preflight.workspace.name if preflight.workspace else None
    talk.board.show(where=_where(name, opened.access.base_url))
    talk.note(*preflight.notes)
    return preflight


def _look_up_leads(talk: Talk, opened: OpenRun, preflight: Preflight) -> None:
    """Look up the leads of a run that names them by e-mail address; nothing for any other."""
    if is_needed(opened):
        talk.run(lambda: resolve(opened, preflight, on_reading=talk.show_reading))


def _look(talk: Talk, judged: JudgedRun) -> LeadsDiff | None:
    how = diff_leads.look_of(judged.opened)
    if how is None or not judged.plan.requests:
        return None
    if not how.pays:
        return _look_whole(talk, judged, how)
    try:
        return talk.run(lambda: diff_leads.look(judged, how, on_reading=talk.show_reading))
    except LeadsNotReadError as error:  # reading was to spare requests; it is no condition
        talk.note(f"{error} So no row is left out for being so already.")
        return None


def _look_whole(talk: Talk, judged: JudgedRun, how: Look) -> LeadsDiff:
    seen = talk.run(lambda: diff_leads.look(judged, how, on_reading=talk.show_reading))
    if seen is None:
        raise ValueError("leads that must be read were not")
    return seen


def _send(talk: Talk, ready: ReadyRun) -> Done:
    """Put the question, send, and say how it ended."""
    if ready.work.requests and not talk.ask(ready.question):
        raise DeclinedError("Nothing was sent: you said no.")
    talk.check()
    if ready.diff and not ready.diff.is_fresh(ready.opened.request.settings.run.snapshot_age):
        raise UsageError(
            "Nothing was sent: the leads were read longer ago than [run] snapshot_age. Start again."
        )
    talk.board.show(stage=Stage.PREPARING, question=None)  # the first moment is about to come
    report = anyio.run(lambda: execution.execute(ready, on_moment=talk.show_moment, orders=talk))
    return Done(
        run_id=_id_of(report.folder), told=_told(report), is_wrong=report.exit_code not in {0, 1}
    )


def _told(report: RunOutcome) -> str:
    note = report.files.note if report.files else ""
    return " ".join(filter(None, (report.reason, note)))


def _id_of(folder: Path) -> str:
    return read_record(folder / "run.json").id


def _where(workspace: str | None, base_url: str) -> str:
    return f"{workspace or 'an unknown workspace'} ({urlsplit(base_url).netloc})"
