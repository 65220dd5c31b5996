"""The report's page: findings to one HTML file without a script, and nothing from elsewhere.

The only door to Jinja2, which escapes whatever comes from a spreadsheet or a server. E-mail
addresses that a message quotes are left out: a report is passed on.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batch.jobs.forecast import duration
from batch.jobs.question import count_of
from batch.model import Reason, Result, Tally
from batch.recording.runfile import RunRecord, RunState
from batch.reporting.digest import ALREADY_SO, OTHER, WILL_CHANGE, Counts
from batch.reporting.findings import Findings
from batch.reporting.pacing import latency_of, pace_of, retries_of, share_of
from batch.reporting.sentence import (
    MEANINGS,
    RESULT_WORDS,
    STATE_WORDS,
    plan_sentence,
    run_sentence,
)

FIRST_ROWS = 10  # of campaigns, and of kinds of change, that are seen at once
FOLDED_ROWS = 200  # more of them that can be unfolded
_HERE = Path(__file__).parent
_EMAIL = re.compile(r"[^\s\"'<>(),;:|]+@[^\s\"'<>(),;:|]+")
_TO_APPLY = "To be sent, or left out, once the plan is applied."
_PLAN_NAMES = {WILL_CHANGE: "Would change", ALREADY_SO: "Already so", OTHER: "Can't change"}
_PLAN_KINDS = {WILL_CHANGE: "success", ALREADY_SO: "skipped", OTHER: "unsent"}
_GOOD_STATES = (RunState.FINISHED, RunState.PLANNED)


class Tile(TypedDict):
    """A number at the top. kind: what it is coloured by."""

    kind: str
    name: str
    count: int
    share: str


def render(found: Findings) -> str:
    """The whole page."""
    jinja = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    jinja.filters["number"] = "{:,}".format
    style = (_HERE / "page.css").read_text("utf-8")
    text = jinja.get_template("page.html").render(_context(found), style=Markup(style))  # noqa: S704 - our own file
    return text + "\n"


def _context(found: Findings) -> Mapping[str, object]:
    record, digest = found.record, found.digest
    tiles = _plan_tiles(found) if found.is_planned else _tiles(found.tally)
    statuses, tags = _top(digest.statuses), _top(digest.tags)
    return {
        "title": f"{record.input.name}: {STATE_WORDS[record.state].lower()}",
        "version": record.versions.get("sendkit-batch", ""),
        "is_planned": found.is_planned,
        "is_undo": record.undo_of is not None,
        "is_practice": record.sandbox,
        "sentence": _sentence(found),
        "state": STATE_WORDS[record.state],
        "mood": _mood(found),
        "when": _when(found),
        "notes": list(_notes(found)),
        "tiles": tiles,
        "bar": _bar(tiles),
        "sum": _sum(found),
        "reasons": list(_reasons(found)),
        "campaigns": _campaigns(found),
        "statuses": statuses,
        "tags": tags,
        "has_unread": any(row[0] is None for row in (*statuses["rows"], *tags["rows"])),
        "moves": _top(digest.moves),
        "pace": pace_of(found.overtime),
        "latency": latency_of(digest.elapsed.rising()),
        "retries": retries_of(digest.attempts.rising(), found.overtime),
        "failed": _failed(found),
        "slowest": digest.slowest.rows(named=True),
        "details": [(name, value) for name, value in _details(record) if value],
        "settings": list(_settings(record)),
        "footer": _footer(found),
    }


def masked(text: str) -> str:
    """The text without e-mail addresses."""
    return _EMAIL.sub("(an e-mail address)", text)


def _sentence(found: Findings) -> str:
    if not found.is_planned:
        return run_sentence(found.record, found.effect, found.tally, found.rows)
    return plan_sentence(found.record, found.effect, _states(found), found.rows)


def _states(found: Findings) -> dict[str, int]:
    """The leads of a plan by what would become of them."""
    by_campaign = found.digest.by_campaign()
    return {state: int(by_campaign[state].sum()) for state in _PLAN_NAMES}


def _mood(found: Findings) -> str:
    if found.record.state not in _GOOD_STATES:
        return "bad"
    return "" if found.tally.error or found.is_planned else "good"


def _when(found: Findings) -> str:
    record = found.record
    if found.is_planned:
        return f" on {_at(record.planned_at or record.started_at)}."
    began = f", begun on {_at(record.started_at)}"
    if record.ended_at is None:
        return f"{began}."
    pauses_s = sum(found.overtime.pauses_s) if found.overtime else 0
    took_s = (record.ended_at - record.started_at).total_seconds() - pauses_s
    resumed = {0: "", 1: ", resumed once"}.get(record.resumed, f", resumed {record.resumed} times")
    return f"{began}; it took {duration(max(1.0, took_s))}{resumed}."


def _notes(found: Findings) -> Iterator[str]:
    record = found.record
    if record.stop_reason:
        yield masked(record.stop_reason)
    if found.tally.unsent and not found.is_planned:
        yield f"{count_of(found.tally.unsent, 'row')} left unsent: resuming the run goes on there."


def _tiles(tally: Tally) -> list[Tile]:
    total = tally.total()
    return [
        Tile(
            kind=result.value,
            name=RESULT_WORDS[result],
            count=tally.of(result),
            share=share_of(tally.of(result), total, "of the rows"),
        )
        for result in Result
    ]


def _plan_tiles(found: Findings) -> list[Tile]:
    states = _states(found)
    total = sum(states.values())
    leads = [
        Tile(
            kind=_PLAN_KINDS[state],
            name=name,
            count=states[state],
            share=share_of(states[state], total, "of the leads"),
        )
        for state, name in _PLAN_NAMES.items()
    ]
    wrong = found.tally.error
    return [
        *leads,
        Tile(
            kind="error",
            name="Rows that are wrong",
            count=wrong,
            share=share_of(wrong, found.rows, "of the rows"),
        ),
    ]


def _bar(tiles: list[Tile]) -> list[Mapping[str, object]]:
    """The tiles' shares as parts of a bar that is 1,000 wide; none is too thin to be seen."""
    total = sum(tile["count"] for tile in tiles)
    seen = [tile for tile in tiles if tile["count"]]
    widths = [max(6.0, 1000 * tile["count"] / total) for tile in seen]
    parts: list[Mapping[str, object]] = []
    x = 0.0
    for tile, width in zip(seen, widths, strict=True):
        wide = width * 1000 / sum(widths)
        parts.append({"kind": tile["kind"], "x": round(x, 1), "width": round(wide, 1)})
        x += wide
    return parts


