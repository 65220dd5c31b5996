"""A circuit breaker: when the server seems to be away, and when to look whether it is back.

A pure state machine like the pacer: the time comes in as an argument, in seconds of any
monotonic clock, and nothing here sleeps. Closed, it lets everybody through. After failures in a
row, of several rows, it opens, and lets single probes through at growing intervals until the
server serves something again.
"""

from dataclasses import dataclass, replace

FAILURES_IN_A_ROW = 5
ROWS_IN_A_ROW = 3  # fewer may be rows that always fail, and say nothing about the server
FIRST_PROBE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A server that seems to be away (seconds).

    since: when the first attempt left that failed. next_probe_at: None while one is on its way.
    why: what the last attempt failed by, in a few words.
    """

    since: float
    next_probe_at: float | None
    why: str = ""


class Breaker:
    """One for the whole job.

    max_probe_s: the longest interval between two probes; they begin at a second and double.
    max_outage_s: when an outage has lasted so long, a last probe is due.
    """

    def __init__(self, *, max_probe_s: float, max_outage_s: float) -> None:
        self._max_probe_s = max_probe_s
        self._max_outage_s = max_outage_s
        self._failures = 0
        self._rows: set[int] = set()
        self._since = 0.0
        self._probe_s = 0.0
        self._outage: Outage | None = None
        self.outages = 0  # how many there were, with the one that is going on

    @property
    def outage(self) -> Outage | None:
        """The outage that is going on, if any."""
        return self._outage

    def take_probe(self, now: float) -> bool:
        """Whether the one probe that is due may leave now; never while closed."""
        outage = self._outage
        if outage is None or outage.next_probe_at is None or now < outage.next_probe_at:
            return False
        self._outage = replace(outage, next_probe_at=None)
        return True

    def report_failure(
        self, now: float, *, sent_at: float, row: int, probe: bool, why: str = ""
    ) -> None:
        """A fault, or a passing server error, of the row's attempt that left at `sent_at`."""
        if not self._failures:
            self._since = sent_at
        self._failures += 1
        self._rows.add(row)
        if self._outage is None:
            if self._failures >= FAILURES_IN_A_ROW and len(self._rows) >= ROWS_IN_A_ROW:
                self.outages += 1
                self._schedule(now, FIRST_PROBE_S)
        elif probe:
            self._schedule(now, self._probe_s * 2)
        if self._outage is not None:
            self._outage = replace(self._outage, why=why)

    def report_neutral(self, now: float) -> None:
        """A probe that told nothing, such as one that was held back: another one may leave."""
        if self._outage is not None and self._outage.next_probe_at is None:
            self._outage = replace(self._outage, next_probe_at=now)

    def report_served(self) -> None:
        """The server answered something final: it is there."""
        self._failures = 0
        self._rows.clear()
        self._outage = None

    def is_overdue(self, now: float) -> bool:
        """Whether an outage has lasted as long as is waited for."""
        return self._outage is not None and now - self._since >= self._max_outage_s

    def _schedule(self, now: float, wait_s: float) -> None:
        self._probe_s = min(wait_s, self._max_probe_s)
        due = min(now + self._probe_s, max(now, self._since + self._max_outage_s))
        self._outage = Outage(since=self._since, next_probe_at=due)
