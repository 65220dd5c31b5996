import math
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Budget
from batch.sending.pace.pacer import MISLED_S, SPENT_SPACING_S, PaceEstimate, Pacer, Source
from batch.sending.pace.quotas import LATENESS_S, SILENT_ANSWERS


def make_pacer(
    rate_per_s: float | None = 10.0, *, headroom: float = 0.0, draw: float = 0.0
) -> Pacer:
    return Pacer(
        rate_per_s, headroom=headroom, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: draw
    )


def turns(pacer: Pacer, count: int, *, now: float) -> list[float]:
    """When so many turns are taken by somebody who always waits just long enough."""
    taken = []
    for _ in range(count):
        now += pacer.wait_s(now)
        pacer.take_turn(now)
        taken.append(round(now, 6))
    return taken


def test_turns_are_evenly_spaced() -> None:
    assert turns(make_pacer(10.0), 4, now=100.0) == [100.0, 100.1, 100.2, 100.3]


def test_no_turns_are_saved_up_while_idle() -> None:
    pacer = make_pacer(10.0)
    turns(pacer, 1, now=0.0)
    assert turns(pacer, 3, now=60.0) == [60.0, 60.1, 60.2]


def test_half_of_all_that_is_on_its_way_is_left_room_for() -> None:
    # 35 are left in 30 s, and 20 are on their way: 25 / 30; then 10: 30 / 30.
    pacer = make_pacer(10.0)
    for at, remaining in ((0.1, 99), (30.0, 35)):
        budget = Budget(name="x", limit=100, remaining=remaining, reset_s=60 - at, window_s=60.0)
        pacer.observe(at, [budget], sent_at=at - 0.1)
    for _ in range(20):
        pacer.begin_attempt()
    assert pacer.rate_per_s(30.0) == pytest.approx(25 / 30)
    for _ in range(10):
        pacer.end_attempt()
    assert pacer.rate_per_s(30.0) == pytest.approx(1.0)


def test_what_is_served_without_a_turn_raises_no_rate() -> None:
    pacer = make_pacer(None)
    pacer.report_served(0.0)
    pacer.report_served(1.0)
    assert pacer.rate_per_s(1.0) == 5.0


@pytest.mark.parametrize(("set_per_s", "then_per_s"), [(0.5, 5.0), (6.0, 6.0), (40.0, 40.0)])
def test_once_no_rate_is_set_the_one_that_was_is_no_limit(
    set_per_s: float, then_per_s: float
) -> None:
    pacer = make_pacer(set_per_s)
    pacer.set_bounds(None, headroom=0.0)
    assert pacer.rate_per_s(0.0) == then_per_s
    now = 0.0
    while now < 2.0:
        now += pacer.wait_s(now)
        pacer.take_turn(now)
        pacer.report_served(now)
    assert pacer.rate_per_s(now) == pytest.approx(4 * then_per_s, rel=0.2)


def test_after_a_long_stall_no_turns_leave_together() -> None:
    pacer = make_pacer(50.0)
    turns(pacer, 10, now=0.0)
    assert turns(pacer, 3, now=4.0) == [4.0, 4.02, 4.04]


def test_a_timer_that_is_a_little_late_does_not_slow_the_pace_down() -> None:
    pacer = make_pacer(500.0)
    now, taken = 0.0, 0
    while now < 10.0:
        wait_s = pacer.wait_s(now)
        now += wait_s + (0.0015 if wait_s else 0.0)
        pacer.take_turn(now)
        taken += 1
    assert 4950 <= taken <= 5003


@given(
    rate=st.floats(0.01, 5000),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_turns_are_never_closer_than_the_spacing_but_for_a_timer_that_was_late(
    rate: float, gaps: list[float]
) -> None:
    pacer = make_pacer(rate)
    now, taken = 1000.0, []
    for gap in gaps:
        now += gap
        now += pacer.wait_s(now)
        pacer.take_turn(now)
        taken.append(now)
    closest = 1 / rate - LATENESS_S
    assert all(b - a >= closest - 1e-6 for a, b in pairwise(taken))
    for (first, a), (last, b) in combinations(enumerate(taken), 2):
        assert b - a >= (last - first) / rate - LATENESS_S - 1e-6


def test_a_hold_back_that_begins_while_somebody_waits_is_kept() -> None:
    pacer = make_pacer()
    turns(pacer, 1, now=0.0)
    pacer.hold(0.05, 30.0, "HTTP 429")
    assert turns(pacer, 2, now=0.1) == [30.05, 30.15]


def test_a_hold_back_shorter_than_the_spacing_does_not_bring_the_next_turn_forward() -> None:
    pacer = make_pacer(0.5)
    turns(pacer, 1, now=0.0)
    for retry_after_s in (0.0, 0.5, None):
        pacer.hold(0.1, retry_after_s, "HTTP 429")
        assert round(0.1 + pacer.wait_s(0.1), 6) == 2.0


def test_a_hold_back_is_never_shortened() -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 60.0, "first")
    hold = pacer.hold(1.0, 5.0, "second")
    assert (hold.until, hold.why) == (60.0, "first")
    assert 2.0 + pacer.wait_s(2.0) == 60.0


