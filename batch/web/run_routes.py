"""Earlier runs and plans: what came of them, their files, and what can be done with them."""

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from batch.columns import Column, column_of
from batch.errors import BatchError, UsageError
from batch.jobs.report import REPORT_NAME
from batch.jobs.runs import Kind, ListedRun, parse_age, prunable, remove_run
from batch.judging.diff import SENT
from batch.model import Reason, Result
from batch.recording.plain_file import is_plain
from batch.recording.plan_sheet import PLAN_NAME
from batch.recording.runfile import RunState
from batch.web.board import Kind as JobKind
from batch.web.board import Stage
from batch.web.desk import Desk
from batch.web.forms import posting, query_of
from batch.web.options import Typed, fields_of
from batch.web.pager import Pager
from batch.web.remedies import on_page
from batch.web.render import desk_of, lead_to, page
from batch.web.row_pages import Sheet, page_of, plan_sheet, planned_values, results_sheet
from batch.web.run_lines import STANDING_NAMES, found, later_runs, run_lines
from batch.web.shown_rows import (
    MOST_COLUMNS,
    PLAN_TONES,
    TONE_OF_RESULT,
    Counter,
    plan_changes,
    plan_counters,
    plan_counts,
    plan_rows,
    result_rows,
    tone_of,
)
from batch.wording.amounts import count_of

# What may be fetched of a run's folder, and its type.
_FILES = {
    "results.csv": "text/csv",
    "results-2.csv": "text/csv",
    "failed.csv": "text/csv",
    "failed-2.csv": "text/csv",
    "failed.xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    PLAN_NAME: "text/csv",
    "verify.csv": "text/csv",
}
# A report brings its own look along, and is kept from all else: it gets no origin and no script.
_REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MOST_CHANGES = 12
_MOST_RUNS = 100  # that are listed at once
_MOST_PRUNED = 1_000  # at once: their ids stand in the form
AGES = {
    "30d": "more than a month ago",
    "90d": "more than 90 days ago",
    "365d": "more than a year ago",
}
_SENT = {verdict.value for verdict in SENT}


def show_runs(request: Request) -> Response:
    """The earlier runs that are searched for; all of them at first."""
    known = desk_of(request).runs()
    given = {name: request.query_params.get(name, "") for name in ("search", "kind", "standing")}
    lines = found(run_lines(known.own), **given)
    values = {
        "total": len(known.own),
        "lines": lines[:_MOST_RUNS],
        "more": max(0, len(lines) - _MOST_RUNS),
        "given": given,
        "kinds": [(each.value, each.value.capitalize()) for each in Kind],
        "standings": STANDING_NAMES.items(),
        "ages": AGES.items(),
        "newer": known.newer,
        "others": known.others,
    }
    return page(request, "runs.html", values)


def ask_to_prune(request: Request) -> Response:
    """What would be removed of the runs that ended so long ago. Removes nothing."""
    desk, age = desk_of(request), request.query_params.get("age", "")
    runs = _prunable(desk, age)
    values = {
        "runs": runs,
        "words": count_of(len(runs), "run"),
        "size": sum(run.size_bytes for run in runs),
        "age": age,
        "ids": " ".join(run.record.id for run in runs),
    }
    return page(request, "prune.html", values)


@posting
def prune(request: Request, form: Mapping[str, str]) -> Response:
    """Remove the runs that were shown, as far as they may still be removed."""
    desk = desk_of(request)
    shown = set(form.get("ids", "").split())
    told: list[str] = []
    for run in _prunable(desk, form.get("age", "")):
        if run.record.id in shown:
            try:
                if not remove_run(run, state_dir=desk.place.state_dir):
                    told.append(f"{run.folder}: its other files stay.")
            except BatchError as error:  # it blocks no other
                told.append(on_page(error))
    if told:
        return page(request, "message.html", {"told": "\n".join(told)}, status=400)
    return lead_to(request, "/runs")


def show_run(request: Request) -> Response:
    """One of them: a plan to be sent, or the results."""
    return run_page(request, desk_of(request).run_of(request.path_params["run_id"]))


