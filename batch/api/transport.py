"""The connections: one for each worker, behind one httpx transport.

Owns connections, proxy and certificates. A transport of this program keeps one promise more than
httpx does: a fault before anything left that a server could act on is a ConnectError, a
ConnectTimeout, a PoolTimeout or a ProxyError. It knows nothing of rows, retries and keys.
"""

import ssl
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import anyio
import httpx
import truststore

from batch.api.address import is_loopback
from batch.api.http1.fast_transport import FastTransport
from batch.errors import SettingsError
from batch.settings.values import TransportKind

# Node's servers close an idle connection after 5 s; going first avoids sending into the closing.
KEEPALIVE_S = 4.0
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


def make_transport(
    *,
    connections: int,
    base_url: str,
    use_environment_proxy: bool,
    tls: ssl.SSLContext | None = None,
    kind: TransportKind = TransportKind.FAST,
) -> httpx.AsyncBaseTransport:
    """The transport for one job: at most this many connections to the base address.

    use_environment_proxy: honour HTTPS_PROXY, ALL_PROXY and NO_PROXY (and the system's settings on
    macOS and Windows), but never for this machine itself.
    tls: whom to trust; by default the operating system's certificates.
    kind: FAST knows no proxy: behind one the transport is the stock one all the same.
    Raises SettingsError for a proxy that can't be used.
    """
    url = httpx.URL(base_url)
    proxy_url = _environment_proxy(base_url) if use_environment_proxy else None
    if proxy_url is None and kind is TransportKind.FAST:
        trusted = (tls or trust_operating_system()) if url.scheme == "https" else None  # 20 ms
        fast = partial(FastTransport, url, tls=trusted, keepalive_s=KEEPALIVE_S)
        return WorkerTransport(fast, connections=connections, limits_attempts=True)
    tls = tls or trust_operating_system()
    stock = partial(StockTransport, tls=tls, proxy_url=proxy_url, keepalive_s=KEEPALIVE_S)
    return WorkerTransport(stock, connections=connections)


