from pathlib import Path

import pytest

from batch.jobs.unfinished import linked_runs, retried_note
from batch.recording.runfile import RunLink, RunState, read_record
from tests.recording.test_history import recorded, remember


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def mine(tmp_path: Path, state: Path) -> Path:
    folder = recorded(tmp_path / "runs" / "mine")
    remember(state, folder)
    return folder


def retry_of(folder: Path, *, at: Path) -> Path:
    """A run that says that it is a retry of that one, and that all is done."""
    run_id = read_record(folder / "run.json").id
    link = RunLink(id=run_id, folder=str(folder), first=run_id, lines_sha256="ab" * 32)
    return recorded(at, retry_of=link, state=RunState.FINISHED)


def test_a_planted_retry_is_none_of_a_run_of_ones_own(
    tmp_path: Path, state: Path, mine: Path
) -> None:
    planted = retry_of(mine, at=tmp_path / "runs" / "planted")
    assert [run.folder for run in linked_runs(mine, state_dir=state).runs] == [mine]
    assert retried_note(mine, read_record(mine / "run.json"), state_dir=state) == ()
    remember(state, planted)
    assert [run.folder for run in linked_runs(mine, state_dir=state).runs] == [mine, planted]
    assert retried_note(mine, read_record(mine / "run.json"), state_dir=state) != ()


def test_a_run_that_is_not_ones_own_stands_alone(tmp_path: Path, state: Path, mine: Path) -> None:
    planted = retry_of(mine, at=tmp_path / "runs" / "planted")
    linked = linked_runs(planted, state_dir=state)
    assert [run.folder for run in linked.runs] == [planted]
    assert linked.notes == (
        f"{planted} is not in your list of runs, so it is told without its retries.",
    )
