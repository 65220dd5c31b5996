"""`run` on an input with an unfinished run, and locks between processes.

What takes several processes is by the real command; all else is in the test's own.
"""

import io
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batch.recording.journal import Journal
from batch.recording.locks import lock_input
from batch.recording.runfile import RunFile, RunState, read_record
from batch.recording.state import default_state_dir
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import access, ended, read_rows, received, started, wait_for
from tests.support.shell import BAD, Shell, Stdin, refused
from tests.support.wired import CAMPAIGN, Api, interrupting, lead_id, pausing, write_leads

ROWS = 30
LEADS = "leads.csv"


@pytest.fixture
def leads(shell: Shell) -> str:
    return shell.leads(pausing(ROWS))


def broken_off(shell: Shell, **options: object) -> Path:
    """A run that was interrupted after some requests; gives its folder."""
    shell.api.answer = interrupting(5)
    assert shell.run(LEADS, yes=True, concurrency="2", **options) == 143
    shell.api.answer = Api().answer
    assert 5 <= len(shell.api.changes) < ROWS
    run_file = max(shell.cwd.rglob("run.json"), key=lambda path: path.stat().st_mtime)
    return run_file.parent.relative_to(shell.cwd)


def killed(folder: Path, *, hours_ago: float = 0) -> None:
    """Let a run look as if its process had been killed."""
    path = folder / "run.json"
    gone = {"state": RunState.RUNNING, "exit_code": None, "ended_at": None}
    RunFile(path).write(read_record(path).model_copy(update=gone))
    at = path.stat().st_mtime - hours_ago * 3600
    os.utime(path, (at, at))


def folders(shell: Shell) -> list[Path]:
    return sorted(path.parent.relative_to(shell.cwd) for path in shell.cwd.rglob("run.json"))


def sent_once(shell: Shell) -> bool:
    return sorted(shell.api.changes) == [lead_id(n) for n in range(1, ROWS + 1)]


def test_with_yes_a_run_that_broke_off_lately_is_gone_on_with(shell: Shell, leads: str) -> None:
    folder = broken_off(shell)
    assert shell.run(leads, yes=True) == 0
    assert f"Going on with {folder}, an unfinished run of the same input, stopped " in shell.err
    assert folders(shell) == [folder]
    assert len(read_rows(folder / "results.csv")) == ROWS
    assert sent_once(shell)


def test_new_always_starts_anew(shell: Shell, leads: str) -> None:
    broken_off(shell)
    sent = len(shell.api.changes)
    assert shell.run(leads, yes=True, new=True) == 0
    assert len(folders(shell)) == 2
    assert len(shell.api.changes) == sent + ROWS


def test_with_yes_a_run_that_broke_off_long_ago_is_left_and_named(shell: Shell, leads: str) -> None:
    folder = broken_off(shell)
    killed(folder, hours_ago=25)
    assert shell.run(leads, yes=True) == 0
    assert f"There is {folder}, an unfinished run of the same input, stopped 1 d " in shell.err
    assert "longer ago than 24 h ([run] resume_within_h). This is a new run." in shell.err
    assert len(folders(shell)) == 2


def test_a_run_whose_rows_a_retry_has_finished_is_not_gone_on_with(
    shell: Shell, leads: str
) -> None:
    folder = broken_off(shell)
    assert shell.retry(str(folder), yes=True) == 0
    assert shell.run(leads, yes=True) == 0
    assert "unfinished" not in shell.err
    assert len(folders(shell)) == 3


def test_a_run_with_a_folder_of_its_own_is_found_and_keeps_it(
    shell: Shell, leads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_off(shell, out=Path("mine"))
    elsewhere = shell.cwd / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert shell.run(f"../{leads}", yes=True) == 0
    assert f"Going on with {shell.cwd / 'mine'}, an unfinished run" in shell.err
    assert len(read_rows(shell.cwd / "mine" / "results.csv")) == ROWS
    assert sent_once(shell)
    assert list(elsewhere.iterdir()) == []


def test_the_unfinished_run_in_the_very_folder_that_out_names_is_gone_on_with(
    shell: Shell, leads: str
) -> None:
    broken_off(shell, out=Path("mine"))
    assert shell.run(leads, yes=True, out=Path("mine")) == 0
    assert len(read_rows(Path("mine/results.csv"))) == ROWS
    assert sent_once(shell)


def test_with_another_out_it_is_a_new_run_and_the_unfinished_one_is_named(
    shell: Shell, leads: str
) -> None:
    broken_off(shell, out=Path("mine"))
    sent = len(shell.api.changes)
    assert shell.run(leads, yes=True, out=Path("other")) == 0
    assert "mine, an unfinished run of the same input, stopped " in shell.err
    assert "This is a new run. To go on with that one: sendkit-batch resume " in shell.err
    assert len(shell.api.changes) == sent + ROWS


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("--new", "There is mine, an unfinished run of the same input"),
        ("long ago", "longer ago than 24 h ([run] resume_within_h). Name another --out"),
    ],
)
def test_an_unfinished_run_in_the_folder_that_cant_be_gone_on_with_is_exit_2(
    shell: Shell, leads: str, how: str, said: str
) -> None:
    broken_off(shell, out=Path("mine"))
    sent = len(shell.api.changes)
    if how == "long ago":
        killed(Path("mine"), hours_ago=25)
    assert shell.run(leads, yes=True, out=Path("mine"), new=how == "--new") == 2
    assert said in shell.err
    assert len(shell.api.changes) == sent


