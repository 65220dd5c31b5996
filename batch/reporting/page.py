"""The report's page: findings to one HTML file without a script, and nothing from elsewhere.

The only door to Jinja2, which escapes whatever comes from a spreadsheet or a server, and shows
what of it would not be seen.
"""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from batch.reporting import audit, heading, tables
from batch.reporting.findings import Findings
from batch.reporting.pacing import latency_of, pace_of, retries_of
from batch.reporting.sentence import STATE_WORDS
from batch.visible import visible

_HERE = Path(__file__).parent


def render(found: Findings) -> str:
    """The whole page."""
    jinja = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    jinja.filters["number"] = "{:,}".format
    style = (_HERE / "page.css").read_text("utf-8")
    text = jinja.get_template("page.html").render(_context(found), style=Markup(style))  # noqa: S704 - our own file
    return text + "\n"


def _seen(value: object) -> object:
    """What the page has in this value's place: markup is our own, texts are other people's.

    No-break spaces are our own, in numbers with their units.
    """
    return "\u00a0".join(map(visible, value.split("\u00a0"))) if type(value) is str else value


def _context(found: Findings) -> Mapping[str, object]:
    record, digest = found.record, found.digest
    tiles = tables.tiles_of(found)
    statuses, tags = tables.top(digest.statuses), tables.top(digest.tags)
    return {
        "title": f"{record.input.name}: {STATE_WORDS[record.state].lower()}",
        "version": record.versions.get("sendkit-batch", ""),
        "is_planned": found.is_planned,
        "is_undo": record.undo_of is not None,
        "is_practice": record.sandbox,
        "sentence": heading.sentence_of(found),
        "state": STATE_WORDS[record.state],
        "mood": heading.mood(found),
        "when": heading.when(found),
        "notes": list(heading.notes(found)),
        "tiles": tiles,
        "bar": tables.bar_of(tiles),
        "sum": heading.sum_line(found),
        "reasons": list(tables.reasons(found)),
        "campaigns": tables.campaigns(found),
        "statuses": statuses,
        "tags": tags,
        "has_unread": any(row[0] is None for row in (*statuses["rows"], *tags["rows"])),
        "moves": tables.top(digest.moves),
        "pace": pace_of(found.overtime),
        "latency": latency_of(digest.elapsed.rising()),
        "retries": retries_of(digest.attempts.rising(), found.overtime),
        "failed": tables.failed_rows(found),
        "slowest": digest.slowest.rows(named=True),
        "details": [(name, value) for name, value in audit.details(record) if value],
        "settings": list(audit.settings(record)),
        "footer": heading.footer(found),
    }
