"""The steps that commands share. Each reports to the front end."""

from dataclasses import replace
from functools import partial

import anyio

from batch.columns import Naming
from batch.errors import DeclinedError, UsageError
from batch.jobs import diff_leads
from batch.jobs.check import header_only
from batch.jobs.diff_leads import LeadsNotReadError, Look
from batch.jobs.execution import execute
from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun
from batch.jobs.outcome import RunOutcome
from batch.jobs.parts import OpenPart, ReadyParts, SplitRun, in_each
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, ReadyRun, judge
from batch.jobs.remembered import remember
from batch.jobs.resolving import is_needed, resolve
from batch.jobs.whole import execute_parts
from batch.jobs.work import LeadsDiff
from batch.model import Webhooks
from batch.wording.amounts import count_of
from batch.wording.progress import ReadingProgress
from batch.wording.questions import Question


def ask_server(frontend: Frontend, opened: OpenRun) -> Preflight:
    """Ask the server whose key it is, and tell what should be known before anything is sent."""
    frontend.note(*opened.notes)
    preflight = frontend.run(opened.ask)
    workspace = preflight.workspace.name if preflight.workspace else None
    frontend.show_target(opened.access, workspace)
    frontend.note(*preflight.notes)
    return preflight


def look_up_leads(frontend: Frontend, opened: OpenRun, preflight: Preflight) -> None:
    """Look up the leads of a run that names them by e-mail address; nothing for any other run."""
    if not is_needed(opened):
        return
    last: list[ReadingProgress] = []
    with frontend.reading() as show:

        def on_reading(reading: ReadingProgress) -> None:
            last[:] = [reading]
            show(reading)

        frontend.run(lambda: resolve(opened, preflight, on_reading=on_reading))
    for reading in last:
        leads, campaigns = count_of(reading.leads, "lead"), count_of(reading.campaigns, "campaign")
        frontend.note(f"Looked up by e-mail address among {leads} of {campaigns}.")


def read_leads(frontend: Frontend, judged: JudgedRun) -> LeadsDiff | None:
    """Hold a run against what its leads are now, as far as that is wanted; None where it isn't."""
    how = diff_leads.look_of(judged.opened)
    if how is None or not judged.plan.requests:
        return None
    if not how.pays:
        return read_all_leads(frontend, judged, how)
    try:
        with frontend.reading() as show:
            return frontend.run(lambda: diff_leads.look(judged, how, on_reading=show))
    except LeadsNotReadError as error:  # reading was to spare requests; it is no condition
        frontend.note(f"{error} So no row is left out as already set.")
        return None


def read_all_leads(frontend: Frontend, judged: JudgedRun, how: Look) -> LeadsDiff:
    """Hold a run against what all its leads are now. Raises LeadsNotReadError."""
    with frontend.reading() as show:
        diff = frontend.run(lambda: diff_leads.look(judged, how, on_reading=show))
    if diff is None:
        raise ValueError("leads that must be read were not")
    return diff


def read_names(
    frontend: Frontend, judged: JudgedRun, diff: LeadsDiff | None, *, asks: bool
) -> JudgedRun:
    """Read what a question names: who hears of changed tags, and what campaigns are called.

    What can't be read is not missed. diff: what was read of the leads, by whose pace that goes on.
    asks: whether there is a question; without one no campaign is named.
    """
    opened, request = judged.opened, judged.opened.request
    effect = diff.preview.effect() if diff else judged.plan
    is_named = Naming.CAMPAIGN in opened.table.fields or request.reading.campaign is not None
    names_campaigns = asks and request.session.shown_rows and effect.requests and not is_named
    webhooks = bool(effect.tag_changes)
    return _read_lists(frontend, judged, diff, webhooks=webhooks, campaigns=bool(names_campaigns))


def read_campaign_names(frontend: Frontend, judged: JudgedRun, diff: LeadsDiff) -> JudgedRun:
    """Read what a plan's campaigns are called, unless that is known. What fails is not missed."""
    wanted = bool(judged.plan.requests) and not judged.opened.lookup.names
    return _read_lists(frontend, judged, diff, webhooks=False, campaigns=wanted)


def _read_lists(
    frontend: Frontend,
    judged: JudgedRun,
    diff: LeadsDiff | None,
    *,
    webhooks: bool,
    campaigns: bool,
) -> JudgedRun:
    opened = judged.opened
    judged = replace(judged, pacer=diff.pacer if diff else judged.pacer)
    if opened.request.session.sandbox or not (webhooks or campaigns):
        return judged

    async def read() -> JudgedRun:
        async with opened.client(connections=1) as api:
            paging = judged.paging(api, pacer=judged.pacer)
            return replace(
                judged,
                webhooks=await paging.webhooks() if webhooks else Webhooks(),
                campaigns=await paging.campaign_names() if campaigns else {},
                pacer=paging.pacer,
            )

    return frontend.run(read)


