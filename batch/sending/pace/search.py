"""The rate if the server tells no budget: raised bit by bit, lowered when it refuses.

Pure. Additive increase, multiplicative decrease, with three refinements. A refusal lowers the rate
only if it comes back (`evidence.py`). The decrease starts from the rate that was admitted since the
last one, which is what a window or bucket really admits. The increase takes longer the more
requests were refused at the last decrease, so that few are refused at any latency.
"""

from dataclasses import dataclass
from math import inf, sqrt

from batch.sending.pace.evidence import Evidence
from batch.sending.pace.sample import ROUNDING_S

START_PER_S = 5.0
GROWTH_A_SECOND = 2.0  # until the first limit
KEPT_UP = 0.7  # of what the rate wants is served: else workers or latency bound it, and it rests
KEPT_UP_AFTER_S = 0.2  # seconds in which that is seen
KEPT_UP_OF = 10  # requests of which that is seen
SERVED_KEPT = 0.95  # of the pace that was served before, as one span after the other is slower
PAUSE_S = 0.25  # between two answers: no growth for longer, unless requests are so far apart
FIRST_CUT = 0.7
LONG_WAIT_S = 2.0  # a refusal that names more comes from a window, and shows its length
MARGIN = 0.05  # by how much the rate is lowered, and then raised again in small steps
REQUESTS_TO_LIMIT = 300
REQUESTS_A_REFUSAL = 100
SECONDS_TO_LIMIT = 20.0
HOLDS_TO_LIMIT = 10  # times the wait that a refusal costs, if that is longer
MEASURE_SHARE = 0.8  # of the requests that the last limit admitted: so many measure it anew
MEASURE_MOST = 1500  # requests always measure it
MOST_REFUSED = 3  # requests, and more than were served: then a guess is far above the limit
CUT_AFTER = 10  # requests admitted; fewer say nothing
CUT = 0.8  # times the rate, for refusals too early to measure
LEAST_SHARE = 0.2  # of the last limit: early refusals cut no further
RECOVERY_A_SECOND = 1.02  # up to a measured limit
SLOW_SPACING_S = 5.0  # requests further apart count as growth of so long a time
CERTAIN_AFTER = 50  # requests before a long wait; with fewer, others may have used up the rest
LONG_CYCLE_S = 600.0  # in which a hold-back beyond a window's end hardly counts
NEAR_LIMIT = 0.98  # of a limit that is sure: a single refusal there has come back
BELOW_LIMIT = 0.96  # of the limit: a refusal there that comes alone has another cause
GUESS_SHARE = 0.5  # of a first limit's requests in a second measure it, where waits are rounded
COSTLY = 0.03  # share of all requests that is refused: then no limit is passed quickly
FIRST_LIMITS = 3  # limits found before the steps become small
GOOD_AFTER = 100  # requests admitted since the last limit: then the rate has gone well
REFILL_OF = 2  # requests that an honest bucket lets wait for, at most
MOST_PER_S = 100_000.0
LEAST_PER_S = 1 / 3600


