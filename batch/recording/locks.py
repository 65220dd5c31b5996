"""Locks in the user's state folder, held by the operating system.

A lock ends with its process, however that ends; process ids decide nothing. The file beside a lock
only tells people who holds it.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import SecretStr

from batch.advice import Passing
from batch.errors import RunError, SettingsError, UsageError
from batch.recording.atomic_file import AtomicFile
from batch.recording.state import keyed_hash

INPUTS, KEYS = "inputs", "keys"  # the folders of the locks
SHARERS = 16  # runs of one key that know of each other; nobody runs more side by side
_PATIENCE_S = 0.2  # listing runs tries each lock for a moment, which must refuse no run


class LockedError(UsageError):
    """Another process is at work on the same input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock. since: UTC, as shown to people. run: the folder of its run."""

    pid: int
    since: str
    run: str

    def __str__(self) -> str:
        return f"process {self.pid}, since {self.since}, run {self.run}"


@contextmanager
def lock_input(state_dir: Path, *, sha256: str, base_url: str, run: Path) -> Iterator[None]:
    """Lock an input for one base address, so that no two processes send the same.

    sha256: of the input's bytes. run: the folder of the run that takes the lock.
    Raises LockedError, naming the holder, and SettingsError if no lock can be made.
    """
    _make(state_dir / INPUTS)
    lock = _input_lock(state_dir, sha256, base_url)
    if not _acquired(lock):
        holder = _read_holder(lock)
        raise LockedError(
            f"Another process is sending this input to {base_url}: {holder or 'it has just begun'}."
            " Wait until it has ended, or stop it."
        )
    try:
        _write_holder(lock, run)
        yield
    finally:
        lock.release()


def find_holder(state_dir: Path, *, sha256: str, base_url: str) -> Holder | None:
    """Who is sending this input to this base address now; None if nobody is.

    Changes nothing; a folder that can't be read or written counts as unlocked.
    """
    lock = _input_lock(state_dir, sha256, base_url)
    try:
        Path(lock.lock_file).open("rb").close()  # acquiring would make what is not there
        if not _acquired(lock):
            return _read_holder(lock)
    except (OSError, SettingsError):
        return None
    lock.release()
    return None


@contextmanager
def share_key(
    state_dir: Path, *, key: SecretStr, base_url: str, run: Path
) -> Iterator[tuple[str, ...]]:
    """Register as a user of a key at an address; gives a warning for each other run that is one.

    Each warning holds as long as that run is at work. Raises SettingsError if no lock can be made.
    """
    _make(state_dir / KEYS)
    used = f"{key.get_secret_value()} {base_url.lower()}"
    name = keyed_hash(state_dir, used)[:32]  # not to be found out by trying keys
    others: list[tuple[FileLock, Holder | None]] = []
    with ExitStack() as held:
        mine: FileLock | None = None
        for place in range(SHARERS):
            lock = FileLock(state_dir / KEYS / f"{name}-{place}.lock")
            if not _acquired(lock, patience_s=0):
                others.append((lock, _read_holder(lock)))
            elif mine is None:
                mine = lock
                held.callback(lock.release)
                _write_holder(lock, run)
            else:
                lock.release()
        yield tuple(
            Passing(
                f"Another run uses the same key: {holder or 'it has just begun'}. "
                "Both share one budget of the server, and each is slower for it.",
                holds=partial(_is_held_by, lock, holder),
            )
            for lock, holder in others
        )


def _is_held_by(lock: FileLock, holder: Holder | None) -> bool:
    """Whether the same holder still has a lock; of one that had just begun, whether anybody has."""
    try:
        if not _acquired(lock, patience_s=0):
            return holder is None or _read_holder(lock) == holder
    except SettingsError:
        return False
    lock.release()
    return False


def _input_lock(state_dir: Path, sha256: str, base_url: str) -> FileLock:
    # Case does not matter in an address. Where it does, in a path, this only locks too much.
    name = hashlib.sha256(f"{sha256} {base_url.lower()}".encode()).hexdigest()[:32]
    return FileLock(state_dir / INPUTS / f"{name}.lock")


def _acquired(lock: FileLock, *, patience_s: float = _PATIENCE_S) -> bool:
    try:
        lock.acquire(timeout=patience_s)
    except Timeout:
        return False
    except OSError as error:
        raise _no_lock(Path(lock.lock_file), error.strerror) from error
    return True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _no_lock(folder, error.strerror) from error


def _no_lock(path: Path, why: str | None) -> SettingsError:
    return SettingsError(
        f"{path}: can't be written: {why}. A run keeps its locks there, so that no two send the "
        "same. Give this user the right to write there, or set XDG_STATE_HOME to another folder."
    )


def _holder_path(lock: FileLock) -> Path:
    return Path(lock.lock_file).with_suffix(".json")  # a lock file itself may hold nothing


def _write_holder(lock: FileLock, run: Path) -> None:
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    holder = {"pid": os.getpid(), "since": since, "run": str(run.resolve())}
    path = _holder_path(lock)
    try:
        with AtomicFile(path) as new_file:
            new_file.write(json.dumps(holder).encode())
            new_file.publish()
    except RunError as error:
        raise SettingsError(str(error)) from error


def _read_holder(lock: FileLock) -> Holder | None:
    try:
        return Holder(**json.loads(_holder_path(lock).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
