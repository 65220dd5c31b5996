"""Read the server's budgets from a response's headers, in every common spelling.

Pure: the server's clock comes in as an argument. A budget counts only if its limit, the rest and
the reset are all known; others are left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple, cast

import http_sf

from batch.api.excerpt import Redactor
from batch.api.headers import read_date, retry_after_s, split_list
from batch.api.reset_units import ResetUnits
from batch.model import Budget

# A reset is seconds from now, or from September 2001 on a Unix time, in seconds or milliseconds.
UNIX_TIMES_FROM = 1e9
UNIX_MS_FROM = 1e12
LONGEST_WINDOW_S = 366 * 24 * 3600.0  # a budget for longer is a mistake
LONGEST_VALUE = 1024  # characters of a header; parsing takes some 0.3 us for each

_TRIPLES = {
    f"{prefix}-remaining": prefix for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit")
}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")  # some servers name parts of a second
# Budgets in pairs of headers, with their window in the name, as X-RateLimit-Remaining-Minute.
_NAMED_WINDOWS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_NAMED = {
    f"x-ratelimit-remaining-{unit}": (f"x-ratelimit-limit-{unit}", unit, window_s)
    for unit, window_s in _NAMED_WINDOWS.items()
}
_Member = tuple[object, Mapping[str, object]]  # an item of a structured field, its parameters
_Dictionary = Mapping[str, _Member]


class _RawBudget(NamedTuple):
    """A budget as headers spell it. windows: of every policy that may be meant, in seconds.

    remaining: below 0 where refused requests are counted, too.
    """

    name: str
    limit: float | None
    remaining: float | None
    reset: float | None
    windows: tuple[float, ...]


def read_budgets(
    headers: Mapping[str, str],
    *,
    server_now_s: Callable[[], float],
    redactor: Redactor,
    units: ResetUnits | None = None,
) -> tuple[Budget, ...]:
    """All budgets in a response's headers. Raises nothing.

    headers: names in lower case, or a mapping that ignores case.
    server_now_s: the server's Unix time in seconds; called only for a reset that is a Unix time.
    redactor: budgets have the names that the server gave them, which may hold a key.
    units: finds out whether resets are in milliseconds; without it they are in seconds.
    Sources: draft-ietf-httpapi-ratelimit-headers, its versions 03 (three headers), 07 (a
    dictionary) and 10 (lists of policies); the `X-` triples of servers that never followed it.
    """
    raw: list[_RawBudget] = []
    if "ratelimit" in headers:
        raw += _read_list(headers)
    for name, prefix in _TRIPLES.items():
        if name in headers:
            raw += _read_triples(headers, prefix)
    for name, (limit_name, unit, window_s) in _NAMED.items():
        if name in headers:
            limit, rest = (_number(_value(headers, each)) for each in (limit_name, name))
            raw.append(_RawBudget(f"x-ratelimit {unit}", limit, rest, None, (window_s,)))
    if not raw:  # then it costs no more than eight look-ups
        return ()

    def wait_s() -> float | None:
        return retry_after_s(headers, now=datetime.fromtimestamp(server_now_s(), UTC))

    budgets = (_budget(each, server_now_s, wait_s, redactor, units) for each in raw)
    return tuple(budget for budget in budgets if budget is not None)


def _budget(
    raw: _RawBudget,
    server_now_s: Callable[[], float],
    wait_s: Callable[[], float | None],
    redactor: Redactor,
    units: ResetUnits | None,
) -> Budget | None:
    """The budget in our terms; None if a part is missing or can't be meant.

    wait_s: reads Retry-After. On a served answer it is no order, but servers that send it with
    every answer mean the end of the window, and some name that nowhere else.
    """
    windows = [window_s for window_s in raw.windows if window_s]
    name, reset_s, reset_at, is_unit_known = raw.name, raw.reset, None, True
    if reset_s is None:  # may be left out: the budget is whole again when its window is over
        reset_s = max(windows, default=None)
    if reset_s is None:
        reset_s = wait_s()
    if not raw.limit or raw.limit < 1 or raw.remaining is None or reset_s is None:
        return None
    if reset_s >= UNIX_TIMES_FROM:
        reset_at = reset_s / 1000 if reset_s >= UNIX_MS_FROM else reset_s
        reset_s = max(0.0, reset_at - server_now_s())
    elif units is not None and raw.reset is not None and not windows:
        per_s = units.per_s(name, reset_s, limit=raw.limit, rest=raw.remaining)
        is_unit_known = per_s is not None
        if (
            per_s is not None and per_s > 1
        ):  # what was concluded while it seemed to be seconds is another budget's
            name, reset_s = f"{name} ms", reset_s / per_s
    if is_unit_known and reset_s > LONGEST_WINDOW_S:
        return None
    return Budget(
        name=redactor.one_line(name),
        limit=int(raw.limit),
        remaining=max(0, int(raw.remaining)),
        reset_s=reset_s,
        reset_at=reset_at,
        # Of several policies with one limit the shortest that this reset fits into is meant.
        window_s=min((w for w in windows if w >= reset_s), default=max(windows, default=None)),
        is_unit_known=is_unit_known,
    )


def _read_list(headers: Mapping[str, str]) -> Iterator[_RawBudget]:
    """The IETF's `RateLimit`: a list of policies with their rest, or the earlier dictionary."""
    members = _members(_value(headers, "ratelimit"))
    if not members:
        yield _read_dictionary(headers)
        return
    policies = dict(_counted(_policies(_value(headers, "ratelimit-policy"))))
    for (name, nth), member in _counted(members):
        # One policy may have several members, one for each `pk`.
        policy = policies.get((name, nth), policies.get((name, 1), {}))
        if policy.get("qu", "requests") != "requests":
            continue
        label = f"ratelimit {name}" if nth == 1 else f"ratelimit {name} {nth}"
        remaining, reset = _rest(member.get("r")), _amount(member.get("t"))
        windows = (_amount(policy.get("w")) or 0.0,)
        yield _RawBudget(label, _amount(policy.get("q")), remaining, reset, windows)


