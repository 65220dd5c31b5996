import errno
import hashlib
import io
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.errors import InputError, RunError, SettingsError
from batch.recording.folder import RunFolder, input_stem, input_suffix
from batch.terminal.remedies import in_terminal
from tests.support.shell import rise_always

BROKEN = OSError(errno.EIO, os.strerror(errno.EIO))

NOW = datetime(2026, 11, 24, 20, 19, 0, tzinfo=UTC)


def create(tmp_path: Path, *, out: Path | None = None, stem: str = "leads") -> RunFolder:
    return RunFolder.create(out, runs_dir=tmp_path / "runs", stem=stem, now=NOW)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_runs_folder_is_named_for_its_input_and_its_start_and_is_private(tmp_path: Path) -> None:
    folder = create(tmp_path)
    assert folder.path == tmp_path / "runs" / "leads-20261124T201900Z"
    assert mode_of(folder.path) == 0o700


def test_runs_of_the_same_second_are_numbered(tmp_path: Path) -> None:
    names = [create(tmp_path).path.name for _ in range(3)]
    start = "leads-20261124T201900Z"
    assert names == [start, f"{start}-2", f"{start}-3"]


def test_out_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = create(tmp_path, out=tmp_path / "a" / "b")
    assert folder.path == tmp_path / "a" / "b"
    assert mode_of(folder.path) == 0o700


