"""Find out whether a server tells the time to a reset in seconds or in milliseconds.

Nothing in an answer says it, but how the number moves does: one in milliseconds falls a thousand
times as fast. The clock comes in as an argument.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

SURELY_S = 10.0  # so little is taken for seconds: no window is that short in milliseconds
LIKELY_S = 60.0  # so little is taken for seconds until milliseconds are shown
OPEN_S = 2.5  # seconds until whole seconds have certainly moved, if they are going to
# How a number that falls in milliseconds may differ from a thousand times what passed between two
# answers: latencies differ, and answers come out of order.
FALLS_FROM, FALLS_BY = 0.3, 3.0
LEAST_FALL = 20.0
FALLS = 2  # in a row, that tell milliseconds; more once seconds were concluded
FALLS_LATER = 5
REFILLED = 20.0  # times as fast as the reset says, in seconds, can't be


@dataclass(slots=True, kw_only=True)
class _Told:
    """What was told of one budget. per_s: how many of its units a second has; None: not known."""

    began_at: float
    first: float
    first_rest: float
    at: float
    last: float
    most: float = 0.0
    answers: int = 1
    falls: int = 0
    per_s: float | None = None


class ResetUnits:
    """One for all budgets of a server. clock: seconds that only rise."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, _Told] = {}

    def per_s(self, name: str, reset: float, *, limit: float, rest: float) -> float | None:
        """How many units of this budget's reset a second has: 1 or 1000; None while it is open.

        name: the budget's. reset: as told. limit, rest: what the budget allows, and what remains.
        """
        now = self._clock()
        told = self._told.get(name)
        if told is None:
            if reset <= SURELY_S:
                return 1.0
            self._told[name] = _Told(
                began_at=now, first=reset, first_rest=rest, at=now, last=reset, most=reset
            )
            return 1.0 if reset <= LIKELY_S else None
        told.answers += 1
        if told.per_s != 1000.0:
            self._look(told, now, reset, limit=limit, rest=rest)
        told.at, told.last, told.most = now, reset, max(told.most, reset)
        is_taken = told.per_s is None and told.first <= LIKELY_S
        return 1.0 if is_taken else told.per_s

    def _look(self, told: _Told, now: float, reset: float, *, limit: float, rest: float) -> None:
        """See what one more answer shows."""
        fell, thousand = told.last - reset, 1000 * (now - told.at)
        is_fall = fell >= LEAST_FALL and FALLS_FROM * thousand <= fell <= FALLS_BY * thousand
        told.falls = told.falls + 1 if is_fall else 0
        if told.falls >= (FALLS if told.per_s is None else FALLS_LATER):
            told.per_s = 1000.0
        elif told.per_s is None and now - told.began_at >= OPEN_S:
            # A sliding window's reset stays where it is, in round numbers, or comes nearer while
            # requests are refused.
            fell = told.most - reset
            is_still = fell == 0 or fell > LEAST_FALL + 2 * (now - told.began_at)
            is_round = is_still and told.most % 1000 == 0
            came_in = told.answers - 1 + rest - told.first_rest
            # At this pace it would be full again, were it seconds.
            refill_per_s = max(1.0, limit - rest) / reset
            is_refilled = came_in / (now - told.began_at) > REFILLED * refill_per_s
            told.per_s = 1000.0 if is_round or is_refilled else 1.0
