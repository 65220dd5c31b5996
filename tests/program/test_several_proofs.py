"""Large proofs of runs of several workspaces, by the real command and killed processes.

TESTS_MANY_ROWS=10000 sends as many rows of each of twenty workspaces.
"""

import os
import signal
import statistics
import time
from contextlib import ExitStack
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.many_workspaces import (
    MOST_REPEATS,
    PER_S,
    TROUBLED,
    Figures,
    World,
    faults,
    judge,
    peak_kb,
    world,
)
from tests.support.program import received, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]

WORKSPACES = 20
ROWS = int(os.environ.get("TESTS_MANY_ROWS", "300"))  # of each
EVERY_S, KILLS = (4.0, 2) if ROWS < 1_000 else (20.0, 10_000)


def check(it: World, budget: str = "workspace") -> Figures:
    """Every row once, nothing lost, no more repeats than kills allow, few refused."""
    found = judge(it, budget)
    assert found.is_each_row_once
    assert found.never_sent == 0
    assert found.repeats <= sum(it.kills) * MOST_REPEATS
    # A run that was killed has left requests on their way, which the next one knows nothing of.
    assert found.refused <= 0.01 * found.requests + sum(it.kills), found
    return found


def test_one_process_that_is_killed_and_resumed(tmp_path: Path) -> None:
    with world(tmp_path, workspaces=WORKSPACES, rows=ROWS) as it:
        assert it.send(kill_every_s=EVERY_S, most_kills=KILLS) == 0
        found = check(it)
    assert it.kills
    assert {result for _, result in found.results} == {"success"}


def test_parts_through_xargs_whose_processes_are_killed(tmp_path: Path) -> None:
    with world(tmp_path, workspaces=8, rows=ROWS) as it:
        assert it.send_parts(4, kill_every_s=EVERY_S / 2, most_kills=KILLS) == 0
        found = check(it)
    assert it.kills
    assert {result for _, result in found.results} == {"success"}


@pytest.mark.parametrize("budget", ["key", "all"])
def test_workspaces_that_share_a_budget(tmp_path: Path, budget: str) -> None:
    with world(tmp_path, workspaces=WORKSPACES, rows=20, budget=budget) as it:
        assert it.send() == 0
        check(it, budget)


@pytest.mark.timed
def test_one_away_one_slow_and_two_revoked_slow_none_of_the_others(tmp_path: Path) -> None:
    trouble = faults(ROWS)
    with world(tmp_path, workspaces=WORKSPACES, rows=ROWS, faults=trouble) as it:
        assert it.send() == 3
        found = check(it)
    others = [took_s for n, took_s in found.took_s.items() if n not in TROUBLED]
    assert len(others) == WORKSPACES - len(TROUBLED)
    assert statistics.median(others) < 1.25 * ROWS / PER_S + 2  # as if they were alone
    # One that just misses a window of the server waits for the next.
    assert max(others) < 1.1 * statistics.median(others) + 2
    came = found.results
    healthy = [n for n in range(WORKSPACES) if TROUBLED.get(n, "slow") == "slow"]
    assert all(came[n, "success"] == ROWS for n in healthy)
    assert [came[n, "unsent"] for n in (3, 4, 5)] == [ROWS, ROWS - ROWS // 2, ROWS]


@pytest.mark.timed
def test_auto_finds_whose_the_budgets_are(tmp_path: Path) -> None:
    kinds = ("workspace", "key", "all")
    for budget in kinds:
        (tmp_path / budget).mkdir()
    with ExitStack() as worlds:
        budgets = {
            budget: worlds.enter_context(
                world(
                    tmp_path / budget,
                    workspaces=WORKSPACES,
                    rows=200,
                    rate_limit="fixed:50/10s",
                    budget=budget,
                )
            )
            for budget in kinds
        }
        for it in budgets.values():
            it.env = {**it.env, "SENDKIT_BATCH_PACE_BUDGET": "auto"}
        running = [it.start("run", "leads.csv", "--yes", "--out", "out") for it in budgets.values()]
        for it in budgets.values():
            wait_for(it.sandbox, 1, within_s=60)
        time.sleep(30)
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(60)
        log = {budget: received(it.sandbox) for budget, it in budgets.items()}
    per_s = {}
    for budget, patches in log.items():
        assert sum(each["status"] == 429 for each in patches) <= 0.01 * len(patches)
        times = [datetime.fromisoformat(each["time"]).timestamp() for each in patches]
        per_s[budget] = sum(min(times) + 18 <= at < min(times) + 28 for at in times) / 10
        told = (tmp_path / budget / "told.txt").read_text(encoding="utf-8")
        assert ("Each workspace had a pace of its own" in told) is (budget == "workspace")
    allowed = 0.95 * 5
    assert per_s["workspace"] >= 0.9 * WORKSPACES * allowed
    for budget in ("key", "all"):  # ten seconds may see the end of a window and the next one
        assert 0.8 * allowed <= per_s[budget] <= 1.2 * 5


@pytest.mark.timed
@pytest.mark.timeout(400)
def test_a_hundred_workspaces_use_their_budgets_in_little_memory(tmp_path: Path) -> None:
    with world(
        tmp_path, workspaces=100, rows=10_000, known=500, rate_limit="fixed:50/10s", faults=()
    ) as it:
        process = it.start("run", "leads.csv", "--yes", "--out", "out")
        wait_for(it.sandbox, 1, within_s=120)
        time.sleep(45)
        most_kb = peak_kb(process.pid)
        process.send_signal(signal.SIGINT)
        process.wait(60)
        patches = received(it.sandbox)
    assert most_kb < 400 * 1024
    refused = sum(each["status"] == 429 for each in patches)
    assert refused <= 0.01 * len(patches)
    times = sorted(datetime.fromisoformat(each["time"]).timestamp() for each in patches)
    first, last = times[0] + 15, times[0] + 40
    served = sum(first <= at < last for at in times)
    assert served / (last - first) >= 0.97 * 0.95 * 100 * 5
    assert all(before <= after for before, after in pairwise(times))
