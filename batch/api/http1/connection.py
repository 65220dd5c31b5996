"""One kept-alive HTTP/1.1 connection, as an asyncio protocol.

Owns the bytes in both directions and every way in which they can stop. It knows no pool, no
retry and nothing of what is sent. Faults are exceptions of httpx, of the same class as httpx's own
transport raises.
"""

import asyncio
import select
import sys
from collections.abc import Callable
from math import inf
from typing import cast

import httpx

from batch.api.http1.answer_parser import AnswerParser, Headers

MAX_UNREAD_CHUNKS = 16  # of at most 256 KiB; then the server has to wait until they are read


class AttemptTimeout(httpx.TimeoutException):
    """An exchange took too long as a whole; httpx knows no limit for that."""


class Connection(asyncio.Protocol):
    """One exchange after another: `send`, `receive_head`, `receive_chunk` until b"", `finish`.

    After an exception here, a cancellation too, the caller must call `abort`; so it must when
    `finish` says that the connection can't take another exchange.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer = AnswerParser()
        self._lost = asyncio.Event()
        self._waiter: asyncio.Future[None] | None = None
        self._fault: httpx.TransportError | None = None
        self._idle_since = self._loop.time()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf
        self._wait_deadline = inf  # of the present wait, in the loop's time
        self._timeout_error: type[httpx.TimeoutException] = httpx.ReadTimeout
        self._deadline = inf  # of the present exchange, in the loop's time
        self._is_open = False
        self._is_busy = False
        self._is_write_paused = False
        self._is_read_paused = False

    async def send(self, request: bytes, *, timeout_s: float | None, deadline: float = inf) -> None:
        """Hand the request over. Raises WriteTimeout; ConnectError if nothing can leave any more.

        deadline: of the whole exchange that begins, in the loop's time; after it every wait raises
        AttemptTimeout.
        A connection that breaks meanwhile shows on reading: the server may have answered before.
        """
        if not self._is_open:
            raise httpx.ConnectError("the connection was closed")
        self._answer.begin()
        self._deadline = deadline
        self._is_busy = True
        self._transport.write(request)
        while self._is_write_paused and self._is_open:
            await self._wait(timeout_s, httpx.WriteTimeout)

    async def receive_head(self, *, timeout_s: float | None) -> tuple[int, Headers]:
        """The status and the headers of the answer; those of a 1xx are skipped.

        timeout_s: for each piece. Raises ReadTimeout, ReadError, RemoteProtocolError.
        """
        answer = self._answer
        while not answer.has_head:
            if self._fault:
                raise self._fault
            await self._wait(timeout_s, httpx.ReadTimeout)
        return answer.status, answer.headers

    async def receive_chunk(self, *, timeout_s: float | None) -> bytes:
        """The next piece of the body, b"" after its last. Raises as `receive_head` does."""
        answer = self._answer
        while not answer.chunks:
            if answer.is_complete:
                return b""
            if self._fault:
                raise self._fault
            await self._wait(timeout_s, httpx.ReadTimeout)
        chunk = b"".join(answer.chunks)
        answer.chunks.clear()
        if self._is_read_paused and self._is_open:
            self._is_read_paused = False
            self._transport.resume_reading()
        return chunk

    def finish(self) -> bool:
        """End the exchange; return whether the connection can take another one."""
        answer = self._answer
        is_over = answer.is_complete and answer.keeps_alive and not self._is_write_paused
        self._is_busy = not is_over
        self._idle_since = self._loop.time()
        return is_over and self._is_open and self._fault is None

    def is_reusable(self, keepalive_s: float) -> bool:
        """Whether it can take another exchange: idle no longer than that, and open.

        Nothing may have come since the last answer, not even the connection's end.
        """
        if self._is_busy or not self._is_open or self._fault:
            return False
        is_fresh = self._loop.time() - self._idle_since <= keepalive_s
        return is_fresh and not self._has_news()

    async def abort(self) -> None:
        """Close at once, and wait until it is closed."""
        self._fault = self._fault or httpx.ReadError("the connection was closed")
        if self._is_open:
            self._transport.abort()
        await self._lost.wait()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._has_news = _watch(transport.get_extra_info("socket").fileno())
        self._is_open = True

    def data_received(self, data: bytes) -> None:  # noqa: D102
        answer = self._answer
        if answer.is_complete or not self._is_busy:
            self._fault = self._fault or httpx.RemoteProtocolError(
                "the server sent more than was requested"
            )
            self._transport.abort()
            return
        answer.feed(data)
        if answer.violation and not self._fault:
            self._fault = httpx.RemoteProtocolError(answer.violation)
        if len(answer.chunks) > MAX_UNREAD_CHUNKS and not self._is_read_paused:
            self._is_read_paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: D102
        self._is_open = False
        if error is None and not self._fault:
            self._answer.end()
        if not self._answer.is_complete and not self._fault:
            if error is None:
                self._fault = httpx.RemoteProtocolError(self._answer.violation)
            else:
                self._fault = httpx.ReadError(str(error))
                self._fault.__cause__ = error
        if self._alarm:
            self._alarm.cancel()
        self._wake()
        self._lost.set()

    def pause_writing(self) -> None:  # noqa: D102
        self._is_write_paused = True

    def resume_writing(self) -> None:  # noqa: D102
        self._is_write_paused = False
        self._wake()

    async def _wait(self, timeout_s: float | None, kind: type[httpx.TimeoutException]) -> None:
        """Wait for anything to happen. Raises `kind`, or AttemptTimeout, when it takes too long."""
        if self._loop.time() >= self._deadline:  # bytes that come without a pause outrun the alarm
            raise AttemptTimeout("")
        self._set_alarm(timeout_s, kind)
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_alarm(self, timeout_s: float | None, kind: type[httpx.TimeoutException]) -> None:
        """End the wait that begins now after timeout_s.

        A timer that rings too early is set again then: so there is one timer for a whole timeout,
        not one for every wait.
        """
        self._timeout_error = kind
        due = inf if timeout_s is None else self._loop.time() + timeout_s
        if due >= self._deadline:
            due, self._timeout_error = self._deadline, AttemptTimeout
        self._wait_deadline = due
        if self._wait_deadline < self._alarm_at:
            if self._alarm:
                self._alarm.cancel()
            self._alarm_at = self._wait_deadline
            self._alarm = self._loop.call_at(self._wait_deadline, self._ring)

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, inf
        if self._waiter is None or self._waiter.done():
            return
        left_s = self._wait_deadline - self._loop.time()
        if left_s > 0:
            self._set_alarm(left_s, self._timeout_error)
        else:
            self._waiter.set_exception(self._timeout_error(""))


def _watch(socket_number: int) -> Callable[[], bool]:
    """A test whether the system has news of a socket that the event loop doesn't know yet."""
    if sys.platform == "win32":  # which has no poll
        return lambda: bool(select.select([socket_number], [], [], 0)[0])
    news = select.poll()
    news.register(socket_number, select.POLLIN)
    return lambda: bool(news.poll(0))
