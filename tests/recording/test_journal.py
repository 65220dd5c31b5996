import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.errors import InputError, RunError
from batch.model import Claim, Outcome, Reason, Result
from batch.recording.journal import JOURNAL_NAME, JUDGED_NOTE, LABELS_NOTE, Journal
from batch.recording.journal_sql import IN_FLIGHT_MESSAGE, SCHEMA_VERSION
from tests.support.sampling import examples

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
COUNTS = st.integers(min_value=0, max_value=2**40)
OUTCOMES = st.builds(
    Outcome,
    lines=st.lists(st.integers(2, 12), min_size=1, max_size=3, unique=True).map(tuple),
    reason=st.sampled_from(Reason),
    message=TEXTS,
    http_status=st.none() | st.integers(100, 599),
    attempts=COUNTS,
    elapsed_ms=st.none() | COUNTS,
    sent_at_ms=st.none() | COUNTS,
    server_status=st.none() | TEXTS,
    server_ai_tag=st.none() | TEXTS,
    subsequence=st.none() | TEXTS,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal.create(path)
    yield made
    made.close()


def applied(*lines: int) -> Outcome:
    return Outcome(lines=lines, reason=Reason.APPLIED, http_status=200, attempts=1)


def lines_of(journal: Journal) -> list[int]:
    return journal.rows(0, 2**32 - 1)["line"].to_list()


@examples(60)
@given(st.lists(st.lists(OUTCOMES, max_size=6), max_size=4))
def test_the_last_outcome_of_each_line_is_kept_whole_and_counted_once(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[Outcome]]
) -> None:
    path = tmp_path_factory.mktemp("run") / "journal.sqlite"
    journal = Journal.create(path)
    for group in groups:
        journal.record(group)
    journal.close()
    last = {line: outcome for group in groups for outcome in group for line in outcome.lines}

    journal = Journal.open(path)

    assert journal.rows(0, 100).rows() == [
        (
            line,
            outcome.reason,
            outcome.http_status,
            outcome.attempts,
            outcome.elapsed_ms,
            outcome.message,
            outcome.sent_at_ms,
            outcome.server_status,
            outcome.server_ai_tag,
            outcome.subsequence,
        )
        for line, outcome in sorted(last.items())
    ]
    reasons = [outcome.reason for outcome in last.values()]
    assert journal.tally() == {reason: reasons.count(reason) for reason in set(reasons)}
    assert journal.examples() == {
        reason: min(
            (line, outcome.message) for line, outcome in last.items() if outcome.reason is reason
        )
        for reason in set(reasons)
    }
    journal.close()


def test_rows_are_those_from_the_first_to_the_last_line_both_included(path: Path) -> None:
    journal = Journal.create(path)
    journal.record([applied(7, 2, 5), applied(3)])

    assert journal.rows(3, 5)["line"].to_list() == [3, 5]
    assert journal.rows(8, 9).is_empty()
    assert journal.rows(8, 9).schema == {
        "line": pl.UInt32,
        "reason": pl.String,
        "http_status": pl.Int64,
        "attempts": pl.Int64,
        "elapsed_ms": pl.Int64,
        "message": pl.String,
        "sent_at_ms": pl.Int64,
        "server_status": pl.String,
        "server_ai_tag": pl.String,
        "subsequence": pl.String,
    }
    journal.close()


