"""Answers that are not the right one: errors, and what faults make of the right one.

A fault may also keep an answer back, tear it, or end the connection.
"""

import json
import math
import socket
import struct
import sys
from asyncio import Transport
from collections.abc import Callable, Mapping
from enum import StrEnum
from html import escape
from http import HTTPStatus

import anyio
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from batch.sandbox.faults import Fault, Kind
from batch.sandbox.limits import Budget
from batch.sandbox.telling import http_date

_NOT_JSON = b"\x00\xfe<<not JSON>>{\r\n\x1b[31m"
# What wrong data shows in place of the right value.
_WRONG_VALUES = {"_id": "f" * 24, "campaignId": "f" * 24, "aiTag": "Some other label"}


class ErrorShape(StrEnum):
    """The shape of an error's body; the documentation shows one, and promises none."""

    DOCUMENTED = "documented"  # {"error": "Not Found", "message": "text", "code": 404}
    TEXT = "text"  # {"success": false, "error": "text"}
    OBJECT = "object"  # {"success": false, "error": {"code", "message"}}
    MESSAGE = "message"  # {"message": "text"}
    HTML = "html"  # a proxy's page


def error_response(status: int, message: str, shape: ErrorShape) -> Response:
    """An error answer of this shape."""
    match shape:
        case ErrorShape.DOCUMENTED:
            words = {"error": phrase(status), "message": message, "code": status}
            return JSONResponse(words, status)
        case ErrorShape.TEXT:
            return JSONResponse({"success": False, "error": message}, status)
        case ErrorShape.OBJECT:
            error = {"code": phrase(status).upper().replace(" ", "_"), "message": message}
            return JSONResponse({"success": False, "error": error}, status)
        case ErrorShape.MESSAGE:
            return JSONResponse({"message": message}, status)
        case ErrorShape.HTML:
            title = f"{status} {phrase(status)}"
            page = (
                f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
                f"<center><h1>{title}</h1></center>\r\n<p>{escape(message)}</p>\r\n"
                "<hr><center>sandbox</center>\r\n</body>\r\n</html>\r\n"
            )
            return HTMLResponse(page, status)


class Refusal(StrEnum):
    """How a request is refused for its pace, beside what headers tell."""

    STATUS = "429"  # an error like any other
    PLAIN = "plain"  # a 429 in plain text, as proxies answer, without any header of ours
    BODY = "body"  # a 429 with `retry_after` (seconds) in its body
    NESTED = "nested"  # a 429 with `error.retry_after`
    SERVED = "200"  # a 200 with success false and a code


def refuse_pace(budget: Budget, refusal: Refusal, shape: ErrorShape) -> Response:
    """The answer to a request that this budget refuses."""
    message = "Too many requests"
    wait_s = math.ceil(budget.retry_after_s * 1000) / 1000
    match refusal:
        case Refusal.STATUS:
            return error_response(429, message, shape)
        case Refusal.PLAIN:
            return PlainTextResponse(message, 429)
        case Refusal.BODY:
            body = {"success": False, "error": message, "retry_after": wait_s}
            return JSONResponse(body, 429)
        case Refusal.NESTED:
            error = {"code": "RATE_LIMITED", "message": message, "retry_after": wait_s}
            return JSONResponse({"success": False, "error": error}, 429)
        case Refusal.SERVED:
            error = {"code": "RATE_LIMIT_EXCEEDED", "message": message}
            return JSONResponse({"success": False, "error": error}, 200)


