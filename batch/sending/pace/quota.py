"""One budget of the server's, learnt from what its answers say: how fast it may be used up.

Pure: times come in as arguments, in seconds of any monotonic clock. A budget is told as a limit,
a rest and a reset, seldom with the window it is meant for, and three kinds of limiter use the same
words for different things:

- A fixed window counts down to its reset, then is whole again at once.
- A sliding window names a reset that stays as far away as the window is long.
- A bucket names the seconds until it is full again, which grow with what was taken out.

Where the window is not named, it is as long as the longest reset so far, and until the first reset
has come the pace is gentle.
"""

from enum import StrEnum

from batch.model import Budget
from batch.sending.pace.refill import Refill
from batch.sending.pace.sample import ROUNDING_S, Sample

SHORT_S = 2.0  # of a shorter window's end they say nothing: an even pace is all there is
CATCH_UP = 1.1  # how much faster than evenly what was missed in a window may be made up for
LONG_S = 3.0  # resets further away may jump by a second: servers round up in one place, not in all
GENTLE_PER_S = 10.0
FOLLOWED = 4  # answers that follow each other for sure, which tell a bucket that stays full
CLOCK_LEARNT_S = 1.5  # a server's clock that is told in whole seconds is known after that


class Kind(StrEnum):
    """What sort of limiter the answers point to."""

    WINDOW = "window"  # whole again at its reset; also what cannot be told apart (yet)
    SLIDING = "sliding"
    BUCKET = "bucket"