def test_what_was_recorded_outlives_a_killed_process(path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path\n"
        "from batch.recording.journal import Journal; from batch.model import Outcome, Reason\n"
        "journal = Journal.create(Path(sys.argv[1]))\n"
        "for line in range(2, 102):\n"
        "    journal.record([Outcome(lines=(line,), reason=Reason.APPLIED)])\n"
        "os._exit(9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert ended.returncode == 9

    journal = Journal.open(path)

    assert lines_of(journal) == list(range(2, 102))
    journal.close()


def test_a_record_that_breaks_off_leaves_nothing_of_its_group(path: Path) -> None:
    journal = Journal.create(path)
    journal.record([applied(2)])
    broken = Outcome(lines=(4,), reason=Reason.APPLIED, attempts=2**70)  # wider than SQLite's

    with pytest.raises(OverflowError):
        journal.record([applied(3), broken])

    assert lines_of(journal) == [2]
    journal.close()


def test_a_lone_surrogate_of_a_server_does_not_break_the_record(path: Path) -> None:
    journal = Journal.create(path)

    journal.record([Outcome(lines=(2,), reason=Reason.NOT_APPLIED, server_ai_tag="a\ud800é")])

    assert journal.rows(2, 2)["server_ai_tag"].to_list() == ["a?é"]
    journal.close()


def test_any_thread_may_record(path: Path) -> None:
    journal = Journal.create(path)
    thread = threading.Thread(target=journal.record, args=([applied(2)],))
    thread.start()
    thread.join()

    assert lines_of(journal) == [2]
    journal.close()


def test_only_its_user_may_read_the_journal_and_nothing_is_left_beside_it(path: Path) -> None:
    journal = Journal.create(path)
    journal.record([applied(2)])
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    journal.close()
    journal.close()

    assert modes == {"journal.sqlite": 0o600, "journal.sqlite-wal": 0o600}
    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite"]


def test_every_commit_is_flushed_to_the_disk(path: Path) -> None:
    journal = Journal.create(path)
    ask = journal._db.execute  # noqa: SLF001 - durability has no other outward sign

    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ask("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert ask("PRAGMA fullfsync").fetchone() == (1,)
    journal.close()


def test_create_makes_no_journal_over_an_earlier_one(path: Path) -> None:
    Journal.create(path).close()

    with pytest.raises(RunError) as caught:
        Journal.create(path)

    assert str(caught.value) == (
        f"{path}: the run's journal can't be made: File exists. "
        "Name an empty folder that may be written."
    )


def test_open_says_that_there_is_no_journal_and_makes_none(path: Path) -> None:
    with pytest.raises(RunError) as caught:
        Journal.open(path)

    assert str(caught.value) == (
        f"{path}: it, or a file beside it, can't be opened. Check that it exists, that its folder "
        "may be written, and the disk's free space (unable to open database file)."
    )
    assert not path.exists()


def test_open_says_that_a_file_is_no_journal(path: Path) -> None:
    path.write_bytes(b"campaignId,campaignLeadId\n" * 100)

    with pytest.raises(InputError) as caught:
        Journal.open(path)

    assert str(caught.value) == (
        f"{path}: it is no journal of a run. Name the folder of a run (file is not a database)."
    )


def test_open_refuses_a_journal_of_another_format(path: Path) -> None:
    Journal.create(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    db.close()

    with pytest.raises(InputError) as caught:
        Journal.open(path)

    assert str(caught.value) == (
        f"{path}: found a journal of format {SCHEMA_VERSION + 1}; expected format "
        f"{SCHEMA_VERSION}. Use the version of this program that made it."
    )


def test_a_journal_in_use_shuts_others_out_until_it_is_closed(path: Path) -> None:
    journal = Journal.create(path)

    with pytest.raises(RunError) as caught:
        Journal.open(path)

    assert str(caught.value) == (
        f"{path}: another process is using it. Wait until that has ended (database is locked)."
    )
    journal.close()
    Journal.open(path).close()


def test_a_full_disk_says_what_to_do_and_keeps_what_was_durable(path: Path) -> None:
    journal = Journal.create(path)
    journal.record([applied(2)])
    limit = "PRAGMA max_page_count=8"
    journal._db.execute(limit)  # noqa: SLF001 - stands for a full disk: SQLite gives the same error
    long = [
        Outcome(lines=(line,), reason=Reason.REJECTED, message="x" * 4000) for line in range(3, 50)
    ]

    with pytest.raises(RunError) as caught:
        journal.record(long)

    assert str(caught.value) == (
        f"{path}: the disk is full. Free some space on it (database or disk is full)."
    )
    assert lines_of(journal) == [2]
    journal.close()


def test_a_journal_that_may_not_be_written_says_what_to_do(path: Path) -> None:
    journal = Journal.create(path)
    journal._db.execute("PRAGMA query_only=ON")  # noqa: SLF001 - stands for a read-only disk

    with pytest.raises(RunError) as caught:
        journal.record([applied(2)])

    assert str(caught.value) == (
        f"{path}: it may not be written. Check the disk, and that this user may write its folder "
        "(attempt to write a readonly database)."
    )
    journal.close()


def test_a_closed_journal_fails_loudly(path: Path) -> None:
    journal = Journal.create(path)
    journal.close()

    with pytest.raises(RunError) as caught:
        journal.record([applied(2)])

    assert str(caught.value) == (f"{path}: SQLite failed (Cannot operate on a closed database.).")


def test_a_claim_is_taken_away_by_the_outcome_of_its_line(journal: Journal) -> None:
    journal.record([Claim(lines=(2, 3, 4))])
    journal.record([applied(3)])
    journal.settle_claims()
    found = journal.rows(1, 10).select("line", "reason").rows()
    assert found == [(2, "in_flight"), (3, "applied"), (4, "in_flight")]


def test_a_claim_and_its_outcome_may_come_in_one_commit(journal: Journal) -> None:
    journal.record([Claim(lines=(2,)), applied(2)])
    journal.settle_claims()
    assert journal.rows(1, 10)["reason"].to_list() == ["applied"]


def test_an_outcome_and_the_claim_of_the_row_that_is_sent_again_may_come_in_one_commit(
    journal: Journal,
) -> None:
    failed = Outcome(lines=(2, 3), reason=Reason.SERVER_ERROR, http_status=503, attempts=1)
    journal.record([Claim(lines=(2, 3)), failed, Claim(lines=(2, 3))])
    journal.settle_claims()
    found = journal.rows(1, 10).select("line", "reason", "attempts").rows()
    assert found == [(2, "in_flight", 2), (3, "in_flight", 2)]


def test_a_claim_outlives_the_process_that_made_it(path: Path) -> None:
    first = Journal.create(path)
    first.record([Claim(lines=(2, 3))])
    first.close()
    second = Journal.open(path)
    second.settle_claims()
    assert second.rows(1, 10)["message"].to_list() == [IN_FLIGHT_MESSAGE] * 2
    second.close()


def test_a_claim_that_is_settled_counts_as_one_attempt_more(journal: Journal) -> None:
    journal.record([Outcome(lines=(2,), reason=Reason.STOPPED, attempts=3)])
    journal.record([Claim(lines=(2,))])
    journal.settle_claims()
    assert journal.rows(2, 2).select("reason", "attempts").rows() == [("in_flight", 4)]


def test_a_line_in_doubt_stays_so_whatever_is_recorded_later(path: Path) -> None:
    first = Journal.create(path)
    first.record([Outcome(lines=(2, 3), reason=Reason.IN_FLIGHT, attempts=1, in_doubt=True)])
    first.record([Claim(lines=(5,))])
    assert first.in_doubt().to_list() == [2, 3, 5]
    first.close()
    second = Journal.open(path)
    second.settle_claims()
    second.record([Outcome(lines=(2,), reason=Reason.NOT_FOUND, attempts=2), applied(4, 5)])
    second.drop_claims()
    assert second.in_doubt().to_list() == [2, 3, 5]
    assert second.tried()[3].in_doubt
    second.close()


def test_a_journal_of_an_older_format_has_in_doubt_what_it_can_still_tell(path: Path) -> None:
    journal = Journal.create(path)
    outcomes = {
        Reason.APPLIED: 3,
        Reason.IN_FLIGHT: 0,
        Reason.NO_ANSWER: 1,
        Reason.SERVER_ERROR: 1,
        Reason.NOT_FOUND: 1,
        Reason.BAD_REQUEST: 2,  # one may have been lost
        Reason.NOT_REACHED: 1,  # it stands for a row in flight, which a resume didn't reach
        Reason.BAD_ID: 0,
    }
    lines = dict(enumerate(outcomes.items(), start=2))
    journal.record(
        Outcome(lines=(line,), reason=reason, attempts=attempts)
        for line, (reason, attempts) in lines.items()
    )
    journal.close()
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE doubt; PRAGMA user_version=2")
    db.close()
    again = Journal.open(path)
    assert [lines[line][0] for line in again.in_doubt()] == [
        Reason.IN_FLIGHT,
        Reason.NO_ANSWER,
        Reason.SERVER_ERROR,
        Reason.BAD_REQUEST,
        Reason.NOT_REACHED,
    ]
    again.close()


def test_claims_are_dropped_when_nothing_is_on_its_way(journal: Journal) -> None:
    journal.record([Claim(lines=(2, 3))])
    journal.drop_claims()
    journal.settle_claims()
    assert journal.rows(1, 10).is_empty()


def test_a_claim_that_nothing_took_away_is_told_as_in_flight_without_being_written(
    journal: Journal,
) -> None:
    before = Outcome(
        lines=(3,), reason=Reason.STOPPED, message="HTTP 503", http_status=503, attempts=2,
        elapsed_ms=7, sent_at_ms=1_000,
    )  # fmt: skip
    journal.record([applied(2), before])
    journal.record([Claim(lines=(3, 5))])
    told = journal.rows(1, 10)
    assert told.select("line", "reason", "http_status", "attempts", "message").rows() == [
        (2, "applied", 200, 1, ""),
        (3, "in_flight", 503, 3, IN_FLIGHT_MESSAGE),
        (5, "in_flight", None, 1, IN_FLIGHT_MESSAGE),
    ]
    assert journal.tally() == {Reason.APPLIED: 1, Reason.IN_FLIGHT: 2}
    assert journal.examples()[Reason.IN_FLIGHT] == (3, IN_FLIGHT_MESSAGE)
    tally, examples = journal.tally(), journal.examples()
    journal.settle_claims()
    assert journal.rows(1, 10).equals(told)
    assert (journal.tally(), journal.examples()) == (tally, examples)


def test_lines_are_sorted_by_what_their_reasons_come_to(journal: Journal) -> None:
    lines = dict(zip(reversed(range(2, 2 + len(Reason))), Reason, strict=True))
    journal.record(Outcome(lines=(line,), reason=reason) for line, reason in lines.items())
    results = {line: lines[line].result for line in sorted(lines)}
    done = {Result.SUCCESS, Result.SKIPPED}
    assert journal.recorded() == len(Reason)
    assert journal.lines().to_list() == list(results)
    assert journal.done_lines().to_list() == [n for n, each in results.items() if each in done]
    final = [line for line, each in results.items() if each is not Result.UNSENT]
    assert sorted(journal.final_lines(0, 99)) == final
    assert sorted(journal.final_lines(final[3], final[8])) == final[3:9]
    assert {each.dtype for each in (journal.lines(), journal.done_lines())} == {pl.UInt32}


def test_unsent_lines_that_were_tried_are_told_whole(journal: Journal) -> None:
    tried = Outcome(
        lines=(2,), reason=Reason.STOPPED, message="HTTP 503", http_status=503, attempts=2,
        elapsed_ms=7, sent_at_ms=1_000, server_status="active", server_ai_tag="A", subsequence="x",
    )  # fmt: skip
    in_flight = Outcome(lines=(5,), reason=Reason.IN_FLIGHT, in_doubt=True)
    untried = Outcome(lines=(3,), reason=Reason.NOT_REACHED)
    journal.record([tried, untried, applied(4), in_flight])
    assert journal.tried() == {2: tried, 5: in_flight}


def test_the_first_of_a_reason_are_told_in_the_order_of_lines(journal: Journal) -> None:
    assert journal.first(Reason.APPLIED, 2).schema == journal.rows(0, 9).schema
    journal.record([applied(7), applied(3), applied(5), Outcome(lines=(2,), reason=Reason.BAD_ID)])
    assert journal.first(Reason.APPLIED, 2)["line"].to_list() == [3, 5]
    assert journal.first(Reason.APPLIED, 9).equals(journal.rows(3, 9))


def test_what_leads_were_is_kept_by_the_line_of_their_request(journal: Journal) -> None:
    schema = {"line": pl.UInt32, "status": pl.String, "ai_tag": pl.String, "read_at_ms": pl.Int64}
    assert journal.before().schema == schema
    rows = [(7, "active", "", 5), (3, None, None, 6), (5, "paused", "A", 7)]
    leads = pl.DataFrame(rows, schema, orient="row").with_columns(lead_id=pl.lit("x"))
    journal.keep_before(leads.reverse().select("lead_id", *reversed(schema)))
    journal.keep_before(leads.filter(line=5).with_columns(ai_tag=pl.lit("B")))
    assert journal.before().rows() == [rows[1], (5, "paused", "B", 7), rows[0]]
    assert journal.before(4, 5).schema == schema
    assert journal.before(3, 5)["line"].to_list() == [3, 5]


def test_a_note_is_kept_under_its_name_and_replaced(journal: Journal) -> None:
    assert journal.kept("labels") is None
    journal.keep("labels", "A")
    journal.keep("judged", "")
    journal.keep("labels", "B")
    assert (journal.kept("labels"), journal.kept("judged")) == ("B", "")


def test_begun_anew_it_has_no_outcome(journal: Journal) -> None:
    journal.record([applied(2), Outcome(lines=(3,), reason=Reason.BAD_ID)])
    journal.keep("labels", "A")
    journal.begin_anew()
    assert journal.recorded() == 0
    assert journal.kept("labels") == "A"


def test_a_journal_keeps_the_name_that_earlier_runs_have_given_it() -> None:
    assert (JOURNAL_NAME, LABELS_NOTE, JUDGED_NOTE) == ("journal.sqlite", "labels", "judged")


def test_a_journal_that_cant_be_laid_out_is_let_go_of(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Journal, **__: object) -> None:
        raise RunError("The disk is full.")

    with monkeypatch.context() as full:
        full.setattr(Journal, "_lay_out", fail)
        with pytest.raises(RunError) as caught:
            Journal.create(path)
        with pytest.raises(RunError):
            Journal.open(path)
    journal = Journal.open(path)  # which nobody holds any more; and it is laid out now
    journal.record([applied(2)])
    assert lines_of(journal) == [2]
    journal.close()
    assert str(caught.value) == "The disk is full."


@pytest.mark.parametrize(
    ("may_be_written", "cause"),
    [
        (
            True,
            "the disk can't be read or written. Check the disk, its free space and its connection",
        ),
        (False, "it may not be written. Check the disk, and that this user may write its folder"),
    ],
)
def test_a_disk_error_says_whether_the_folder_may_be_written_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, may_be_written: bool, cause: str
) -> None:
    journal = Journal.create(path)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_DELETE
    monkeypatch.setattr(os, "access", lambda *_: may_be_written)
    with pytest.raises(RunError) as caught, journal._disk_errors():  # noqa: SLF001 - SQLite itself needs a broken disk
        raise error
    assert str(caught.value) == f"{path}: {cause} (disk I/O error)."
    journal.close()


def test_errors_are_counted_by_cause_with_the_first_row_of_each(journal: Journal) -> None:
    def failed(line: int, reason: Reason, status: int | None = None) -> Outcome:
        return Outcome(lines=(line,), reason=reason, http_status=status, message=f"of {line}")

    journal.record(
        [
            failed(9, Reason.NOT_FOUND, 404),
            failed(4, Reason.NOT_FOUND, 404),
            failed(5, Reason.NOT_FOUND, 410),
            failed(3, Reason.BAD_ID),
            applied(2),
        ]
    )
    causes = journal.causes(10)
    assert causes.select("rows", "reason", "http_status", "line", "message").rows() == [
        (2, "not_found", 404, 4, "of 4"),
        (1, "bad_id", None, 3, "of 3"),
        (1, "not_found", 410, 5, "of 5"),
    ]
    assert journal.causes(1)["rows"].to_list() == [2]
