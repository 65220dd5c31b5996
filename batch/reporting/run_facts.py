"""A report's texts about the run as a whole: its heading, its details and its settings. Pure.

A report is passed on. So it says no path, which tells more of a machine than of the run, and no
e-mail address that a message quotes. It can have no secret: run.json has none.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from batch.model import Result
from batch.recording.history import EarlierRun
from batch.recording.runfile import RunBy, RunRecord, RunState
from batch.reporting.digest import Findings
from batch.wording.amounts import count_of, duration
from batch.wording.runs import plan_sentence, run_sentence, state_words, sum_line, where_words

_NO_EDGE = r"[^\s\"<>(),;:|@]"
# Begins where a word does and never backs off: else a long word without @ takes quadratic time.
_EMAIL = re.compile(rf"(?<!{_NO_EDGE}){_NO_EDGE}++@(?:{_NO_EDGE}|@)+")
_PATHS = ("api_key_file", "runs_dir")  # settings
_GOOD_STATES = (RunState.FINISHED, RunState.PLANNED)


def sentence_of(findings: Findings) -> str:
    """What was asked and what came of it."""
    if not findings.is_planned:
        return run_sentence(findings.record, findings.effect, findings.tally, findings.rows)
    return plan_sentence(findings.record, findings.effect, findings.digest.states(), findings.rows)


def mask_emails(text: str) -> str:
    """Replace e-mail addresses in a text."""
    return _EMAIL.sub("(an e-mail address)", text)


def utc_text(time: datetime) -> str:
    """As "24 November 2026, 20:19:00 UTC"."""
    return f"{time.day} {time.astimezone(UTC):%B %Y, %H:%M:%S} UTC"


def mood(findings: Findings) -> str:
    """The colour of the state: "good", "bad" or ""."""
    if findings.record.state not in _GOOD_STATES:
        return "bad"
    return "" if findings.tally.error or findings.is_planned else "good"


def when(findings: Findings) -> str:
    """When it was and how long it took; follows the word for its state."""
    record = findings.record
    if findings.is_planned:
        return f" on {utc_text(record.planned_at or record.started_at)}."
    began = f", begun on {utc_text(record.started_at)}"
    if record.ended_at is None:
        return f"{began}."
    took_s = record.worked_s
    if took_s is None:  # an earlier version's
        pauses_s = sum(findings.history.pauses_s) if findings.history else 0
        took_s = (record.ended_at - record.started_at).total_seconds() - pauses_s
    resumed = {0: "", 1: ", resumed once"}.get(record.resumed, f", resumed {record.resumed} times")
    return f"{began}; it took {duration(max(1.0, took_s))}{resumed}."


def notes(findings: Findings) -> Iterator[str]:
    """Why the run ended early, and what became of it later."""
    record = findings.record
    if record.stop_reason:
        yield mask_emails(record.stop_reason)
    if findings.since:
        later = "; ".join(_later(run, record.id) for run in findings.since)
        yield f"Since then: {later}."


def _later(run: EarlierRun, told_id: str) -> str:
    """A run that went back to the one that is told of; a retry of an undo is of both."""
    record = run.record
    is_retry = record.retry_of is not None and record.retry_of.id == told_id
    how = "tried again" if is_retry else "undone"
    applied = record.counts.get(Result.SUCCESS, 0)
    came = f"{state_words(record.state).lower()}, {applied:,} of {count_of(record.rows, 'row')}"
    return (
        f"{how} on {utc_text(record.started_at)} by {run.folder.name} ({record.id}), {came} applied"
    )


def rows_line(findings: Findings) -> str:
    """The counts, and the rows that they add up to."""
    if findings.is_planned:
        leads = count_of(findings.effect.requests, "lead")
        rows = count_of(findings.rows, "row")
        return f"{rows}, which name {leads} to change; plan.csv says what would become of each row."
    return sum_line(findings.tally, findings.rows)


def lead_line(findings: Findings) -> str:
    """How the rows, counted above, and the leads, counted below, come to the same."""
    leads, rows = sum(findings.digest.states().values()), findings.digest.rows
    are = "is" if leads == 1 else "are"
    asked = f"{count_of(leads, 'lead')} {are} named by {count_of(rows, 'row')}"
    others = findings.rows - rows
    if not others:
        return f"{asked}."
    them = "other row was" if others == 1 else f"other {others:,} rows were"
    return f"{asked}; the {them} settled by what stands in the file."


def _workspace(record: RunRecord) -> str:
    if record.is_of_several:
        return f"{where_words(record)}, as listed above"
    workspace = record.workspace
    return f"{workspace.name} ({workspace.id})" if workspace else "could not be read"


def _tags_checked(record: RunRecord) -> str:
    if not record.tag_check:
        return "no"
    if record.sandbox:  # a slip among them comes to light only for real
        return "no: practice takes the file's own tags for its labels"
    if record.labels_failed:
        return "no: the workspace's labels could not be read"
    return "against the workspace's labels"


def footer(findings: Findings) -> str:
    """Where the numbers come from, and where to find more."""
    return (
        f"Times are UTC. Counts are from the run's own journal; {findings.results_name} beside "
        "this page has every row with the spreadsheet's own columns, of which ids alone are shown "
        "here, and campaigns' names."
    )


def details(findings: Findings) -> Iterator[tuple[str, str]]:
    """What an audit of the run needs, each with its label; some values are empty."""
    record = findings.record
    yield "Run", record.id
    yield "Input", f"{record.input.name}, {count_of(record.input.size_bytes, 'byte')}"
    yield "SHA-256 of the input", record.input.sha256
    yield "SHA-256 of mends.csv, its mended cells", record.input.mends_sha256 or ""
    yield f"SHA-256 of {findings.results_name}", findings.results_sha256
    found = record.input.found
    yield "Sheet", (found.sheet if found else record.input.sheet) or ""
    yield "Header", f"line {found.header_line}" if found and found.passed_over else ""
    yield "Sent to", "a practice sandbox on this machine" if record.sandbox else record.base_url
    yield "Workspace", _workspace(record)
    yield "Tags checked", _tags_checked(record)
    yield "Planned", utc_text(record.planned_at) if record.planned_at else ""
    yield "Begun", utc_text(record.started_at) if record.state is not RunState.PLANNED else ""
    yield "Ended", utc_text(record.ended_at) if record.ended_at else ""
    yield "Resumed", count_of(record.resumed, "time") if record.resumed else ""
    yield "Retry of", _link(record.retry_of.folder, record.retry_of.id) if record.retry_of else ""
    yield "Undoes", _link(record.undo_of.folder, record.undo_of.id) if record.undo_of else ""
    for at, by in enumerate(record.ran_by):
        yield "Then by" if at else "Run by", _by(by)
    yield "Requests", f"{record.requests:,}"
    budget = record.budget
    if budget:
        allowed = f"{budget.rate_per_s:,.4g} a second, known by {budget.source}"
        if budget.limit is not None and budget.window_s is not None:
            allowed += f": {budget.limit:,} in {duration(budget.window_s)}"
        yield "Pace allowed at last", allowed
    yield "Exit code", "" if record.exit_code is None else str(record.exit_code)
    yield "Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())


def _by(by: RunBy) -> str:
    """As "ann on laptop, 24 November 2026, 20:19:00 UTC: sendkit-batch run leads.csv"."""
    who = " on ".join(filter(None, (by.user, by.host)))
    said = ", ".join(filter(None, (who, utc_text(by.at))))
    return mask_emails(f"{said}: {by.command}" if by.command else said)


def settings(record: RunRecord) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The settings that have a value, by section, as a settings file has them."""
    for section, values in record.settings.items():
        found = values.items() if isinstance(values, dict) else ()
        shown = [
            (name, _setting_text(value))
            for name, value in found
            if value not in (None, "") and name not in _PATHS
        ]
        if shown:
            yield section, shown


def _link(folder: str, id_: str) -> str:
    """An earlier run, by its folder's name alone."""
    name = re.split(r"[/\\]", folder.rstrip("/\\"))[-1]
    return f"{name} ({id_})"


def _setting_text(value: object) -> str:
    """A setting as a settings file has it, without quotes and needless decimals."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
