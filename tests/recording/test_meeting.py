import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.recording import meeting
from batch.recording.meeting import LONGEST_PATH, Meeting, budget_owner, is_same_user

ADDRESS = "https://api.sendkit.ai"
KEY = SecretStr("sk_0123456789abcdefghij")
OWNER = budget_owner(workspace_id="66e01a3c122c597083bd438b", key=KEY)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp") as name:  # a short path
        monkeypatch.setenv("XDG_RUNTIME_DIR", name)
        yield Path(name)


def place(state: Path, owner: str = OWNER, address: str = ADDRESS) -> Meeting:
    return Meeting(state, base_url=address, owner=owner)


def test_the_socket_is_this_users_alone_and_tells_nothing(tmp_path: Path, runtime: Path) -> None:
    state = tmp_path / "state"
    here = place(state)
    with here.lead() or pytest.fail("nobody else leads"):
        path = here.path()
        assert path is not None
        assert path.parent == runtime / "sendkit-batch"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(path.stat().st_mode)
        for file in (path, *(state / "paces").iterdir()):
            assert not {*KEY.get_secret_value().split("_"), OWNER.split("\n")[1]} & {file.name}
            assert len(file.stem) == 24
    here.leave()
    assert not path.exists()


def test_one_leads_and_the_next_may_once_it_has_left(tmp_path: Path) -> None:
    first, second = place(tmp_path), place(tmp_path)
    with first.lead() or pytest.fail("nobody else leads"):
        assert second.lead() is None
        assert second.path() == first.path()
    first.leave()
    with second.lead() or pytest.fail("nobody else leads"):
        pass
    second.leave()


def test_the_socket_of_a_killed_run_blocks_nobody(tmp_path: Path) -> None:
    first = place(tmp_path)
    (first.lead() or pytest.fail("nobody else leads")).close()
    first._lock.release()  # noqa: SLF001 - as its process ended, with the socket left behind
    path = first.path()
    assert path is not None
    assert path.exists()
    second = place(tmp_path)
    with (
        second.lead() or pytest.fail("nobody else leads"),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one,
    ):
        one.connect(str(path))
        assert is_same_user(one)
    second.leave()


@pytest.mark.parametrize(
    "other",
    [
        {"owner": budget_owner(workspace_id="66e01a3c122c597083bd438c", key=KEY)},
        {"owner": budget_owner(workspace_id=None, key=KEY)},
        {"address": "https://eu.sendkit.ai"},
    ],
    ids=["workspace", "key", "address"],
)
def test_another_budget_has_another_place(tmp_path: Path, other: dict[str, str]) -> None:
    assert place(tmp_path).name != place(tmp_path, **other).name


def test_another_version_of_the_program_meets_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = place(tmp_path)
    monkeypatch.setattr(meeting, "__version__", "9.9")
    assert place(tmp_path).name != here.name


def test_a_capital_letter_of_the_address_changes_nothing(tmp_path: Path) -> None:
    assert place(tmp_path).name == place(tmp_path, address="https://API.SendKit.ai").name


def test_a_long_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("deep" * 30)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(deep))
    here = place(deep / "state")
    with here.lead() or pytest.fail("nobody else leads"):
        path = here.path()
        assert path is not None
        assert len(os.fsencode(path)) <= LONGEST_PATH
    here.leave()


@pytest.mark.parametrize("wrong", ["open to others", "a link", "a file"])
def test_a_folder_that_is_not_ours_alone_is_not_used(
    tmp_path: Path, runtime: Path, wrong: str
) -> None:
    folder = runtime / "sendkit-batch"
    if wrong == "open to others":
        folder.mkdir()
        folder.chmod(0o750)
    elif wrong == "a link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.touch(mode=0o600)
    here = place(tmp_path / "state")
    with here.lead() or pytest.fail("nobody else leads"):
        path = here.path()
        assert path is not None
        assert path.parent != folder
    here.leave()


def test_an_address_that_others_could_have_written_is_not_followed(tmp_path: Path) -> None:
    here = place(tmp_path)
    with here.lead() or pytest.fail("nobody else leads"):
        here.address.chmod(0o666)
        assert here.path() is None
    here.leave()
