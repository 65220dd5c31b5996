"""Sending all parts of a run of several workspaces."""

import pytest

from batch.jobs.whole import workers_of
from batch.settings.model import PaceSettings

DEFAULT = PaceSettings().concurrency


@pytest.mark.parametrize(
    ("concurrency", "parts", "expected"),
    [
        (DEFAULT, 1, (32, None)),  # as a run of its own
        (DEFAULT, 3, (16, None)),  # no more than half
        (DEFAULT, 100, (10, None)),  # a thousand in all
        (DEFAULT, 2000, (2, 1000)),
        (4, 20, (2, 4)),  # somebody said four
        (1, 20, (1, 1)),
        (200, 2, (100, None)),
        (200, 3, (100, 200)),
    ],
)
def test_workers_are_shared_out(
    concurrency: int, parts: int, expected: tuple[int, int | None]
) -> None:
    assert workers_of(concurrency, parts=parts) == expected
