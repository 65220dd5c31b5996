import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sending.breaker import Breaker, Outage


def opened(*, max_probe_s: float = 30.0, max_outage_s: float = 900.0) -> Breaker:
    """A breaker that has opened at 10 s, after failures since 0 s."""
    breaker = Breaker(max_probe_s=max_probe_s, max_outage_s=max_outage_s)
    for row in range(5):
        probe = breaker.take_probe(10.0)
        breaker.report_failure(10.0, sent_at=float(row), row=row, probe=probe)
    return breaker


def test_it_opens_after_five_failures_in_a_row_the_last_of_them_a_probe_that_leaves_at_once() -> (
    None
):
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    for row in range(3):
        breaker.report_failure(10.0, sent_at=1.0 + row, row=row, probe=False)
        assert breaker.outage is None
    breaker.report_failure(10.0, sent_at=4.0, row=3, probe=False)
    assert breaker.outage == Outage(since=1.0, next_probe_at=10.0)
    assert (breaker.outages, breaker.failed_probes) == (0, 0)
    assert breaker.take_probe(10.0)
    breaker.report_failure(10.0, sent_at=5.0, row=1004, probe=True)
    assert breaker.outage == Outage(since=1.0, next_probe_at=11.0)
    assert (breaker.outages, breaker.failed_probes) == (1, 1)


def test_rows_that_failed_while_the_first_probe_was_served_fail_by_themselves() -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    for row in range(4):
        breaker.report_failure(10.0, sent_at=10.0, row=row, probe=False)
    assert breaker.take_probe(10.0)
    breaker.report_served(10.0, row=1003)
    assert (breaker.outage, breaker.outages) == (None, 0)
    assert [row for row in range(5) if breaker.fails_by_itself(row)] == [0, 1, 2, 3]
    for row in range(4):  # they tell nothing of the server any more
        for _ in range(10):
            breaker.report_failure(11.0, sent_at=11.0, row=row, probe=False)
    assert breaker.outage is None
    breaker.report_served(11.0, row=2)
    assert not breaker.fails_by_itself(2)
    for row in (7, 8, 9, 10):  # and others do
        breaker.report_failure(12.0, sent_at=11.5, row=row, probe=False)
    assert breaker.outage == Outage(since=11.5, next_probe_at=12.0)


def test_an_attempt_that_fails_long_after_others_were_served_says_nothing_of_the_server() -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    breaker.report_served(11.0, row=99)
    for row in range(10):
        breaker.report_failure(40.0, sent_at=10.0, row=row, probe=False)
    assert breaker.outage is None
    assert breaker.fails_by_itself(9)
    for row in range(20, 24):  # these had left shortly before the server went away
        breaker.report_failure(40.1, sent_at=10.1, row=row, probe=False)
    assert breaker.outage == Outage(since=10.1, next_probe_at=40.1)


@pytest.mark.parametrize(("served", "fails_by_itself"), [(99, False), (100, True)])
def test_an_attempt_that_hundreds_overtook_says_nothing_of_the_server(
    served: int, *, fails_by_itself: bool
) -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    for number in range(served):
        breaker.report_served(10.1, row=100 + number, sent_at=10.05)
    for row in range(10):
        breaker.report_failure(10.5, sent_at=10.0, row=row, probe=False)
    assert breaker.fails_by_itself(9) is fails_by_itself
    assert (breaker.outage is None) is fails_by_itself
    breaker.report_failure(10.5, sent_at=10.06, row=20, probe=False)  # it left after them
    assert not breaker.fails_by_itself(20)


def test_rows_that_an_outage_caught_do_not_fail_by_themselves() -> None:
    breaker = opened()
    breaker.take_probe(11.0)
    breaker.report_served(0.0, row=9)
    assert not any(breaker.fails_by_itself(row) for row in range(10))


@pytest.mark.parametrize(("rows", "is_open"), [(1, False), (2, False), (3, True)])
def test_few_rows_that_always_fail_say_nothing_about_the_server(
    rows: int, *, is_open: bool
) -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    for number in range(50):
        breaker.report_failure(10.0, sent_at=0.0, row=number % rows, probe=False)
    assert (breaker.outage is not None) is is_open


def test_something_served_begins_the_count_anew() -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    for _ in range(10):
        for row in range(3):
            breaker.report_failure(10.0, sent_at=0.0, row=row, probe=False)
        breaker.report_served(0.0, row=9)
    assert breaker.outage is None


def test_one_probe_leaves_at_a_time() -> None:
    breaker = opened()
    assert not breaker.take_probe(10.9)
    assert breaker.take_probe(11.0)
    assert not breaker.take_probe(500.0)
    assert breaker.outage == Outage(since=0.0, next_probe_at=None)


def test_probes_leave_at_growing_intervals_up_to_the_cap() -> None:
    breaker = opened()
    now, intervals = 10.0, []
    for _ in range(8):
        outage = breaker.outage
        assert outage is not None
        assert outage.next_probe_at is not None
        intervals.append(outage.next_probe_at - now)
        now = outage.next_probe_at
        assert breaker.take_probe(now)
        breaker.report_failure(now, sent_at=now, row=9, probe=True)
    assert intervals == [1, 2, 4, 8, 16, 30, 30, 30]


def test_late_failures_of_others_do_not_count_as_the_probe() -> None:
    breaker = opened()
    breaker.take_probe(11.0)
    breaker.report_failure(11.5, sent_at=9.0, row=7, probe=False)
    assert breaker.outage == Outage(since=0.0, next_probe_at=None)


def test_a_probe_that_told_nothing_is_repeated_at_once() -> None:
    breaker = opened()
    breaker.take_probe(11.0)
    breaker.report_neutral(12.0)
    assert breaker.take_probe(12.0)


def test_a_last_probe_is_due_when_the_outage_has_lasted_long_enough() -> None:
    breaker = opened(max_outage_s=12.0)
    breaker.take_probe(11.0)
    breaker.report_failure(11.5, sent_at=11.0, row=9, probe=True)
    assert breaker.outage == Outage(since=0.0, next_probe_at=12.0)
    assert not breaker.is_overdue(11.9)
    assert breaker.is_overdue(12.0)


def test_it_closes_when_a_probe_is_served() -> None:
    breaker = opened()
    breaker.take_probe(11.0)
    breaker.report_served(0.0, row=9)
    assert breaker.outage is None
    assert not breaker.is_overdue(10_000.0)


@given(events=st.lists(st.sampled_from(["fail", "serve", "hold", "wait"]), max_size=60))
def test_an_open_breaker_always_lets_a_probe_out_sooner_or_later(events: list[str]) -> None:
    breaker = Breaker(max_probe_s=30.0, max_outage_s=900.0)
    now, probing = 0.0, False
    for row, event in enumerate(events):
        probing = probing or breaker.take_probe(now)
        if event == "fail":
            breaker.report_failure(now, sent_at=now, row=row, probe=probing)
            probing = False
        elif event == "serve":
            breaker.report_served(now, row=row)
            probing = False
        elif event == "hold" and probing:
            breaker.report_neutral(now)
            probing = False
        now += 31.0
    if breaker.outage is not None and not probing:
        assert breaker.take_probe(now)
