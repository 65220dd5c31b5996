"""The list of earlier runs: what each was, what came of it, which are searched for, and tidying up.

Holds no logic of its own: `jobs.runs` knows the runs, and removes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from batch.errors import UsageError
from batch.jobs.runs import Kind, ListedRun, parse_age, prunable, remove_runs
from batch.web.desk import Desk
from batch.web.forms import posting
from batch.web.remedies import on_page
from batch.web.render import desk_of, lead_to, page
from batch.wording.amounts import count_of
from batch.wording.runs import Standing

TONES: Mapping[Standing, str] = {
    Standing.AT_WORK: "open",
    Standing.PLANNED: "quiet",
    Standing.WELL: "good",
    Standing.NOTHING: "quiet",
    Standing.PARTLY: "bad",
    Standing.FAILED: "bad",
    Standing.OPEN: "open",
}
STANDING_NAMES: Mapping[str, str] = {
    Standing.WELL: "all went well",
    Standing.PARTLY: "some rows failed",
    Standing.FAILED: "failed",
    Standing.OPEN: "can be gone on with",
    Standing.PLANNED: "planned",
    Standing.NOTHING: "nothing to do",
    Standing.AT_WORK: "at work",
}

_MOST_RUNS = 100  # that are listed at once
_MOST_PRUNED = 1_000  # at once: their ids stand in the form
AGES = {
    "30d": "more than 30 days ago",
    "90d": "more than 90 days ago",
    "365d": "more than a year ago",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run in the list. origin: the run that it tries again or undoes, if it is still there."""

    run: ListedRun
    origin: ListedRun | None

    @property
    def tone(self) -> str:
        """What came of it, as a colour."""
        return TONES[self.run.standing]

    @property
    def is_at_work(self) -> bool:
        """Whether a process is at work on it now."""
        return self.run.standing is Standing.AT_WORK

    @property
    def percent(self) -> int:
        """How much of it has a result, by what its process wrote down last."""
        record = self.run.record
        return 100 * sum(record.counts.values()) // max(1, record.rows)


def run_lines(runs: Sequence[ListedRun], known: Sequence[ListedRun]) -> list[RunLine]:
    """These runs, in their order. known: all that there are."""
    by_id = {run.record.id: run for run in known if run.record.id}
    return [RunLine(run=run, origin=by_id.get(run.origin_id)) for run in runs]


def found(lines: Iterable[RunLine], *, search: str, kind: str, standing: str) -> list[RunLine]:
    """Those of this kind and standing in which the text is found; "" is any."""
    wanted = search.strip().lower()
    return [
        line
        for line in lines
        if kind in {"", line.run.kind.value}
        and standing in {"", line.run.standing.value}
        and wanted in _text_of(line.run)
    ]


def show_runs(request: Request) -> Response:
    """The earlier runs that are searched for; all of them at first.

    Whoever has just tidied up is told what came of it, on reloading too.
    """
    desk = desk_of(request)
    known = desk.runs()
    given = {name: request.query_params.get(name, "") for name in ("search", "kind", "standing")}
    lines = found(run_lines(known.own, known.own), **given)
    values = {
        "told": desk.pruned if "removed" in request.query_params else (),
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
    runs = [run for run in _prunable(desk, form.get("age", "")) if run.record.id in shown]
    removals = list(remove_runs(runs, state_dir=desk.place.state_dir))
    gone = sum(each.is_removed for each in removals)
    told = [on_page(each.note) for each in removals if each.note]
    desk.pruned = (f"{count_of(gone, 'run')} removed.", *told)
    return lead_to(request, f"/runs?removed={gone}")


ROUTES = [
    Route("/runs", show_runs),
    Route("/runs/prune", ask_to_prune),
    Route("/runs/prune", prune, methods=["POST"]),
]


def _prunable(desk: Desk, age: str) -> list[ListedRun]:
    """The user's own runs that may be removed. Raises UsageError for an age that was not offered.

    Runs of before there were ids stay: a page can't say which of them it has shown.
    """
    if age not in AGES:
        raise UsageError("Choose how long ago the runs have ended.")
    old = prunable(desk.runs().own, older_than=parse_age(age))
    return [run for run in old if run.record.id][:_MOST_PRUNED]


def _text_of(run: ListedRun) -> str:
    record = run.record
    workspaces = [record.workspace, *(part.workspace for part in record.parts)]
    names = " ".join(each.name for each in workspaces if each)
    return f"{record.input.name} {run.folder.name} {names} {record.base_url}".lower()
