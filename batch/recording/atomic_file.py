"""A file that appears whole or not at all: written beside its place, then renamed into it.

Owns how files in a run's folder are replaced, readable by this user alone, and how partial files
left by a killed process or a failing disk are removed.
"""

import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import polars as pl

from batch.errors import RunError

PARTIAL_SUFFIX = ".part"  # of a hidden file or folder that may be thrown away

_ADVICE = {
    errno.ENOSPC: "Free some space on the disk",
    errno.EDQUOT: "Free some of this user's space on the disk",
    errno.EACCES: "Give this user the right to write the folder",
    errno.EPERM: "Give this user the right to write the folder",
    errno.EROFS: "Use a folder that may be written",
    errno.ENOENT: "Make the folder, or name another",
}


class HeldOpenError(RunError):
    """The file can't be replaced: another program has it open (only Windows minds)."""


class AtomicFile:
    """A new file beside its target (mode 0600); without `publish`, leaving the block removes it.

    targets: the path to replace, then paths to take instead while another program has the earlier
    ones open; all in one folder. Raises RunError, naming the first, if the disk fails.
    """

    def __init__(self, *targets: Path) -> None:
        self._targets = targets
        self.file: IO[bytes]

    def __enter__(self) -> Self:
        target = self._targets[0]
        with disk_errors(target):
            # Closed by __exit__; delete=False, since a published file has another name by then.
            self.file = tempfile.NamedTemporaryFile(
                dir=target.parent, prefix=f".{target.name}-", suffix=PARTIAL_SUFFIX, delete=False
            )
        return self

    def write(self, data: bytes | memoryview) -> None:
        """Append to the new file."""
        with disk_errors(self._targets[0]):
            self.file.write(data)

    def publish(self) -> Path:
        """Make the new file durable and rename it into its place; returns that path.

        Raises HeldOpenError if other programs have every target open.
        """
        with disk_errors(self._targets[0]):
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()  # Windows renames no open file
            for target in self._targets:
                try:
                    Path(self.file.name).replace(target)
                except PermissionError:
                    continue
                sync_folder(target.parent)
                return target
        names = " and ".join(target.name for target in self._targets)
        raise HeldOpenError(
            f"{self._targets[0].parent}: {names} can't be replaced. "
            "Close the program that has the file open."
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # what is thrown away needs no flush
            self.file.close()
        with suppress(OSError):  # what can't be removed now is removed another time
            Path(self.file.name).unlink(missing_ok=True)


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a frame as Parquet. Raises RunError when the disk fails.

    Polars makes the bytes, and Python writes them: where Polars itself writes to a disk that
    fails, it panics instead of raising.
    """
    content = io.BytesIO()
    frame.write_parquet(content)
    with AtomicFile(path) as new_file:
        new_file.write(content.getbuffer())
        new_file.publish()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError into a RunError that names the file and what to do."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: can't be written: {error.strerror or error}. {disk_advice(error)}."
        ) from error


def disk_advice(error: OSError) -> str:
    """What a person can do about a disk's error, without a full stop."""
    return _ADVICE.get(error.errno or 0, "Check the disk and its connection")


def clear_partial_files(folder: Path) -> None:
    """Remove partial files that were left behind. No other process may be at work in the folder."""
    for path in folder.glob(f".*{PARTIAL_SUFFIX}"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            continue
        with suppress(OSError):  # leaving it is merely untidy
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make entries made or renamed in a folder durable; Windows has no such call and needs none."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
