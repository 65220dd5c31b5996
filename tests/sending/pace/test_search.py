"""The rate that is found by trying. Times in seconds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sending.pace.search import START_PER_S, Search


def serve(search: Search, seconds: float, *, start: float = 0.0, is_used: bool = True) -> float:
    """Serve at the search's own rate for so long; when it was over."""
    now = start
    while now < start + seconds:
        search.report_served(now, is_used=is_used)
        now += 1 / search.rate_per_s
    return now


def test_it_begins_at_5_a_second_or_at_what_went_well_before() -> None:
    assert Search().rate_per_s == START_PER_S == 5.0
    assert Search(80.0).rate_per_s == 80.0


def test_until_the_first_refusal_it_grows_by_half_a_second() -> None:
    search = Search()
    serve(search, 4.0)
    assert search.rate_per_s == pytest.approx(5 * 1.5**4, rel=0.1)


def test_it_does_not_grow_while_nobody_waits_for_a_turn() -> None:
    search = Search()
    serve(search, 60.0, is_used=False)
    assert search.rate_per_s == START_PER_S


def test_a_first_refusal_that_names_a_window_tells_the_limit() -> None:
    # 30 were admitted in 6 s, and 24 s more are to be waited for: 30 in 30 s, less 5 %.
    search = Search()
    for n in range(30):
        search.report_served(n / 5, is_used=False)
    search.report_refusal(6.0, sent_at=5.9, wait_s=24.0)
    assert search.rate_per_s == search.good_per_s == pytest.approx(0.95 * 1.0)


def test_a_first_refusal_that_names_none_takes_three_tenths_off() -> None:
    search = Search()
    for n in range(30):
        search.report_served(n / 5, is_used=False)
    search.report_refusal(6.0, sent_at=5.9, wait_s=None)
    assert search.rate_per_s == pytest.approx(5.0 * 0.7 * 0.95)


def test_refusals_of_what_left_before_the_rate_was_lowered_lower_it_no_more() -> None:
    search = Search()
    serve(search, 4.0)
    search.report_refusal(5.0, sent_at=4.9, wait_s=None)
    lowered = search.rate_per_s
    for _ in range(30):
        search.report_refusal(5.1, sent_at=4.95, wait_s=None)
    assert search.rate_per_s == lowered


def test_refusals_of_a_key_that_others_have_used_up_say_nothing_of_the_rate() -> None:
    search = Search()
    for n in range(10):
        search.report_refusal(float(n), sent_at=n - 0.1, wait_s=60.0)
    assert search.rate_per_s == START_PER_S


def test_a_rate_of_a_few_an_hour_recovers_within_hours() -> None:
    # 3 were left of an hour's budget: 3 in 3600 s. 1.02 ** 5 a request makes 10 % more each.
    search = Search()
    for n in range(3):
        search.report_served(n / 5, is_used=True)
    search.report_refusal(0.6, sent_at=0.5, wait_s=3600.0)
    assert search.rate_per_s == pytest.approx(0.95 * 3 / 3600.6)
    now = 3601.0
    while search.rate_per_s < 0.25:  # of the 0.28 that the limit is
        search.report_served(now, is_used=True)
        now += 1 / search.rate_per_s
    assert now < 5 * 3600


def test_a_limit_that_a_long_wait_tells_after_many_requests_is_kept_to() -> None:
    # 100 in 10 s, then a wait of 90 s: 1 a second. What follows comes nearer in small steps.
    search = Search(None)
    for n in range(100):
        search.report_served(n / 10, is_used=True)
    search.report_refusal(10.0, sent_at=9.9, wait_s=90.0)
    assert search.rate_per_s == pytest.approx(0.95 * 100 / 100.0)
    for n in range(60):
        search.report_served(100.0 + n, is_used=True)
    assert search.rate_per_s < 0.97


def test_a_hold_back_is_no_time_to_grow_in() -> None:
    search = Search(1.0)
    search.report_served(0.0, is_used=True)
    search.report_refusal(1.0, sent_at=0.9, wait_s=3600.0)
    before = search.rate_per_s
    search.report_served(3601.0, is_used=True)
    assert search.rate_per_s == before


@given(
    st.none() | st.floats(1e-4, 1e5),
    st.lists(
        st.tuples(st.floats(0, 5000), st.booleans(), st.none() | st.floats(0, 1e5), st.booleans()),
        max_size=200,
    ),
)
def test_whatever_comes_the_rate_stays_a_rate(
    good: float | None, steps: list[tuple[float, bool, float | None, bool]]
) -> None:
    search, now = Search(good), 0.0
    for gap, is_served, wait_s, is_used in steps:
        now += gap
        if is_served:
            search.report_served(now, is_used=is_used)
        else:
            search.report_refusal(now, sent_at=now - min(gap, 1.0), wait_s=wait_s)
        assert 0 < search.rate_per_s <= 1e5
        assert search.good_per_s is None or 0 < search.good_per_s < math.inf
