import hashlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batch.api.sendkit import Workspace
from batch.errors import SettingsError
from batch.jobs.opening import OpenRun, open_run
from batch.jobs.preflight import Preflight
from batch.jobs.unfinished import find_unfinished, unfinished_in
from batch.model import Result
from batch.recording.journal import Journal
from batch.recording.runfile import RunFile, RunLink, RunState, RunWorkspace, read_record
from batch.settings.model import Settings
from batch.terminal.remedies import in_terminal
from tests.recording.test_history import remember
from tests.recording.test_runfile import RECORD
from tests.support.wired import pausing, request_of, write_leads

WORKSPACE = Workspace(id="5f0000000000000000000001", name="Acme")
ACME = Preflight(workspace=WORKSPACE, labels=("Interested",))
NOW = datetime.now(UTC)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return write_leads(tmp_path / "leads.csv", pausing(3))


@pytest.fixture
def opened(leads: Path) -> Iterator[OpenRun]:
    with open_run(request_of(leads)) as opened:
        yield opened


def earlier(leads: Path, name: str = "earlier", **changes: Any) -> Path:  # noqa: ANN401 - fields of RunRecord
    """A run of the same, which stopped two hours ago, but for what is changed of it."""
    folder = leads.parent / "out" / name
    folder.mkdir(parents=True)
    sha256 = hashlib.sha256(leads.read_bytes()).hexdigest()
    same: dict[str, object] = {
        "state": RunState.STOPPED,
        "input": RECORD.input.model_copy(update={"sha256": sha256}),
        "settings": Settings().public(),
        "rows": 3,
        "counts": {Result.SUCCESS: 1, Result.UNSENT: 2},
        "started_at": NOW - timedelta(hours=3),
        "ended_at": datetime.now(UTC) - timedelta(hours=2, seconds=-20),
    }
    record = RECORD.model_copy(update={**same, **changes})
    named_once = {**record.settings, "api": {}} if "base_url" in changes else record.settings
    RunFile(folder / "run.json").write(record.model_copy(update={"settings": named_once}))
    remember(request_of(leads).session.state_dir, folder)
    return folder


def test_a_run_that_broke_off_and_asked_the_same_is_found(leads: Path, opened: OpenRun) -> None:
    folder = earlier(leads)
    found = find_unfinished(opened, ACME)
    assert found is not None
    assert found.run.folder == folder
    assert str(found) == (
        f"{folder}, an unfinished run of the same input, stopped 2 h ago with 2 of 3 rows left"
    )
    assert found.is_recent(Settings())
    assert not found.is_recent(Settings.model_validate({"run": {"resume_within_h": 1.5}}))


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://eu.sendkit.ai"},
        {"workspace": RunWorkspace(id="b" * 24, name="Acme")},
        {"workspace": None},
        {"sandbox": True},
        {"tag_check": False},
        {"settings": Settings.model_validate({"input": {"clear_word": "none"}}).public()},
        {"settings": Settings.model_validate({"input": {"on_conflict": "last-wins"}}).public()},
        {"settings": Settings.model_validate({"columns": {"status": "Status"}}).public()},
        {"settings": Settings.model_validate({"api": {"id_pattern": "[a-z]+"}}).public()},
        {"retry_of": RunLink(id="1" * 16, folder="/x", first="1" * 16, lines_sha256="ab" * 32)},
        {"state": RunState.FINISHED},
        {"settings": {"pace": {"of_a_later_version": 1}}},
    ],
    ids=",".join,
)
def test_a_run_that_did_something_else_is_none(
    leads: Path, opened: OpenRun, changes: dict[str, Any]
) -> None:
    earlier(leads, **changes)
    assert find_unfinished(opened, ACME) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "ab" * 32},
        {"sheet": "Two"},
        {"encoding": "cp1252"},
        {"delimiter": ";"},
        {"campaign": "Spring"},
    ],
    ids=",".join,
)
def test_a_run_of_other_rows_is_none(
    leads: Path, opened: OpenRun, changes: dict[str, object]
) -> None:
    sha256 = opened.input.sha256
    earlier(leads, input=RECORD.input.model_copy(update={"sha256": sha256, **changes}))
    assert find_unfinished(opened, ACME) is None


