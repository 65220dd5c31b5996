"""How fast a bucket is refilled, where the server names neither its pace nor its window.

Pure. While the bucket is not full, what was taken plus what the rest rose by is what came in: that
tells the refill to one request in as many as were sent meanwhile. So the bucket is kept a little
below full until enough were sent, then what was learnt is kept to. A bucket that stays full at
the fastest pace that its limit can mean needs no more learning.
"""

from dataclasses import dataclass

from batch.sending.pace.sample import ROUNDING_S, Sample

LEARNT_AFTER = 200  # requests that tell the refill to within 1 %
LEARN_AGAIN_AFTER = 3000  # requests: others may have begun or ceased to use the budget
GUESSED_AFTER = 4  # requests that tell anything at all
LEAST_SHARE = 0.1  # of what the answers say comes in, even if others take it all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    at: float
    taken: int
    rest: int


def _point(sample: Sample) -> _Point:
    return _Point(at=sample.at, taken=sample.taken, rest=sample.budget.remaining)


def _full_in_s(sample: Sample) -> float:
    return max(ROUNDING_S, sample.budget.reset_s)


class Refill:
    """One bucket. Times in seconds of a monotonic clock.

    most_per_s: what is refilled in a second at most.
    """

    def __init__(self, sample: Sample, *, most_per_s: float) -> None:
        self._first = self._last = _point(sample)
        self._most = sample.budget.remaining  # the rest of a bucket that is as good as full
        self._most_per_s = most_per_s
        self._per_s: float | None = None
        self._full_in_s = _full_in_s(sample)
        self._overtaken_s = 0.0
        self._measured = GUESSED_AFTER  # requests that told so
        self._full_from = self._first  # since then it has been full again and again
        self._learnt_at: int | None = None  # how many were taken by then

    def observe(self, sample: Sample, *, overtaken_s: float = 0.0) -> None:
        """Learn from one more answer, of a request that the server took after the last one.

        overtaken_s: how much earlier than others a request may have left whose answer comes later.
        """
        self._overtaken_s = overtaken_s
        self._full_in_s = _full_in_s(sample)
        self._last = last = _point(sample)
        if self._learnt_at is not None:
            if self._used > 3 * self._level or last.taken - self._learnt_at > LEARN_AGAIN_AFTER:
                self._learnt_at = None
                self._first = self._full_from = last
        elif last.rest >= self._most:
            self._is_full(last)
        else:
            self._measure(last)
        self._most = max(self._most, last.rest)

    def suppose(self) -> None:
        """Before anything is measured: what is missing will be there when the answers say so."""
        self._per_s = min(self._used / self._full_in_s, self._most_per_s)

    def rate_per_s(self, *, share: float) -> float:
        """Requests a second: that share of the refill, once it is known; about all of it before."""
        if self._per_s is None:
            return self._most_per_s * share
        if self._learnt_at is not None:
            return self._per_s * share
        if self._used > 2 * self._level:
            return 0.7 * self._per_s
        wanted = self._per_s * (0.9 if self._used > self._level else 1.1)
        return min(wanted, self._most_per_s * share)

    @property
    def _used(self) -> int:
        """What is missing until the bucket is full."""
        return self._most + 1 - self._last.rest

    @property
    def _level(self) -> float:
        """How much is to be missing while the refill is learnt."""
        size = self._most + 1
        return min(10.0, max(3.0, 0.03 * size), 0.25 * size)

    def _is_full(self, last: _Point) -> None:
        """More may have come in than there was room for, so that nothing can be added up."""
        if self._most < last.rest and self._first.taken < last.taken:
            self._measure(last)  # how much fits in was not known
            return
        self._first = last
        if self._per_s is None:
            return
        # No less came in than was taken meanwhile; perhaps more, by as little as is unknown.
        self._per_s *= 1 + 1 / max(self._measured, GUESSED_AFTER)
        self._per_s = min(self._most_per_s, max(self._per_s, self._taken_per_s(last)))

    def _taken_per_s(self, last: _Point) -> float:
        """What was taken in a second while it was full again each time."""
        taken, elapsed_s = last.taken - self._full_from.taken, last.at - self._full_from.at
        return taken / elapsed_s if taken >= GUESSED_AFTER and elapsed_s > 0 else 0.0

    def _measure(self, last: _Point) -> None:
        taken, elapsed_s = last.taken - self._first.taken, last.at - self._first.at
        if elapsed_s <= 0 or taken < GUESSED_AFTER:
            return
        # Parts of a request don't show in the rest: what came in may be one more, or one less. And
        # the server may have taken others first, by half of what they overtake on both ways.
        may_be = 1 + self._overtaken_s / 2 * taken / elapsed_s
        came_in = taken + last.rest - self._first.rest
        per_s = self._taken_per_s(self._first) if self._per_s is None else self._per_s
        per_s = min(max(per_s, (came_in - may_be) / elapsed_s), (came_in + may_be) / elapsed_s)
        self._measured = taken
        if taken >= LEARNT_AFTER * may_be:
            per_s = came_in / elapsed_s
            self._learnt_at = last.taken
        self._per_s = max(per_s, LEAST_SHARE * max(1, self._used) / self._full_in_s)
