"""How many requests may be sent: a fixed window, a sliding window, a token bucket, or several.

Pure: time is an argument. `telling.py` spells the headers that tell it.
"""

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    others: further budgets of the same server that this request met.
    """

    admitted: bool
    limit: int
    window_s: float
    remaining: int
    reset_s: float
    retry_after_s: float
    others: tuple["Budget", ...] = ()


class LimitBy(StrEnum):
    """Whose a budget is."""

    KEY = "key"
    WORKSPACE = "workspace"  # all its keys together
    ALL = "all"  # one for all of them


class Limiter(Protocol):
    """One budget. A refused request costs nothing."""

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time (seconds; never earlier than the last)."""


class Single(Limiter, Protocol):
    """A limiter of one budget."""

    def give_back(self) -> None:
        """Undo the admission of the last request: another budget has refused it."""


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

    def give_back(self) -> None:
        """Undo the last admission."""
        self._used -= 1


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

    def give_back(self) -> None:
        """Undo the last admission."""
        self._admitted_at.pop()


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

    def give_back(self) -> None:
        """Undo the last admission."""
        self._tokens += 1


class Several:
    """Several budgets at once, as a minute's and an hour's: a request needs all of them."""

    def __init__(self, limiters: Sequence[Single]) -> None:
        self._limiters = limiters

    def take(self, now_s: float) -> Budget:
        """Admit or refuse a request at this time; one that is refused costs no budget anything."""
        budgets = [limiter.take(now_s) for limiter in self._limiters]
        wait_s = max(budget.retry_after_s for budget in budgets)
        if not all(budget.admitted for budget in budgets):
            for limiter, budget in zip(self._limiters, budgets, strict=True):
                if budget.admitted:
                    limiter.give_back()
            budgets = [
                replace(budget, admitted=False, remaining=budget.remaining + budget.admitted)
                for budget in budgets
            ]
        return replace(budgets[0], retry_after_s=wait_s, others=tuple(budgets[1:]))


_SPEC = re.compile(
    r"(?P<kind>fixed|sliding|bucket):(?P<limit>[1-9]\d*)/"
    r"(?P<count>\d+(?:\.\d+)?)?(?P<unit>s|min|h|d)(?:,burst=(?P<burst>[1-9]\d*))?"
)
_UNIT_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


def make_limiter(spec: str) -> Limiter:
    """A fresh limiter from its spelling: fixed:100/10s, sliding:60/min, bucket:10/s,burst=20.

    A bucket without `burst` holds as many tokens as it gets in a window. Several budgets have a +
    between them: fixed:60/min+fixed:1000/h. SandboxError if the spelling is none of these.
    """
    limiters = [_make_single(part, spec) for part in spec.split("+")]
    return limiters[0] if len(limiters) == 1 else Several(limiters)


def _make_single(part: str, spec: str) -> Single:
    """The limiter of one budget. spec: the whole spelling, for the error."""
    found = _SPEC.fullmatch(part)
    window_s = float(found["count"] or 1) * _UNIT_S[found["unit"]] if found else 0
    if not found or not window_s or (found["burst"] and found["kind"] != "bucket"):
        raise SandboxError(
            f'--rate-limit: found "{spec}"; expected fixed:100/10s, sliding:60/min or '
            "bucket:10/s,burst=20 (units s, min, h, d), or several with + between them."
        )
    limit = int(found["limit"])
    if found["kind"] == "fixed":
        return FixedWindow(limit=limit, window_s=window_s)
    if found["kind"] == "sliding":
        return SlidingWindow(limit=limit, window_s=window_s)
    return TokenBucket(limit=limit, window_s=window_s, burst=int(found["burst"] or limit))
