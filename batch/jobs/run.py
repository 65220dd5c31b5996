"""The use case `run`: a spreadsheet's changes, from its first byte to the last outcome."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path

from batch.advice import Advice, Fix, Remedy
from batch.columns import Naming
from batch.errors import DeclinedError, SettingsError
from batch.jobs.frontend import Frontend
from batch.jobs.gate import BUILT_IN
from batch.jobs.opening import OpenRun, open_run
from batch.jobs.outcome import RunOutcome
from batch.jobs.part_steps import ready_parts, split_by_workspace
from batch.jobs.past_run import PastRun
from batch.jobs.preflight import Preflight
from batch.jobs.ready import judge
from batch.jobs.reopening import check_known_workspace, check_workspace
from batch.jobs.request import Request, command
from batch.jobs.resume import resume
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
from batch.jobs.unfinished import (
    Unfinished,
    find_unfinished,
    newer_notes,
    unfinished_in,
    unfinished_of_others,
)
from batch.jobs.whole import prepare_parts
from batch.jobs.workspaces import in_one_workspace
from batch.settings.model import Settings
from batch.wording.questions import Question


class IfUnfinished(StrEnum):
    """What to do with an unfinished run of the same request."""

    RESUME = "resume"  # go on with it if it stopped recently
    ASK = "ask"  # ask the person
    NAME = "name"  # name it, and start a new run
    IGNORE = "ignore"  # do not look for one


def run(
    request: Request,
    frontend: Frontend,
    *,
    if_unfinished: IfUnfinished,
    past_run: Callable[[Path], PastRun],
) -> RunOutcome:
    """Send a spreadsheet's changes, or go on with an unfinished run of the same.

    request: with the key, unless it is practice. past_run: how an earlier run in a folder is
    reached. Raises UsageError when nothing may be sent, and DeclinedError when nobody says yes.
    """
    asks = frontend.asks(practice=request.session.sandbox)
    if request.session.out and (there := unfinished_in(request.session.out, request)):
        _check_resumes_there(frontend, request, there, if_unfinished)
        check = check_workspace if there.is_own else check_known_workspace
        return resume(past_run(there.run.folder), frontend, check=partial(check, there.run.record))
    with open_run(request) as opened:
        is_of_several = Naming.WORKSPACE in opened.table.fields
        if request.session.makes_parts and not is_of_several:
            raise SettingsError(
                "--on parts: found a run of one workspace; expected a file with a column workspace "
                "that counts, of which each workspace is a part. Leave --on out."
            )
        preflight = None
        if not is_of_several:
            opened = in_one_workspace(frontend, opened)  # noqa: PLW2901
            preflight = ask_server(frontend, opened)
        earlier = _unfinished_to_resume(frontend, opened, preflight, if_unfinished)
        if earlier is None:
            if preflight is None:
                return _run_several(frontend, opened, asks=asks)
            look_up_leads(frontend, opened, preflight)
            judged = judge(opened, preflight)
            diff = read_leads(frontend, judged)
            judged = read_names(frontend, judged, diff, asks=asks)
            ready = judged.ready(diff, can_ask=asks)
            ready = confirm(frontend, ready, asks=asks)
            return send(frontend, ready)
    return resume(past_run(earlier), frontend)  # the new run's folder is gone again


def _run_several(frontend: Frontend, opened: OpenRun, *, asks: bool) -> RunOutcome:
    """Send each row to the workspace that it names: a run of its own for each, after one question.

    Where one workspace is refused, nothing is sent to any.
    """
    with split_by_workspace(frontend, opened) as split:
        ready = ready_parts(frontend, split, asks=asks)
        confirmed = confirm_parts(frontend, ready, asks=asks)
        if opened.request.session.makes_parts:
            return prepare_parts(confirmed)
        return send_parts(frontend, confirmed)


def _unfinished_to_resume(
    frontend: Frontend, opened: OpenRun, preflight: Preflight | None, if_unfinished: IfUnfinished
) -> Path | None:
    """The unfinished run to go on with instead of a new one; None if there is none, or not wanted.

    A run whose folder was named with `--out` is always a new one.
    """
    if if_unfinished is IfUnfinished.IGNORE:
        return None
    frontend.note(*newer_notes(opened))
    found = find_unfinished(opened, preflight)
    if found is None:
        if others := unfinished_of_others(opened):
            _name_other(frontend, opened.request, others)
        return None
    folder, settings = found.run.folder, opened.request.settings
    if opened.request.session.out or if_unfinished is IfUnfinished.NAME:
        resume_it = command("resume", str(folder), *opened.request.key_options)
        named = f"There is {found}. This is a new run."
        frontend.note(Advice(named, Remedy(Fix.RESUME, resume_it)))
        return None
    if if_unfinished is IfUnfinished.ASK:
        text = f"There is {found}. Yes goes on with it; no starts a new run."
        with opened.watch.paused():
            return folder if frontend.ask(Question(text=text)) else None
    if not found.is_recent(settings):
        frontend.note(f"There is {found}, {_too_long_ago(settings)}. This is a new run.")
        return None
    frontend.note(Advice(f"Going on with {found}.", Remedy(Fix.START_NEW)))
    return folder


def _name_other(frontend: Frontend, request: Request, found: Unfinished) -> None:
    """Name an unfinished run that is not in the user's list: nothing that it says is believed."""
    base_url = found.run.record.base_url
    is_known = request.session.sandbox or base_url == BUILT_IN
    address = () if is_known else ("--base-url", base_url)  # it is the one that is asked for now
    resume_it = command("resume", str(found.run.folder), *request.key_options, *address)
    named = f"There is {found}. It is not in your list of runs, so this is a new run."
    frontend.note(Advice(named, Remedy(Fix.RESUME_OTHERS, resume_it)))


def _check_resumes_there(
    frontend: Frontend, request: Request, found: Unfinished, if_unfinished: IfUnfinished
) -> None:
    """Raise UsageError unless the run in the folder that `--out` names is to be gone on with."""
    another = Remedy(Fix.NAME_FOLDER)
    if if_unfinished is IfUnfinished.IGNORE:
        raise SettingsError(f"There is {found}, which no new run replaces.", another)
    if if_unfinished is IfUnfinished.ASK:
        if not frontend.ask(Question(text=f"There is {found}. Yes goes on with it.")):
            raise DeclinedError("Nothing was sent. The unfinished run was left as it is.", another)
    elif not found.is_recent(request.settings):
        resume_it = command("resume", str(found.run.folder), *request.key_options)
        raise SettingsError(
            f"There is {found}, {_too_long_ago(request.settings)}.",
            another,
            Remedy(Fix.RESUME, resume_it),
        )
    else:
        frontend.note(f"Going on with {found}.")


def _too_long_ago(settings: Settings) -> str:
    return f"longer ago than {settings.run.resume_within_h:g} h ([run] resume_within_h)"
