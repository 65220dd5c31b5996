"""The automatic pace against servers that tell their limit in uncommon ways, in simulated time."""

import random

import pytest

from batch.sandbox.telling import Spelling, parse_spellings
from tests.support.header_worlds import WORLDS, HeaderWorld, Told
from tests.support.pace_world import World, make_pacer

HEADROOM = 0.05
SPAN_S = 120.0  # seconds after the first window in which the pace is judged
# Refusals that it may cost to find a limit of one request a second that nothing tells: three are
# on their way when the first comes, and of three minutes they are 2 %. A window of a minute whose
# end nothing tells is asked for five times and more. It is a price that is paid once.
MOST_TO_FIND = 18
SLOW_UNTOLD = [told for told in WORLDS if told.told is Told.NOT and told.window_s == 60]


def paced(told: HeaderWorld) -> tuple[float, int, int]:
    """The share of what may be sent after the first window; requests refused, and sent, in all."""
    world = World(
        told.limiter,
        *parse_spellings(told.headers),
        refusal=told.refusal,
        latency=lambda: 0.05,
        workers=32,
        began_s=0.37 * told.window_s,
    )
    # Of a long window a share that is a matter of luck would be seen.
    span_s = max(SPAN_S, told.window_s)
    world.run(make_pacer(), told.window_s + span_s)
    admitted, _ = world.seen.between(told.window_s, world.now)
    refused = world.seen.between(0, world.now)[1]
    may_be_sent = told.per_s * (1 - HEADROOM) * span_s
    return admitted / may_be_sent, refused, len(world.seen.arrived)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("told", WORLDS, ids=str)
def test_the_pace_is_found_however_a_server_tells_its_limit(told: HeaderWorld) -> None:
    share, refused, sent = paced(told)
    assert share >= told.told.least_share
    is_hard = told.told is Told.NOT and "/60s" in told.limiter
    assert refused <= max(MOST_TO_FIND if is_hard else 2, told.told.most_refused * sent)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("told", SLOW_UNTOLD, ids=str)
def test_what_finding_a_slow_limit_costs_is_less_than_2_percent_of_half_an_hour(
    told: HeaderWorld,
) -> None:
    world = World(
        told.limiter,
        *parse_spellings(told.headers),
        refusal=told.refusal,
        latency=lambda: 0.05,
        began_s=0.37 * told.window_s,
    )
    world.run(make_pacer(), 1800)
    assert world.seen.between(0, 1800)[1] <= 0.02 * len(world.seen.arrived)
    admitted, refused = world.seen.between(600, 1800)
    assert refused <= 0.01 * (admitted + refused)


@pytest.mark.parametrize("good_per_s", [None, 80.0])
@pytest.mark.parametrize("spelling", [Spelling.X_DELTA, Spelling.X_MS])
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
def test_an_hour_told_in_an_unknown_unit_is_not_spent_before_it_is_known(
    kind: str, spelling: Spelling, good_per_s: float | None
) -> None:
    world = World(f"{kind}:20/h", spelling, latency=lambda: 0.05, began_s=300)
    world.run(make_pacer(good_per_s=good_per_s), 120)
    assert world.seen.between(0, 120)[1] == 0


def test_of_two_windows_told_together_the_tighter_counts() -> None:
    for limiter in ("fixed:100/1s+fixed:300/60s", "fixed:300/60s+fixed:100/1s"):
        world = World(limiter, Spelling.X_DELTA)
        world.run(make_pacer(), 60)
        start = world.now
        world.run(make_pacer(), 120)
        admitted, refused = world.seen.between(start, world.now)
        assert refused == 0
        assert admitted == pytest.approx(0.95 * 600, rel=0.1)


@pytest.mark.parametrize("spelling", [Spelling.X_UNIX, Spelling.X_UNIX_FLOOR, Spelling.X_JS])
@pytest.mark.parametrize("limiter", ["fixed:20/2s", "sliding:20/2s"])
@pytest.mark.parametrize("part", [0.0, 0.6])
def test_two_seconds_told_in_whole_seconds_are_kept_however_they_are_rounded(
    part: float, limiter: str, spelling: Spelling
) -> None:
    """part: of a second, by which windows end after a whole one."""
    draw = random.Random(3)  # noqa: S311 - the same at each run
    world = World(
        limiter,
        spelling,
        latency=lambda: draw.uniform(0.02, 0.08),
        began_s=1.3,
        began_unix_s=1_790_000_000 + part,
    )
    world.run(make_pacer(), 62)
    admitted, refused = world.seen.between(0, world.now)
    assert refused <= 0.01 * (admitted + refused)
    assert world.seen.between(2, world.now)[0] >= 0.9 * 9.5 * 60
