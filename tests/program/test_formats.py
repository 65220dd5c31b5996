"""What a newer version of the program has made, by whole command lines."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from batch.columns import ADDED_COLUMNS
from batch.reading import layout
from batch.recording.history import known_runs
from batch.recording.journal_sql import SCHEMA_VERSION
from batch.recording.runfile import FORMAT
from batch.recording.state import default_state_dir
from tests.support.elsewhere import typed
from tests.support.shell import Shell
from tests.support.wired import interrupting, pausing

ROWS = 3
LONGER = (*ADDED_COLUMNS, "request_id")


def widen(path: Path, added: tuple[str, ...]) -> None:
    """Put these columns behind those of a spreadsheet, as a program of that format writes them."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*header, *added])
        writer.writerows([*row, *["x"] * len(added)] for row in rows)


@pytest.mark.parametrize("words", [("check",), ("run", "--yes"), ("plan",)])
def test_results_of_a_newer_version_are_refused_and_nothing_is_sent(
    shell: Shell, words: tuple[str, ...]
) -> None:
    shell.leads(pausing(ROWS))
    widen(Path("leads.csv"), LONGER)
    word, *options = words
    assert typed(shell, word, "leads.csv", *options) == (2, [])
    assert (
        'leads.csv: found the column "request_id" behind those that results add, as a newer '
        "version of this program writes"
    ) in " ".join(shell.err.split())


def test_a_run_whose_input_an_earlier_version_took_for_the_users_own_is_gone_on_with(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.leads(pausing(ROWS))
    widen(Path("leads.csv"), LONGER)
    with monkeypatch.context() as patch:
        patch.setattr(layout, "refuse_newer", lambda *_, **__: None)
        patch.setattr("tests.support.elsewhere.confirmed", interrupting(1))
        assert (
            typed(shell, "run", "leads.csv", "--yes", "--out", "a", "--concurrency", "1")[0] == 143
        )
    record = json.loads(Path("a/run.json").read_text("utf-8"))
    del record["input"]["found"]  # which earlier versions did not keep
    Path("a/run.json").write_text(json.dumps(record), "utf-8")
    assert typed(shell, "resume", "a", "--yes")[0] == 0
    with Path("a/results.csv").open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file))
    assert header[-len(LONGER) :] == ["request_id", *ADDED_COLUMNS]


def newer_record(folder: Path) -> None:
    """Make run.json one of a newer version: of its fields only the format is known to stay."""
    path = folder / "run.json"
    record = json.loads(path.read_text("utf-8"))
    more = {"format": FORMAT + 1, "versions": {"sendkit-batch": "9.1"}, "rows": "many", "new": True}
    path.write_text(json.dumps({**record, **more}), "utf-8")


def only_the_format(folder: Path) -> None:
    (folder / "run.json").write_text('{"format": 7, "versions": ["9.1"], "input": 3}', "utf-8")


def newer_journal(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "journal.sqlite")) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")


def newer_journal_of_a_killed_run(folder: Path) -> None:
    """What says the format is in the file beside the journal alone."""
    names = ("journal.sqlite", "journal.sqlite-wal")
    with closing(sqlite3.connect(folder / names[0])) as db:
        db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
        for name in names:
            shutil.copy(folder / name, name)
    for name in names:
        shutil.move(name, folder / name)
    assert (folder / names[1]).stat().st_size


RECORD = (
    "runs/mine/run.json: found a run of format {}; expected format {}. "
    "Use the version of this program that made it."
)
JOURNAL = (
    f"runs/mine/journal.sqlite: found a journal of format {SCHEMA_VERSION + 1}; expected format "
    f"{SCHEMA_VERSION}. Use the version of this program that made it."
)
each_kind = pytest.mark.parametrize(
    ("make_newer", "told"),
    [
        (newer_record, RECORD.format(f"{FORMAT + 1}, made by version 9.1", FORMAT)),
        (only_the_format, RECORD.format("7", FORMAT)),
        (newer_journal, JOURNAL),
        (newer_journal_of_a_killed_run, JOURNAL),
    ],
    ids=["run.json", "format alone", "journal", "journal of a killed run"],
)
MakeNewer = Callable[[Path], None]


