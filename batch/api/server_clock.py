"""What time it is at the server, learnt from the `Date` of its answers."""

import time
from collections.abc import Callable

from batch.api.headers import read_http_date

REMEMBERED_S = 60.0  # clocks drift: what was heard longer ago counts for as long again at most
SLOWEST_S = 5.0  # a Date that is further behind comes from another clock, or from one set back


class ServerClock:
    """The server's Unix time, as far as its answers tell it.

    A `Date` names a whole second that has begun, and takes time to get here. So none is ahead of
    the server, and of several the one furthest ahead is the truest.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        own_unix_s: Callable[[], float] = time.time,
    ) -> None:
        """clock: seconds that only rise. own_unix_s: stands in while the server tells no time."""
        self._clock = clock
        self._own_unix_s = own_unix_s
        self._heard = ""
        self._ahead: dict[int, float] = {}  # of our clock, the most by spans of REMEMBERED_S

    def hear(self, date: str) -> None:
        """Take an answer's `Date` into account as it comes in; one that can't be read is none."""
        if date == self._heard:  # a second's first answer tells the most
            return
        self._heard = date
        moment = read_http_date(date)
        if moment is None:
            return
        now = self._clock()
        ahead = moment.timestamp() - now
        known = self._known(now)
        if known and ahead < max(known.values()) - SLOWEST_S:
            known = {}
        span = int(now // REMEMBERED_S)
        self._ahead = known | {span: max(ahead, known.get(span, ahead))}

    def now_s(self) -> float:
        """The server's Unix time in seconds: never ahead of it, and behind by a second or two."""
        now = self._clock()
        known = self._known(now)
        return now + max(known.values()) if known else self._own_unix_s()

    def _known(self, now: float) -> dict[int, float]:
        """What was heard in this span and in the one before it."""
        oldest = int(now // REMEMBERED_S) - 1
        return {span: ahead for span, ahead in self._ahead.items() if span >= oldest}
