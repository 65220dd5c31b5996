"""What time it is at the server, learnt from the `Date` of its answers."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

REMEMBERED_S = 60.0  # clocks drift, and are set: what was heard longer ago no longer counts


class ServerClock:
    """The server's Unix time. `Date` names whole seconds that have begun, so that of what several
    answers say the one furthest ahead is the truest.

    clock: seconds that only rise. own_unix_s: the Unix time of this machine, which stands in where
    the server tells none.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        own_unix_s: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._own_unix_s = own_unix_s
        self._heard = ""
        self._ahead: dict[int, float] = {}  # by spans of REMEMBERED_S: the two latest are kept

    def hear(self, date: str) -> None:
        """Take an answer's `Date` into account as it comes in; one that can't be read is none."""
        if not date or date == self._heard:
            return
        self._heard = date
        try:
            unix_s = parsedate_to_datetime(date).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return
        now = self._clock()
        span = int(now // REMEMBERED_S)
        self._ahead = {key: ahead for key, ahead in self._ahead.items() if key >= span - 1}
        self._ahead[span] = max(unix_s - now, self._ahead.get(span, float("-inf")))

    def now_s(self) -> float:
        """The server's Unix time, in seconds; at most a second behind it, if it named any."""
        if not self._ahead:
            return self._own_unix_s()
        return self._clock() + max(self._ahead.values())
