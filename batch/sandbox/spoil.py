"""What a fault makes of the right answer."""

import json
from collections.abc import Callable, Mapping

from starlette.responses import JSONResponse, Response

from batch.sandbox.answers import ErrorShape, error_response, phrase
from batch.sandbox.broken import Cut, Drip, HangUp, Late
from batch.sandbox.faults import Fault, Kind
from batch.sandbox.headers import http_date

_NOT_JSON = b"\x00\xfe<<not JSON>>{\r\n\x1b[31m"
# What wrong data says instead of the right value.
_ANOTHERS = {"_id": "f" * 24, "campaignId": "f" * 24, "aiTag": "Some other label"}


def spoil(
    right: Response,
    fault: Fault,
    *,
    shape: ErrorShape,
    headers: Mapping[str, str],
    now_s: float,
) -> Response:
    """The answer that this fault makes of the right one.

    headers: what every answer of the server has, so all but a proxy's page. now_s: Unix time.
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
    return Late(answer, delay_s=fault.delay_s) if fault.delay_s else answer


def _with_padding(right: Response, size: str) -> Response:
    """The right answer's JSON with so many bytes more."""
    padded = json.loads(bytes(right.body)) | {"padding": "x" * int(size)}
    return JSONResponse(padded, right.status_code)


def _with_wrong_data(right: Response, field: str) -> Response:
    """The right answer with another's value in this field; what is no record stays as it is."""
    answer = json.loads(bytes(right.body))
    data = answer.get("data")
    if not isinstance(data, dict) or field not in data:
        return right
    data[field] = _ANOTHERS.get(field) or ("paused" if data[field] == "active" else "active")
    return JSONResponse(answer)


# The answer of each kind but STATUS, from the right one and the fault's value.
_SPOILT: Mapping[Kind, Callable[[Response, str], Response]] = {
    Kind.HTML: lambda _, status: error_response(int(status), "Sandbox fault", ErrorShape.HTML),
    Kind.DROP: lambda *_: HangUp(reset=True),
    Kind.CLOSE_BEFORE: lambda *_: HangUp(reset=False),
    Kind.CLOSE_AFTER: lambda *_: HangUp(reset=False),
    Kind.STALL: lambda right, _: Late(right, delay_s=None),
    Kind.SLOW: lambda right, _: right,  # its seconds are the fault's delay_s
    Kind.DRIP: lambda right, pause_s: Drip(right, pause_s=float(pause_s)),
    Kind.CUT: lambda right, _: Cut(right),
    Kind.GARBAGE: lambda *_: Response(_NOT_JSON, media_type="application/json"),
    Kind.EMPTY: lambda *_: Response(b"", media_type="application/json"),
    Kind.OVERSIZED: _with_padding,
    Kind.SUCCESS_FALSE: lambda *_: JSONResponse({"success": False, "error": "Sandbox fault"}),
    Kind.BARE: lambda *_: JSONResponse({"success": True}),
    Kind.WRONG_DATA: _with_wrong_data,
    Kind.UNCHANGED: lambda right, _: right,
    Kind.REDIRECT: lambda _, status: Response(b"", int(status), headers={"Location": "/elsewhere"}),
}
