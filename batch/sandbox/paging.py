"""Lists that come a page at a time, and where a page says how to go on."""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batch.sandbox.call import ApiError, Call, NextCursor, check_query
from batch.sandbox.state import take_page

_DEFAULT_LIMIT = 25
_NAMES_A_CURSOR = {NextCursor.PAGINATION, NextCursor.TOP, NextCursor.META}


def read_page(
    call: Call,
    ids: Sequence[str],
    *,
    wanted: Callable[[str], bool],
    record: Callable[[str], object],
    filters: Mapping[str, Sequence[str]],
) -> dict[str, object]:
    """The answer with the page that the query asks for.

    ids: all of them, sorted. wanted, record: whether an id passes the query's filters, and what
    the page shows of it. filters: the query's other names with the values that they may have;
    none listed means any.
    """
    check_query(call, allowed=frozenset({"cursor", "limit", *filters}))
    for name, values in filters.items():
        if values and call.query.get(name, values[0]) not in values:
            raise ApiError(400, f"{name} must be one of {', '.join(values)}")
    where = call.unknowns.next_cursor
    asked, limit = call.query.get("cursor", ""), _read_limit(call)
    if asked and not call.world.id_pattern.fullmatch(asked):
        raise ApiError(400, "cursor is not valid")
    found, cursor = take_page(
        ids,
        after="" if where is NextCursor.IGNORED else _shifted(call, ids, asked),
        limit=limit,
        wanted=wanted,
        # A client that goes by records alone would take an empty page for the end.
        sparse=where in _NAMES_A_CURSOR,
    )
    told = _tell(where, cursor)
    if call.unknowns.page_total:
        total = sum(map(wanted, ids))
        size = {"page": 1, "limit": limit, "total": total, "pages": math.ceil(total / limit)}
        told["pagination"] = size | told.get("pagination", {})
    return {"success": True, "data": [record(one) for one in found]} | told


def _shifted(call: Call, ids: Sequence[str], cursor: str) -> str:
    """Where the page begins: elsewhere, once, as where others change the list meanwhile."""
    shift = call.unknowns.page_shift
    if not (shift and cursor) or cursor in call.world.shifted:
        return cursor
    call.world.shifted.add(cursor)
    at = bisect_right(ids, cursor) - 1 + shift
    return ids[min(at, len(ids) - 1)] if at >= 0 else ""


def _read_limit(call: Call) -> int:
    text = call.query.get("limit", str(min(_DEFAULT_LIMIT, call.unknowns.max_page)))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= call.unknowns.max_page):
        raise ApiError(400, f"limit must be a whole number from 1 to {call.unknowns.max_page}")
    return int(text)


def _tell(where: NextCursor, cursor: str | None) -> dict[str, Any]:
    match where:
        case NextCursor.PAGINATION | NextCursor.META:
            return {where.value: {"nextCursor": cursor, "hasMore": cursor is not None}}
        case NextCursor.TOP:
            return {"nextCursor": cursor}
        case NextCursor.HAS_MORE:
            return {"hasMore": cursor is not None}
        case NextCursor.NONE | NextCursor.IGNORED:
            return {}
