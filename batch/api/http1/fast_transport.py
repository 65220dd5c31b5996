"""An httpx transport of one connection, over an asyncio protocol and llhttp, the parser of Node.js.

It speaks HTTP/1.1, with TLS or without, knows no proxy, and runs on asyncio alone. A request is
written once, never again.

It exists for its low cost a request. Measured in a bare loop of 100 workers, client and server
on a core each, in microseconds a request through an httpx client (and without one): this 188
(83), an adapter over pyreqwest's native client 296 (150), httpx's own 718. pyreqwest has no
timeout for writing and none that tells connecting from waiting for an answer, which decides
between not_connected and no_answer; and it takes its certificates from elsewhere than the
SSLContext that is given to it. uvloop gave 4 % here, nothing in a whole run, and has a clock of
whole milliseconds, by which no pace of 500 a second can be kept.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from math import inf
from typing import cast

import anyio
import httpx

from batch.api.http1.connection import AttemptTimeout, Connection
from batch.api.http1.dialing import dial

_LENGTH = b"content-length"
_PORTS = {"http": 80, "https": 443}


class FastTransport(httpx.AsyncBaseTransport):
    """One exchange at a time with one server: a response must be closed before the next request.

    Raises the same exceptions as httpx's own transport, and AttemptTimeout when an exchange takes
    longer as a whole than "attempt" among its request's timeouts; after one, and after a
    cancellation, it must be closed or its connection stays open until the next request.
    """

    def __init__(
        self, base_url: httpx.URL, *, tls: ssl.SSLContext | None, keepalive_s: float
    ) -> None:
        """tls: whom to trust; None for http. keepalive_s: how long an idle connection is kept."""
        if (base_url.scheme == "https") is not (tls is not None):
            raise ValueError(f"{base_url.scheme} with tls {tls}: expected it for https alone")
        self._origin = _origin_of(base_url)
        self._host = base_url.raw_host.decode("ascii")
        self._port = base_url.port or _PORTS[base_url.scheme]
        self._tls = tls
        if tls is not None:
            tls.set_alpn_protocols(["http/1.1"])
        self._keepalive_s = keepalive_s
        self._connection: Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response's head; the connection is taken until the response is closed."""
        if _origin_of(request.url) != self._origin:
            raise httpx.UnsupportedProtocol("the request is for another server")
        timeouts = request.extensions.get("timeout", {})
        attempt_s = timeouts.get("attempt")
        deadline = inf if attempt_s is None else asyncio.get_running_loop().time() + attempt_s
        connection = self._connection
        if connection is None or not connection.is_reusable(self._keepalive_s):
            await self.aclose()
            connection = self._connection = await self._connect(timeouts.get("connect"), deadline)
        message = await _message_of(request)
        await connection.send(message, timeout_s=timeouts.get("write"), deadline=deadline)
        read_s = timeouts.get("read")
        status, headers = await connection.receive_head(timeout_s=read_s)
        return httpx.Response(status, headers=headers, stream=_Body(connection, read_s))

    async def aclose(self) -> None:
        """Close the connection, also one that is in use."""
        if self._connection is not None:
            await self._connection.abort()

    async def _connect(self, timeout_s: float | None, deadline: float) -> Connection:
        """A connection that is ready, TLS and all.

        Raises ConnectError, ConnectTimeout, and AttemptTimeout after the deadline.
        """
        loop = asyncio.get_running_loop()
        left_s = deadline - loop.time()
        limit_s = left_s if timeout_s is None else min(timeout_s, left_s)
        try:
            with anyio.fail_after(limit_s):
                reached = await dial(self._host, self._port)
                try:
                    _, connection = await loop.create_connection(
                        Connection,
                        sock=reached,
                        ssl=self._tls,
                        server_hostname=self._host if self._tls else None,
                    )
                except BaseException:
                    reached.close()
                    raise
                return connection
        except TimeoutError as error:
            kind = AttemptTimeout if limit_s == left_s else httpx.ConnectTimeout
            raise kind(str(error)) from error
        except OSError as error:  # a failed handshake too
            raise httpx.ConnectError(str(error)) from error


class _Body(httpx.AsyncByteStream):
    """The body of a response, piece by piece as it comes."""

    def __init__(self, connection: Connection, timeout_s: float | None) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    def __aiter__(self) -> AsyncIterator[bytes]:  # no generator: asyncio would track it
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._connection.receive_chunk(timeout_s=self._timeout_s)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Let go of the connection, or close it if the body was not read to its end."""
        if not self._connection.finish():
            await self._connection.abort()


def _origin_of(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    return url.raw_scheme, url.raw_host, url.port


async def _message_of(request: httpx.Request) -> bytes:
    """The request as it goes over the wire. Raises LocalProtocolError for one that can't."""
    target = request.extensions.get("target", request.url.raw_path)
    lines, length = _lines_of(tuple(request.headers.raw))
    first = b"%b %b HTTP/1.1" % (request.method.encode("ascii"), target)
    _check_line(first)
    stream = cast("httpx.AsyncByteStream", request.stream)  # an async client's always is
    body = b"".join([chunk async for chunk in stream])
    if length != len(body):
        raise httpx.LocalProtocolError("Content-Length does not say how long the body is")
    return b"%b\r\n%b\r\n%b" % (first, lines, body)


@lru_cache(maxsize=64)  # one job's requests have the same headers but for their length
def _lines_of(headers: tuple[tuple[bytes, bytes], ...]) -> tuple[bytes, int]:
    """Headers as they go over the wire, and the length of the body that they name."""
    length, lines = 0, []
    for name, value in headers:
        line = b"%b: %b" % (name, value)
        _check_line(line)
        lines.append(line + b"\r\n")
        if name.lower() == _LENGTH:
            length = int(value)
    return b"".join(lines), length


def _check_line(line: bytes) -> None:
    if b"\n" in line or b"\r" in line:
        raise httpx.LocalProtocolError("a header has a line break in it")
