"""The rate that is found by trying. Times in seconds."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batch.sending.pace.search import START_PER_S, Search


def serve(search: Search, seconds: float, *, start: float = 0.0, is_used: bool = True) -> float:
    """Serve at the search's own rate for so long; when it was over."""
    now = start
    while now < start + seconds:
        search.report_served(now, is_used=is_used)
        now += 1 / search.rate_per_s
    return now


def refuse(search: Search, now: float, *, sent_at: float, wait_s: float | None = None) -> None:
    """Two in a row: the pace is the cause."""
    for _ in range(2):
        search.report_refusal(now, sent_at=sent_at, wait_s=wait_s)


def test_it_begins_at_5_a_second_or_at_what_went_well_before() -> None:
    assert Search().rate_per_s == START_PER_S == 5.0
    assert Search(80.0).rate_per_s == 80.0


def test_until_the_first_limit_it_doubles_each_second() -> None:
    search = Search()
    serve(search, 4.0)
    assert search.rate_per_s == pytest.approx(5 * 2**4, rel=0.1)


def test_it_does_not_grow_while_nobody_waits_for_a_turn() -> None:
    search = Search()
    serve(search, 60.0, is_used=False)
    assert search.rate_per_s == START_PER_S


def test_a_single_refusal_changes_nothing() -> None:
    search = Search()
    now = serve(search, 4.0)
    before = search.rate_per_s
    search.report_refusal(now, sent_at=now - 0.1, wait_s=None)
    assert search.rate_per_s == before
    serve(search, 2.0, start=now)
    assert search.rate_per_s > 2 * before


def test_without_a_limit_what_went_through_is_remembered() -> None:
    search = Search()
    assert search.good_per_s is None
    now = serve(search, 6.0)
    search.report_refusal(now, sent_at=now - 0.1, wait_s=None)
    assert search.good_per_s == pytest.approx(search.rate_per_s, rel=0.15)


def test_a_rate_that_workers_bound_does_not_grow() -> None:
    # They serve 50 a second: more than 0.7 of the rate is not reached above 71.
    search = Search()
    for n in range(2000):
        search.report_served(n / 50, is_used=True)
    assert 50 <= search.rate_per_s <= 100
    assert search.good_per_s == pytest.approx(50, rel=0.1)


def test_a_first_refusal_that_names_a_window_tells_the_limit() -> None:
    # 30 were admitted in 6 s, and 24 s more are to be waited for: 30 in 30 s, less 5 %.
    search = Search()
    for n in range(30):
        search.report_served(n / 5, is_used=False)
    refuse(search, 6.0, sent_at=5.9, wait_s=24.0)
    assert search.rate_per_s == search.good_per_s == pytest.approx(0.95 * 1.0)


def test_a_first_refusal_that_names_none_takes_three_tenths_off() -> None:
    search = Search()
    for n in range(30):
        search.report_served(n / 5, is_used=False)
    refuse(search, 6.0, sent_at=5.9, wait_s=None)
    assert search.rate_per_s == pytest.approx(5.0 * 0.7 * 0.95)


def test_refusals_of_what_left_before_the_rate_was_lowered_lower_it_no_more() -> None:
    search = Search()
    serve(search, 4.0)
    refuse(search, 5.0, sent_at=4.9, wait_s=None)
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
    refuse(search, 0.6, sent_at=0.5, wait_s=3600.0)
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
    refuse(search, 10.0, sent_at=9.9, wait_s=90.0)
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


def test_an_answer_that_comes_in_a_hold_back_begins_no_growth() -> None:
    search = Search()
    search.report_served(0.0, is_used=True)
    search.report_refusal(1.0, sent_at=0.9, wait_s=5.0)
    for _ in range(30):
        search.report_served(1.05, is_used=True, sent_at=0.95)
    search.report_served(6.1, is_used=True, sent_at=6.05)
    assert search.rate_per_s == START_PER_S


def test_a_wait_tells_no_window_if_what_left_in_it_is_served() -> None:
    # Else 30 in 30 s, as above.
    search = Search()
    for n in range(30):
        search.report_served(n / 5, is_used=False)
    search.report_refusal(6.0, sent_at=5.9, wait_s=24.0)
    search.report_served(6.1, is_used=False, sent_at=6.0)
    refuse(search, 6.2, sent_at=6.1, wait_s=24.0)
    assert search.rate_per_s == pytest.approx(5.0 * 0.7 * 0.95)


def limited(search: Search, now: float, *, admitted: int, over_s: float, refused: int = 2) -> float:
    """One cycle: so many served over so long, then refused; when it was over.

    Of several refusals all but the last two are of requests that left before the rate was lowered.
    """
    for n in range(admitted):
        search.report_served(now + over_s * n / admitted, is_used=False)
    for left in reversed(range(refused)):
        sent_at = now + over_s if left < 2 else -1.0
        search.report_refusal(now + over_s, sent_at=sent_at, wait_s=None)
    return now + over_s


