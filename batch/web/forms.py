"""What a form of the page sends, read from the request's body; nothing else is taken."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from batch.errors import InputError
from batch.web.row_pages import PAGE_ROWS, First, Query

_LONGEST_FORM = 64 * 1024  # bytes
_MOST_FIELDS = 100


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form; of one that is there twice the last. Raises InputError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise InputError("That is more than a form of this page sends.")
    text = body.decode("utf-8", errors="replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise InputError("That is more than a form of this page sends.") from error


def query_of(
    request: Request,
    *,
    filters: Mapping[str, str],
    also: tuple[tuple[str, frozenset[str]], ...] = (),
    first: First,
) -> Query:
    """Which rows an address asks for. filters: the column for each name in its query.

    also: more columns with the values that they may have. first: as of a `Query`.
    """
    given = request.query_params
    where = tuple(
        (column, frozenset({value}))
        for name, column in filters.items()
        if (value := given.get(name, ""))
    )
    offset = given.get("offset", "")
    return Query(
        offset=int(offset) if offset.isascii() and offset.isdigit() and len(offset) < 10 else 0,
        limit=PAGE_ROWS,
        where=(*where, *also),
        search=given.get("search", "")[:200],
        first=first,
    )


def posting(
    handle: Callable[[Request, Mapping[str, str]], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that reads a form, and handles it in a thread, for that may take a while."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(handle, request, await form_of(request))

    return endpoint
