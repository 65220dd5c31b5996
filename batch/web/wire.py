"""The page's side of a connection: uvicorn's, with limits on time and number.

uvicorn waits for ever for a request's head and its body, and counts only requests that are whole.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

_LOOK_EVERY_S = 0.5
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLimits:
    """How slow a browser may be, and how many connections there may be. Times in seconds.

    head_s: until a request's head is whole, from the connection's beginning or the answer before.
    body_idle_s: between two pieces of a body, while the page takes them; body_s: for all of it.
    unwanted_s: for what comes of a body after the answer. unread_s: until an answer is read on.
    """

    connections: int = 64
    head_s: float = 10
    body_idle_s: float = 30
    body_s: float = 600
    unwanted_s: float = 10
    unread_s: float = 300
    look_every_s: float = _LOOK_EVERY_S


class Phase(Enum):
    """What a connection waits for."""

    HEAD = auto()
    BODY = auto()
    ANSWER = auto()
    UNWANTED = auto()  # the rest of a body that was answered already


class PageProtocol(H11Protocol):
    """One connection. h11 also bounds a head's size, which uvicorn's other parser does not."""

    def __init__(self, *args: Any, limits: WireLimits, **given: Any) -> None:  # noqa: ANN401 - what uvicorn gives
        super().__init__(*args, **given)
        self._limits = limits
        self._began = self._came = self.loop.time()
        self._unread_since: float | None = None
        self._waits_for: tuple[Phase, object] = (Phase.HEAD, None)
        self._next_look: asyncio.TimerHandle | None = None

    @property
    def phase(self) -> Phase:
        """What it waits for now."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's word leaves None out
        if cycle and not cycle.response_complete:
            return Phase.BODY if cycle.more_body else Phase.ANSWER
        is_between = not cycle or self.conn.their_state is h11.IDLE
        return Phase.HEAD if is_between else Phase.UNWANTED

    @property
    def waits_since(self) -> float:
        """Since when it waits for that."""
        return self._began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take a connection; where there are too many, the one goes that is idle for longest."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) <= self._limits.connections:
            return
        others = [each for each in self.connections if isinstance(each, PageProtocol)]
        idle = [each for each in others if each is not self and each.phase is Phase.HEAD]
        if idle:
            oldest = min(idle, key=lambda each: each.waits_since)
            self.connections.discard(oldest)
            oldest.transport.abort()
        else:
            self.connections.discard(self)
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._next_look:
            self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._came = self.loop.time()
        super().data_received(data)

    def pause_writing(self) -> None:
        """What was answered is not read any more."""
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It is read on."""
        self._unread_since = None
        super().resume_writing()

    def _look(self) -> None:
        """End the connection if it is too slow, and look again later."""
        now = self.loop.time()
        waits_for = (self.phase, self.cycle)
        if waits_for != self._waits_for:
            self._waits_for, self._began = waits_for, now
        if self.flow.read_paused:  # it is the page that takes its time
            self._came = now
        if self._is_too_slow(now):
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(self._limits.look_every_s, self._look)

    def _is_too_slow(self, now: float) -> bool:
        limits, waited_s = self._limits, now - self._began
        match self._waits_for[0]:
            case Phase.HEAD:
                return waited_s > limits.head_s
            case Phase.BODY:
                return waited_s > limits.body_s or now - self._came > limits.body_idle_s
            case Phase.UNWANTED:
                return waited_s > limits.unwanted_s
            case Phase.ANSWER:
                since = self._unread_since
                return since is not None and now - since > limits.unread_s


def page_protocol(limits: WireLimits | None = None) -> Callable[..., PageProtocol]:
    """What uvicorn makes for each connection."""
    return partial(PageProtocol, limits=limits or WireLimits())
