"""Whatever comes between, it adds up: outcomes, kills, stops and resumes in any order.

A real plan, a real journal on the disk, and the real sending of what is left, in virtual time. A
kill is a copy of the journal's files as they are at that moment: what a dead process leaves behind.
"""

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.errors import RunError
from batch.jobs.dispatch import Moment, Sending
from batch.jobs.job import check
from batch.judging.plan import Plan
from batch.model import Answer, Change, Entry, Reason, Result
from batch.recording.journal import JUDGED_NOTE, Journal
from batch.recording.results import write_results
from batch.sending.work import remaining_work
from batch.settings.model import Settings
from tests.program import read_rows
from tests.virtual_time import VIRTUAL_TIME
from tests.wired import CAMPAIGN, lead_id, request_of, write_leads

WORKERS = 3
SETTINGS = Settings.model_validate({"pace": {"rate": 100, "concurrency": WORKERS}})

OK = Answer(reason=Reason.APPLIED, http_status=200, sent_at_ms=1)
NOT_FOUND = Answer(reason=Reason.NOT_FOUND, http_status=404)
BUSY = Answer(reason=Reason.SERVER_ERROR, http_status=503)
HELD = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=3.0)
REFUSED = Answer(reason=Reason.NOT_CONNECTED)
LOST = Answer(reason=Reason.NO_ANSWER)
DENIED = Answer(reason=Reason.REJECTED, http_status=401)

T = TypeVar("T")


class End(StrEnum):
    """What happens at the n-th pass of its place; the run ends by it."""

    KILL_BEFORE_SEND = "killed before a request leaves"
    KILL_AFTER_SEND = "killed before its answer is read"
    KILL_BEFORE_COMMIT = "killed before a commit"
    KILL_AFTER_COMMIT = "killed after a commit"
    FULL_DISK = "the disk is full at a commit"
    INTERRUPT = "interrupted while a request is on its way"
    SECOND_INTERRUPT = "interrupted twice"


class KilledError(BaseException):
    """Unwinds what would have been gone at once."""


Rows = dict[int, tuple[object, ...]]  # the recorded outcomes, by line


@dataclass(kw_only=True)
class World:
    """What outlives a process: the journal's files, and what the server has seen.

    answers: what the server says next; when they are used up it is well. legs: for each process
    the requests that it made, by the line that carries them, and what was recorded at its
    beginning and at its end. attempts: by line. confirmed: lines that the server has applied.
    """

    folder: Path
    plan: Plan
    answers: list[Answer]
    legs: list[tuple[Counter[int], Rows, Rows]] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    confirmed: set[int] = field(default_factory=set)

    @property
    def journal(self) -> Path:
        """The one that the next process finds."""
        return self.folder / f"journal-{len(self.legs)}.sqlite"


class Process:
    """One process: it goes on with what the last one left, to its own end, or to `end`."""

    def __init__(self, world: World, *, end: End | None, at: int) -> None:
        self.moments: list[Moment] = []
        self.dead = False
        self.sent: Counter[int] = Counter()
        self._world = world
        self._end = end
        self._left = at
        self._path = world.journal
        self._journal = (Journal.open if self._path.exists() else Journal.create)(self._path)
        self._journal.settle_claims()
        self._rows = rows_of(self._journal)
        self._record = self._journal.record

    def run(self) -> None:
        """Judge, send, record; then the world is what the next process finds."""
        self._journal.record = self._watched  # type: ignore[method-assign]  # to be killed in it
        try:
            with suppress(KilledError):
                self._send_all()
            if not self.dead:
                self._leave()
        finally:
            self._journal.close()

    def _send_all(self) -> None:
        plan, journal = self._world.plan, self._journal
        if journal.kept(JUDGED_NOTE) is None:
            for outcomes in plan.judged():
                journal.record(outcomes)
            journal.keep(JUDGED_NOTE, "all")
        work = remaining_work(plan, journal)
        self.sending = Sending(plan, work=work, journal=journal, settings=SETTINGS, send=self._send)
        try:
            anyio.run(self.sending.run, self.moments.append, backend_options=VIRTUAL_TIME[1])
        except BaseExceptionGroup as errors:
            if errors.subgroup(KilledError):
                raise KilledError from errors
            if not errors.subgroup(RunError):
                raise
            self.moments.clear()
            journal.settle_claims()

    async def _send(self, change: Change) -> Answer:
        self._pass(End.KILL_BEFORE_SEND)
        self.sent[change.lines[0]] += 1
        self._world.attempts.update(change.lines)
        answer = self._world.answers.pop(0) if self._world.answers else OK
        if answer is OK:
            self._world.confirmed.update(change.lines)
        await anyio.sleep(0.05)
        for _ in range(self._comes(End.INTERRUPT) + 2 * self._comes(End.SECOND_INTERRUPT)):
            self.sending.interrupt(signal.SIGINT)
        await anyio.lowlevel.checkpoint()
        self._pass(End.KILL_AFTER_SEND)
        return answer

    def _watched(self, entries: Iterable[Entry]) -> None:
        """In place of the journal's record."""
        self._pass(End.KILL_BEFORE_COMMIT)
        if self._comes(End.FULL_DISK):
            raise RunError("the disk is full.")
        self._record(entries)
        self._pass(End.KILL_AFTER_COMMIT)

    def _comes(self, end: End) -> bool:
        if self._end is not end:
            return False
        self._left -= 1
        return self._left == 0

    def _pass(self, end: End) -> None:
        """Die here if this is the place; and who is dead does nothing more."""
        if not self.dead and self._comes(end):
            self.dead = True
            self._leave()
        if self.dead:
            raise KilledError

    def _leave(self) -> None:
        """Leave the journal's file, and its log beside it, as they are now."""
        world = self._world
        target = world.folder / f"journal-{len(world.legs) + 1}.sqlite"
        for suffix in ("", "-wal"):
            source = self._path.with_name(self._path.name + suffix)
            if source.exists():
                shutil.copy(source, target.with_name(target.name + suffix))
        left = Journal.open(target)
        world.legs.append((self.sent, self._rows, rows_of(left)))
        left.close()


