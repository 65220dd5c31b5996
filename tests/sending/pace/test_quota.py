"""One budget: what its answers make of it. Times in seconds, answers 0.1 s after their requests."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Budget
from batch.sending.pace.quota import Kind, Quota
from batch.sending.pace.sample import Sample


def sample(
    at: float,
    remaining: int,
    reset_s: float,
    *,
    limit: int = 100,
    reset_at: float | None = None,
    window_s: float | None = None,
    taken: int = 0,
) -> Sample:
    budget = Budget(
        name="x",
        limit=limit,
        remaining=remaining,
        reset_s=reset_s,
        reset_at=reset_at,
        window_s=window_s,
    )
    return Sample(budget=budget, sent_at=at - 0.1, at=at, taken=taken)


def quota(*answers: Sample, headroom: float = 0.05) -> Quota:
    made = Quota(answers[0], headroom=headroom)
    for answer in answers[1:]:
        made.observe(answer)
    return made


def test_a_named_window_tells_the_even_pace_at_once() -> None:
    # 100 a minute, less 5 %: 95 / 60.
    assert quota(sample(0.0, 99, 60.0, window_s=60.0)).even_per_s == 95 / 60


def test_an_unnamed_window_is_as_long_as_the_longest_reset() -> None:
    answers = [sample(0.0, 99, 30.0), sample(1.0, 98, 29.0), sample(2.0, 97, 28.0)]
    assert quota(*answers).window_s == 30.0


@pytest.mark.parametrize(("reset_s", "window_s"), [(0.0, 1.0), (9.05, 9.0), (9.2, 10.0)])
def test_a_window_has_whole_seconds_and_at_least_one(reset_s: float, window_s: float) -> None:
    assert quota(sample(0.0, 99, reset_s)).window_s == window_s


def test_a_window_is_not_as_short_as_what_was_left_of_the_first_one() -> None:
    early = quota(sample(0.0, 999, 10.0, limit=1000))
    early.observe(sample(10.2, 999, 60.0, limit=1000))
    assert early.window_s == 60.0
    assert early.rate_per_s(10.3, in_flight=0) == pytest.approx(950 / 60)


def counting_down(remaining: int, *, at: float) -> Quota:
    """A window of 60 s that ends at 60."""
    return quota(
        sample(0.1, 99, 60.0, window_s=60.0), sample(at, remaining, 60 - at, window_s=60.0)
    )


def test_what_is_left_is_spread_over_what_is_left_of_the_time() -> None:
    # 35 are left, less a headroom of 5, and 30 s: 1 a second.
    assert counting_down(35, at=30.0).rate_per_s(30.0, in_flight=0) == pytest.approx(1.0)


def test_for_two_seconds_of_a_window_the_pace_is_even() -> None:
    # 50 are left of the 100, so that by then it is 45 in 58 s.
    window = quota(sample(0.0, 50, 60.0, window_s=60.0))
    assert window.rate_per_s(1.9, in_flight=0) == pytest.approx(95 / 60)
    assert window.rate_per_s(2.0, in_flight=0) == pytest.approx(45 / 58)


def test_a_request_that_left_as_an_answer_came_is_later() -> None:
    window = [sample(0.0, 99, 60.0, window_s=60.0), sample(0.1, 50, 59.9, window_s=60.0)]
    assert quota(*window).remaining == 50


def test_a_window_that_turns_over_early_is_refilled_as_early() -> None:
    # The clocks differ: it was to end at 60.0, and the next one is heard of at 59.5.
    early = quota(sample(10.0, 99, 50.0, reset_at=60.0), sample(59.5, 99, 60.5, reset_at=120.0))
    assert early.refilled_at(100.0) == 119.5
    assert early.refilled_at(130.0) == 130.0


def test_of_what_is_on_its_way_half_may_have_been_counted_already() -> None:
    # 35 less 5, less 20 / 2 on their way: 20 in 30 s.
    assert counting_down(35, at=30.0).rate_per_s(30.0, in_flight=20) == pytest.approx(20 / 30)


def test_a_window_that_is_used_up_is_waited_for() -> None:
    # Less half of those in flight and the headroom, 5 of the 20 would be left.
    spent = counting_down(20, at=30.0)
    assert spent.rate_per_s(30.0, in_flight=20) == 0.0
    assert spent.refilled_at(30.0) == 60.0


def test_the_headroom_of_a_window_is_left_to_others() -> None:
    assert counting_down(5, at=30.0).rate_per_s(30.0, in_flight=0) == 0.0
    assert counting_down(6, at=30.0).rate_per_s(30.0, in_flight=0) == pytest.approx(1 / 30)


def test_at_the_end_that_was_told_the_even_pace_goes_on_though_no_answer_says_so_yet() -> None:
    spent = counting_down(0, at=30.0)
    assert spent.rate_per_s(59.9, in_flight=0) == 0.0
    assert spent.rate_per_s(60.0, in_flight=0) == 95 / 60


def test_late_news_of_a_window_that_is_over_does_not_use_up_the_next() -> None:
    turned = counting_down(50, at=30.0)
    turned.observe(sample(60.5, 99, 60.0, window_s=60.0))
    turned.observe(sample(60.6, 0, 0.0, window_s=60.0))  # left before the end, came after it
    assert turned.rate_per_s(60.7, in_flight=0) > 0


def test_a_reset_that_stays_as_far_away_is_a_sliding_window() -> None:
    sliding = quota(*(sample(at / 2, 99 - at, 60.0) for at in range(8)))
    assert sliding.kind is Kind.SLIDING
    assert sliding.rate_per_s(4.0, in_flight=0) == pytest.approx(95 / 60)


def test_a_reset_that_grows_with_what_is_taken_is_a_bucket() -> None:
    # 100 a minute: each request is made up for in 0.6 s.
    bucket = quota(*(sample(n / 5, 99 - n, math.ceil((n + 1) * 0.6), taken=n) for n in range(20)))
    assert bucket.kind is Kind.BUCKET


def test_a_refusal_does_not_make_a_bucket_of_a_sliding_window() -> None:
    full = [sample(n / 2, 30 - n, 60.0) for n in range(31)]
    refusals = [sample(15.5 + n, 0, 59.0 - n) for n in range(10)]
    assert quota(*full, *refusals).kind is Kind.SLIDING


def test_a_reset_that_jumps_by_a_second_is_still_that_of_one_window() -> None:
    told = [1000.0, 1001.0, 1000.0, 1001.0, 1000.0, 1001.0]
    window = quota(
        *(sample(float(n), 99 - n, end - 940 - n, reset_at=end) for n, end in enumerate(told))
    )
    assert window.kind is Kind.WINDOW


@pytest.mark.parametrize(
    "other",
    [
        sample(50.0, 150, 60.0, limit=200),
        sample(50.0, 50, 60.0, window_s=60.0),
        sample(50.0, 50, 60.0, reset_at=5000.0),
    ],
)
def test_another_limit_window_or_spelling_is_learnt_anew(other: Sample) -> None:
    sliding = quota(*(sample(at / 2, 99 - at, 60.0) for at in range(8)))
    sliding.observe(other)
    assert (sliding.kind, sliding.limit) == (Kind.WINDOW, other.budget.limit)


def test_others_who_use_a_sliding_window_up_slow_the_pace_down() -> None:
    # Below half of the headroom, 2 of 100, the pace falls with the rest, to a tenth at least.
    sliding = quota(*(sample(at / 2, 30 - at, 60.0) for at in range(31)))
    assert sliding.rate_per_s(16.0, in_flight=0) == pytest.approx(0.1 * 95 / 60)


@given(
    st.lists(
        st.builds(
            sample,
            st.floats(0, 1e5),
            st.integers(0, 10**15),
            st.floats(0, 1e7),
            limit=st.sampled_from([1, 2, 100, 10**15]),
            reset_at=st.none() | st.floats(1e9, 2e9),
            window_s=st.none() | st.floats(0.001, 1e7),
            taken=st.integers(0, 1000),
        ),
        min_size=1,
        max_size=30,
    ),
    st.floats(0, 1e6),
    st.integers(0, 1000),
)
def test_no_answer_in_whatever_order_makes_the_pace_anything_but_a_number(
    answers: list[Sample], now: float, in_flight: int
) -> None:
    made = quota(*answers)
    rate = made.rate_per_s(now, in_flight=in_flight)
    assert 0 <= rate < math.inf
    assert 0 < made.even_per_s < math.inf
    assert now <= made.refilled_at(now) < math.inf
    if rate == 0:  # then there is an end to wait for
        assert made.refilled_at(now) > now


@pytest.mark.parametrize(("answers", "kind"), [(3, Kind.WINDOW), (4, Kind.BUCKET)])
def test_four_answers_whose_order_is_certain_tell_a_bucket_that_stays_full(
    answers: int, kind: Kind
) -> None:
    # In the first second; the one after it has the decision made.
    full = [sample(0.2 * n, 99, 1.0, taken=n) for n in range(answers + 1)]
    assert quota(*full, sample(1.2, 99, 1.0, taken=9)).kind is kind
