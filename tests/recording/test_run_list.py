import json
from pathlib import Path
from typing import Any

import pytest

from batch.errors import InputError, SettingsError
from batch.recording.run_list import (
    LIST_NAME,
    ListEntry,
    find_listed,
    forget,
    list_entries,
    remember,
)
from batch.recording.runfile import RunFile, RunRecord, RunWorkspace, read_record
from tests.recording.test_history import recorded

ELSEWHERE = "https://elsewhere.example"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def record_in(folder: Path) -> RunRecord:
    return read_record(folder / "run.json")


def change(folder: Path, **changes: Any) -> RunRecord:  # noqa: ANN401 - fields of RunRecord
    RunFile(folder / "run.json").write(record_in(folder).model_copy(update=changes))
    return record_in(folder)


def own_run(state: Path, folder: Path, **changes: object) -> Path:
    """A run that is in the list."""
    recorded(folder, **changes)
    remember(state, folder, record_in(folder))
    return folder


def write_old_list(state: Path, *folders: Path) -> None:
    """A list as it was before it had more than folders."""
    state.mkdir(mode=0o700)
    lines = "".join(json.dumps(str(folder)) + "\n" for folder in folders)
    (state / LIST_NAME).write_text(lines)


def test_the_list_keeps_a_runs_id_folder_address_and_workspace(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a", id="0123456789abcdef")
    assert find_listed(state, folder, record_in(folder)) == ListEntry(
        id="0123456789abcdef",
        folder=folder.resolve(),
        base_url="https://api.sendkit.ai",
        workspace_id="5f0000000000000000000001",
    )


def test_a_run_that_only_lies_somewhere_is_not_listed(state: Path, tmp_path: Path) -> None:
    own_run(state, tmp_path / "a")
    other = recorded(tmp_path / "b")
    assert find_listed(state, other, record_in(other)) is None


@pytest.mark.parametrize(
    ("changes", "found", "expected"),
    [
        (
            {"base_url": ELSEWHERE},
            f"{ELSEWHERE}, workspace 5f0000000000000000000001",
            "https://api.sendkit.ai, workspace 5f0000000000000000000001",
        ),
        (
            {"workspace": RunWorkspace(id="b" * 24, name="Acme")},
            f"https://api.sendkit.ai, workspace {'b' * 24}",
            "https://api.sendkit.ai, workspace 5f0000000000000000000001",
        ),
        (
            {"sandbox": True},
            "a practice sandbox, workspace 5f0000000000000000000001",
            "https://api.sendkit.ai, workspace 5f0000000000000000000001",
        ),
    ],
    ids=["address", "workspace", "practice"],
)
@pytest.mark.parametrize("moved", [False, True], ids=["in its place", "moved"])
def test_a_record_that_says_another_target_than_the_list_is_none(
    state: Path, tmp_path: Path, changes: dict[str, Any], found: str, expected: str, *, moved: bool
) -> None:
    folder = own_run(state, tmp_path / "a")
    if moved:
        folder = folder.rename(tmp_path / "moved")
    record = change(folder, **changes)
    with pytest.raises(InputError) as caught:
        find_listed(state, folder, record)
    assert str(caught.value) == (
        f"{folder}/run.json: is no record of the run that it names: found {found}; expected "
        f"{expected}, as this user's list of runs has it. Somebody changed the file: bring it "
        "back, or start a new run."
    )


def test_practice_is_at_another_address_each_time(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a", sandbox=True, base_url="http://127.0.0.1:4711")
    record = change(folder, base_url="http://127.0.0.1:4712")
    entry = find_listed(state, folder, record)
    assert entry is not None
    assert entry.base_url == ""


def test_a_moved_folder_is_known_by_its_id(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a")
    moved = folder.rename(tmp_path / "b")
    entry = find_listed(state, moved, record_in(moved))
    assert entry is not None
    assert entry.folder == folder
    remember(state, moved, record_in(moved))
    assert [each.folder for each in list_entries(state)] == [moved]


def test_a_copy_of_a_run_that_is_in_its_place_is_not_listed(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a")
    copy = recorded(tmp_path / "copy", id=record_in(folder).id)
    assert find_listed(state, copy, record_in(copy)) is None
    remember(state, copy, record_in(copy))
    assert [each.folder for each in list_entries(state)] == [folder, copy]


def test_a_moved_folder_that_others_may_write_is_not_listed(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a")
    moved = folder.rename(tmp_path / "b")
    moved.chmod(0o770)
    assert find_listed(state, moved, record_in(moved)) is None


def test_another_run_in_the_place_of_a_listed_one_is_not_listed(
    state: Path, tmp_path: Path
) -> None:
    folder = own_run(state, tmp_path / "a")
    assert find_listed(state, folder, change(folder, id="f" * 16)) is None


def test_runs_before_ids_are_known_by_their_folder(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a", id="")
    assert find_listed(state, folder, record_in(folder)) is not None
    moved = folder.rename(tmp_path / "b")
    assert find_listed(state, moved, record_in(moved)) is None


def test_a_line_of_before_is_completed_at_its_first_use(state: Path, tmp_path: Path) -> None:
    folder = recorded(tmp_path / "a")
    write_old_list(state, folder)
    record = record_in(folder)
    assert find_listed(state, folder, record) == ListEntry.of(folder, record)
    with pytest.raises(InputError, match="is no record of the run that it names"):
        find_listed(state, folder, change(folder, base_url=ELSEWHERE))


def test_lines_of_before_are_not_completed_by_what_others_may_have_written(
    state: Path, tmp_path: Path
) -> None:
    folder = recorded(tmp_path / "a")
    link = tmp_path / "link"
    link.symlink_to(folder)
    writable = recorded(tmp_path / "b")
    writable.chmod(0o770)
    record_writable = recorded(tmp_path / "c")
    (record_writable / "run.json").chmod(0o666)
    write_old_list(state, link, writable, record_writable, tmp_path / "gone")
    for each in (folder, link, writable, record_writable):
        assert find_listed(state, each, record_in(each)) is None
    own_run(state, tmp_path / "d")
    assert (state / LIST_NAME).read_text().count("\n") == 5  # a disk may only be away


def test_lines_that_are_none_are_left_out(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a")
    with (state / LIST_NAME).open("a") as file:
        file.write(
            '"/half\n17\n[]\n{"id": 1, "folder": "/x", "base_url": "", "workspace_id": ""}\n'
        )
    assert [each.folder for each in list_entries(state)] == [folder]


def test_a_list_that_others_may_write_does_not_count_and_is_not_added_to(
    state: Path, tmp_path: Path
) -> None:
    folder = own_run(state, tmp_path / "a")
    record = record_in(folder)
    for path, mode, own in ((state / LIST_NAME, 0o660, 0o600), (state, 0o777, 0o700)):
        path.chmod(mode)
        assert find_listed(state, folder, record) is None
        with pytest.raises(SettingsError, match=rf"{path}: belongs to another user, is a link"):
            remember(state, folder, record)
        path.chmod(own)
        assert find_listed(state, folder, record) is not None


def test_a_list_that_is_a_link_does_not_count(state: Path, tmp_path: Path) -> None:
    folder = own_run(state, tmp_path / "a")
    (state / LIST_NAME).rename(state / "theirs")
    (state / LIST_NAME).symlink_to("theirs")
    assert find_listed(state, folder, record_in(folder)) is None


def test_a_forgotten_run_is_not_listed(state: Path, tmp_path: Path) -> None:
    folder, other = own_run(state, tmp_path / "a"), own_run(state, tmp_path / "b")
    forget(state, folder, record_in(folder))
    assert [each.folder for each in list_entries(state)] == [other]
