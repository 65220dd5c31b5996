"""Read from a response's headers how long to wait, and the server's time.

Also how numbers and dates are spelt in headers that follow no standard. Pure: clocks come in as
arguments.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

LONGEST_WAIT_S = 365 * 24 * 3600.0  # more is as good as never; no clock overflows on it
REMEMBERED_S = 60.0  # clocks drift: a Date counts for this long, and up to as long again
SLOWEST_S = 5.0  # a Date that is further behind comes from another clock, or from one set back

LONGEST_WAIT = 1000  # characters of a number of seconds
LONGEST_DATE = 100  # characters; JavaScript's longest has some 80

# RFC 9110 has whole seconds; some servers add a part, and some a unit.
_WAIT = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r"(?: ?(?:(?P<ms>ms|milliseconds?)|s|secs?|seconds?|(?P<min>min|minutes?)|(?P<h>h|hours?)))?"
)
# Without a space: a space after a comma parts the members of a list.
_GROUPED = re.compile(r"[0-9]{1,3}(?:[,'_][0-9]{3}){1,4}(?:\.[0-9]{1,9})?")
_NO_SEPARATORS = str.maketrans("", "", ",'_")
_JS_DATE = re.compile(
    r"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[0-9]{2}) (?P<year>[0-9]{4}) "
    r"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2}) GMT(?P<zone>[+-][0-9]{4})(?: \([^()]*\))?"
)


def retry_after_s(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """Seconds the server asks us to wait, or None if it does not say.

    headers: names in lower case, or a mapping that ignores case.
    now: aware UTC time. A date is measured from the answer's own `Date` where it has one, so that
    a clock of ours that runs ahead can't shorten the wait.
    Beside the standard's two forms, numbers with a part or a unit and other dates are read, too.
    A date in the past gives 0; an unreadable value gives None. The header given twice counts as
    the longer wait; no wait is longer than LONGEST_WAIT_S. Raises nothing.
    Source: RFC 9110 section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    waits = [read_wait_s(each) for each in split_list(value)]
    known = [each for each in waits if each is not None]
    if len(known) == len(waits):
        return max(known)
    until = read_http_date(value) or read_date(value)
    if until is None:
        return None
    since = read_http_date(headers.get("date", "")) or now
    return min(max(0.0, (until - since).total_seconds()), LONGEST_WAIT_S)


def read_wait_s(text: str) -> float | None:
    """Seconds that a text like 12, 0.85, 1,200, 1500ms or "2 minutes" names; None for others.

    Never more than LONGEST_WAIT_S.
    """
    found = _WAIT.fullmatch(text.strip().lower()) if len(text) <= LONGEST_WAIT else None
    if found is None:
        return None
    factor = 0.001 if found["ms"] else 60 if found["min"] else 3600 if found["h"] else 1
    return min(float(found["number"]) * factor, LONGEST_WAIT_S)


def split_list(value: str) -> list[str]:
    """The members of a header that is a list, or several headers of one name.

    A comma with three digits behind it and no space parts thousands, not members: 1,200.
    """
    members = []
    for part in value.split(", "):
        if _GROUPED.fullmatch(part.strip()):
            members.append(part.translate(_NO_SEPARATORS))
        else:
            members += part.split(",")
    return [member.strip() for member in members]


def read_http_date(value: str) -> datetime | None:
    """The moment that an HTTP date names (any of the three forms), or None. Raises nothing."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo:
        return moment
    # The library leaves out zones that it can't read. asctime()'s five words are in UTC.
    is_utc = value.endswith("-0000") or len(value.split()) == 5
    return moment.replace(tzinfo=UTC) if is_utc else None


@lru_cache(maxsize=64)  # answers in a row name the same reset
def read_date(text: str) -> datetime | None:
    """The moment that a date text names, or None: an HTTP date, ISO 8601, JavaScript's toString().

    Texts in whole seconds have often dropped a part: then it is the second's end. A text without a
    zone is not believed: it may be any zone's time, and an hour's error is worse than none.
    Raises nothing.
    """
    if len(text) > LONGEST_DATE:
        return None
    if found := _JS_DATE.fullmatch(text):
        iso = f"{found['day']} {found['month']} {found['year']} {found['time']} {found['zone']}"
        moment = read_http_date(iso)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = read_http_date(text)
    if moment is None or moment.tzinfo is None:
        return None
    try:
        return moment.astimezone(UTC) + timedelta(seconds="." not in text)
    except OverflowError:  # in the year 0 or 10,000
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
