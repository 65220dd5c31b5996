from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sending.pacer import Pacer
from batch.sending.quotas import LATENESS_S


def make_pacer(rate_per_s: float = 10.0, *, draw: float = 0.0) -> Pacer:
    return Pacer(rate_per_s, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: draw)


def turns(pacer: Pacer, count: int, *, now: float) -> list[float]:
    """When so many turns are taken by somebody who always waits just long enough."""
    taken = []
    for _ in range(count):
        now += pacer.wait_s(now)
        pacer.leave(now)
        taken.append(round(now, 6))
    return taken


def test_turns_are_evenly_spaced() -> None:
    assert turns(make_pacer(10.0), 4, now=100.0) == [100.0, 100.1, 100.2, 100.3]


def test_no_turns_are_saved_up_while_idle() -> None:
    pacer = make_pacer(10.0)
    turns(pacer, 1, now=0.0)
    assert turns(pacer, 3, now=60.0) == [60.0, 60.1, 60.2]


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
        pacer.leave(now)
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
        pacer.leave(now)
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
    pacer.served(now)
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
    pacer.served(20.0)
    assert pacer.hold(30.0, 10.0, "x").since == 30.0


@pytest.mark.parametrize(("now", "held"), [(0.0, True), (9.99, True), (10.0, False)])
def test_a_hold_back_ends_when_its_time_is_over(now: float, *, held: bool) -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 10.0, "x")
    assert (pacer.current_hold(now) is not None) is held
