"""A run that was opened, made ready: its rows judged, its guardrails passed, its question put.

Shows nothing, and asks nobody.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio
import polars as pl

from batch.advice import Advice
from batch.api.sendkit import SendKit
from batch.errors import InputError
from batch.jobs.cells import about_missing_columns, plan_of
from batch.jobs.decision import KNOWN, decision_of
from batch.jobs.known_pace import KnownPace, known_pace
from batch.jobs.opening import OpenRun, as_recorded
from batch.jobs.paging import Beside, Paging
from batch.jobs.preflight import Preflight, hold_of
from batch.jobs.request import Request, guardrails_hit, refusal_of, typed_number
from batch.jobs.work import LeadsDiff, Work, needed_work, whole_work
from batch.judging.plan import Plan
from batch.judging.planned import with_leads_now
from batch.judging.preview import Preview
from batch.judging.totals import Effect
from batch.model import Webhooks
from batch.recording.journal import Journal
from batch.recording.plan_file import PLAN_FILE, KeptPlan, keep_plan
from batch.recording.runfile import RunRecord, RunWorkspace
from batch.sending.pace.pacer import Pacer
from batch.wording.decision import question_about
from batch.wording.parts import PartDecision
from batch.wording.questions import LongWindow, Question, about_mended, about_quota, about_window


def judge(opened: OpenRun, preflight: Preflight) -> "JudgedRun":
    """Judge the whole file. Raises UsageError when the rows alone hold it back."""
    request = opened.request
    hold = hold_of(preflight, request.settings)
    rules = request.rules(labels=preflight.labels)
    once = opened.spill.once if opened.spill else None
    plan = plan_of(request, opened.table, rules, once=once, directory=opened.lookup.directory)
    if refusal := refusal_of(plan, request):
        raise InputError(refusal)
    return JudgedRun(
        opened=opened,
        preflight=preflight,
        plan=plan,
        hold=hold,
        missing=about_missing_columns(opened.table, labels=preflight.labels),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run whose rows are judged; the leads that they name may be looked at, or not.

    hold: until when (seconds of time.monotonic()) nothing may be sent, and why; None if it may.
    missing: sentences about a column that the input has not.
    webhooks: who hears of its changed tags. campaigns: names, by id, as far as they were read.
    pacer: what was read by; None for one of its own.
    shares_pacer: others keep to it, too, so that nobody knows how much is still to be asked by it.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    opened: OpenRun
    preflight: Preflight
    plan: Plan
    hold: tuple[float, str] | None
    missing: tuple[str, ...]
    webhooks: Webhooks = field(default_factory=Webhooks)
    campaigns: Mapping[str, str] = field(default_factory=dict)
    pacer: Pacer | None = None
    shares_pacer: bool = False
    record: RunRecord | None = None
    journal: Journal | None = None

    def paging(self, api: SendKit, *, beside: Beside | None = None) -> Paging:
        """What reads lists at the pace that is known, and not before the server wants that.

        beside: as `Paging` takes it. To be called on the event loop.
        """
        opened = self.opened
        paging = Paging(
            api,
            opened.request.settings,
            good_per_s=known_pace(opened.request, self.preflight).good_per_s,
            pacer=self.pacer,
            beside=beside,
        )
        if self.hold:
            until, why = self.hold
            paging.pacer.hold(anyio.current_time(), until - time.monotonic(), why)
        return paging

    def notes(self, requests: int, window: LongWindow | None) -> tuple[str, ...]:
        """What else a yes means. requests: that are to be sent. window: a long one of the server's.

        What limits them, and what nobody has checked.
        """
        opened, preflight = self.opened, self.preflight
        return (
            *about_quota(opened.quota_left(preflight), requests),
            *about_window(window, waits=opened.request.settings.pace.wait),
            *self.missing,
            *about_mended(len(opened.request.mended)),
            *_unchecked_tags(self.plan, opened.request, preflight),
        )

    def ready(self, diff: LeadsDiff | None = None, *, can_ask: bool) -> "ReadyRun":
        """Make it ready. Raises UsageError when a guardrail of the contract holds it back.

        diff: what was read of its leads. can_ask: whether somebody can type the number that a
        guardrail asks for.
        """
        request, plan = self.opened.request, self.plan
        preview = diff.preview if diff else None
        effect: Effect = preview.effect() if preview else plan
        if refusal := refusal_of(plan, request, effect):
            raise InputError(refusal)
        is_part = self.opened.part_of is not None
        guardrails = guardrails_hit(effect, request, is_part=is_part)
        if guardrails and not can_ask:
            raise InputError(*guardrails)
        plan = plan if isinstance(plan, KeptPlan) else self._keep(preview)
        return self.asking(
            plan,
            needed_work(plan, preview) if preview else whole_work(plan),
            preview.before(sent_only=True) if preview else pl.DataFrame(schema=KNOWN),
            diff=diff,
            is_shown=can_ask,
            effect=effect,
            guardrails=guardrails,
        )

    def asking(
        self,
        plan: KeptPlan,
        work: Work,
        known: pl.DataFrame,
        *,
        diff: LeadsDiff | None,
        is_shown: bool,
        effect: Effect | None = None,
        guardrails: Sequence[Advice] = (),
    ) -> "ReadyRun":
        """Put the question about what is left of a plan.

        known, is_shown, effect: as `decision_of` takes them. diff: what was read of the leads just
        now. guardrails: why a number has to be typed; none if a yes will do.
        """
        opened, preflight, record = self.opened, self.preflight, self.record
        settings, requests = opened.request.settings, (effect or work).requests
        pace = known_pace(opened.request, preflight)
        learnt = diff.pace_estimate if diff else None
        forecast = pace.forecast(settings, requests=requests, learnt=learnt)
        window = pace.long_window(settings, requests=requests)
        decision = decision_of(
            plan,
            work,
            known,
            opened=opened,
            # The server's own word, if it gave it: a run's record may come from anybody.
            workspace=preflight.workspace or (record.workspace if record else None),
            forecast=forecast,
            webhooks=self.webhooks,
            campaigns=self.campaigns,
            effect=effect,
            is_shown=is_shown,
        )
        is_part = opened.part_of is not None
        number = (
            typed_number(effect, opened.request, is_part=is_part) if effect and guardrails else None
        )
        notes = self.notes(requests, window)
        question = question_about(decision, notes=notes, guardrails=guardrails, typed_number=number)
        return ReadyRun(
            opened=opened,
            workspace=record.workspace if record else as_recorded(preflight),
            labels_failed=preflight.labels_failed,
            plan=plan,
            work=work,
            question=question,
            asked=PartDecision(
                name=decision.workspace or "",
                decision=decision,
                notes=notes,
                guardrails=tuple(guardrails),
            ),
            pace=pace,
            forecast_s=forecast[0],
            window=window,
            diff=diff,
            pacer=self.pacer,
            hold=self.hold,
            campaigns=self.campaigns,
            record=record,
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

    asked: what the question is made of, for one about several workspaces.
    pace: what is known of the pace that the server allows. forecast_s: how long sending takes.
    window: a long one of the server's, of which a yes says that it is waited for; None if there is
        none.
    diff: what was read of the leads; None if nothing was. pacer: what was read by; None for one
    of its own.
    hold: until when (seconds of time.monotonic()) nothing may be sent, and why; None if it may.
    incomplete: why it leaves something undone even if all of it is sent; "" if it does not.
    campaigns: names, by id, as far as they were read.
    labels_failed: as `Preflight` has it.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    opened: OpenRun
    workspace: RunWorkspace | None
    labels_failed: bool
    plan: KeptPlan
    work: Work
    question: Question
    asked: PartDecision
    pace: KnownPace
    forecast_s: float
    window: LongWindow | None = None
    diff: LeadsDiff | None = None
    pacer: Pacer | None = None
    hold: tuple[float, str] | None = None
    incomplete: str = ""
    campaigns: Mapping[str, str] = field(default_factory=dict)
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


def _unchecked_tags(plan: Plan, request: Request, preflight: Preflight) -> tuple[str, ...]:
    """That nobody has held the tags against the workspace's labels, where that is so."""
    if not plan.tags_set:
        return ()
    if request.session.sandbox:  # it takes the tags of the file for its labels
        return ("This is practice: tags were not checked against your workspace's labels.",)
    if preflight.labels_failed:
        return ("The labels could not be read: tags are not checked.",)
    return ()