def told() -> Search:
    """100 in 10 s, then a wait of 90 s: the limit is 1 a second, the rate 0.95."""
    search = Search()
    for n in range(100):
        search.report_served(n / 10, is_used=False)
    refuse(search, 10.0, sent_at=9.9, wait_s=90.0)
    return search


@pytest.mark.parametrize(
    ("gap_s", "grown"),
    [(0.0, 1), (0.1, 2**0.1), (0.25, 2**0.25), (5.0, 2**0.25), (5.1, 2**5)],
)
def test_it_grows_by_the_time_since_it_last_did_but_a_wait_counts_little(
    gap_s: float, grown: float
) -> None:
    search = Search()
    search.report_served(7.0, is_used=True)
    assert search.rate_per_s == START_PER_S  # since when is not known yet
    search.report_served(7.0 + gap_s, is_used=True)
    assert search.rate_per_s == pytest.approx(5 * grown)


def test_what_was_admitted_of_what_was_wanted_is_the_limit() -> None:
    # 10 a second wanted 1 + 20 in 2 s, and 11 were admitted.
    search = Search(10.0)
    limited(search, 0.0, admitted=11, over_s=2.0)
    assert search.rate_per_s == search.good_per_s == pytest.approx(0.95 * 10 * 11 / 21)


def test_after_a_limit_a_second_passes_before_more_is_wanted() -> None:
    # 9.5 a second from 3.0 on, a second after the refusal: 1 + 38 by 7.0, and 20 are admitted. A
    # bucket of which 20 came in 5 s fills with 4 a second.
    search = Search(10.0)
    at = limited(search, 0.0, admitted=21, over_s=2.0)
    limited(search, at, admitted=20, over_s=5.0)
    assert search.rate_per_s == pytest.approx(0.95 * math.sqrt(9.5 * 20 / 39 * 20 / 5))


@pytest.mark.parametrize(("wait_s", "held_s"), [(1.2, 0.0), (1.3, 3.9)])
def test_a_wait_that_no_bucket_asks_for_is_no_time_in_which_it_fills(
    wait_s: float, held_s: float
) -> None:
    # Of 9.5 a second two take 0.21 s, and a second may be rounding. 40 are admitted in 8 s, or in
    # the 4.1 s without the wait; 1 + 9.5 * 7 are wanted, a second after the refusal.
    search = Search(10.0)
    at = limited(search, 0.0, admitted=21, over_s=2.0)
    search.report_served(at + 0.1, is_used=False)
    search.report_refusal(at + 0.1, sent_at=at + 0.05, wait_s=wait_s)
    search.report_served(at + 4.0, is_used=False, sent_at=at + 3.95)
    limited(search, at + 4.0, admitted=38, over_s=4.0)
    admits, came_in = 9.5 * 40 / (1 + 9.5 * 7), 40 / (8.0 - held_s)
    assert search.rate_per_s == pytest.approx(0.95 * math.sqrt(admits * min(admits, came_in)))


def test_a_window_that_a_wait_has_told_is_over_before_the_next_is_measured() -> None:
    # 60 in a minute: 1 a second. Then 0.95 a second, and no more are wanted than are admitted;
    # with the wait of 54 s 1 + 0.95 * 113 were wanted.
    search = Search()
    for n in range(60):
        search.report_served(n / 10, is_used=False)
    refuse(search, 6.0, sent_at=5.9, wait_s=54.0)
    for n in range(61):
        search.report_served(60.0 + n, is_used=False)
    refuse(search, 120.0, sent_at=119.9)
    assert search.rate_per_s == pytest.approx(0.95 * 0.95)


@pytest.mark.parametrize(("served", "good"), [(99, 0.95), (100, 0.95 * 2)])
def test_what_goes_through_since_a_limit_is_remembered(served: int, good: float) -> None:
    search = told()
    search.rate_per_s = 2.0
    for n in range(served):
        search.report_served(100.0 + n / 2, is_used=False)
    assert search.good_per_s == pytest.approx(good, rel=0.02)


@pytest.mark.parametrize(("served", "is_quick"), [(66, False), (67, True)])
def test_where_much_was_refused_a_limit_is_passed_in_small_steps(
    served: int, *, is_quick: bool
) -> None:
    # Two of 66 are more than 3 %, of 67 they are not.
    search = Search(1.0)
    at = limited(search, 0.0, admitted=11, over_s=11.0)
    grown = search.rate_per_s / 0.94  # a little above the limit
    for n in range(served - 13):
        search.report_served(at + n / 100, is_used=False)
    search.rate_per_s = grown
    search.report_served(at + 2, is_used=True)
    search.report_served(at + 2.2, is_used=True)
    assert (search.rate_per_s / grown > 1.02**0.19) is is_quick


def test_a_limit_is_never_above_the_rate() -> None:
    search = Search(10.0)
    limited(search, 0.0, admitted=500, over_s=2.0)
    assert search.rate_per_s == pytest.approx(0.95 * 10)


