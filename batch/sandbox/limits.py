"""How many requests a key may send: fixed window, sliding window, token bucket.

Pure: the time comes in as an argument. Nothing here knows HTTP.
"""

import math
import re
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from batch.sandbox.options import SandboxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a limiter says to one request.

    limit, window_s: the budget's size and the seconds it is meant for.
    remaining: requests that would be admitted right now, after this one.
    reset_s: seconds until the whole budget is there again if nothing more is sent.
    retry_after_s: seconds until one more would be admitted; 0 when this one was.
    """

    admitted: bool
    limit: int
    window_s: float
    remaining: int
    reset_s: float
    retry_after_s: float


class Limiter(Protocol):
    """One key's budget. A request that is refused costs nothing."""

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time (seconds, never going back)."""


class FixedWindow:
    """A budget that is whole again at every multiple of the window."""

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
