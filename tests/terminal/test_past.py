"""`runs` and its words, as typed."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.jobs import runs as all_runs
from batch.jobs.runs import ListedRun
from batch.model import Result
from batch.recording import journal_file
from batch.recording.journal import JOURNAL_NAME
from batch.recording.run_list import LIST_NAME
from batch.recording.runfile import RunFile, RunState, read_record
from batch.recording.state import default_state_dir
from batch.terminal import past
from tests.recording.test_history import recorded, remember
from tests.support.foreign_journals import unchanged
from tests.support.program import read_rows
from tests.support.shell import BAD, Shell, refused
from tests.support.wired import pausing


@pytest.fixture
def runs(shell: Shell) -> Shell:
    """A shell after two runs, one of which has a row that is wrong."""
    for name, rows in (("fine", pausing(1)), ("bad", [*pausing(1), BAD])):
        shell.run(shell.leads(rows), yes=True, out=Path("runs") / name)
    return shell


def test_runs_are_listed_the_newest_first(runs: Shell) -> None:
    assert runs.words("runs") == 0
    heading, *lines = runs.out.splitlines()
    assert heading.split() == [
        "Started", "(UTC)", "State", "Success", "Error", "Skipped", "Unsent", "Took", "Size",
    ]  # fmt: skip
    assert lines[1::2] == ["   runs/bad", "   runs/fine"]
    assert lines[0].split()[2:7] == ["finished", "1", "1", "0", "0"]
    assert runs.last_line == "listed: 2 runs; next: sendkit-batch runs runs/bad shows the newest"


def test_the_table_fits_80_columns(shell: Shell) -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    big = recorded(
        Path("runs/big"),
        state=RunState.INTERRUPTED,
        started_at=began,
        ended_at=began + timedelta(hours=23, minutes=56),
        rows=600_000,
        counts=dict.fromkeys(Result, 150_000),
    )
    remember(default_state_dir(), big)
    assert shell.words("runs") == 0
    assert max(map(len, shell.out.splitlines())) <= 80


def test_runs_are_one_json_object(runs: Shell) -> None:
    assert runs.words("runs", "--json") == 0
    assert (runs.answer["state"], runs.answer["exit_code"]) == ("listed", 0)
    bad, fine = runs.answer["runs"]
    assert (bad["run"], bad["error"], fine["error"]) == ("runs/bad", 1, 0)
    for words in (("bad", "--json"), ("--json", "bad")):
        assert runs.words("runs", *words) == 0
        assert runs.answer == bad


def test_one_run_is_shown(runs: Shell) -> None:
    assert runs.words("runs", "bad") == 0
    assert "leads.csv" in runs.out
    assert "bad_id" in runs.out
    assert runs.last_line == (
        "finished: runs/bad; next: fix the rows in runs/bad/failed.csv, and run that file"
    )


@pytest.mark.parametrize(
    "words", [("--quiet",), ("--quiet", "bad"), ("bad", "-q"), ("prune", "-q", "--yes")]
)
def test_quiet_leaves_the_last_line(runs: Shell, words: tuple[str, ...]) -> None:
    assert runs.words("runs", *words) == 0
    assert (runs.out, runs.err.count("\n")) == ("", 1)


def test_old_runs_are_pruned_once_somebody_says_yes(runs: Shell) -> None:
    assert runs.words("runs", "prune", "--yes") == 0
    assert runs.last_line == "pruned: 0 runs; next: nothing to do"  # none is 90 days old
    prune = ("prune", "--older-than", "0d")
    assert runs.words("runs", *prune) == 2
    assert runs.err.splitlines() == refused(
        "Nothing was removed: there is no terminal to ask. Add --yes to remove without asking."
    )
    assert "   runs/fine" in runs.out
    runs.typing("n\n")
    assert runs.words("runs", *prune) == 2
    assert "Remove 2 finished runs older than 0d (" in runs.err
    assert len(list(Path("runs").iterdir())) == 2
    runs.typing("y\n")
    assert runs.words("runs", "--json", *prune) == 0
    assert [run["run"] for run in runs.answer["runs"]] == ["runs/bad", "runs/fine"]
    assert runs.last_line.endswith("pruned: 2 runs; next: nothing to do")
    assert list(Path("runs").iterdir()) == []


def plant(folder: Path, **changes: object) -> Path:
    """A run of somebody else's, which says that it ended long ago, in the folder of runs."""
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    return recorded(folder, state=RunState.FINISHED, ended_at=ended, **changes)


def test_runs_of_others_are_told_by_their_path_and_nothing_else(runs: Shell) -> None:
    plant(Path("runs/planted"))
    assert runs.words("runs") == 0
    assert runs.out.splitlines()[-2:] == [
        "Not yours (not in your list of runs):",
        "   runs/planted",
    ]
    assert runs.last_line.startswith("listed: 2 runs; ")
    assert runs.words("runs", "--json") == 0
    assert runs.answer["not_yours"] == ["runs/planted"]
    assert [run["run"] for run in runs.answer["runs"]] == ["runs/bad", "runs/fine"]


