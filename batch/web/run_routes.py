"""Earlier runs and plans: what came of them, their files, and what can be done with them."""

import os
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from batch.columns import Column, column_of
from batch.errors import UsageError
from batch.jobs.recorded import recorded_settings
from batch.jobs.report import REPORT_NAME
from batch.jobs.results import remake_history
from batch.jobs.runs import ListedRun, later_runs, settled_by
from batch.judging.diff import SENT
from batch.model import Reason, Result
from batch.reading.mended import MENDS_NAME
from batch.recording.plain_file import is_plain, newest
from batch.recording.plan_sheet import PLAN_NAME
from batch.recording.runfile import RunState
from batch.web.board import Kind as JobKind
from batch.web.board import Stage
from batch.web.forms import query_of
from batch.web.options import Typed, fields_of
from batch.web.pager import Pager
from batch.web.render import base_of, desk_of, page
from batch.web.row_pages import Sheet, page_of, plan_sheet, planned_values, results_sheet
from batch.web.run_list import run_lines
from batch.web.shown_rows import (
    PLAN_TONES,
    TONE_OF_RESULT,
    Counter,
    plan_changes,
    plan_counters,
    plan_counts,
    plan_rows,
    result_rows,
    shown_columns,
    tone_of,
)
from batch.wording.runs import what_to_mend

# What may be fetched of a run's folder, and its type.
_FILES = {
    "results.csv": "text/csv",
    "results-2.csv": "text/csv",
    "failed.csv": "text/csv",
    "failed-2.csv": "text/csv",
    "failed.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    PLAN_NAME: "text/csv",
    MENDS_NAME: "text/csv",
    "verify.csv": "text/csv",
}
# A report brings its own look along, and is kept from all else: it gets no origin and no script.
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MOST_CHANGES = 12
_SENT = {verdict.value for verdict in SENT}


def show_run(request: Request) -> Response:
    """One of them: a plan to be sent, or the results."""
    desk, run_id = desk_of(request), request.path_params["run_id"]
    known = desk.runs().own
    listed = [run for run in known if run.record.id == run_id]
    return run_page(request, listed[0] if listed else desk.run_of(run_id), known=known)


