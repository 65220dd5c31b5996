"""The real command killed at named points of its way, gone on with, and judged by the log.

The points themselves, and how a process comes to its end there, are in tests/kill_points.py.
"""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch.judging import plan
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.kill_loop import applied_lines
from tests.kill_points import POINTS
from tests.support.forked import Stem, stem
from tests.support.program import CAMPAIGN, Ran, access, lead_id, read_rows, received, write_rows

pytestmark = pytest.mark.timeout(300)

WORKERS = 4
VALID = 120
SLOW_S = 0.02
LEADS = [lead_id(n) for n in range(VALID)]
HEADER = ("campaignId", "campaignLeadId", "status", "note")
FAST = ("--rate", "400", "--concurrency", str(WORKERS))
# Enough rows to be judged in two groups, which the journal records one after the other.
SKIPPED = plan.OBJECTS + 5

STARTING = [
    ("before the rename of run.json", 1),
    ("copied", 1),
    ("in what is kept of judging", 1),
    ("in plan.parquet", 1),
    ("in plan.parquet", 2),
    ("before the rename of plan.parquet", 1),
    ("after the rename of plan.parquet", 1),
]
BEFORE_THE_FIRST_REQUEST = [
    ("after the rename of run.json", 1),
    ("before the journal is laid out", 1),
    ("journal half laid out", 1),
    ("before judged rows", 1),
    ("after judged rows", 1),
    ("after judged rows", 2),
    ("before the note that all are judged", 1),
    ("before a claim", 1),
    ("after a claim", 1),
    ("before send", 1),
]
SENDING = [
    ("before a claim", 3),
    ("after a claim", 3),
    ("before send", 9),
    ("after send", 1),
    ("after send", 9),
    ("before commit", 1),
    ("before commit", 4),
    ("after commit", 1),
    ("after commit", 4),
]
ENDING = [
    ("before claims are dropped", 1),
    ("in results.csv", 1),
    ("in results.csv", 2),
    ("before the rename of results.csv", 1),
    ("after the rename of results.csv", 1),
    ("before the rename of the last run.json", 1),
    ("just before the end", 1),
]
GOING_ON = [
    ("before claims are settled", 1),
    ("claims half settled", 1),
    ("after claims are settled", 1),
    ("before the rename of run.json", 1),
    ("after the rename of run.json", 1),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    seed = write_rows(folder / "seed.csv", HEADER[:2], [(CAMPAIGN, lead) for lead in LEADS])
    with start_sandbox(Options(seed_csv=seed, faults=(f"slow={SLOW_S}",))) as running:
        yield running


@pytest.fixture(scope="module")
def forking() -> Iterator[Stem]:
    with stem() as running:
        yield running


class Scene:
    """One run in `cwd/run` of valid rows, then skipped ones; what it sent is kept apart by kill."""

    def __init__(self, cwd: Path, sandbox: Sandbox, forking: Stem) -> None:
        rows = [(CAMPAIGN, lead, "paused", f"n{n}") for n, lead in enumerate(LEADS)]
        write_rows(cwd / "leads.csv", HEADER, rows + [(CAMPAIGN, LEADS[0], "", "")] * SKIPPED)
        self.cwd = cwd
        self.sandbox = sandbox
        self._forking = forking
        self.env, options = access(sandbox)
        # What an earlier scene has changed is sent again, not left out.
        unread = ("--skip-unchanged", "never")
        self.new_run = ("run", "leads.csv", *options, *FAST, *unread, "--out", "run")
        self.resume = ("resume", "run", "--yes")
        self.legs: list[list[dict[str, Any]]] = []
        self.durable: list[set[str]] = []
        self._seen = len(received(sandbox))

    def do(self, *args: str, program: str = "batch.cli") -> Ran:
        return self._forking.sendkit_batch(*args, cwd=self.cwd, env=self.env, program=program)

    def kill(self, point: str, number: int, command: tuple[str, ...]) -> None:
        """Run the command until it comes to the point for the n-th time."""
        words = (point, str(number), "--", *command)
        killed = self.do(*words, program="tests.kill_points")
        assert killed.exit_code == -signal.SIGKILL, killed.err
        time.sleep(10 * SLOW_S)  # what had left is in the log by then
        self._end_leg()

    def finish(self, command: tuple[str, ...], *, into: str = "run") -> None:
        """Run the command to its end, and hold the results against the log."""
        ran = self.do(*command)
        assert ran.exit_code == 0, ran.err
        self._end_leg()
        rows = read_rows(self.cwd / into / "results.csv")
        assert [row["line"] for row in rows] == [
            str(line) for line in range(2, 2 + VALID + SKIPPED)
        ]
        assert [row["note"] for row in rows[:VALID]] == [f"n{n}" for n in range(VALID)]
        assert {row["result"] for row in rows[VALID:]} == {"skipped"}
        confirmed = {each["campaignLeadId"] for leg in self.legs for each in leg if each["applied"]}
        assert {row["campaignLeadId"] for row in rows if row["result"] == "success"} <= confirmed
        assert {row["reason"] for row in rows[:VALID]} == {"applied"}
        self._check_repeats()

    def _end_leg(self) -> None:
        log = received(self.sandbox)
        self.legs.append(log[self._seen :])
        self._seen = len(log)
        lines = applied_lines(self.cwd / "run" / "journal.sqlite")
        self.durable.append({LEADS[line - 2] for line in lines})

    def _check_repeats(self) -> None:
        before: Counter[str] = Counter()
        durable: set[str] = set()
        for leg, durable_now in zip(self.legs, self.durable, strict=True):
            sent = Counter(each["campaignLeadId"] for each in leg)
            assert max(sent.values(), default=1) == 1, "a row is sent once if nothing fails"
            assert not durable & set(sent), "what was durable before the kill is sent again"
            assert len(set(sent) & set(before)) <= 2 * WORKERS
            assert durable <= durable_now, "what was durable stays"
            before += sent
            durable = durable_now


@pytest.fixture
def scene(tmp_path: Path, sandbox: Sandbox, forking: Stem) -> Scene:
    return Scene(tmp_path, sandbox, forking)


def test_the_points_are_all_come_to() -> None:
    cases = [*STARTING, *BEFORE_THE_FIRST_REQUEST, *SENDING, *ENDING, *GOING_ON]
    assert {point for point, _ in cases} == set(POINTS)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), STARTING)
