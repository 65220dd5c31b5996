from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from batch.model import Outcome, Reason
from batch.recording.journal import Journal
from batch.recording.linked import LinkedIds, LinkedOutcomes
from batch.sending.retry import MAY_BE_APPLIED


@pytest.fixture
def journals(tmp_path: Path) -> Iterator[list[Journal]]:
    with ExitStack() as open_ones:
        made = [Journal.create(tmp_path / f"{n}.sqlite") for n in range(3)]
        for journal in made:
            open_ones.callback(journal.close)
        yield made


def outcome(
    line: int,
    reason: Reason,
    *,
    attempts: int = 1,
    message: str = "",
    sent_at: datetime | None = None,
) -> Outcome:
    return Outcome(
        lines=(line,),
        reason=reason,
        attempts=attempts,
        message=message,
        sent_at_ms=int(sent_at.timestamp() * 1000) if sent_at else None,
    )


def at(hour: int) -> datetime:
    return datetime(2026, 11, 24, hour, tzinfo=UTC)


def linked_of(journals: list[Journal]) -> LinkedOutcomes:
    """Runs that started an hour after each other, the first at one o'clock."""
    return LinkedOutcomes(journals, [at(1 + n) for n in range(len(journals))])


def told(linked: LinkedOutcomes) -> list[tuple[int, str, str]]:
    return linked.rows(1, 100).select("line", "reason", "message").rows()


def test_the_latest_outcome_of_a_line_counts(journals: list[Journal]) -> None:
    first, second, third = journals
    first.record([outcome(line, Reason.SERVER_ERROR, message="first") for line in (2, 3, 4, 5)])
    first.record([outcome(6, Reason.APPLIED, message="first")])
    second.record([outcome(2, Reason.APPLIED, message="second")])
    second.record([outcome(3, Reason.NO_ANSWER, message="second")])
    third.record([outcome(3, Reason.APPLIED, message="third")])
    assert told(linked_of(journals)) == [
        (2, "applied", "second"),
        (3, "applied", "third"),
        (4, "server_error", "first"),
        (5, "server_error", "first"),
        (6, "applied", "first"),
    ]


def test_what_a_resumed_run_sent_after_its_retry_is_the_latest(journals: list[Journal]) -> None:
    first, second, _ = journals
    first.record([outcome(2, Reason.APPLIED, sent_at=at(5)), outcome(3, Reason.SERVER_ERROR)])
    second.record([outcome(2, Reason.NO_ANSWER, sent_at=at(2))])
    second.record([outcome(3, Reason.UNKNOWN_TAG, attempts=0)])  # judged, not sent
    assert told(linked_of(journals)) == [(2, "applied", ""), (3, "unknown_tag", "")]


def test_a_retry_that_never_reached_a_line_says_nothing_of_it(journals: list[Journal]) -> None:
    first, second, third = journals
    first.record([outcome(2, Reason.NO_ANSWER, message="may have been applied")])
    second.record([outcome(2, Reason.NOT_REACHED, attempts=0)])
    second.record([outcome(3, Reason.NOT_REACHED, attempts=0)])
    third.record([outcome(4, Reason.IN_FLIGHT, attempts=0)])
    linked = linked_of(journals)
    assert told(linked) == [
        (2, "no_answer", "may have been applied"),
        (3, "not_reached", ""),
        (4, "in_flight", ""),
    ]
    assert linked.recorded() == 3


def test_what_any_run_sent_counts_whatever_its_retries_know(journals: list[Journal]) -> None:
    first, second, third = journals
    lost = Outcome(
        lines=(2, 3), reason=Reason.NO_ANSWER, attempts=5, sent_at_ms=7, in_doubt=True
    )  # fmt: skip
    first.record([lost])
    second.record([outcome(2, Reason.NOT_FOUND, message="HTTP 404", sent_at=at(2))])
    second.record([outcome(3, Reason.NOT_REACHED, attempts=2)])
    third.record([outcome(3, Reason.DRIFTED, attempts=0)])
    rows = linked_of(journals).rows(1, 9).select("reason", "attempts", "sent_at_ms", "message")
    assert rows.rows() == [
        ("not_found", 6, 7, f"HTTP 404; {MAY_BE_APPLIED}"),
        ("drifted", 7, 7, MAY_BE_APPLIED),
    ]


def test_examples_are_of_the_latest_outcomes(journals: list[Journal]) -> None:
    first, second, _ = journals
    first.record([outcome(line, Reason.SERVER_ERROR, message=f"old {line}") for line in (2, 3)])
    second.record([outcome(2, Reason.APPLIED)])
    assert linked_of(journals).examples() == {
        Reason.APPLIED: (2, ""),
        Reason.SERVER_ERROR: (3, "old 3"),
    }


def test_a_run_without_retries_is_told_as_it_is(journals: list[Journal]) -> None:
    journals[0].record([outcome(2, Reason.APPLIED)])
    linked = linked_of(journals[:1])
    assert told(linked) == [(2, "applied", "")]
    assert linked.recorded() == 1


class FoundIds:
    """Ids of the rows at some lines."""

    def __init__(self, *rows: tuple[int, str, str | None]) -> None:
        self._rows = rows

    def between(self, _first: int, _last: int) -> pl.DataFrame:
        schema = {"line": pl.UInt32, "campaignId": pl.String, "campaignLeadId": pl.String}
        return pl.DataFrame(self._rows, schema=schema, orient="row")


def test_of_several_runs_the_later_ones_ids_count_where_they_have_any() -> None:
    first = FoundIds((2, "c", "l2"), (3, "c", None), (4, "c", "l4"))
    retry = FoundIds((3, "d", "l3"), (4, "c", None))
    assert LinkedIds([first, retry]).between(2, 4).rows() == [
        (2, "c", "l2"),
        (3, "d", "l3"),
        (4, "c", "l4"),
    ]
