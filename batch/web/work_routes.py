"""The job at work: its progress as it goes, the question, and the buttons that steer it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from batch.jobs.apply import apply
from batch.jobs.frontend import Frontend
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.plan import plan
from batch.jobs.request import Request as JobRequest
from batch.jobs.request import Source
from batch.jobs.resume import resume
from batch.jobs.retry import retry
from batch.jobs.run import IfUnfinished, run
from batch.jobs.undo import undo
from batch.jobs.verify import verify
from batch.settings.options import CliOptions
from batch.web.board import KIND_WORDS, Kind, Stage, View
from batch.web.desk import Desk
from batch.web.file_routes import check_page
from batch.web.forms import posting
from batch.web.live import as_json, live_of
from batch.web.options import options_of, typed_in
from batch.web.render import desk_of, lead_to, page
from batch.web.run_routes import run_page
from batch.web.talk import Talk
from batch.web.worker import Done, done_by, run_id_of
from batch.wording.amounts import count_of

_TELL_EVERY_S = 0.25
_SENDING_AGAIN: Mapping[Kind, Callable[[PastRun, Frontend], RunOutcome]] = {
    Kind.APPLY: apply,
    Kind.RESUME: resume,
    Kind.RETRY: retry,
    Kind.UNDO: undo,
}
_ORDERS: Mapping[str, Callable[[Talk], None]] = {
    "stop": lambda talk: talk.stop(),
    "pause": lambda talk: talk.rest(on=True),
    "go-on": lambda talk: talk.rest(on=False),
}
_WRONG_NUMBER = "That was not the number. Nothing was sent. Type it again, or say no."


@posting
def start_plan(request: Request, form: Mapping[str, str]) -> Response:
    """Hold the file at hand against what the leads are now."""
    return _start_on_file(request, Kind.PLAN, form)


@posting
def start_run(request: Request, form: Mapping[str, str]) -> Response:
    """Send the file at hand without a plan, or practise what a run of it would be."""
    practice = bool(form.get("practice"))
    kind = Kind.PLAN if practice and desk_of(request).session.plans_first else Kind.RUN
    return _start_on_file(request, kind, form)


@posting
def start_again(request: Request, form: Mapping[str, str]) -> Response:
    """Go back to an earlier run."""
    desk = desk_of(request)
    run_id, kind = request.path_params["run_id"], Kind(_last_word(request))
    listed = desk.run_of(run_id)
    options = typed_in(form, (kind,))
    if problems := desk.problems_of(options):
        return run_page(request, listed, options=options, problems=problems)
    desk.worker.start(
        kind,
        listed.record.input.name,
        partial(_go_back, desk, kind, run_id, options_of(options)),
        is_practice=listed.record.sandbox,
    )
    return _to_work(request)


def show_work(request: Request) -> Response:
    """Steps 2 and 3, as the job at work stands."""
    desk = desk_of(request)
    _, view = desk.worker.board.look()
    if view is None:
        return lead_to(request, "/")
    if view.stage is Stage.ENDED and view.run_id:
        return lead_to(request, f"/runs/{view.run_id}")
    return _work_page(request, view)


async def tell(request: Request) -> Response:
    """The job's moments as server-sent events, until it has ended."""
    desk = desk_of(request)
    return StreamingResponse(_events(desk, request), media_type="text/event-stream")


@posting
def answer(request: Request, form: Mapping[str, str]) -> Response:
    """A yes or a no to the question."""
    talk = desk_of(request).worker.talk
    is_yes = form.get("answer") == "yes"
    if talk and not talk.answer(yes=is_yes, number=form.get("number", "")):
        _, view = talk.board.look()
        if view and view.stage is Stage.QUESTION:
            return _work_page(request, view, problem=_WRONG_NUMBER if is_yes else "")
    return _to_work(request)


@posting
def steer(request: Request, _form: Mapping[str, str]) -> Response:
    """Stop, pause or go on."""
    talk = desk_of(request).worker.talk
    if talk:
        _ORDERS[_last_word(request)](talk)
    return _to_work(request)


ROUTES = [
    Route("/plan", start_plan, methods=["POST"]),
    Route("/run", start_run, methods=["POST"]),
    Route("/job", show_work),
    Route("/job/events", tell),
    Route("/job/answer", answer, methods=["POST"]),
    *(Route(f"/job/{order}", steer, methods=["POST"]) for order in _ORDERS),
    *(
        Route(f"/runs/{{run_id}}/{what}", start_again, methods=["POST"])
        for what in (*_SENDING_AGAIN, Kind.VERIFY)
    ),
]


def _start_on_file(request: Request, kind: Kind, form: Mapping[str, str]) -> Response:
    desk, practice = desk_of(request), bool(form.get("practice"))
    options = typed_in(form, (Kind.PLAN, Kind.RUN))
    if problems := desk.problems_of(options):
        return check_page(request, options=options, problems=problems)
    asked, notes = desk.request(practice=practice, options=options)
    # What was uploaded is no file of the user's that could be named later.
    name, upload = asked.source.name, asked.source.path
    if upload is None:
        raise ValueError("an upload is a file")

    def do(talk: Talk) -> Done:
        talk.note(*notes)
        with upload.open("rb") as stream:
            session = asked.session
            if practice:
                session = replace(session, practice=desk.begin_practice())
            named = replace(asked, source=Source(name=name, stream=stream), session=session)
            return _plan(talk, named) if kind is Kind.PLAN else _run(talk, named)

    desk.worker.start(kind, name, do, is_practice=practice)
    return _to_work(request)


def _plan(talk: Talk, asked: JobRequest) -> Done:
    planned = plan(asked, talk)
    folder = planned.ready.opened.folder.path
    question = planned.ready.question
    return Done(run_id=run_id_of(folder), told=question.text, question=question)


def _run(talk: Talk, asked: JobRequest) -> Done:
    def never(_folder: Path) -> PastRun:
        raise AssertionError("an unfinished run is only named")

    return done_by(run(asked, talk, if_unfinished=IfUnfinished.NAME, past_run=never))


def _go_back(desk: Desk, kind: Kind, run_id: str, options: CliOptions, talk: Talk) -> Done:
    past = desk.past_run(run_id, note=talk.note, options=options)
    if kind is not Kind.VERIFY:
        return done_by(_SENDING_AGAIN[kind](past, talk))
    verified = verify(past, talk)
    holding = f"{verified.holding:,} of {count_of(verified.rows, 'row')} hold what was set."
    is_wrong = verified.holding < verified.rows
    more = " The list of the others is in verify.csv." if is_wrong else ""
    return Done(run_id=run_id, told=holding + more, is_wrong=is_wrong)


def _last_word(request: Request) -> str:
    return request.url.path.rpartition("/")[2]


def _to_work(request: Request) -> Response:
    return lead_to(request, "/job")


def _work_page(request: Request, view: View, *, problem: str = "") -> Response:
    values = {
        "view": view,
        "live": live_of(view, now=datetime.now().astimezone()),
        "doing": KIND_WORDS[view.kind],
        "problem": problem,
        "is_practice": view.is_practice,
    }
    step = 2 if view.kind is Kind.PLAN else 3
    return page(request, "work.html", values, step=step, status=400 if problem else 200)


async def _events(desk: Desk, request: Request) -> AsyncIterator[str]:
    told = -1
    while not (desk.is_closing or await request.is_disconnected()):
        version, view = desk.worker.board.look()
        if view and version != told:
            told = version
            yield f"data: {json.dumps(as_json(view, now=datetime.now().astimezone()))}\n\n"
            if view.stage is Stage.ENDED:
                return
        await anyio.sleep(_TELL_EVERY_S)
