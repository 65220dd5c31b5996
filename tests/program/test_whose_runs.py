"""Which runs a job goes on with by itself, by whole command lines in the test's own process."""

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.recording.test_journal_file import HOSTILE
from tests.support import elsewhere
from tests.support.elsewhere import EVIL, OUR, typed
from tests.support.shell import Shell
from tests.support.wired import Answer, confirmed, interrupting, pausing

ROWS = 6
RUN = ("run", "leads.csv", "--yes", "--rate", "1000")


@pytest.fixture
def leads(shell: Shell) -> Shell:
    shell.leads(pausing(ROWS))
    return shell


def fresh_home(shell: Shell) -> None:
    """The next command is started in a container of its own, where nothing is remembered."""
    home = shell.cwd / f"home-{len(list(shell.cwd.glob('home-*')))}"
    home.mkdir()
    shell.monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        shell.monkeypatch.delenv(name, raising=False)


def change_record(folder: str, **changes: object) -> None:
    path = Path(folder, "run.json")
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**record, **changes}), "utf-8")


def plant(shell: Shell, folder: str = "runs/planted", **changes: object) -> None:
    """Somebody else's run of the same file, whose journal says that every row is applied."""
    fresh_home(shell)
    assert typed(shell, *RUN, "--out", folder)[0] == 0
    change_record(folder, state="stopped", **changes)
    fresh_home(shell)


def changes_in(shell: Shell, *words: str, answer: Answer = confirmed) -> tuple[int, int]:
    """A command's exit code, and how many changes it sent."""
    sent: list[str] = []

    def counted(request: httpx.Request) -> httpx.Response:
        sent.append(request.url.path)
        return answer(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(elsewhere, "confirmed", counted)
        exit_code, _ = typed(shell, *words)
    return exit_code, len(sent)


def broken_off(shell: Shell, *words: str) -> int:
    """The command is ended by a signal after two changes; how many it had sent."""
    answer = interrupting(2)
    exit_code, sent = changes_in(shell, *words, "--concurrency", "1", answer=answer)
    assert exit_code == 143
    assert 2 <= sent < ROWS
    return sent


def test_a_planted_run_that_says_that_all_is_done_silences_no_job(leads: Shell) -> None:
    plant(leads)
    assert changes_in(leads, *RUN) == (0, ROWS)
    assert "There is runs/planted, an unfinished run of the same input, stopped " in leads.err
    assert (
        "It is not in your list of runs, so this is a new run. To go on with that one: "
        "sendkit-batch resume runs/planted"
    ) in " ".join(leads.err.split())


def test_a_planted_run_with_the_id_of_ones_own_silences_no_job(leads: Shell) -> None:
    broken_off(leads, *RUN, "--out", "mine")
    own_id = json.loads(Path("mine/run.json").read_text())["id"]
    before = {name: os.environ[name] for name in ("HOME", "XDG_STATE_HOME")}
    plant(leads, id=own_id, started_at="2027-01-01T00:00:00Z")
    for name, value in before.items():
        leads.monkeypatch.setenv(name, value)
    exit_code, sent = changes_in(leads, *RUN)
    assert "Going on with" in leads.err
    assert (exit_code, 0 < sent < ROWS) == (0, True)


def test_a_run_of_ones_own_whose_record_names_another_address_is_not_gone_on_with(
    leads: Shell,
) -> None:
    broken_off(leads, *RUN, "--out", "runs/mine")
    change_record("runs/mine", base_url=EVIL)
    assert changes_in(leads, *RUN) == (0, ROWS)
    exit_code, asked = typed(leads, "resume", "runs/mine", "--yes")
    assert (exit_code, asked) == (2, [])
    assert f"found {EVIL}, workspace w1; expected {OUR}, workspace w1" in " ".join(
        leads.err.split()
    )


def test_who_names_a_run_whose_rows_are_all_done_is_told_that_nothing_was_sent(
    leads: Shell,
) -> None:
    plant(leads, "there")
    for words in ((*RUN, "--out", "there"), (*RUN, "--out", "there", "--quiet")):
        change_record("there", state="stopped")
        assert changes_in(leads, *words) == (0, 0)
        assert "Nothing was sent by this command: no row is left to send." in leads.err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base_url": EVIL}, "holds an unfinished run of other content or other settings."),
        ({"tag_check": False}, "holds an unfinished run of other content or other settings."),
        (
            {"workspace": {"id": "w2", "name": "Beta"}},
            "The run belongs to the workspace Beta (w2), the key to Acme (w1).",
        ),
        ({"workspace": None}, "nobody can say whether they are the same. Nothing was sent."),
    ],
    ids=["address", "settings", "workspace", "unknown workspace"],
)
def test_a_run_that_out_names_must_be_what_is_asked_for_now(
    leads: Shell, changes: dict[str, object], said: str
) -> None:
    plant(leads, "there", **changes)
    assert changes_in(leads, *RUN, "--out", "there") == (2, 0)
    assert said in " ".join(leads.err.split())


