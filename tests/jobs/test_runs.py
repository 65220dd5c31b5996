import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from batch.errors import InputError, RunError, SettingsError, UsageError
from batch.jobs.runs import (
    ListedRun,
    describe_run,
    find_run,
    latest_run,
    list_runs,
    parse_age,
    prunable,
    remove_run,
)
from batch.model import Reason, Result
from batch.recording import folder as run_folder
from batch.recording.locks import lock_input
from batch.recording.run_list import list_entries
from batch.recording.runfile import RunLink, RunState, RunUndone, read_record
from batch.wording.runs import BROKE_OFF
from tests.recording.test_history import recorded, remember
from tests.recording.test_runfile import RECORD

NOW = datetime.now(UTC)
FINISHED = {"state": RunState.FINISHED, "ended_at": NOW - timedelta(days=100)}


def listed(tmp_path: Path) -> dict[str, ListedRun]:
    known = list_runs(tmp_path / "state", tmp_path / "runs")
    return {run.folder.name: run for run in known.own}


def own(folder: Path, **changes: object) -> Path:
    """A run in the user's list."""
    recorded(folder, **changes)
    remember(folder.parents[1] / "state", folder)
    return folder


def test_a_run_that_says_it_is_running_broke_off_unless_a_process_holds_its_lock(
    tmp_path: Path,
) -> None:
    folder = own(tmp_path / "runs" / "a")
    own(tmp_path / "runs" / "b")
    sha256, base_url = RECORD.input.sha256, RECORD.base_url
    with lock_input(tmp_path / "state", sha256=sha256, base_url=base_url, run=folder):
        assert {name: run.state for name, run in listed(tmp_path).items()} == {
            "a": "running",
            "b": BROKE_OFF,
        }
    assert listed(tmp_path)["a"].state == BROKE_OFF


TRIED = "0123456789abcdef"
UNDO = RunUndone(id="", folder="/x")
LATEST_RUNS: dict[str, dict[str, object]] = {  # the oldest first, all finished
    "plan": {"state": RunState.PLANNED, "planned_at": NOW, "counts": {Result.UNSENT: 3}},
    "broken": {"state": RunState.STOPPED, "counts": {Result.SUCCESS: 1}},
    "failed": {
        "counts": {Result.SUCCESS: 1, Result.ERROR: 2},
        "reasons": {Reason.SERVER_ERROR: 1, Reason.BAD_ID: 1},
    },
    "tried": {"id": TRIED, "counts": {Result.UNSENT: 2}},
    "tried-again": {
        "rows": 2,
        "counts": {Result.SUCCESS: 2},
        "retry_of": RunLink(id=TRIED, folder="/x", first=TRIED),
    },
    "to-mend": {"rows": 1, "counts": {Result.ERROR: 1}, "reasons": {Reason.BAD_ID: 1}},
    "fine": {"counts": {Result.SUCCESS: 3}},
    "undone": {"counts": {Result.SUCCESS: 3}, "undo_of": UNDO},
    "applied": {"counts": {Result.SUCCESS: 3}, "planned_at": NOW, "undo_of": UNDO},
    "nothing": {"counts": {Result.SKIPPED: 3}},
    "practice": {"sandbox": True, "counts": {Result.UNSENT: 3}},
}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("undo", "fine"),
        ("apply", "plan"),
        ("retry", "failed"),
        ("resume", "broken"),
        ("verify", "nothing"),
        ("runs", "nothing"),
    ],
)
def test_the_latest_run_is_the_newest_on_which_the_command_makes_sense(
    tmp_path: Path, command: str, name: str
) -> None:
    for hour, (folder, changes) in enumerate(LATEST_RUNS.items()):
        began = {"started_at": NOW + timedelta(hours=hour)}
        own(tmp_path / "runs" / folder, **{**FINISHED, **began, **changes})
    later = NOW + timedelta(days=1)
    own(tmp_path / "elsewhere" / "newer", **FINISHED, started_at=later)
    recorded(tmp_path / "runs" / "not-listed", **FINISHED, started_at=later)
    where = {"state_dir": tmp_path / "state", "runs_dir": tmp_path / "runs"}
    assert latest_run(command, **where).folder.name == name
    with pytest.raises(UsageError, match=r"^latest: found no run"):
        latest_run(command, **{**where, "runs_dir": tmp_path / "none"})


