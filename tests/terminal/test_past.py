"""`runs` and its words, as typed."""

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from batch.jobs import runs as all_runs
from batch.jobs.runs import ListedRun
from batch.model import Reason, Result
from batch.recording import journal_file
from batch.recording.journal import JOURNAL_NAME
from batch.recording.run_list import LIST_NAME
from batch.recording.runfile import RunFile, RunLink, RunState, RunUndone, read_record
from batch.recording.state import default_state_dir
from batch.terminal.run_table import print_runs
from tests.recording.test_history import recorded, remember
from tests.support.foreign_journals import unchanged
from tests.support.program import read_rows
from tests.support.shell import BAD, Shell, refused
from tests.support.wired import interrupting, pausing


@pytest.fixture
def runs(shell: Shell) -> Shell:
    """A shell after two runs, one of which has a row that is wrong."""
    for name, rows in (("fine", pausing(1)), ("bad", [*pausing(1), BAD])):
        shell.run(shell.leads(rows), yes=True, out=Path("runs") / name)
    return shell


def test_runs_are_listed_the_newest_first(runs: Shell) -> None:
    for name in ("fine", "bad"):
        path = Path("runs", name, "run.json")
        record = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**record, "worked_s": 42}), "utf-8")  # however long it took
    assert runs.words("runs") == 0
    heading, bad, fine = runs.out.splitlines()
    assert heading.split() == ["Started", "(UTC)", "Kind", "Result", "Took", "Run"]
    assert bad[17:].split() == [*["run", "1", "of", "2", "failed"], "42", "s", "bad"]
    assert fine[17:].split() == [*["run", "1", "applied"], "42", "s", "fine"]
    assert runs.last_line == "listed: 2 runs; next: sendkit-batch runs runs/bad shows the newest"


@pytest.mark.parametrize("width", [80, 100])
def test_a_run_is_one_line(tmp_path: Path, width: int) -> None:
    name = "leads-20261124T201900Z"
    link = {"id": "", "folder": f"/runs/{name}"}
    kinds: list[dict[str, object]] = [
        {},
        {"state": RunState.PLANNED, "counts": {Result.UNSENT: 3}},
        {"retry_of": RunLink(**link, first="")},
        {"undo_of": RunUndone(**link)},
        {"counts": {Result.SUCCESS: 15_000, Result.SKIPPED: 15_000}, "rows": 30_000},
        {"state": RunState.INTERRUPTED, "rows": 4118, "counts": {Result.SUCCESS: 1016}},
    ]
    for number, changes in enumerate(kinds):
        finished = {"state": RunState.FINISHED, "worked_s": 2460.0, "counts": {Result.SUCCESS: 3}}
        run = recorded(tmp_path / f"leads-20261124T20190{number}Z", **{**finished, **changes})
        remember(tmp_path / "state", run)
    out = io.StringIO()
    known = all_runs.list_runs(tmp_path / "state", tmp_path)
    print_runs(Console(file=out, width=width), known.own)
    _, *lines = out.getvalue().splitlines()
    assert len(lines) == len(kinds)
    assert max(map(len, lines)) <= width
    began = 17 if width == 100 else 14
    assert sorted(" ".join(line[began:].split("41 min")[0].split()) for line in lines) == [
        "plan 3 to send",
        "retry 3 applied",
        "run 15,000 applied, 15,000 skipped",
        "run 3 applied",
        "run interrupted at 1,016 of 4,118",
        "undo 3 set back",
    ]
    for line in lines:  # as far as there is room
        is_linked = line[began:].startswith(("retry", "undo"))
        assert (" of leads-2" in line) == (width == 100 and is_linked)


def test_runs_are_one_json_object(runs: Shell) -> None:
    assert runs.words("runs", "--json") == 0
    assert (runs.answer["state"], runs.answer["exit_code"]) == ("listed", 0)
    bad, fine = runs.answer["runs"]
    assert (bad["run"], bad["error"], fine["error"]) == ("runs/bad", 1, 0)
    assert (bad["kind"], 0 < bad["worked_s"] < 60) == ("run", True)
    for words in (("bad", "--json"), ("--json", "bad")):
        assert runs.words("runs", *words) == 0
        assert runs.answer == bad


def test_one_run_is_shown(runs: Shell) -> None:
    assert runs.words("runs", "bad") == 0
    assert "leads.csv" in runs.out
    assert "bad_id" in runs.out
    (whole,) = (line for line in runs.out.splitlines() if line.startswith("sha256"))
    assert len(whole.split()[1]) == 64
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
    assert runs.words("results", "fine", "--attempts") == 0  # one file more to be removed
    prune = ("prune", "--older-than", "0d")
    assert runs.words("runs", *prune) == 2
    assert runs.err.splitlines() == refused(
        "Nothing was removed: there is no terminal to ask. Add --yes to remove without asking."
    )
    assert "fine" in runs.out
    runs.typing("n\n")
    assert runs.words("runs", *prune) == 2
    assert "Remove 2 finished runs older than 0d (" in runs.err
    assert len(list(Path("runs").iterdir())) == 2
    runs.typing("y\n")
    assert runs.words("runs", "--json", *prune) == 0
    assert [run["run"] for run in runs.answer["runs"]] == ["runs/bad", "runs/fine"]
    assert runs.last_line.endswith("pruned: 2 runs; next: nothing to do")
    assert list(Path("runs").iterdir()) == []


