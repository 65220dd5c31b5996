"""A run's folder, and the run's own copy of the input.

Owns the folder's name, how it is made and how it is removed again. Once the copy is whole, nothing
that happens to the original file disturbs a run. A folder may hold files from anybody: only files
that are ours by name are removed, and a link is removed, never followed.
"""

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from batch.advice import Fix, Remedy
from batch.errors import InputError, RunError, SettingsError
from batch.recording.atomic_file import (
    PARTIAL_SUFFIX,
    clear_partial_files,
    disk_advice,
    disk_errors,
    sync_folder,
)
from batch.recording.plain_file import private
from batch.recording.runfile import RunRecord, read_record

BLOCK_BYTES = 1 << 20
_LONGEST_STEM = 120  # bytes; most file systems take names of 255, the time and an ending included
_LONGEST_SUFFIX = 12  # characters; what is longer is no format's ending but part of a name
_PARTIAL = re.compile(rf"\.[^/\\][^/\\-]*+-[^/\\]+{re.escape(PARTIAL_SUFFIX)}")
_HAS_DIR_FD = {os.open, os.unlink} <= os.supports_dir_fd and os.scandir in os.supports_fd


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCopy:
    """The run's own copy of the input. sha256: of its bytes, hexadecimal."""

    path: Path
    size_bytes: int
    sha256: str


class RunFolder:
    """A folder made for one new run, mode 0700; leaves no trace unless `keep` is called."""

    def __init__(
        self, path: Path, *, made: tuple[Path, ...] = (), mode_before: int | None = None
    ) -> None:
        """made: the folders that were made for it, outermost first.

        mode_before: the folder's own mode when it was there before; None when it was not.
        """
        self.path = path
        self._made = made
        self._mode_before = mode_before
        self._files: list[Path] = []
        self._kept = False

    @classmethod
    def create(cls, out: Path | None, *, runs_dir: Path, stem: str, now: datetime) -> "RunFolder":
        """Make `out`, or a new folder `<stem>-<UTC time>` below `runs_dir`.

        now: aware UTC time. Raises SettingsError when `out` exists and is not an empty folder, or
        when the folder can't be made.
        """
        if out is not None:
            return cls._make(out, must_be_new=False)
        name = f"{stem}-{now:%Y%m%dT%H%M%SZ}"
        for count in range(1, 1000):
            try:
                return cls._make(
                    runs_dir / (name if count == 1 else f"{name}-{count}"), must_be_new=True
                )
            except FileExistsError:
                continue
        raise SettingsError(
            f"{runs_dir}: a thousand runs of {name} exist.", Remedy(Fix.NAME_FOLDER)
        )

    @classmethod
    def of_run(cls, path: Path) -> "RunFolder":
        """The folder of an earlier run, which stays whatever happens."""
        folder = cls(path)
        folder.keep()
        return folder

    @classmethod
    def _make(cls, path: Path, *, must_be_new: bool) -> "RunFolder":
        missing: tuple[Path, ...] = ()
        try:
            missing = tuple(folder for folder in (path, *path.parents) if not folder.exists())
            path.mkdir(mode=0o700, parents=True, exist_ok=not must_be_new)
            if any(path.iterdir()):
                raise SettingsError(
                    f"{path}: found a folder that is not empty; expected a new or an empty one.",
                    Remedy(Fix.NAME_FOLDER),
                )
            mode_before = None if path in missing else stat.S_IMODE(path.stat().st_mode)
            path.chmod(0o700)
            for folder in missing:  # they are to outlive a power cut
                with suppress(OSError):  # a parent that may not be read, or no such call
                    sync_folder(folder.parent)
        except FileExistsError:
            if must_be_new:
                raise
            raise SettingsError(
                f"{path}: found a file; expected a folder.", Remedy(Fix.NAME_FOLDER)
            ) from None
        except OSError as error:
            _remove_empty(missing)
            raise SettingsError(
                f"{path}: the run's folder can't be made: {error.strerror}.",
                Remedy(Fix.NAME_FOLDER),
            ) from error
        return cls(path, made=tuple(reversed(missing)), mode_before=mode_before)

    def copy_input(self, source: Path | BinaryIO, *, name: str) -> InputCopy:
        """Copy a file, or standard input, into the folder, hashing as it goes.

        Raises InputError when it can't be read, RunError when the copy can't be written.
        """
        target = self.path / f"input{input_suffix(name)}"
        self._files.append(target)
        digest = hashlib.sha256()
        size = 0
        with _open_source(source) as stream:
            try:
                with open(target, "xb", opener=private) as out:
                    while block := _read_block(stream, name):
                        digest.update(block)
                        size += len(block)
                        out.write(block)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError as error:
                raise RunError(
                    f"{target}: the input can't be copied: {error.strerror}. {disk_advice(error)}.",
                    Remedy(Fix.NAME_FOLDER),
                ) from error
        return InputCopy(path=target, size_bytes=size, sha256=digest.hexdigest())

    def link_input(self, copy: Path) -> None:
        """Give the folder the copy of another run: the same bytes, where that can be.

        Raises RunError when it can't be written.
        """
        target = self.path / copy.name
        self._files.append(target)
        with disk_errors(target):
            try:
                target.hardlink_to(copy)
            except OSError:  # a file system without links
                shutil.copyfile(copy, target)
                target.chmod(0o600)

    def will_hold(self, *paths: Path) -> None:
        """Remove these files, too, unless the folder is kept."""
        self._files += paths

    def keep(self) -> None:
        """Keep the folder, whatever happens: it is a run's record from here on."""
        self._kept = True

    def discard_unless_kept(self) -> None:
        """Remove what was made for this run; what was there before stays."""
        if self._kept:
            return
        clear_partial_files(self.path)
        with suppress(OSError):  # the disk fails; run.json goes first, it would stand for a run
            (self.path / "run.json").unlink(missing_ok=True)
            for file in self._files:
                file.unlink(missing_ok=True)
            if self._mode_before is not None:
                self.path.chmod(self._mode_before)
        _remove_empty(reversed(self._made))