def rows_of(journal: Journal) -> Rows:
    return {row[0]: row for row in journal.rows(0, 2**32 - 1).rows()}


def final_of(rows: Rows) -> Rows:
    return {
        line: row for line, row in rows.items() if Reason(str(row[1])).result is not Result.UNSENT
    }


def check_leg(sent: Counter[int], before: Rows, after: Rows) -> None:
    """What must hold between the beginning and the end of each process."""
    final = final_of(before)
    assert not set(sent) & set(final), "a durable final row is sent again"
    assert final.items() <= after.items(), "a final outcome changes"
    undurable = {line for line in sent if after.get(line) == before.get(line)}
    assert len(undurable) <= 2 * WORKERS, "more may be repeated than is promised"


async def _at_once(function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - of any function
    """In place of a thread, so that virtual time does not run on while one works."""
    await anyio.lowlevel.checkpoint()
    return function(*args)


ROWS = [
    *((CAMPAIGN, lead_id(n), "paused", "") for n in range(1, 9)),
    (CAMPAIGN, "bad", "paused", ""),
    (CAMPAIGN, lead_id(3), "", "Interested"),  # joined with the third
    (CAMPAIGN, lead_id(4), "paused", ""),  # a duplicate of the fourth
    ("", "", "", ""),
    *((CAMPAIGN, lead_id(n), "active", "") for n in range(9, 17)),
]
LINES = set(range(2, 2 + len(ROWS)))

Leg = tuple[End | None, int]  # what ends it, and at which pass

LEGS = st.lists(st.tuples(st.none() | st.sampled_from(End), st.integers(1, 14)), max_size=5)
ANSWERS = st.lists(
    st.sampled_from([OK, OK, OK, NOT_FOUND, BUSY, HELD, REFUSED, LOST, DENIED]), max_size=30
)


@settings(deadline=None, max_examples=15)
@given(legs=LEGS, answers=ANSWERS)
def test_any_outcomes_kills_stops_and_resumes_add_up(
    tmp_path_factory: pytest.TempPathFactory, legs: list[Leg], answers: list[Answer]
) -> None:
    check_adding_up(tmp_path_factory.mktemp("run"), legs, answers)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=400)
@given(legs=LEGS, answers=ANSWERS)
def test_very_many_outcomes_kills_stops_and_resumes_add_up(
    tmp_path_factory: pytest.TempPathFactory, legs: list[Leg], answers: list[Answer]
) -> None:
    check_adding_up(tmp_path_factory.mktemp("run"), legs, answers)


def check_adding_up(folder: Path, legs: list[Leg], answers: list[Answer]) -> None:
    """Run these legs, each to its end, and then one more without harm; hold each, and the end."""
    path = write_leads(folder / "leads.csv", ROWS)
    with (
        patch("anyio.to_thread.run_sync", _at_once),
        check(request_of(path)) as checked,
    ):
        world = World(folder=folder, plan=checked.plan, answers=list(answers))
        unharmed = True
        for end, at in legs:
            process = Process(world, end=end, at=at)
            process.run()
            unharmed = unharmed and not process.dead and end is not End.FULL_DISK
        world.answers.clear()
        last = Process(world, end=None, at=0)
        last.run()
        for leg in world.legs:
            check_leg(*leg)
        journal = Journal.open(world.journal)
        files = write_results(checked.table, journal, folder)
        recorded, tally = rows_of(journal), journal.tally()
        journal.close()
    check_end(world, recorded, exact_attempts=unharmed)
    assert tally == files.tally == last.moments[-1].tally
    assert tally.total() == files.rows == len(ROWS)
    results = read_rows(files.results)
    assert [int(row["line"]) for row in results] == sorted(LINES)
    assert [row["reason"] for row in results] == [recorded[line][1] for line in sorted(LINES)]


def check_end(world: World, recorded: Rows, *, exact_attempts: bool) -> None:
    """Every line has one final outcome, and it is true."""
    assert set(final_of(recorded)) == LINES
    applied = {line for line, row in recorded.items() if row[1] == Reason.APPLIED}
    assert applied <= world.confirmed, "a success that the server did not confirm"
    sent = {line: row[3] for line, row in recorded.items() if row[3]}
    assert set(sent) == set(world.attempts)
    for line, attempts in sent.items():
        assert isinstance(attempts, int)
        assert attempts <= world.attempts[line]
        assert not exact_attempts or attempts == world.attempts[line]
