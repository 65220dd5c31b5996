"""What is said of a run at the top of its report: its state, when it was, and what is left. Pure.

E-mail addresses that a message quotes are left out of all that a report says: it is passed on.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from batch.model import Result
from batch.recording.runfile import RunState
from batch.reporting.findings import Findings
from batch.reporting.sentence import plan_sentence, run_sentence
from batch.wording.amounts import count_of, duration

_NO_EDGE = r"[^\s\"<>(),;:|@]"
# Looked for where a word begins, and no word twice: a long one without @ would take its square.
_EMAIL = re.compile(rf"(?<!{_NO_EDGE}){_NO_EDGE}++@(?:{_NO_EDGE}|@)+")
_GOOD_STATES = (RunState.FINISHED, RunState.PLANNED)


def sentence_of(found: Findings) -> str:
    """What was asked and what came of it, in one sentence."""
    if not found.is_planned:
        return run_sentence(found.record, found.effect, found.tally, found.rows)
    return plan_sentence(found.record, found.effect, found.digest.states(), found.rows)


def masked(text: str) -> str:
    """The text without e-mail addresses."""
    return _EMAIL.sub("(an e-mail address)", text)


def at(time: datetime) -> str:
    """As "24 November 2026, 20:19:00 UTC"."""
    return f"{time.day} {time.astimezone(UTC):%B %Y, %H:%M:%S} UTC"


def mood(found: Findings) -> str:
    """What the state is coloured by: "good" or "bad"; "" where it is neither."""
    if found.record.state not in _GOOD_STATES:
        return "bad"
    return "" if found.tally.error or found.is_planned else "good"


def when(found: Findings) -> str:
    """What follows the word for the state: when it was, and how long it took."""
    record = found.record
    if found.is_planned:
        return f" on {at(record.planned_at or record.started_at)}."
    began = f", begun on {at(record.started_at)}"
    if record.ended_at is None:
        return f"{began}."
    pauses_s = sum(found.overtime.pauses_s) if found.overtime else 0
    took_s = (record.ended_at - record.started_at).total_seconds() - pauses_s
    resumed = {0: "", 1: ", resumed once"}.get(record.resumed, f", resumed {record.resumed} times")
    return f"{began}; it took {duration(max(1.0, took_s))}{resumed}."


def notes(found: Findings) -> Iterator[str]:
    """Why a run ended early, and what that leaves to do."""
    record = found.record
    if record.stop_reason:
        yield masked(record.stop_reason)
    if found.tally.unsent and not found.is_planned:
        yield f"{count_of(found.tally.unsent, 'row')} left unsent: resuming the run goes on there."


def sum_line(found: Findings) -> str:
    """The counts, and the rows that they add up to."""
    if found.is_planned:
        leads = count_of(found.effect.requests, "lead")
        rows = count_of(found.rows, "row")
        return f"{rows}, which name {leads} to change; plan.csv says what would become of each row."
    parts = " + ".join(f"{found.tally.of(result):,} {result}" for result in Result)
    return f"{parts} = {found.tally.total():,} of {count_of(found.rows, 'row')}"


def footer(found: Findings) -> str:
    """Where the numbers are from, and where there is more."""
    files = "plan.csv" if found.is_planned else "results.csv"
    return (
        f"Times are UTC. Counts are from the run's own journal; {files} beside this page has every "
        "row with the spreadsheet's own columns, of which none but ids are shown here."
    )