def _environment_proxy(base_url: str) -> httpx.URL | None:
    """The proxy that the environment names for this address; None without one.

    Raises SettingsError for one that can't be used, with no more of its address than the scheme:
    the rest may hold a password.
    """
    target = urlsplit(base_url)
    if is_loopback(target.hostname or "") or urllib.request.proxy_bypass(target.netloc):
        return None
    proxies = urllib.request.getproxies()
    address = proxies.get(target.scheme) or proxies.get("all")
    if not address:
        return None
    expected = (
        "expected http://host:port or https://host:port. "
        "Correct HTTPS_PROXY or ALL_PROXY, or list the API's host in NO_PROXY."
    )
    try:
        url = httpx.URL(address if "://" in address else f"http://{address}")
    except httpx.InvalidURL:
        raise SettingsError(f"The proxy's address can't be read; {expected}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        found = f"{url.scheme}://{'…' if url.host else ''}"
        raise SettingsError(f"The proxy's address: found {found}; {expected}")
    return url


def trust_operating_system() -> ssl.SSLContext:
    """A TLS context that trusts what the operating system trusts.

    On Linux truststore reads the whole store anew at every handshake (20 ms for 150 certificates),
    where the standard library reads the same file once: truststore only where there is none.
    """
    if sys.platform not in {"darwin", "win32"}:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        if context.cert_store_stats()["x509_ca"]:
            return context
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class WorkerTransport(httpx.AsyncBaseTransport):
    """Hands each request to an idle shard: a transport of its own, with one connection.

    One httpx pool for all workers falls from 2,000 to 108 requests/s at 100 connections: it walks
    over every connection at each request. A shard is idle again when its response is closed.
    """

    def __init__(
        self,
        make_shard: Callable[[], httpx.AsyncBaseTransport],
        *,
        connections: int,
        limits_attempts: bool = False,
    ) -> None:
        """limits_attempts: whether shards obey the "attempt" among a request's timeouts."""
        self.limits_attempts = limits_attempts
        self._make_shard = make_shard
        self._free = anyio.Semaphore(connections)
        self._idle: list[httpx.AsyncBaseTransport] = []  # the latest is used first: it is warm
        self._shards: set[httpx.AsyncBaseTransport] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response's head; its shard stays taken until the response is closed.

        Raises PoolTimeout if no shard becomes idle in time.
        """
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            try:
                with anyio.fail_after(request.extensions.get("timeout", {}).get("pool")):
                    await self._free.acquire()
            except TimeoutError as error:
                raise httpx.PoolTimeout("every connection is in use") from error
        if self._idle:
            shard = self._idle.pop()
        else:
            shard = self._make_shard()
            self._shards.add(shard)
        try:
            response = await shard.handle_async_request(request)
        except BaseException:
            await self._discard(shard)
            raise
        stream = cast("httpx.AsyncByteStream", response.stream)  # an async transport's always is
        response.stream = _ShardStream(stream, close=partial(self._finish, shard, stream))
        return response

    async def aclose(self) -> None:
        """Close every connection, also those that are still in use."""
        shards, self._shards, self._idle = self._shards, set(), []
        for shard in shards:
            await shard.aclose()

    async def _finish(self, shard: httpx.AsyncBaseTransport, stream: httpx.AsyncByteStream) -> None:
        try:
            await stream.aclose()
        except BaseException:
            await self._discard(shard)
            raise
        self._idle.append(shard)
        self._free.release()

    async def _discard(self, shard: httpx.AsyncBaseTransport) -> None:
        """Close a shard that failed, for good.

        httpcore never lets go of a tunnel whose TLS handshake failed: with its one connection, the
        shard would be blocked.
        """
        self._shards.discard(shard)
        self._free.release()
        with anyio.CancelScope(shield=True):
            await shard.aclose()


class _ShardStream(httpx.AsyncByteStream):
    """A response's body that keeps its shard busy until it is closed, once."""

    def __init__(
        self, stream: httpx.AsyncByteStream, *, close: Callable[[], Awaitable[None]]
    ) -> None:
        self._stream = stream
        self._close: Callable[[], Awaitable[None]] | None = close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        close, self._close = self._close, None
        if close:
            await close()


class StockTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport with one connection, made to say when a request never left.

    Only a fault in connecting, or one of a proxy, then means that nothing left. One exchange at a
    time: a response must be closed before the next request.
    """

    def __init__(
        self, *, tls: ssl.SSLContext, proxy_url: httpx.URL | None, keepalive_s: float
    ) -> None:
        """tls: whom to trust, as the server and as an https proxy.

        keepalive_s: how long an idle connection may be used again.
        """
        proxy = None
        if proxy_url is not None:
            is_https = proxy_url.scheme == "https"
            proxy = httpx.Proxy(proxy_url, ssl_context=tls if is_https else None)
        limits = httpx.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=keepalive_s
        )
        super().__init__(verify=tls, trust_env=False, proxy=proxy, limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response's head; a fault before the request's body left is one of connecting.

        That covers a proxy that hangs or hangs up, and a kept connection found closed: without
        the body no server can have acted on the request.
        """
        body = _WatchedBody(cast("httpx.AsyncByteStream", request.stream))  # an async one's is
        extensions = dict(request.extensions)
        target = extensions.pop("target", request.url.raw_path)
        # with its whole address: httpcore would send a `target` to a proxy as well
        addressed = httpx.Request(
            request.method,
            request.url.copy_with(raw_path=target),
            headers=request.headers,
            stream=body,
            extensions=extensions,
        )
        try:
            return await super().handle_async_request(addressed)
        except (httpx.TransportError, OSError) as fault:
            if body.was_read or isinstance(fault, _UNSENT):
                raise
            timed_out = isinstance(fault, httpx.TimeoutException)
            raise (httpx.ConnectTimeout if timed_out else httpx.ConnectError)(str(fault)) from fault


class _WatchedBody(httpx.AsyncByteStream):
    """A request's body that notes when it is read: httpcore does so after the head has left."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream
        self.was_read = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_read = True
        return aiter(self._stream)
