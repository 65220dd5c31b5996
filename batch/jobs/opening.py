"""The use case up to the first request: make a run ready.

A run is made ready in four steps, so that a use case can ask a person between them: `open_run`
(folder, copy, table, target) or `resume.reopen_run`; `OpenRun.ask` (the server);
`OpenRun.judge` (plan; `diff_leads` may then read what the leads are now); and `JudgedRun.ready`
(guardrails, question). `execution.execute` then sends it. A new run that is not executed leaves no
trace. Shows nothing.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from batch.api.sendkit import Access, SendKit
from batch.errors import InputError
from batch.jobs.cells import Lookup, about_missing_columns, plan_of
from batch.jobs.decision import KNOWN, decision_of
from batch.jobs.known_pace import KnownPace, known_pace
from batch.jobs.preflight import Preflight, ask_server, hold_of
from batch.jobs.reaching import access_of, daily_quota, make_client, take_locks
from batch.jobs.remembered import as_if_given, options_with_remembered
from batch.jobs.request import Request, guardrails_hit, refusal_of, typed_number
from batch.jobs.work import LeadsDiff, Work, needed_work, whole_work
from batch.judging.plan import Plan
from batch.judging.planned import with_leads_now
from batch.judging.preview import Preview
from batch.judging.totals import Effect
from batch.model import Webhooks
from batch.reading.table import Table, open_table
from batch.recording.daily_quota import DailyQuota, QuotaLeft
from batch.recording.folder import InputCopy, RunFolder, input_stem
from batch.recording.journal import Journal
from batch.recording.plan_file import PLAN_FILE, KeptPlan, keep_plan
from batch.recording.runfile import RunFound, RunInput, RunLink, RunRecord, RunUndone, RunWorkspace
from batch.recording.spill import Spill
from batch.sending.pace.pacer import Pacer
from batch.wording.decision import question_about
from batch.wording.questions import LongWindow, Question, about_quota, about_window


class Stopwatch:
    """How long a process is at work on a run."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def seconds(self) -> float:
        """The time at work so far."""
        return time.monotonic() - self._began_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Don't count this block's time: a person is asked in it."""
        paused_s = time.monotonic()
        yield
        self._began_s += time.monotonic() - paused_s


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run whose input is copied and can be read; nothing is judged yet.

    notes: sentences for the user. retry_of: the run whose rows are tried once more.
    undo_of: the run whose changes are taken back.
    baseline: what its leads are expected to be, as `judge_live` takes it; None to expect nothing.
    spill: keeps its rows as they are judged, until its plan file is written.
    lookup: by which its rows' e-mail addresses become ids when they are judged.
    """

    request: Request
    folder: RunFolder
    input: RunInput
    table: Table
    access: Access
    started_at: datetime
    notes: tuple[str, ...]
    retry_of: RunLink | None = None
    undo_of: RunUndone | None = None
    baseline: pl.DataFrame | None = None
    spill: Spill | None = None
    lookup: Lookup = field(default_factory=Lookup)
    watch: Stopwatch = field(default_factory=Stopwatch)

    async def ask(self) -> Preflight:
        """Ask the server whose key it is, and for its labels. Raises UsageError if refused."""
        async with self.client(connections=1) as api:
            return await ask_server(
                api,
                workspace_id=self.access.workspace_id,
                tag_check=not self.request.guardrails.no_tag_check,
            )

    def client(self, *, connections: int, quota: DailyQuota | None = None) -> SendKit:
        """A client of the API with as many connections; to be entered.

        quota: by which its requests are counted; by default one of its own.
        """
        return make_client(
            self.access,
            self.request.settings,
            connections=connections,
            quota=quota or self.quota(None),
        )

    def quota(self, workspace: RunWorkspace | None) -> DailyQuota | None:
        """A new count of the day's requests; None for practice. workspace: the key's, if known."""
        session = self.request.session
        if session.sandbox:
            return None
        quota = daily_quota(self.access, self.request.settings, session.state_dir)
        if workspace:
            quota.know_workspace(workspace.id)
        return quota

    def quota_left(self, preflight: Preflight) -> QuotaLeft | None:
        """What is left of the day's quota; None where there is none."""
        quota = self.quota(as_recorded(preflight))
        return quota.left() if quota else None

    def judge(self, preflight: Preflight) -> "JudgedRun":
        """Judge the whole file. Raises UsageError when the rows alone hold it back."""
        request = self.request
        hold = hold_of(preflight, request.settings)
        rules = request.rules(labels=preflight.labels)
        once = self.spill.once if self.spill else None
        plan = plan_of(request, self.table, rules, once=once, directory=self.lookup.directory)
        if refusal := refusal_of(plan, request):
            raise InputError(refusal)
        return JudgedRun(
            opened=self,
            preflight=preflight,
            plan=plan,
            hold=hold,
            missing=about_missing_columns(self.table, labels=preflight.labels),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run whose rows are judged; the leads that they name may be looked at, or not.

    hold: until when (seconds of time.monotonic()) nothing may be sent, and why; None if it may.
    missing: sentences about a column that the input has not.
    webhooks: who hears of its changed tags. pacer: what was read by; None for one of its own.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    opened: OpenRun
    preflight: Preflight
    plan: Plan
    hold: tuple[float, str] | None
    missing: tuple[str, ...]
    webhooks: Webhooks = field(default_factory=Webhooks)
    pacer: Pacer | None = None
    record: RunRecord | None = None
    journal: Journal | None = None

    def notes(self, requests: int, window: LongWindow | None) -> tuple[str, ...]:
        """What else a yes means. requests: that are to be sent. window: a long one of the server's.

        What limits them, and what nobody has checked.
        """
        opened, preflight = self.opened, self.preflight
        return (
            *about_quota(opened.quota_left(preflight), requests),
            *about_window(window, waits=opened.request.settings.pace.wait),
            *self.missing,
            *_unchecked_tags(self.plan, opened.request, preflight),
        )

    def ready(self, diff: LeadsDiff | None = None, *, can_ask: bool) -> "ReadyRun":
        """Make it ready. Raises UsageError when a guardrail of the contract holds it back.

        diff: what was read of its leads. can_ask: whether somebody can type the number that a
        guardrail asks for.
        """
        request, preflight, plan = self.opened.request, self.preflight, self.plan
        preview = diff.preview if diff else None
        effect: Effect = preview.effect() if preview else plan
        if refusal := refusal_of(plan, request, effect):
            raise InputError(refusal)
        guardrails = guardrails_hit(effect, request)
        if guardrails and not can_ask:
            raise InputError(*guardrails)
        pace = known_pace(request, preflight)
        forecast = pace.forecast(
            request.settings,
            requests=effect.requests,
            learnt=diff.pace_estimate if diff else None,
        )
        window = pace.long_window(request.settings, requests=effect.requests)
        plan = plan if isinstance(plan, KeptPlan) else self._keep(preview)
        work = needed_work(plan, preview) if preview else whole_work(plan)
        decision = decision_of(
            plan,
            work,
            preview.before(sent_only=True) if preview else pl.DataFrame(schema=KNOWN),
            request=request,
            folder=self.opened.folder.path,
            workspace=preflight.workspace.name if preflight.workspace else None,
            base_url=self.opened.access.base_url,
            forecast=forecast,
            webhooks=self.webhooks,
            effect=effect,
            sets_back=self.opened.undo_of is not None,
            table=self.opened.table,
        )
        question = question_about(
            decision,
            notes=self.notes(effect.requests, window),
            guardrails=guardrails,
            typed_number=typed_number(effect, request) if guardrails else None,
        )
        return ReadyRun(
            opened=self.opened,
            workspace=as_recorded(preflight),
            plan=plan,
            work=work,
            question=question,
            pace=pace,
            forecast_s=forecast[0],
            window=window,
            diff=diff,
            pacer=self.pacer,
            hold=self.hold,
            record=self.record,
            journal=self.journal,
        )

    @property
    def kept_plan(self) -> KeptPlan:
        """The plan in its file, of a run that is gone on with."""
        if not isinstance(self.plan, KeptPlan):
            raise TypeError("the plan is not written yet")
        return self.plan

    def _keep(self, preview: Preview | None) -> KeptPlan:
        """Write the plan into the run's folder, from where it is read from now on.

        preview: of what was read of the leads; None if nothing was.
        """
        opened = self.opened
        baseline = opened.baseline
        if baseline is None and opened.request.is_planned and preview:
            baseline = preview.baseline()
        path = opened.folder.path / PLAN_FILE
        opened.folder.will_hold(path)
        rows = with_leads_now(self.plan.source.planned(), preview, baseline)
        kept = keep_plan(self.plan, rows, path)
        if opened.spill:
            opened.spill.close()
        if opened.table.is_by_email:
            opened.table.ids, opened.lookup.directory = kept.source, None
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun:
    """A run that only waits for a yes.

    pace: what is known of the pace that the server allows. forecast_s: how long sending takes.
    window: a long one of the server's, of which a yes says that it is waited for; None if there is
        none.
    diff: what was read of the leads; None if nothing was. pacer: what was read by; None for one
    of its own.
    hold: until when (seconds of time.monotonic()) nothing may be sent, and why; None if it may.
    incomplete: why it leaves something undone even if all of it is sent; "" if it does not.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    opened: OpenRun
    workspace: RunWorkspace | None
    plan: KeptPlan
    work: Work
    question: Question
    pace: KnownPace
    forecast_s: float
    window: LongWindow | None = None
    diff: LeadsDiff | None = None
    pacer: Pacer | None = None
    hold: tuple[float, str] | None = None
    incomplete: str = ""
    record: RunRecord | None = None
    journal: Journal | None = None

    def waiting(self) -> "ReadyRun":
        """The same, as one that waits for the end of a long window."""
        request = self.opened.request
        pace = request.settings.pace.model_copy(update={"wait": True})
        settings = request.settings.model_copy(update={"pace": pace})
        return replace(
            self, opened=replace(self.opened, request=replace(request, settings=settings))
        )


@contextmanager
def open_run(request: Request) -> Iterator[OpenRun]:
    """Make the run's folder with its copy of the input, and find out where to send.

    Raises UsageError when that can't be done. At the end the table is closed, a practice sandbox
    is ended, and the folder is taken away again unless the run was executed.
    """
    started_at = datetime.now(UTC)
    folder = new_folder(request, now=started_at)
    with ExitStack() as resources:
        resources.callback(folder.discard_unless_kept)
        spill = Spill(folder.path)
        resources.callback(spill.close)
        copy = folder.copy_input(request.source.bytes_from, name=request.source.name)
        warnings = resources.enter_context(take_locks(request, sha256=copy.sha256, run=folder.path))
        options = options_with_remembered(request)
        table = resources.enter_context(open_table(copy.path, options, name=request.source.name))
        request = as_if_given(request, table)
        yield OpenRun(
            request=request,
            folder=folder,
            input=input_of(request, copy, table),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(*table.notes, *warnings),
            spill=spill,
        )


def new_folder(request: Request, *, now: datetime) -> RunFolder:
    """The folder of a new run: the one that was asked for, or one below the folder of runs."""
    return RunFolder.create(
        request.session.out,
        runs_dir=Path(request.settings.run.runs_dir),
        stem=input_stem(request.source.name),
        now=now,
    )


def input_of(request: Request, copy: InputCopy, table: Table) -> RunInput:
    """The input as run.json has it, and how it was read."""
    return RunInput(
        name=request.source.name,
        sha256=copy.sha256,
        size_bytes=copy.size_bytes,
        copy_name=copy.path.name,
        original=str(request.source.path.absolute()) if request.source.path else None,
        found=found_of(table),
        **asdict(request.reading),
    )


def found_of(table: Table) -> RunFound:
    """How a table is read, as run.json has it."""
    found = asdict(table.found)
    return RunFound(**{**found, "columns": {str(name): at for name, at in table.fields.items()}})


def _unchecked_tags(plan: Plan, request: Request, preflight: Preflight) -> tuple[str, ...]:
    """That nobody has held the tags against the workspace's labels, where that is so."""
    if not plan.tags_set:
        return ()
    if request.session.sandbox:  # it takes the tags of the file for its labels
        return ("This is practice: tags were not checked against your workspace's labels.",)
    if preflight.labels_failed:
        return ("The labels could not be read: tags are not checked.",)
    return ()


def as_recorded(preflight: Preflight) -> RunWorkspace | None:
    """The workspace as run.json has it."""
    workspace = preflight.workspace
    return RunWorkspace(id=workspace.id, name=workspace.name) if workspace else None
