"""A run's record in one SQLite file: an outcome counts once it is durable here.

Before a line's request may leave it is claimed here; its outcome takes the claim away. So a
process that is killed leaves behind exactly which lines may have been sent without an answer.

Owns what stands in it; `journal_file.py` opens it. It never decides what an outcome is, and never
leaves the thread that calls it: `group_commit.py` keeps commits off the event loop.
"""

import os
import threading
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import polars as pl

from batch.errors import InputError, RunError
from batch.model import MOST_ATTEMPTS, Claim, Entry, Move, Outcome, Reason, Tally
from batch.recording import journal_sql as sql
from batch.recording.journal_file import (
    Opened,
    create,
    open_nothing,
    open_to_look,
    open_to_write,
)
from batch.recording.sqlite_faults import sqlite_errors

JOURNAL_NAME = "journal.sqlite"
LABELS_NOTE = "labels"  # the name of the note that keeps what tags were checked against
JUDGED_NOTE = "judged"  # of the note that is kept once every judged row is recorded

Fault = type[InputError] | type[RunError]


class Journal:
    """The recorded outcomes of one run, by input line. Made by `create`, `open` or `look`.

    Every method raises RunError, naming the file and what to do, when the disk or SQLite fails.
    From any thread: calls wait for each other. Another process is shut out until `close`.
    """

    def __init__(self, path: Path, opened: Opened, *, of_content: Fault = RunError) -> None:
        """of_content: the kind of error for what is wrong in the file itself."""
        self._path = path
        self._db = opened.db
        self._close = opened.close
        self._of_content = of_content
        self._lock = threading.RLock()
        self._generation: int | None = None  # of the attempts that this process keeps
        self._db.execute(sql.CREATE_TOLD)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new, empty journal that only this user may read (mode 0600)."""
        journal = cls(path, create(path))
        with journal._closed_if_it_fails():
            journal._lay_out(since=0)
        return journal

    @classmethod
    def open(cls, path: Path, *, may_lay_out: bool = True) -> Self:
        """The journal of an earlier run that is gone on with, with all that was durable in it.

        may_lay_out: whether one that was not, or not wholly, laid out is laid out now.
        Raises InputError unless it is the journal of a run, JournalBusyError while another process
        has it, and RunError when the disk fails.
        """
        opened = open_to_write(path, may_lay_out=may_lay_out)
        journal = cls(path, opened)
        with journal._closed_if_it_fails():
            if opened.format != sql.SCHEMA_VERSION:  # its process broke off, or it is old
                journal._lay_out(since=opened.format)
        return journal

    @classmethod
    def look(cls, path: Path) -> Self:
        """The journal of a run that is only looked at: nothing of it is written.

        One that is not there, or not wholly laid out, holds nothing. Raises as `open` does, and
        whatever reads it raises InputError where it is damaged.
        """
        opened = open_to_look(path) if os.path.lexists(path) else open_nothing()
        journal = cls(path, opened, of_content=InputError)
        with journal._closed_if_it_fails(), journal._disk_errors():
            lacking = sql.tables_of(sql.SCHEMA_VERSION) - opened.tables
            for statement in sql.statements_since(opened.format):
                table = sql.table_of(statement)
                if table in lacking:
                    # It is this connection's own, and on no disk.
                    journal._db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
                elif table is None and opened.format and lacking:
                    journal._db.execute(statement)
        return journal

    def _lay_out(self, *, since: int) -> None:
        """Make the tables that a journal of an earlier format lacks; since: that, 0 for none."""
        with self._disk_errors(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for statement in sql.statements_since(since):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={sql.SCHEMA_VERSION}")

    def record(self, entries: Iterable[Entry]) -> None:
        """Make entries durable, all or none; a later outcome for a line replaces the earlier one.

        An outcome takes its lines' claims away; one of a row that was only judged has none. A claim
        after an outcome, of a row that is sent again, stays. That a line is in doubt stays,
        whatever is recorded for it later.
        """
        is_claimed: dict[int, bool] = {}  # by line, when all of these entries are in
        outcomes: list[Outcome] = []
        for entry in entries:
            if isinstance(entry, Claim):
                is_claimed.update(dict.fromkeys(entry.lines, True))
                continue
            outcomes.append(entry)
            if entry.attempts:
                is_claimed.update(dict.fromkeys(entry.lines, False))
        doubts = [(line,) for outcome in outcomes if outcome.in_doubt for line in outcome.lines]
        with self._disk_errors(), self._db:
            self._db.executemany(
                sql.RECORD, (row for outcome in outcomes for row in _rows_of(outcome))
            )
            self._db.executemany(sql.DOUBT, doubts)
            self._keep_attempts(outcomes)
            for statement, claimed in ((sql.CLAIM, True), (sql.UNCLAIM, False)):
                lines = ((line,) for line, is_so in is_claimed.items() if is_so is claimed)
                self._db.executemany(statement, lines)

    def _keep_attempts(self, outcomes: Iterable[Outcome]) -> None:
        """Keep the attempts of outcomes that tell them, beside those of earlier processes."""
        made = [
            (line, each)
            for one in outcomes
            for each in one.made
            if each.number < MOST_ATTEMPTS or each is one.made[-1]
            for line in one.lines
        ]
        if not made:
            return
        if self._generation is None:
            (self._generation,) = self._db.execute(sql.GENERATION).fetchone()
        late = {(line,) for line, each in made if each.number >= MOST_ATTEMPTS}
        self._db.executemany(sql.DROP_ATTEMPTS, late)  # of many, the first ones and the last stay
        self._db.executemany(
            sql.KEEP_ATTEMPT,
            (
                (line, each.number, each.sent_at_ms, each.elapsed_ms, each.http_status,
                 _storable(each.message), _storable(each.request_id), self._generation)
                for line, each in made
            ),
        )  # fmt: skip

    def attempts(self, first_line: int, last_line: int) -> pl.DataFrame:
        """The kept attempts of the lines from first to last, by line and number.

        Columns: as sql.ATTEMPT_SCHEMA. A line that succeeded at once has none: its outcome tells.
        """
        with self._disk_errors():
            rows = self._db.execute(sql.ATTEMPTS, (first_line, last_line)).fetchall()
        return pl.DataFrame(rows, schema=sql.ATTEMPT_SCHEMA, orient="row")

    def lacks_earlier_attempts(self) -> bool:
        """Whether the run was begun by a version that kept no attempts."""
        with self._disk_errors():
            return bool(self._db.execute(sql.UNKEPT).fetchone()[0])

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

    def causes(self, limit: int) -> pl.DataFrame:
        """The errors by reason and HTTP status, the most frequent first.

        The first row of each, as `rows` gives it, with `rows`: how many there are.
        """
        with self._disk_errors():
            rows = self._db.execute(sql.CAUSES, (limit,)).fetchall()
        return pl.DataFrame(rows, schema=sql.CAUSES_SCHEMA, orient="row")

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

    def moves(self, *, carried: Collection[int]) -> tuple[Move, ...]:
        """What the server did with leads as their tags changed, the most leads first.

        carried: lines whose request is another line's, and not counted again.
        """
        with self._disk_errors():
            moved = (word for line, word in self._db.execute(sql.MOVED) if line not in carried)
            counted = Counter(moved)
        parts = [(*word.partition(": "), leads) for word, leads in counted.items()]
        moves = [Move(action=action, subsequence=name, leads=n) for action, _, name, n in parts]
        return tuple(sorted(moves, key=lambda one: (-one.leads, one.action, one.subsequence)))

    def moved_by_tag(self) -> set[tuple[str, str, str]]:
        """What new tags have done: the tag, "null" for none, what was done, the subsequence."""
        with self._disk_errors():
            found = self._db.execute(sql.MOVED_BY_TAG)
            parts = ((tag, *word.partition(": ")) for tag, word in found)
            return {(tag, action, name) for tag, action, _, name in parts}

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
        self._close()

    @contextmanager
    def _closed_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        with self._lock, sqlite_errors(self._path, of_content=self._of_content):
            yield


def _rows_of(outcome: Outcome) -> Iterator[tuple[object, ...]]:
    values = [_storable(getattr(outcome, name)) for name in tuple(sql.ROW_SCHEMA)[1:]]
    return ((line, *values) for line in outcome.lines)


def _outcome_of(line: int, reason: str, *values: Any) -> Outcome:  # noqa: ANN401 - as the table has them
    """The outcome of a line. values: the other columns of the table, then if it is in doubt."""
    *rest, in_doubt = values
    named = dict(zip(tuple(sql.ROW_SCHEMA)[2:], rest, strict=True))
    return Outcome(lines=(line,), reason=Reason(reason), in_doubt=bool(in_doubt), **named)


def _storable(value: str | int | None) -> str | int | None:
    """A text without lone surrogates: a server's JSON can hold them, UTF-8 can't."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()
