"""The steps that commands share. Each reports to the front end."""

from dataclasses import replace

import anyio

from batch.columns import Naming
from batch.errors import DeclinedError, UsageError
from batch.jobs import diff_leads
from batch.jobs.check import header_only
from batch.jobs.diff_leads import Look, look_as_wanted
from batch.jobs.execution import execute
from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun
from batch.jobs.outcome import RunOutcome
from batch.jobs.paging import Beside
from batch.jobs.parts import ReadyParts
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, ReadyRun
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
    frontend.note(*map(looked_up_line, last))


def looked_up_line(reading: ReadingProgress) -> str:
    """What was read to look leads up."""
    leads, campaigns = count_of(reading.leads, "lead"), count_of(reading.campaigns, "campaign")
    return f"Looked up by e-mail address among {leads} of {campaigns}."


def read_leads(frontend: Frontend, judged: JudgedRun) -> LeadsDiff | None:
    """Hold a run against what its leads are now, as far as that is wanted; None where it isn't."""
    with frontend.reading() as show:
        diff, note = frontend.run(lambda: look_as_wanted(judged, on_reading=show))
    frontend.note(*filter(None, [note]))
    return diff


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
    return frontend.run(lambda: name_for_question(judged, diff, asks=asks))


def read_campaign_names(frontend: Frontend, judged: JudgedRun, diff: LeadsDiff) -> JudgedRun:
    """Read what a plan's campaigns are called, unless that is known. What fails is not missed."""
    return frontend.run(lambda: name_for_plan(judged, diff))


async def name_for_plan(
    judged: JudgedRun, diff: LeadsDiff | None, beside: Beside | None = None
) -> JudgedRun:
    """Read what a plan names, as `read_campaign_names` tells. beside: as `Paging` takes it."""
    wanted = bool(judged.plan.requests) and not judged.opened.lookup.names
    return await _read_lists(judged, diff, webhooks=False, campaigns=wanted, beside=beside)


async def name_for_question(
    judged: JudgedRun, diff: LeadsDiff | None, beside: Beside | None = None, *, asks: bool
) -> JudgedRun:
    """Read what a question names, as `read_names` tells. beside: as `Paging` takes it."""
    opened, request = judged.opened, judged.opened.request
    effect = diff.preview.effect() if diff else judged.plan
    is_named = Naming.CAMPAIGN in opened.table.fields or request.reading.campaign is not None
    campaigns = bool(asks and request.session.shown_rows and effect.requests and not is_named)
    webhooks = bool(effect.tag_changes)
    return await _read_lists(judged, diff, webhooks=webhooks, campaigns=campaigns, beside=beside)


async def _read_lists(
    judged: JudgedRun,
    diff: LeadsDiff | None,
    *,
    webhooks: bool,
    campaigns: bool,
    beside: Beside | None = None,
) -> JudgedRun:
    opened = judged.opened
    judged = replace(judged, pacer=diff.pacer if diff else judged.pacer)
    if opened.request.session.sandbox or not (webhooks or campaigns):
        return judged
    async with opened.client(connections=1) as api:
        paging = judged.paging(api, beside=beside)
        return replace(
            judged,
            webhooks=await paging.webhooks() if webhooks else Webhooks(),
            campaigns=await paging.campaign_names() if campaigns else {},
            pacer=paging.pacer,
        )


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
