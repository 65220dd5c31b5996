import math
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.headers import REMEMBERED_S, SLOWEST_S, ServerClock

NOON = 1_795_867_200.0  # at the server, when our clock says 0
OWN = 1_000.0  # what our own wall clock says


class Times:
    """A server and us: our rising clock, our wall clock, and how far the server's Date is off."""

    def __init__(self) -> None:
        self.now = 0.0
        self.own_unix_s = OWN
        self.server_ahead_s = NOON
        self.clock = ServerClock(clock=lambda: self.now, own_unix_s=lambda: self.own_unix_s)

    def answer(self, at: float, *, late_s: float = 0.0) -> None:
        """An answer comes; its Date was made late_s before."""
        self.now = at
        self.clock.observe(formatdate(math.floor(at - late_s + self.server_ahead_s), usegmt=True))

    def behind_s(self, at: float) -> float:
        """How far the server's time as we know it is behind the real one."""
        self.now = at
        return at + self.server_ahead_s - self.clock.now_s()


@pytest.fixture
def times() -> Times:
    return Times()


def test_our_own_time_stands_in_until_the_server_tells_its_own(times: Times) -> None:
    assert times.clock.now_s() == OWN
    times.answer(7)
    assert times.clock.now_s() == NOON + 7


@pytest.mark.parametrize("skew_s", [-3600.0, -2.0, 0.0, 2.0, 3600.0])
def test_a_server_whose_clock_is_skewed_is_measured_by_its_own_time(skew_s: float) -> None:
    times = Times()
    times.own_unix_s = NOON
    times.server_ahead_s = NOON + skew_s
    times.answer(0)
    assert times.behind_s(30) == 0


def test_a_date_names_whole_seconds_and_the_truest_of_several_counts(times: Times) -> None:
    times.answer(0.9)
    assert times.behind_s(0.9) == pytest.approx(0.9)
    times.answer(1.3)
    assert times.behind_s(1.3) == pytest.approx(0.3)
    times.answer(2.1)
    assert times.behind_s(2.1) == pytest.approx(0.1)
    times.answer(3.6)  # says less than is known
    assert times.behind_s(3.6) == pytest.approx(0.1)


def test_the_same_second_heard_again_changes_nothing(times: Times) -> None:
    times.answer(0.1)
    times.answer(0.95)
    assert times.behind_s(0.95) == pytest.approx(0.1)


def test_a_date_that_is_made_once_a_second_and_one_that_came_late_do_no_harm(
    times: Times,
) -> None:
    times.answer(1.0)
    times.answer(2.9, late_s=1.0)
    times.answer(4.0, late_s=SLOWEST_S - 0.5)
    assert times.behind_s(5.0) == pytest.approx(0.0)


@given(
    st.lists(st.tuples(st.floats(0, 3.0), st.floats(0, 2.0)), min_size=1, max_size=40),
    st.floats(-1e6, 1e6),
)
def test_what_is_known_is_never_ahead_of_the_server_and_at_most_its_latest_date_behind(
    answers: list[tuple[float, float]], skew_s: float
) -> None:
    times, at = Times(), 0.0
    times.server_ahead_s += skew_s
    for gap_s, late_s in answers:
        at += gap_s
        times.answer(at, late_s=late_s)
        assert -1e-6 <= times.behind_s(at) <= 1.0 + late_s + 1e-6


def test_a_wall_clock_of_ours_that_jumps_changes_nothing_once_the_server_told_its_time(
    times: Times,
) -> None:
    times.answer(0)
    times.own_unix_s += 86_400
    assert times.behind_s(10) == 0


def test_a_server_whose_clock_is_set_ahead_is_followed_at_once(times: Times) -> None:
    times.answer(0)
    times.server_ahead_s += 100
    times.answer(1)
    assert times.behind_s(1) == 0


def test_a_server_whose_clock_is_set_far_back_is_followed_at_once(times: Times) -> None:
    times.answer(0)
    times.server_ahead_s -= SLOWEST_S + 1
    times.answer(1)
    assert times.behind_s(1) == 0


def test_one_answer_with_a_wrong_date_is_made_good_by_the_next(times: Times) -> None:
    times.answer(0)
    times.now = 1
    times.clock.observe("Fri, 31 Dec 9999 23:59:59 GMT")
    assert times.behind_s(1) < -1e9
    times.answer(2)
    assert times.behind_s(2) == 0


def test_a_clock_set_back_a_little_is_believed_once_what_was_known_is_forgotten(
    times: Times,
) -> None:
    times.answer(0)
    times.server_ahead_s -= 3
    for at in (1.0, REMEMBERED_S, 2 * REMEMBERED_S - 1):
        times.answer(at)
        assert times.behind_s(at) == -3
    times.answer(2 * REMEMBERED_S)
    assert times.behind_s(2 * REMEMBERED_S) == 0


def test_a_time_that_was_told_too_long_ago_no_longer_counts(times: Times) -> None:
    times.answer(0)
    assert times.behind_s(2 * REMEMBERED_S - 0.001) == 0
    times.now = 2 * REMEMBERED_S
    assert times.clock.now_s() == OWN


def test_a_date_that_never_changes_no_longer_counts(times: Times) -> None:
    for at in range(0, 200, 10):
        times.now = float(at)
        times.clock.observe("Sat, 28 Nov 2026 12:00:00 GMT")
    assert times.clock.now_s() == OWN


@pytest.mark.parametrize(
    "date",
    ["", "soon", "0", "Sat, 28 Nov 2026", "Sat, 28 Nov 99999 12:00:00 GMT", "Date", "\udcff", "é"],
)
def test_a_date_that_cannot_be_read_is_none(date: str, times: Times) -> None:
    times.clock.observe(date)
    assert times.clock.now_s() == OWN
    times.answer(1)
    times.clock.observe(date)
    assert times.behind_s(2) == 0


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows sets no time zone for one process")
@pytest.mark.usefixtures("tokyo")
@pytest.mark.parametrize(
    "date",
    [
        "Sat, 28 Nov 2026 12:00:00 GMT",
        "Saturday, 28-Nov-26 12:00:00 GMT",
        "Sat Nov 28 12:00:00 2026",
        "Sat, 28 Nov 2026 12:00:00 -0000",
        "Sat, 28 Nov 2026 14:00:00 +0200",
    ],
)
def test_every_form_of_a_date_is_read_wherever_this_machine_is(date: str, times: Times) -> None:
    times.clock.observe(date)
    assert times.clock.now_s() == NOON


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_a_date_says_raises_nothing(date: str) -> None:
    times = Times()
    times.clock.observe(date)
    assert isinstance(times.clock.now_s(), float)