def confirm(frontend: Frontend, ready: ReadyRun, *, asks: bool) -> ReadyRun:
    """Ask the question, or only show it if nobody is asked. Raises DeclinedError without a yes.

    Who says yes to a question that names a long wait says yes to waiting.
    """
    opened = ready.opened
    if not (ready.plan.rows or opened.retry_of or opened.undo_of):
        frontend.note(header_only(opened.request.source.name))
    frontend.check()
    if not asks or not ready.work.requests:
        frontend.note(ready.question.text)
        return ready
    _ask(frontend, opened, ready.question)
    remember(opened.request, opened.table, opened.folder.path, ready.record)
    return ready.waiting() if ready.window else ready


def ready_parts(frontend: Frontend, split: SplitRun, *, asks: bool) -> ReadyParts:
    """Judge each workspace's rows by its own rules, and make them ready for one question.

    Raises InputError naming all workspaces that are refused.
    """
    names = split.names
    asked = in_each(names, split.parts, partial(_ask_part, frontend))
    split = replace(split, parts=tuple(part for part, _ in asked))
    split.check_lookups()
    judged = in_each(names, asked, partial(_judge_part, frontend))
    both = zip(split.parts, judged, strict=True)
    return split.ready(in_each(names, both, partial(_ready_part, frontend, asks=asks)))


def _ask_part(frontend: Frontend, part: OpenPart) -> tuple[OpenPart, Preflight]:
    preflight = frontend.run(part.ask)
    frontend.note(*(f"{part.name}: {note}" for note in preflight.notes))
    asked = part.skipping(preflight)
    return asked, replace(preflight, labels=None) if asked.failure else preflight


def _judge_part(frontend: Frontend, both: tuple[OpenPart, Preflight]) -> JudgedRun:
    part, preflight = both
    look_up_leads(frontend, part.opened, preflight)
    return replace(judge(part.opened, preflight), pacer=part.pacer)


def _ready_part(frontend: Frontend, both: tuple[OpenPart, JudgedRun], *, asks: bool) -> ReadyRun:
    part, judged = both
    if part.failure:  # nothing is sent there, so nothing holds it back
        return judged.ready(can_ask=True)
    diff = read_leads(frontend, judged)
    judged = read_names(frontend, judged, diff, asks=asks)
    return judged.ready(diff, can_ask=asks)


def confirm_parts(frontend: Frontend, ready: ReadyParts, *, asks: bool) -> ReadyParts:
    """As `confirm`, of a run of several workspaces: one question for all of them."""
    opened, question = ready.own.opened, ready.own.question
    if not (ready.own.asked.decision.rows or opened.retry_of or opened.undo_of):
        frontend.note(header_only(opened.request.source.name))
    frontend.check()
    if not asks or not ready.requests:
        frontend.note(question.text)
        return ready
    _ask(frontend, opened, question)
    remember(opened.request, opened.table, opened.folder.path, ready.own.record)
    return ready.waiting()


def _ask(frontend: Frontend, opened: OpenRun, question: Question) -> None:
    """Put the question. Raises DeclinedError without a yes."""
    with opened.watch.paused():
        is_yes = frontend.ask(question)
    if not is_yes:
        wanted = question.typed_number or "yes"
        raise DeclinedError(f"Nothing was sent: the question was not answered with {wanted}.")


def send_parts(frontend: Frontend, ready: ReadyParts) -> RunOutcome:
    """Send what is left of a run of several workspaces that was said yes to."""
    for part in ready.parts:
        _check_fresh(part)
    frontend.check()
    with frontend.sending() as show:
        outcome = anyio.run(lambda: execute_parts(ready, on_moment=show, orders=frontend))
        frontend.ended(outcome)
    return outcome


def send(frontend: Frontend, ready: ReadyRun) -> RunOutcome:
    """Send what is left of a run that was said yes to."""
    _check_fresh(ready)
    frontend.check()  # nothing is sent by a run that somebody has ended
    with frontend.sending() as show:
        outcome = anyio.run(lambda: execute(ready, on_moment=show, orders=frontend))
        frontend.ended(outcome)
    return outcome


def _check_fresh(ready: ReadyRun) -> None:
    """Raise UsageError if somebody took too long to say yes."""
    if ready.diff and not ready.diff.is_fresh(ready.opened.request.settings.run.snapshot_age):
        raise UsageError(
            "Nothing was sent: the leads were read longer ago than [run] snapshot_age. "
            "Run it again."
        )
