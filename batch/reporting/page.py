"""The report's page: one HTML file without scripts and without anything from elsewhere.

The only door to Jinja2, which escapes whatever comes from a spreadsheet or a server; invisible
characters in it are made visible.
"""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batch.recording.runfile import RunState
from batch.reporting import run_facts, tables
from batch.reporting.digest import Findings
from batch.reporting.pacing import describe_latency, describe_pace, describe_retries
from batch.visible import visible
from batch.wording.runs import BROKE_OFF, state_words

_HERE = Path(__file__).parent


def _make_visible(value: object) -> object:
    """Show invisible characters of a text. Markup and no-break spaces (before units) are ours."""
    return "\u00a0".join(map(visible, value.split("\u00a0"))) if type(value) is str else value


_templates = Environment(
    loader=FileSystemLoader(_HERE),
    autoescape=True,
    finalize=_make_visible,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_templates.filters["number"] = "{:,}".format


def render(findings: Findings) -> str:
    """The whole page."""
    style = (_HERE / "page.css").read_text("utf-8")
    page = _templates.get_template("page.html")  # compiled once, however many reports are made
    return page.render(_context(findings), style=Markup(style)) + "\n"  # noqa: S704 - our own file


def _context(findings: Findings) -> Mapping[str, object]:
    record, digest = findings.record, findings.digest
    # Whoever writes a report has the journal: nobody is at work.
    is_lost = record.state is RunState.RUNNING
    state = state_words(BROKE_OFF if is_lost else record.state)
    tiles = tables.tiles_of(findings)
    statuses = tables.changed(digest.statuses, findings, field="Status")
    tags = tables.changed(digest.tags, findings, field="Label")
    return {
        "title": f"{record.input.name}: {state.lower()}",
        "version": record.versions.get("sendkit-batch", ""),
        "is_planned": findings.is_planned,
        "is_undo": record.undo_of is not None,
        "is_practice": record.sandbox,
        "sentence": run_facts.sentence_of(findings),
        "state": state,
        "mood": run_facts.mood(findings),
        "when": run_facts.when(findings),
        "notes": list(run_facts.notes(findings)),
        "tiles": tiles,
        "bar": tables.bar_of(tiles),
        "sum": run_facts.rows_line(findings),
        "rows": findings.rows,
        "to_send": findings.tally.unsent if findings.is_planned else 0,
        "lead_line": run_facts.lead_line(findings),
        "next_steps": list(findings.next_steps),
        "reasons": list(tables.reasons(findings)),
        "workspaces": tables.workspaces(findings),
        "campaign_names": record.campaigns,
        "campaigns": tables.campaigns(findings),
        "statuses": statuses,
        "tags": tags,
        "has_unread": any(row[0] is None for row in (*statuses["rows"], *tags["rows"])),
        "moves": tables.most_frequent(digest.moves, "kinds of move"),
        "pace": describe_pace(findings.history),
        "latency": describe_latency(digest.elapsed.in_order()),
        "retries": describe_retries(digest.attempts.in_order(), findings.history),
        "failed": tables.failures(findings),
        "slowest": digest.slowest.rows(named=True),
        "details": [(name, value) for name, value in run_facts.details(findings) if value],
        "settings": list(run_facts.settings(record)),
        "footer": run_facts.footer(findings),
    }