def test_standard_input_is_gone_on_with_too(shell: Shell, leads: str) -> None:
    content = Path(leads).read_bytes()
    broken_off(shell, out=Path("mine"))
    shell.streams["stdin"] = Stdin(io.BytesIO(content))
    assert shell.run("-", yes=True) == 0
    assert sent_once(shell)
    shell.streams["stdin"] = Stdin(io.BytesIO(content))
    assert shell.run("-", yes=True, out=Path("mine")) == 2  # by now it is finished
    assert sent_once(shell)


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_terminal_is_asked(shell: Shell, leads: str, answer: str) -> None:
    goes_on = answer == "y"
    folder = broken_off(shell)
    sent = len(shell.api.changes)
    shell.typing_lines(f"{answer}\n", "y\n")
    assert shell.run(leads) == 0
    said = " ".join(shell.err.split())  # a terminal breaks sentences between words
    first, second = said.split(" Go on? [y/N] ")
    assert first.startswith(f"There is {folder}, an unfinished run of the same input, stopped ")
    assert first.endswith("rows left. Yes goes on with it; no starts a new run.")
    asked = f"Go on with {folder}: " if goes_on else f"Change {ROWS} leads in workspace Acme"
    assert asked in second
    left = ROWS - sent if goes_on else ROWS
    assert f"Send {left} changes? [y/N]" in second
    assert len(shell.api.changes) == (ROWS if goes_on else sent + ROWS)


def test_with_strict_a_run_with_invalid_rows_is_not_gone_on_with(shell: Shell) -> None:
    shell.leads([*pausing(ROWS), BAD])
    folder = broken_off(shell)
    sent = len(shell.api.changes)
    assert shell.run(LEADS, yes=True, strict=True) == 2
    assert shell.err.splitlines()[-2:] == refused(
        "1 row is invalid, and a strict run sends nothing then. The first: leads.csv line 32, "
        'column campaignLeadId: found "bad", 3 hexadecimal digits; expected 24.'
    )
    assert len(shell.api.changes) == sent
    assert shell.resume(str(folder), yes=True) == 1


@pytest.mark.usefixtures("leads")
def test_who_resumes_a_run_that_was_retried_is_told(shell: Shell) -> None:
    folder = broken_off(shell)
    shell.api.answer = interrupting(3)
    assert shell.retry(str(folder), yes=True, out=Path("again"), concurrency="1") == 143
    shell.api.answer = Api().answer
    again = shell.cwd / "again"
    told = f"{folder} was tried again by {again}: what that has done is sent once more."
    assert shell.resume(str(folder)) == 2  # nobody is there to say yes
    assert shell.resume(str(folder), yes=True) == 0
    assert shell.err.splitlines()[0] == (
        f"{told} To go on from there instead: sendkit-batch resume {again}"
    )
    assert shell.resume(str(folder), yes=True) == 0
    assert told not in shell.err  # nothing is left to send


@pytest.mark.usefixtures("leads")
def test_requests_add_up_over_resumes(shell: Shell) -> None:
    folder = broken_off(shell)
    assert read_record(folder / "run.json").requests == len(shell.api.changes)
    assert shell.resume(str(folder), yes=True) == 0
    assert read_record(folder / "run.json").requests == ROWS


def test_a_run_that_was_finished_sends_nothing_more(shell: Shell, leads: str) -> None:
    assert shell.run(leads, yes=True, out=Path("mine")) == 0
    assert shell.resume("mine", yes=True) == 0
    assert shell.err.startswith("Nothing is left to change in workspace Acme")
    assert sent_once(shell)


def test_what_happens_to_the_original_disturbs_nothing(shell: Shell, leads: str) -> None:
    folder = broken_off(shell)
    Path(leads).write_text("campaignId,campaignLeadId,status\n")
    assert shell.resume(str(folder), yes=True) == 0
    assert "leads.csv has changed since the run began; it goes on with its own copy" in shell.err
    assert len(read_rows(folder / "results.csv")) == ROWS


