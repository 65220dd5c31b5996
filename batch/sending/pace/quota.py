"""One budget of the server, estimated from its answers: how fast it may be used.

Pure: times are arguments, in seconds of a monotonic clock. Answers tell a limit, what remains and a
reset, seldom the window that they are for. Three kinds of limiter mean different things by them:

- A fixed window counts down to its reset, then is full again at once.
- A sliding window names a reset that stays as far away as the window is long.
- A bucket names the seconds until it is full again, which grow with what was taken out.

A window that is not named is as long as the longest reset so far.
"""

from collections import deque
from dataclasses import replace
from enum import StrEnum

from batch.sending.pace.refill import Refill
from batch.sending.pace.sample import ROUNDING_S, Sample

SHORT_S = 2.0  # whole seconds tell nothing of a shorter window's end: its pace stays even
CATCH_UP = 1.1  # times the even pace, at most, to make up for what a window has missed
LONG_S = 3.0  # resets further away may jump by a second: servers don't round alike everywhere
ANSWERS_IN_ORDER = 4  # answers whose order is certain: enough to tell a bucket that stays full
CLOCK_KNOWN_S = 1.5  # seconds until a server's clock, told in whole seconds, is known
JITTER_S = 0.1  # seconds by which a Unix time with parts of a second may jump
PAST_S = 0.2  # a reset that is past for so long, and not yet there, was rounded down
SURE_GAPS = 2  # between the ends of short windows; one may be a second too short
EVEN_S = 3.5  # a shorter window's pace is even: whole seconds tell too little of its end
COUNTED_S = 5.0  # so long it is looked for how long requests count, and then anew
COUNTED_BY = 0.35  # seconds by which a request must count longer than a window to disprove it


class Kind(StrEnum):
    """The kind of limiter that the answers point to."""

    WINDOW = "window"  # full again at its reset; also until the kind is known
    SLIDING = "sliding"
    BUCKET = "bucket"


