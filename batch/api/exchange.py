"""One HTTP exchange over httpx: a request in, a whole response or a fault out.

Together with `transport` the only door to httpx. It follows no redirect, keeps no cookie, and
reads no more of a body than the caller allows.
"""

import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from types import TracebackType
from typing import Protocol, Self, cast
from urllib.parse import urlsplit

import anyio
import httpx

from batch.api.excerpt import Redactor
from batch.api.faults import fault_of
from batch.api.http1.connection import AttemptTimeout
from batch.api.transport import WorkerTransport
from batch.api.wire import Fault, Reply
from batch.model import Reason

Headers = Sequence[tuple[bytes, bytes]]  # names and values, as they go over the wire

MAX_REFUSAL_BYTES = 64 * 1024  # one line of it is shown

_NO_LIMIT = nullcontext()
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib's way of saying: find out which


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds that one attempt may take: for each step, and attempt_s for the whole of it."""

    connect_s: float
    write_s: float
    read_s: float
    attempt_s: float


class Meter(Protocol):
    """Counts requests before they leave; one for a client."""

    def take(self) -> bool:
        """Take one of the requests that may leave; False if `refill` must be called first."""

    async def refill(self) -> None:
        """See to it that more may leave. Raises QuotaUsedError where none may."""

    def give_back(self) -> None:
        """Take back that a request left: no connection was made."""

    def know_workspace(self, workspace_id: str, /) -> None:
        """Count for this workspace."""

    def close(self) -> None:
        """The client sends no more."""


class Exchange:
    """A transport with time limits and one address, for one `async with`.

    It calls the transport itself: an httpx.AsyncClient on the way costs 105 µs a request for
    redirects, cookies, authentication and hooks, none of which may happen here.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeouts: Timeouts,
        transport: httpx.AsyncBaseTransport,
        redactor: Redactor,
        meter: Meter | None = None,
    ) -> None:
        """base_url: checked, without a trailing slash."""
        self._meter = meter
        self._url = httpx.URL(base_url)
        self._path = urlsplit(base_url).path
        self._host = (b"Host", self._url.netloc)
        self._timeouts = timeouts
        self._redactor = redactor
        self._transport = transport
        self._limits_itself = isinstance(transport, WorkerTransport) and transport.limits_attempts
        self._limits = {
            "connect": timeouts.connect_s,
            "pool": timeouts.connect_s,
            "write": timeouts.write_s,
            "read": timeouts.read_s,
            "attempt": timeouts.attempt_s,
        }
        message = f"no complete answer within {timeouts.attempt_s:g} s"
        self._too_late = Fault(reason=Reason.NO_ANSWER, message=message)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._transport.__aexit__(kind, error, traceback)
        finally:
            if self._meter is not None:
                self._meter.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Headers,
        body: bytes = b"",
        max_bytes: int,
    ) -> Reply | Fault:
        """Send one request and read its response. Raises for no HTTP or network fault.

        Raises QuotaUsedError, and sends nothing, where no more requests may leave today.

        path: ready for the wire, from its slash on. headers: all but Host and Content-Length.
        max_bytes: of a 2xx; any other answer is read only as far as a sentence needs.
        A fault after the response's head came is the reply's body: its status is known.
        """
        meter = self._meter
        while meter is not None and not meter.take():
            await meter.refill()
        request = self._make_request(method, path, headers=headers, body=body)
        response: httpx.Response | None = None
        fault = self._too_late
        limit: AbstractContextManager[object] = _NO_LIMIT
        if not self._limits_itself:  # which spares 10 us
            limit = anyio.CancelScope(deadline=anyio.current_time() + self._timeouts.attempt_s)
        with limit:
            try:
                response = await self._transport.handle_async_request(request)
                head = _read_headers(response)
                if not response.is_success:
                    max_bytes = min(max_bytes, MAX_REFUSAL_BYTES)
                coding = head.get("content-encoding", "")
                body_read = await _receive_body(response, coding, max_bytes=max_bytes)
                return Reply(http_status=response.status_code, headers=head, body=body_read)
            except (httpx.HTTPError, OSError) as error:  # OSError: TLS that breaks while reading
                fault = self._read_fault(error)
                if meter is not None and fault.reason is Reason.NOT_CONNECTED:
                    meter.give_back()
        if response is None:
            return fault
        status, head = response.status_code, _read_headers(response)
        return Reply(http_status=status, headers=head, body=fault)

    def _make_request(
        self, method: str, path: str, *, headers: Headers, body: bytes
    ) -> httpx.Request:
        # The common parts are ready-made: build_request() costs 76 us, parsing an address 14.
        target = f"{self._path}{path}".encode("ascii")
        return httpx.Request(
            method,
            self._url,
            headers=_ready_headers((self._host, *headers), len(body)),
            stream=_WholeBody(body),
            extensions={"timeout": self._limits, "target": target},
        )

    def _read_fault(self, error: Exception) -> Fault:
        if isinstance(error, AttemptTimeout):
            return self._too_late
        fault = fault_of(error, self._limits, is_ours=self._limits_itself)
        return replace(fault, message=self._redactor.one_line(fault.message))


@lru_cache(maxsize=64)  # of a job's changes hardly one differs in all this from another
def _ready_headers(headers: tuple[tuple[bytes, bytes], ...], length: int) -> httpx.Headers:
    """The headers as a request takes them, with Content-Length if there is a body."""
    return httpx.Headers([*headers, (b"Content-Length", b"%d" % length)] if length else headers)


class _WholeBody(httpx.AsyncByteStream):
    """A body in one piece; httpx's own is a generator, which asyncio tracks: 3 us."""

    def __init__(self, body: bytes) -> None:
        self._rest = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        body, self._rest = self._rest, b""
        if not body:
            raise StopAsyncIteration
        return body


def _read_headers(response: httpx.Response) -> dict[str, str]:
    """The headers with names in lower case; values of one name are joined.

    httpx goes through all headers at each look-up, and every answer has five or more.
    """
    headers: dict[str, str] = {}
    try:
        for name, value in response.headers.raw:
            key, text = name.decode("ascii").lower(), value.decode("ascii")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    except UnicodeDecodeError:
        return dict(response.headers.items())  # which tries several encodings
    return headers


async def _receive_body(response: httpx.Response, coding: str, *, max_bytes: int) -> bytes | Fault:
    """The body without its coding; OVERSIZED_ANSWER if it is longer. Closes the response.

    No coding was asked for, but a proxy may pack a body all the same.
    """
    stream = cast("httpx.AsyncByteStream", response.stream)  # an async transport's always is
    received = bytearray()
    try:
        async for chunk in stream:
            received += chunk
            if len(received) > max_bytes:
                return _oversized(max_bytes)
    finally:
        await stream.aclose()
    body = bytes(received)
    if coding.strip().lower() in _PACKED:
        try:
            body = zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, max_bytes + 1)
        except zlib.error:
            return body  # not what its header says: then as it came
    return body if len(body) <= max_bytes else _oversized(max_bytes)


def _oversized(max_bytes: int) -> Fault:
    message = f"the answer is longer than {max_bytes // 1024:,} KiB"
    return Fault(reason=Reason.OVERSIZED_ANSWER, message=message)
