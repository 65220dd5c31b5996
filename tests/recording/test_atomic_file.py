import errno
import os
from pathlib import Path

import pytest

from batch.errors import RunError
from batch.recording.atomic_file import AtomicFile, HeldOpenError, clear_partial_files
from tests.support.shell import rise_always

BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "results.csv"


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_readers_see_the_old_file_until_the_new_one_is_whole(target: Path) -> None:
    target.write_bytes(b"old")

    with AtomicFile(target) as new_file:
        new_file.write(b"new")
        assert target.read_bytes() == b"old"
        assert new_file.publish() == target
        assert target.read_bytes() == b"new"

    assert target.stat().st_mode & 0o777 == 0o600
    assert names_in(target.parent) == ["results.csv"]


def test_a_file_that_breaks_off_leaves_the_old_file_and_no_trace(target: Path) -> None:
    target.write_bytes(b"old")

    def break_off() -> None:
        with AtomicFile(target) as new_file:
            new_file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()

    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["results.csv"]


def test_the_bytes_are_on_the_disk_before_the_name_changes_and_then_the_name_is(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def spy_fsync(descriptor: int) -> None:
        happened.append(f"fsync, {'after' if target.exists() else 'before'} the rename")
        fsync(descriptor)

    def spy_replace(self: Path, to: Path) -> Path:
        assert self.read_bytes() == b"new"
        happened.append("rename")
        return replace(self, to)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(Path, "replace", spy_replace)
    with AtomicFile(target) as new_file:
        new_file.write(b"new")
        new_file.publish()

    assert happened == ["fsync, before the rename", "rename", "fsync, after the rename"]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, "No space left on device. Free some space on the disk."),
        (errno.EDQUOT, "Disk quota exceeded. Free some of this user's space on the disk."),
        (errno.EIO, "Input/output error. Check the disk and its connection."),
    ],
)
def test_a_disk_that_fails_is_named_with_what_to_do(
    target: Path, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(RunError) as caught, AtomicFile(target) as new_file:
        new_file.publish()

    assert str(caught.value) == f"{target}: can't be written: {sentence}"
    assert names_in(target.parent) == []


def test_a_partial_file_that_cant_be_removed_does_no_harm_and_is_cleared_another_time(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", rise_always(BROKEN))
        with AtomicFile(target) as new_file:
            new_file.publish()
        with AtomicFile(target):
            pass
        clear_partial_files(target.parent)
    assert len(names_in(target.parent)) == 2
    clear_partial_files(target.parent)
    assert names_in(target.parent) == ["results.csv"]


def test_only_partial_files_are_cleared_away_folders_among_them(target: Path) -> None:
    kept = [".hidden", "mine.part", "results.csv"]
    for name in (*kept, ".results.csv-x.part"):
        (target.parent / name).touch()
    (target.parent / ".failed.xlsx-y.part").mkdir()
    (target.parent / ".failed.xlsx-y.part" / "tmp").touch()
    clear_partial_files(target.parent)
    assert names_in(target.parent) == kept
    clear_partial_files(target.parent / "gone")


def test_a_folder_that_is_gone_is_named_with_what_to_do(tmp_path: Path) -> None:
    target = tmp_path / "gone" / "results.csv"

    with pytest.raises(RunError) as caught, AtomicFile(target):
        pass

    assert str(caught.value) == (
        f"{target}: can't be written: No such file or directory. Make the folder, or name another."
    )


def test_a_file_held_open_stays_and_the_next_name_is_taken(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.write_bytes(b"old")
    hold_open(monkeypatch, "results.csv")
    other = target.with_name("results-2.csv")

    with AtomicFile(target, other) as new_file:
        new_file.write(b"new")
        assert new_file.publish() == other

    assert target.read_bytes() == b"old"
    assert other.read_bytes() == b"new"
    assert names_in(target.parent) == ["results-2.csv", "results.csv"]


def test_files_all_held_open_are_named(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold_open(monkeypatch, "results.csv", "results-2.csv")
    other = target.with_name("results-2.csv")

    with pytest.raises(HeldOpenError) as caught, AtomicFile(target, other) as new_file:
        new_file.publish()

    assert str(caught.value) == (
        f"{target.parent}: results.csv and results-2.csv can't be replaced. "
        "Close the program that has the file open."
    )
    assert names_in(target.parent) == []


def hold_open(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Make renaming onto these names fail as it does on Windows while a program has them open."""
    replace = Path.replace

    def guarded(self: Path, to: Path) -> Path:
        if to.name in names:
            raise PermissionError(errno.EACCES, "Access is denied", str(to))
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", guarded)