def test_an_empty_out_folder_is_used_and_made_private(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir(mode=0o755)
    assert create(tmp_path, out=out).path == out
    assert mode_of(out) == 0o700


def test_an_out_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir(mode=0o755)
    (out / "letter.txt").touch()
    with pytest.raises(SettingsError) as caught:
        create(tmp_path, out=out)
    assert in_terminal(caught.value) == (
        f"{out}: found a folder that is not empty; expected a new or an empty one. "
        "Name another --out."
    )
    assert mode_of(out) == 0o755


def test_an_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.touch()
    with pytest.raises(SettingsError) as caught:
        create(tmp_path, out=out)
    assert (
        in_terminal(caught.value) == f"{out}: found a file; expected a folder. Name another --out."
    )


@pytest.mark.parametrize(
    ("below", "why"),
    [("file/run", "Not a directory"), ("x" * 300, "File name too long")],
    ids=["below a file", "too long"],
)
def test_an_out_that_cant_be_made_is_refused(tmp_path: Path, below: str, why: str) -> None:
    (tmp_path / "file").touch()
    out = tmp_path / below
    with pytest.raises(SettingsError) as caught:
        create(tmp_path, out=out)
    assert in_terminal(caught.value) == (
        f"{out}: the run's folder can't be made: {why}. Name another --out."
    )


def test_the_input_is_copied_and_hashed(tmp_path: Path) -> None:
    content = b"campaignId\n" * 200_000  # more than one block
    source = tmp_path / "leads.csv"
    source.write_bytes(content)
    copy = create(tmp_path).copy_input(source, name="leads.csv")
    assert copy.path.name == "input.csv"
    assert copy.path.read_bytes() == content
    assert copy.size_bytes == len(content)
    assert copy.sha256 == hashlib.sha256(content).hexdigest()
    assert mode_of(copy.path) == 0o600


def test_standard_input_is_copied(tmp_path: Path) -> None:
    copy = create(tmp_path).copy_input(io.BytesIO(b"a,b\n"), name="stdin")
    assert copy.path.name == "input"
    assert copy.path.read_bytes() == b"a,b\n"


@pytest.mark.parametrize(
    ("name", "why"), [("nosuch.csv", "No such file or directory"), ("", "Is a directory")]
)
def test_an_input_that_cant_be_read_is_an_input_error(tmp_path: Path, name: str, why: str) -> None:
    source = tmp_path / name
    with pytest.raises(InputError) as caught:
        create(tmp_path).copy_input(source, name=name)
    assert in_terminal(caught.value) == (
        f"{source}: the file can't be read: {why}. Check its name and permissions."
    )


def test_standard_input_that_breaks_off_is_an_input_error(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError) as caught:
        create(tmp_path).copy_input(Broken(), name="stdin")
    assert in_terminal(caught.value) == "stdin: the file can't be read: Input/output error."


def test_a_copy_that_cant_be_written_is_a_run_error(tmp_path: Path) -> None:
    folder = create(tmp_path)
    target = folder.path / "input"
    target.mkdir()
    with pytest.raises(RunError) as caught:
        folder.copy_input(io.BytesIO(b"a"), name="stdin")
    assert in_terminal(caught.value) == (
        f"{target}: the input can't be copied: File exists. "
        "Check the disk and its connection. Name another --out."
    )


def test_a_discarded_folder_leaves_no_trace(tmp_path: Path) -> None:
    folder = create(tmp_path, out=tmp_path / "a" / "b")
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    folder.discard_unless_kept()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_never_began_is_discarded_with_its_record_and_its_drafts(
    tmp_path: Path,
) -> None:
    folder = create(tmp_path, out=tmp_path / "a" / "b")
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    (folder.path / "run.json").touch()  # in its place, but not durably
    (folder.path / ".run.json-1.part").touch()
    folder.discard_unless_kept()
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_cant_be_taken_away_keeps_its_copy_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create(tmp_path)
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    (folder.path / "run.json").touch()

    monkeypatch.setattr(Path, "unlink", rise_always(BROKEN))
    folder.discard_unless_kept()
    assert sorted(path.name for path in folder.path.iterdir()) == ["input", "run.json"]


def test_a_folder_that_cant_be_made_leaves_none_of_its_parents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "chmod", rise_always(BROKEN))
    with pytest.raises(SettingsError) as caught:
        create(tmp_path, out=tmp_path / "a" / "b")
    assert in_terminal(caught.value) == (
        f"{tmp_path}/a/b: the run's folder can't be made: Input/output error. Name another --out."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_and_its_new_parents_outlive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    create(tmp_path, out=tmp_path / "a" / "b")
    assert set(synced) == {tmp_path, tmp_path / "a"}


def test_a_folder_that_was_there_stays_as_it_was_when_it_is_discarded(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir(mode=0o755)
    folder = create(tmp_path, out=out)
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    folder.discard_unless_kept()
    assert list(out.iterdir()) == []
    assert mode_of(out) == 0o755


def test_what_somebody_else_put_there_meanwhile_stays(tmp_path: Path) -> None:
    folder = create(tmp_path)
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    (folder.path / "letter.txt").touch()
    (tmp_path / "runs" / "other-run").mkdir()
    folder.discard_unless_kept()
    assert [path.name for path in folder.path.iterdir()] == ["letter.txt"]


def test_other_runs_stay(tmp_path: Path) -> None:
    folder = create(tmp_path)
    other = create(tmp_path)
    folder.discard_unless_kept()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [other.path.name]


def test_a_kept_folder_stays(tmp_path: Path) -> None:
    folder = create(tmp_path)
    folder.copy_input(io.BytesIO(b"a"), name="stdin")
    folder.keep()
    folder.discard_unless_kept()
    assert [path.name for path in folder.path.iterdir()] == ["input"]


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    folder = create(tmp_path)
    folder.path.rmdir()
    folder.discard_unless_kept()
    assert not folder.path.exists()


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("leads.csv", "leads", ".csv"),
        ("/home/me/leads.csv", "leads", ".csv"),
        ("a b.csv.gz", "a b", ".csv.gz"),
        ("leads.CSV.ZST", "leads", ".CSV.ZST"),
        ("leads.gz", "leads", ".gz"),
        ("leads.2026-11-24.csv", "leads.2026-11-24", ".csv"),
        (".csv", "csv", ""),
        (".csv.gz", "csv", ".gz"),
        ("leads", "leads", ""),
        ("leads.final version for Ann", "leads.final version for Ann", ""),
        ("..", "input", ""),
        (".", "input", ""),
        ("/", "input", ""),
        ("stdin", "stdin", ""),
        ("a\nb.csv", "a_b", ".csv"),
        ("\udcff.csv", "_", ".csv"),
        ("é" * 120 + ".csv", "é" * 60, ".csv"),
        ("a" + "é" * 120 + ".csv", "a" + "é" * 59, ".csv"),
    ],
)
def test_a_folders_name_comes_from_the_files(name: str, stem: str, suffix: str) -> None:
    assert (input_stem(name), input_suffix(name)) == (stem, suffix)


def test_the_longest_name_of_a_file_still_makes_a_folder(tmp_path: Path) -> None:
    folder = create(tmp_path, stem=input_stem("x" * 251 + ".csv"))
    assert folder.path.is_dir()
