"""Removing a run's files: only files that are ours by name, in the run's own folder.

A run's folder may hold files from anybody: the folder is opened once, files are reached only by
plain names in it, and a link is removed, never followed.
"""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from batch.errors import InputError
from batch.recording.atomic_file import PARTIAL_SUFFIX
from batch.recording.runfile import RunRecord, read_record

_PARTIAL = re.compile(rf"\.[^/\\][^/\\-]*+-[^/\\]+{re.escape(PARTIAL_SUFFIX)}")
_HAS_DIR_FD = {os.open, os.unlink} <= os.supports_dir_fd and os.scandir in os.supports_fd


def remove_files(folder: Path, record: RunRecord, names: Iterable[str]) -> bool:
    """Remove these files of a run, partial files and, last, its record. True if all is gone.

    While the record exists, the folder counts as a run. Other files stay, and the folder with them.
    Raises OSError if a file can't be removed, and InputError if another run has taken the folder.
    """
    ours = {*names, record.input.copy_name}
    if _HAS_DIR_FD:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _remove(descriptor, record, ours)
        finally:
            os.close(descriptor)
    else:
        _remove_by_path(folder, record, ours)
    if any(folder.iterdir()):
        return False
    folder.rmdir()
    return True


def _remove(descriptor: int, record: RunRecord, ours: set[str]) -> None:
    _check_same(read_record(Path("run.json"), dir_fd=descriptor), record)
    with os.scandir(descriptor) as found:
        is_folder = {each.name: each.is_dir(follow_symlinks=False) for each in found}
    for name in sorted(is_folder):
        if name in ours and not is_folder[name]:
            os.unlink(name, dir_fd=descriptor)
        elif _PARTIAL.fullmatch(name):
            try:
                os.unlink(name, dir_fd=descriptor)
            except OSError:  # a folder of partial files
                shutil.rmtree(name, dir_fd=descriptor)
    os.unlink("run.json", dir_fd=descriptor)


def _remove_by_path(folder: Path, record: RunRecord, ours: set[str]) -> None:
    """As `_remove`, where files can't be named relative to an open folder, as on Windows."""
    if folder.is_symlink() or getattr(folder, "is_junction", bool)():
        raise InputError(f"{folder}: is a link. Name the folder that it leads to.")
    _check_same(read_record(folder / "run.json"), record)
    for path in sorted(folder.iterdir()):
        is_partial = _PARTIAL.fullmatch(path.name)
        is_folder = path.is_dir() and not path.is_symlink()
        if is_partial and is_folder:
            shutil.rmtree(path)
        elif is_partial or (path.name in ours and not is_folder):
            path.unlink()
    (folder / "run.json").unlink()


def _check_same(found: RunRecord, expected: RunRecord) -> None:
    if (found.id, found.started_at) != (expected.id, expected.started_at):
        raise InputError("Another run is in its folder by now.")
