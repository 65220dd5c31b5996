from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.pacer import Pacer


def make_pacer(rate_per_s: float = 10.0, *, draw: float = 0.0) -> Pacer:
    return Pacer(rate_per_s, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: draw)


def test_turns_are_evenly_spaced() -> None:
    pacer = make_pacer(10.0)
    assert [round(pacer.reserve(100.0).at, 6) for _ in range(4)] == [100.0, 100.1, 100.2, 100.3]


def test_no_turns_are_saved_up_while_idle() -> None:
    pacer = make_pacer(10.0)
    pacer.reserve(0.0)
    assert [round(pacer.reserve(60.0).at, 6) for _ in range(3)] == [60.0, 60.1, 60.2]


@given(
    rate=st.floats(0.01, 5000),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_no_two_turns_are_closer_than_the_spacing(rate: float, gaps: list[float]) -> None:
    pacer = make_pacer(rate)
    now, turns = 1000.0, []
    for gap in gaps:
        now += gap
        turns.append(pacer.reserve(now).at)
    interval = 1 / rate
    assert all(b - a >= interval * (1 - 1e-6) - 1e-9 for a, b in pairwise(turns))


def test_turns_reserved_before_a_hold_back_are_taken_away() -> None:
    pacer = make_pacer()
    early = pacer.reserve(0.0)
    late = pacer.reserve(0.0)
    assert pacer.admits(early)
    pacer.hold(0.05, 30.0, "HTTP 429")
    assert not pacer.admits(late)
    again = pacer.reserve(0.1)
    assert again.at == 30.05
    assert pacer.admits(again)
    assert round(pacer.reserve(0.1).at, 6) == 30.15


def test_a_hold_back_is_never_shortened() -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 60.0, "first")
    hold = pacer.hold(1.0, 5.0, "second")
    assert (hold.until, hold.why) == (60.0, "first")
    assert pacer.reserve(2.0).at == 60.0


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
    pacer.served()
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
    pacer.served()
    assert pacer.hold(30.0, 10.0, "x").since == 30.0


@pytest.mark.parametrize(("now", "held"), [(0.0, True), (9.99, True), (10.0, False)])
def test_a_hold_back_ends_when_its_time_is_over(now: float, *, held: bool) -> None:
    pacer = make_pacer()
    pacer.hold(0.0, 10.0, "x")
    assert (pacer.current_hold(now) is not None) is held
