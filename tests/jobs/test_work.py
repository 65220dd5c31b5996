from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.jobs.check import check
from batch.jobs.work import remaining_work, whole_work
from batch.judging.plan import Plan
from batch.model import Outcome, Reason
from batch.recording.journal import Journal
from tests.support.wired import CAMPAIGN, lead_id, pausing, request_of, write_leads

ROWS = [
    *pausing(2),
    (CAMPAIGN, "bad", "paused", ""),
    *pausing(1, first=3),
    (CAMPAIGN, lead_id(1), "", "Interested"),  # joined with line 2
    *pausing(2, first=4),
]


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    with check(request_of(write_leads(tmp_path / "leads.csv", ROWS))) as checked:
        yield checked.plan


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def outcome(*lines: int, reason: Reason = Reason.APPLIED) -> Outcome:
    return Outcome(lines=lines, reason=reason, attempts=1, sent_at_ms=7)


def test_a_new_run_sends_every_valid_row(plan: Plan) -> None:
    work = whole_work(plan)
    assert [change.lines for change in work.changes()] == [(2, 6), (3,), (5,), (7,), (8,)]
    assert (work.requests, work.before, work.tried) == (5, {Reason.BAD_ID: 1}, {})


def test_what_is_left_is_told_by_line_whatever_lies_between(plan: Plan, journal: Journal) -> None:
    journal.record([outcome(4, reason=Reason.BAD_ID)])
    journal.record([outcome(3), outcome(8)])
    work = remaining_work(plan, journal)
    assert [change.lines for change in work.changes()] == [(2, 6), (5,), (7,)]
    assert work.requests == 3
    assert work.before == {Reason.APPLIED: 2, Reason.BAD_ID: 1}


def test_an_error_is_as_final_as_a_success(plan: Plan, journal: Journal) -> None:
    journal.record([outcome(2, 6, reason=Reason.NOT_FOUND), outcome(3, reason=Reason.NO_ANSWER)])
    assert [change.lines for change in remaining_work(plan, journal).changes()] == [
        (5,),
        (7,),
        (8,),
    ]


def test_unsent_rows_are_left_with_the_attempts_they_had(plan: Plan, journal: Journal) -> None:
    unsent = [Reason.NOT_REACHED, Reason.IN_FLIGHT, Reason.STOPPED]
    journal.record(
        [outcome(line, reason=reason) for line, reason in zip((3, 5, 7), unsent, strict=True)]
    )
    work = remaining_work(plan, journal)
    assert work.requests == 5
    assert work.before == {}
    assert work.tried == {
        line: outcome(line, reason=reason) for line, reason in zip((3, 5, 7), unsent, strict=True)
    }