@pytest.mark.parametrize(("before", "enough"), [(5, 10), (100, 80), (3000, 1500)])
def test_four_fifths_of_what_was_admitted_before_tell_the_limit_anew(
    before: int, enough: int
) -> None:
    for admitted, is_enough in ((enough - 1, False), (enough, True)):
        search = Search(10.0)
        at = limited(search, 0.0, admitted=before, over_s=before / 10)
        before_s = search.rate_per_s
        limited(search, at, admitted=admitted, over_s=10.0)
        has_found = search.rate_per_s == search.good_per_s != before_s
        assert has_found is is_enough


@pytest.mark.parametrize(("admitted", "rate"), [(9, 0.95), (10, 0.95 * 0.8), (79, 0.95 * 0.8)])
def test_fewer_cut_the_rate_by_a_fifth_if_they_are_ten(admitted: int, rate: float) -> None:
    search = told()
    limited(search, 100.0, admitted=admitted, over_s=1.0)
    assert search.rate_per_s == pytest.approx(rate)
    assert search.good_per_s == pytest.approx(0.95)


def test_cuts_end_at_a_fifth_of_the_limit() -> None:
    # 0.95 * 0.8 ** 7 = 0.1992.
    search, at = told(), 100.0
    for _ in range(7):
        at = limited(search, at, admitted=10, over_s=1.0)
    assert search.rate_per_s == pytest.approx(0.2)


def test_after_a_cut_ten_more_must_be_admitted_for_the_next() -> None:
    search = told()
    at = limited(search, 100.0, admitted=10, over_s=1.0)
    for admitted, rate in ((0, 0.8), (9, 0.8), (1, 0.8**2)):
        at = limited(search, at, admitted=admitted, over_s=1.0)
        assert search.rate_per_s == pytest.approx(0.95 * rate)


def test_below_a_limit_that_was_measured_it_recovers_by_2_percent_a_second() -> None:
    search = told()
    limited(search, 100.0, admitted=10, over_s=1.0)
    search.report_served(101.0, is_used=True)
    search.report_served(101.2, is_used=True)
    assert search.rate_per_s == pytest.approx(0.95 * 0.8 * 1.02**0.2)


@pytest.mark.parametrize(
    ("wait_s", "requests"),
    [(30.0, 300), (60.0, 570)],  # at 0.95 a second in ten waits: 570
)
def test_near_a_limit_the_steps_grow_the_longer_nothing_is_refused(
    wait_s: float, requests: int
) -> None:
    search = Search()
    for n in range(60):
        search.report_served((60 - wait_s) * n / 60, is_used=False)
    refuse(search, 60 - wait_s, sent_at=60 - wait_s - 0.1, wait_s=wait_s)
    for n in range(1, 61):
        search.report_served(100.0 + n, is_used=True)
    steps = (1 + 0.05 / requests * (1 + (n / requests) ** 2) for n in range(1, 61))
    assert search.rate_per_s == pytest.approx(0.95 * math.prod(steps), rel=1e-3)


@pytest.mark.parametrize(
    ("rate_per_s", "refused", "requests"), [(10.0, 2, 300), (10.0, 4, 400), (100.0, 2, 20 * 81.45)]
)
def test_the_steps_are_smaller_the_more_were_refused_and_the_faster_it_is(
    rate_per_s: float, refused: int, requests: float
) -> None:
    # After four limits: 100 * 0.95 ** 4 = 81.45.
    search, at = Search(rate_per_s), 0.0
    for n in range(4):
        at = limited(search, at, admitted=3000 + 200 * n, over_s=10.0, refused=refused)
    search.report_served(at, is_used=True)
    grown = 1 + 0.05 / requests * (1 + (1 / requests) ** 2)
    assert search.rate_per_s / (rate_per_s * 0.95**4) - 1 == pytest.approx(grown - 1, rel=1e-3)


@pytest.mark.parametrize(("limits", "grown"), [(3, 1.02**0.2), (4, 1 + 2 * 0.05 / 300)])
def test_the_steps_become_small_after_three_limits(limits: int, grown: float) -> None:
    search, at = Search(10.0), 0.0
    for _ in range(limits):
        at = limited(search, at, admitted=3000, over_s=10.0)
    lowered = search.rate_per_s
    search.report_served(at, is_used=True)
    search.report_served(at + 0.2, is_used=True)
    assert search.rate_per_s / lowered == pytest.approx(grown, rel=1e-5)


@pytest.mark.parametrize(
    ("admitted", "over_s", "is_told"), [(50, 600.0, True), (49, 600.0, False), (50, 599.0, False)]
)
def test_a_long_cycle_of_many_requests_tells_the_limit_at_once(
    admitted: int, over_s: float, *, is_told: bool
) -> None:
    search = Search(1.0)
    at = limited(search, 0.0, admitted=admitted, over_s=over_s)
    lowered = search.rate_per_s
    search.report_served(at, is_used=True)
    search.report_served(at + 0.2, is_used=True)
    grown = search.rate_per_s / lowered
    assert grown == pytest.approx(1 + 2 * 0.05 / 300 if is_told else 1.02**0.2, rel=1e-5)


@example(good=1.0, steps=[(0.0, True, None, False), *[(0.0, False, None, False)] * 2])
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
