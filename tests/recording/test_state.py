import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import platformdirs
import pytest

from batch.errors import SettingsError
from batch.recording.history import own_runs
from batch.recording.locks import lock_input
from batch.recording.state import (
    SECRET_NAME,
    default_state_dir,
    is_own,
    keyed_hash,
    read_own,
    state_secret,
)
from batch.settings.load import default_config_dir
from tests.support.shell import Shell, rise_always
from tests.support.wired import pausing


def test_the_users_folder_is_named_after_the_program() -> None:
    assert default_state_dir().name == "sendkit-batch"


@pytest.fixture
def _homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home, as in some containers."""
    for name in ("user_state_path", "user_config_path"):
        monkeypatch.setattr(platformdirs, name, rise_always(RuntimeError("no home")))


@pytest.mark.usefixtures("_homeless")
def test_who_has_no_home_can_look_but_not_lock(shell: Shell) -> None:
    assert default_config_dir() is None
    assert own_runs(default_state_dir()) == []
    assert shell.check(shell.leads(pausing(1))) == 0
    assert shell.run("leads.csv", yes=True) == 2
    assert shell.api.changes == []
    with (
        pytest.raises(SettingsError, match="or set XDG_STATE_HOME to another folder"),
        lock_input(default_state_dir(), sha256="ab", base_url="https://a.b", run=shell.cwd),
    ):
        pass


def test_the_secret_is_made_once_and_only_this_user_may_read_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with ThreadPoolExecutor(16) as pool:
        (secret,) = set(pool.map(state_secret, [state] * 64))
    assert len(secret) == 32
    assert stat.S_IMODE((state / SECRET_NAME).stat().st_mode) == 0o600
    assert state_secret(state) == secret
    assert state_secret(tmp_path / "other") != secret


def test_a_hash_is_another_with_another_secret(tmp_path: Path) -> None:
    one, other = keyed_hash(tmp_path / "a", "key"), keyed_hash(tmp_path / "b", "key")
    assert len({one, other, keyed_hash(tmp_path / "a", "key 2")}) == 3
    assert keyed_hash(tmp_path / "a", "key") == one


@pytest.mark.parametrize("mode", [0o620, 0o602], ids=oct)
def test_a_secret_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    state_secret(tmp_path)
    (tmp_path / SECRET_NAME).chmod(mode)
    with pytest.raises(SettingsError) as caught:
        state_secret(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / SECRET_NAME}: belongs to another user, is a link, or may be written by "
        "others; expected what this user owns and nobody else may write, since it says where keys "
        f"may go. Once you know who wrote there: chmod go-w {tmp_path / SECRET_NAME} (or chown), "
        "or set XDG_STATE_HOME to another folder."
    )


def test_a_secret_in_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    state_secret(tmp_path)
    tmp_path.chmod(0o770)
    with pytest.raises(SettingsError, match=rf"{tmp_path}: belongs to another user, is a link"):
        state_secret(tmp_path)


def test_a_secret_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / SECRET_NAME).write_bytes(b"short")
    assert len(state_secret(tmp_path)) == 32


def test_our_own_is_what_we_own_and_nobody_else_may_write(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to(file)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert (is_own(file), is_own(tmp_path)) == (True, True)
    assert (is_own(link), is_own(tmp_path / "gone")) == (False, False)
    assert read_own(file) == b"content"
    assert [read_own(each) for each in (link, pipe, tmp_path, tmp_path / "gone")] == [None] * 4
    file.chmod(0o644)
    assert is_own(file)
    file.chmod(0o664)
    assert not is_own(file)
    assert read_own(file) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_not_our_own(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    os.chown(file, 4711, -1)
    assert not is_own(file)
    assert read_own(file) is None
