"""All budgets that the server's answers name: the tightest counts.

Pure: times are arguments, in seconds of a monotonic clock. The rate that headers allow is
approached by doubling, and trimmed if the server refuses requests nonetheless.
"""

from collections import Counter
from collections.abc import Sequence
from math import inf

from batch.model import Budget
from batch.sending.pace.evidence import Evidence
from batch.sending.pace.quota import Quota
from batch.sending.pace.sample import Sample
from batch.sending.pace.search import MOST_PER_S

GROWTH_EVERY_S = 0.02  # seconds at least between doublings towards the rate that headers allow
SILENT_ANSWERS = 20  # in a row without a budget: the server no longer tells it
TRIM = 0.05  # share by which a refusal slows what headers allow; undone over ten windows
LEAST_TRIM = 0.5  # share of what headers allow, at which they are misleading
# A timer that fires late must not slow the pace: so many seconds may be caught up; for a known
# budget, half of its headroom.
LATENESS_S = 0.005
MOST_LATENESS_S = 0.25


class Quotas:
    """The budgets of one server. headroom: share of each that is left to others.

    spread_s: what remains of a longer window is not spread over it.

    start_per_s: the rate from which to grow towards what headers allow.
    lateness_s: a turn taken no later than this still counts as taken on time.
    """

    def __init__(self, *, headroom: float, start_per_s: float, spread_s: float = inf) -> None:
        self._headroom = headroom
        self.spread_s = spread_s
        self._all: dict[str, Quota] = {}
        self._silent: Counter[str] = Counter()  # answers in a row without it
        self._reached_per_s = start_per_s
        self._grown_at = float("-inf")
        self._trim = 1.0
        self._evidence = Evidence()
        self._trimmed_at = float("-inf")
        self._began_at: float | None = None
        self._window_s = 0.0  # the shortest
        self.lateness_s = LATENESS_S

    def __bool__(self) -> bool:
        return bool(self._all)

    def set_headroom(self, headroom: float) -> None:
        """Leave another share of each budget to others."""
        self._headroom = headroom
        for quota in self._all.values():
            quota.set_headroom(headroom)

    @property
    def tightest(self) -> Quota:
        """The budget that allows the least in the long run."""
        return min(self._all.values(), key=lambda quota: quota.even_per_s)

    @property
    def are_misleading(self) -> bool:
        """True once so much was refused that the headers are of no use."""
        return self._trim <= LEAST_TRIM

    def observe(self, now: float, budgets: Sequence[Budget], *, sent_at: float, taken: int) -> None:
        """Learn from one answer. taken: requests answered by now."""
        if self._began_at is None:
            self._began_at = now
        for budget in budgets:
            sample = Sample(budget=budget, sent_at=sent_at, at=now, taken=taken)
            quota = self._all.get(budget.name)
            if quota is None:
                self._all[budget.name] = Quota(sample, headroom=self._headroom)
            else:
                quota.observe(sample)
        if self._silent or len(budgets) < len(self._all):
            self._count_silence({budget.name for budget in budgets})
        self._window_s = min(quota.window_s for quota in self._all.values())
        lateness_s = self._window_s * self._headroom / 2
        self.lateness_s = max(LATENESS_S, min(MOST_LATENESS_S, lateness_s))
        if budgets and now - self._grown_at >= GROWTH_EVERY_S and sent_at >= self._grown_at:
            self._grown_at = now
            self._reached_per_s = min(2 * self._reached_per_s, MOST_PER_S)

    def report_served(self) -> None:
        """Count a request that was not refused."""
        self._evidence.report_served()

    def report_refusal(self, now: float, *, sent_at: float) -> None:
        """Trim the rate if it comes back that a request is refused although headers allowed it.

        Requests from before the last trim don't count, nor do those of the first window, whose
        beginning others, or lists read before the run, may have used up.
        """
        began_at = now if self._began_at is None else self._began_at
        if sent_at < max(self._trimmed_at, began_at + self._window_s):
            return
        if self._evidence.report_refusal(0.0, is_limit_known=False):
            self._trim = max(LEAST_TRIM, self._trim_at(now, self._window_s) - TRIM)
            self._trimmed_at = now

    @property
    def are_silent(self) -> bool:
        """True once answers have named no budget for long."""
        if not self._silent:
            return False
        return all(self._silent[name] >= SILENT_ANSWERS for name in self._all)

    def long_run_per_s(self, now: float) -> float:
        """Requests a second that may leave on average over a window."""
        even = min(self.tightest.even_per_s, self._reached_per_s)
        return even * self._trim_at(now, self._window_s)

    def are_slower(self, to_come: float) -> bool:
        """Whether one of the budgets must be spread over its window, for so many requests."""
        return any(
            quota.window_s <= self.spread_s and not quota.covers(to_come)
            for quota in self._all.values()
        )

    def rate_per_s(
        self, now: float, *, in_flight: int, to_come: float = inf, own_per_s: float = 0.0
    ) -> float:
        """Requests a second that may leave now; 0 while a budget is used up.

        to_come: requests that are not answered yet, in flight or still to be sent. own_per_s: the
        rate without headers, which a budget does not slow while it covers them.
        """
        rate, window_s = min(
            (self._rate_of(quota, now, in_flight, to_come, own_per_s), quota.window_s)
            for quota in self._all.values()
        )
        return min(rate * self._trim_at(now, window_s), self._reached_per_s)

    def refilled_at(self, now: float, *, in_flight: int) -> float:
        """When all budgets that are used up are full again."""
        return max(
            quota.refilled_at(now)
            for quota in self._all.values()
            if not self._rate_of(quota, now, in_flight, inf, 1.0)
        )

    def _rate_of(
        self, quota: Quota, now: float, in_flight: int, to_come: float, own_per_s: float
    ) -> float:
        even = quota.rate_per_s(now, in_flight=in_flight)
        if quota.covers(to_come):
            return max(even, own_per_s)
        if quota.window_s <= self.spread_s:
            return even
        # Nobody waits for its end: what remains is sent, and then the job stops.
        return own_per_s if quota.covers(in_flight + 1) else 0.0

    def _trim_at(self, now: float, window_s: float) -> float:
        return min(1.0, self._trim + TRIM * (now - self._trimmed_at) / (10 * window_s))

    def _count_silence(self, named: set[str]) -> None:
        """Count budgets that an answer left out; forget those left out for long, but the last."""
        for name in list(self._all):
            self._silent[name] = 0 if name in named else self._silent[name] + 1
            if self._silent[name] >= SILENT_ANSWERS and named:
                del self._all[name], self._silent[name]
        self._silent = +self._silent
