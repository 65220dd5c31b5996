import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.reset_units import LIKELY_S, OPEN_S, ResetUnits
from tests.support.sampling import examples


class Telling:
    """A server that tells resets of one budget, and what is made of them."""

    def __init__(self, *, limit: int = 100) -> None:
        self.now = 0.0
        self._limit = limit
        self._units = ResetUnits(clock=lambda: self.now)

    def told(self, reset: float, *, after_s: float = 0.2, rest: float = 50) -> float | None:
        self.now += after_s
        return self._units.per_s("x", reset, limit=self._limit, rest=rest)


def test_so_few_are_seconds_at_sight() -> None:
    assert Telling().told(LIKELY_S) == 1.0
    assert Telling().told(LIKELY_S + 1) is None


def test_what_falls_a_thousand_times_as_fast_as_time_is_milliseconds() -> None:
    server = Telling()
    told = [server.told(each) for each in (59_800, 59_610, 59_395, 59_200, 12, 60_000)]
    assert told == [None, None, 1000.0, 1000.0, 1000.0, 1000.0]


def test_what_falls_with_time_or_stays_for_some_seconds_is_seconds() -> None:
    server = Telling()
    told = [server.told(3600 - n // 5, rest=50 - n) for n in range(20)]
    assert set(told[:13]) == {None}
    assert set(told[14:]) == {1.0}


def test_a_round_number_that_stays_is_a_sliding_window_in_milliseconds() -> None:
    for reset, per_s in ((10_000, 1000.0), (3600, 1.0), (86_400, 1.0), (10_500, 1.0)):
        server = Telling()
        server.told(reset)
        assert server.told(reset, after_s=OPEN_S, rest=40) == per_s


def test_a_bucket_that_is_full_again_at_once_tells_milliseconds() -> None:
    server = Telling()
    told = [server.told(100, rest=99) for _ in range(15)]
    assert (told[0], told[-1]) == (None, 1000.0)
    server = Telling(limit=50)
    told = [server.told(20, rest=49) for _ in range(15)]
    assert (told[0], told[-1]) == (1.0, 1000.0)


def test_a_sliding_window_s_unit_is_found_also_while_it_refuses() -> None:
    server = Telling(limit=20)
    told = [server.told(2000, rest=20 - n) for n in range(10)]
    told += [server.told(2000 - 60 * n, after_s=0.5, rest=0) for n in (1, 12, 3)]
    assert told[-1] == 1000.0


def test_two_budgets_told_by_turns_are_no_milliseconds() -> None:
    server = Telling()
    told = [server.told(each) for each in (3600, 61, 3600, 61, 3600, 61) * 4]
    assert 1000.0 not in told


def test_seconds_that_prove_to_be_milliseconds_later_are_believed() -> None:
    server = Telling()
    for n in range(15):
        server.told(10_500, rest=20 - n)
    told = [server.told(60_000 - 200 * n) for n in range(8)]
    assert (told[0], told[-1]) == (1.0, 1000.0)


@pytest.mark.parametrize("per_s", [1, 1000])
@examples(200)
@given(
    window_s=st.sampled_from([300, 900, 3600]),
    began=st.floats(0, 0.8),
    gaps_s=st.lists(st.floats(0.05, 0.4), min_size=60, max_size=60),
)
def test_a_window_s_unit_is_found_whenever_one_comes(
    per_s: int, window_s: int, began: float, gaps_s: list[float]
) -> None:
    server, rest, told = Telling(limit=1000), 900, None
    for gap_s in gaps_s:
        rest -= 1
        reset = -(-(window_s * (1 - began) - server.now - gap_s) * per_s // 1)
        told = server.told(reset, after_s=gap_s, rest=rest)
    assert told == per_s
