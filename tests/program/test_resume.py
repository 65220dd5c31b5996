"""A run of the real command that broke off, gone on with; judged by the sandbox's log."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.process import Sandbox
from tests.kill_loop import kill_loop
from tests.support.in_process import seeded, sendkit_batch
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    wait_for,
    write_rows,
)

ROWS = 200
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "note")


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    rows = [(CAMPAIGN, lead_id(n), "paused", "", f"n{n}") for n in range(1, ROWS + 1)]
    rows.insert(7, (CAMPAIGN, "bad", "paused", "", ""))
    rows.insert(9, (CAMPAIGN, lead_id(1), "", "Interested", "joined with the first"))
    return write_rows(tmp_path / "leads.csv", HEADER, rows)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    rows = [(CAMPAIGN, lead_id(n)) for n in range(1, ROWS + 1)]
    options = {"labels": ("Interested",), "faults": ("slow=0.05",)}
    with seeded(tmp_path, HEADER[:2], rows, **options) as running:
        yield running


def broken_off(
    leads: Path, sandbox: Sandbox, *, by: signal.Signals, after: int = 60, workers: int = 8
) -> Ran:
    cwd = leads.parent
    env, options = access(sandbox)
    words = ("--rate", "200", "--concurrency", str(workers), "--out", "broken")
    with started("run", leads, *options, *words, cwd=cwd, env=env) as process:
        wait_for(sandbox, after)
        process.send_signal(by)
        return ended(process, cwd=cwd)


def resumed(cwd: Path, sandbox: Sandbox) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch("resume", "broken", "--yes", cwd=cwd, env=env)


def results(cwd: Path) -> list[dict[str, str]]:
    return read_rows(cwd / "broken" / "results.csv")


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_broke_off_is_gone_on_with_and_ends_complete(
    leads: Path, sandbox: Sandbox, by: signal.Signals
) -> None:
    workers = 8
    first = broken_off(leads, sandbox, by=by, workers=workers)
    if by is not signal.SIGKILL:
        assert "next: sendkit-batch resume broken" in first.last_line
    sent_before = len(received(sandbox))
    ran = resumed(leads.parent, sandbox)
    assert ran.exit_code == 1
    assert f"run broken/failed.csv --base-url {sandbox.base_url} --rate 200" in ran.last_line
    rows = results(leads.parent)
    assert [row["line"] for row in rows] == [str(line) for line in range(2, ROWS + 4)]
    assert {row["reason"] for row in rows} == {"applied", "bad_id"}
    log = received(sandbox)
    repeats = len(log) - len({request["campaignLeadId"] for request in log})
    assert repeats <= (2 * workers if by is signal.SIGKILL else 0)
    assert len(log) == ROWS + repeats
    assert sent_before < ROWS


def test_a_practice_run_starts_its_sandbox_again(tmp_path: Path, leads: Path) -> None:
    words = ("--sandbox", "--rate", "40", "--out", "broken")
    with started("run", leads, *words, cwd=tmp_path) as process:
        while not (tmp_path / "broken" / "journal.sqlite").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    ran = sendkit_batch("resume", "broken", "--rate", "1000", cwd=tmp_path)
    assert ran.exit_code == 1
    assert ran.last_line.endswith("then sendkit-batch run broken/failed.csv --rate 1000 --sandbox")
    assert {row["reason"] for row in results(tmp_path)} == {"applied", "bad_id"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_kills_lose_nothing_and_repeat_nothing_that_was_durable(tmp_path: Path) -> None:
    loop = kill_loop(tmp_path, kills=20, seed=20)
    assert loop.wrong == []
    assert sum(kill.in_flight for kill in loop.kills) >= 16  # 80 % fall into requests
