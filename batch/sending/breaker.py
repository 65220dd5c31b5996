"""A circuit breaker: whether the server seems to be away, and when to probe it.

A pure state machine like the pacer: time comes in as an argument (seconds of a monotonic clock),
and nothing here sleeps. Closed, it lets every attempt through. After failures in a row of several
rows it opens, and lets single probes through until the server serves one: the first at once, the
others at growing intervals. Rows that lie side by side may fail by themselves, so a probe should be
of another, distant row: if the first one is served, the server was never away.
"""

from collections import deque
from dataclasses import dataclass, replace

FAILURES_IN_A_ROW = 5  # the last of them is the first probe
ROWS_IN_A_ROW = 3  # fewer may be rows that always fail, whatever the server's health
FIRST_PROBE_S = 1.0
# Others were served for so long after an attempt left that failed, or so many that left after it:
# it is its row. A server that goes away takes along some that left a little before the last served.
MEANWHILE_S = 1.0
MEANWHILE_REQUESTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A server that seems to be away (seconds).

    since: when the first failed attempt left. next_probe_at: None while a probe is on its way.
    why: the last failure, in a few words.
    """

    since: float
    next_probe_at: float | None
    why: str = ""


class Breaker:
    """One for the whole job.

    max_probe_s: longest interval between probes, which begins at a second and doubles.
    max_outage_s: once an outage has lasted this long, a last probe is due.
    outages: those so far whose first probe failed, with the current one.
    failed_probes: of the current outage.
    """

    def __init__(self, *, max_probe_s: float, max_outage_s: float) -> None:
        self._max_probe_s = max_probe_s
        self._max_outage_s = max_outage_s
        self._failures = 0
        self._rows: set[int] = set()
        self._failing: set[int] = set()
        self._since = 0.0
        self._served_at = float("-inf")
        self._served_sent_at = deque[float](maxlen=MEANWHILE_REQUESTS)
        self._outage: Outage | None = None
        self.outages = 0
        self.failed_probes = 0

    @property
    def outage(self) -> Outage | None:
        """The current outage, if any."""
        return self._outage

    def take_probe(self, now: float) -> bool:
        """Take the probe that is due, if one is. False while closed."""
        outage = self._outage
        if outage is None or outage.next_probe_at is None or now < outage.next_probe_at:
            return False
        self._outage = replace(outage, next_probe_at=None)
        return True

    def report_failure(
        self, now: float, *, sent_at: float, row: int, probe: bool, why: str = ""
    ) -> None:
        """Count a fault or temporary server error of the row's attempt that left at `sent_at`.

        One of a row that fails by itself says nothing about the server, unless it is a probe.
        """
        if self._served_at - sent_at >= MEANWHILE_S or self._passed(sent_at):
            self.blame(row)
        if self.fails_by_itself(row) and not probe:
            return
        if not self._failures:
            self._since = sent_at
        self._failures += 1
        self._rows.add(row)
        if self._outage is None:
            if self._failures >= FAILURES_IN_A_ROW - 1 and len(self._rows) >= ROWS_IN_A_ROW:
                self._outage = Outage(since=self._since, next_probe_at=now)
        elif probe:
            self.outages += not self.failed_probes
            self._schedule(now, FIRST_PROBE_S * 2.0 ** min(self.failed_probes, 60))
            self.failed_probes += 1
        if self._outage is not None:
            self._outage = replace(self._outage, why=why)

    def report_neutral(self, now: float) -> None:
        """Allow another probe, after one whose answer tells nothing, such as a hold-back."""
        if self._outage is not None and self._outage.next_probe_at is None:
            self._outage = replace(self._outage, next_probe_at=now)

    def report_served(self, now: float, *, row: int, sent_at: float = float("-inf")) -> None:
        """Close: the server gave a final answer, so it is there. sent_at: of the request."""
        self._served_at = now
        self._served_sent_at.append(sent_at)
        if self._outage is not None and not self.failed_probes:
            self._failing |= self._rows
        self._failing.discard(row)
        self._failures = self.failed_probes = 0
        self._rows.clear()
        self._outage = None

    def blame(self, row: int) -> None:
        """Blame failures of the row on itself until it is served: others were, meanwhile."""
        self._failing.add(row)

    def fails_by_itself(self, row: int) -> bool:
        """True if a row failed while others were served, and was not served since."""
        return row in self._failing

    def is_overdue(self, now: float) -> bool:
        """True once an outage has lasted for max_outage_s."""
        return self._outage is not None and now - self._since >= self._max_outage_s

    def _passed(self, sent_at: float) -> bool:
        """Whether the last that were served, 100 of them, all left after a request that failed."""
        return (
            len(self._served_sent_at) == MEANWHILE_REQUESTS and min(self._served_sent_at) > sent_at
        )

    def _schedule(self, now: float, wait_s: float) -> None:
        wait_s = min(wait_s, self._max_probe_s)
        due = min(now + wait_s, max(now, self._since + self._max_outage_s))
        self._outage = Outage(since=self._since, next_probe_at=due)
