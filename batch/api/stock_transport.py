"""httpx's own transport, with one connection, made to say when a request never left.

Only a fault in connecting, or one of a proxy, then means that nothing left.
"""

import ssl
from collections.abc import AsyncIterator
from typing import cast

import httpx

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class StockTransport(httpx.AsyncHTTPTransport):
    """One exchange at a time: a response must be closed before the next request."""

    def __init__(
        self, *, tls: ssl.SSLContext, proxy_url: httpx.URL | None, keepalive_s: float
    ) -> None:
        """tls: whom to trust, as the server and as an https proxy.

        keepalive_s: how long an idle connection is used again.
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
        """The response's head; a fault that came before the request's body is one of connecting.

        So ends a proxy that hangs or hangs up, and a kept connection found closed: without its
        body no server can have acted on the request.
        """
        body = _WatchedBody(cast("httpx.AsyncByteStream", request.stream))  # an async one's is
        try:
            return await super().handle_async_request(_addressed(request, body))
        except (httpx.TransportError, OSError) as fault:
            if body.begun or isinstance(fault, _UNSENT):
                raise
            timed_out = isinstance(fault, httpx.TimeoutException)
            raise (httpx.ConnectTimeout if timed_out else httpx.ConnectError)(str(fault)) from fault


class _WatchedBody(httpx.AsyncByteStream):
    """A request's body that knows whether it was asked for: httpcore does so after the head."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream
        self.begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun = True
        return aiter(self._stream)


def _addressed(request: httpx.Request, body: httpx.AsyncByteStream) -> httpx.Request:
    """The request with its whole address: httpcore would send a `target` to a proxy as well."""
    extensions = dict(request.extensions)
    target = extensions.pop("target", request.url.raw_path)
    return httpx.Request(
        request.method,
        request.url.copy_with(raw_path=target),
        headers=request.headers,
        stream=body,
        extensions=extensions,
    )
