"""The use cases as async functions, and each in a blocking form.

They are those of the command line and the page, under the same gate, guardrails and locks, and
they leave the caller's event loop, logging and signal handlers alone. Settings come from the same
places, with `settings=` in place of options. Nothing is sent without `yes=True` or an `ask=` that
answers the question.
"""

import os
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, Unpack

from anyio.from_thread import start_blocking_portal

from batch.jobs.apply import apply as _apply
from batch.jobs.check import check as _check
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.plan import plan as _plan
from batch.jobs.request import Guardrails, Reading
from batch.jobs.resume import resume as _resume
from batch.jobs.retry import retry as _retry
from batch.jobs.run import IfUnfinished
from batch.jobs.run import run as _run
from batch.jobs.undo import undo as _undo
from batch.jobs.verify import verify as _verify
from batch.library.answers import CheckOutcome, PlanOutcome, PlanPart, VerifyOutcome
from batch.library.asking import (
    load_for,
    open_gates_for,
    past_run_for,
    request_for,
    seen_for,
)
from batch.library.caller import (
    Call,
    Caller,
    Failure,
    Place,
    check_arguments,
    check_kinds,
    in_own_thread,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")

_AS_FOUND = Reading()
_USUAL = Guardrails()


async def check(
    file: str | os.PathLike[str],
    *,
    reading: Reading = _AS_FOUND,
    guardrails: Guardrails = _USUAL,
    most_problems: int = 1_000,
    remembered: bool = False,
    **place: Unpack[Place],
) -> CheckOutcome:
    """Judge a spreadsheet; no server is asked, and nothing is written.

    most_problems: how many of the wrong rows are given, from the first line on.
    Raises InputError when it can't be read, and SettingsError.
    """

    def work(_: Caller) -> CheckOutcome:
        loaded = load_for(place)
        request = request_for(file, loaded, None, reading, guardrails, place, remembered=remembered)
        seen = seen_for(loaded, place, request.session.state_dir)
        request = replace(request, session=replace(request.session, seen=seen))
        with _check(request) as checked:
            plan = checked.plan
            return CheckOutcome(
                rows=plan.rows,
                tally=plan.tally,
                requests=plan.requests,
                problems=tuple(islice(plan.problems(), most_problems)),
                refusal=checked.refusal,
                forecast_s=checked.forecast_s,
                notes=(*checked.table.notes, *checked.missing),
                found=checked.table.found,
            )

    check_arguments(place, Place)
    check_kinds(reading=reading, guardrails=guardrails)
    return await in_own_thread(work, {})


async def run(
    file: str | os.PathLike[str],
    *,
    reading: Reading = _AS_FOUND,
    guardrails: Guardrails = _USUAL,
    out: str | os.PathLike[str] | None = None,
    sandbox: bool = False,
    new: bool = False,
    remembered: bool = False,
    **call: Unpack[Call],
) -> RunOutcome:
    """Send a spreadsheet's changes, or go on with a run of the same that broke off lately.

    out: the run's folder, new or empty. sandbox: practise against a built-in imitation.
    new: begin a new run in any case. remembered: use columns that a person has confirmed for a file
    of exactly these headers, in a terminal or on the page.
    A row's failure is no exception: see the outcome, and `results`. Raises UsageError when nothing
    was sent, and RunError when the run can't be recorded. Cancelled, it stops as Ctrl-C does.
    """

    def work(caller: Caller) -> RunOutcome:
        loaded = load_for(call)
        caller.asks(practice=sandbox)  # before anything is asked or written
        access, workspaces = (None, ()) if sandbox else open_gates_for(loaded, call, caller)
        request = request_for(
            file,
            loaded,
            access,
            reading,
            guardrails,
            call,
            out=out,
            workspaces=workspaces,
            sandbox=sandbox,
            remembered=remembered,
        )
        asks = "ask" in call and not call.get("yes")
        if_unfinished = IfUnfinished.ASK if asks else IfUnfinished.RESUME
        return _run(
            request,
            caller,
            if_unfinished=IfUnfinished.IGNORE if new else if_unfinished,
            past_run=lambda folder: past_run_for(folder, call, caller, guardrails),
        )

    check_kinds(reading=reading, guardrails=guardrails)
    return _with_whole_paths(await in_own_thread(work, call))


async def plan(
    file: str | os.PathLike[str],
    *,
    reading: Reading = _AS_FOUND,
    guardrails: Guardrails = _USUAL,
    out: str | os.PathLike[str] | None = None,
    remembered: bool = False,
    **call: Unpack[Call],
) -> PlanOutcome:
    """Compare a spreadsheet with the leads as they are now, for `apply` to send. Sends nothing.

    Raises UsageError, and RunError when the disk fails.
    """

    def work(caller: Caller) -> PlanOutcome:
        loaded = load_for(call)
        access, workspaces = open_gates_for(loaded, call, caller)
        request = request_for(
            file,
            loaded,
            access,
            reading,
            guardrails,
            call,
            out=out,
            workspaces=workspaces,
            remembered=remembered,
        )
        planned = _plan(request, caller)
        effect = planned.preview.effect()
        return PlanOutcome(
            folder=planned.ready.opened.folder.path.absolute(),
            sheet=planned.sheet.absolute(),
            rows=planned.rows,
            tally=planned.tally,
            requests=effect.requests,
            tag_changes=effect.tag_changes,
            forecast_s=planned.ready.forecast_s,
            question=planned.ready.question,
            exit_code=planned.exit_code,
            next_command=planned.next_command,
            parts=tuple(
                PlanPart(
                    workspace=each.part.target.workspace.name,
                    workspace_id=each.part.target.workspace.id,
                    folder=each.part.opened.folder.path.absolute(),
                    rows=each.part.rows,
                    requests=each.preview.effect().requests,
                    tag_changes=each.preview.effect().tag_changes,
                )
                for each in planned.parts
            ),
        )

    check_kinds(reading=reading, guardrails=guardrails)
    return await in_own_thread(work, call)


async def apply(
    folder: str | os.PathLike[str],
    *,
    guardrails: Guardrails = _USUAL,
    **call: Unpack[Call],
) -> RunOutcome:
    """Send a plan, as far as its leads still are what it read. Raises as `run` does."""
    return await _go_back(_apply, folder, guardrails, None, call)


async def resume(folder: str | os.PathLike[str], **call: Unpack[Call]) -> RunOutcome:
    """Go on with a run that broke off. Raises as `run` does."""
    return await _go_back(_resume, folder, _USUAL, None, call)


async def retry(
    folder: str | os.PathLike[str],
    *,
    guardrails: Guardrails = _USUAL,
    out: str | os.PathLike[str] | None = None,
    **call: Unpack[Call],
) -> RunOutcome:
    """Try once more what was error or unsent in a run, as a new run. Raises as `run` does."""
    return await _go_back(_retry, folder, guardrails, out, call)


async def undo(
    folder: str | os.PathLike[str],
    *,
    guardrails: Guardrails = _USUAL,
    out: str | os.PathLike[str] | None = None,
    **call: Unpack[Call],
) -> RunOutcome:
    """Set the leads that a run has changed back, as a new run. Raises as `run` does."""
    return await _go_back(_undo, folder, guardrails, out, call)


async def verify(folder: str | os.PathLike[str], **call: Unpack[Call]) -> VerifyOutcome:
    """See whether leads are what a run made them; sends nothing. Raises UsageError, RunError."""

    def work(caller: Caller) -> VerifyOutcome:
        verified = _verify(past_run_for(Path(folder), call, caller, _USUAL), caller)
        return VerifyOutcome.of(verified)

    return await in_own_thread(work, call)


def blocking(function: Callable[_P, Coroutine[Any, Any, _T]]) -> Callable[_P, _T]:
    """The blocking form of one of these functions.

    It works in a thread and an event loop of its own, so it may be called within a running loop,
    too. An exception that comes meanwhile, such as KeyboardInterrupt, stops the work as a
    cancellation does.
    """

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        async def in_there() -> _T | Failure:
            try:
                return await function(*args, **kwargs)
            except (KeyboardInterrupt, SystemExit) as error:  # which would end the portal's loop
                return Failure(error)

        with start_blocking_portal() as portal:
            future = portal.start_task_soon(in_there)
            try:
                end = future.result()
            except BaseException:
                future.cancel()  # leaving the portal waits for its end
                raise
        if isinstance(end, Failure):
            raise end.error
        return end

    return call


check_sync = blocking(check)
run_sync = blocking(run)
plan_sync = blocking(plan)
apply_sync = blocking(apply)
resume_sync = blocking(resume)
retry_sync = blocking(retry)
undo_sync = blocking(undo)
verify_sync = blocking(verify)


async def _go_back(
    use_case: Callable[[PastRun, Caller], RunOutcome],
    folder: str | os.PathLike[str],
    guardrails: Guardrails,
    out: str | os.PathLike[str] | None,
    call: Call,
) -> RunOutcome:
    def work(caller: Caller) -> RunOutcome:
        return use_case(past_run_for(Path(folder), call, caller, guardrails, out=out), caller)

    check_kinds(guardrails=guardrails)
    return _with_whole_paths(await in_own_thread(work, call))


def _with_whole_paths(outcome: RunOutcome) -> RunOutcome:
    """The same, good wherever its caller goes."""
    files, report = outcome.files, outcome.report
    if files:
        sheet = files.failed_sheet
        files = replace(
            files,
            results=files.results.absolute(),
            failed=files.failed.absolute(),
            failed_sheet=sheet and sheet.absolute(),
        )
    folder = outcome.folder.absolute()
    return replace(outcome, folder=folder, files=files, report=report and report.absolute())
