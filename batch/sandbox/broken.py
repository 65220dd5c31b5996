"""Answers that are late, torn or never come: what a fault does to a connection."""

import socket
import struct
import sys
from asyncio import Transport

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class HangUp(Response):
    """No answer: the connection is reset (TCP RST), or closed in order."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer nothing."""
        del send
        _hang_up(scope, reset=self._reset)
        await _client_leaves(receive, within_s=None)


class Late(Response):
    """An answer after these seconds; without any, one that never comes."""

    def __init__(self, answer: Response, *, delay_s: float | None) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._delay_s = delay_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer unless the client has left."""
        if not await _client_leaves(receive, within_s=self._delay_s):
            await self._answer(scope, receive, send)


class Cut(Response):
    """The head and half of the body, then the connection is closed."""

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


class Drip(Response):
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
    """Whether the client's connection ends in this time; without any, wait until it does."""
    with anyio.move_on_after(within_s):
        while (await receive())["type"] != "http.disconnect":
            pass
        return True
    return False


def _hang_up(scope: Scope, *, reset: bool) -> None:
    """End the connection that this request came on; what was written before goes out first.

    Raises ConnectionError where there is none, as when the app is called without a server.
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
