import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from batch.errors import InputError, RunError
from batch.model import Claim, Outcome, Reason
from batch.recording import journal_sql
from batch.recording.journal import JUDGED_NOTE, Journal
from batch.recording.journal_file import is_locked
from batch.recording.sqlite_faults import JournalBusyError
from tests.support.foreign_journals import (
    altered,
    endless,
    read_only,
    replaced,
    rollback_naming,
    unchanged,
    write_journal,
)

WANTED = (
    "Expected the journal of a run: a regular file with this program's tables and nothing else. "
    "Bring it back from a backup, or start a new run."
)
KILLED = """
import os, signal, sys
from pathlib import Path
from batch.model import Outcome, Reason
from batch.recording.journal import Journal
journal = Journal.create(Path(sys.argv[1]))
for line in range(2, 52):
    journal.record([Outcome(lines=(line,), reason=Reason.APPLIED, attempts=1)])
os.kill(os.getpid(), signal.SIGKILL)
"""
ways = pytest.mark.parametrize("way", [Journal.open, Journal.look], ids=["open", "look"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def write_killed(path: Path) -> Path:
    """A journal whose process was killed after 50 commits."""
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    return path


def lines_of(journal: Journal) -> list[int]:
    return journal.rows(0, journal_sql.LAST_LINE)["line"].to_list()


def read_whole(journal: Journal) -> None:
    """All that anybody reads of a journal."""
    lines_of(journal)
    journal.tally()
    journal.examples()
    journal.first(Reason.APPLIED, 3)
    journal.final_lines(0, journal_sql.LAST_LINE)
    journal.lines()
    journal.done_lines()
    journal.tried()
    journal.in_doubt()
    journal.before()
    journal.kept(JUDGED_NOTE)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_looking_at_a_journal_leaves_its_folder_as_it_was(path: Path) -> None:
    write_journal(path)
    with unchanged(path.parent), closing(Journal.look(path)) as journal:
        assert lines_of(journal) == [2, 3, 4]


def test_looking_shows_what_a_killed_process_committed_beside_the_file(path: Path) -> None:
    write_killed(path)
    assert path.with_name("journal.sqlite-wal").stat().st_size > 50_000
    with unchanged(path.parent), closing(Journal.look(path)) as journal:
        assert lines_of(journal) == list(range(2, 52))


@pytest.mark.parametrize("write", [write_journal, write_killed], ids=["closed", "killed"])
def test_looking_needs_no_right_to_write(shared: Path, write: Callable[[Path], Path]) -> None:
    with closing(Journal.look(write(shared / "journal.sqlite"))) as journal:
        expected = lines_of(journal)
    assert len(expected) >= 3
    with (
        unchanged(shared),
        read_only(shared),
        closing(Journal.look(shared / "journal.sqlite")) as journal,
    ):
        assert lines_of(journal) == expected


def test_looking_shows_what_a_process_killed_without_a_log_had_committed(path: Path) -> None:
    """As where WAL is refused: what was half written is beside the file, to be taken back."""
    write_journal(path, rows=2)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("PRAGMA cache_size=1")
        db.execute("BEGIN")
        values = ((line, "applied", 1, "x" * 4000) for line in range(4, 60))
        db.executemany(
            "INSERT INTO outcome (line, reason, attempts, message) VALUES (?, ?, ?, ?)", values
        )
        half = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    copy = path.parent / "killed"
    copy.mkdir()
    for name, content in half.items():
        (copy / name).write_bytes(content)
    assert set(half) == {"journal.sqlite", "journal.sqlite-journal"}
    with unchanged(copy), closing(Journal.look(copy / "journal.sqlite")) as journal:
        assert lines_of(journal) == [2, 3]


def test_a_claim_is_told_as_in_flight_by_who_only_looks(path: Path) -> None:
    with closing(Journal.create(path)) as journal:
        journal.record([Claim(lines=(2,))])
    with unchanged(path.parent), closing(Journal.look(path)) as looked:
        assert looked.tally() == {Reason.IN_FLIGHT: 1}


def test_who_only_looks_can_write_nothing(path: Path) -> None:
    write_journal(path)
    with closing(Journal.look(path)) as journal, pytest.raises(RunError, match="not be written"):
        journal.record([Outcome(lines=(9,), reason=Reason.APPLIED, attempts=1)])


def test_a_journal_in_use_can_not_be_looked_at(path: Path) -> None:
    with closing(Journal.create(path)), pytest.raises(JournalBusyError) as caught:
        Journal.look(path)
    assert str(caught.value) == (
        f"{path}: another process is using it. Wait until that has ended (database is locked)."
    )


def test_asking_whether_a_journal_is_in_use_lets_go_of_no_lock(path: Path) -> None:
    assert not is_locked(path)
    with closing(Journal.create(path)):
        assert is_locked(path)
        with pytest.raises(JournalBusyError):
            Journal.open(path)
        program = (
            "import sys; from pathlib import Path; from batch.recording.journal_file import "
            "is_locked; sys.exit(not is_locked(Path(sys.argv[1])))"
        )
        other = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert other.returncode == 0
    with unchanged(path.parent):
        assert not is_locked(path)


def test_who_can_not_look_takes_nothing_from_who_writes(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is empty, and was not there before, where both begin at once."""
    with closing(Journal.create(path)):
        log = path.with_name("journal.sqlite-wal")
        content = log.read_bytes()
        log.write_bytes(b"")
        monkeypatch.setattr(os.path, "lexists", lambda file: Path(file) == path)
        with pytest.raises(JournalBusyError):
            Journal.look(path)
        assert log.exists()
        log.write_bytes(content)


def test_nobody_can_begin_to_write_while_somebody_looks(path: Path) -> None:
    write_journal(path)
    with closing(Journal.look(path)), pytest.raises(JournalBusyError):
        Journal.open(path)
    Journal.open(path).close()


def no_database(path: Path) -> None:
    path.write_bytes(b"campaignId,campaignLeadId\n" * 100)


HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "a trigger": (
        altered("CREATE TRIGGER t AFTER INSERT ON outcome BEGIN DELETE FROM claim; END"),
        "holds 't', which is not ours.",
    ),
    "a view": (altered("CREATE VIEW v AS SELECT 1"), "holds 'v', which is not ours."),
    "a view for a table": (
        replaced("claim", "CREATE VIEW claim AS SELECT line FROM outcome"),
        "holds 'claim', which is not ours.",
    ),
    "another table": (altered("CREATE TABLE theirs (x)"), "holds 'theirs', which is not ours."),
    "another index": (
        altered("CREATE INDEX i ON outcome (reason)"),
        "holds 'i', which is not ours.",
    ),
    "a table that computes": (
        replaced(
            "claim", "CREATE TABLE claim (line INTEGER PRIMARY KEY, x AS (zeroblob(1000000000)))"
        ),
        "holds 'claim', which is not ours.",
    ),
    "a table that checks": (
        replaced("claim", "CREATE TABLE claim (line INTEGER PRIMARY KEY CHECK (line < 5))"),
        "holds 'claim', which is not ours.",
    ),
    "an unknown reason": (
        altered("UPDATE outcome SET reason='done' WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "a text for a number": (
        altered("UPDATE outcome SET attempts='many' WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "bytes for a text": (
        altered("UPDATE outcome SET message=x'00ff' WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "a fraction": (
        altered("UPDATE outcome SET elapsed_ms=1.5 WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "a time beyond all": (
        altered("UPDATE outcome SET sent_at_ms=9223372036854775807 WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "a line below 0": (
        altered("UPDATE outcome SET line=-1 WHERE line=3"),
        "holds values in its table outcome that are none of ours.",
    ),
    "a line beyond all": (
        altered("INSERT INTO claim VALUES (4294967296)"),
        "holds values in its table claim that are none of ours.",
    ),
    "a number for a tag": (
        altered("INSERT INTO before VALUES (2, 'active', x'00', 5)"),
        "holds values in its table before that are none of ours.",
    ),
    "a long message": (
        altered("UPDATE outcome SET message=? WHERE line=3", "x" * 100_001),
        "holds values in its table outcome that are none of ours.",
    ),
    "a message of 100 MB": (
        altered("UPDATE outcome SET message=? WHERE line=3", "x" * 100_000_000),
        "it is damaged. Bring it back from a backup, or start a new run (string or blob too big).",
    ),
    "a note of 100 MB": (
        altered("INSERT INTO note VALUES ('labels', ?)", "x" * 100_000_000),
        "it is damaged. Bring it back from a backup, or start a new run (string or blob too big).",
    ),
    "endless rows": (
        endless,
        "it is damaged. Bring it back from a backup, or start a new run (*** in database main ***",
    ),
    "no database": (
        no_database,
        "it is no journal of a run. Name the folder of a run (file is not a database).",
    ),
    "half a file": (
        lambda path: os.truncate(path, path.stat().st_size // 2),
        "it is damaged. Bring it back from a backup, or start a new run (",
    ),
}


@pytest.mark.sampled(14)
@pytest.mark.parametrize("kind", HOSTILE)
@ways
def test_what_is_not_ours_is_refused_at_once(
    path: Path, way: Callable[[Path], Journal], kind: str
) -> None:
    alter, message = HOSTILE[kind]
    alter(write_journal(path))
    began = time.monotonic()
    before = path.read_bytes()
    with pytest.raises(InputError) as caught, closing(way(path)):
        pass
    assert path.read_bytes() == before
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 5
    assert not is_locked(path)


TEXT = (("", "x" * 100_000), (b"x", "x" * 100_001))
COUNT = ((0, 2**53 - 1), (-1, 2**53, 1.5))
TIME = ((0, 253_402_300_799_999), (-1, 253_402_300_800_000, 1.5))  # to the year 9999
LINE = ((0, 2**32 - 1), (-1, 2**32))
OR_NULL = (None,)
Values = tuple[object, ...]
HELD: dict[tuple[str, str], tuple[Values, Values]] = {
    ("outcome", "line"): LINE,
    ("outcome", "reason"): (tuple(Reason), ("APPLIED", "", b"applied")),
    ("outcome", "http_status"): (COUNT[0] + OR_NULL, COUNT[1]),
    ("outcome", "attempts"): COUNT,
    ("outcome", "elapsed_ms"): (COUNT[0] + OR_NULL, COUNT[1]),
    ("outcome", "message"): TEXT,
    ("outcome", "sent_at_ms"): (TIME[0] + OR_NULL, TIME[1]),
    ("outcome", "server_status"): (TEXT[0] + OR_NULL, TEXT[1]),
    ("outcome", "server_ai_tag"): (TEXT[0] + OR_NULL, TEXT[1]),
    ("outcome", "subsequence"): (TEXT[0] + OR_NULL, TEXT[1]),
    ("note", "name"): (("", "labels"), (b"labels",)),
    ("note", "value"): (("", "x" * 1_000_000), (b"x",)),
    ("claim", "line"): LINE,
    ("doubt", "line"): LINE,
    ("before", "line"): LINE,
    ("before", "status"): (TEXT[0] + OR_NULL, TEXT[1]),
    ("before", "ai_tag"): (TEXT[0] + OR_NULL, TEXT[1]),
    ("before", "read_at_ms"): (TIME[0] + OR_NULL, TIME[1]),
    ("attempt", "line"): LINE,
    ("attempt", "number"): COUNT,
    ("attempt", "sent_at_ms"): TIME,
    ("attempt", "elapsed_ms"): COUNT,
    ("attempt", "http_status"): (COUNT[0] + OR_NULL, COUNT[1]),
    ("attempt", "message"): TEXT,
    ("attempt", "request_id"): TEXT,
    ("attempt", "generation"): COUNT,
    ("unkept", "lines"): COUNT,
}


@pytest.mark.parametrize(("table", "column"), HELD)
def test_of_each_column_only_values_of_ours_are_taken(path: Path, table: str, column: str) -> None:
    write_journal(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM outcome WHERE line > 2")
        for one in ("claim VALUES (2)", "doubt VALUES (2)", "note VALUES ('a', 'b')"):
            db.execute(f"INSERT INTO {one}")
        db.execute("INSERT OR REPLACE INTO before VALUES (2, 'active', '', 5)")
        db.execute("INSERT INTO attempt VALUES (2, 1, 5, 5, 503, '', '', 1)")
    fine, wrong = HELD[table, column]
    for value in fine:
        altered(f"UPDATE {table} SET {column}=?", value)(path)  # noqa: S608 - words of ours
        Journal.look(path).close()
    for value in wrong:
        altered(f"UPDATE {table} SET {column}=?", value)(path)  # noqa: S608 - words of ours
        with pytest.raises(InputError) as caught:
            Journal.look(path)
        assert str(caught.value) == (
            f"{path}: holds values in its table {table} that are none of ours. {WANTED}"
        )


def test_each_column_of_every_table_is_held() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        for statements in journal_sql.FORMATS.values():
            db.executescript(";".join(statements))
        tables = sorted(journal_sql.tables_of(journal_sql.SCHEMA_VERSION))
        columns = {
            (table, column)
            for table in tables
            for _, column, *_ in db.execute(f"PRAGMA table_info({table})")
        }
    assert columns == HELD.keys()


@ways
def test_a_text_that_is_none_is_refused_before_anything_is_sent(
    path: Path, way: Callable[[Path], Journal]
) -> None:
    altered("UPDATE outcome SET message=CAST(x'ff' AS TEXT) WHERE line=3")(write_journal(path))
    with pytest.raises(InputError, match="Could not decode to UTF-8"), closing(way(path)) as opened:
        read_whole(opened)


@pytest.mark.parametrize("name", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
@ways
def test_no_file_of_a_journal_may_be_anything_but_a_regular_file(
    path: Path, tmp_path: Path, way: Callable[[Path], Journal], kind: str, name: str
) -> None:
    victim = tmp_path / "elsewhere" / "victim"
    victim.parent.mkdir()
    write_journal(victim)
    if name:
        write_journal(path)
    file = path.with_name(path.name + name)
    if kind == "link":
        file.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(file)
    else:
        file.mkdir()
    with unchanged(victim.parent), pytest.raises(InputError) as caught, closing(way(path)):
        pass
    assert str(caught.value) == f"{file}: is no regular file. {WANTED}"


@ways
def test_a_rollback_journal_that_would_delete_a_file_is_refused(
    path: Path, tmp_path: Path, way: Callable[[Path], Journal]
) -> None:
    write_journal(path)
    victim = tmp_path / "victim.txt"
    victim.write_text("precious, and of nobody's concern\0")
    rollback = path.with_name("journal.sqlite-journal")
    rollback.write_bytes(rollback_naming(victim, of=path))
    with pytest.raises(InputError) as caught, closing(way(path)):
        pass
    assert str(caught.value) == f"{rollback}: names another file, to be deleted. {WANTED}"
    assert victim.exists()
    # Else SQLite does it: what is refused here is no mere fancy.
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT count(*) FROM outcome").fetchone()
    assert not victim.exists()


def test_a_damaged_journal_is_refused_or_read_and_nothing_else(path: Path) -> None:
    write_journal(path, rows=400)
    whole = path.read_bytes()
    dice = random.Random(13)  # noqa: S311 - the same each time
    told = []
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(dice.choice((1, 1, 4, 64))):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        for way in (Journal.look, Journal.open):
            try:
                with closing(way(path)) as journal:
                    read_whole(journal)
            except (InputError, RunError) as error:
                told.append(str(error))
            path.write_bytes(damaged)
            for beside in path.parent.glob("journal.sqlite-*"):
                beside.unlink()
    assert len(told) > 50
    assert not [each for each in told if "\n" in each or len(each) > 500]


def test_who_only_looks_lays_out_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)  # where SQLite would put a file that is no path
    with unchanged(path.parent), closing(Journal.look(path)) as missing:
        read_whole(missing)
        assert lines_of(missing) == []
    path.touch()
    with unchanged(path.parent), closing(Journal.look(path)) as empty:
        assert lines_of(empty) == []
    with closing(sqlite3.connect(path)) as db:
        db.execute(journal_sql.CREATE)
        db.execute(journal_sql.CREATE_CLAIM)
        db.execute("PRAGMA journal_mode=WAL")
    with unchanged(path.parent), closing(Journal.look(path)) as half:
        read_whole(half)
        assert lines_of(half) == []


def test_a_journal_that_is_not_laid_out_is_so_only_by_who_may(path: Path) -> None:
    path.touch()
    with unchanged(path.parent), pytest.raises(InputError) as caught:
        Journal.open(path, may_lay_out=False)
    assert str(caught.value) == (
        f"{path}: lacks tables of a journal, so that nobody knows what was sent. {WANTED}"
    )
    with closing(Journal.open(path, may_lay_out=True)) as journal:
        journal.record([Outcome(lines=(2,), reason=Reason.APPLIED, attempts=1)])
    with closing(Journal.open(path, may_lay_out=False)) as again:
        assert lines_of(again) == [2]


@pytest.mark.parametrize("version", list(journal_sql.FORMATS))
@ways
def test_journals_of_every_earlier_format_are_read(
    path: Path, way: Callable[[Path], Journal], version: int
) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode=WAL")
        for number in range(1, version + 1):
            for statement in journal_sql.FORMATS[number]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version={version}")
        db.execute("INSERT INTO outcome VALUES (2, 'applied', 200, 1, 5, '', 9, 'x', 'y', NULL)")
        db.execute("INSERT INTO claim VALUES (3)")
    with closing(way(path)) as journal:
        read_whole(journal)
        assert journal.tally() == {Reason.APPLIED: 1, Reason.IN_FLIGHT: 1}


def test_of_every_table_it_is_said_what_its_values_may_be() -> None:
    assert set(journal_sql.HOLDS) == journal_sql.tables_of(journal_sql.SCHEMA_VERSION)
    assert journal_sql.TEXTS.keys() <= journal_sql.HOLDS.keys()
