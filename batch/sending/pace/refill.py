"""How fast a bucket is refilled, if the server names neither its pace nor its window.

Pure. While the bucket is not full, requests sent plus the rise of what remains is the refill, to
one request in as many as were sent. So the bucket is kept a little below full until enough were
sent; then the measured refill is used. A bucket that stays full at the fastest pace that its limit
can mean needs no measuring.
"""

from dataclasses import dataclass

from batch.sending.pace.sample import ROUNDING_S, Sample

MEASURED_AFTER = 200  # requests that tell the refill to within 1 %
MEASURE_AGAIN_AFTER = 3000  # requests: others may have begun or ceased to use the budget
GUESSED_AFTER = 4  # requests; fewer tell nothing
LEAST_SHARE = 0.1  # of the refill that resets imply, even if others take it all


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
    """One bucket. most_per_s: requests a second that are refilled at most."""

    def __init__(self, sample: Sample, *, most_per_s: float) -> None:
        self._first = self._last = _point(sample)
        self._most = sample.budget.remaining  # in a bucket that is as good as full
        self._most_per_s = most_per_s
        self._per_s: float | None = None
        self._full_in_s = _full_in_s(sample)
        self._overtaken_s = 0.0
        self._measured = GUESSED_AFTER  # requests in that measure
        self._full_from = self._first  # since when it has been full again and again
        self._measured_at: int | None = None  # requests taken by then

    def observe(self, sample: Sample, *, overtaken_s: float = 0.0) -> None:
        """Learn from one more answer, to a request that the server took after the last one.

        overtaken_s: a request may have left so much earlier than others that were answered before.
        """
        self._overtaken_s = overtaken_s
        self._full_in_s = _full_in_s(sample)
        self._last = last = _point(sample)
        if self._measured_at is not None:
            if (
                self._deficit > 3 * self._target
                or last.taken - self._measured_at > MEASURE_AGAIN_AFTER
            ):
                self._measured_at = None
                self._first = self._full_from = last
        elif last.rest >= self._most:
            self._is_full(last)
        else:
            self._measure(last)
        self._most = max(self._most, last.rest)

    def suppose(self) -> None:
        """Guess the refill before anything is measured: the bucket is full at its reset."""
        self._per_s = min(self._deficit / self._full_in_s, self._most_per_s)

    def rate_per_s(self, *, share: float) -> float:
        """Requests a second: this share of the refill, once measured; about all of it before."""
        if self._per_s is None:
            return self._most_per_s * share
        if self._measured_at is not None:
            return self._per_s * share
        if self._deficit > 2 * self._target:
            return 0.7 * self._per_s
        wanted = self._per_s * (0.9 if self._deficit > self._target else 1.1)
        return min(wanted, self._most_per_s * share)

    @property
    def _deficit(self) -> int:
        """Requests missing until the bucket is full."""
        return self._most + 1 - self._last.rest

    @property
    def _target(self) -> float:
        """Target deficit (requests below full) while measuring the refill."""
        size = self._most + 1
        return min(10.0, max(3.0, 0.03 * size), 0.25 * size)

    def _is_full(self, last: _Point) -> None:
        """The bucket is full: more may have come in than there was room for, so nothing adds up."""
        if self._most < last.rest and self._first.taken < last.taken:
            self._measure(last)  # its size was not known
            return
        self._first = last
        if self._per_s is None:
            return
        # At least what was taken came in; perhaps more, by as little as is unknown.
        self._per_s *= 1 + 1 / max(self._measured, GUESSED_AFTER)
        self._per_s = min(self._most_per_s, max(self._per_s, self._taken_per_s(last)))

    def _taken_per_s(self, last: _Point) -> float:
        """Requests taken a second while it was full again each time."""
        taken, elapsed_s = last.taken - self._full_from.taken, last.at - self._full_from.at
        return taken / elapsed_s if taken >= GUESSED_AFTER and elapsed_s > 0 else 0.0

    def _measure(self, last: _Point) -> None:
        taken, elapsed_s = last.taken - self._first.taken, last.at - self._first.at
        if elapsed_s <= 0 or taken < GUESSED_AFTER:
            return
        # Parts of a request don't show: what came in may be one more or less. And the server may
        # have taken others first, by half of what they overtake on both ways.
        may_be = 1 + self._overtaken_s / 2 * taken / elapsed_s
        came_in = taken + last.rest - self._first.rest
        per_s = self._taken_per_s(self._first) if self._per_s is None else self._per_s
        per_s = min(max(per_s, (came_in - may_be) / elapsed_s), (came_in + may_be) / elapsed_s)
        self._measured = taken
        if taken >= MEASURED_AFTER * may_be:
            per_s = came_in / elapsed_s
            self._measured_at = last.taken
        self._per_s = max(per_s, LEAST_SHARE * max(1, self._deficit) / self._full_in_s)