def _sum(found: Findings) -> str:
    if found.is_planned:
        return f"{count_of(found.rows, 'row')}, which name {count_of(found.effect.requests, 'lead')} to change."
    parts = " + ".join(f"{found.tally.of(result):,} {result}" for result in Result)
    return f"{parts} = {found.tally.total():,} of {count_of(found.rows, 'row')}"


def _reasons(found: Findings) -> Iterator[Mapping[str, object]]:
    for reason in Reason:
        if count := found.tally[reason]:
            is_to_apply = found.is_planned and reason is Reason.NOT_REACHED
            yield {
                "count": count,
                "result": reason.result.value,
                "kind": reason.result.value,
                "reason": reason.value,
                "meaning": _TO_APPLY if is_to_apply else MEANINGS[reason],
                "examples": _by_message(found.examples.get(reason, ())),
            }


def _by_message(examples: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """Lines as "line 8" or "lines 8, 12", each with what is said of all of them."""
    lines: dict[str, list[str]] = {}
    for line, message in examples:
        lines.setdefault(masked(message), []).append(f"{line:,}")
    return [
        (f"line{'s' if len(named) > 1 else ''} {', '.join(named)}", message)
        for message, named in lines.items()
    ]


class Top(TypedDict):
    """The first rows of a table, those that are folded away, and how many more there are."""

    rows: list[tuple[object, ...]]
    folded: list[tuple[object, ...]]
    more: int


def _top(counts: Counts) -> Top:
    return _first(counts.most())


def _first(frame: pl.DataFrame) -> Top:
    shown = FIRST_ROWS if frame.height > FIRST_ROWS + 2 else frame.height  # two are not worth it
    return Top(
        rows=frame.head(shown).rows(),
        folded=frame.slice(shown, FOLDED_ROWS).rows(),
        more=max(0, frame.height - shown - FOLDED_ROWS),
    )


def _campaigns(found: Findings) -> Mapping[str, object]:
    names = _PLAN_NAMES if found.is_planned else RESULT_WORDS
    return {"names": [*names.values(), "All"], **_first(found.digest.by_campaign())}


def _failed(found: Findings) -> Mapping[str, object] | None:
    total = found.tally.error
    if not total:
        return None
    shown = found.failed.height
    which = "All of them" if shown == total else f"The first {shown:,} of {total:,}"
    where = "plan.csv" if found.is_planned else "failed.csv"
    return {
        "text": f"{which}, in the spreadsheet's order. {where}, beside this page, has them with the "
        "spreadsheet's own columns.",
        "rows": [
            {**row, "message": masked(row["message"]), "ids": found.digest.ids.get(row["line"])}
            for row in found.failed.rows(named=True)
        ],
    }


def _details(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What it takes to audit a run. No path: it says more of a machine than of the run."""
    yield "Run", record.id
    yield "Input", f"{record.input.name}, {count_of(record.input.size_bytes, 'byte')}"
    yield "SHA-256 of the input", record.input.sha256
    yield "Sheet", record.input.sheet or ""
    yield "Sent to", "a practice sandbox on this machine" if record.sandbox else record.base_url
    workspace = record.workspace
    yield "Workspace", f"{workspace.name} ({workspace.id})" if workspace else "could not be read"
    yield "Tags checked", "against the workspace's labels" if record.tag_check else "no"
    yield "Planned", _at(record.planned_at) if record.planned_at else ""
    yield "Begun", _at(record.started_at) if record.state is not RunState.PLANNED else ""
    yield "Ended", _at(record.ended_at) if record.ended_at else ""
    yield "Resumed", count_of(record.resumed, "time") if record.resumed else ""
    yield "Retry of", _link(record.retry_of.folder, record.retry_of.id) if record.retry_of else ""
    yield "Undoes", _link(record.undo_of.folder, record.undo_of.id) if record.undo_of else ""
    yield "Requests", f"{record.requests:,}"
    budget = record.budget
    if budget:
        allowed = f"{budget.rate_per_s:,.4g} a second, known by {budget.source}"
        if budget.limit is not None and budget.window_s is not None:
            allowed += f": {budget.limit:,} in {duration(budget.window_s)}"
        yield "Pace allowed at last", allowed
    yield "Exit code", "" if record.exit_code is None else str(record.exit_code)
    yield "Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())


def _settings(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each section's keys that have a value. Where a key is kept is nobody's business."""
    for section, values in record.settings.items():
        found = values.items() if isinstance(values, dict) else ()
        told = [
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in found
            if value not in (None, "") and name != "api_key_file"
        ]
        if told:
            yield section, told


def _footer(found: Findings) -> str:
    files = "plan.csv" if found.is_planned else "results.csv"
    return (
        f"Times are UTC. Counts are from the run's own journal; {files} beside this page has every "
        "row with the spreadsheet's own columns, of which none but ids are shown here."
    )


def _link(folder: str, id_: str) -> str:
    """An earlier run, by its folder's name alone."""
    name = re.split(r"[/\\]", folder.rstrip("/\\"))[-1]
    return f"{name} ({id_})"


def _at(time: datetime) -> str:
    return f"{time.day} {time.astimezone(UTC):%B %Y, %H:%M:%S} UTC"
