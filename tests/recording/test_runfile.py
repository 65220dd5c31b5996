import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from batch.errors import InputError, RunError
from batch.model import Reason, Result
from batch.recording.runfile import (
    FORMAT,
    RunFile,
    RunInput,
    RunRecord,
    RunState,
    RunWorkspace,
    read_record,
)

RECORD = RunRecord(
    state=RunState.RUNNING,
    pace="5 requests a second",
    versions={"sendkit-batch": "0.1.0"},
    input=RunInput(name="leads.csv", sha256="ab" * 32, size_bytes=120),
    base_url="https://api.sendkit.ai",
    workspace=RunWorkspace(id="5f0000000000000000000001", name="Acme"),
    settings={"pace": {"rate": "auto"}},
    pid=4711,
    id="0123456789abcdef",
    started_at=datetime(2026, 11, 24, 20, 19, tzinfo=UTC),
    working_since=datetime(2026, 11, 24, 20, 20, tzinfo=UTC),
    rows=3,
    counts={Result.SUCCESS: 2},
    reasons={Reason.APPLIED: 2},
    requests=2,
)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.json"


def requests_in(path: Path) -> object:
    return json.loads(path.read_text())["requests"]


def with_requests(requests: int) -> RunRecord:
    return RECORD.model_copy(update={"requests": requests})


