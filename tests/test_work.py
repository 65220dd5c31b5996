import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch.jobs.job import check
from batch.judging.plan import Plan
from batch.model import Claim, Outcome, Reason, Tally
from batch.recording.journal import Journal
from batch.sending.work import remaining_work, whole_work
from tests.wired import CAMPAIGN, lead_id, request_of, write_leads

ROWS = [
    (CAMPAIGN, lead_id(1), "paused", ""),  # line 2
    (CAMPAIGN, "bad", "paused", ""),
    (CAMPAIGN, lead_id(2), "paused", ""),
    (CAMPAIGN, lead_id(1), "", "Interested"),  # joined with line 2
    (CAMPAIGN, lead_id(3), "paused", ""),
    (CAMPAIGN, lead_id(3), "paused", ""),  # a duplicate
    (CAMPAIGN, lead_id(4), "active", ""),
]
SENT = [(2, 5), (4,), (6,), (8,)]


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Plan]:
    with check(request_of(write_leads(tmp_path / "leads.csv", ROWS))) as checked:
        yield checked.plan


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.create(tmp_path / "journal.sqlite")
    yield journal
    journal.close()


def outcome(lines: tuple[int, ...], reason: Reason, *, attempts: int = 1) -> Outcome:
    return Outcome(lines=lines, reason=reason, attempts=attempts, sent_at_ms=1_000 + lines[0])


def test_a_new_run_sends_all_and_knows_what_was_judged(plan: Plan) -> None:
    work = whole_work(plan)
    assert [change.lines for change in work.changes()] == SENT
    assert work.requests == 4
    assert work.before == Tally({Reason.BAD_ID: 1, Reason.DUPLICATE: 1})
    assert work.tried == {}


def test_what_has_a_final_outcome_is_not_sent_again(plan: Plan, journal: Journal) -> None:
    journal.record([outcome((2, 5), Reason.APPLIED), outcome((6,), Reason.NOT_FOUND)])
    journal.record([outcome((4,), Reason.STOPPED, attempts=3), Claim(lines=(8,))])
    work = remaining_work(plan, journal)
    assert [change.lines for change in work.changes()] == [(4,), (8,)]
    assert [change.lines for change in work.changes()] == [(4,), (8,)]  # as often as asked
    assert work.requests == 2
    assert work.before == Tally({Reason.APPLIED: 2, Reason.NOT_FOUND: 1})
    assert work.tried == {4: (3, 1_004)}


@settings(max_examples=30, deadline=None)
@given(done=st.sets(st.integers(0, 99)))
def test_any_part_that_is_done_leaves_exactly_the_rest(
    tmp_path_factory: pytest.TempPathFactory, done: set[int]
) -> None:
    folder = tmp_path_factory.mktemp("work")
    path = folder / "leads.csv"
    rows = [(CAMPAIGN, lead_id(n), "paused", "") for n in range(100)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("campaignId", "campaignLeadId", "status", "aiTag"), *rows])
    journal = Journal.create(folder / "journal.sqlite")
    journal.record([outcome((n + 2,), Reason.APPLIED) for n in done])
    with check(request_of(path)) as checked:
        work = remaining_work(checked.plan, journal)
        left = [change.lines[0] - 2 for change in work.changes()]
    journal.close()
    assert left == [n for n in range(100) if n not in done]
    assert work.requests == len(left)