def test_a_longer_hold_back_extends_the_present_one_and_keeps_its_beginning() -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 10.0, "first")
    hold = pacer.hold(1.0, 60.0, "second")
    assert (hold.since, hold.until, hold.why) == (0.0, 61.0, "second")


def test_without_a_named_time_hold_backs_double_until_something_is_served() -> None:
    pacer = make_pacer(draw=1.0)
    now, lengths = 0.0, []
    for _ in range(8):
        hold = pacer.hold(now, None, "HTTP 429")
        lengths.append(hold.until - now)
        now = hold.until
    assert lengths == [0.5, 1, 2, 4, 8, 16, 30, 30]
    pacer.report_served(now)
    assert pacer.hold(now, None, "HTTP 429").until - now == 0.5


def test_refusals_of_one_moment_count_once() -> None:
    pacer = make_pacer(draw=1.0)
    first = pacer.hold(0.0, None, "HTTP 429")
    for _ in range(30):
        assert pacer.hold(0.1, None, "HTTP 429") == first
    assert pacer.hold(first.until, None, "HTTP 429").until - first.until == 1.0


def test_the_jitter_of_an_own_hold_back_stays_between_half_and_whole() -> None:
    assert make_pacer(draw=0.0).hold(0.0, None, "x").until == 0.25
    assert make_pacer(draw=1.0).hold(0.0, None, "x").until == 0.5


def test_a_hold_back_counts_from_the_last_request_served() -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 10.0, "x")
    assert pacer.hold(10.0, 10.0, "x").since == 0.0
    pacer.report_served(20.0)
    assert pacer.hold(30.0, 10.0, "x").since == 30.0


@pytest.mark.parametrize(("now", "held"), [(0.0, True), (9.99, True), (10.0, False)])
def test_a_hold_back_ends_when_its_time_is_over(now: float, *, held: bool) -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 10.0, "x")
    assert (pacer.current_hold(now) is not None) is held


def budget(
    name: str = "x",
    *,
    limit: int = 60,
    remaining: int = 50,
    reset_s: float = 60,
    window_s: float = 60,
) -> Budget:
    return Budget(
        name=name, limit=limit, remaining=remaining, reset_s=reset_s, window_s=window_s or None
    )


def tell(pacer: Pacer, *budgets: Budget, start: float = 0.0, answers: int = 30) -> float:
    """Answers in 10 s, each to a request that left after the one before; when the last came."""
    for n in range(answers):
        now = start + 10 * n / answers
        pacer.begin_attempt()
        pacer.end_attempt()
        pacer.observe(now, budgets, sent_at=now)
    return now


def test_without_headers_the_set_rate_is_what_is_known() -> None:
    assert make_pacer(10.0).estimate(0.0) == PaceEstimate(source=Source.SETTING, rate_per_s=10.0)


def test_without_headers_or_a_set_rate_it_is_found_by_trying() -> None:
    assert make_pacer(None).estimate(0.0) == PaceEstimate(source=Source.SEARCH, rate_per_s=5.0)


def test_of_several_budgets_the_tightest_counts_and_is_shown() -> None:
    pacer = make_pacer(None)
    minute = budget("minute", limit=60, remaining=59)
    hour = budget("hour", limit=1800, remaining=1799, reset_s=3600, window_s=3600)
    now = tell(pacer, minute, hour)
    # 60 a minute are 1 a second, 1800 an hour half a one.
    assert pacer.rate_per_s(now) == 0.5
    learnt = pacer.estimate(now)
    assert (learnt.limit, learnt.window_s, learnt.remaining) == (1800, 3600, 1799)
    assert (learnt.source, learnt.rate_per_s) == (Source.HEADERS, 0.5)