@dataclass(slots=True, kw_only=True)
class _Cycle:
    """From one measured limit to the next.

    wanted: requests that the rate would have sent by wanted_at without hold-backs.
    cut_at: requests admitted by the last cut of the rate.
    """

    began_at: float
    wanted: float = 1.0
    wanted_at: float = 0.0
    admitted: int = 0
    refused: int = 0
    cut_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search has come to, for one that goes on from there. Each as in `Search`."""

    rate_per_s: float
    good_per_s: float | None
    limit_per_s: float | None
    limits: int
    measure_after: float
    is_guess: bool
    is_measured: bool
    is_certain: bool


class Search:
    """One for the whole job. good_per_s: a rate that went well before; None if none is known."""

    def __init__(self, good_per_s: float | None = None) -> None:
        self.rate_per_s = START_PER_S if good_per_s is None else good_per_s
        self._good_per_s = good_per_s
        self._limit_per_s = good_per_s
        self._cycle: _Cycle | None = None
        self._last_cycle: _Cycle | None = None  # that a limit has ended, until a request is served
        self._evidence = Evidence()
        self._admitted = self._refused = 0
        self._measure_after = 1.0  # admitted requests that measure a limit
        self._refused_before = 1
        self._limits = 0
        self.is_guess = self._is_measured = self._is_certain = False
        self._lowered_at = float("-inf")
        self._grown_at: float | None = None
        self._refused_since: float | None = None  # without one served that left later
        self._asked_s = 0.0  # to wait, by the last refusal
        self._asked_from, self._asked_until = float("inf"), float("-inf")
        self._is_disproved = False  # that wait: what left in it was served
        self._refused_at = self._served_at = float("-inf")
        self._longest_gap_s = 0.0  # between served requests, since the last refusal
        self._is_kept_up = True
        self._served_per_s = 0.0
        self._seen: tuple[float, float, int] | None = None  # when, wanted and admitted by then

    @property
    def found(self) -> Found:
        """What it has come to."""
        return Found(
            rate_per_s=self.rate_per_s,
            good_per_s=self._good_per_s,
            limit_per_s=self._limit_per_s,
            limits=self._limits,
            measure_after=self._measure_after,
            is_guess=self.is_guess,
            is_measured=self._is_measured,
            is_certain=self._is_certain,
        )

    def keep_to(self, found: Found) -> None:
        """Go on from what another search of the same server has come to."""
        self.rate_per_s = found.rate_per_s
        self._good_per_s, self._limit_per_s = found.good_per_s, found.limit_per_s
        self._limits, self._measure_after = found.limits, found.measure_after
        self.is_guess = found.is_guess
        self._is_measured, self._is_certain = found.is_measured, found.is_certain

    @property
    def is_slow_unasked(self) -> bool:
        """Whether the rate is a remembered one, slower than a new search would begin.

        It may be the even pace of a long window, which is no speed that a server asks for.
        """
        return self.rate_per_s < START_PER_S and self.rate_per_s == self._good_per_s

    @property
    def good_per_s(self) -> float | None:
        """What went through: below the limit, or since it was found; None if unknown."""
        if self._cycle is None or self._cycle.admitted < GOOD_AFTER:
            return self._good_per_s
        margin = MARGIN if self._limits else 0.0
        went_per_s = (1 - margin) * min(self.rate_per_s, self._served_per_s)
        return max(went_per_s, self._good_per_s or 0.0)

    def report_served(self, now: float, *, is_used: bool, sent_at: float = float("inf")) -> None:
        """Count a request that was not refused. is_used: whether requests wait for turns."""
        cycle = self._cycle = self._cycle or _Cycle(began_at=now, wanted_at=now)
        self._count_wanted(now, cycle)
        cycle.admitted += 1
        self._admitted += 1
        self._see_gap(now)
        if self._refused_since is not None and sent_at >= self._refused_at:
            cycle = self._end_refusals(now, cycle, now - self._refused_since)
        if self._asked_from < sent_at < self._asked_until - ROUNDING_S:
            self._is_disproved, self._evidence.wait_s = True, 0.0
        limit = self._limit_per_s
        is_at_limit = limit is not None and self.rate_per_s >= BELOW_LIMIT * limit
        if self._evidence.report_served(is_at_limit=is_at_limit):
            self._forgive(cycle, self._longest_gap_s)
        since_s = 0.0 if self._grown_at is None else now - self._grown_at
        since_s = SLOW_SPACING_S if since_s > SLOW_SPACING_S else min(PAUSE_S, since_s)
        is_held = self._refused_since is not None or now < self._asked_until
        self._grown_at = None if is_held else now
        self._see_kept_up(now, cycle)
        if is_used and self._is_kept_up and self._evidence.is_quiet:
            self.rate_per_s = min(MOST_PER_S, self.rate_per_s * self._growth(cycle, since_s))

    def report_refusal(self, now: float, *, sent_at: float, wait_s: float | None) -> None:
        """Count a refused request. wait_s: what the server asked to wait; None if it named no time.

        Requests from before the rate was lowered tell nothing of the lower rate.
        """
        cycle = self._cycle = self._cycle or _Cycle(began_at=now, wanted_at=now)
        self._count_wanted(now, cycle)
        cycle.refused += 1
        self._refused += 1
        self._grown_at = None  # a hold-back is no time to grow in
        self._refused_at = now
        self._asked_s = wait_s or 0.0
        self._asked_from = sent_at if self._asked_s >= LONG_WAIT_S else float("inf")
        self._asked_until = max(self._asked_until, now + self._asked_s)
        if self._refused_since is None:
            self._refused_since = now
        if sent_at < self._lowered_at or cycle.admitted == cycle.cut_at:
            return
        self._longest_gap_s, self._seen = 0.0, None
        has_come_back = self._evidence.report_refusal(
            wait_s or 0.0, is_limit_known=self._limit_per_s is not None
        )
        if not (has_come_back or self._is_at_limit):
            return
        if self._limit_per_s is None:
            self._set_limit(now, cycle, self._first_limit(now, cycle))
            if self._is_measured:  # by the wait, which is over when the next cycle begins
                self._cycle.began_at = self._cycle.wanted_at = self._asked_until
        elif cycle.admitted >= self._measure_after or self._is_far_above(now, cycle):
            self._measure(now, cycle)
        elif cycle.admitted >= cycle.cut_at + CUT_AFTER:
            cycle.cut_at = cycle.admitted
            cut = CUT if has_come_back else 1 - MARGIN
            self.rate_per_s = max(LEAST_SHARE * self._limit_per_s, self.rate_per_s * cut)
            self._lowered_at = now
            self._evidence.clear()

    @property
    def _is_unsure(self) -> bool:
        return self._limits <= FIRST_LIMITS and not self._is_certain

    @property
    def _is_at_limit(self) -> bool:
        """True where refusals have come before, so that a single one has come back."""
        if self._limit_per_s is None or self._is_unsure or self._evidence.is_habit:
            return False
        return self.rate_per_s >= NEAR_LIMIT * self._limit_per_s

    def _is_far_above(self, now: float, cycle: _Cycle) -> bool:
        """True where a guess is refused far more often than served: few requests tell the limit."""
        is_lasting = now - cycle.began_at >= LONG_WAIT_S
        refused = max(MOST_REFUSED, cycle.admitted)
        return self.is_guess and is_lasting and cycle.admitted > 1 and cycle.refused > refused

    def _first_limit(self, now: float, cycle: _Cycle) -> float:
        """The first limit, when it is not known how much was saved up."""
        if LONG_WAIT_S <= self._evidence.wait_s < float("inf"):
            self._is_measured = True
            self._is_certain = cycle.admitted >= CERTAIN_AFTER
            return cycle.admitted / (now - cycle.began_at + self._evidence.wait_s)
        self.is_guess = True
        return FIRST_CUT * self.rate_per_s

    def _measure(self, now: float, cycle: _Cycle) -> None:
        """Set the limit to what was admitted since the last one."""
        self._is_measured = True
        is_long = now - cycle.began_at >= LONG_CYCLE_S
        self._is_certain = self._is_certain or (is_long and cycle.admitted >= CERTAIN_AFTER)
        # From one refusal to the next a bucket serves what came in meanwhile. A window serves more
        # than that, as long as nothing holds back; so what is known of either counts half.
        elapsed_s = now - cycle.began_at
        mean_per_s = cycle.admitted / elapsed_s if elapsed_s > 0 else inf  # at one tick of a clock
        admits = self.rate_per_s * cycle.admitted / cycle.wanted
        is_far = self._is_far_above(now, cycle)
        if not self.is_guess:
            admits = sqrt(admits * min(admits, mean_per_s))
        elif is_far or self._evidence.wait_s < ROUNDING_S:
            least = 0.0 if is_far else LEAST_SHARE * (self._limit_per_s or 0.0)
            admits = max(least, mean_per_s)
            self.is_guess = mean_per_s < least
        else:
            self.is_guess = False
        self._set_limit(now, cycle, admits)

    def _set_limit(self, now: float, cycle: _Cycle, admits_per_s: float) -> None:
        limit = self._limit_per_s = max(LEAST_PER_S, min(self.rate_per_s, admits_per_s))
        self.rate_per_s = self._good_per_s = limit * (1 - MARGIN)
        self._lowered_at = now
        self._measure_after = min(MEASURE_MOST, max(CUT_AFTER, MEASURE_SHARE * cycle.admitted))
        if self.is_guess:
            rounded = GUESS_SHARE * limit if self._evidence.wait_s >= ROUNDING_S else 0.0
            self._measure_after = max(CUT_AFTER, rounded)
        self._limits += 1
        self._evidence.clear()
        self._evidence.alone /= 2
        # While the limit is hardly known, many are refused at once, which measures nothing.
        self._refused_before = cycle.refused if self._limits > 2 else 1
        self._last_cycle = cycle
        self._cycle = _Cycle(began_at=now, wanted_at=now + ROUNDING_S)

    def _end_refusals(self, now: float, cycle: _Cycle, lasted_s: float) -> _Cycle:
        """A request is served that left after the last refusal. The cycle that it belongs to.

        lasted_s: since the first of the refusals. A long time shows a window's end, which no answer
        has named: it came between the last refusal and now.
        """
        last, self._last_cycle, self._refused_since = self._last_cycle, None, None
        is_disproved, self._is_disproved = self._is_disproved, False
        # A bucket that has waits told asks for no longer than its next requests take.
        refill_s = REFILL_OF / self.rate_per_s
        is_bucket = not is_disproved and self._asked_s - ROUNDING_S <= refill_s
        if not is_bucket:
            cycle.began_at = min(now, cycle.began_at + lasted_s)
        if lasted_s < LONG_WAIT_S or is_disproved:
            self._forgive(cycle, lasted_s / 2 if self.is_guess and is_bucket else lasted_s)
            self._longest_gap_s = 0.0
            return cycle
        if last is None or last.admitted < CERTAIN_AFTER or self._limit_per_s is None:
            return cycle
        if self._asked_s >= ROUNDING_S:  # it has been told when the window ends
            return cycle
        admits = last.admitted / ((self._refused_at + now) / 2 - last.began_at)
        if admits >= self._limit_per_s:
            return cycle
        self._is_measured, self.is_guess = True, False
        self._set_limit(now, cycle, admits)
        self._last_cycle = None
        return self._cycle or cycle

    def _forgive(self, cycle: _Cycle, seconds: float) -> None:
        """Don't count a time in which a hold-back kept requests from leaving, not the limit."""
        cycle.wanted = max(cycle.admitted, cycle.wanted - self.rate_per_s * seconds)

    def _see_gap(self, now: float) -> None:
        gap_s = max(0.0, min(now - self._served_at, now - self._refused_at))
        self._longest_gap_s = max(self._longest_gap_s, gap_s)
        if now - self._served_at > PAUSE_S:
            self._seen = None
        self._served_at = now

    def _see_kept_up(self, now: float, cycle: _Cycle) -> None:
        """See whether as much is served as the rate wants."""
        if self._seen is None or cycle.admitted < self._seen[2]:
            self._seen = now, cycle.wanted, cycle.admitted
            return
        at, wanted, admitted = self._seen
        if now - at >= KEPT_UP_AFTER_S and cycle.wanted - wanted >= KEPT_UP_OF:
            self._is_kept_up = cycle.admitted - admitted >= KEPT_UP * (cycle.wanted - wanted)
            served_per_s = (cycle.admitted - admitted) / (now - at)
            self._served_per_s = max(served_per_s, SERVED_KEPT * self._served_per_s)
            self._seen = now, cycle.wanted, cycle.admitted

    def _count_wanted(self, now: float, cycle: _Cycle) -> None:
        if now > cycle.wanted_at:
            cycle.wanted += self.rate_per_s * (now - cycle.wanted_at)
            cycle.wanted_at = now

    def _growth(self, cycle: _Cycle, since_s: float) -> float:
        """The factor by which one more served request raises the rate."""
        if self._limit_per_s is None:
            return float(GROWTH_A_SECOND**since_s)
        is_below = self.rate_per_s < self._limit_per_s * (1 - MARGIN)
        is_above = self.rate_per_s >= self._limit_per_s
        is_costly = self._refused > COSTLY * self._admitted and self._asked_s < LONG_WAIT_S
        is_quick = self._is_unsure and not (is_above and is_costly)
        if is_quick or (self._is_measured and is_below):
            return float(RECOVERY_A_SECOND**since_s)
        requests = max(
            REQUESTS_TO_LIMIT,
            REQUESTS_A_REFUSAL * self._refused_before,
            max(SECONDS_TO_LIMIT, HOLDS_TO_LIMIT * self._asked_s) * self.rate_per_s,
        )
        # The longer nothing is refused, the surer it is that the limit has risen.
        return 1 + MARGIN / requests * (1 + (cycle.admitted / requests) ** 2)
