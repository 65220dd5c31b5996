"""When the next attempt may leave: an even spacing, and the hold-backs that the server asks for.

A pure state machine: the time comes in as an argument, in seconds of any monotonic clock, and
nothing here sleeps. The spacing is GCRA with a burst of one: a turn each `1 / rate`, none saved
up while idle. Who takes the next turn is the gate's business.
"""

from collections.abc import Callable
from dataclasses import dataclass

# A timer that fires late must not slow the pace down: so much may be caught up, and no more.
LATENESS_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold-back of everybody: until when (seconds), since when, and why, in words."""

    since: float
    until: float
    why: str


class Pacer:
    """Gives out turns; one for the whole job.

    rate_per_s: attempts a second.
    backoff_base_s, backoff_max_s: hold-backs where the server names no time: doubling from the
        base up to the cap while nothing is served, with jitter over their upper half.
    draw: uniform in [0, 1).
    """

    def __init__(
        self,
        rate_per_s: float,
        *,
        backoff_base_s: float,
        backoff_max_s: float,
        draw: Callable[[], float],
    ) -> None:
        self._rate_per_s = rate_per_s
        self._interval_s = 1.0 / rate_per_s
        self._backoff_base_s = backoff_base_s
        self._backoff_max_s = backoff_max_s
        self._draw = draw
        self._next_at = float("-inf")
        self._refusals = 0
        self._held_since: float | None = None
        self._hold: Hold | None = None

    @property
    def rate_per_s(self) -> float:
        """Attempts a second that are given out at present."""
        return self._rate_per_s

    def wait_s(self, now: float) -> float:
        """Seconds until the next turn; 0 if it has come."""
        hold = self.current_hold(now)
        due = max(self._next_at, hold.until) if hold else self._next_at
        return max(0.0, due - now)

    def leave(self, now: float) -> None:
        """Take the turn that has come: the next one is a spacing later."""
        is_on_time = now - self._next_at <= LATENESS_S
        self._next_at = (self._next_at if is_on_time else now) + self._interval_s

    def hold(self, now: float, retry_after_s: float | None, why: str) -> Hold:
        """Hold everybody back, never shorter than asked, and say until when.

        retry_after_s: seconds that the server asked for; None if it named no time.
        """
        current = self.current_hold(now)
        if retry_after_s is None:
            retry_after_s = 0.0 if current else self._own_hold_s()
        if self._held_since is None:
            self._held_since = now
        until = now + retry_after_s
        if current and until <= current.until:
            return current
        self._hold = Hold(since=self._held_since, until=until, why=why)
        return self._hold

    def served(self) -> None:
        """The server served a request: hold-backs begin anew from the shortest."""
        self._refusals = 0
        self._held_since = None

    def current_hold(self, now: float) -> Hold | None:
        """The hold-back that is in force, if any."""
        if self._hold is None or now >= self._hold.until:
            return None
        return self._hold

    def _own_hold_s(self) -> float:
        ceiling = min(self._backoff_max_s, self._backoff_base_s * 2.0 ** min(self._refusals, 60))
        self._refusals += 1
        # Half of it is certain: a hold-back of nearly nothing would only earn the next refusal.
        return ceiling * (0.5 + 0.5 * self._draw())
