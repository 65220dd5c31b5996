import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.errors import RunError
from batch.recording.history import KnownRuns, known_runs, own_runs
from batch.recording.run_list import LIST_NAME, forget
from batch.recording.run_list import remember as remember_as
from batch.recording.runfile import RunFile, RunRecord, RunState, read_record
from tests.recording.test_runfile import RECORD


def recorded(folder: Path, **changes: object) -> Path:
    """A run's folder with its record, which has an id of its own; not in anybody's list."""
    folder.mkdir(parents=True, mode=0o700)
    own = {"id": hashlib.sha256(bytes(folder)).hexdigest()[:16]}
    RunFile(folder / "run.json").write(RECORD.model_copy(update={**own, **changes}))
    return folder


def remember(state: Path, folder: Path) -> None:
    remember_as(state, folder, read_record(folder / "run.json"))


def started(hour: int) -> dict[str, object]:
    return {"started_at": datetime(2026, 11, 24, hour, tzinfo=UTC)}


def test_runs_in_the_list_are_found_wherever_they_are_the_newest_first(tmp_path: Path) -> None:
    state, runs = tmp_path / "state", tmp_path / "runs"
    older = recorded(runs / "older", **started(1))
    elsewhere = recorded(tmp_path / "out" / "elsewhere", **started(3))
    newer = recorded(runs / "newer", **started(2))
    for folder in (older, elsewhere, elsewhere, newer):
        remember(state, folder)
    assert [run.folder for run in own_runs(state, runs)] == [elsewhere, newer, older]
    assert [run.folder for run in own_runs(state)] == [elsewhere, newer, older]
    assert (state / LIST_NAME).read_text().count("\n") == 3


def test_what_merely_lies_in_the_folder_of_runs_is_of_others(tmp_path: Path) -> None:
    state, runs = tmp_path / "state", tmp_path / "runs"
    mine = recorded(runs / "mine", **started(1))
    remember(state, mine)
    planted = recorded(runs / "planted", **started(2))
    copy = recorded(runs / "copy", **started(3), id=read_record(mine / "run.json").id)
    redirected = recorded(runs / "redirected", **started(4))
    remember(state, redirected)
    record = read_record(redirected / "run.json")
    changed = record.model_copy(update={"base_url": "https://elsewhere.example"})
    RunFile(redirected / "run.json").write(changed)
    known = known_runs(state, runs)
    assert [run.folder for run in known.own] == [mine]
    assert [run.folder for run in known.others] == [redirected, copy, planted]


def test_a_moved_run_is_the_users_where_it_is_found(tmp_path: Path) -> None:
    state, runs = tmp_path / "state", tmp_path / "runs"
    remember(state, recorded(tmp_path / "before"))
    runs.mkdir()
    moved = (tmp_path / "before").rename(runs / "moved")
    assert [run.folder for run in own_runs(state, runs)] == [moved]
    assert own_runs(state) == []


def test_what_is_gone_or_no_run_is_left_out(tmp_path: Path) -> None:
    state, runs = tmp_path / "state", tmp_path / "runs"
    remember(state, recorded(tmp_path / "gone"))
    (tmp_path / "gone").rename(tmp_path / "moved")
    (runs / "empty").mkdir(parents=True)
    (runs / "other").mkdir()
    (runs / "other" / "run.json").write_text("{}")
    assert known_runs(state, runs) == KnownRuns(own=[], others=[], newer=[])


def test_a_list_with_a_line_cut_off_still_gives_the_others(tmp_path: Path) -> None:
    state = tmp_path / "state"
    run = recorded(tmp_path / "run")
    remember(state, run)
    with (state / LIST_NAME).open("a") as file:
        file.write('"/half')
    assert [each.folder for each in own_runs(state)] == [run]


def test_a_folder_with_a_line_break_in_its_name_is_remembered(tmp_path: Path) -> None:
    run = recorded(tmp_path / "a\nb")
    remember(tmp_path / "state", run)
    assert [each.folder for each in own_runs(tmp_path / "state")] == [run]


def test_a_run_that_is_forgotten_is_off_the_list(tmp_path: Path) -> None:
    state = tmp_path / "state"
    kept, other = recorded(tmp_path / "kept"), recorded(tmp_path / "other")
    forget(state, kept, read_record(kept / "run.json"))
    remember(state, kept)
    remember(state, other)
    forget(state, other, read_record(other / "run.json"))
    assert [run.folder for run in own_runs(state)] == [kept]


def test_a_list_that_cant_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(RunError, match=r"state: can't be written: "):
        remember_as(tmp_path / "state", tmp_path, RECORD)


def test_a_run_stopped_when_it_ended_or_when_its_record_was_last_written(tmp_path: Path) -> None:
    ended = datetime(2026, 11, 24, 5, tzinfo=UTC)
    recorded(tmp_path / "a", **started(2), state=RunState.STOPPED, ended_at=ended)
    killed = recorded(tmp_path / "b", **started(1))
    os.utime(killed / "run.json", (1_700_000_000, 1_700_000_000))
    first, second = known_runs(tmp_path / "state", tmp_path).others
    assert (first.stopped_at, first.is_finished) == (ended, False)
    assert second.stopped_at == datetime.fromtimestamp(1_700_000_000, UTC)


def test_records_of_runs_before_ids_are_read() -> None:
    text = RECORD.model_dump_json(exclude={"id", "working_since", "retry_of"})
    assert RunRecord.model_validate_json(text).id == ""