def test_the_time_that_is_shown_is_the_time_at_work(shell: Shell) -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    ended = {"state": RunState.FINISHED, "started_at": began}
    ended["ended_at"] = began + timedelta(hours=3)
    remember(default_state_dir(), recorded(Path("runs/earlier-version"), **ended))
    remember(default_state_dir(), recorded(Path("runs/this-one"), **ended, worked_s=41.5))
    assert shell.words("runs") == 0
    took = {" ".join(line.split()[-3:]) for line in shell.out.splitlines()[1:]}
    assert took == {"3 h earlier-version", "42 s this-one"}


def test_a_question_and_the_time_before_a_resume_are_no_time_at_work(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = time.monotonic

    def answer_after_1000_s() -> str:
        monkeypatch.setattr(time, "monotonic", lambda: now_s() + 1000)
        return "y\n"

    shell.typing(answer_after_1000_s)
    shell.run(shell.leads(pausing(3)), out=Path("runs/slow"))
    assert 0 < (read_record(Path("runs/slow/run.json")).took_s or 0) < 100
    shell.api.answer = interrupting(1)
    shell.run(shell.leads(pausing(4)), yes=True, out=Path("runs/broken"), concurrency="1")
    path = Path("runs/broken/run.json")
    earlier = {"worked_s": 2000.0, "started_at": datetime(2026, 1, 1, tzinfo=UTC)}
    RunFile(path).write(read_record(path).model_copy(update=earlier))
    assert shell.resume("broken", yes=True) == 0
    assert 2000 < (read_record(path).took_s or 0) < 2100


def test_results_can_tell_every_attempt(runs: Shell) -> None:
    assert runs.words("results", "bad", "--attempts") == 1
    assert "runs/bad/history.csv: 1 attempt.\n" in runs.err
    (attempt,) = read_rows(Path("runs/bad/history.csv"))
    assert (attempt["line"], attempt["attempt"], attempt["http_status"]) == ("2", "1", "200")
    assert runs.words("results", "bad", "--attempts", "--with-retries") == 2
    assert runs.err.startswith("--attempts: found --with-retries, too;")


def test_latest_is_the_newest_run_and_is_named_first(runs: Shell) -> None:
    runs.run(runs.leads(pausing(2)), yes=True, out=Path("elsewhere"))
    assert runs.words("runs", "latest") == 0
    assert runs.err.startswith("The latest run: runs/bad, begun on 20")
    assert runs.last_line.startswith("finished: runs/bad; ")
    assert runs.words("results", "latest") == 1
    assert runs.last_line.startswith("finished: 1 success, 1 error")


def test_latest_is_of_the_folder_that_the_settings_file_names(runs: Shell) -> None:
    runs.run(runs.leads(pausing(2)), yes=True, out=Path("others/mine"))
    runs.run(runs.leads(pausing(3)), yes=True, out=Path("runs/newer"))
    Path("other.toml").write_text('[run]\nruns_dir = "others"\n', "utf-8")
    runs.typing("n")
    runs.words("undo", "latest", "--config", "other.toml")
    assert runs.err.startswith("The latest run: others/mine, begun on 20")


def test_a_folder_called_latest_wins(runs: Shell) -> None:
    runs.run(runs.leads(pausing(2)), yes=True, out=Path("runs/latest"))
    runs.run(runs.leads(pausing(3)), yes=True, out=Path("runs/newer"))
    assert runs.words("runs", "latest") == 0
    assert runs.last_line == "finished: runs/latest; next: nothing to do"
    Path("latest").mkdir()
    assert runs.words("runs", "latest") == 2
    assert "latest/run.json: is not there." in runs.err


@pytest.mark.parametrize("command", ["undo", "apply", "retry", "resume"])
def test_without_a_terminal_latest_changes_nothing(shell: Shell, command: str) -> None:
    assert shell.words(command, "latest", "--yes") == 2
    assert shell.err.splitlines() == refused(
        "latest: found no terminal, where somebody can see which run that is; expected the run's "
        "name. `sendkit-batch runs` lists them."
    )


def test_at_a_terminal_latest_is_named_before_anything_else(runs: Shell) -> None:
    runs.typing("n")
    runs.words("undo", "latest", "--quiet")
    assert runs.err.startswith("The latest run: runs/bad, begun on 20")


def test_a_run_whose_retries_left_nothing_failed_names_the_last(shell: Shell) -> None:
    failed = {"counts": {Result.ERROR: 1}, "reasons": {Reason.SERVER_ERROR: 1}}
    well = {"counts": {Result.SUCCESS: 1}, "reasons": {Reason.APPLIED: 1}}
    ids = [f"{n}" * 16 for n in range(3)]
    for n, (run_id, changes) in enumerate(zip(ids, (failed, failed, well), strict=True)):
        origin = RunLink(id=ids[n - 1], folder="/x", first=ids[0]) if n else None
        began = datetime(2026, 11, 24, n, tzinfo=UTC)
        same = {"state": RunState.FINISHED, "rows": 1, "retry_of": origin, "started_at": began}
        remember(default_state_dir(), recorded(Path("runs", str(n)), id=run_id, **same, **changes))
        if n == 1:  # that failed once more
            shell.words("runs", "0")
            assert shell.last_line == "finished: runs/0; next: sendkit-batch retry runs/0"
    for name in ("0", "1"):
        assert shell.words("runs", name) == 0
        assert shell.last_line == (
            f"finished: runs/{name}; next: sendkit-batch runs runs/2 shows the retry after which "
            "no row is left failed"
        )
    shell.words("runs", "2")
    assert shell.last_line == "finished: runs/2; next: nothing to do"


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
    real = all_runs.remove_run  # of which `remove_runs` is made

    def remove(run: ListedRun, *, state_dir: Path) -> bool:
        if run.folder.name == "bad":
            (run.folder / "run.json").write_text("{}")
        return real(run, state_dir=state_dir)

    monkeypatch.setattr(all_runs, "remove_run", remove)
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