def test_how_fast_a_run_went_makes_no_other_run_of_it(leads: Path, opened: OpenRun) -> None:
    earlier(leads, settings=Settings.model_validate({"pace": {"rate": 7}}).public())
    assert find_unfinished(opened, ACME) is not None


def test_where_the_workspace_is_not_known_no_run_is_the_same(leads: Path, opened: OpenRun) -> None:
    earlier(leads, workspace=None)
    assert find_unfinished(opened, Preflight(workspace=None, labels=None)) is None


def test_the_latest_run_counts_so_a_finished_one_makes_those_before_it_out_of_date(
    leads: Path, opened: OpenRun
) -> None:
    earlier(leads, "old")
    late = {"started_at": NOW - timedelta(hours=1)}
    earlier(leads, "new", state=RunState.FINISHED, **late)
    assert find_unfinished(opened, ACME) is None


def test_a_run_whose_rows_a_retry_has_finished_is_out_of_date(leads: Path, opened: OpenRun) -> None:
    run = earlier(leads)
    link = RunLink(id=RECORD.id, folder=str(run), first=RECORD.id, lines_sha256="ab" * 32)
    late = NOW - timedelta(hours=1)
    retry = earlier(leads, "retry", id="2" * 16, started_at=late, retry_of=link)
    assert find_unfinished(opened, ACME) is not None
    RunFile(retry / "run.json").write(
        read_record(retry / "run.json").model_copy(update={"state": RunState.FINISHED})
    )
    assert find_unfinished(opened, ACME) is None


def test_practice_that_is_at_work_is_none_so_two_can_go_side_by_side(leads: Path) -> None:
    request = request_of(leads, sandbox=True, access=None)
    running: dict[str, Any] = {"sandbox": True, "state": RunState.RUNNING, "ended_at": None}
    folder = earlier(leads, **running)
    with open_run(request) as opened:
        with closing(Journal.create(folder / "journal.sqlite")):
            assert find_unfinished(opened, ACME) is None
        assert find_unfinished(opened, ACME) is not None


def test_an_address_in_capitals_is_the_same(leads: Path, opened: OpenRun) -> None:
    earlier(leads, base_url="https://API.sendkit.ai")
    assert find_unfinished(opened, ACME) is not None


def test_of_two_unfinished_runs_the_later_is_found(leads: Path, opened: OpenRun) -> None:
    earlier(leads, "old")
    late = earlier(leads, "new", started_at=NOW - timedelta(hours=1))
    found = find_unfinished(opened, ACME)
    assert found is not None
    assert found.run.folder == late


def test_the_run_in_a_folder_of_ones_own_is_found_if_it_asked_the_same(leads: Path) -> None:
    assert unfinished_in(leads.parent / "nothing", request_of(leads)) is None
    folder = earlier(leads)
    found = unfinished_in(folder, request_of(leads))
    assert found is not None
    assert found.run.folder == folder


def test_a_finished_run_in_the_folder_is_refused(leads: Path) -> None:
    folder = earlier(leads, state=RunState.FINISHED)
    with pytest.raises(SettingsError) as caught:
        unfinished_in(folder, request_of(leads))
    assert in_terminal(caught.value) == f"{folder}: holds a finished run. Name another --out."


def test_an_unfinished_run_of_something_else_in_the_folder_is_refused(leads: Path) -> None:
    folder = earlier(leads)
    leads.write_text(leads.read_text() + "\n")
    with pytest.raises(SettingsError) as caught:
        unfinished_in(folder, request_of(leads))
    assert in_terminal(caught.value) == (
        f"{folder}: holds an unfinished run of other content or other settings. Name another "
        f"--out. To go on with that one: sendkit-batch resume {folder}"
    )
