"""A run that broke off, gone on with by the real command; judged by the sandbox's log."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.kill_loop import kill_loop
from tests.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    received,
    sendkit_batch,
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
    seed = write_rows(tmp_path / "seed.csv", ("campaignId", "campaignLeadId"), rows)
    options = Options(seed_csv=seed, labels=("Interested",), faults=("slow=0.05",))
    with start_sandbox(options) as running:
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


def resumed(cwd: Path, sandbox: Sandbox, *more: str) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch("resume", "broken", "--yes", *more, cwd=cwd, env=env)


def results(cwd: Path) -> list[dict[str, str]]:
    from tests.program import read_rows  # noqa: PLC0415

    return read_rows(cwd / "broken" / "results.csv")


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
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
    assert ran.last_line.endswith(f"run broken/failed.csv --base-url {sandbox.base_url}")
    rows = results(leads.parent)
    assert [row["line"] for row in rows] == [str(line) for line in range(2, ROWS + 4)]
    assert {row["reason"] for row in rows} == {"applied", "bad_id"}
    log = received(sandbox)
    repeats = len(log) - len({request["campaignLeadId"] for request in log})
    assert repeats <= (2 * workers if by is signal.SIGKILL else 0)
    assert len(log) == ROWS + repeats
    assert sent_before < ROWS


def test_a_run_that_was_finished_sends_nothing_more(leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    fast = ("--rate", "1000", "--out", "broken")
    sendkit_batch("run", leads, *options, *fast, cwd=leads.parent, env=env)
    before = len(received(sandbox))
    ran = resumed(leads.parent, sandbox)
    assert ran.exit_code == 1
    assert len(received(sandbox)) == before
    assert "Nothing is left to change in workspace Sandbox" in ran.err


def test_what_happens_to_the_original_disturbs_nothing(leads: Path, sandbox: Sandbox) -> None:
    broken_off(leads, sandbox, by=signal.SIGKILL)
    leads.write_text("campaignId,campaignLeadId,status\n")
    ran = resumed(leads.parent, sandbox)
    assert "leads.csv has changed since the run began; it goes on with its own copy" in ran.err
    assert len(results(leads.parent)) == ROWS + 2


def test_a_damaged_copy_is_refused(leads: Path, sandbox: Sandbox) -> None:
    broken_off(leads, sandbox, by=signal.SIGKILL)
    with (leads.parent / "broken" / "input.csv").open("a") as copy:
        copy.write("x,y,z,,\n")
    before = len(received(sandbox))
    ran = resumed(leads.parent, sandbox)
    assert ran.exit_code == 2
    assert "the run's own copy of the input was changed since it began" in ran.err
    assert len(received(sandbox)) == before


def test_settings_come_from_the_run_and_not_from_a_file_or_the_environment(
    leads: Path, sandbox: Sandbox
) -> None:
    broken_off(leads, sandbox, by=signal.SIGKILL)
    (leads.parent / "sendkit-batch.toml").write_text('[api]\nbase_url = "http://127.0.0.1:1"\n')
    env = {"SENDKIT_API_KEY": sandbox.api_key, "SENDKIT_BATCH_API_BASE_URL": "http://127.0.0.1:1"}
    ran = sendkit_batch("resume", "broken", "--yes", cwd=leads.parent, env=env)
    assert ran.exit_code == 1
    assert len(results(leads.parent)) == ROWS + 2


def test_a_key_of_another_workspace_is_refused(leads: Path, tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n)) for n in range(1, ROWS + 1)]
    seed = write_rows(tmp_path / "seed.csv", ("campaignId", "campaignLeadId"), rows)
    options = Options(
        seed_csv=seed, labels=("Interested",), faults=("slow=0.05",), workspaces=("Acme", "Other")
    )
    with start_sandbox(options) as sandbox:
        broken_off(leads, sandbox, by=signal.SIGKILL)
        env = {"SENDKIT_API_KEY": "sk_sandbox_2"}
        ran = sendkit_batch("resume", "broken", "--yes", cwd=leads.parent, env=env)
    assert ran.exit_code == 2
    assert "The run belongs to the workspace Acme (" in ran.err
    assert "the key to Other (" in ran.err


def test_a_practice_run_starts_its_sandbox_again(tmp_path: Path, leads: Path) -> None:
    words = ("--sandbox", "--rate", "40", "--out", "broken")
    with started("run", leads, *words, cwd=tmp_path) as process:
        while not (tmp_path / "broken" / "journal.sqlite").exists():
            pass
        process.send_signal(signal.SIGKILL)
    ran = sendkit_batch("resume", "broken", "--rate", "1000", cwd=tmp_path)
    assert ran.exit_code == 1
    assert ran.last_line.endswith("then sendkit-batch run broken/failed.csv --sandbox")
    assert {row["reason"] for row in results(tmp_path)} == {"applied", "bad_id"}


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    ran = sendkit_batch("resume", "broken", "--yes", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "Name the folder of a run." in ran.err
    shutil.rmtree(tmp_path / "broken")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_kills_lose_nothing_and_repeat_nothing_that_was_durable(tmp_path: Path) -> None:
    loop = kill_loop(tmp_path, kills=20, seed=20, rows=2_500)
    assert loop.wrong == []
    assert sum(kill.in_flight for kill in loop.kills) >= 16  # 80 % fall into requests