def test_run_json_says_what_the_run_is_and_how_far_it_got(path: Path) -> None:
    RunFile(path).write(RECORD)

    assert json.loads(path.read_text()) == {
        "format": 3,
        "id": "0123456789abcdef",
        "state": "running",
        "exit_code": None,
        "stop_reason": "",
        "pace": "5 requests a second",
        "budget": None,
        "versions": {"sendkit-batch": "0.1.0"},
        "input": {
            "name": "leads.csv",
            "sha256": "ab" * 32,
            "size_bytes": 120,
            "copy_name": "input.csv",
            "original": None,
            "sheet": None,
            "encoding": None,
            "delimiter": None,
            "header_row": None,
            "campaign": None,
            "workspace": None,
            "found": None,
            "mends_sha256": None,
        },
        "base_url": "https://api.sendkit.ai",
        "workspace": {"id": "5f0000000000000000000001", "name": "Acme"},
        "settings": {"pace": {"rate": "auto"}},
        "pid": 4711,
        "started_at": "2026-11-24T20:19:00Z",
        "worked_s": None,
        "working_since": "2026-11-24T20:20:00Z",
        "ended_at": None,
        "rows": 3,
        "counts": {"success": 2},
        "reasons": {"applied": 2},
        "requests": 2,
        "moves": [],
        "sandbox": False,
        "tag_check": True,
        "labels_failed": False,
        "resumed": 0,
        "retry_of": None,
        "is_planned": False,
        "planned_at": None,
        "undo_of": None,
        "plan_sha256": None,
        "ran_by": [],
        "campaigns": {},
        "section": "",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_record_reads_back_as_it_was_written(path: Path) -> None:
    RunFile(path).write(RECORD)

    assert RunRecord.model_validate_json(path.read_bytes()) == RECORD


@pytest.mark.parametrize("earlier", range(1, FORMAT))
def test_a_record_of_an_earlier_format_is_read(path: Path, earlier: int) -> None:
    old = RECORD.model_copy(update={"format": earlier})
    RunFile(path).write(old)
    assert read_record(path) == old


def test_updates_are_written_at_most_once_a_second(path: Path) -> None:
    clock = Clock()
    file = RunFile(path, clock=clock)

    written = []
    for tenths in range(25):
        clock.now_s = 100 + tenths / 10
        if file.update(with_requests(tenths)):
            written.append(tenths)

    assert written == [0, 10, 20]
    assert requests_in(path) == 20


def test_write_never_waits_and_puts_the_next_update_off(path: Path) -> None:
    clock = Clock()
    file = RunFile(path, clock=clock)
    assert file.update(with_requests(1))
    clock.now_s += 0.9

    file.write(with_requests(2))
    assert requests_in(path) == 2
    clock.now_s += 0.9
    assert not file.update(with_requests(3))
    assert requests_in(path) == 2


def test_a_reader_that_holds_the_file_open_delays_an_update_and_fails_the_last_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    file = RunFile(path, clock=clock)
    file.write(with_requests(1))
    with monkeypatch.context() as windows:
        windows.setattr(Path, "replace", held_open)
        clock.now_s += 1
        assert not file.update(with_requests(2))
        with pytest.raises(RunError) as caught:
            file.write(with_requests(2))
    assert requests_in(path) == 1
    clock.now_s += 1
    assert file.update(with_requests(3))
    assert requests_in(path) == 3
    assert str(caught.value) == (
        f"{path.parent}: run.json can't be replaced. Close the program that has the file open."
    )
    assert list(path.parent.iterdir()) == [path]


def held_open(_: Path, target: Path) -> Path:
    raise PermissionError(13, "Permission denied", str(target))


def test_times_without_a_zone_are_refused() -> None:
    fields = RECORD.model_dump() | {"started_at": datetime(2026, 11, 24)}  # noqa: DTZ001 - the point

    with pytest.raises(ValidationError, match="timezone"):
        RunRecord.model_validate(fields)


def test_an_update_that_the_disk_refuses_is_left_for_the_next_time(tmp_path: Path) -> None:
    clock = Clock()
    file = RunFile(tmp_path / "gone" / "run.json", clock=clock)
    assert not file.update(RECORD)
    (tmp_path / "gone").mkdir()
    clock.now_s += 1.0
    assert file.update(RECORD)


def test_a_record_that_is_none_is_refused(path: Path) -> None:
    path.write_text("{}")
    with pytest.raises(InputError) as caught:
        read_record(path)
    assert str(caught.value) == (
        f"{path}: is no record of a run of this version. Name the folder of a run."
    )


def test_a_name_whose_bytes_are_no_utf_8_is_kept_with_escapes(tmp_path: Path) -> None:
    named = RunInput(
        name="l\udce9ads.csv", original="/l\udce9ads.csv", sha256="ab" * 32, size_bytes=1
    )
    RunFile(tmp_path / "run.json").write(RECORD.model_copy(update={"input": named}))
    read = read_record(tmp_path / "run.json").input
    assert (read.name, read.original) == (r"l\udce9ads.csv", r"/l\udce9ads.csv")


def written(path: Path, change: dict[str, Any]) -> Path:
    """A record with some of its values changed; a dot leads into a part of it."""
    content = json.loads(RECORD.model_dump_json())
    for name, value in change.items():
        *into, last = name.split(".")
        part = content
        for each in into:
            part = part.setdefault(each, {})
        part[last] = value
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"input.copy_name": "../precious.csv"},
        {"input.copy_name": "input.csv/../../precious.csv"},
        {"input.copy_name": "/etc/passwd"},
        {"input.copy_name": "input..csv/"},
        {"input.copy_name": "input.c\\..\\x"},
        {"input.copy_name": "journal.sqlite"},
        {"input.copy_name": "input.csv\n"},
        {"input.copy_name": "*"},
        {"input.copy_name": ""},
        {"input.sha256": "ab"},
        {"input.size_bytes": -1},
        {"id": "../../x"},
        {"id": "0123456789ABCDEF"},
        {"id": "0123456789abcdef\n"},
        {"retry_of": {"id": "x", "folder": "/x", "first": "", "lines_sha256": "ab" * 32}},
        {"undo_of": {"id": "x/y", "folder": "/x"}},
        {"settings.api": {"base_url": "https://elsewhere.example"}},
        {"rows": "3"},
        {"rows": 1e9},
        {"rows": 10**400},
        {"sandbox": 1},
        {"counts": {"success": "many"}},
        {"reasons": {"unheard_of": 1}},
        {"started_at": "yesterday"},
        {"anything": "else"},
    ],
    ids=str,
)
def test_what_is_not_as_this_program_writes_it_is_no_record(
    path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as caught:
        read_record(written(path, change))
    assert str(caught.value) == (
        f"{path}: is no record of a run of this version. Name the folder of a run."
    )


@pytest.mark.parametrize(
    "name", ["input", "input.csv", "input.CSV.gz", "input.csv (1)", "input.xlsx", "input.änd"]
)
def test_every_name_that_a_copy_gets_is_one(path: Path, name: str) -> None:
    assert read_record(written(path, {"input.copy_name": name})).input.copy_name == name


def test_a_record_of_before_named_its_address_twice(path: Path) -> None:
    twice = {"settings.api": {"base_url": RECORD.base_url, "workspace_id": ""}}
    assert read_record(written(path, twice)).settings["api"] == {"workspace_id": ""}
    practice = {"sandbox": True, "settings.api": {"base_url": "https://elsewhere.example"}}
    assert read_record(written(path, practice)).base_url == RECORD.base_url


@pytest.mark.timeout(20)
def test_a_record_is_a_regular_file_of_a_sensible_size(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    RunFile(elsewhere).write(RECORD)
    path.symlink_to(elsewhere)
    with pytest.raises(InputError, match=r"run\.json: can't be read: "):
        read_record(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match=r"run\.json: can't be read: Not a regular file\."):
        read_record(path)
    path.unlink()
    path.write_bytes(b" " * (1 << 20) + RECORD.model_dump_json().encode())
    with pytest.raises(InputError, match=r"can't be read: Longer than 1,048,576 bytes\."):
        read_record(path)
