"""The rate if the server tells no budget: raised bit by bit, lowered when it refuses.

Pure. Additive increase, multiplicative decrease, with two refinements. The decrease starts from the
rate that was admitted since the last one, which is what a window or bucket really admits. The
increase takes longer the more requests were refused at the last decrease, so that few are refused
at any latency.
"""

from dataclasses import dataclass

from batch.sending.pace.sample import ROUNDING_S

START_PER_S = 5.0
GROWTH_A_SECOND = 1.5  # until the first refusal
FIRST_CUT = 0.7
LONG_WAIT_S = 2.0  # a refusal that names more comes from a window, and shows its length
MARGIN = 0.05  # by how much the rate is lowered, and then raised again in small steps
REQUESTS_TO_LIMIT = 300
REQUESTS_A_REFUSAL = 100
SECONDS_TO_LIMIT = 20.0
MEASURE_SHARE = 0.8  # of the requests that the last limit admitted: so many measure it anew
MEASURE_MOST = 1500  # requests always measure it
CUT_AFTER = 10  # requests admitted; fewer say nothing
CUT = 0.8  # times the rate, for refusals too early to measure
LEAST_SHARE = 0.2  # of the last limit: early refusals cut no further
RECOVERY_A_SECOND = 1.02  # up to a measured limit
SLOW_SPACING_S = 5.0  # requests further apart count as growth of so long a time
CERTAIN_AFTER = 50  # requests before a long wait; with fewer, others may have used up the rest
LONG_CYCLE_S = 600.0  # in which a hold-back beyond a window's end hardly counts
FIRST_LIMITS = 3  # limits found before the steps become small
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


class Search:
    """One for the whole job. good_per_s: a rate that went well before; None if none is known."""

    def __init__(self, good_per_s: float | None = None) -> None:
        self.rate_per_s = START_PER_S if good_per_s is None else good_per_s
        self.good_per_s = good_per_s
        self._limit_per_s = good_per_s
        self._cycle: _Cycle | None = None
        self._measure_after = 1.0  # admitted requests that measure a limit
        self._refused_before = 1
        self._limits = 0
        self._is_measured = self._is_certain = False
        self._lowered_at = float("-inf")
        self._grown_at: float | None = None

    @property
    def is_slow_unasked(self) -> bool:
        """Whether the rate is a remembered one, slower than a new search would begin.

        It may be the even pace of a long window, which is no speed that a server asks for.
        """
        return self.rate_per_s < START_PER_S and self.rate_per_s == self.good_per_s

    def report_served(self, now: float, *, is_used: bool) -> None:
        """Count a request that was not refused. is_used: whether requests wait for turns."""
        cycle = self._cycle = self._cycle or _Cycle(began_at=now, wanted_at=now)
        self._count_wanted(now, cycle)
        cycle.admitted += 1
        since_s = 0.0 if self._grown_at is None else now - self._grown_at
        since_s = SLOW_SPACING_S if since_s > SLOW_SPACING_S else min(0.25, since_s)
        self._grown_at = now
        if is_used:
            self.rate_per_s = min(MOST_PER_S, self.rate_per_s * self._growth(cycle, since_s))

    def report_refusal(self, now: float, *, sent_at: float, wait_s: float | None) -> None:
        """Count a refused request. wait_s: what the server asked to wait; None if it named no time.

        Requests from before the rate was lowered tell nothing of the lower rate.
        """
        cycle = self._cycle = self._cycle or _Cycle(began_at=now, wanted_at=now)
        self._count_wanted(now, cycle)
        cycle.refused += 1
        self._grown_at = None  # a hold-back is no time to grow in
        if sent_at < self._lowered_at or cycle.admitted == cycle.cut_at:
            return
        if self._limit_per_s is None:
            self._set_limit(now, cycle, self._first_limit(now, cycle, wait_s or 0.0))
        elif cycle.admitted >= self._measure_after:
            self._is_measured = True
            is_long = now - cycle.began_at >= LONG_CYCLE_S
            self._is_certain = self._is_certain or (is_long and cycle.admitted >= CERTAIN_AFTER)
            self._set_limit(now, cycle, self.rate_per_s * cycle.admitted / cycle.wanted)
        elif cycle.admitted >= cycle.cut_at + CUT_AFTER:
            cycle.cut_at = cycle.admitted
            self.rate_per_s = max(LEAST_SHARE * self._limit_per_s, self.rate_per_s * CUT)
            self._lowered_at = now

    def _first_limit(self, now: float, cycle: _Cycle, wait_s: float) -> float:
        """The first limit, when it is not known how much was saved up."""
        if wait_s >= LONG_WAIT_S:
            self._is_measured = True
            self._is_certain = cycle.admitted >= CERTAIN_AFTER
            return cycle.admitted / (now - cycle.began_at + wait_s)
        return FIRST_CUT * self.rate_per_s

    def _set_limit(self, now: float, cycle: _Cycle, admits_per_s: float) -> None:
        limit = self._limit_per_s = max(LEAST_PER_S, min(self.rate_per_s, admits_per_s))
        self.rate_per_s = self.good_per_s = limit * (1 - MARGIN)
        self._lowered_at = now
        self._measure_after = min(MEASURE_MOST, max(CUT_AFTER, MEASURE_SHARE * cycle.admitted))
        self._limits += 1
        # While the limit is hardly known, many are refused at once, which measures nothing.
        self._refused_before = cycle.refused if self._limits > 2 else 1
        self._cycle = _Cycle(began_at=now, wanted_at=now + ROUNDING_S)

    def _count_wanted(self, now: float, cycle: _Cycle) -> None:
        if now > cycle.wanted_at:
            cycle.wanted += self.rate_per_s * (now - cycle.wanted_at)
            cycle.wanted_at = now

    def _growth(self, cycle: _Cycle, since_s: float) -> float:
        """The factor by which one more served request raises the rate."""
        if self._limit_per_s is None:
            return float(GROWTH_A_SECOND**since_s)
        is_below = self.rate_per_s < self._limit_per_s * (1 - MARGIN)
        is_unsure = self._limits <= FIRST_LIMITS and not self._is_certain
        if is_unsure or (self._is_measured and is_below):
            return float(RECOVERY_A_SECOND**since_s)
        requests = max(
            REQUESTS_TO_LIMIT,
            REQUESTS_A_REFUSAL * self._refused_before,
            SECONDS_TO_LIMIT * self.rate_per_s,
        )
        # The longer nothing is refused, the surer it is that the limit has risen.
        return 1 + MARGIN / requests * (1 + (cycle.admitted / requests) ** 2)