class Quota:
    """One budget. headroom: share of it that is left to others.

    kind, limit: as far as is known; so is window_s, the seconds that the limit is for, and
    even_per_s, the requests a second that the budget allows in the long run.
    """

    def __init__(self, first: Sample, *, headroom: float) -> None:
        self._share = 1.0 - headroom
        self._begin(first)

    def _begin(self, sample: Sample) -> None:
        """Know nothing but one answer."""
        budget = sample.budget
        self.kind = Kind.WINDOW
        self.limit = budget.limit
        self._named_s = budget.window_s
        self._longest_s = budget.reset_s
        self._shortest_s = self._away_by_s = float("inf")
        self._away_from_s = float("-inf")
        self._gap_s: float | None = None  # between the ends of windows that followed each other
        self._began_at, self._first_end = sample.at, sample.ends_by
        self.is_known = self._named_s is not None  # the window: by its name, or from an end on
        self._early_s = 0.0  # how much before the end that is told the next window begins
        self._catch_up = 1.0  # none in the first window, of which a part was over
        self._followed = self._fallen = 0
        self._latest_sent_at, self._overtaken_s = sample.sent_at, 0.0
        most_per_s = budget.limit / (self._named_s or ROUNDING_S)
        self._refill = Refill(sample, most_per_s=most_per_s)
        self._last = sample
        self._see_reset(sample)
        self._begin_window(sample)
        self._conclude()

    def _begin_window(self, sample: Sample) -> None:
        """A window whose end was not heard of before."""
        self._from, self._by = sample.ends_from, sample.ends_by
        self._reset_at = sample.budget.reset_at
        self._followed_from = sample.at
        self._low = sample.budget.remaining

    def _conclude(self) -> None:
        """What all that was seen comes to; asked for far more often than it changes."""
        self.window_s = self._named_s or self._learnt_window_s()
        self._is_refilled = self.kind is Kind.BUCKET and self._named_s is None
        self.even_per_s = (
            self._refill.rate_per_s(share=self._share)
            if self._is_refilled
            else self._share * self.limit / self.window_s
        )

    def _learnt_window_s(self) -> float:
        if self.kind is Kind.SLIDING:
            return _whole(min(self._longest_s, self._shortest_s))
        return _whole(self._longest_s) if self._gap_s is None else self._gap_s

    @property
    def is_window_known(self) -> bool:
        """Whether the server has named the window, or one was seen from end to end."""
        return self._named_s is not None or (self.is_known and self.kind is not Kind.BUCKET)

    @property
    def remaining(self) -> int:
        """Requests that were left at the last answer."""
        return self._last.budget.remaining

    def observe(self, sample: Sample) -> None:
        """Learn from one more answer."""
        budget = sample.budget
        if self._is_other(budget):
            self._begin(sample)
            return
        self._see_reset(sample)
        self.is_known = self.is_known or sample.sent_at >= self._first_end
        # Only of a request that left after another's answer had come is it certain that the server
        # took it later.
        is_later = sample.sent_at >= self._last.at
        self._overtaken_s = max(self._overtaken_s, self._latest_sent_at - sample.sent_at)
        self._latest_sent_at = max(self._latest_sent_at, sample.sent_at)
        if is_later:
            self._see_rest(sample)
        self._tell_apart(sample)
        if self.kind is Kind.WINDOW:
            self._follow_window(sample, is_later=is_later)
        if is_later:
            self._refill.observe(sample, overtaken_s=self._overtaken_s)
            self._last = sample
        self._conclude()

    def rate_per_s(self, now: float, *, in_flight: int) -> float:
        """Requests a second that may leave now; 0 while the window has nothing left."""
        even = self.even_per_s
        if self._is_refilled:
            return even
        if not self.is_known:
            even = min(even, GENTLE_PER_S)
        if self.kind is Kind.WINDOW and self.window_s > SHORT_S:
            return self._spread(now, even, in_flight)
        return self._braked(even)

    def refilled_at(self, now: float) -> float:
        """When something is there again, of a window that is used up."""
        return max(now, self._by - self._early_s)

    def _spread(self, now: float, even: float, in_flight: int) -> float:
        """What is left, less what is on its way and the headroom, over what is left of the time."""
        left_s = self._by - self._early_s - now
        if left_s <= 0:
            return even  # the next window has begun, though no answer says so yet
        if self._low - in_flight <= 0:
            return 0.0
        if now - self._followed_from < SHORT_S:
            return even  # whether it is a window that counts down is not seen yet
        left = self._low - in_flight / 2 - (1 - self._share) * self.limit
        return max(min(left / left_s, self._catch_up * even), 0.05 * even)

    def _braked(self, even: float) -> float:
        """The even pace, and less when others use the budget up as well."""
        reserve = int((1 - self._share) * self.limit / 2)
        return even if self.remaining >= reserve else even * max(0.1, self.remaining / reserve)

    def _is_other(self, budget: Budget) -> bool:
        """Whether limit, window or spelling have changed, so that nothing learnt is true."""
        is_unix, was_unix = budget.reset_at is not None, self._last.budget.reset_at is not None
        return (budget.limit, budget.window_s, is_unix) != (self.limit, self._named_s, was_unix)

    def _see_reset(self, sample: Sample) -> None:
        reset_s = sample.budget.reset_s
        self._longest_s = max(self._longest_s, reset_s)
        self._away_from_s = max(self._away_from_s, sample.away_from_s)
        # Of a sliding window the reset comes nearer while nothing is left and all is refused.
        if sample.budget.remaining > 0:
            self._shortest_s = min(self._shortest_s, reset_s)
            self._away_by_s = min(self._away_by_s, sample.away_by_s)

    def _see_rest(self, sample: Sample) -> None:
        """Count how often the rest fell; of answers that are later than the last for sure."""
        fell = self.remaining - sample.budget.remaining
        if sample.at - self._began_at <= ROUNDING_S:  # no window is shorter, as far as can be told
            self._followed += 1
            self._fallen += fell > 0 and 2 * fell >= sample.taken - self._last.taken
        elif self.kind is Kind.WINDOW and self._stays_full():
            self.kind = Kind.BUCKET

    def _tell_apart(self, sample: Sample) -> None:
        """See what sort of limiter it is."""
        # A window's end does not move until it has come.
        has_moved = sample.at < self._by - ROUNDING_S and self._is_clock_known(sample)
        if self.kind is Kind.WINDOW and has_moved and self._ends_later(sample):
            self.kind = Kind.SLIDING
            self.is_known = True
        if self.kind is Kind.SLIDING and self._away_from_s >= self._away_by_s + self._jitter_s:
            self.kind = Kind.BUCKET
            self._refill.suppose()

    def _stays_full(self) -> bool:
        """Whether what was taken was there again at once, which no window does; asked once."""
        is_near = self._longest_s <= LONG_S  # else it is a window that slides at its full pace
        is_full = is_near and self._followed >= FOLLOWED and 2 * self._fallen < self._followed
        self._followed = 0
        return is_full

    @property
    def _jitter_s(self) -> float:
        """By how much more than by rounding a reset may jump that has not moved."""
        return ROUNDING_S if self._longest_s > LONG_S else 0.0

    def _is_clock_known(self, sample: Sample) -> bool:
        return sample.budget.reset_at is None or sample.at - self._began_at >= CLOCK_LEARNT_S

    def _follow_window(self, sample: Sample, *, is_later: bool) -> None:
        is_refilled = is_later and sample.budget.remaining > self.remaining
        if self._ends_later(sample) or is_refilled:
            self._turn_over(sample)
        elif sample.ends_by > self._from:  # else it is late news of a window that is over
            self._from, self._by = max(self._from, sample.ends_from), min(self._by, sample.ends_by)
            self._low = min(self._low, sample.budget.remaining)

    def _ends_later(self, sample: Sample) -> bool:
        """Whether this answer is certainly about another end, later than the one known."""
        told, before = sample.budget.reset_at, self._reset_at
        if told is not None and before is not None:
            return told > before + self._jitter_s
        return sample.ends_from >= self._by + self._jitter_s

    def _turn_over(self, sample: Sample) -> None:
        self.is_known, self._catch_up = True, CATCH_UP
        told, before = sample.budget.reset_at, self._reset_at
        if told is not None and before is not None:
            gap_s = told - before
            has_ended = sample.at >= max(self._from, self._began_at + 2 * ROUNDING_S) - ROUNDING_S
            if has_ended and gap_s >= ROUNDING_S and sample.at - self._last.at < self._longest_s:
                self._gap_s = gap_s if self._gap_s is None else min(gap_s, self._gap_s)
            self._early_s = min(ROUNDING_S, max(0.0, self._by - sample.at))
        self._begin_window(sample)


def _whole(seconds: float) -> float:
    """Rounded up to whole seconds, but for what latency adds; at least one."""
    return max(1.0, float(-((0.1 - seconds) // 1)))
