"""One HTTP exchange over httpx: a request in, a whole response or a fault out.

Together with `transport` the only door to httpx. It follows no redirect, keeps no cookie, and
reads no more of a body than the caller allows.
"""

import os
import re
import ssl
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from types import TracebackType
from typing import Protocol, Self, cast
from urllib.parse import urlsplit

import anyio
import httpx

from batch.api.excerpt import Redactor
from batch.api.http1.connection import AttemptTimeout
from batch.api.transport import WorkerTransport
from batch.api.wire import Fault, Reply
from batch.model import Reason

# Only these mean that nothing left this machine; every other fault may have come after that.
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# How httpx's and our own transport's errors begin for an answer that broke off; with other words,
# the same class of error means an answer that can't be read.
_BROKEN_OFF = (
    "Server disconnected",
    "peer closed",
    "peer unexpectedly closed",
    "the server sent more",
)
Headers = Sequence[tuple[bytes, bytes]]  # names and values, as they go over the wire

MAX_REFUSAL_BYTES = 64 * 1024  # one line of it is shown

_DEEPEST = 20  # causes are followed no further; a chain that is longer than this is a loop
_RECEIVED = re.compile(r"(?<![: ])[: ]*+\b(bytearray\()?b['\"].*", re.DOTALL)  # as h11 quotes it
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
        reason = Reason.NOT_CONNECTED if isinstance(error, _UNSENT) else Reason.NO_ANSWER
        timeouts = self._timeouts
        match error:
            case httpx.ConnectTimeout():
                message = f"no connection within {timeouts.connect_s:g} s (connect_timeout_s)"
            case httpx.PoolTimeout():
                message = f"no connection became free within {timeouts.connect_s:g} s"
            case httpx.WriteTimeout():
                message = f"the server accepted no data for {timeouts.write_s:g} s"
            case httpx.ReadTimeout():
                message = f"the server sent nothing for {timeouts.read_s:g} s"
            case httpx.ProxyError():
                # its status in our words: the proxy's own may hold a password
                known = {status.value: status.phrase for status in HTTPStatus}
                found = re.match(r"[1-5][0-9]{2}\b", str(error))
                status = f": {found[0]} {known.get(int(found[0]), '')}" if found else ""
                message = f"the proxy could not connect{status}".rstrip()
            case _ if reason is Reason.NOT_CONNECTED:
                message = f"no connection: {cause_of(error)}"
            case httpx.RemoteProtocolError() if not str(error).startswith(_BROKEN_OFF):
                message = f"the answer could not be read: {cause_of(error)}"
                if self._limits_itself:  # so the transport is ours, which is stricter
                    message += '; [http] transport = "stock" may read it'
            case _:
                message = f"the connection broke: {cause_of(error)}"
        return Fault(reason=reason, message=self._redactor.one_line(message))


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


def cause_of(fault: BaseException) -> str:
    """The innermost cause in a few words, as "Connection refused"; never an empty text.

    HTTP libraries wrap the operating system's error several times, often without its text. Words
    of the other side are left out: it may be a proxy, and they may hold its password.
    """
    text = ""
    cause: BaseException | None = fault
    for _ in range(_DEEPEST):
        if cause is None:
            break
        if isinstance(cause, BaseExceptionGroup):  # one for each address that was tried
            cause = cause.exceptions[0]
            continue
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = _why(cause, "verify_message")
            text = f"the server's certificate is not trusted ({why})"
        elif isinstance(cause, ssl.SSLError):
            text = f"TLS failed ({_why(cause, 'reason')})"
        elif isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            text = os.strerror(cause.errno)
        elif isinstance(cause, OSError) and cause.strerror:  # a name that can't be looked up
            text = cause.strerror
        else:
            text = _RECEIVED.sub("", str(cause)) or text
        cause = cause.__cause__ or cause.__context__  # httpcore raises `from None` on its way out
    return text or type(fault).__name__


def _why(fault: ssl.SSLError, name: str) -> str:
    """OpenSSL's errors carry such an attribute; those that were raised in Python lack it."""
    words = getattr(fault, name, None) or " ".join(map(str, fault.args[-1:]))
    return str(words).rstrip(".")