def test_a_run_at_work_is_found_however_its_folder_is_spelled(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "a")
    (tmp_path / "elsewhere").mkdir()
    sha256, base_url = RECORD.input.sha256, RECORD.base_url
    spelled = tmp_path / "elsewhere" / ".." / "runs" / "a"
    with lock_input(tmp_path / "state", sha256=sha256, base_url=base_url, run=spelled):
        run = describe_run(folder, RECORD, state_dir=tmp_path / "state")
    assert run.state == "running"


def test_what_a_run_did_not_get_to_is_unsent(tmp_path: Path) -> None:
    own(tmp_path / "runs" / "a", rows=9, counts={Result.SUCCESS: 4, Result.ERROR: 1})
    counts = listed(tmp_path)["a"].counts
    assert list(counts.values()) == [4, 1, 0, 4]


def test_a_draft_that_vanishes_while_it_is_looked_at_is_no_matter(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "a")
    before = listed(tmp_path)["a"].size_bytes
    (folder / "gone").symlink_to("nowhere")
    assert listed(tmp_path)["a"].size_bytes == before


def test_practice_is_running_as_long_as_it_writes_its_record(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "a", sandbox=True)
    assert listed(tmp_path)["a"].state == "running"
    os.utime(folder / "run.json", (1_700_000_000, 1_700_000_000))
    assert listed(tmp_path)["a"].state == BROKE_OFF


def test_the_size_of_a_run_is_that_of_its_files(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "a")
    before = listed(tmp_path)["a"].size_bytes
    (folder / "input.csv").write_bytes(b"x" * 1000)
    assert listed(tmp_path)["a"].size_bytes == before + 1000


def test_a_run_is_found_by_its_path_or_by_its_name_alone(tmp_path: Path) -> None:
    folder = own(tmp_path / "out" / "mine")
    state, runs = tmp_path / "state", tmp_path / "runs"
    assert find_run(str(folder), state_dir=state, runs_dir=runs) == folder
    assert find_run("mine", state_dir=state, runs_dir=runs) == folder
    assert find_run("no/such", state_dir=state, runs_dir=runs) == Path("no/such")
    with pytest.raises(UsageError) as caught:
        find_run("other", state_dir=state, runs_dir=runs)
    assert str(caught.value) == (
        "other: found no run; expected the folder of an earlier one. `sendkit-batch runs` lists "
        "them."
    )


def test_a_name_that_two_runs_have_is_refused(tmp_path: Path) -> None:
    first = own(tmp_path / "out" / "mine")
    second = own(tmp_path / "runs" / "mine")
    with pytest.raises(UsageError) as caught:
        find_run("mine", state_dir=tmp_path / "state", runs_dir=tmp_path / "runs")
    assert str(caught.value).startswith("mine: found 2 runs of that name; expected one.")
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_only_finished_runs_that_ended_long_ago_may_be_taken_away(tmp_path: Path) -> None:
    own(tmp_path / "runs" / "old", **FINISHED)
    own(tmp_path / "runs" / "young", **{**FINISHED, "ended_at": NOW - timedelta(days=80)})
    own(tmp_path / "runs" / "stopped", **{**FINISHED, "state": RunState.STOPPED})
    own(tmp_path / "runs" / "killed")
    old = prunable(listed(tmp_path).values(), older_than=timedelta(days=90))
    assert [run.folder.name for run in old] == ["old"]


