"""Whatever comes between, it adds up: outcomes, kills, stops and resumes in any order.

A real plan, a real journal on the disk, and the real sending of what is left, in virtual time. A
kill is a copy of the journal's files as they are at that moment: what a dead process leaves behind.
"""

import shutil
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from unittest.mock import patch

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch.errors import RunError
from batch.jobs.check import check
from batch.jobs.engine import SendEngine
from batch.jobs.work import remaining_work, whole_work
from batch.judging.plan import Plan
from batch.model import Answer, Change, Entry, Outcome, Reason, Result
from batch.reading.table import Table
from batch.recording.journal import JUDGED_NOTE, Journal
from batch.recording.journal_sql import IN_FLIGHT_MESSAGE
from batch.recording.results import write_results
from batch.settings.model import Settings
from batch.terminal.signals import stop_by
from batch.wording.progress import Moment
from tests.support.program import read_rows
from tests.support.virtual_time import VIRTUAL_TIME
from tests.support.wired import CAMPAIGN, lead_id, request_of, write_leads

WORKERS = 3
SETTINGS = Settings.model_validate({"pace": {"rate": 100, "concurrency": WORKERS}})

OK = Answer(reason=Reason.APPLIED, http_status=200, sent_at_ms=1)
NOT_FOUND = Answer(reason=Reason.NOT_FOUND, http_status=404)
BUSY = Answer(reason=Reason.SERVER_ERROR, http_status=503)
HELD = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=3.0)
REFUSED = Answer(reason=Reason.NOT_CONNECTED)
LOST = Answer(reason=Reason.NO_ANSWER)
DENIED = Answer(reason=Reason.REJECTED, http_status=401)


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


@dataclass(frozen=True, kw_only=True)
class Leg:
    """What one process did. before, after: what was recorded at its beginning and at its end.

    sent: its requests, by the line that carries each. tried: the same, by every line in it.
    durable: the attempts of each line that were on the disk when they were last recorded.
    harmed: whether it had no chance to record all it knew.
    """

    sent: Counter[int]
    tried: Counter[int]
    durable: dict[int, int]
    before: Rows
    after: Rows
    harmed: bool


@dataclass(kw_only=True)
class World:
    """What outlives a process: the journal's files, and what the server has done.

    answers: what the server says next; when they are used up it is well.
    confirmed: lines that the server has applied.
    """

    folder: Path
    table: Table
    plan: Plan
    answers: list[Answer]
    legs: list[Leg] = field(default_factory=list)
    confirmed: set[int] = field(default_factory=set)