def _read_dictionary(headers: Mapping[str, str]) -> _RawBudget:
    """`RateLimit: limit=100, remaining=50, reset=30`; and `RateLimit-Policy: 100;w=60`."""
    try:
        parsed = http_sf.parse(_value(headers, "ratelimit").encode(), tltype="dictionary")
    except ValueError:
        parsed = {}
    fields = {key: value for key, (value, _) in cast("_Dictionary", parsed).items()}
    limit = _amount(fields.get("limit"))
    windows = _windows(_policies(_value(headers, "ratelimit-policy")), limit)
    rest, reset = _rest(fields.get("remaining")), _amount(fields.get("reset"))
    return _RawBudget("ratelimit", limit, rest, reset, windows)


def _read_triples(headers: Mapping[str, str], prefix: str) -> Iterator[_RawBudget]:
    """Three headers; each of them may be there several times, once for each budget.

    Policies may stand after the limits: `RateLimit-Limit: 100, 100;w=60`.
    """
    named = _value(headers, f"{prefix}-limit")
    policies = _policies(named) + _policies(_value(headers, f"{prefix}-policy"))
    first, *more = split_list(named)
    limits = [first.partition(";")[0], *(part for part in more if ";" not in part)]
    rests = split_list(_value(headers, f"{prefix}-remaining"))
    reset_value = _value(headers, f"{prefix}-reset")
    # An HTTP date has a comma, and so can't stand in a list.
    resets = [reset_value] if read_date(reset_value.strip()) else split_list(reset_value)
    for nth, (rest, reset, text) in enumerate(zip_longest(rests, resets, limits, fillvalue=""), 1):
        limit = _number(text)
        label = prefix if nth == 1 else f"{prefix} {nth}"
        yield _RawBudget(label, limit, _number(rest), _reset(reset), _windows(policies, limit))


def _value(headers: Mapping[str, str], name: str) -> str:
    """The header's value; empty if it is missing or absurdly long."""
    value = headers.get(name, "")
    return value if len(value) <= LONGEST_VALUE else ""


def _counted(
    members: tuple[_Member, ...],
) -> Iterator[tuple[tuple[str, int], Mapping[str, object]]]:
    """The members with a name, each with its number among those of that name, from 1.

    A name is there twice if a gateway and the API behind it both send these headers.
    """
    times: Counter[str] = Counter()
    for item, parameters in members:
        if isinstance(item, str | http_sf.Token):
            name = str(item)
            times[name] += 1
            yield (name, times[name]), parameters


def _windows(policies: tuple[_Member, ...], limit: float | None) -> tuple[float, ...]:
    """The windows of the policies with this limit, as in `100;w=60`."""
    return tuple(
        _amount(parameters.get("w")) or 0.0
        for quota, parameters in policies
        if _amount(quota) == limit
    )


def _members(value: str) -> tuple[_Member, ...]:
    """The members of a structured list; none if any part of it can't be read (RFC 9651, 4.2)."""
    try:
        parsed = http_sf.parse(value.encode(), tltype="list")
    except ValueError:  # a letter that can't be encoded is one too
        return ()
    return tuple(cast("list[_Member]", parsed))  # its type is wider: for lists to be written


_policies = lru_cache(maxsize=16)(_members)  # a server's policies are the same in every answer


def _rest(item: object) -> float | None:
    """What remains, in a structured field; below 0 where refused requests are counted, too."""
    if isinstance(item, bool) or not isinstance(item, int | Decimal):
        return None
    return float(item)


def _amount(item: object) -> float | None:
    """A number of 0 or more in a structured field; a boolean is none, whatever Python says."""
    amount = _rest(item)
    return None if amount is None or amount < 0 else amount


def _number(text: str) -> float | None:
    """A number in a header of its own."""
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _reset(text: str) -> float | None:
    """A reset: a number of 0 or more, or the Unix time of a date."""
    number = _number(text)
    if number is not None:
        return number if number >= 0 else None
    moment = read_date(text.strip())
    return None if moment is None else max(UNIX_TIMES_FROM, moment.timestamp())
