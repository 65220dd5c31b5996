"""The headers that tell a client its budgets, in the spellings of servers that there are.

Pure: time is an argument.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import formatdate
from enum import StrEnum

from batch.sandbox.limits import Budget
from batch.sandbox.options import SandboxError


class Spelling(StrEnum):
    """One way of telling a client its budget; several can be combined.

    Those that begin with x- use the same three headers, X-RateLimit-Limit, -Remaining and -Reset:
    of several of them the last counts. Seconds are whole and rounded up unless it says otherwise.
    """

    IETF = "ietf"  # RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit-headers-10
    RATELIMIT = "ratelimit"  # RateLimit-Limit, -Remaining, -Reset in seconds from now
    X_DELTA = "x-delta"  # the reset in seconds from now
    X_MS = "x-ms"  # in milliseconds from now
    X_UNIX = "x-unix"  # as a Unix time
    X_UNIX_FLOOR = "x-unix-floor"  # as a Unix time, rounded down
    X_UNIX_MS = "x-unix-ms"  # as a Unix time in milliseconds
    X_ISO = "x-iso"  # as 2026-11-30T14:20:00.250Z, as JavaScript's toISOString() writes it
    X_JS = "x-js"  # as JavaScript's toString() writes it, which drops parts of a second
    X_GROUPED = "x-grouped"  # as x-delta, numbers with separators: 1,200
    X_NEGATIVE = "x-negative"  # as x-delta; a refusal tells that -1 remains
    X_NAMED = "x-named"  # X-RateLimit-Limit-Minute, -Remaining-Minute and so on; no reset
    X_NO_RESET = "x-no-reset"  # no reset
    RETRY_AFTER = "retry-after"  # on refusals only, whole seconds
    RETRY_AFTER_DATE = "retry-after-date"  # on refusals only, an HTTP date
    # On every answer: on one that is served the seconds until the budget is whole again.
    RETRY_AFTER_ALWAYS = "retry-after-always"  # whole seconds
    RETRY_AFTER_FRACTION = "retry-after-fraction"  # with three decimals
    RETRY_AFTER_TEXT = "retry-after-text"  # "12 seconds"


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
    """The headers that tell this budget, and others beside it. now_s: Unix time."""
    headers: dict[str, str] = {}
    budgets = (budget, *budget.others)
    for spelling in spellings:
        if spelling is Spelling.IETF:
            headers |= _spell_ietf(budgets)
        elif spelling is Spelling.X_NAMED:
            headers |= _spell_named(budgets)
        elif spelling in _RESETS:
            headers |= _spell_three(budgets, spelling, now_s=now_s)
        elif spelling in _WAITS or not budget.admitted:
            wait_s = budget.reset_s if budget.admitted else budget.retry_after_s
            spell_wait = _WAITS.get(spelling, _seconds)
            is_date = spelling is Spelling.RETRY_AFTER_DATE
            headers["Retry-After"] = http_date(now_s + wait_s) if is_date else spell_wait(wait_s)
    return headers


def _seconds(wait_s: float) -> str:
    return str(math.ceil(wait_s))


def _js_date(unix_s: float) -> str:
    moment = datetime.fromtimestamp(math.floor(unix_s), UTC)
    day = formatdate(moment.timestamp(), usegmt=True)  # "Mon, 30 Nov 2026 14:20:00 GMT"
    weekday, month = day[:3], day[8:11]
    return f"{weekday} {month} {moment:%d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"


def _iso_date(unix_s: float) -> str:
    moment = datetime.fromtimestamp(math.ceil(unix_s * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _grouped(number: int) -> str:
    return f"{number:,}"


# How a reset is spelt: of the seconds until then, and of the Unix time.
_RESETS: Mapping[Spelling, Callable[[float, float], str]] = {
    Spelling.RATELIMIT: lambda reset_s, _: _seconds(reset_s),
    Spelling.X_DELTA: lambda reset_s, _: _seconds(reset_s),
    Spelling.X_MS: lambda reset_s, _: str(math.ceil(1000 * reset_s)),
    Spelling.X_UNIX: lambda _, reset_at: str(math.ceil(reset_at)),
    Spelling.X_UNIX_FLOOR: lambda _, reset_at: str(math.floor(reset_at)),
    Spelling.X_UNIX_MS: lambda _, reset_at: str(math.ceil(1000 * reset_at)),
    Spelling.X_ISO: lambda _, reset_at: _iso_date(reset_at),
    Spelling.X_JS: lambda _, reset_at: _js_date(reset_at),
    Spelling.X_GROUPED: lambda reset_s, _: _grouped(math.ceil(reset_s)),
    Spelling.X_NEGATIVE: lambda reset_s, _: _seconds(reset_s),
    Spelling.X_NO_RESET: lambda *_: "",
}
_WAITS: Mapping[Spelling, Callable[[float], str]] = {
    Spelling.RETRY_AFTER_ALWAYS: _seconds,
    Spelling.RETRY_AFTER_FRACTION: lambda wait_s: f"{math.ceil(1000 * wait_s) / 1000:.3f}",
    Spelling.RETRY_AFTER_TEXT: lambda wait_s: f"{math.ceil(wait_s)} seconds",
}
_WINDOWS = {1: "Second", 60: "Minute", 3600: "Hour", 86_400: "Day"}


def _spell_ietf(budgets: tuple[Budget, ...]) -> dict[str, str]:
    """A policy each; the first is called default, others have their window's seconds as name."""
    names = ["default", *(f"{math.ceil(budget.window_s)}s" for budget in budgets[1:])]
    named = list(zip(names, budgets, strict=True))
    return {
        "RateLimit-Policy": ", ".join(
            f'"{name}";q={budget.limit};w={math.ceil(budget.window_s)}' for name, budget in named
        ),
        "RateLimit": ", ".join(
            f'"{name}";r={budget.remaining};t={math.ceil(budget.reset_s)}' for name, budget in named
        ),
    }


def _spell_named(budgets: tuple[Budget, ...]) -> dict[str, str]:
    """A pair each, named after its window; one of another length is not told."""
    headers = {}
    for budget in budgets:
        if name := _WINDOWS.get(round(budget.window_s)):
            headers[f"X-RateLimit-Limit-{name}"] = str(budget.limit)
            headers[f"X-RateLimit-Remaining-{name}"] = str(budget.remaining)
    return headers


def _spell_three(
    budgets: tuple[Budget, ...], spelling: Spelling, *, now_s: float
) -> dict[str, str]:
    """Three headers; with several budgets each header has several values."""
    prefix = "RateLimit" if spelling is Spelling.RATELIMIT else "X-RateLimit"
    number = _grouped if spelling is Spelling.X_GROUPED else str
    rests = [
        -1
        if spelling is Spelling.X_NEGATIVE and not (each.admitted or each.remaining)
        else each.remaining
        for each in budgets
    ]
    spell_reset = _RESETS[spelling]
    headers = {
        f"{prefix}-Limit": ", ".join(number(each.limit) for each in budgets),
        f"{prefix}-Remaining": ", ".join(map(number, rests)),
        f"{prefix}-Reset": ", ".join(
            spell_reset(each.reset_s, now_s + each.reset_s) for each in budgets
        ),
    }
    return {name: value for name, value in headers.items() if value.strip(", ")}


def http_date(unix_s: float) -> str:
    """The HTTP date of a Unix time, rounded up to the next whole second (RFC 9110, 5.6.7)."""
    return formatdate(math.ceil(unix_s), usegmt=True)