def test_a_run_that_was_killed_before_its_record_sent_nothing_and_is_begun_anew(
    scene: Scene, point: str, number: int
) -> None:
    scene.kill(point, number, scene.new_run)
    assert scene.legs == [[]]
    refused = scene.do(*scene.resume)
    assert refused.exit_code == 2
    assert "Name the folder of a run." in refused.err
    scene.finish((*scene.new_run[:-1], "another"), into="another")


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), BEFORE_THE_FIRST_REQUEST)
def test_a_run_that_was_killed_before_its_first_request_goes_on_with_all_of_it(
    scene: Scene, point: str, number: int
) -> None:
    scene.kill(point, number, scene.new_run)
    assert scene.legs == [[]]
    scene.finish(scene.resume)
    assert len(scene.legs[1]) == VALID


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), SENDING)
def test_a_run_that_was_killed_while_sending_goes_on_with_the_rest(
    scene: Scene, point: str, number: int
) -> None:
    scene.kill(point, number, scene.new_run)
    assert scene.legs[0] or point in {"after a claim", "before a claim"}
    scene.finish(scene.resume)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "number"), ENDING)
def test_a_run_that_was_killed_at_its_end_sends_nothing_more(
    scene: Scene, point: str, number: int
) -> None:
    scene.kill(point, number, scene.new_run)
    scene.finish(scene.resume)
    assert [len(leg) for leg in scene.legs] == [VALID, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "points",
    [GOING_ON, [("before a claim", 1), ("after a claim", 1), *SENDING], ENDING],
    ids=["going on", "sending", "ending"],
)
def test_a_resume_that_was_killed_goes_on_once_more(
    scene: Scene, points: list[tuple[str, int]]
) -> None:
    scene.kill("before commit", 3, scene.new_run)
    for point, number in points:
        scene.kill(point, number, scene.resume)
    scene.finish(scene.resume)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "journal half laid out",
        "after judged rows",
        "before the note that all are judged",
        "after the rename of run.json",
    ],
)
def test_a_run_that_is_killed_twice_while_it_starts_still_goes_on(scene: Scene, point: str) -> None:
    scene.kill(point, 1, scene.new_run)
    scene.kill(point, 1, scene.resume)
    assert scene.legs == [[], []]
    scene.finish(scene.resume)


@pytest.mark.slow
def test_a_run_that_is_killed_after_each_commit_ends_all_the_same(scene: Scene) -> None:
    scene.kill("after commit", 1, scene.new_run)
    for _ in range(3):
        scene.kill("after commit", 1, scene.resume)
    scene.finish(scene.resume)
    assert len(scene.durable[3]) >= 4
