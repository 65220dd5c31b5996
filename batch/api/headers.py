"""Read from a response's headers how long to wait, and the server's time.

Pure: clocks come in as arguments.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from batch.statuses import may_pass

LONGEST_WAIT_S = 365 * 24 * 3600.0  # more is as good as never; no clock overflows on it
REMEMBERED_S = 60.0  # clocks drift: a Date counts for this long, and up to as long again
SLOWEST_S = 5.0  # a Date that is further behind comes from another clock, or from one set back

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")  # RFC 9110 has whole seconds; some servers add a part


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds the server asks us to wait, or None if it does not say.

    headers: names in lower case, or a mapping that ignores case.
    now: aware UTC time. A date is measured from the answer's own `Date` where it has one, so that
    a clock of ours that runs ahead can't shorten the wait.
    A date in the past gives 0; an unreadable value gives None. The header given twice counts as
    the longer wait; no wait is longer than LONGEST_WAIT_S. Raises nothing.
    Source: RFC 9110 section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    waits = [each.strip() for each in value.split(",")]
    if all(map(_SECONDS.fullmatch, waits)):
        return min(max(map(float, waits)), LONGEST_WAIT_S)
    until = read_http_date(value)
    if until is None:
        return None
    since = read_http_date(headers.get("date", "")) or now
    return min(max(0.0, (until - since).total_seconds()), LONGEST_WAIT_S)


def asked_wait_s(http_status: int, headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds that an answer tells us to wait; None if it doesn't.

    Only an answer that is worth another try counts: on a served one (2xx, or a final refusal)
    `Retry-After` is no order, and some servers send it with each. Otherwise as `retry_after_s`.
    Sources: RFC 9110 section 10.2.3, RFC 6585 section 4.
    """
    return retry_after_s(headers, now=now) if may_pass(http_status) else None


def read_http_date(value: str) -> datetime | None:
    """The moment that an HTTP date names (any of the three forms), or None. Raises nothing."""
    try:
        moment = parsedate_to_datetime(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


class ServerClock:
    """The server's Unix time, by the `Date` of its answers.

    A `Date` names a whole second that has begun, and takes time to get here. So none is ahead of
    the server, and of several the one furthest ahead is the best.
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
        self._last_date = ""
        self._ahead: dict[int, float] = {}  # of our clock, the most in each span of REMEMBERED_S

    def observe(self, date: str) -> None:
        """Take the `Date` of an answer into account as it arrives; ignore an unreadable one."""
        if date == self._last_date:  # the first answer of a second is the most exact
            return
        self._last_date = date
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
        """How far ahead the server was, in this span of REMEMBERED_S and in the one before."""
        oldest = int(now // REMEMBERED_S) - 1
        return {span: ahead for span, ahead in self._ahead.items() if span >= oldest}
