"""What it takes to audit a run: its details, and the settings in force. Pure.

No path: it says more of a machine than of the run. No secret: run.json has none.
"""

import json
import re
from collections.abc import Iterator

from batch.recording.runfile import RunRecord, RunState
from batch.reporting.heading import at
from batch.wording.amounts import count_of, duration

_PATHS = ("api_key_file", "runs_dir")


def details(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What it takes to audit a run. No path: it says more of a machine than of the run."""
    yield "Run", record.id
    yield "Input", f"{record.input.name}, {count_of(record.input.size_bytes, 'byte')}"
    yield "SHA-256 of the input", record.input.sha256
    yield "Sheet", record.input.sheet or ""
    yield "Sent to", "a practice sandbox on this machine" if record.sandbox else record.base_url
    workspace = record.workspace
    yield "Workspace", f"{workspace.name} ({workspace.id})" if workspace else "could not be read"
    yield "Tags checked", "against the workspace's labels" if record.tag_check else "no"
    yield "Planned", at(record.planned_at) if record.planned_at else ""
    yield "Begun", at(record.started_at) if record.state is not RunState.PLANNED else ""
    yield "Ended", at(record.ended_at) if record.ended_at else ""
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


def settings(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each section's keys that have a value."""
    for section, values in record.settings.items():
        found = values.items() if isinstance(values, dict) else ()
        told = [
            (name, _value(value))
            for name, value in found
            if value not in (None, "") and name not in _PATHS
        ]
        if told:
            yield section, told


def _link(folder: str, id_: str) -> str:
    """An earlier run, by its folder's name alone."""
    name = re.split(r"[/\\]", folder.rstrip("/\\"))[-1]
    return f"{name} ({id_})"


def _value(value: object) -> str:
    """A setting as a file has it, but for quotes and idle decimals."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