def test_a_budget_that_is_used_up_is_waited_for_and_not_a_longer_one_that_is_not() -> None:
    pacer = make_pacer(None)
    pacer.take_turn(0.0)
    hour = budget("hour", limit=3600, remaining=3000, reset_s=3000, window_s=3600)
    pacer.observe(0.0, [budget(remaining=0, reset_s=20), hour], sent_at=-0.1)
    assert pacer.rate_per_s(1.0) == 0.0
    assert 1.0 + pacer.wait_s(1.0) == pytest.approx(20.0)


def test_headers_lower_a_set_rate_but_never_raise_it() -> None:
    for rate_per_s, expected in ((0.5, 0.5), (5.0, 1.0)):
        pacer = make_pacer(rate_per_s)
        now = tell(pacer, budget(remaining=59))
        assert pacer.rate_per_s(now) == expected
        assert pacer.estimate(now).rate_per_s == expected


def test_what_headers_allow_is_reached_by_doubling_an_answer() -> None:
    pacer = make_pacer(None)
    rates = []
    for n in range(4):
        pacer.observe(n / 40, [budget(limit=60_000, remaining=59_999)], sent_at=n / 40)
        rates.append(pacer.rate_per_s(n / 40))
    assert rates == [10.0, 20.0, 40.0, 80.0]


def test_a_budget_that_is_no_longer_told_of_is_forgotten() -> None:
    pacer = make_pacer(None)
    tight, wide = budget("old", limit=6, remaining=5), budget("new", remaining=59)
    now = tell(pacer, tight)
    assert pacer.rate_per_s(now) == 0.1
    now = tell(pacer, wide, start=now, answers=SILENT_ANSWERS - 1)
    assert pacer.rate_per_s(now) == 0.1
    pacer.observe(now, [wide], sent_at=now)
    assert pacer.rate_per_s(now) == 1.0


def test_headers_that_are_gone_in_a_window_that_is_used_up_leave_more_than_nothing() -> None:
    pacer = make_pacer(None)
    now = tell(pacer, budget(remaining=59))
    pacer.observe(now, [budget(remaining=0, reset_s=50)], sent_at=now)
    now = tell(pacer, start=now, answers=SILENT_ANSWERS)
    assert pacer.estimate(now).source is Source.SEARCH
    assert pacer.rate_per_s(now) == pytest.approx(1.0)


def test_while_a_reset_may_be_milliseconds_no_more_than_5_a_second_leave() -> None:
    pacer = make_pacer(80.0)
    told = Budget(name="x", limit=20, remaining=19, reset_s=3600.0, is_unit_known=False)
    pacer.observe(0.0, [told], sent_at=0.0)
    assert pacer.rate_per_s(0.0) == pacer.rate_per_s(2.4) == 5.0
    assert pacer.rate_per_s(2.5) == 80.0  # no answer names it any more
    pacer.observe(3.0, [told], sent_at=3.0)
    pacer.observe(3.1, [replace(told, is_unit_known=True, remaining=18)], sent_at=3.0)
    assert pacer.rate_per_s(3.1) < 0.01  # 17 in an hour


def test_a_rate_does_not_grow_while_a_reset_may_be_milliseconds() -> None:
    pacer = make_pacer(None)
    told = Budget(name="x", limit=20, remaining=19, reset_s=3600.0, is_unit_known=False)
    for n in range(10):
        pacer.observe(n / 5, [told], sent_at=n / 5)
        pacer.take_turn(n / 5)
        pacer.report_served(n / 5)
    assert pacer.rate_per_s(10.0) == 5.0


def test_a_refusal_despite_headers_takes_5_percent_off_for_ten_windows() -> None:
    pacer = make_pacer(None)
    now = tell(pacer, budget(limit=100, remaining=99, reset_s=1, window_s=1))
    pacer.hold(now, 0.0, "HTTP 429", sent_at=now)
    pacer.hold(now, 0.0, "HTTP 429", sent_at=now - 0.1)  # left before the first came back
    assert pacer.rate_per_s(now) == pytest.approx(95.0)
    assert pacer.rate_per_s(now + 5) == pytest.approx(97.5)
    assert pacer.rate_per_s(now + 10) == pytest.approx(100.0)
    pacer.hold(now + 10, 0.0, "HTTP 429", sent_at=now + 10)  # days later it is the same again
    assert pacer.rate_per_s(now + 10) == pytest.approx(95.0)


def test_a_single_refusal_does_not_trim_what_headers_allow() -> None:
    pacer = make_pacer(None)
    now = tell(pacer, budget(limit=100, remaining=99, reset_s=1, window_s=1))
    before = pacer.rate_per_s(now)
    pacer.hold(now, 0.0, "HTTP 429", sent_at=now)
    assert pacer.rate_per_s(now) == before
    pacer.hold(now, 0.0, "HTTP 429", sent_at=now)
    assert pacer.rate_per_s(now) < before


