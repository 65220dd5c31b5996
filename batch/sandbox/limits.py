"""How many requests a key may send, and the headers that tell it.

Limiters are a fixed window, a sliding window and a token bucket. Pure: time is an argument.
"""

import math
import re
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from enum import StrEnum
from typing import Protocol

from batch.sandbox.options import SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limiter's answer to one request.

    limit, window_s: requests of the whole budget, and the seconds that it is for.
    remaining: further requests that would be admitted right now.
    reset_s: seconds until the whole budget is available again if nothing more is sent.
    retry_after_s: seconds until one more would be admitted; 0 if this one was.
    """

    admitted: bool
    limit: int
    window_s: float
    remaining: int
    reset_s: float
    retry_after_s: float


class Limiter(Protocol):
    """One key's budget. A refused request costs nothing."""

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time (seconds; never earlier than the last)."""


class FixedWindow:
    """A budget that is renewed at every multiple of the window."""

    def __init__(self, *, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._window = -1
        self._used = 0

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time."""
        window = math.floor(now_s / self._window_s)
        if window != self._window:
            self._window, self._used = window, 0
        admitted = self._used < self._limit
        self._used += admitted
        left_s = (window + 1) * self._window_s - now_s
        return Budget(
            admitted=admitted,
            limit=self._limit,
            window_s=self._window_s,
            remaining=self._limit - self._used,
            reset_s=left_s,
            retry_after_s=0.0 if admitted else left_s,
        )


class SlidingWindow:
    """At most `limit` requests in any span as long as the window."""

    def __init__(self, *, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._admitted_at: deque[float] = deque()

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time."""
        times = self._admitted_at
        while times and times[0] + self._window_s <= now_s:
            times.popleft()
        admitted = len(times) < self._limit
        if admitted:
            times.append(now_s)
        return Budget(
            admitted=admitted,
            limit=self._limit,
            window_s=self._window_s,
            remaining=self._limit - len(times),
            # In this order a request of right now gives the window itself, not a hair more.
            reset_s=self._window_s - (now_s - times[-1]),
            retry_after_s=0.0 if admitted else self._window_s - (now_s - times[0]),
        )


class TokenBucket:
    """A bucket of `burst` tokens, filled evenly with `limit` tokens a window; it starts full."""

    def __init__(self, *, limit: int, window_s: float, burst: int) -> None:
        self._limit = limit
        self._window_s = window_s
        self._burst = burst
        self._per_s = limit / window_s
        self._tokens = float(burst)
        self._at_s: float | None = None

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time."""
        since_s = 0.0 if self._at_s is None else now_s - self._at_s
        self._tokens = min(self._burst, self._tokens + since_s * self._per_s)
        self._at_s = now_s
        # A hair below a whole token is a rounding error of the sum above, no early request.
        admitted = self._tokens >= 1 - 1e-9
        self._tokens = max(0.0, self._tokens - admitted)
        return Budget(
            admitted=admitted,
            limit=self._limit,
            window_s=self._window_s,
            remaining=math.floor(self._tokens + 1e-9),
            reset_s=(self._burst - self._tokens) / self._per_s,
            retry_after_s=0.0 if admitted else (1 - self._tokens) / self._per_s,
        )


_SPEC = re.compile(
    r"(?P<kind>fixed|sliding|bucket):(?P<limit>[1-9]\d*)/"
    r"(?P<count>\d+(?:\.\d+)?)?(?P<unit>s|min|h)(?:,burst=(?P<burst>[1-9]\d*))?"
)
_UNIT_S = {"s": 1, "min": 60, "h": 3600}


def make_limiter(spec: str) -> Limiter:
    """A fresh limiter from its spelling: fixed:100/10s, sliding:60/min, bucket:10/s,burst=20.

    A bucket without `burst` holds as many tokens as it gets in a window. SandboxError if the
    spelling is none of these.
    """
    found = _SPEC.fullmatch(spec)
    window_s = float(found["count"] or 1) * _UNIT_S[found["unit"]] if found else 0
    if not found or not window_s or (found["burst"] and found["kind"] != "bucket"):
        raise SandboxError(
            f'--rate-limit: found "{spec}"; expected fixed:100/10s, sliding:60/min or '
            "bucket:10/s,burst=20 (units s, min, h)."
        )
    limit = int(found["limit"])
    if found["kind"] == "fixed":
        return FixedWindow(limit=limit, window_s=window_s)
    if found["kind"] == "sliding":
        return SlidingWindow(limit=limit, window_s=window_s)
    return TokenBucket(limit=limit, window_s=window_s, burst=int(found["burst"] or limit))


class Spelling(StrEnum):
    """One way of telling a client its budget; several can be combined."""

    IETF = "ietf"  # RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit-headers-10
    RATELIMIT = "ratelimit"  # RateLimit-Limit, -Remaining, -Reset in seconds from now
    X_DELTA = "x-delta"  # X-RateLimit-Limit, -Remaining, -Reset in seconds from now
    X_UNIX = "x-unix"  # the same, the reset as a Unix time
    RETRY_AFTER = "retry-after"  # on refusals only, whole seconds
    RETRY_AFTER_DATE = "retry-after-date"  # on refusals only, an HTTP date


def parse_spellings(text: str) -> tuple[Spelling, ...]:
    """The spellings in a list like "ietf,retry-after"; "none" gives none of them."""
    if text == "none":
        return ()
    try:
        return tuple(Spelling(word) for word in text.split(","))
    except ValueError as error:
        raise SandboxError(
            f'--headers: found "{text}"; expected none, or some of {", ".join(Spelling)}, '
            "with commas between them."
        ) from error


def spell(budget: Budget, spellings: tuple[Spelling, ...], *, now_s: float) -> dict[str, str]:
    """The headers that tell this budget, in whole seconds, rounded up. now_s: Unix time."""
    headers: dict[str, str] = {}
    reset_s = math.ceil(budget.reset_s)
    for spelling in spellings:
        match spelling:
            case Spelling.IETF:
                window_s = math.ceil(budget.window_s)
                headers["RateLimit-Policy"] = f'"default";q={budget.limit};w={window_s}'
                headers["RateLimit"] = f'"default";r={budget.remaining};t={reset_s}'
            case Spelling.RATELIMIT:
                headers |= _triple("RateLimit", budget, reset=reset_s)
            case Spelling.X_DELTA:
                headers |= _triple("X-RateLimit", budget, reset=reset_s)
            case Spelling.X_UNIX:
                reset = math.ceil(now_s + budget.reset_s)
                headers |= _triple("X-RateLimit", budget, reset=reset)
            case Spelling.RETRY_AFTER if not budget.admitted:
                headers["Retry-After"] = str(math.ceil(budget.retry_after_s))
            case Spelling.RETRY_AFTER_DATE if not budget.admitted:
                headers["Retry-After"] = http_date(now_s + budget.retry_after_s)
    return headers


def _triple(prefix: str, budget: Budget, *, reset: int) -> dict[str, str]:
    return {
        f"{prefix}-Limit": str(budget.limit),
        f"{prefix}-Remaining": str(budget.remaining),
        f"{prefix}-Reset": str(reset),
    }


def http_date(unix_s: float) -> str:
    """The HTTP date of a Unix time, rounded up to the next whole second (RFC 9110, 5.6.7)."""
    return formatdate(math.ceil(unix_s), usegmt=True)
