"""How the workers of a run of several workspaces are shared out."""

import pytest

from batch.jobs.known_pace import KnownPace, workers_of
from batch.settings.model import PaceSettings, Settings
from batch.settings.values import Rate

DEFAULT = PaceSettings().concurrency


@pytest.mark.parametrize(
    ("concurrency", "needed", "expected", "limit"),
    [
        (DEFAULT, [0], [32], None),  # as a run of its own
        (DEFAULT, [0, 0, 0], [16, 16, 16], None),  # no more than half
        (DEFAULT, [0, 27, 5000], [16, 27, 500], None),  # a slow one gets what it needs
        (DEFAULT, [0] * 100, [10] * 100, None),  # a thousand in all
        (DEFAULT, [30] * 100, [30] * 100, 1000),
        (DEFAULT, [0] * 2000, [2] * 2000, 1000),
        (4, [0] * 20, [2] * 20, 4),  # somebody said four
        (1, [50] * 20, [1] * 20, 1),
        (200, [0, 0], [100, 100], None),
        (200, [0, 0, 0], [100] * 3, 200),
    ],
)
def test_workers_are_shared_out(
    concurrency: int, needed: list[int], expected: list[int], limit: int | None
) -> None:
    assert workers_of(concurrency, needed=needed) == (expected, limit)


def test_a_slow_workspace_needs_more_workers() -> None:
    settings = Settings(pace=PaceSettings(rate=Rate(per_s=5.0)))
    assert KnownPace(latency_s=5.0).workers(settings) == 27
    assert KnownPace(latency_s=0.05).workers(settings) == 3
    assert KnownPace().workers(settings) == 0
