"""Chains of commands, kills, faults and other people's edits, compared with the manual's words.

A state machine: what may come next is drawn, and after each command every request in the server's
log must be accounted for in the results; after an undo every lead that the log shows as changed is
back, or named.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from tests.support.chain_rules import check_exit, check_rows, check_statuses, check_undone
from tests.support.chain_world import ENDS, LEADS, Run, Trouble, World
from tests.support.lead_server import APPLIED_AND_LOST, AWAY, LOST, SERVED, Act, refused

NUMBERS = st.integers(1, len(LEADS))
REFUSED = st.sampled_from([refused(status) for status in (400, 401, 403, 404, 409, 422)])
IN_DOUBT = st.sampled_from([APPLIED_AND_LOST, LOST, Act(applies=True, status=500), refused(503)])
ACTS = st.just(SERVED) | IN_DOUBT | REFUSED | st.just(AWAY)
STATUSES = st.sampled_from(["active", "paused", "completed"])
TAGS = st.sampled_from([None, "Hot", "Cold", "Warm"])
EDITS = st.tuples(NUMBERS, STATUSES, TAGS)
ANYTHING = st.builds(
    Trouble,
    acts=st.lists(ACTS, max_size=8).map(tuple),
    otherwise=st.sampled_from([SERVED, AWAY, LOST, APPLIED_AND_LOST]),
    end=st.none() | st.sampled_from(ENDS),
    at=st.integers(1, 4),
    edit=st.none() | EDITS,
)
# The line breaks while changes are on their way; it is still broken; what was lost is refused.
LINE_BREAKS = st.lists(st.just(SERVED) | IN_DOUBT, max_size=5).map(
    lambda acts: Trouble(acts=tuple(acts), otherwise=AWAY)
)
REFUSED_AFTER_LOSS = st.lists(st.tuples(IN_DOUBT, REFUSED), min_size=1, max_size=3).map(
    lambda pairs: Trouble(acts=tuple(act for pair in pairs for act in pair))
)
KILLED_IN_FLIGHT = st.builds(
    Trouble, end=st.just("after request"), at=st.integers(1, 4), edit=st.none() | EDITS
)
TROUBLE = (
    ANYTHING
    | LINE_BREAKS
    | REFUSED_AFTER_LOSS
    | KILLED_IN_FLIGHT
    | REFUSED.map(lambda act: Trouble(acts=(act, act)))
)
CHANGES = st.sampled_from([("paused", "Hot"), ("active", "Hot"), ("", "Hot"), ("paused", "null")])
ROWS = st.lists(
    st.tuples(NUMBERS, CHANGES).map(lambda row: (row[0], *row[1])),
    min_size=2,
    max_size=len(LEADS),
    unique_by=lambda row: row[0],
)
Rows = list[tuple[int, str, str]]
Troubles = list[Trouble]
PACE = ("--rate", "1000", "--yes")
LIVES = st.lists(TROUBLE, min_size=1, max_size=4)  # what befalls a run, and each resume of it
KEEPS = st.sampled_from([True, True, True, False])
MOVES = st.booleans()  # whether the server moves leads by their tags
WORKERS = st.sampled_from(["1", "2", "5"])
ANY = st.sampled_from(
    [0, 0, 0, 0, 1, 1, 2, 3]
)  # which of the runs that there are, the newest first


class Chains(RuleBasedStateMachine):
    """What people do with this program, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.is_well = True
        self.scratch = TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        folder = Path(self.scratch.name)
        self.patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        (folder / "here").mkdir()
        self.world = World(folder / "here", self.patch)

    def teardown(self) -> None:
        """Take all back, unless something is wrong already, and look at that too."""
        try:
            if self.is_well:
                for run in self.world.runs[::-1]:
                    self.undo_it(run, [Trouble()])
        finally:
            self.patch.undo()
            self.scratch.cleanup()

    @initialize(rows=ROWS, keeps=KEEPS, workers=WORKERS, lives=LIVES, moves=MOVES)
    def begin(self, rows: Rows, *, keeps: bool, workers: str, lives: Troubles, moves: bool) -> None:
        self.world.server.moves = moves
        self.run(rows, keeps=keeps, workers=workers, lives=lives)

    @rule(rows=ROWS, keeps=KEEPS, workers=WORKERS, lives=LIVES)
    def run(self, rows: Rows, *, keeps: bool, workers: str, lives: Troubles) -> None:
        sheet, run = self.world.sheet(rows), self.world.begin(reads=keeps)
        keep = ["--keep-before"] if keeps else []
        more = (*keep, "--new", "--concurrency", workers, "--max-errors", "99")
        self.live(run, lives, "run", sheet, *more, "--out", run.name)

    @rule(rows=ROWS, workers=WORKERS, lives=LIVES)
    def plan_and_apply(self, rows: Rows, workers: str, lives: Troubles) -> None:
        sheet, run = self.world.sheet(rows), self.world.begin(reads=True)
        words = ("plan", sheet, "--out", run.name, "--rate", "1000", "--concurrency", workers)
        assert self.world.do(run, *words) in {0, 1}  # 1: a lead is gone
        assert not run.lives.pop().log
        self.live(run, lives, "apply", run.name)

    @rule(which=ANY, lives=LIVES)
    def apply_by_force(self, which: int, lives: Troubles) -> None:
        run = self.one(which)
        self.live(run, lives, "apply", run.name, "--force")

    @rule(which=ANY, lives=LIVES)
    def resume(self, which: int, lives: Troubles) -> None:
        run = self.one(which)
        self.live(run, lives, "resume", run.name)

    @rule(which=ANY, lives=LIVES)
    def retry(self, which: int, lives: Troubles) -> None:
        run = self.one(which)
        again = self.world.begin(retries=run, reads=run.reads)
        self.live(again, lives, "retry", run.name, "--out", again.name)

    @rule(which=ANY, lives=LIVES)
    def undo(self, which: int, lives: Troubles) -> None:
        self.undo_it(self.one(which), lives)

    def undo_it(self, run: Run, lives: Troubles) -> None:
        undo = self.world.begin(undoes=run)
        self.live(undo, lives, "undo", run.name, "--out", undo.name)

    @rule(edit=EDITS)
    def edit(self, edit: tuple[int, str, str | None]) -> None:
        self.world.edit(*edit)

    @rule(number=NUMBERS)
    def remove(self, number: int) -> None:
        if len(self.world.server.leads) == len(LEADS):
            self.world.remove(number)

    def one(self, which: int) -> Run:
        assume(self.world.runs)
        return self.world.runs[-1 - which % len(self.world.runs)]

    def live(self, run: Run, lives: Troubles, *words: object) -> None:
        """A command, and what must hold of its run then; resumes for as long as it breaks off."""
        for trouble in lives:
            self.is_well = False
            exit_code = self.world.do(run, *words, *PACE, trouble=trouble)
            self.check(run, exit_code)
            self.is_well = True
            if exit_code in {0, 1, 2} or not run.is_there:
                return
            if edit := trouble.edit:
                self.world.edit(*edit)
            words = ("resume", run.name)

    def check(self, run: Run, exit_code: int | None) -> None:
        world = self.world
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
        check_statuses(run, world)
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
        Chains, settings=settings(COMMON, max_examples=5, stateful_step_count=3)
    )


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_chains_of_commands_forget_no_request() -> None:
    run_state_machine_as_test(
        Chains, settings=settings(COMMON, max_examples=100, stateful_step_count=5)
    )


@pytest.mark.measured  # other chains each time: by hand, for what nobody has met yet
@pytest.mark.timeout(7200)
def test_ever_other_chains_of_commands_forget_no_request() -> None:
    phases = [Phase.generate, Phase.shrink]
    others = settings(COMMON, derandomize=False, max_examples=300, phases=phases)
    run_state_machine_as_test(Chains, settings=settings(others, stateful_step_count=5))
