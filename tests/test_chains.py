"""Chains of commands, kills, faults and other people's edits, held against the manual's words.

A state machine: what may come next is drawn, and after each command every request in the server's
log must be accounted for in the results; after an undo every lead that the log shows as changed is
back, or named.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.chain_rules import check_exit, check_rows, check_undone
from tests.chain_world import ENDS, LEADS, Run, Trouble, World
from tests.lead_server import APPLIED_AND_LOST, AWAY, LOST, SERVED, Act, refused

NUMBERS = st.integers(1, len(LEADS))
ACTS = st.sampled_from(
    [
        SERVED,
        SERVED,
        APPLIED_AND_LOST,
        APPLIED_AND_LOST,
        LOST,
        AWAY,
        Act(applies=True, status=500),
        refused(503),
        refused(404),
        refused(422),
        refused(400),
        refused(409),
        refused(403),
        refused(401),
    ]
)
TROUBLE = st.builds(
    Trouble,
    acts=st.lists(ACTS, max_size=8).map(tuple),
    otherwise=st.sampled_from([SERVED, SERVED, AWAY, LOST, APPLIED_AND_LOST]),
    end=st.none() | st.sampled_from(ENDS),
    at=st.integers(1, 4),
)
STATUSES = st.sampled_from(["active", "paused"])
TAGS = st.sampled_from([None, "Hot", "Cold", "Warm"])
ROWS = st.lists(
    st.tuples(
        NUMBERS,
        st.sampled_from(["", "active", "paused", "paused"]),
        st.sampled_from(["", "Hot", "Hot", "Cold", "null"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0],
)
PACE = ("--rate", "1000", "--yes")
WORKERS = st.sampled_from(["1", "2", "5"])
ANY = st.integers(0, 99)  # which of the runs that there are


class Chains(RuleBasedStateMachine):
    """What people do with this program, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        folder = Path(self.scratch.name)
        self.patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        (folder / "here").mkdir()
        self.world = World(folder / "here", self.patch)

    def teardown(self) -> None:
        self.patch.undo()
        self.scratch.cleanup()

    @rule(rows=ROWS, keeps=st.booleans(), workers=WORKERS, trouble=TROUBLE)
    def run(
        self, rows: list[tuple[int, str, str]], *, keeps: bool, workers: str, trouble: Trouble
    ) -> None:
        sheet, run = self.world.sheet(rows), self.world.begin()
        keep = ["--keep-before"] if keeps else []
        more = (*keep, "--new", "--concurrency", workers, "--max-errors", "99")
        self.do(run, "run", sheet, *more, "--out", run.name, *PACE, trouble=trouble)

    @rule(rows=ROWS, workers=WORKERS)
    def plan(self, rows: list[tuple[int, str, str]], workers: str) -> None:
        sheet, run = self.world.sheet(rows), self.world.begin()
        words = ("plan", sheet, "--out", run.name, "--rate", "1000", "--concurrency", workers)
        assert self.world.do(run, *words) in {0, 1}  # 1: a lead is gone
        assert not run.lives.pop().log

    @precondition(lambda self: self.world.runs)
    @rule(which=ANY, forces=st.booleans(), trouble=TROUBLE)
    def apply(self, which: int, *, forces: bool, trouble: Trouble) -> None:
        force = ["--force"] if forces else []
        run = self.one(which)
        self.do(run, "apply", run.name, *force, "--allow-clears", *PACE, trouble=trouble)

    @precondition(lambda self: self.world.runs)
    @rule(which=ANY, trouble=TROUBLE)
    def resume(self, which: int, trouble: Trouble) -> None:
        run = self.one(which)
        self.do(run, "resume", run.name, *PACE, trouble=trouble)

    @precondition(lambda self: self.world.runs)
    @rule(which=ANY, trouble=TROUBLE)
    def retry(self, which: int, trouble: Trouble) -> None:
        run = self.one(which)
        again = self.world.begin(retries=run)
        self.do(again, "retry", run.name, "--out", again.name, *PACE, trouble=trouble)

    @precondition(lambda self: self.world.runs)
    @rule(which=ANY, trouble=st.just(Trouble()) | TROUBLE)
    def undo(self, which: int, trouble: Trouble) -> None:
        run = self.one(which)
        undo = self.world.begin(undoes=run)
        self.do(undo, "undo", run.name, "--out", undo.name, *PACE, trouble=trouble)

    @rule(number=NUMBERS, status=STATUSES, tag=TAGS)
    def edit(self, number: int, status: str, tag: str | None) -> None:
        self.world.edit(number, status, tag)

    @rule(number=NUMBERS)
    def remove(self, number: int) -> None:
        if len(self.world.server.leads) == len(LEADS):
            self.world.remove(number)

    def one(self, which: int) -> Run:
        return self.world.runs[which % len(self.world.runs)]

    def do(self, run: Run, *words: object, trouble: Trouble) -> None:
        """A command, and what must hold of its run then."""
        world = self.world
        exit_code = world.do(run, *words, trouble=trouble)
        if not run.is_there:
            assert not any(life.log for life in run.lives), "sent, and no run is there"
            world.runs.remove(run)
            return
        if exit_code == 2:
            assert not run.lives.pop().log, "exit 2, but something was sent"
            return
        if exit_code is None:
            world.do(run, "results", run.name)
            assert not run.lives.pop().log
        else:
            check_exit(run.lives[-1], run)
        if not Path(run.name, "results.csv").is_file():
            return
        check_rows(run)
        if run.undoes and exit_code in {0, 1}:
            check_undone(run, world)


COMMON = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_chains_of_commands_forget_no_request() -> None:
    run_state_machine_as_test(
        Chains, settings=settings(COMMON, max_examples=12, stateful_step_count=6)
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_chains_of_commands_forget_no_request() -> None:
    many = settings(
        COMMON,
        derandomize=False,
        max_examples=250,
        stateful_step_count=12,
        phases=[Phase.generate, Phase.shrink],
    )
    run_state_machine_as_test(Chains, settings=many)