def run_page(
    request: Request,
    run: ListedRun,
    *,
    known: Sequence[ListedRun] | None = None,
    options: Typed | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """The page of an earlier run. known: all of them, if they were just read.

    options: that were typed for what is to be done with it. problems: what is wrong with each.
    """
    is_plan = run.record.state is RunState.PLANNED
    kind = JobKind.APPLY if is_plan else JobKind.UNDO
    known = desk_of(request).runs().own if known is None else known
    line = run_lines([run], known)[0]
    values = {
        "run": run,
        "line": line,
        "later": later_runs(run, known),
        "is_practice": run.record.sandbox,
        "can_look_back": not run.record.sandbox or desk_of(request).practice_of(run.record),
        "is_here": run.record.pid == os.getpid(),
        "record": run.record,
        "files": _files(run),
        "has_report": is_plain(run.folder / REPORT_NAME),
        "told": _told(request, run),
        "options": fields_of(kind, run.record.settings, options or {}, problems or {}),
        "retry_options": fields_of(
            JobKind.RETRY, run.record.settings, options or {}, problems or {}
        )
        if run.record.is_of_several
        else (),
    }
    status = 400 if problems else 200
    if is_plan:
        values |= _plan(request, run)
        return page(request, "plan.html", values, step=2, status=status)
    values |= _results(request, run, known)
    return page(request, "run.html", values, step=4, status=status)


def download(request: Request) -> Response:
    """One of a run's files."""
    run = desk_of(request).run_of(request.path_params["run_id"])
    name = request.path_params["name"]
    path = run.folder / name
    if name not in _FILES or not is_plain(path):
        raise UsageError("This run has no such file.")
    return FileResponse(path, filename=f"{run.folder.name}-{name}", media_type=_FILES[name])


def make_history(request: Request) -> Response:
    """Every attempt of every row of a run, written as it is asked for."""
    run = desk_of(request).run_of(request.path_params["run_id"])
    path = remake_history(run.folder)
    return FileResponse(path, filename=f"{run.folder.name}-{path.name}", media_type="text/csv")


def show_report(request: Request) -> Response:
    """A run's report."""
    run = desk_of(request).run_of(request.path_params["run_id"])
    path = run.folder / REPORT_NAME
    if not is_plain(path):
        raise UsageError("This run has no report.")
    headers = {"Content-Security-Policy": _REPORT_POLICY}
    return FileResponse(path, media_type="text/html", headers=headers)


ROUTES = [
    Route("/runs/{run_id}", show_run),
    Route("/runs/{run_id}/report", show_report),
    Route("/runs/{run_id}/files/{name}", download),
    Route("/runs/{run_id}/history.csv", make_history),
]


def _told(request: Request, run: ListedRun) -> tuple[str, ...]:
    """What the latest job said, if it ended with this run."""
    _, view = desk_of(request).worker.board.look()
    is_its = view and view.stage is Stage.ENDED and view.run_id == run.record.id
    if not view or not is_its:
        return ()
    return tuple(
        filter(None, (view.told if view.kind is not JobKind.PLAN else "", *view.notes_now))
    )


def _files(run: ListedRun) -> list[str]:
    """The files that can be fetched: those of failed rows first, and only if there are such."""
    names = [name for name in _FILES if is_plain(run.folder / name)]
    of_failed = [name for name in names if name.startswith("failed")]
    has_failed = run.counts[Result.ERROR] or run.counts[Result.UNSENT]
    return [*(of_failed if has_failed else ()), *(name for name in names if name not in of_failed)]


def _results(request: Request, run: ListedRun, known: Sequence[ListedRun]) -> dict[str, object]:
    shown = request.query_params.get("result", "")
    reasons = [(each, run.record.reasons.get(each, 0)) for each in Reason]
    values: dict[str, object] = {
        "counters": _counters(run),
        "reasons": [
            (reason, count)
            for reason, count in reasons
            if count and shown in {"", reason.result.value}
        ],
        "is_open": run.record.state is not RunState.FINISHED,
        # Of a run of before there were reasons in the record, any may.
        "may_pass_again": run.counts[Result.UNSENT]
        or not run.record.reasons
        or run.record.tally.may_pass,
        "to_mend": what_to_mend(run.record.reasons, is_undo=run.record.undo_of is not None),
        "settled_by": settled_by(run, known),
    }
    path = newest(run.folder, "results.csv", "results-2.csv")
    if path is None:
        return {**values, "header": (), "rows": [], "pager": None, "are_older": False}
    sheet = results_sheet(path)
    counted = dict(sheet.frame.group_by("result").len().collect().iter_rows())
    query = query_of(
        request,
        filters={"result": "result", "reason": "reason"},
        first=("result", (frozenset({Result.ERROR.value}), frozenset({Result.UNSENT.value}))),
    )
    rows = page_of(sheet.frame, query, searched=_searched(sheet))
    fields = _fields(run)
    columns = shown_columns(sheet.header, fields)
    planned = planned_values(run.folder, [row["line"] for row in rows.rows])
    return {
        **values,
        "header": [sheet.header[at] for at in columns],
        "rows": result_rows(rows, columns, fields, planned),
        "pager": Pager(request, rows, names=("result", "reason", "search")),
        "are_older": any(counted.get(each.value, 0) != run.counts[each] for each in Result),
    }


def _counters(run: ListedRun) -> list[Counter]:
    """The rows of a run by their result."""
    return [
        Counter(
            label=result.value.capitalize(),
            tone=TONE_OF_RESULT[result],
            value=result.value,
            count=run.counts[result],
        )
        for result in Result
    ]


def _plan(request: Request, run: ListedRun) -> dict[str, object]:
    sheet = plan_sheet(run.folder / PLAN_NAME)
    settings = recorded_settings(run.record, where=str(run.folder / "run.json"))
    clear_word = settings.input.clear_word
    counts, changes = plan_counts(sheet), plan_changes(sheet, clear_word=clear_word)
    names = {
        tone: frozenset(name for name, _ in counts if tone_of(name) == tone) for tone in PLAN_TONES
    }
    shown = request.query_params.get("show", "")
    query = query_of(
        request,
        filters={"plan": "plan"},
        also=((("plan", names[shown]),) if shown in names else ()),
        first=("plan", (names["bad"],)),
    )
    rows = page_of(sheet.frame, query, searched=_searched(sheet))
    fields = _fields(run)
    columns = shown_columns(sheet.header, fields)
    desk = desk_of(request)
    _, view = desk.worker.board.look()
    is_fresh = view and view.kind is JobKind.PLAN and view.run_id == run.record.id
    return {
        "header": [sheet.header[at] for at in columns],
        "rows": plan_rows(rows, columns, fields, clear_word=clear_word),
        "pager": Pager(request, rows, names=("show", "plan", "search")),
        "counters": plan_counters(counts),
        "counts": counts,
        "changes": changes[:_MOST_CHANGES],
        "more_changes": max(0, len(changes) - _MOST_CHANGES),
        "question": view.question if view and is_fresh else None,
        "mends": f"{base_of(request)}/check" if is_fresh and desk.tray.was_sent_last else "",
        "has_work": any(name in _SENT for name, _ in counts),
    }


def _fields(run: ListedRun) -> dict[Column, int]:
    """Where the columns that are read stand in a run's input, as far as its record tells."""
    found = run.record.input.found
    return {column_of(name): at for name, at in found.columns.items()} if found else {}


def _searched(sheet: Sheet) -> list[str]:
    return [*map(str, range(len(sheet.header))), "message"]
