"""Ctrl-C and SIGTERM: the one place that knows signals.

`signal.signal` works on Windows too, where an event loop takes no signal handlers of its own.
"""

import asyncio
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Ctrl-C and SIGTERM around one event loop, in which somebody listens to them.

    They raise nothing and are not lost: `caught` begins before the loop and ends after it, and
    what comes before `told_to` is told at once when that begins.
    """

    def __init__(self) -> None:
        self._came: deque[signal.Signals] = deque()
        self._deliver_soon: Callable[[], object] | None = None

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Catch them within it; outside the main thread nothing can be caught, and nothing is."""
        with _handled(INTERRUPTS, self._catch):
            yield

    @contextmanager
    def told_to(self, listener: Callable[[signal.Signals], None]) -> Iterator[None]:
        """Within it, each is a call of the listener on the running event loop."""
        loop = asyncio.get_running_loop()

        def deliver() -> None:
            while self._came:
                listener(self._came.popleft())

        self._deliver_soon = lambda: loop.call_soon_threadsafe(deliver)
        deliver()
        try:
            yield
        finally:
            self._deliver_soon = None

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(signal.Signals(number))
        if self._deliver_soon:
            self._deliver_soon()


class TerminatedError(KeyboardInterrupt):
    """SIGTERM where nothing is under way that must be waited for."""


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Within it, SIGTERM raises TerminatedError, so that what was begun is tidied up."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedError

    with _handled((signal.SIGTERM,), leave):
        yield


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Within it, these signals call the handler, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
