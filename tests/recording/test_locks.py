import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.advice import Passing
from batch.errors import SettingsError
from batch.recording.locks import LockedError, find_holder, lock_input, share_key

INPUT = {"sha256": "ab" * 32, "base_url": "https://api.sendkit.ai"}
ADDRESS = INPUT["base_url"]
OTHER = {"sha256": "cd" * 32, "base_url": "https://api.sendkit.ai"}
KEY, OTHER_KEY = SecretStr("sk_0123456789abcdefghij"), SecretStr("sk_jihgfedcba9876543210")
HOLDING = """
import sys
from pathlib import Path
from batch.recording.locks import lock_input
with lock_input(Path(sys.argv[1]), sha256=sys.argv[2], base_url=sys.argv[3], run=Path("theirs")):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_to_send_an_input_is_refused_and_told_who_is_at_work(tmp_path: Path) -> None:
    with lock_input(tmp_path, **INPUT, run=Path("runs/first")):
        holder = find_holder(tmp_path, **INPUT)
        assert holder is not None
        assert (holder.pid, holder.run) == (os.getpid(), str(Path("runs/first").absolute()))
        with (
            pytest.raises(LockedError) as caught,
            lock_input(tmp_path, **INPUT, run=Path("runs/second")),
        ):
            pass
    assert str(caught.value) == (
        "Another process is sending this input to https://api.sendkit.ai: "
        f"process {os.getpid()}, since {holder.since}, run {holder.run}. "
        "Wait until it has ended, or stop it."
    )


@pytest.mark.parametrize(
    "other", [OTHER, {**INPUT, "base_url": "https://eu.sendkit.ai"}], ids=["content", "address"]
)
def test_another_input_or_address_is_another_lock(tmp_path: Path, other: dict[str, str]) -> None:
    with lock_input(tmp_path, **INPUT, run=Path("a")), lock_input(tmp_path, **other, run=Path("b")):
        pass


def test_a_lock_that_was_let_go_is_free(tmp_path: Path) -> None:
    for _ in range(2):
        with lock_input(tmp_path, **INPUT, run=Path("a")):
            pass
    assert find_holder(tmp_path, **INPUT) is None


def test_the_lock_of_a_process_that_was_killed_does_not_block(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(tmp_path), INPUT["sha256"], INPUT["base_url"]]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        with (
            pytest.raises(LockedError, match=rf"process {process.pid}, since .*theirs\. Wait"),
            lock_input(tmp_path, **INPUT, run=Path("mine")),
        ):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with lock_input(tmp_path, **INPUT, run=Path("mine")):
        holder = find_holder(tmp_path, **INPUT)
        assert holder is not None
        assert holder.pid == os.getpid()


def test_a_lock_whose_holder_is_not_written_down_yet_blocks_all_the_same(tmp_path: Path) -> None:
    with lock_input(tmp_path, **INPUT, run=Path("a")):
        (sidecar,) = (tmp_path / "inputs").glob("*.json")
        sidecar.write_text("{")
        with (
            pytest.raises(LockedError, match=r"ai: it has just begun\. Wait"),
            lock_input(tmp_path, **INPUT, run=Path("b")),
        ):
            pass


def test_a_second_run_with_the_same_key_is_told_of_the_first(tmp_path: Path) -> None:
    with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("a")) as first:
        assert first == ()
        with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("b")) as second:
            (warning,) = second
            with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("c")) as third:
                assert len(third) == 2
        with share_key(tmp_path, key=OTHER_KEY, base_url=ADDRESS, run=Path("d")) as other:
            assert other == ()
        with share_key(tmp_path, key=KEY, base_url="http://127.0.0.1:1", run=Path("e")) as away:
            assert away == ()  # another server has a budget of its own
    assert warning.startswith(f"Another run uses the same key: process {os.getpid()}, since 20")
    assert warning.endswith(
        f"run {Path('a').absolute()}. "
        "Both share one budget of the server, and each is slower for it."
    )


def test_a_warning_holds_as_long_as_the_other_run_is_at_work(tmp_path: Path) -> None:
    first = share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("a"))
    first.__enter__()
    with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("b")) as (warning,):
        assert isinstance(warning, Passing)
        assert warning.holds()
        first.__exit__(None, None, None)
        assert not warning.holds()
        with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("c")):
            assert not warning.holds()  # it is another run


def test_a_run_is_told_of_one_that_began_after_another_that_has_ended(tmp_path: Path) -> None:
    first = share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("a"))
    first.__enter__()
    with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("b")):
        first.__exit__(None, None, None)
        with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("c")) as third:
            assert len(third) == 1


def test_no_key_is_in_the_state_folder(tmp_path: Path) -> None:
    with share_key(tmp_path, key=KEY, base_url=ADDRESS, run=Path("a")):
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert KEY.get_secret_value() not in path.name
            assert KEY.get_secret_value().encode() not in path.read_bytes()
            assert path.suffix != ".json" or set(json.loads(path.read_text())) == {
                "pid", "since", "run",
            }  # fmt: skip


def test_a_state_folder_that_cant_be_written_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(SettingsError) as caught, lock_input(blocked, **INPUT, run=Path("a")):
        pass
    assert str(caught.value) == (
        f"{blocked / 'inputs'}: can't be written: Not a directory. A run keeps its locks there, so "
        "that no two send the same. Give this user the right to write there, or set "
        "XDG_STATE_HOME to another folder."
    )


def test_looking_who_holds_a_lock_makes_no_folder_and_needs_none(tmp_path: Path) -> None:
    assert find_holder(tmp_path / "state", **INPUT) is None
    assert not (tmp_path / "state").exists()
    blocked = tmp_path / "file"
    blocked.touch()
    assert find_holder(blocked, **INPUT) is None


def test_an_address_in_capitals_is_the_same_lock(tmp_path: Path) -> None:
    capitals = {**INPUT, "base_url": "https://API.SendKit.ai"}
    with (
        lock_input(tmp_path, **INPUT, run=Path("a")),
        pytest.raises(LockedError),
        lock_input(tmp_path, **capitals, run=Path("b")),
    ):
        pass


def test_the_run_that_holds_a_lock_is_named_by_its_whole_path(tmp_path: Path) -> None:
    with lock_input(tmp_path, **INPUT, run=tmp_path / "a" / ".." / "b"):
        holder = find_holder(tmp_path, **INPUT)
    assert holder is not None
    assert holder.run == str((tmp_path / "b").resolve())


def test_the_name_of_a_keys_lock_is_another_in_each_state_folder(tmp_path: Path) -> None:
    names: list[str] = []
    for state in (tmp_path / "a", tmp_path / "b"):
        with share_key(state, key=KEY, base_url=ADDRESS, run=Path("a")):
            names += [path.name for path in (state / "keys").glob("*-0.lock")]
    assert len(set(names)) == 2
