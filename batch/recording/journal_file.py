"""Opening a journal's file with SQLite, and only where nothing in it is not ours.

A run's folder may come from anybody, and SQLite does what a file says: it runs triggers and views,
follows links, and deletes a file that a rollback journal names. So a journal is a regular file
with our tables and nothing else, which is seen to before anything else is read; and whoever only
looks opens it read-only and leaves no trace. Knows no row.
"""

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from batch.errors import InputError, NewerFormatError, RunError
from batch.recording import journal_sql as sql
from batch.recording.atomic_file import disk_errors
from batch.recording.plain_file import private
from batch.recording.sqlite_faults import JournalBusyError, code_of, sqlite_errors

WAL, SHM, ROLLBACK = "-wal", "-shm", "-journal"  # endings of the files that SQLite puts beside it
LONGEST_BYTES = 16 << 20  # of a text or a row; what we write is far below, the labels' note too
_MAGIC = bytes.fromhex("d9d505f920a163d7")  # at the end of a rollback journal that names a file
_WANTED = (
    "Expected the journal of a run: a regular file with this program's tables and nothing else. "
    "Bring it back from a backup, or start a new run."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A journal's connection. format: 0 where it is not, or not wholly, laid out.

    tables: those that are there. close: lets go of the file; may be called twice.
    """

    db: sqlite3.Connection
    close: Callable[[], None]
    format: int = 0
    tables: frozenset[str] = frozenset()


def create(path: Path) -> Opened:
    """A new, empty file that only this user may read (mode 0600). Raises RunError."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise RunError(
            f"{path}: the run's journal can't be made: {error.strerror}. "
            "Name an empty folder that may be written."
        ) from error
    with sqlite_errors(path):
        db = _connect(path, mode="rw")
        with _closed_if_it_fails(db.close):
            _make_durable(db)
    return Opened(db=db, close=db.close)


def open_to_write(path: Path, *, may_lay_out: bool) -> Opened:
    """The file of a run that is gone on with; nobody else can open it until it is closed.

    may_lay_out: whether one that was not, or not wholly, laid out will do.
    Raises InputError when something in it is not ours, JournalBusyError while another process has
    it, and RunError when it can't be opened.
    """
    _check_files(path)
    with sqlite_errors(path, of_content=InputError):
        db = _connect(path, mode="rw")
        with _closed_if_it_fails(db.close):
            opened = _checked(db, path, close=db.close)
            for table in opened.tables & sql.TEXTS.keys():
                for _ in db.execute(sql.TEXTS[table]):
                    pass  # it is UTF-8: what is sent must not end by what can't be told afterwards
            if not opened.format and not may_lay_out:
                raise InputError(
                    f"{path}: lacks tables of a journal, so that nobody knows what was sent. "
                    f"{_WANTED}"
                )
            _make_durable(db)
    return opened


def open_to_look(path: Path) -> Opened:
    """The file of a run that is only looked at: it, and its folder, stay as they are.

    What a killed process committed may stand in the file beside it alone. SQLite reads that where
    it may write the folder; else a copy of both is read. Raises as `open_to_write` does.
    """
    _check_files(path)
    with sqlite_errors(path, of_content=InputError):
        db, close = _connect_to_look(path)
        with _closed_if_it_fails(close):
            return _checked(db, path, close=close)


def open_nothing() -> Opened:
    """In place of a journal that was not made before its run was killed: there is nothing in it."""
    db = sqlite3.connect(":memory:", check_same_thread=False)
    return Opened(db=db, close=db.close)


def is_locked(path: Path) -> bool:
    """Whether a process has the file open to write it."""
    try:
        _check_files(path)
        with sqlite_errors(path):
            _, close = _connect_to_look(path)
    except JournalBusyError:
        return True
    except (InputError, RunError):  # it is damaged, or there is none yet
        return False
    close()
    return False


def refuse_newer(path: Path) -> None:
    """Raise NewerFormatError where a newer version of this program has laid out a journal.

    Nothing else is checked: one that can't be read now, or not at all, passes.
    """
    try:
        version = _format_of(path)
    except (OSError, InputError, RunError):
        return
    _check_format(path, version)


def _format_of(path: Path) -> int:
    _check_files(path)
    if not os.path.lexists(path.with_name(path.name + WAL)):
        # Nobody has it open, so that closing it lets go of no lock; and SQLite leaves no trace.
        with open(path, "rb", opener=private) as file:
            return int.from_bytes(file.read(64)[60:], "big")  # where SQLite keeps user_version
    with sqlite_errors(path):
        db, close = _connect_to_look(path)
        try:
            return _format_in(db)
        finally:
            close()


