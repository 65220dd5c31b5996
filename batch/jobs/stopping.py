"""Orders from another thread than a use case's: what the page and a caller in Python have alike."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from batch.errors import DeclinedError
from batch.jobs.frontend import Order, Rest
from batch.sending.stops import Stop

_LOOK_EVERY_S = 0.1

_T = TypeVar("_T")


class StoppedError(DeclinedError):
    """Somebody stopped a job before anything was sent."""


class Stoppable:
    """The half of a `Frontend` that orders come through.

    The use case's thread calls `check`, `run` and `told_to`; any other one `stop` and `rest`.
    """

    def __init__(self) -> None:
        self._orders: deque[Order] = deque()
        self._deliver_soon: Callable[[], object] | None = None
        self._changed = threading.Condition()  # to be held while _is_stopped is set
        self._is_stopped = False

    def check(self) -> None:
        """Raise StoppedError once somebody has said stop."""
        if self._is_stopped:
            raise StoppedError("Stopped. Nothing was sent.")

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run something that waits for a server, and that a stop ends. Raises StoppedError."""

        async def watched() -> _T:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._watch, beside.cancel_scope)
                result = await work()
                beside.cancel_scope.cancel()
                return result
            raise StoppedError("Stopped. Nothing was sent.")

        self.check()
        try:
            return anyio.run(watched)
        except BaseExceptionGroup as group:
            raise _single(group) from group

    @contextmanager
    def told_to(self, listener: Callable[[Order], None]) -> Iterator[None]:
        """Within it, each order is a call of the listener on the running event loop."""
        loop = asyncio.get_running_loop()

        def deliver() -> None:
            while self._orders:
                listener(self._orders.popleft())

        self._deliver_soon = lambda: loop.call_soon_threadsafe(deliver)
        deliver()
        try:
            yield
        finally:
            self._deliver_soon = None

    def stop(self, stop: Stop) -> None:
        """Stop: before anything is sent at once; then as the first and the second Ctrl-C do."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self._order(stop)

    def rest(self, *, on: bool) -> None:
        """Let nothing out any more, or go on."""
        self._order(Rest(on=on))

    def _order(self, order: Order) -> None:
        self._orders.append(order)
        deliver = self._deliver_soon
        if deliver:
            try:
                deliver()
            except RuntimeError:  # the loop has just ended, and with it what could be ordered
                self._orders.clear()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        while not self._is_stopped:  # noqa: ASYNC110 - another thread sets it
            await anyio.sleep(_LOOK_EVERY_S)
        scope.cancel()


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in groups of them, as task groups wrap them."""
    first = group.exceptions[0]
    return _single(first) if isinstance(first, BaseExceptionGroup) else first