def phrase(status: int) -> str:
    """The standard words for a status; "Error" for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def spoil(
    right: Response,
    fault: Fault,
    *,
    shape: ErrorShape,
    headers: Mapping[str, str],
    now_s: float,
) -> Response:
    """The answer that this fault makes of the right one.

    headers: those of every answer but a proxy's page. now_s: Unix time.
    """
    if fault.kind is Kind.STATUS:
        status = int(fault.value)
        answer = error_response(status, f"Sandbox fault: {phrase(status)}", shape)
    else:
        answer = _SPOILT[fault.kind](right, fault.value)
    if fault.kind is not Kind.HTML:
        answer.headers.update(headers)
    if fault.retry_after is not None:
        kind, _, seconds = fault.retry_after.partition(":")
        is_date = kind == "date" and seconds.isdecimal()
        words = http_date(now_s + int(seconds)) if is_date else fault.retry_after
        answer.headers["Retry-After"] = words
    return LateAnswer(answer, delay_s=fault.delay_s) if fault.delay_s else answer


def _with_wrong_data(right: Response, field: str) -> Response:
    """The right answer with a wrong value in this field; unchanged where it has no record."""
    answer = json.loads(bytes(right.body))
    data = answer.get("data")
    if not isinstance(data, dict) or field not in data:
        return right
    data[field] = _WRONG_VALUES.get(field) or ("paused" if data[field] == "active" else "active")
    return JSONResponse(answer)


class HangUp(Response):
    """No answer: the connection is reset (TCP RST), or closed normally."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""
        del send
        _hang_up(scope, reset=self._reset)
        await _client_leaves(receive, within_s=None)


class LateAnswer(Response):
    """An answer after `delay_s` seconds; None: it never comes."""

    def __init__(self, answer: Response, *, delay_s: float | None) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._delay_s = delay_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer unless the client has left."""
        if not await _client_leaves(receive, within_s=self._delay_s):
            await self._answer(scope, receive, send)


class CutAnswer(Response):
    """The head and half of the body, before the connection is closed."""

    def __init__(self, answer: Response) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer half."""
        await _send_head(self._answer, send)
        half = self._answer.body[: len(self._answer.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _hang_up(scope, reset=False)
        await _client_leaves(receive, within_s=None)


class DripAnswer(Response):
    """An answer whose body comes byte by byte, with a pause before each."""

    def __init__(self, answer: Response, *, pause_s: float) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._pause_s = pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer slowly, until the client leaves."""
        del scope
        await _send_head(self._answer, send)
        for byte in bytes(self._answer.body):
            if await _client_leaves(receive, within_s=self._pause_s):
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_head(answer: Response, send: Send) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": answer.status_code,
            "headers": answer.raw_headers,
        }
    )


async def _client_leaves(receive: Receive, *, within_s: float | None) -> bool:
    """Whether the client's connection ends within these seconds; None: wait until it does."""
    with anyio.move_on_after(within_s):
        while (await receive())["type"] != "http.disconnect":
            pass
        return True
    return False


def _hang_up(scope: Scope, *, reset: bool) -> None:
    """End this request's connection, once what was written before is out.

    Raises ConnectionError where there is none, because the app is called without a server.
    """
    transport: Transport | None = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionError("the sandbox hung up")
    if not reset:
        transport.close()
        return
    # Closing a socket that lingers for 0 s sends RST. Winsock's struct has shorts, POSIX's ints.
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()


# The answer of each kind but STATUS, made of the right one and the fault's value.
_SPOILT: Mapping[Kind, Callable[[Response, str], Response]] = {
    Kind.HTML: lambda _, status: error_response(int(status), "Sandbox fault", ErrorShape.HTML),
    Kind.DROP: lambda *_: HangUp(reset=True),
    Kind.CLOSE_BEFORE: lambda *_: HangUp(reset=False),
    Kind.CLOSE_AFTER: lambda *_: HangUp(reset=False),
    Kind.STALL: lambda right, _: LateAnswer(right, delay_s=None),
    Kind.SLOW: lambda right, _: right,  # its seconds are the fault's delay_s
    Kind.DRIP: lambda right, pause_s: DripAnswer(right, pause_s=float(pause_s)),
    Kind.CUT: lambda right, _: CutAnswer(right),
    Kind.GARBAGE: lambda *_: Response(_NOT_JSON, media_type="application/json"),
    Kind.EMPTY: lambda *_: Response(b"", media_type="application/json"),
    Kind.OVERSIZED: lambda right, size: JSONResponse(
        json.loads(bytes(right.body)) | {"padding": "x" * int(size)}, right.status_code
    ),
    Kind.SUCCESS_FALSE: lambda *_: JSONResponse({"success": False, "error": "Sandbox fault"}),
    Kind.BARE: lambda *_: JSONResponse({"success": True}),
    Kind.WRONG_DATA: _with_wrong_data,
    Kind.UNCHANGED: lambda right, _: right,
    Kind.REDIRECT: lambda _, status: Response(b"", int(status), headers={"Location": "/elsewhere"}),
}
