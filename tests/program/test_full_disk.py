"""A file system that is really full, or read-only; and what a reader sees of a run's files."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from batch.errors import InputError
from batch.recording.runfile import read_record
from batch.sandbox.process import Sandbox
from tests.support.forked import Stem, stem
from tests.support.in_process import seeded
from tests.support.program import CAMPAIGN, Ran, access, lead_id, read_rows, received, write_rows

MB = 1 << 20
ROWS = 30
NOTE = "x" * 100_000  # a cell that makes the copy, and results.csv again, 3 MB; the journal is less
SOME_COMMITS = 100_000  # bytes: the journal and its first few commits, far from all
HEADER = ("campaignId", "campaignLeadId", "status", "note")


@pytest.fixture(scope="module")
def command() -> Iterator[Stem]:
    if sys.platform == "win32":
        pytest.skip("forks, which Windows does not know")
    with stem() as running:
        yield running


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    rows = [(CAMPAIGN, lead_id(n)) for n in range(ROWS)]
    with seeded(tmp_path, HEADER[:2], rows) as running:
        yield running


class Disk:
    """A file system of 16 MB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def mount(self) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", self.path],  # noqa: S607 - as found in PATH
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    def unmount(self) -> None:
        subprocess.run(["umount", self.path], check=True)  # noqa: S607 - the same

    def leave_free(self, size: int) -> None:
        self._ballast.unlink(missing_ok=True)
        state = os.statvfs(self.path)
        self._ballast.write_bytes(bytes(state.f_bavail * state.f_frsize - size))

    def free(self) -> None:
        self._ballast.unlink()

    def make(self, *, read_only: bool) -> None:
        mode = "ro" if read_only else "rw"
        subprocess.run(["mount", "-o", f"remount,{mode}", self.path], check=True)  # noqa: S607 - the same


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    if sys.platform != "linux":
        pytest.skip("mounts a tmpfs, which is Linux's")
    path = tmp_path / "disk"
    path.mkdir()
    disk = Disk(path)
    disk.mount()
    yield disk
    disk.unmount()


class Runs:
    """One run on that disk, by the real command."""

    def __init__(self, cwd: Path, sandbox: Sandbox, command: Stem) -> None:
        self._cwd = cwd
        self._env, self._options = access(sandbox)
        self._command = command
        self.folder = cwd / "disk" / "runs" / "run"
        rows = [(CAMPAIGN, lead_id(n), "paused", NOTE) for n in range(ROWS)]
        write_rows(cwd / "leads.csv", HEADER, rows)

    def run(self) -> Ran:
        pace = ("--rate", "1000", "--concurrency", "4")
        return self._do("run", "leads.csv", *self._options, *pace, "--out", "disk/runs/run")

    def resume(self) -> Ran:
        return self._do("resume", "disk/runs/run", "--yes")

    def _do(self, *args: str) -> Ran:
        return self._command.sendkit_batch(*args, cwd=self._cwd, env=self._env)


@pytest.fixture
def runs(tmp_path: Path, sandbox: Sandbox, command: Stem) -> Runs:
    return Runs(tmp_path, sandbox, command)


def is_complete(runs: Runs, ran: Ran) -> bool:
    rows = read_rows(runs.folder / "results.csv")
    assert (ran.exit_code, ran.err.count("Traceback")) == (0, 0), ran.err
    assert [row["line"] for row in rows] == [str(line) for line in range(2, ROWS + 2)]
    return {row["result"] for row in rows} == {"success"}


def test_a_disk_without_space_for_the_copy_leaves_nothing_behind(
    disk: Disk, runs: Runs, sandbox: Sandbox
) -> None:
    disk.leave_free(1 * MB)
    ran = runs.run()
    assert ran.exit_code == 3
    assert ran.err.splitlines() == [
        (
            "disk/runs/run/input.csv: the input can't be copied: No space left on device. "
            "Free some space on the disk. Name another --out."
        ),
        "failed: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: run it again",
    ]
    assert [path.name for path in disk.path.iterdir()] == ["ballast"]
    assert received(sandbox) == []
    disk.free()
    assert is_complete(runs, runs.run())