@pytest.mark.usefixtures("leads")
def test_a_damaged_copy_is_refused(shell: Shell) -> None:
    folder = broken_off(shell)
    sent = len(shell.api.changes)
    with (folder / "input.csv").open("a") as copy:
        copy.write("x,y,z,\n")
    assert shell.resume(str(folder), yes=True) == 2
    assert "the run's own copy of the input was changed since it began" in shell.err
    assert len(shell.api.changes) == sent


@pytest.mark.usefixtures("leads")
@pytest.mark.parametrize("go_on", ["resume", "retry"])
def test_a_key_of_another_workspace_is_refused(shell: Shell, go_on: str) -> None:
    folder = broken_off(shell)
    sent = len(shell.api.changes)
    shell.api.workspace_id, shell.api.workspace = "w2", "Other"
    send = shell.resume if go_on == "resume" else shell.retry
    assert send(str(folder), yes=True) == 2
    assert "The run belongs to the workspace Acme (w1), the key to Other (w2)." in shell.err
    assert len(shell.api.changes) == sent
    assert folders(shell) == [folder]


def test_a_folder_that_is_no_run_is_refused(shell: Shell) -> None:
    assert shell.resume(".", yes=True) == 2
    assert "Name the folder of a run." in shell.err


def test_a_run_that_is_at_work_is_left_alone(shell: Shell, leads: str) -> None:
    folder = broken_off(shell, out=Path("mine"))
    record = read_record(folder / "run.json")
    sent = len(shell.api.changes)
    at_work = f"mine: another process is at work on this run: process {record.pid}, since 20"
    with closing(Journal.open(folder / "journal.sqlite")):
        assert shell.results("mine") == 2
        assert shell.err.startswith(at_work)
        assert shell.results("mine", with_retries=True) == 2
        assert shell.err.startswith(at_work)
        assert shell.run(leads, yes=True, out=Path("mine")) == 2
        assert shell.err.startswith(at_work)
    state_dir, sha256 = default_state_dir(), record.input.sha256
    with lock_input(state_dir, sha256=sha256, base_url=record.base_url, run=folder):
        for send in (shell.resume, shell.retry):
            assert send("mine", yes=True) == 2
            assert shell.err.startswith(
                f"Another process is sending this input to {record.base_url}: process "
            )
    assert len(shell.api.changes) == sent


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    rows = [(*row[:2], "active", "") for row in pausing(ROWS)]
    seed = write_leads(tmp_path / "seed.csv", rows)
    with start_sandbox(Options(seed_csv=seed, workspaces=("Acme",))) as running:
        yield running


def test_a_second_process_is_told_of_the_first_and_a_killed_one_does_not_block(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    env, options = access(sandbox)
    leads = write_leads(tmp_path / LEADS, pausing(ROWS))
    copy = write_leads(tmp_path / "copy.csv", pausing(ROWS))
    other = write_leads(tmp_path / "other.csv", [(CAMPAIGN, lead_id(1), "active", "")])
    slow = ("--rate", "30/min", "--concurrency", "2", "--out", "first")  # for a minute
    with started("run", leads, *options, *slow, cwd=tmp_path, env=env) as process:
        wait_for(sandbox, 1)
        first = f"process {process.pid}, since 20"
        ran = sendkit_batch("run", copy, *options, "--out", "second", cwd=tmp_path, env=env)
        assert ran.exit_code == 2
        assert f"Another process is sending this input to {sandbox.base_url}: {first}" in ran.err
        assert not (tmp_path / "second").exists()
        ran = sendkit_batch("run", other, *options, "--out", "second", cwd=tmp_path, env=env)
        assert ran.exit_code == 0
        assert f"Another run uses the same key: {first}" in ran.err
        assert "Both share one budget of the server" in ran.err
        process.send_signal(signal.SIGKILL)
        ended(process, cwd=tmp_path)
    ran = sendkit_batch("run", leads, *options, "--rate", "1000", cwd=tmp_path, env=env)
    assert ran.exit_code == 0
    assert f"Going on with {tmp_path / 'first'}" in ran.err
    assert len(read_rows(tmp_path / "first" / "results.csv")) == ROWS
    assert len(received(sandbox)) <= ROWS + 1 + 4  # at most twice the workers go out again


def test_practice_that_broke_off_is_gone_on_with_too(tmp_path: Path) -> None:
    leads = write_leads(tmp_path / LEADS, pausing(ROWS))
    with started("run", leads, "--sandbox", "--rate", "1", cwd=tmp_path) as process:
        while not list(tmp_path.glob("runs/*/journal.sqlite")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert ended(process, cwd=tmp_path).exit_code == 143
    ran = sendkit_batch("run", leads, "--sandbox", "--rate", "1000", "--json", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "Going on with runs/" in ran.err
    assert json.loads(ran.out)["success"] == ROWS
