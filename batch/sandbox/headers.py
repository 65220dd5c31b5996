"""How a rate limit is told in headers: every spelling that SendKit may use."""

import math
from email.utils import formatdate
from enum import StrEnum

from batch.sandbox.limits import Budget
from batch.sandbox.options import SandboxError


class Spelling(StrEnum):
    """One way to tell a client its budget; several can be used together."""

    IETF = "ietf"  # RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit-headers-10
    RATELIMIT = "ratelimit"  # RateLimit-Limit, -Remaining, -Reset in seconds from now
    X_DELTA = "x-delta"  # X-RateLimit-Limit, -Remaining, -Reset in seconds from now
    X_UNIX = "x-unix"  # the same, the reset as a Unix time
    RETRY_AFTER = "retry-after"  # on refusals only, whole seconds
    RETRY_AFTER_DATE = "retry-after-date"  # on refusals only, an HTTP date


_ON_REFUSAL = {Spelling.RETRY_AFTER, Spelling.RETRY_AFTER_DATE}


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
    """The headers that tell this budget. Times are rounded up to whole seconds.

    now_s: Unix time.
    """
    headers: dict[str, str] = {}
    for spelling in spellings:
        if budget.admitted and spelling in _ON_REFUSAL:
            continue
        headers |= _spell_one(budget, spelling, now_s=now_s)
    return headers


def _spell_one(budget: Budget, spelling: Spelling, *, now_s: float) -> dict[str, str]:
    reset_s = math.ceil(budget.reset_s)
    match spelling:
        case Spelling.IETF:
            return {
                "RateLimit-Policy": f'"default";q={budget.limit};w={math.ceil(budget.window_s)}',
                "RateLimit": f'"default";r={budget.remaining};t={reset_s}',
            }
        case Spelling.RATELIMIT:
            return _triple("RateLimit", budget, reset=reset_s)
        case Spelling.X_DELTA:
            return _triple("X-RateLimit", budget, reset=reset_s)
        case Spelling.X_UNIX:
            return _triple("X-RateLimit", budget, reset=math.ceil(now_s + budget.reset_s))
        case Spelling.RETRY_AFTER:
            return {"Retry-After": str(math.ceil(budget.retry_after_s))}
        case Spelling.RETRY_AFTER_DATE:
            return {"Retry-After": http_date(now_s + budget.retry_after_s)}


def _triple(prefix: str, budget: Budget, *, reset: int) -> dict[str, str]:
    return {
        f"{prefix}-Limit": str(budget.limit),
        f"{prefix}-Remaining": str(budget.remaining),
        f"{prefix}-Reset": str(reset),
    }


def http_date(unix_s: float) -> str:
    """The HTTP date of a Unix time, rounded up to the next whole second (RFC 9110, 5.6.7)."""
    return formatdate(math.ceil(unix_s), usegmt=True)
