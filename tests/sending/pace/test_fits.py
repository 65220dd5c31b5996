"""What remains of a budget is spread over its window only where it does not fit."""

from math import inf

import pytest

from batch.jobs.known_pace import LONGEST_SPREAD_S
from batch.sandbox.telling import Spelling
from batch.sending.pace.pacer import Pacer
from tests.support.pace_world import World, make_pacer

DAY_S = 86_400
ANSWERED_S = 0.05
TOLD = {
    "ietf": (Spelling.IETF,),
    "ratelimit": (Spelling.RATELIMIT,),
    "x-unix": (Spelling.X_UNIX,),
    "x-iso": (Spelling.X_ISO,),
}


class Job:
    """So many requests, in front of a server whose window has half gone by."""

    def __init__(
        self, limiter: str, *spellings: Spelling, requests: int, pacer: Pacer, spread_s: float = inf
    ) -> None:
        self.requests = requests
        self.world = World(limiter, *spellings, latency=lambda: ANSWERED_S, began_s=DAY_S / 2)
        self.pacer = pacer
        pacer.expect(self.to_come, spread_s=spread_s)

    def to_come(self) -> int:
        """Requests without an answer; never none, for the world goes on sending."""
        return max(1, self.requests - len(self.world.seen.arrived))

    def arrived_after(self, seconds: float) -> int:
        """Requests of the job that have come to the server by then."""
        self.world.run(self.pacer, seconds - self.world.now)
        return min(self.requests, len(self.world.seen.arrived))


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("spelling", TOLD)
def test_what_fits_is_not_stretched_over_a_day(kind: str, spelling: str) -> None:
    job = Job(f"{kind}:300/d", *TOLD[spelling], requests=40, pacer=make_pacer())
    assert job.arrived_after(10) == 40
    assert all(job.world.seen.admitted[:40])


def test_the_pace_that_fits_begins_at_the_remembered_one() -> None:
    job = Job("fixed:300/d", Spelling.IETF, requests=40, pacer=make_pacer(good_per_s=40))
    assert job.arrived_after(1.5) == 40


def test_a_remembered_even_pace_of_a_day_does_not_slow_what_fits() -> None:
    pacer = make_pacer(good_per_s=300 / DAY_S)
    job = Job("fixed:300/d", Spelling.X_UNIX, requests=40, pacer=pacer)
    assert job.arrived_after(10) == 40


def test_a_set_rate_holds_where_the_budget_does_not_slow() -> None:
    job = Job("fixed:300/d", Spelling.IETF, requests=40, pacer=make_pacer(2.0))
    assert 19 <= job.arrived_after(10) <= 21


def test_a_short_window_slows_what_a_long_one_covers() -> None:
    limiter = "fixed:60/min+fixed:1000/h"
    job = Job(limiter, Spelling.IETF, requests=500, pacer=make_pacer())
    job.world.run(job.pacer, 360)
    assert job.world.seen.between(60, 360)[0] == pytest.approx(5 * 57, rel=0.1)
    assert job.world.seen.between(0, 360)[1] == 0


def test_what_does_not_fit_is_spread_by_who_waits() -> None:
    job = Job("fixed:300/d", Spelling.IETF, requests=700, pacer=make_pacer())
    assert 10 <= job.arrived_after(3600) <= 30  # 285 in half a day: 24 an hour
    assert job.pacer.spent_s(job.world.now) == 0


def test_what_does_not_fit_is_sent_at_once_where_nobody_waits() -> None:
    pacer = make_pacer()
    job = Job("fixed:300/d", Spelling.IETF, requests=700, pacer=pacer, spread_s=3600)
    assert job.arrived_after(60) == 285  # the headroom is left
    assert job.world.seen.between(0, 60)[1] == 0
    assert pacer.spent_s(job.world.now) == pytest.approx(DAY_S / 2 - 60, abs=2)


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
@pytest.mark.parametrize("spelling", ["ietf", "x-unix", "x-iso"])
def test_an_hour_is_spread_however_it_is_told(kind: str, spelling: str) -> None:
    """A reset that is rounded up, or a clock that differs, makes an hour look longer."""
    pacer = make_pacer()
    job = Job(f"{kind}:40/h", *TOLD[spelling], requests=60, pacer=pacer, spread_s=LONGEST_SPREAD_S)
    assert job.arrived_after(60) <= 6
    assert pacer.spent_s(job.world.now) == 0


def test_what_is_left_of_a_run_is_sent_as_soon_as_it_fits() -> None:
    job = Job("fixed:300/h", Spelling.IETF, requests=400, pacer=make_pacer())
    # 285 in the first hour; the rest fits into the second, and needs no hour.
    assert job.arrived_after(3590) == pytest.approx(285, abs=3)
    assert job.arrived_after(3700) == 400
