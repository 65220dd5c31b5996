"""What goes wrong in SQLite, in sentences that name the file and what to do."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch.errors import InputError, RunError

# What SQLite's primary error codes mean to a person, and what to do.
_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full. Free some space on it",
    sqlite3.SQLITE_IOERR: "the disk can't be read or written. Check the disk, its free space and "
    "its connection",
    sqlite3.SQLITE_READONLY: "it may not be written. Check the disk, and that this user may write "
    "its folder",
    sqlite3.SQLITE_CANTOPEN: "it, or a file beside it, can't be opened. Check that it exists, that "
    "its folder may be written, and the disk's free space",
    sqlite3.SQLITE_BUSY: "another process is using it. Wait until that has ended",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Bring it back from a backup, or start a new run",
    sqlite3.SQLITE_TOOBIG: "it is damaged. Bring it back from a backup, or start a new run",
    sqlite3.SQLITE_NOTADB: "it is no journal of a run. Name the folder of a run",
}
# Those that say nothing of what is in the file.
_OF_THE_MACHINE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
}


class JournalBusyError(RunError):
    """Another process has the journal open."""


@contextmanager
def sqlite_errors(
    path: Path, *, of_content: type[InputError | RunError] = RunError
) -> Iterator[None]:
    """Turn SQLite's errors into ours, naming the file and what to do.

    of_content: the kind for what is wrong in the file itself, not on this machine.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter: of a message of SQLite's own
        code = code_of(error)
        if code == sqlite3.SQLITE_BUSY:
            raise JournalBusyError(_explain(path, error)) from error
        if code in _OF_THE_MACHINE or isinstance(error, sqlite3.ProgrammingError):
            raise RunError(_explain(path, error)) from error
        raise of_content(_explain(path, error, or_else=sqlite3.SQLITE_CORRUPT)) from error


def _explain(path: Path, error: Exception, *, or_else: int = 0) -> str:
    """The error in a sentence. or_else: the code of the sentence where there is none for it."""
    kind = code_of(error)
    if kind == sqlite3.SQLITE_IOERR and not os.access(path.parent, os.W_OK):
        kind = sqlite3.SQLITE_READONLY  # a log to be played in is beside it
    cause = _CAUSES.get(kind) or _CAUSES.get(or_else, "SQLite failed")
    said = " ".join(str(error).split())
    return f"{path}: {cause} ({said:.200})."


def code_of(error: Exception) -> int:
    """SQLite's primary code of an error; 0 where Python itself raises."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the low byte is the kind
