"""The user's state folder: what must outlive a run, such as locks and the list of runs.

Owns the folder's secret, and the rule that only files count that this user owns and nobody else may
write: whoever could write there could name addresses for the key.
"""

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

import platformdirs
from filelock import FileLock

from batch.errors import RunError, SettingsError
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.plain_file import private

SECRET_NAME = "secret"  # noqa: S105 - a file's name
_SECRET_BYTES = 32
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def default_state_dir() -> Path:
    """The program's state folder on this system; it may not exist yet."""
    try:
        return platformdirs.user_state_path("sendkit-batch", appauthor=False)
    except RuntimeError:  # a user without a home: let only what needs the folder fail
        return Path(os.devnull) / "sendkit-batch"


def is_own(path: Path) -> bool:
    """True if a file or folder is no link, belongs to this user, and nobody else may write it.

    False if it is missing or can't be examined. Systems without POSIX modes only check for links.
    """
    try:
        found = path.lstat()
    except OSError:
        return False
    return is_own_status(found)


def is_own_status(found: os.stat_result) -> bool:
    """The rule of `is_own`, for a result of `lstat` or `fstat`."""
    if stat.S_ISLNK(found.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_MAY_WRITE


def read_own(path: Path) -> bytes | None:
    """Read a file of the state folder; None unless both it and its folder are our own.

    The open file is checked, whatever is put in its place meanwhile.
    """
    if not is_own(path.parent):
        return None
    try:
        with open(path, "rb", opener=private) as file:
            return file.read() if is_own_status(os.fstat(file.fileno())) else None
    except OSError:
        return None


def make_state_dir(state_dir: Path) -> None:
    """Make the folder if it is missing. Raises SettingsError unless it is our own."""
    with disk_errors(state_dir):
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_own(state_dir)


def check_own(path: Path) -> None:
    """Raise SettingsError, with what to do, if a file or folder exists but is not our own."""
    if os.path.lexists(path) and not is_own(path):
        raise SettingsError(
            f"{path}: belongs to another user, is a link, or may be written by others; expected "
            "what this user owns and nobody else may write, since it says where keys may go. "
            f"Once you know who wrote there: chmod go-w {path} (or chown), or set XDG_STATE_HOME "
            "to another folder."
        )


def state_secret(state_dir: Path) -> bytes:
    """The state folder's random secret (mode 0600), made at its first use.

    Raises SettingsError if it can't be read or made, or others could have written it.
    """
    path = state_dir / SECRET_NAME
    if (found := _read_secret(path)) is not None:
        return found
    try:
        make_state_dir(state_dir)
        with disk_errors(path), FileLock(path.with_suffix(".lock")):
            check_own(path)
            if (found := _read_secret(path)) is not None:  # another process has just made it
                return found
            made = secrets.token_bytes(_SECRET_BYTES)
            with AtomicFile(path) as new_file:
                new_file.write(made)
                new_file.publish()
            return made
    except RunError as error:
        raise SettingsError(str(error)) from error


def keyed_hash(state_dir: Path, text: str) -> str:
    """HMAC-SHA256 of a text by the state folder's secret, hexadecimal. Raises SettingsError."""
    return hmac.new(state_secret(state_dir), text.encode(), hashlib.sha256).hexdigest()


def _read_secret(path: Path) -> bytes | None:
    found = read_own(path)
    return found if found and len(found) == _SECRET_BYTES else None