def test_a_disk_that_fills_up_while_rows_are_sent_is_gone_on_with_once_there_is_space(
    disk: Disk, runs: Runs, sandbox: Sandbox
) -> None:
    size = (runs.folder.parents[2] / "leads.csv").stat().st_size
    disk.leave_free(size + SOME_COMMITS)
    ran = runs.run()
    assert ran.exit_code == 3
    assert "disk/runs/run/journal.sqlite: the disk is full. Free some space on it (" in ran.err
    assert "disk/runs/run/results.csv: can't be written: No space left on device. " in ran.err
    assert ran.last_line.endswith("; no results; next: sendkit-batch resume disk/runs/run")
    sent = len(received(sandbox))
    assert 0 < sent < ROWS
    still_full = runs.resume()
    assert still_full.exit_code == 3
    assert "the disk is full. Free some space on it (" in still_full.err
    disk.free()
    assert is_complete(runs, runs.resume())
    assert len(received(sandbox)) <= ROWS + 2 * 2 * 4  # what was on its way, each time


def test_a_disk_without_space_for_results_needs_no_row_sent_again(
    disk: Disk, runs: Runs, sandbox: Sandbox
) -> None:
    size = (runs.folder.parents[2] / "leads.csv").stat().st_size
    disk.leave_free(size + 2 * MB)
    ran = runs.run()
    assert ran.exit_code == 3
    assert (
        "disk/runs/run/results.csv: can't be written: No space left on device. "
        "Free some space on the disk.\n"
    ) in ran.err
    assert ran.last_line == (
        f"failed: {ROWS} success, 0 error, 0 skipped, 0 unsent; no results; "
        "next: sendkit-batch resume disk/runs/run"
    )
    record = read_record(runs.folder / "run.json")
    assert (record.state, record.exit_code) == ("failed", 3)
    assert not [path for path in runs.folder.iterdir() if path.name.startswith(".")]
    disk.free()
    assert is_complete(runs, runs.resume())
    assert len(received(sandbox)) == ROWS


def test_a_disk_that_is_read_only_is_told_before_anything_is_sent(
    disk: Disk, runs: Runs, sandbox: Sandbox
) -> None:
    disk.make(read_only=True)
    ran = runs.run()
    assert ran.exit_code == 2
    assert ran.err.splitlines()[0] == (
        "disk/runs/run: the run's folder can't be made: Read-only file system. Name another --out."
    )
    assert received(sandbox) == []


def test_a_run_whose_disk_became_read_only_is_gone_on_with_once_it_may_be_written(
    disk: Disk, runs: Runs, sandbox: Sandbox
) -> None:
    disk.leave_free((runs.folder.parents[2] / "leads.csv").stat().st_size + SOME_COMMITS)
    runs.run()
    disk.free()
    disk.make(read_only=True)
    before = {path: path.read_bytes() for path in runs.folder.iterdir()}
    sent = len(received(sandbox))
    ran = runs.resume()
    assert ran.exit_code == 3
    assert "disk/runs/run/journal.sqlite: it may not be written. Check the disk, and that " in (
        ran.err
    )
    assert len(received(sandbox)) == sent
    assert {path: path.read_bytes() for path in runs.folder.iterdir()} == before
    disk.make(read_only=False)
    assert is_complete(runs, runs.resume())


class Reader:
    """Reads a file over and over, and keeps every content that it saw."""

    def __init__(self, path: Path, read: Callable[[Path], object]) -> None:
        self._path = path
        self._read = read
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)
        self.seen: set[int] = set()
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._is_over.wait(0.002):
            if not self._path.exists():
                continue
            self.seen.add(self._path.stat().st_ino)
            try:
                self._read(self._path)
            except (InputError, AssertionError) as error:
                self.wrong.append(repr(error))


def all_rows(path: Path) -> None:
    assert len(read_rows(path)) == ROWS


def test_a_reader_never_sees_half_a_file(tmp_path: Path, sandbox: Sandbox, command: Stem) -> None:
    (tmp_path / "disk").mkdir()
    runs = Runs(tmp_path, sandbox, command)
    with (
        Reader(runs.folder / "run.json", read_record) as record,
        Reader(runs.folder / "results.csv", all_rows) as results,
    ):
        assert runs.run().exit_code == 0
        for _ in range(2):
            assert runs.resume().exit_code == 0
    assert record.wrong == results.wrong == []
    assert len(record.seen) >= 4
    assert len(results.seen) >= 2