def test_headers_that_mislead_again_and_again_are_not_heard_for_ten_minutes() -> None:
    pacer = make_pacer(None)
    told = budget(limit=100, remaining=99, reset_s=1, window_s=1)
    now = tell(pacer, told)
    for n in range(13):  # the first two might have come alone
        pacer.hold(now + n / 100, 0.0, "HTTP 429", sent_at=now + n / 100)
    assert pacer.estimate(now + 0.1).source is Source.SEARCH
    assert pacer.rate_per_s(now + 0.1) == pytest.approx(50.0, rel=0.01)
    pacer.observe(now + 60, [told], sent_at=now + 60)
    assert pacer.estimate(now + 60).source is Source.SEARCH
    pacer.observe(now + 1 + MISLED_S, [told], sent_at=now + MISLED_S)
    assert pacer.estimate(now + 1 + MISLED_S).source is Source.HEADERS


def test_after_a_first_limit_ten_requests_leave_one_by_one() -> None:
    pacer = make_pacer(None)
    for n in range(40):
        pacer.report_served(n / 10)
    for sent_at in (4.0, 4.1):
        pacer.hold(4.1, 0.0, "HTTP 429", sent_at=sent_at)
    now = 10.0
    for _ in range(10):
        pacer.take_turn(now)
        assert pacer.wait_s(now + 0.5) > 0
        now += 0.6
        pacer.report_served(now, sent_at=now - 0.6)
        assert pacer.wait_s(now) == 0.0
    pacer.take_turn(now)
    assert pacer.wait_s(now + 0.5) == 0.0


@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 100),
            st.lists(
                st.builds(
                    budget,
                    st.sampled_from("xy"),
                    limit=st.sampled_from([0, 1, 5, 1000, 10**15]),
                    remaining=st.integers(0, 10**15),
                    reset_s=st.just(0.0) | st.floats(0, 1e7),
                    window_s=st.just(0.0) | st.floats(0.01, 1e7),
                ),
                max_size=2,
            ),
            st.none() | st.floats(0, 1000),
            st.booleans(),
        ),
        max_size=60,
    ),
    rate_per_s=st.none() | st.floats(0.01, 1000),
    headroom=st.floats(0, 0.9),
)
def test_whatever_is_told_waits_are_finite_and_never_shorter_than_a_hold_back(
    steps: list[tuple[float, list[Budget], float | None, bool]],
    rate_per_s: float | None,
    headroom: float,
) -> None:
    pacer = make_pacer(rate_per_s, headroom=headroom)
    now = held_until = 0.0
    for gap_s, budgets, retry_after_s, is_refused in steps:
        now += min(gap_s, pacer.wait_s(now))
        if pacer.wait_s(now) == 0:
            assert now >= held_until - 1e-6
            pacer.take_turn(now)
            pacer.begin_attempt()
            pacer.end_attempt()
        pacer.observe(now, budgets, sent_at=now - 0.1)
        if is_refused:
            hold = pacer.hold(now, retry_after_s, "HTTP 429", sent_at=now - 0.1)
            held_until = max(held_until, now + (retry_after_s or 0.0), hold.until)
        else:
            pacer.report_served(now)
        assert 0 <= pacer.wait_s(now) < math.inf
        assert now + pacer.wait_s(now) >= held_until - 1e-6
        assert rate_per_s is None or pacer.rate_per_s(now) <= rate_per_s


def test_while_nothing_is_left_turns_are_a_second_apart_whatever_is_said_of_the_end() -> None:
    pacer = make_pacer(None)
    tell(pacer, budget(limit=0, remaining=0, reset_s=0, window_s=60))
    taken = turns(pacer, 3, now=20.0)
    assert [b - a for a, b in pairwise(taken)] == [SPENT_SPACING_S] * 2


def test_a_window_is_told_only_once_its_length_is_known() -> None:
    pacer = make_pacer(10.0)
    half = Budget(name="a", limit=60, remaining=50, reset_s=4.0)  # the end of a window of 20 s
    pacer.observe(0.0, (half,), sent_at=0.0)
    learnt = pacer.estimate(0.0)
    assert (learnt.limit, learnt.window_s, learnt.good_per_s) == (60, None, None)
    pacer.observe(4.2, (replace(half, remaining=59, reset_s=20.0),), sent_at=4.1)
    learnt = pacer.estimate(4.2)
    assert (learnt.limit, learnt.window_s, learnt.good_per_s) == (60, 20.0, 3.0)