def _format_in(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _check_format(path: Path, version: int) -> None:
    if version > sql.SCHEMA_VERSION:
        raise NewerFormatError(
            f"{path}: found a journal of format {version}; expected format "
            f"{sql.SCHEMA_VERSION}. Use the version of this program that made it."
        )


def _check_files(path: Path) -> None:
    """Raise InputError where SQLite would follow a link, wait for a pipe, or delete a file."""
    for file in (path, *(path.with_name(path.name + more) for more in (WAL, SHM, ROLLBACK))):
        try:
            # Not opened: closing it again would let go of the lock that this process may have.
            found = file.lstat()
        except OSError:  # it is not there, or SQLite says why it can't be opened
            continue
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{file}: is no regular file. {_WANTED}")
    rollback = path.with_name(path.name + ROLLBACK)
    with disk_errors(rollback), suppress(FileNotFoundError), rollback.open("rb") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - len(_MAGIC)))
        if size > len(_MAGIC) and content.read() == _MAGIC:
            raise InputError(f"{rollback}: names another file, to be deleted. {_WANTED}")


def _connect(path: Path, *, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",  # never rwc: a mistyped path makes no new file
        uri=True,
        timeout=0,  # another process keeps its lock for a whole run: waiting is no use
        check_same_thread=False,
    )
    with _closed_if_it_fails(db.close):
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_BYTES)
        db.execute("PRAGMA trusted_schema=OFF")
        db.execute("PRAGMA cell_size_check=ON")
        if mode == "rw":
            # One process owns a journal. The lock also spares the shared memory file, which
            # network file systems lack.
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
    return db


def _make_durable(db: sqlite3.Connection) -> None:
    # Where WAL is refused SQLite stays in DELETE mode, which keeps the same promise more slowly.
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    # macOS alone obeys these two: its fsync does not empty the disk's own cache.
    db.execute("PRAGMA fullfsync=ON")
    db.execute("PRAGMA checkpoint_fullfsync=ON")


def _connect_to_look(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """A connection that has read, and what closes it without a trace."""
    beside = [path.with_name(path.name + more) for more in (SHM, WAL)]
    made = [file for file in beside if not os.path.lexists(file)]
    try:
        db = _connect(path, mode="ro")
        with _closed_if_it_fails(db.close):  # what is there may be another's: it has no lock yet
            db.execute("BEGIN")  # to its end everything is read as it is now
            db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        if code_of(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
        return _connect_to_copy(path)
    return db, partial(_close_without_trace, db, made)


def _close_without_trace(db: sqlite3.Connection, made: list[Path]) -> None:
    # As long as it is open, nobody else can begin to write: what it made is nobody's yet.
    for file in made:
        with suppress(OSError):
            if file.name.endswith(SHM) or not file.stat().st_size:
                file.unlink()
    made.clear()
    db.close()


def _connect_to_copy(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """As `_connect_to_look`, where the folder can't be written. Nobody is at work on it."""
    scratch = tempfile.TemporaryDirectory(prefix="sendkit-batch-")
    with _closed_if_it_fails(scratch.cleanup):
        for more in ("", WAL, ROLLBACK):
            name = path.name + more
            with disk_errors(Path(scratch.name)), suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(name), Path(scratch.name, name))
        db = _connect(Path(scratch.name, path.name), mode="rw")

    def close() -> None:
        db.close()
        scratch.cleanup()

    return db, close


def _checked(db: sqlite3.Connection, path: Path, *, close: Callable[[], None]) -> Opened:
    """The connection with what is laid out; raises InputError unless all of it is ours."""
    version = _format_in(db)
    _check_format(path, version)
    known = _known()
    found = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchmany(
        len(known) + 1
    )
    if strange := [name for kind, name, *more in found if (kind, name, *more) not in known]:
        raise InputError(f"{path}: holds {strange[0]!r:.100}, which is not ours. {_WANTED}")
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":  # such as rows that are counted a million times, to be read for ever
        raise sqlite3.DatabaseError(said)
    tables = frozenset(name for kind, name, *_ in found if kind == "table")
    for table, holds in sql.HOLDS.items():
        wrong = f"SELECT 1 FROM {table} WHERE ({holds}) IS NOT TRUE LIMIT 1"  # noqa: S608 - words of our own
        if table in tables and db.execute(wrong).fetchone():
            raise InputError(
                f"{path}: holds values in its table {table} that are none of ours. {_WANTED}"
            )
    is_whole = tables >= sql.tables_of(version)
    return Opened(db=db, close=close, format=version if is_whole else 0, tables=tables)


@cache
def _known() -> frozenset[tuple[str, str, str, str | None]]:
    """All that this and earlier formats lay out, as SQLite keeps it."""
    with closing(sqlite3.connect(":memory:")) as db:
        for statements in sql.FORMATS.values():
            db.executescript(";".join(statements))
        return frozenset(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


@contextmanager
def _closed_if_it_fails(close: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        close()
        raise
