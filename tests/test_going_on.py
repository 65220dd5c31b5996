"""`run` on an input with an unfinished run, by the real command; and locks between processes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.program import (
    CAMPAIGN,
    Ran,
    access,
    command,
    ended,
    environment,
    lead_id,
    read_rows,
    received,
    sendkit_batch,
    started,
    wait_for,
    write_rows,
)

ROWS = 30
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")
FAST = ("--rate", "1000")


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    rows = [(CAMPAIGN, lead_id(n), "paused", "") for n in range(1, ROWS + 1)]
    return write_rows(tmp_path / "leads.csv", HEADER, rows)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    rows = [(CAMPAIGN, lead_id(n)) for n in range(1, ROWS + 1)]
    seed = write_rows(tmp_path / "seed.csv", ("campaignId", "campaignLeadId"), rows)
    with start_sandbox(Options(seed_csv=seed, workspaces=("Acme",))) as running:
        yield running


def broken_off(leads: Path, sandbox: Sandbox, *words: str, by: signal.Signals) -> int:
    """A run that broke off after some requests; gives how many the sandbox has had."""
    env, options = access(sandbox)
    slow = ("--rate", "20", "--concurrency", "2")
    before = len(received(sandbox))
    with started("run", leads, *options, *slow, *words, cwd=leads.parent, env=env) as process:
        wait_for(sandbox, before + 5)
        process.send_signal(by)
        ended(process, cwd=leads.parent)
    return len(received(sandbox))


def again(leads: Path, sandbox: Sandbox, *words: str, cwd: Path | None = None) -> Ran:
    env, options = access(sandbox)
    here = {**env, "XDG_STATE_HOME": str(leads.parent / ".state")}
    return sendkit_batch("run", leads, *options, *FAST, *words, cwd=cwd or leads.parent, env=here)


def folders(cwd: Path) -> list[str]:
    return sorted(path.name for path in (cwd / "runs").iterdir())


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_with_yes_a_run_that_broke_off_lately_is_gone_on_with(
    leads: Path, sandbox: Sandbox, by: signal.Signals
) -> None:
    sent = broken_off(leads, sandbox, by=by)
    (folder,) = folders(leads.parent)
    ran = again(leads, sandbox)
    assert ran.exit_code == 0
    assert f"Going on with runs/{folder}, an unfinished run of the same input, stopped " in ran.err
    assert folders(leads.parent) == [folder]
    assert len(ran.results) == ROWS
    assert len(received(sandbox)) <= ROWS + (4 if by is signal.SIGKILL else 0)
    assert sent < ROWS


def test_new_always_starts_anew(leads: Path, sandbox: Sandbox) -> None:
    sent = broken_off(leads, sandbox, by=signal.SIGTERM)
    ran = again(leads, sandbox, "--new")
    assert ran.exit_code == 0
    assert len(folders(leads.parent)) == 2
    assert len(received(sandbox)) == sent + ROWS


def test_with_yes_a_run_that_broke_off_long_ago_is_left_and_named(
    leads: Path, sandbox: Sandbox
) -> None:
    broken_off(leads, sandbox, by=signal.SIGKILL)
    (folder,) = folders(leads.parent)
    long_ago = (leads.parent / "runs" / folder / "run.json").stat().st_mtime - 25 * 3600
    os.utime(leads.parent / "runs" / folder / "run.json", (long_ago, long_ago))
    ran = again(leads, sandbox)
    assert ran.exit_code == 0
    assert f"There is runs/{folder}, an unfinished run of the same input, stopped 1 d " in ran.err
    assert "longer ago than 24 h ([run] resume_within_h). This is a new run." in ran.err
    assert len(folders(leads.parent)) == 2


def test_a_run_with_a_folder_of_its_own_is_found_and_keeps_it(
    leads: Path, sandbox: Sandbox
) -> None:
    broken_off(leads, sandbox, "--out", "mine", by=signal.SIGTERM)
    elsewhere = leads.parent / "elsewhere"
    elsewhere.mkdir()
    ran = again(leads, sandbox, cwd=elsewhere)
    assert ran.exit_code == 0
    assert f"Going on with {leads.parent / 'mine'}, an unfinished run" in ran.err
    assert len(read_rows(leads.parent / "mine" / "results.csv")) == ROWS
    assert len(received(sandbox)) == ROWS
    assert not any((elsewhere / "runs").iterdir()) if (elsewhere / "runs").exists() else True


def test_the_unfinished_run_in_the_very_folder_that_out_names_is_gone_on_with(
    leads: Path, sandbox: Sandbox
) -> None:
    broken_off(leads, sandbox, "--out", "mine", by=signal.SIGTERM)
    ran = again(leads, sandbox, "--out", "mine")
    assert ran.exit_code == 0
    assert len(read_rows(leads.parent / "mine" / "results.csv")) == ROWS
    assert len(received(sandbox)) == ROWS


def test_with_another_out_it_is_a_new_run_and_the_unfinished_one_is_named(
    leads: Path, sandbox: Sandbox
) -> None:
    sent = broken_off(leads, sandbox, "--out", "mine", by=signal.SIGTERM)
    ran = again(leads, sandbox, "--out", "other")
    assert ran.exit_code == 0
    assert "mine, an unfinished run of the same input, stopped " in ran.err
    assert "This is a new run; to go on with that one: sendkit-batch resume " in ran.err
    assert len(received(sandbox)) == sent + ROWS


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("--new", "--new: there is mine, an unfinished run of the same input"),
        ("long ago", "longer ago than 24 h ([run] resume_within_h). Name another --out"),
    ],
)
def test_an_unfinished_run_in_the_folder_that_cant_be_gone_on_with_is_exit_2(
    leads: Path, sandbox: Sandbox, how: str, said: str
) -> None:
    by = signal.SIGKILL if how == "long ago" else signal.SIGTERM
    sent = broken_off(leads, sandbox, "--out", "mine", by=by)
    if how == "long ago":
        os.utime(leads.parent / "mine" / "run.json", (1_700_000_000, 1_700_000_000))
    ran = again(leads, sandbox, "--out", "mine", *(["--new"] if how == "--new" else []))
    assert ran.exit_code == 2
    assert said in ran.err
    assert len(received(sandbox)) == sent


def test_standard_input_is_gone_on_with_too(leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    slow = ("--rate", "20", "--concurrency", "2", "--out", "mine")
    with started("run", leads, *options, *slow, cwd=leads.parent, env=env) as process:
        wait_for(sandbox, 5)
        process.send_signal(signal.SIGTERM)
        ended(process, cwd=leads.parent)
    for words in ((), ("--out", "mine")):
        ran = sendkit_batch(
            "run", "-", *options, *FAST, *words, cwd=leads.parent, env=env,
            stdin=leads.read_bytes(),
        )  # fmt: skip
        assert ran.exit_code == (2 if words else 0)
    assert len(received(sandbox)) == ROWS


def test_practice_that_broke_off_is_gone_on_with_too(leads: Path) -> None:
    cwd = leads.parent
    with started("run", leads, "--sandbox", "--rate", "10", cwd=cwd) as process:
        while not list(cwd.glob("runs/*/journal.sqlite")):
            pass
        process.send_signal(signal.SIGTERM)
        assert ended(process, cwd=cwd).exit_code == 143
    ran = sendkit_batch("run", leads, "--sandbox", *FAST, cwd=cwd)
    assert ran.exit_code == 0
    assert "Going on with runs/" in ran.err
    assert len(ran.results) == ROWS


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_terminal_is_asked(leads: Path, sandbox: Sandbox, answer: str) -> None:
    goes_on = answer == "y"
    sent = broken_off(leads, sandbox, by=signal.SIGTERM)
    env, options = access(sandbox)
    words = [*command("run", leads, *options, *FAST)]
    words.remove("--yes")
    child = pexpect.spawn(
        words[0], words[1:], cwd=str(leads.parent), dimensions=(40, 200), timeout=30,
        env=environment(leads.parent, env),
    )  # fmt: skip
    child.expect(r"There is runs/leads-\S+, an unfinished run of the same input, stopped ")
    child.expect(r"Yes goes on with it; no starts a new run\.\s+Go on\? \[y/N\] ")
    child.sendline(answer)
    child.expect(r"Go on with runs/" if goes_on else rf"Change {ROWS} leads in workspace Acme")
    child.expect(r"Go on\? \[y/N\] ")
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert len(received(sandbox)) == (ROWS if goes_on else sent + ROWS)


def test_a_second_process_on_the_same_input_is_refused(leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    cwd = leads.parent
    slow = ("--rate", "1", "--out", "first")
    with started("run", leads, *options, *slow, cwd=cwd, env=env) as process:
        wait_for(sandbox, 1)
        copy = cwd / "copy.csv"
        copy.write_bytes(leads.read_bytes())
        ran = sendkit_batch("run", copy, *options, "--out", "second", cwd=cwd, env=env)
        assert ran.exit_code == 2
        assert (
            f"Another process is sending this input to {sandbox.base_url}: process {process.pid}, "
            "since 20" in ran.err
        )
        assert not (cwd / "second").exists()
        resumed = sendkit_batch("resume", "first", "--yes", cwd=cwd, env=env)
        assert resumed.exit_code == 2
        assert f"process {process.pid}, since 20" in resumed.err
        process.send_signal(signal.SIGKILL)
    assert sendkit_batch("resume", "first", "--yes", *FAST, cwd=cwd, env=env).exit_code == 0


def test_a_second_run_with_the_same_key_is_warned(leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    cwd = leads.parent
    other = write_rows(cwd / "other.csv", HEADER, [(CAMPAIGN, lead_id(1), "active", "")])
    slow = ("--rate", "1", "--out", "first")
    with started("run", leads, *options, *slow, cwd=cwd, env=env) as process:
        wait_for(sandbox, 1)
        ran = sendkit_batch("run", other, *options, "--out", "second", cwd=cwd, env=env)
        assert ran.exit_code == 0
        assert f"Another run uses the same key: process {process.pid}, since 20" in ran.err
        assert "Both share one budget of the server" in ran.err
        process.send_signal(signal.SIGKILL)