class Process:
    """One process: it goes on with what the last one left, to its own end, or to `end`."""

    def __init__(self, world: World, *, end: End | None, at: int) -> None:
        self.moments: list[Moment] = []
        self.dead = False
        self._sent: Counter[int] = Counter()
        self._tried: Counter[int] = Counter()
        self._durable: dict[int, int] = {}
        self._world = world
        self._end = end
        self._left = at
        number = len(world.legs)
        self._path = world.folder / f"journal-{number}.sqlite"
        self._next = world.folder / f"journal-{number + 1}.sqlite"
        self._journal = (Journal.open if self._path.exists() else Journal.create)(self._path)
        self._journal.settle_claims()
        self._rows = rows_of(self._journal)
        self._record = self._journal.record

    def run(self) -> None:
        """Judge, send, record; then the world is what the next process finds."""
        self._journal.record = self._watched  # type: ignore[method-assign]  # to be killed in it
        try:
            with suppress(KilledError, RunError):  # a full disk while rows are judged
                self._send_all()
            if not self.dead:
                self._leave()
        finally:
            self._journal.close()
        with closing(Journal.open(self._next)) as left:
            leg = Leg(
                sent=self._sent,
                tried=self._tried,
                durable=self._durable,
                before=self._rows,
                after=rows_of(left),
                harmed=self.dead or self._end is End.FULL_DISK,
            )
            self._world.legs.append(leg)
            check_leg(leg)
            check_results(self._world, left)

    def _send_all(self) -> None:
        plan, journal = self._world.plan, self._journal
        if journal.kept(JUDGED_NOTE) is None:
            for outcomes in plan.judged():
                journal.record(outcomes)
            journal.keep(JUDGED_NOTE, "all")
        work = remaining_work(plan, journal) if self._world.legs else whole_work(plan)

        async def send() -> None:
            self.sending = SendEngine(
                plan,
                work=work,
                journal=journal,
                settings=SETTINGS,
                send=self._send,
                look=self._look,
            )
            await self.sending.run(self.moments.append)

        try:
            anyio.run(send, backend_options=VIRTUAL_TIME[1])
        except BaseExceptionGroup as errors:
            if errors.subgroup(KilledError):
                raise KilledError from errors
            if not errors.subgroup(RunError):
                raise
            self.moments.clear()
            journal.settle_claims()

    async def _send(self, change: Change) -> Answer:
        self._pass(End.KILL_BEFORE_SEND)
        self._sent[change.lines[0]] += 1
        self._tried.update(change.lines)
        answer = self._world.answers.pop(0) if self._world.answers else OK
        if answer is OK:
            self._world.confirmed.update(change.lines)
        await anyio.sleep(0.05)
        for _ in range(self._comes(End.INTERRUPT) + 2 * self._comes(End.SECOND_INTERRUPT)):
            self.sending.interrupt(stop_by(signal.SIGINT))
        await anyio.lowlevel.checkpoint()
        self._pass(End.KILL_AFTER_SEND)
        return answer

    async def _look(self) -> Answer:
        await anyio.sleep(0.05)
        return self._world.answers.pop(0) if self._world.answers else OK

    def _watched(self, entries: Iterable[Entry]) -> None:
        """In place of the journal's record."""
        entries = list(entries)
        self._pass(End.KILL_BEFORE_COMMIT)
        if self._comes(End.FULL_DISK):
            raise RunError("the disk is full.")
        self._record(entries)
        for entry in entries:
            if isinstance(entry, Outcome):
                self._durable.update(dict.fromkeys(entry.lines, entry.attempts))
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
        for suffix in ("", "-wal"):
            source = self._path.with_name(self._path.name + suffix)
            if source.exists():
                shutil.copy(source, self._next.with_name(self._next.name + suffix))


def rows_of(journal: Journal) -> Rows:
    return {row[0]: row for row in journal.rows(0, 2**32 - 1).rows()}


def final_of(rows: Rows) -> Rows:
    return {
        line: row for line, row in rows.items() if Reason(str(row[1])).result is not Result.UNSENT
    }


def check_leg(leg: Leg) -> None:
    """What must hold between the beginning and the end of a process."""
    final = final_of(leg.before)
    assert not set(leg.tried) & set(final), "a durable final row is sent again"
    assert final.items() <= leg.after.items(), "a final outcome changes"
    assert set(leg.tried) <= VALID, "a row that was judged is sent"
    lost = {line for line in leg.tried if leg.after[line][5] == IN_FLIGHT_MESSAGE}
    told = {line for line in leg.tried if attempts(leg.after, line) != attempts(leg.before, line)}
    told -= lost
    for line in told:
        assert attempts(leg.after, line) == attempts(leg.before, line) + leg.tried[line]
    for line in lost:  # what its process knew of it since then went with it
        durable = leg.durable.get(line, attempts(leg.before, line))
        assert attempts(leg.after, line) == durable + 1
    assert leg.harmed or told == set(leg.tried), "attempts are not recorded"
    assert len(set(leg.sent) - told) <= 2 * WORKERS, "more may be repeated than is promised"


def check_results(world: World, journal: Journal) -> None:
    """Results can be made of what any process left, and have every line once."""
    files = write_results(world.table, journal, world.folder)
    recorded = rows_of(journal)
    found = [(int(row["line"]), row["reason"]) for row in read_rows(files.results)]
    assert found == [(line, recorded.get(line, NEVER)[1]) for line in LINES]
    assert files.tally.total() == files.rows == len(LINES)


