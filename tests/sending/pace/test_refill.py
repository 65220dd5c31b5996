"""A bucket whose refill is not told: what was taken plus what the rest rose by is what came in."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Budget
from batch.sending.pace.refill import MEASURE_AGAIN_AFTER, MEASURED_AFTER, Refill
from batch.sending.pace.sample import Sample


def sample(at: float, taken: int, rest: int, *, full_in_s: float = 1.0) -> Sample:
    budget = Budget(name="x", limit=100, remaining=rest, reset_s=full_in_s)
    return Sample(budget=budget, sent_at=at - 0.01, at=at, taken=taken)


def emptied(per_s: float, sent_per_s: float, requests: int, *, size: int = 100) -> Iterator[Sample]:
    """The answers of a bucket that is sent to evenly."""
    rest = float(size)
    for n in range(requests):
        rest = min(size, rest + per_s / sent_per_s) - 1
        yield sample(
            n / sent_per_s, n, math.floor(rest), full_in_s=math.ceil((size - rest) / per_s)
        )


def learnt(answers: Iterator[Sample], *, most_per_s: float = 100.0) -> Refill:
    refill = Refill(next(answers), most_per_s=most_per_s)
    for answer in answers:
        refill.observe(answer)
    return refill


def test_before_anything_is_known_the_limit_is_for_a_second() -> None:
    assert Refill(sample(0.0, 0, 99), most_per_s=100.0).rate_per_s(share=0.95) == 95.0


def test_what_came_in_is_what_was_taken_and_what_the_rest_rose_by() -> None:
    # 40 were taken in 10 s, the rest fell by 20: 20 came in, or a request less, 1.9 a second.
    refill = Refill(sample(0.0, 0, 99), most_per_s=100.0)
    refill.observe(sample(10.0, 40, 79, full_in_s=10.0))
    # More is missing than is needed to learn: 0.7 of it.
    assert refill.rate_per_s(share=0.95) == pytest.approx(0.7 * 1.9)


def test_what_the_reset_says_is_supposed_before_anything_is_measured() -> None:
    refill = Refill(sample(0.0, 0, 99), most_per_s=100.0)
    refill.observe(sample(0.1, 1, 98, full_in_s=20.0))  # 2 are missing, for 20 s
    refill.suppose()
    assert refill.rate_per_s(share=0.95) == pytest.approx(1.1 * 0.1)


def test_after_200_requests_the_refill_is_known_and_the_headroom_left() -> None:
    refill = learnt(emptied(10.0, 10.2, MEASURED_AFTER + 20))
    assert refill.rate_per_s(share=0.95) == pytest.approx(9.5, rel=0.02)


def test_after_3000_more_it_is_learnt_again() -> None:
    refill = learnt(emptied(10.0, 10.2, MEASURED_AFTER + 20))
    before = refill.rate_per_s(share=0.95)
    refill.observe(sample(400.0, MEASURED_AFTER + 20 + MEASURE_AGAIN_AFTER, 99))
    assert refill.rate_per_s(share=0.95) > before  # a little faster, so that it is not full


def test_a_bucket_that_stays_full_shows_what_was_taken_at_least() -> None:
    refill = learnt(sample(n / 20, n, 99) for n in range(100))
    refill.suppose()
    refill.observe(sample(5.0, 100, 99))
    assert refill.rate_per_s(share=0.95) >= 20


def test_others_who_take_all_that_comes_in_leave_a_tenth_of_it() -> None:
    refill = Refill(sample(0.0, 0, 99), most_per_s=100.0)
    for n in range(1, 9):
        refill.observe(sample(float(n), n, 99 - 12 * n, full_in_s=12.0 * n + 1))
    assert refill.rate_per_s(share=0.95) == pytest.approx(0.7 * 0.1, rel=0.05)


def test_answers_that_overtake_others_must_be_more_to_tell_anything() -> None:
    # At 10 a second half of 2 s are 10 requests, so 11 times as many are wanted.
    slow = Refill(sample(0.0, 0, 99), most_per_s=100.0)
    quick = Refill(sample(0.0, 0, 99), most_per_s=100.0)
    for n in range(1, MEASURED_AFTER + 50):
        slow.observe(sample(n / 10, n, 95), overtaken_s=2.0)
        quick.observe(sample(n / 10, n, 95))
    assert quick.rate_per_s(share=0.5) == pytest.approx(5.0, rel=0.05)
    assert slow.rate_per_s(share=0.5) > 7


@given(
    st.lists(
        st.builds(
            sample,
            st.floats(0, 1e6),
            st.integers(0, 10**6),
            st.integers(0, 10**15),
            full_in_s=st.floats(0, 1e7),
        ),
        min_size=1,
        max_size=40,
    ),
    st.floats(0, 1000),
)
def test_the_rate_is_always_more_than_nothing(answers: list[Sample], overtaken_s: float) -> None:
    refill = Refill(answers[0], most_per_s=100.0)
    for n, answer in enumerate(answers[1:]):
        refill.observe(answer, overtaken_s=overtaken_s)
        if n == len(answers) // 2:
            refill.suppose()
        assert 0 < refill.rate_per_s(share=0.95) < math.inf