def test_a_foreign_run_without_a_journal_is_not_sent_from_the_start(leads: Shell) -> None:
    plant(leads, "there")
    Path("there/journal.sqlite").unlink()
    assert changes_in(leads, "resume", "there", "--yes") == (2, 0)
    assert "there/journal.sqlite: is not there, so that nobody knows what was sent." in leads.err


def test_ones_own_run_without_a_journal_is_gone_on_with(leads: Shell) -> None:
    assert typed(leads, *RUN, "--out", "there")[0] == 0
    change_record("there", state="stopped")
    with closing(sqlite3.connect("there/journal.sqlite")) as db, db:
        db.execute("DROP TABLE note")
        db.execute("DELETE FROM outcome")
    assert changes_in(leads, "resume", "there", "--yes") == (0, ROWS)
    change_record("there", state="stopped")
    Path("there/journal.sqlite").unlink()
    assert changes_in(leads, "resume", "there", "--yes") == (0, ROWS)


SAID = {
    "the file of --config": ({}, ("--config", "ours.toml")),
    "the environment": ({"SENDKIT_BATCH_API_BASE_URL": EVIL}, ()),
    "the option": ({}, ("--base-url", EVIL)),
}


@pytest.mark.parametrize("how", SAID)
def test_a_job_whose_home_is_empty_each_time_goes_on_with_the_run_that_it_names(
    leads: Shell, how: str
) -> None:
    environ, options = SAID[how]
    Path("ours.toml").write_text(f'[api]\nbase_url = "{EVIL}"\n')
    for name, value in environ.items():
        leads.monkeypatch.setenv(name, value)
    fresh_home(leads)
    command = (*RUN, "--out", "there", *options)
    sent = broken_off(leads, *command)
    fresh_home(leads)
    exit_code, more = changes_in(leads, *command)
    assert (exit_code, sent + more) == (0, ROWS)
    assert "Going on with there, an unfinished run" in leads.err


def test_a_job_whose_state_folder_is_kept_goes_on_by_itself(leads: Shell) -> None:
    leads.monkeypatch.setenv("SENDKIT_BATCH_API_BASE_URL", EVIL)
    sent = 0
    for broken in (True, False):
        fresh_home(leads)
        leads.monkeypatch.setenv("XDG_STATE_HOME", str(leads.cwd / "volume"))
        if broken:
            sent += broken_off(leads, *RUN)
        else:
            exit_code, more = changes_in(leads, *RUN)
            assert (exit_code, sent + more) == (0, ROWS)
    assert "Going on with" in leads.err
    assert len(list(Path("runs").iterdir())) == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", ["input.csv", "lines.csv", "baseline.parquet"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_no_file_of_a_run_leads_elsewhere(leads: Shell, name: str, kind: str) -> None:
    plant(leads, "there")
    path = Path("there", name)
    if path.exists():
        path.rename("elsewhere.csv")
    if kind == "link":
        path.symlink_to(leads.cwd / "elsewhere.csv")
    else:
        os.mkfifo(path)
    for words in (("resume", "there", "--yes"), ("results", "there"), ("report", "there")):
        assert changes_in(leads, *words) == (2, 0)
        assert f"there/{name}: is no regular file; expected one of the run's own." in leads.err


def test_a_record_names_its_address_once(leads: Shell) -> None:
    def times_named() -> int:
        record: dict[str, Any] = json.loads(Path("there/run.json").read_text("utf-8"))
        del record["ran_by"]  # with the commands as they were typed, for people to read
        return json.dumps(record).count(EVIL)

    assert typed(leads, *RUN, "--base-url", EVIL, "--out", "there")[0] == 0
    assert times_named() == 1
    change_record("there", state="stopped")
    assert typed(leads, "resume", "there", "--yes")[0] == 0
    assert times_named() == 1


COMMANDS = {
    "resume": ("resume", "there", "--yes"),
    "run": (*RUN, "--out", "there"),
    "retry": ("retry", "there", "--yes", "--out", "again"),
    "undo": ("undo", "there", "--yes", "--out", "undone"),
    "verify": ("verify", "there"),
    "results": ("results", "there"),
    "report": ("report", "there"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_journal_that_is_none_of_ours_is_one_sentence_and_exit_2(
    leads: Shell, command: str
) -> None:
    assert typed(leads, *RUN, "--out", "there")[0] == 0
    change_record("there", state="stopped")
    is_long = command in {"resume", "results"}  # it takes a while to make one
    for kind in ("a view for a table", "an unknown reason", "a message of 100 MB")[: 2 + is_long]:
        content = Path("there/journal.sqlite").read_bytes()
        alter, message = HOSTILE[kind]
        alter(Path("there/journal.sqlite"))
        began = time.monotonic()
        assert changes_in(leads, *COMMANDS[command]) == (2, 0)
        assert time.monotonic() - began < 10
        said, last = leads.err.splitlines()[-2:]
        assert f"there/journal.sqlite: {message}" in " ".join(leads.err.split())
        assert last.startswith("refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; ")
        assert "Traceback" not in said
        Path("there/journal.sqlite").write_bytes(content)
