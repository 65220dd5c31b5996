"""When the next attempt may leave: an even spacing, and the hold-backs that the server asks for.

A pure state machine: the time comes in as an argument, in seconds of any monotonic clock, and
nothing here sleeps. The spacing is GCRA with a burst of one: a slot a turn, each `1 / rate`
after the one before, none saved up while idle. Slots are reserved ahead, so that the lateness
of a timer is not added up over the turns.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A reserved turn: leave at `at` (seconds), if the pacer still admits it then."""

    at: float
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold-back of every worker: until when (seconds), since when, and why, in words."""

    since: float
    until: float
    why: str


class Pacer:
    """Gives out turns; one for the whole job.

    rate_per_s: attempts a second.
    backoff_base_s, backoff_max_s: hold-backs where the server names no time: doubling from the
        base up to the cap while nothing is served, with full jitter.
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
        self._epoch = 0
        self._refusals = 0
        self._held_since: float | None = None
        self._hold: Hold | None = None

    @property
    def rate_per_s(self) -> float:
        """Attempts a second that are given out at present."""
        return self._rate_per_s

    def reserve(self, now: float) -> Slot:
        """Take the next free turn."""
        at = max(now, self._next_at)
        self._next_at = at + self._interval_s
        return Slot(at=at, epoch=self._epoch)

    def admits(self, slot: Slot) -> bool:
        """Whether the turn still stands; a hold-back since it was reserved takes it away."""
        return slot.epoch == self._epoch

    def hold(self, now: float, retry_after_s: float | None, why: str) -> Hold:
        """Hold every worker back, never shorter than asked, and say until when.

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
        self._epoch += 1
        self._next_at = until
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