def test_a_list_that_does_not_count_is_told_with_what_to_do(runs: Shell) -> None:
    path = default_state_dir() / LIST_NAME
    path.chmod(0o666)
    assert runs.words("runs") == 0
    assert runs.last_line == "listed: 0 runs; next: nothing to do"
    assert "Not yours (not in your list of runs):" in runs.out
    assert f"chmod go-w {path}" in " ".join(runs.err.split())


def test_prune_names_runs_of_others_and_leaves_them(runs: Shell) -> None:
    plant(Path("runs/planted"))
    Path("runs/precious.csv").write_text("precious")
    escaping = plant(Path("runs/escaping"))
    text = (escaping / "run.json").read_text()
    (escaping / "run.json").write_text(text.replace('"input.csv"', '"../precious.csv"'))
    assert runs.words("runs", "prune", "--older-than", "0d", "--yes") == 0
    assert "runs/planted: is not in your list of runs; it stays." in runs.err
    assert runs.last_line == "pruned: 2 runs; next: nothing to do"
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "escaping", "planted", "precious.csv",
    ]  # fmt: skip


def test_a_run_that_cant_be_removed_blocks_no_other(
    runs: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = all_runs.remove_run

    def remove(run: ListedRun, *, state_dir: Path) -> bool:
        if run.folder.name == "bad":
            (run.folder / "run.json").write_text("{}")
        return real(run, state_dir=state_dir)

    monkeypatch.setattr(past, "remove_run", remove)
    assert runs.words("runs", "prune", "--older-than", "0d", "--yes") == 3
    assert "runs/bad: was left as it is." in runs.err
    assert runs.last_line == "pruned: 1 run, 1 run could not be removed; next: nothing to do"
    assert [path.name for path in Path("runs").iterdir()] == ["bad"]
    assert runs.words("runs", "prune", "--older-than", "0d", "--yes") == 0


def test_a_word_that_is_no_run_is_exit_2(shell: Shell) -> None:
    assert shell.words("runs", "nope", "--json") == 2
    assert "nope: found no run" in shell.err
    assert shell.answer["state"] == "refused"


def test_a_settings_file_is_not_named_where_it_says_nothing(runs: Shell) -> None:
    Path("sendkit-batch.toml").write_text('[run]\nruns_dir = "runs"\n')
    for words in (("runs",), ("runs", "bad"), ("results", "bad")):
        runs.words(*words)
        assert "Settings" not in runs.err


@pytest.mark.parametrize("words", [("runs", "--help"), ("runs", "prune", "-h")])
def test_runs_have_help(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.words(*words) == 0
    assert "prune" in shell.out


def test_results_and_report_of_a_killed_run_in_a_folder_that_cant_be_written(
    runs: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its process committed last stands in the file beside the journal alone."""
    program = (
        "import os, signal, sys; from pathlib import Path;"
        "from batch.model import Outcome, Reason; from batch.recording.journal import Journal;"
        "journal = Journal.open(Path(sys.argv[1]));"
        "journal.record([Outcome(lines=(2,), reason=Reason.SERVER_ERROR, attempts=7, "
        "message='only in the log')]);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    copy = Path("runs/bad")
    subprocess.run([sys.executable, "-c", program, str(copy / JOURNAL_NAME)], check=False)
    killed = {"state": RunState.RUNNING, "exit_code": None, "ended_at": None}
    record = read_record(copy / "run.json")
    RunFile(copy / "run.json").write(record.model_copy(update=killed))
    real = journal_file._connect  # noqa: SLF001 - as SQLite fails there: see test_journal_file

    def connect(path: Path, *, mode: str) -> sqlite3.Connection:
        if mode == "ro":
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return real(path, mode=mode)

    monkeypatch.setattr(journal_file, "_connect", connect)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != copy)
    with unchanged(copy):
        assert runs.words("results", "runs/bad") == 2
        assert "To have them elsewhere: sendkit-batch results runs/bad --out results-bad" in (
            " ".join(runs.err.split())
        )
        assert runs.words("results", "runs/bad", "--out", "out") == 1
        assert runs.words("report", "runs/bad", "--out", "out") == 0
    rows = read_rows(Path("out/results.csv"))
    assert [(row["reason"], row["attempts"]) for row in rows] == [
        ("server_error", "7"),
        ("bad_id", "0"),
    ]
    assert "only in the log" in Path("out/report.html").read_text("utf-8")


@pytest.mark.parametrize("out", ["a file", "a file/below"])
@pytest.mark.parametrize("command", ["results", "report"])
def test_a_file_in_the_place_of_a_folder_is_told_at_once(
    command: str, out: str, runs: Shell
) -> None:
    Path("a file").write_text("mine")
    assert runs.words(command, "runs/bad", "--out", out) == 2
    assert f"--out: {out} is, or is below, a file; expected a folder. Name another one." in (
        " ".join(runs.err.split())
    )
    assert Path("a file").read_text() == "mine"