def attempts(rows: Rows, line: int) -> int:
    return int(str(rows.get(line, NEVER)[3]))


def commits_take(seconds: float) -> Callable[..., Awaitable[object]]:
    """In place of threads, which know no virtual time."""

    async def run_sync(function: Callable[..., object], *args: object) -> object:
        await anyio.sleep(seconds)
        return function(*args)

    return run_sync


ROWS = [
    *((CAMPAIGN, lead_id(n), "paused", "") for n in range(1, 9)),  # lines 2 to 9
    (CAMPAIGN, "bad", "paused", ""),
    (CAMPAIGN, lead_id(3), "", "Interested"),  # line 11, joined with line 4
    (CAMPAIGN, lead_id(4), "paused", ""),  # a duplicate
    ("", "", "", ""),
    (CAMPAIGN, lead_id(99), "paused", ""),  # a conflict
    (CAMPAIGN, lead_id(99), "active", ""),
    *((CAMPAIGN, lead_id(n), "active", "") for n in range(9, 17)),  # lines 16 to 23
]
LINES = range(2, 2 + len(ROWS))
VALID = {*range(2, 10), 11, *range(16, 24)}
NEVER = (0, Reason.NOT_REACHED, None, 0)  # what stands for a line without an outcome

Ending = tuple[End | None, int]  # what ends it, and at which pass

LEGS = st.lists(st.tuples(st.none() | st.sampled_from(End), st.integers(1, 14)), max_size=5)
COMMITS = st.sampled_from([0.0, 0.3])  # seconds
ANSWERS = st.lists(
    st.sampled_from([OK, OK, OK, NOT_FOUND, BUSY, HELD, REFUSED, LOST, DENIED]), max_size=30
)


# A row that failed by itself is recorded, and sent once more when all others are through.
@example(legs=[(End.KILL_BEFORE_COMMIT, 11)], answers=[OK, BUSY, BUSY, HELD], commit_s=0.3)
@settings(deadline=None, max_examples=15)
@given(legs=LEGS, answers=ANSWERS, commit_s=COMMITS)
def test_any_outcomes_kills_stops_and_resumes_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    legs: list[Ending],
    answers: list[Answer],
    commit_s: float,
) -> None:
    check_adding_up(tmp_path_factory.mktemp("run"), legs, answers, commit_s)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(deadline=None, max_examples=150)
@given(legs=LEGS, answers=ANSWERS, commit_s=COMMITS)
def test_very_many_outcomes_kills_stops_and_resumes_add_up(
    tmp_path_factory: pytest.TempPathFactory,
    legs: list[Ending],
    answers: list[Answer],
    commit_s: float,
) -> None:
    check_adding_up(tmp_path_factory.mktemp("run"), legs, answers, commit_s)


def check_adding_up(
    folder: Path, legs: list[Ending], answers: list[Answer], commit_s: float
) -> None:
    """Run these legs, each to its end, and then one more without harm."""
    path = write_leads(folder / "leads.csv", ROWS)
    with (
        patch("anyio.to_thread.run_sync", commits_take(commit_s)),
        check(request_of(path)) as checked,
    ):
        world = World(folder=folder, table=checked.table, plan=checked.plan, answers=list(answers))
        for end, at in legs:
            Process(world, end=end, at=at).run()
        world.answers.clear()
        last = Process(world, end=None, at=0)
        last.run()
    recorded = world.legs[-1].after
    assert set(final_of(recorded)) == set(LINES)
    applied = {line for line, row in recorded.items() if row[1] == Reason.APPLIED}
    assert applied <= world.confirmed, "a success that the server did not confirm"
    assert applied <= VALID
    assert last.moments[-1].tally == Counter(Reason(str(row[1])) for row in recorded.values())