def _remove_empty(made: Iterable[Path]) -> None:
    """Remove folders, innermost first, as far as they are there and empty."""
    for folder in made:
        with suppress(OSError):  # somebody else's files are in it by now, or it is gone
            folder.rmdir()


def remove_files(folder: Path, record: RunRecord, names: Iterable[str]) -> bool:
    """Remove these files of a run, partial files and, last, its record. True if all is gone.

    While the record exists, the folder counts as a run. Other files stay, and the folder with them.
    The folder is opened once, and files are reached only by plain names in it.
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


def sha256_of(source: Path | BinaryIO, *, name: str = "stdin") -> str:
    """Hash a file's bytes, hexadecimal; standard input is read to its end.

    name: what messages call standard input. Raises InputError when it can't be read.
    """
    digest = hashlib.sha256()
    with _open_source(source) as stream:
        while block := _read_block(stream, source.name if isinstance(source, Path) else name):
            digest.update(block)
    return digest.hexdigest()


def input_stem(name: str) -> str:
    """The file's name without the ending of its format, fit for a folder's name."""
    stem = Path(name).name.removesuffix(input_suffix(name))
    seen = "".join(each if each.isprintable() else "_" for each in stem)
    return seen.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(". ") or "input"


def input_suffix(name: str) -> str:
    """The ending of the format, with that of packing: `.csv`, `.csv.gz`; "" if none."""
    suffixes = Path(name).suffixes
    if not suffixes:
        return ""
    packed = suffixes[-1].lower() in {".gz", ".zst"}
    suffix = "".join(suffixes[-2:] if packed else suffixes[-1:])
    return suffix if suffix.isprintable() and len(suffix) <= _LONGEST_SUFFIX else ""


@contextmanager
def _open_source(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(source, Path):
        yield source
        return
    try:
        stream = source.open("rb")
    except OSError as error:
        raise InputError(
            f"{source}: the file can't be read: {error.strerror}. Check its name and permissions."
        ) from error
    with stream:
        yield stream


def _read_block(stream: BinaryIO, name: str) -> bytes:
    try:
        return stream.read(BLOCK_BYTES)
    except OSError as error:
        raise InputError(f"{name}: the file can't be read: {error.strerror}.") from error
