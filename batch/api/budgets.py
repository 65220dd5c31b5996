"""What a response's headers say of the server's budgets, in every common spelling.

Pure: the server's clock comes in as an argument. What can't be read is left out, field by field
and budget by budget: a budget counts only if its limit, its rest and its reset are all known.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import http_sf

from batch.model import Budget

# A reset above this is a Unix time (of September 2001 or later), below it seconds from now.
UNIX_TIMES_FROM = 1_000_000_000
LONGEST_WINDOW_S = 366 * 24 * 3600.0  # what claims to last longer is no budget but a mistake

_PREFIXES = ("ratelimit", "x-ratelimit", "x-rate-limit")
_Parameters = Mapping[str, object]


def read_budgets(
    headers: Mapping[str, str], *, server_now_s: Callable[[], float]
) -> tuple[Budget, ...]:
    """All budgets that a response's headers tell of. Raises nothing.

    headers: names in lower case, or a mapping that ignores case.
    server_now_s: the server's Unix time in seconds; asked for only where a reset is spelt so.
    Sources: draft-ietf-httpapi-ratelimit-headers, its versions 03 (three headers), 07 (a
    dictionary) and 10 (lists of policies); the `X-` triples of those who never followed it.
    """
    said = {name.lower() for name in headers if "rate" in name.lower()}
    if not said:
        return ()
    found = list(_listed(headers)) if "ratelimit" in said else []
    found += (
        budget
        for prefix in _PREFIXES
        if f"{prefix}-remaining" in said
        if (budget := _triple(headers, prefix)) is not None
    )
    return tuple(filter(None, (_timed(each, server_now_s) for each in found)))


def _timed(budget: Budget, server_now_s: Callable[[], float]) -> Budget | None:
    """The budget with its reset in seconds from now; None for one that can't be."""
    if budget.reset_s >= UNIX_TIMES_FROM:
        reset_s = max(0.0, budget.reset_s - server_now_s())
        budget = replace(budget, reset_s=reset_s, reset_at=budget.reset_s)
    return budget if budget.reset_s <= LONGEST_WINDOW_S else None


def _listed(headers: Mapping[str, str]) -> Iterator[Budget]:
    """The IETF's `RateLimit`: a list of policies with their rest, or the dictionary of old."""
    members = _parsed_list(headers.get("ratelimit", ""))
    policies = dict(_policies(headers.get("ratelimit-policy", "")))
    for name, parameters in members:
        policy = policies.get(name)
        remaining, reset = _count(parameters.get("r")), _seconds(parameters.get("t"))
        if policy is None or remaining is None:
            continue
        limit, window_s = policy
        reset = window_s if reset is None else reset
        if reset is not None:
            yield _budget(f"ratelimit {name}", limit, remaining, reset, window_s)
    if not members:
        yield from _of_old(headers)


def _of_old(headers: Mapping[str, str]) -> Iterator[Budget]:
    """`RateLimit: limit=100, remaining=50, reset=30`, the window in `RateLimit-Policy: 100;w=60`."""
    said = _parsed_dictionary(headers.get("ratelimit", ""))
    limit, remaining = _count(said.get("limit")), _count(said.get("remaining"))
    reset = _seconds(said.get("reset"))
    if limit and remaining is not None and reset is not None:
        window_s = _window_of(headers.get("ratelimit-policy", ""), limit)
        yield _budget("ratelimit", limit, remaining, reset, window_s)


def _triple(headers: Mapping[str, str], prefix: str) -> Budget | None:
    """Three headers; the first may go on with policies: `RateLimit-Limit: 100, 100;w=60`."""
    named = headers.get(f"{prefix}-limit", "")
    limit = _number(named.partition(",")[0].partition(";")[0])
    remaining = _number(headers.get(f"{prefix}-remaining", ""))
    reset = _number(headers.get(f"{prefix}-reset", ""))
    if not limit or remaining is None or reset is None:
        return None
    policies = ", ".join((named, headers.get(f"{prefix}-policy", "")))
    return _budget(prefix, int(limit), int(remaining), reset, _window_of(policies, int(limit)))


def _budget(
    name: str, limit: int, remaining: int, reset: float, window_s: float | None
) -> Budget:
    return Budget(
        name=name, limit=limit, remaining=remaining, reset_s=reset, window_s=window_s or None
    )


def _policies(value: str) -> Iterator[tuple[object, tuple[int, float | None]]]:
    """Each policy's name with its quota and window; those that count other things left out."""
    for name, parameters in _parsed_list(value):
        quota = _count(parameters.get("q"))
        if quota and parameters.get("qu", "requests") == "requests":
            yield name, (quota, _seconds(parameters.get("w")))


def _window_of(policies: str, limit: int) -> float | None:
    """The window of the policy with this limit, as in `100;w=60`; None if none says so."""
    if ";" not in policies:
        return None
    windows = (
        _seconds(parameters.get("w"))
        for quota, parameters in _parsed_list(policies.strip(", "))
        if quota == limit
    )
    return min(filter(None, windows), default=None)


def _parsed_list(value: str) -> list[tuple[object, _Parameters]]:
    """The members of a structured list that are items with parameters; none if it can't be read."""
    try:
        members = http_sf.parse(value.encode(), tltype="list")
    except ValueError:
        return []
    return [
        (member[0], member[1])
        for member in members
        if isinstance(member, tuple) and not isinstance(member[0], list) and member[1]
    ]


def _parsed_dictionary(value: str) -> dict[str, object]:
    try:
        members = http_sf.parse(value.encode(), tltype="dictionary")
    except ValueError:
        return {}
    return {
        str(key): member[0] if isinstance(member, tuple) else member
        for key, member in members.items()
    }


def _count(value: object) -> int | None:
    """A whole number of 0 or more; a bool is none."""
    return value if isinstance(value, int) and value is not True and value >= 0 else None


def _seconds(value: object) -> float | None:
    is_number = isinstance(value, int | float) and value is not True and value >= 0
    return float(value) if is_number else None


def _number(text: str) -> float | None:
    """Digits, perhaps with a part after the point, as some servers name their seconds."""
    text = text.strip()
    whole, _, part = text.partition(".")
    is_number = text.isascii() and whole.isdigit() and (part.isdigit() or not part)
    return float(text) if is_number and len(text) <= 20 else None  # noqa: PLR2004 - more is no count