def run_page(
    request: Request,
    run: ListedRun,
    *,
    options: Typed | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """The page of an earlier run. options: that were typed for what is to be done with it.

    problems: what is wrong with each of them.
    """
    is_plan = run.record.state is RunState.PLANNED
    kind = JobKind.APPLY if is_plan else JobKind.UNDO
    known = desk_of(request).runs().own
    (line,) = [each for each in run_lines([run, *known]) if each.run is run]
    values = {
        "run": run,
        "line": line,
        "later": later_runs(run, known),
        "is_practice": run.record.sandbox,
        "can_look_back": not run.record.sandbox or desk_of(request).practice_of(run.record),
        "is_here": run.record.pid == os.getpid(),
        "record": run.record,
        "files": [name for name in _FILES if is_plain(run.folder / name)],
        "has_report": is_plain(run.folder / REPORT_NAME),
        "told": _told(request, run),
        "options": fields_of(kind, run.record.settings, options or {}, problems or {}),
    }
    status = 400 if problems else 200
    if is_plan:
        values |= _plan(request, run)
        return page(request, "plan.html", values, step=2, status=status)
    return page(request, "run.html", {**values, **_results(request, run)}, step=4, status=status)


def download(request: Request) -> Response:
    """One of a run's files."""
    run = desk_of(request).run_of(request.path_params["run_id"])
    name = request.path_params["name"]
    path = run.folder / name
    if name not in _FILES or not is_plain(path):
        raise UsageError("This run has no such file.")
    return FileResponse(path, filename=f"{run.folder.name}-{name}", media_type=_FILES[name])


def show_report(request: Request) -> Response:
    """A run's report."""
    run = desk_of(request).run_of(request.path_params["run_id"])
    path = run.folder / REPORT_NAME
    if not is_plain(path):
        raise UsageError("This run has no report.")
    headers = {"Content-Security-Policy": _REPORT_POLICY}
    return FileResponse(path, media_type="text/html", headers=headers)


ROUTES = [
    Route("/runs", show_runs),
    Route("/runs/prune", ask_to_prune),
    Route("/runs/prune", prune, methods=["POST"]),
    Route("/runs/{run_id}", show_run),
    Route("/runs/{run_id}/report", show_report),
    Route("/runs/{run_id}/files/{name}", download),
]


def _prunable(desk: Desk, age: str) -> list[ListedRun]:
    """The user's own runs that may be removed. Raises UsageError for an age that was not offered.

    Runs of before there were ids stay: a page can't say which of them it has shown.
    """
    if age not in AGES:
        raise UsageError("Choose how long ago the runs have ended.")
    old = prunable(desk.runs().own, older_than=parse_age(age))
    return [run for run in old if run.record.id][:_MOST_PRUNED]


def _told(request: Request, run: ListedRun) -> tuple[str, ...]:
    """What the latest job said, if it ended with this run."""
    _, view = desk_of(request).worker.board.look()
    is_its = view and view.stage is Stage.ENDED and view.run_id == run.record.id
    if not view or not is_its:
        return ()
    return tuple(
        filter(None, (view.told if view.kind is not JobKind.PLAN else "", *view.notes_now))
    )


def _results(request: Request, run: ListedRun) -> dict[str, object]:
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
        "may_pass_again": any(
            run.record.reasons.get(reason) for reason in Reason if reason.may_pass
        ),
    }
    path = _newest(run.folder, "results.csv", "results-2.csv")
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
    planned = planned_values(run.folder, [row["line"] for row in rows.rows])
    return {
        **values,
        "header": sheet.header[:MOST_COLUMNS],
        "rows": result_rows(rows, sheet.header, _fields(run), planned),
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
    counts, changes = plan_counts(sheet), plan_changes(sheet)
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
    _, view = desk_of(request).worker.board.look()
    is_fresh = view and view.kind is JobKind.PLAN and view.run_id == run.record.id
    return {
        "header": sheet.header[:MOST_COLUMNS],
        "rows": plan_rows(rows, sheet.header, _fields(run)),
        "pager": Pager(request, rows, names=("show", "plan", "search")),
        "counters": plan_counters(counts),
        "counts": counts,
        "changes": changes[:_MOST_CHANGES],
        "more_changes": max(0, len(changes) - _MOST_CHANGES),
        "forecast": view.told if view and is_fresh else "",
        "has_work": any(name in _SENT for name, _ in counts),
    }


def _fields(run: ListedRun) -> dict[Column, int]:
    """Where the columns that are read stand in a run's input, as far as its record tells."""
    found = run.record.input.found
    return {column_of(name): at for name, at in found.columns.items()} if found else {}


def _searched(sheet: Sheet) -> list[str]:
    return [*map(str, range(len(sheet.header))), "message"]


def _newest(folder: Path, *names: str) -> Path | None:
    """The one of these files that was written last."""
    there = [path for name in names if is_plain(path := folder / name)]
    return max(there, key=lambda path: path.stat().st_mtime_ns, default=None)
