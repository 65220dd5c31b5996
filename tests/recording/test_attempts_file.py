import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import MOST_ATTEMPTS, Attempt, Claim, Outcome, Reason
from batch.recording.attempts_file import BEYOND, KILLED, OLDER, write_history
from batch.recording.journal import Journal
from batch.recording.journal_sql import FORMATS
from tests.support.program import read_rows


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def attempt(number: int, *, status: int | None = 503, message: str = "HTTP 503") -> Attempt:
    return Attempt(
        number=number, sent_at_ms=1_000 * number, elapsed_ms=7, http_status=status,
        message=message, request_id=f"req-{number}",
    )  # fmt: skip


def outcome(*lines: int, made: tuple[int, ...], reason: Reason = Reason.APPLIED) -> Outcome:
    return Outcome(
        lines=lines, reason=reason, http_status=200, attempts=made[-1], elapsed_ms=7,
        sent_at_ms=1_000, made=tuple(attempt(number) for number in made) if made != (1,) else (),
    )  # fmt: skip


def written(journal: Journal, folder: Path) -> list[tuple[str, str, str]]:
    write_history([journal], folder)
    rows = read_rows(folder / "history.csv")
    return [(row["line"], row["attempt"], row["note"]) for row in rows]


def test_every_attempt_of_a_row_has_its_time_status_and_request_id(
    journal: Journal, tmp_path: Path
) -> None:
    last = attempt(2, status=200, message="")
    journal.record([
        Outcome(lines=(2,), reason=Reason.APPLIED, http_status=200, attempts=1, elapsed_ms=3,
                sent_at_ms=5_000),
        Outcome(lines=(3, 5), reason=Reason.APPLIED, http_status=200, attempts=2, elapsed_ms=7,
                sent_at_ms=1_000, made=(attempt(1, message="=HTTP 503"), last)),
        Outcome(lines=(4,), reason=Reason.DUPLICATE),
    ])  # fmt: skip
    history = write_history([journal], tmp_path)
    assert (history.attempts, history.unknown) == (5, 0)
    assert history.path.read_text("utf-8-sig").splitlines() == [
        "line,attempt,sent_at,http_status,message,elapsed_ms,request_id,process,note",
        "2,1,1970-01-01T00:00:05.000Z,200,,3,,,",
        "3,1,1970-01-01T00:00:01.000Z,503,'=HTTP 503,7,req-1,1,",
        "3,2,1970-01-01T00:00:02.000Z,200,,7,req-2,1,",
        "5,1,1970-01-01T00:00:01.000Z,503,'=HTTP 503,7,req-1,1,",
        "5,2,1970-01-01T00:00:02.000Z,200,,7,req-2,1,",
    ]


def test_what_a_kill_took_is_said(journal: Journal, tmp_path: Path) -> None:
    journal.record([outcome(2, made=(1, 2), reason=Reason.SERVER_ERROR), Claim(lines=(2, 3))])
    journal.settle_claims()
    journal.record([outcome(3, made=(2, 3))])
    assert written(journal, tmp_path) == [
        ("2", "1", ""), ("2", "2", ""), ("2", "3", KILLED),
        ("3", "1", KILLED), ("3", "2", ""), ("3", "3", ""),
    ]  # fmt: skip


def test_of_very_many_attempts_the_others_are_counted(journal: Journal, tmp_path: Path) -> None:
    journal.record([outcome(2, made=(*range(1, MOST_ATTEMPTS), 70))])
    journal.record([outcome(2, made=(*range(71, 100), 200))])
    assert written(journal, tmp_path)[-2:] == [("2", "50-199", BEYOND), ("2", "200", "")]
    assert journal.attempts(2, 2).height == MOST_ATTEMPTS


def test_a_later_process_is_told_apart(tmp_path: Path) -> None:
    for made in ((1, 2), (3, 4)):
        opening = Journal.open if made[0] > 1 else Journal.create
        journal = opening(tmp_path / "journal.sqlite")
        journal.record([outcome(2, made=made)])
        journal.close()
    journal = Journal.look(tmp_path / "journal.sqlite")
    assert journal.attempts(2, 2)["generation"].to_list() == [1, 1, 2, 2]
    journal.close()


def test_a_run_of_an_earlier_version_says_that_attempts_were_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        for number in (1, 2, 3, 4):
            for statement in FORMATS[number]:
                db.execute(statement)
        db.execute("INSERT INTO outcome VALUES (2,'applied',200,3,7,'',1000,NULL,NULL,NULL)")
        db.execute("INSERT INTO outcome VALUES (3,'not_found',404,1,7,'gone',1000,NULL,NULL,NULL)")
        db.execute("PRAGMA user_version=4")
        db.commit()
    for opening in (Journal.look, Journal.open, Journal.look):
        with closing(opening(path)) as journal:
            assert written(journal, tmp_path) == [("2", "1-3", OLDER), ("3", "1", "")]


NUMBERS = st.integers(1, 120)


@given(st.dictionaries(st.integers(2, 9), st.tuples(NUMBERS, st.sets(NUMBERS)), min_size=1))
def test_each_attempt_is_told_once(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[int, tuple[int, set[int]]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    journal = Journal.create(folder / "journal.sqlite")
    for line, (attempts, kept) in rows.items():
        made = tuple(attempt(n) for n in sorted(kept) if n < attempts)
        journal.record([
            Outcome(lines=(line,), reason=Reason.NO_ANSWER, attempts=attempts, elapsed_ms=1,
                    sent_at_ms=1, made=(*made, attempt(attempts)))
        ])  # fmt: skip
    told: dict[int, list[int]] = {line: [] for line in rows}
    for told_line, number, _ in written(journal, folder):
        first, _, last = number.partition("-")
        told[int(told_line)] += range(int(first), int(last or first) + 1)
    journal.close()
    assert told == {line: list(range(1, attempts + 1)) for line, (attempts, _) in rows.items()}
