"""What is tried every day, and what only as a proof.

Of the cases of a test that is marked `sampled(n)`, n are tried every day, drawn by a seed of the
day that pytest prints; the others are slow. Of Hypothesis' examples it is a quarter; with
`--hypothesis-profile=proof` it is all of them.
"""

import os
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import Phase, settings

SEED = "TESTS_SEED"  # the environment variable: to draw again what was drawn another day
DAILY_EXAMPLES, ALL_EXAMPLES = 25, 100


def register_profiles() -> None:
    """Let Hypothesis try few examples, unless told on the command line to try all."""
    # A first example loads what it uses, and the machine may be busy: neither is a fault.
    settings.register_profile("everyday", deadline=None, max_examples=DAILY_EXAMPLES)
    settings.register_profile("proof", deadline=None, max_examples=ALL_EXAMPLES)
    # Of a broken build it is enough to know that it fails; the smallest example takes long.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "broken", deadline=None, max_examples=ALL_EXAMPLES, phases=phases, database=None
    )
    settings.load_profile("everyday")


def examples(count: int) -> settings:
    """As many examples as a proof, a quarter of them every day."""
    share = settings().max_examples / ALL_EXAMPLES
    return settings(max_examples=round(count * share))


def seed_of_the_day() -> str:
    """The seed; this process's children draw by the same."""
    return os.environ.setdefault(SEED, f"{datetime.now(UTC):%Y-%m-%d}")


def leave_to_the_proofs(items: Sequence[pytest.Item]) -> None:
    """Mark all but a sample of each sampled test's cases as slow."""
    cases: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("sampled"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for name, all_of_them in cases.items():
        marker = all_of_them[0].get_closest_marker("sampled")
        assert marker
        draw = random.Random(f"{seed_of_the_day()} {name}")  # noqa: S311 - to be drawn again
        drawn = draw.sample(all_of_them, min(marker.args[0], len(all_of_them)))
        for item in all_of_them:
            if item not in drawn:
                item.add_marker("slow")


def longest_proofs_first(items: list[pytest.Item]) -> None:
    """Put slow tests in the order of their time-outs, so that no worker is left with a long one."""

    def allowed_s(item: pytest.Item) -> float:
        timeout = item.get_closest_marker("timeout")
        return float(timeout.args[0]) if timeout and item.get_closest_marker("slow") else 0.0

    items.sort(key=allowed_s, reverse=True)