@pytest.fixture
def mine(shell: Shell) -> Shell:
    """A run of the user's own that was broken off."""
    shell.leads(pausing(ROWS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.elsewhere.confirmed", interrupting(1))
        words = ("run", "leads.csv", "--yes", "--out", "runs/mine", "--concurrency", "1")
        assert typed(shell, *words)[0] == 143
    return shell


def told_files() -> dict[str, bytes]:
    """The run's files; without the journal's, which SQLite may put together again."""
    files = (path for path in Path("runs/mine").iterdir() if "journal" not in path.name)
    return {path.name: path.read_bytes() for path in files}


def said(shell: Shell) -> str:
    return " ".join(shell.err.split())


@pytest.mark.sampled(6)
@each_kind
@pytest.mark.parametrize(
    "words",
    [
        ("resume", "runs/mine", "--yes"),
        ("retry", "runs/mine", "--yes"),
        ("undo", "runs/mine", "--yes"),
        ("verify", "runs/mine"),
        ("results", "runs/mine"),
        ("results", "runs/mine", "--with-retries"),
        ("report", "runs/mine"),
        ("runs", "mine"),
        ("run", "leads.csv", "--yes", "--out", "runs/mine"),
    ],
)
def test_every_command_on_a_run_of_a_newer_version_is_refused(
    mine: Shell, make_newer: MakeNewer, told: str, words: tuple[str, ...]
) -> None:
    make_newer(Path("runs/mine"))
    before = told_files()
    exit_code, _ = typed(mine, *words)
    assert exit_code == 2
    assert told in said(mine)
    assert told_files() == before


@each_kind
def test_runs_names_a_run_of_a_newer_version_and_prune_leaves_it(
    mine: Shell, make_newer: MakeNewer, told: str
) -> None:
    make_newer(Path("runs/mine"))
    assert typed(mine, "runs")[0] == 0
    assert f"Made by a newer version of this program:\n   {told}\n" in mine.out
    assert mine.last_line == "listed: 0 runs; next: nothing to do"
    assert typed(mine, "runs", "--json")[0] == 0
    assert mine.answer["newer"] == [{"run": "runs/mine", "message": told}]
    assert (mine.answer["runs"], mine.answer["not_yours"]) == ([], [])
    assert typed(mine, "runs", "prune", "--older-than", "0d", "--yes")[0] == 0
    assert f"{told} It stays." in said(mine)
    assert mine.last_line == "pruned: 0 runs; next: nothing to do"
    assert Path("runs/mine/run.json").exists()


@each_kind
def test_a_job_names_a_run_of_a_newer_version_that_it_may_repeat(
    mine: Shell, make_newer: MakeNewer, told: str
) -> None:
    make_newer(Path("runs/mine"))
    note = f"{told} It may be an unfinished run of the same input; it is left as it is."
    assert typed(mine, "run", "leads.csv", "--yes", "--out", "runs/second")[0] == 0
    assert note in said(mine)
    for words in (("results", "runs/second", "--with-retries"), ("undo", "runs/second", "--yes")):
        typed(mine, *words)
        assert f"{told} If that run is a retry of runs/second, " in said(mine)
    mine.leads(pausing(ROWS + 1), name="other.csv")
    assert typed(mine, "run", "other.csv", "--yes", "--out", "runs/third")[0] == 0
    assert (note in said(mine)) == (make_newer is only_the_format)  # no other is of that input


def test_a_newer_run_that_is_not_in_the_list_is_left_out(mine: Shell) -> None:
    newer_record(mine.cwd / "runs" / "mine")
    shutil.copytree("runs/mine", "runs/copy")
    known = known_runs(default_state_dir(), Path("runs"))
    assert [run.folder for run in known.newer] == [Path("runs/mine")]
    assert (known.own, known.others) == ([], [])


def test_a_copy_of_a_run_that_a_newer_version_has_gone_on_with_is_not_ones_own(
    mine: Shell,
) -> None:
    shutil.copytree("runs/mine", "runs/copy")
    newer_record(mine.cwd / "runs" / "mine")
    known = known_runs(default_state_dir(), Path("runs"))
    assert [run.folder for run in known.newer] == [Path("runs/mine")]
    assert [run.folder for run in known.others] == [Path("runs/copy")]


@pytest.mark.usefixtures("mine")
def test_looking_for_a_newer_journal_leaves_no_trace() -> None:
    before = sorted(path.name for path in Path("runs/mine").iterdir())
    at = Path("runs/mine").stat().st_mtime_ns
    assert len(known_runs(default_state_dir(), Path("runs")).own) == 1
    assert sorted(path.name for path in Path("runs/mine").iterdir()) == before
    assert Path("runs/mine").stat().st_mtime_ns == at