def test_a_run_is_taken_away_with_its_folder_and_off_the_list(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    names = (
        "input.csv", "journal.sqlite", "journal.sqlite-wal", "lines.csv", "results.csv",
        "results-2.csv", "failed-with-retries.csv", "failed.xlsx", "failed-with-retries-2.xlsx",
        ".results.csv-x1.part", "error.txt", "resolved.parquet",
        "plan.parquet", ".judged-x1.part",
    )  # fmt: skip
    for name in names:
        (folder / name).touch()
    assert remove_run(listed(tmp_path)["old"], state_dir=tmp_path / "state")
    assert not folder.exists()
    assert listed(tmp_path) == {}


def test_files_of_somebody_else_in_the_folder_stay(tmp_path: Path) -> None:
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    theirs = ["failed mended.csv", "input_from_anna.csv", "results (1).csv", "results-checked.csv"]
    for name in theirs:
        (folder / name).touch()
    assert not remove_run(listed(tmp_path)["old"], state_dir=tmp_path / "state")
    assert sorted(path.name for path in folder.iterdir()) == theirs


def test_a_run_that_is_not_the_users_is_told_by_its_path_alone(tmp_path: Path) -> None:
    mine = own(tmp_path / "runs" / "mine")
    planted = recorded(tmp_path / "runs" / "planted", **FINISHED)
    known = list_runs(tmp_path / "state", tmp_path / "runs")
    assert [run.folder for run in known.own] == [mine]
    assert known.others == (planted,)
    assert prunable(known.own, older_than=timedelta(0)) == []


def test_a_name_alone_is_that_of_a_run_in_the_list(tmp_path: Path) -> None:
    planted = recorded(tmp_path / "runs" / "planted")
    with pytest.raises(UsageError) as caught:
        find_run("planted", state_dir=tmp_path / "state", runs_dir=tmp_path / "runs")
    assert str(caught.value) == (
        f"planted: found no run of that name in your list of runs. If you mean {planted}, which "
        "is not in it, name it by that path."
    )


each_way = pytest.mark.parametrize("by_descriptor", [True, False], ids=["descriptor", "path"])


@each_way
def test_a_link_among_the_files_of_a_run_is_taken_away_and_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_descriptor: bool
) -> None:
    monkeypatch.setattr(run_folder, "_HAS_DIR_FD", by_descriptor)
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "a.csv").write_text("a")
    (folder / "results.csv").symlink_to(precious / "a.csv")
    (folder / ".snapshot-x.part").symlink_to(precious)
    (folder / ".drafts-y.part").mkdir()
    (folder / ".drafts-y.part" / "b").touch()
    assert remove_run(listed(tmp_path)["old"], state_dir=tmp_path / "state")
    assert not folder.exists()
    assert (precious / "a.csv").read_text() == "a"


@each_way
def test_a_folder_that_is_called_like_a_file_of_ours_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_descriptor: bool
) -> None:
    monkeypatch.setattr(run_folder, "_HAS_DIR_FD", by_descriptor)
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    (folder / "report.html").mkdir()
    (folder / "results.csv").touch()
    assert not remove_run(listed(tmp_path)["old"], state_dir=tmp_path / "state")
    assert [path.name for path in folder.iterdir()] == ["report.html"]
    assert list_runs(tmp_path / "state", tmp_path / "runs").own == []


@each_way
def test_a_folder_that_another_run_has_taken_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_descriptor: bool
) -> None:
    monkeypatch.setattr(run_folder, "_HAS_DIR_FD", by_descriptor)
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    run = listed(tmp_path)["old"]
    folder.rename(tmp_path / "moved")
    recorded(folder, id="f" * 16)
    with pytest.raises(RunError) as caught:
        remove_run(run, state_dir=tmp_path / "state")
    assert str(caught.value) == (
        f"{folder}: was left as it is. Another run is in its folder by now."
    )
    assert (folder / "run.json").exists()


@each_way
def test_a_folder_that_became_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, by_descriptor: bool
) -> None:
    monkeypatch.setattr(run_folder, "_HAS_DIR_FD", by_descriptor)
    folder = own(tmp_path / "runs" / "old", **FINISHED)
    record = read_record(folder / "run.json")
    link = tmp_path / "link"
    link.symlink_to(folder)
    with pytest.raises((OSError, InputError)):
        run_folder.remove_files(link, record, ["results.csv"])
    assert (folder / "run.json").exists()


def test_a_moved_run_is_taken_off_the_list_with_its_folder(tmp_path: Path) -> None:
    before = own(tmp_path / "out" / "old", **FINISHED)
    (tmp_path / "runs").mkdir()
    before.rename(tmp_path / "runs" / "moved")
    assert remove_run(listed(tmp_path)["moved"], state_dir=tmp_path / "state")
    assert list_entries(tmp_path / "state") == []


@pytest.mark.parametrize(
    ("text", "hours"), [("90d", 90 * 24), ("12w", 12 * 7 * 24), ("36h", 36), (" 0D ", 0)]
)
def test_an_age_is_a_number_and_its_unit(text: str, hours: int) -> None:
    assert parse_age(text) == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1.5d", "9 d", "1m", "999999d", "²d"])
def test_another_age_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_age(text)
    assert str(caught.value) == (
        f"--older-than: found {text!r}; expected a number of days, weeks or hours, as 90d, 12w or "
        "36h."
    )
