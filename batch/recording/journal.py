"""A run's record in one SQLite file: an outcome counts once it is durable here.

Before a line's request may leave it is claimed here; its outcome takes the claim away. So a
process that is killed leaves behind exactly which lines may have been sent without an answer.

Owns the file and its schema, and is the only door to SQLite. It never decides what an outcome is,
and never leaves the thread that calls it: `group_commit.py` keeps commits off the event loop.
"""

import os
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import polars as pl

from batch.errors import RunError
from batch.model import Claim, Entry, Outcome, Reason, Tally
from batch.recording import journal_sql as sql

LABELS_NOTE = "labels"  # the name of the note that keeps what tags were checked against
JUDGED_NOTE = "judged"  # of the note that is kept once every judged row is recorded
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
    sqlite3.SQLITE_NOTADB: "it is no journal of a run. Name the folder of a run",
}


class JournalBusyError(RunError):
    """Another process has the journal open."""


class Journal:
    """The recorded outcomes of one run, by input line. Made by `create` or `open`.

    Every method raises RunError, naming the file and what to do, when the disk or SQLite fails.
    From any thread: calls wait for each other. Another process is shut out until `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        with self._disk_errors():
            self._db = _connect(path)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty journal that only this user may read (mode 0600)."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise RunError(
                f"{path}: the run's journal can't be made: {error.strerror}. "
                "Name an empty folder that may be written."
            ) from error
        journal = cls(path)
        with journal._closed_if_it_fails():
            journal._lay_out()
        return journal

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal of an earlier run, with everything that was durable in it."""
        journal = cls(path)
        with journal._closed_if_it_fails():
            with journal._disk_errors():
                (version,) = journal._db.execute("PRAGMA user_version").fetchone()
            if version < sql.SCHEMA_VERSION:  # its process broke off as it made it, or it is old
                journal._lay_out()
            elif version != sql.SCHEMA_VERSION:
                raise RunError(
                    f"{path}: found a journal of format {version}; expected format "
                    f"{sql.SCHEMA_VERSION}. Use the version of this program that made it."
                )
        return journal

    def _lay_out(self) -> None:
        with self._disk_errors(), self._db:
            for statement in (
                sql.CREATE,
                sql.CREATE_CLAIM,
                sql.CREATE_NOTE,
                sql.CREATE_BEFORE,
                sql.CREATE_DOUBT,
                sql.DERIVE_DOUBT,
            ):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={sql.SCHEMA_VERSION}")

    def record(self, entries: Iterable[Entry]) -> None:
        """Make entries durable, all or none; a later outcome for a line replaces the earlier one.

        An outcome takes its lines' claims away; one of a row that was only judged has none. That a
        line is in doubt stays, whatever is recorded for it later.
        """
        claims: list[tuple[int]] = []
        outcomes: list[Outcome] = []
        for entry in entries:
            if isinstance(entry, Claim):
                claims += [(line,) for line in entry.lines]
            else:
                outcomes.append(entry)
        sent = [(line,) for outcome in outcomes if outcome.attempts for line in outcome.lines]
        doubts = [(line,) for outcome in outcomes if outcome.in_doubt for line in outcome.lines]
        with self._disk_errors(), self._db:
            self._db.executemany(sql.CLAIM, claims)
            self._db.executemany(
                sql.RECORD, (row for outcome in outcomes for row in _rows_of(outcome))
            )
            self._db.executemany(sql.DOUBT, doubts)
            self._db.executemany(sql.UNCLAIM, sent)

    def begin_anew(self) -> None:
        """Forget outcomes of a time that broke off before anything was sent."""
        with self._disk_errors(), self._db:
            self._db.execute(sql.FORGET_OUTCOMES)

    def drop_claims(self) -> None:
        """Nothing is on its way any more, and what went out has its outcome."""
        with self._disk_errors(), self._db:
            self._db.execute(sql.UNCLAIM_ALL)

    def settle_claims(self) -> None:
        """The process that claimed these lines is gone: they are unsent, in flight, in doubt."""
        with self._disk_errors(), self._db:
            self._db.execute(sql.DOUBT_CLAIMED)
            self._db.execute(sql.CLAIMED_IN_FLIGHT, (Reason.IN_FLIGHT.value, sql.IN_FLIGHT_MESSAGE))
            self._db.execute(sql.UNCLAIM_ALL)

    def rows(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The outcomes of the lines from first to last, both included, one row a line, by line.

        Columns: line, reason, http_status, attempts, elapsed_ms, message, sent_at_ms,
        server_status, server_ai_tag, subsequence. Lines without an outcome are left out.
        """
        with self._disk_errors():
            rows = self._db.execute(sql.ROWS, (first_line, last_line)).fetchall()
        return pl.DataFrame(rows, schema=sql.ROW_SCHEMA, orient="row").sort("line")

    def first(self, reason: Reason, limit: int) -> pl.DataFrame:
        """The first outcomes of a reason, in line order, as `rows` gives them."""
        with self._disk_errors():
            rows = self._db.execute(sql.FIRST, (reason.value, limit)).fetchall()
        return pl.DataFrame(rows, schema=sql.ROW_SCHEMA, orient="row")

    def final_lines(self, first_line: int, last_line: int) -> pl.Series:
        """The lines (UInt32) from first to last whose outcome is final: all but the unsent ones."""
        return self._line_series(sql.FINAL, (first_line, last_line))

    def lines(self) -> pl.Series:
        """The lines that have an outcome (UInt32, rising)."""
        return self._line_series(sql.LINES)

    def done_lines(self) -> pl.Series:
        """The lines that are success or skipped (UInt32, rising)."""
        return self._line_series(sql.DONE_LINES)

    def in_doubt(self) -> pl.Series:
        """The lines whose leads may have been changed though no answer says so (UInt32, rising)."""
        return self._line_series(sql.IN_DOUBT)

    def tried(self) -> dict[int, Outcome]:
        """The outcomes of the unsent lines that were tried, each for its line alone."""
        with self._disk_errors():
            return {row[0]: _outcome_of(*row) for row in self._db.execute(sql.TRIED)}

    def keep_before(self, leads: pl.DataFrame) -> None:
        """Keep what leads were before their requests; what was kept of the same line is replaced.

        leads: line (of the row that carries the request), status, ai_tag, read_at_ms (Unix ms).
        A null is unknown, a tag of "" is none.
        """
        rows = leads.select(list(sql.BEFORE_SCHEMA)).iter_rows()
        with self._disk_errors(), self._db:
            self._db.executemany(sql.KEEP_BEFORE, rows)

    def before(self, first_line: int = 0, last_line: int = sql.LAST_LINE) -> pl.DataFrame:
        """What leads were before their requests, as it was kept, in line order."""
        with self._disk_errors():
            rows = self._db.execute(sql.BEFORE, (first_line, last_line)).fetchall()
        return pl.DataFrame(rows, schema=sql.BEFORE_SCHEMA, orient="row")

    def keep(self, name: str, value: str) -> None:
        """Keep a text under a name, durably."""
        with self._disk_errors(), self._db:
            self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def kept(self, name: str) -> str | None:
        """The text that was kept under a name; None if there is none."""
        with self._disk_errors():
            row = self._db.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def tally(self) -> Tally:
        """The recorded lines counted by reason."""
        with self._disk_errors():
            counts = self._db.execute(sql.TALLY)
            return Tally({Reason(reason): count for reason, count in counts})

    def recorded(self) -> int:
        """How many lines have an outcome."""
        return self.tally().total()

    def examples(self) -> dict[Reason, tuple[int, str]]:
        """For every reason that occurs, its first line and that line's message."""
        with self._disk_errors():
            rows = self._db.execute(sql.EXAMPLES)
            return {Reason(reason): (line, message) for reason, line, message in rows}

    def _line_series(self, query: str, bounds: tuple[int, ...] = ()) -> pl.Series:
        with self._disk_errors():
            lines = array("I", (line for (line,) in self._db.execute(query, bounds)))
        return pl.Series("line", lines, dtype=pl.UInt32)

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        self._db.close()

    @contextmanager
    def _closed_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                kind = JournalBusyError if _code_of(error) == sqlite3.SQLITE_BUSY else RunError
                raise kind(_explain(self._path, error)) from error


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # rw: a mistyped path makes no new file
        uri=True,
        timeout=0,  # another process keeps its lock for a whole run: waiting is no use
        check_same_thread=False,
    )
    try:
        # One process owns a journal. The lock also spares the shared memory file, which network
        # file systems lack; where WAL is refused all the same, SQLite stays in DELETE mode, which
        # keeps the same promise at a lower speed.
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute(sql.CREATE_TOLD)
        # macOS alone obeys these two: its fsync does not empty the disk's own cache.
        db.execute("PRAGMA fullfsync=ON")
        db.execute("PRAGMA checkpoint_fullfsync=ON")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _rows_of(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    values = (
        outcome.reason.value,
        outcome.http_status,
        outcome.attempts,
        outcome.elapsed_ms,
        _storable(outcome.message),
        outcome.sent_at_ms,
        _storable(outcome.server_status),
        _storable(outcome.server_ai_tag),
        _storable(outcome.subsequence),
    )
    return ((line, *values) for line in outcome.lines)


def _outcome_of(line: int, reason: str, *values: Any) -> Outcome:  # noqa: ANN401 - as the table has them
    """The outcome of a line. values: the other columns of the table, then if it is in doubt."""
    *rest, in_doubt = values
    named = dict(zip(tuple(sql.ROW_SCHEMA)[2:], rest, strict=True))
    return Outcome(lines=(line,), reason=Reason(reason), in_doubt=bool(in_doubt), **named)


def _storable(text: str | None) -> str | None:
    """The text without lone surrogates: a server's JSON can hold them, UTF-8 can't."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()


def _explain(path: Path, error: sqlite3.Error) -> str:
    kind = _code_of(error)
    if kind == sqlite3.SQLITE_IOERR and not os.access(path.parent, os.W_OK):
        kind = sqlite3.SQLITE_READONLY  # a log to be played in is beside it
    return f"{path}: {_CAUSES.get(kind, 'SQLite failed')} ({error})."


def _code_of(error: sqlite3.Error) -> int:
    """The primary code; 0 where Python itself raises."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF  # the low byte is the kind