class Quota:
    """One budget. headroom: share of it that is left to others.

    kind, limit, window_s (seconds that the limit is for) and even_per_s (requests a second that the
    budget allows in the long run) are estimates.
    """

    def __init__(self, first: Sample, *, headroom: float) -> None:
        self._share = 1.0 - headroom
        self._late_s = 0.0  # resets come so much later than told, which a server rounds down
        self._jumps = False  # a window's end is told now as one whole second, now as the next
        self._begin(first)

    def _begin(self, sample: Sample) -> None:
        """Start from one answer alone."""
        budget = sample.budget
        self.kind = Kind.WINDOW
        self.limit = budget.limit
        self._named_s = budget.window_s
        self._longest_s = budget.reset_s
        self._shortest_s = self._away_by_s = float("inf")
        self._away_from_s = float("-inf")
        self._gap_s: float | None = None  # between the ends of windows that followed each other
        self._gaps: list[float] = []  # the latest of them
        self._past_since: float | None = None
        self._counted: deque[tuple[int, float]] = deque()  # taken by then, and when it left
        self._counts_s = (0.0, 0.0)  # requests count for so long; before, and lately
        self._counts_since = sample.at
        self._began_at, self._first_end = sample.at, sample.ends_by
        self.is_known = self._named_s is not None  # the window, by its name or an end that was seen
        self._early_s = 0.0  # by how much the next window begins before the end that answers name
        self._catch_up = 1.0  # none in the first window, which had begun before
        self._in_order = self._falls = 0
        self._latest_sent_at, self._overtaken_s = sample.sent_at, 0.0
        most_per_s = budget.limit / (self._named_s or ROUNDING_S)
        self._refill = Refill(sample, most_per_s=most_per_s)
        self._last = sample
        self._see_reset(sample)
        self._begin_window(sample)
        self._conclude()

    def _begin_window(self, sample: Sample) -> None:
        """Start a window whose end is news."""
        self._ends_from, self._ends_by = sample.ends_from, sample.ends_by
        self._reset_at = sample.budget.reset_at
        self._window_seen_at = sample.at
        self._low = sample.budget.remaining

    def _conclude(self) -> None:
        """Conclude window and even pace, which are read far more often than they change."""
        if self._named_s:
            self.window_s = self._named_s
        elif self.kind is Kind.SLIDING:
            self.window_s = _whole(min(self._longest_s, self._shortest_s))
        else:
            self.window_s = _whole(self._longest_s) if self._gap_s is None else self._gap_s
        is_short = self._named_s is None and self.window_s <= EVEN_S
        if is_short and self.kind is not Kind.BUCKET:
            self.window_s = self._counted_window_s()
        self._is_refilled = self.kind is Kind.BUCKET and self._named_s is None
        self.even_per_s = (
            self._refill.rate_per_s(share=self._share)
            if self._is_refilled
            else self._share * self.limit / self.window_s
        )

    def set_headroom(self, headroom: float) -> None:
        """Leave another share of it to others."""
        self._share = 1.0 - headroom
        self._conclude()

    @property
    def is_window_known(self) -> bool:
        """True if the server names the window, or one was seen from end to end."""
        return self._named_s is not None or (self.is_known and self.kind is not Kind.BUCKET)

    @property
    def remaining(self) -> int:
        """Requests that remained at the last answer."""
        return self._last.budget.remaining

    def observe(self, sample: Sample) -> None:
        """Learn from one more answer."""
        late_s, jumps = self._late_s, self._jumps
        sample = self._shifted(sample)
        budget, before = sample.budget, self._last.budget
        is_unix, was_unix = budget.reset_at is not None, before.reset_at is not None
        is_other = (budget.limit, budget.window_s, is_unix) != (self.limit, self._named_s, was_unix)
        self._jumps = self._jumps or self._has_jumped(sample)
        if is_other or (self._late_s, self._jumps) != (late_s, jumps):
            self._begin(sample)  # nothing learnt is true any more
            return
        self._see_reset(sample)
        self.is_known = self.is_known or sample.sent_at >= self._first_end
        # Only a request that left after another's answer had come was certainly taken later.
        is_later = sample.sent_at >= self._last.at
        self._overtaken_s = max(self._overtaken_s, self._latest_sent_at - sample.sent_at)
        self._latest_sent_at = max(self._latest_sent_at, sample.sent_at)
        if is_later:
            self._see_remaining(sample)
        self._see_counted(sample)
        self._find_kind(sample)
        if self.kind is Kind.WINDOW:
            self._follow_window(sample, is_later=is_later)
        if is_later:
            self._refill.observe(sample, overtaken_s=self._overtaken_s)
            self._last = sample
        self._conclude()

    def covers(self, requests: float) -> bool:
        """Whether what remains, less the headroom, is enough for so many requests.

        requests: those that are not answered yet included.
        """
        left = self._low if self.kind is Kind.WINDOW else self.remaining
        return requests <= left - round((1 - self._share) * self.limit, 6)

    def rate_per_s(self, now: float, *, in_flight: int) -> float:
        """Requests a second that may leave now; 0 while nothing remains in the window."""
        even = self.even_per_s
        if self._is_refilled:
            return even
        if self.kind is Kind.WINDOW and self.window_s > EVEN_S:
            return self._spread(now, even, in_flight)
        # Slow down when others use up the budget as well.
        reserve = int((1 - self._share) * self.limit / 2)
        return even if self.remaining >= reserve else even * max(0.1, self.remaining / reserve)

    def refilled_at(self, now: float) -> float:
        """When a window that is used up is full again."""
        if self.kind is Kind.WINDOW:
            return max(now, self._ends_by - self._early_s)
        return max(now, self._last.ends_by)

    def _spread(self, now: float, even: float, in_flight: int) -> float:
        """What remains, without requests in flight and headroom, over the time that remains."""
        left_s = self._ends_by - self._early_s - now
        if left_s <= 0:
            return even  # the next window has begun, though no answer says so yet
        if self._low - in_flight <= 0:
            return 0.0
        if now - self._window_seen_at < SHORT_S:
            return even  # not yet seen to be a window that counts down
        left = self._low - in_flight / 2 - (1 - self._share) * self.limit
        return max(0.0, min(left / left_s, self._catch_up * even))

    def _shifted(self, sample: Sample) -> Sample:
        """The sample with a reset that is not told too early."""
        budget = sample.budget
        is_past = budget.reset_s <= 0 and budget.remaining <= self.remaining
        if not is_past or self._late_s or self._past_since is None:
            self._past_since = sample.sent_at if is_past else None
        elif sample.sent_at - self._past_since >= PAST_S:
            # It had come by then, and nothing is back: part of a second was dropped.
            self._late_s = ROUNDING_S
        if not self._late_s:
            return sample
        at = None if budget.reset_at is None else budget.reset_at + self._late_s
        later = replace(budget, reset_s=budget.reset_s + self._late_s, reset_at=at)
        return replace(sample, budget=later)

    def _has_jumped(self, sample: Sample) -> bool:
        """True if an answer that is certainly later names an earlier end of the same window."""
        told, before = sample.budget.reset_at, self._last.budget.reset_at
        if told is None or before is None or not told.is_integer():
            return False
        is_later = sample.sent_at >= self._last.at and sample.budget.remaining <= self.remaining
        return is_later and before - ROUNDING_S <= told < before

    def _see_counted(self, sample: Sample) -> None:
        """See for how long requests count, if nobody else uses the budget."""
        self._counted.append((sample.taken, sample.sent_at))
        if sample.sent_at - self._counts_since > COUNTED_S:
            self._counts_s = (self._counts_s[1], 0.0)
            self._counts_since = sample.sent_at
        while self._counted[0][1] < sample.sent_at - COUNTED_S:
            self._counted.popleft()
        # What is used up was sent last.
        oldest = sample.taken - (self.limit - sample.budget.remaining) + 1
        if oldest >= self._counted[0][0]:
            left_at = next((at for taken, at in self._counted if taken >= oldest), sample.sent_at)
            counts_s = sample.sent_at - left_at - self._overtaken_s
            self._counts_s = (self._counts_s[0], max(self._counts_s[1], counts_s))

    def _counted_window_s(self) -> float:
        """The length of a short window: resets leave open a second more or less.

        It is at least as long as requests count, and hardly longer.
        """
        counts_s = max(self._counts_s)
        if counts_s > self.window_s + COUNTED_BY:
            return self.window_s + ROUNDING_S
        # Of a few requests, or where most are left, it can't be told.
        if self._counts_s[0] < self.window_s / 4 or self.limit < ANSWERS_IN_ORDER:
            return self.window_s
        return min(self.window_s, _whole(counts_s + self.window_s / self.limit / 2))

    def _see_reset(self, sample: Sample) -> None:
        reset_s = sample.budget.reset_s
        self._longest_s = max(self._longest_s, reset_s)
        self._away_from_s = max(self._away_from_s, sample.away_from_s)
        # A sliding window's reset comes nearer while nothing remains and all is refused.
        if sample.budget.remaining > 0:
            self._shortest_s = min(self._shortest_s, reset_s)
            self._away_by_s = min(self._away_by_s, sample.away_by_s)

    def _see_remaining(self, sample: Sample) -> None:
        """Count how often the remainder fell, in answers certainly later than the last."""
        fell = self.remaining - sample.budget.remaining
        if sample.at - self._began_at <= ROUNDING_S:  # no shorter window can be told
            self._in_order += 1
            self._falls += fell > 0 and 2 * fell >= sample.taken - self._last.taken
            return
        # What was taken is back at once, which no window does. Decided once, after a second.
        is_full = self._in_order >= ANSWERS_IN_ORDER and 2 * self._falls < self._in_order
        # Else it is a window that slides at its full pace.
        is_near = self._longest_s <= LONG_S and 2 * sample.budget.remaining >= self.limit
        if self.kind is Kind.WINDOW and is_full and is_near:
            self.kind = Kind.BUCKET
        self._in_order = 0

    def _find_kind(self, sample: Sample) -> None:
        """See whether the limiter is of another kind than was thought."""
        # A window's end does not move until it has come.
        is_early = sample.at < self._ends_by - ROUNDING_S
        told_at = sample.at - self._began_at
        is_clock_known = sample.budget.reset_at is None or told_at >= CLOCK_KNOWN_S
        has_moved = is_early and is_clock_known and self._ends_later(sample)
        if self.kind is Kind.WINDOW and has_moved:
            self.kind = Kind.SLIDING
            self.is_known = True
        if self.kind is Kind.SLIDING and self._away_from_s >= self._away_by_s + self._jitter_s:
            self.kind = Kind.BUCKET
            self._refill.suppose()

    @property
    def _jitter_s(self) -> float:
        """Seconds, beyond rounding, that a reset may jump without having moved."""
        if self._jumps or self._longest_s > LONG_S:
            return ROUNDING_S
        told = self._last.budget.reset_at
        return 0.0 if told is None or told.is_integer() else JITTER_S

    def _follow_window(self, sample: Sample, *, is_later: bool) -> None:
        """Narrow the window's end down, or start the next window."""
        is_refilled = is_later and sample.budget.remaining > self.remaining
        if not (self._ends_later(sample) or is_refilled):
            if sample.ends_by > self._ends_from:  # else it is about an earlier window
                self._ends_from = max(self._ends_from, sample.ends_from)
                self._ends_by = min(self._ends_by, sample.ends_by)
                self._low = min(self._low, sample.budget.remaining)
            return
        self.is_known, self._catch_up = True, CATCH_UP
        told, before = sample.budget.reset_at, self._reset_at
        if told is not None and before is not None:
            gap_s = told - before
            has_ended = (
                sample.at >= max(self._ends_from, self._began_at + 2 * ROUNDING_S) - ROUNDING_S
            )
            is_gap = gap_s >= ROUNDING_S or (self._jumps and is_refilled)
            if has_ended and is_gap and sample.at - self._last.at < self._longest_s:
                self._see_gap(gap_s)
            self._early_s = min(ROUNDING_S, max(0.0, self._ends_by - sample.at))
        self._begin_window(sample)

    def _see_gap(self, gap_s: float) -> None:
        """Learn how far apart the ends of two windows are that followed each other."""
        gaps = self._gaps = [*self._gaps[-19:], gap_s]
        self._gap_s = min(gaps)
        if self._jumps and self._gap_s <= EVEN_S:  # one may be too long, and the next too short
            mean_s = float((sum(gaps) / len(gaps) + 0.5) // 1)
            self._gap_s = max(ROUNDING_S, mean_s if len(gaps) >= SURE_GAPS else max(gaps) + 1)

    def _ends_later(self, sample: Sample) -> bool:
        """True if this answer certainly names a later end than the one known."""
        told, before = sample.budget.reset_at, self._reset_at
        if told is not None and before is not None:
            return told > before + self._jitter_s
        return sample.ends_from >= self._ends_by + self._jitter_s


def _whole(seconds: float) -> float:
    """Rounded up to whole seconds, less what latency adds; at least one."""
    return max(1.0, float(-((0.1 - seconds) // 1)))
