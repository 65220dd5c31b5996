"""Refusals at random, which have nothing to do with the pace: alone and in whole worlds."""

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle

import pytest

from batch.sandbox.limits import Budget, Limiter
from batch.sandbox.telling import Spelling
from batch.sending.pace.evidence import ALONE_AFTER, MANY_ALONE, Evidence
from batch.sending.pace.pacer import Hold, Pacer
from tests.support.pace_world import World, make_pacer

ONE_IN = 300
NO_LIMIT = "bucket:1000000/1s"


def refusals_until_believed(
    evidence: Evidence, *, served_between: int, is_limit_known: bool = False
) -> int:
    for count in range(1, 50):
        if evidence.report_refusal(0.0, is_limit_known=is_limit_known):
            return count
        for _ in range(served_between):
            evidence.report_served()
    return 50


@pytest.mark.parametrize(
    ("served_between", "is_limit_known", "refusals"),
    [
        (0, False, 2),  # 1 + 1.5
        (20, False, 3),  # 1 - 0.2 + 1 - 0.2 + 1
        (49, False, 4),
        (0, True, 2),
        (59, True, 2),  # 1 - 0.59 + 1
        (61, True, 3),
    ],
)
def test_refusals_are_believed_the_sooner_the_closer_they_come(
    served_between: int, refusals: int, *, is_limit_known: bool
) -> None:
    found = refusals_until_believed(
        Evidence(), served_between=served_between, is_limit_known=is_limit_known
    )
    assert found == refusals


@pytest.mark.parametrize(("served_between", "refusals"), [((200, 210), 50), ((200, 205), 4)])
def test_rare_refusals_are_believed_only_if_they_come_as_regularly_as_a_limit(
    served_between: tuple[int, int], refusals: int
) -> None:
    evidence, found = Evidence(), 50
    for count, served in zip(range(1, 50), cycle(served_between)):
        if evidence.report_refusal(0.0, is_limit_known=False):
            found = count
            break
        for _ in range(served):
            evidence.report_served()
    assert found == refusals


def test_a_refusal_is_alone_once_a_hundred_are_served_after_it() -> None:
    evidence = Evidence()
    evidence.report_refusal(0.0, is_limit_known=False)
    told = [evidence.report_served() for _ in range(ALONE_AFTER + 5)]
    assert told.index(True) == ALONE_AFTER - 1
    assert sum(told) == 1


def test_where_many_have_come_alone_it_takes_more() -> None:
    # 1, then 1.5 more each: 2.5 with half of the 4 that came alone, 4.5.
    evidence = Evidence()
    evidence.alone = MANY_ALONE + 1
    assert refusals_until_believed(evidence, served_between=0) == 4


class NowAndThen:
    """A limiter in front of which one request in 300 is refused at random, whatever the pace."""

    def __init__(self, limiter: Limiter, *, seed: int, wait_s: float) -> None:
        self._limiter = limiter
        self._draw = random.Random(seed)  # noqa: S311 - the same at each run
        self._wait_s = wait_s
        self._last: Budget | None = None

    def take(self, now_s: float) -> Budget:
        if self._last is not None and self._draw.random() < 1 / ONE_IN:
            return replace(self._last, admitted=False, retry_after_s=self._wait_s)
        self._last = self._limiter.take(now_s)
        return self._last


class Noisy:
    """A world of 32 workers and 50 ms, and when its pacer was held back."""

    def __init__(self, limiter: str, *spellings: Spelling, seed: int, wait_s: float = 0.0) -> None:
        self.world = World(limiter, *spellings, latency=lambda: 0.05)
        self.world.limiter = NowAndThen(self.world.limiter, seed=seed, wait_s=wait_s)
        self.pacer = make_pacer()
        self._held: list[tuple[float, float]] = []
        self._watch(self.pacer)

    def pace(self, start: float, end: float) -> float:
        """Turns a second outside hold-backs."""
        held_s, until = 0.0, start
        for since, to in self._held:
            held_s += max(0.0, min(to, end) - max(since, until))
            until = max(until, min(to, end))
        return sum(start <= at < end for at in self.world.left) / (end - start - held_s)

    def _watch(self, pacer: Pacer) -> None:
        inner: Callable[..., Hold] = pacer.hold

        def hold(now: float, retry_after_s: float | None, why: str, *, sent_at: float) -> Hold:
            held = inner(now, retry_after_s, why, sent_at=sent_at)
            self._held.append((now, held.until))
            return held

        pacer.hold = hold  # type: ignore[method-assign,assignment]  # sees each


@pytest.mark.sampled(1)
@pytest.mark.parametrize("wait_s", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(1, 9))
def test_refusals_at_random_take_nothing_off_the_pace(seed: int, wait_s: float) -> None:
    spellings = (Spelling.RETRY_AFTER,) if wait_s else ()
    noisy = Noisy(NO_LIMIT, *spellings, seed=seed, wait_s=wait_s)
    noisy.world.run(noisy.pacer, 120)
    paces = [noisy.pace(start, start + 20) for start in range(0, 120, 20)]
    for n, later in enumerate(paces[3:], start=3):
        assert later >= 0.95 * max(paces[:n])
    assert paces[-1] > 600  # 32 workers and 50 ms allow no more than 640
    remembered = noisy.pacer.estimate(noisy.world.now).good_per_s
    assert remembered is not None
    assert remembered >= 0.9 * paces[-1]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("spelling", [Spelling.IETF, Spelling.X_UNIX, Spelling.RATELIMIT, None])
@pytest.mark.parametrize(("limit", "window_s"), [(50, 1), (100, 10)])
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_under_a_limit_refusals_at_random_leave_85_percent(
    kind: str, limit: int, window_s: int, spelling: Spelling | None, seed: int
) -> None:
    spellings = () if spelling is None else (spelling,)
    noisy = Noisy(f"{kind}:{limit}/{window_s}s", *spellings, seed=seed)
    noisy.world.run(noisy.pacer, window_s + 120)
    wanted = 0.95 * limit / window_s
    assert noisy.pace(window_s, window_s + 120) >= 0.85 * wanted
    remembered = noisy.pacer.estimate(noisy.world.now).good_per_s
    assert remembered is not None
    assert remembered >= 0.85 * wanted


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("seed", range(1, 13))
def test_a_wait_of_refusals_at_random_is_no_time_in_which_a_budget_fills(
    kind: str, seed: int
) -> None:
    noisy = Noisy(f"{kind}:100/10s", Spelling.RETRY_AFTER, seed=seed, wait_s=5.0)
    noisy.world.run(noisy.pacer, 130)
    assert noisy.pace(10, 130) >= 0.85 * 0.95 * 10


@pytest.mark.sampled(2)
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_wait_of_refusals_at_random_is_not_taken_for_a_window(kind: str, seed: int) -> None:
    noisy = Noisy(f"{kind}:50/1s", Spelling.RETRY_AFTER, seed=seed, wait_s=5.0)
    noisy.world.run(noisy.pacer, 121)
    assert noisy.pace(1, 121) >= 0.85 * 0.95 * 50


@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
def test_80_percent_of_an_untold_100_a_second_are_reached_within_6_seconds(kind: str) -> None:
    world, pacer = World(f"{kind}:100/1s", latency=lambda: 0.05), make_pacer()
    world.run(pacer, 120)
    first = next(at for at in range(6) if world.seen.between(at, at + 1)[0] >= 80)
    assert first < 6
    admitted, refused = world.seen.between(0, 120)
    assert refused <= 0.02 * (admitted + refused)
    assert world.seen.between(6, 120)[0] >= 0.85 * 95 * 114
