"""Ctrl-C and SIGTERM: the one place that knows signals.

`signal.signal` works on Windows too, where an event loop takes no signal handlers of its own.
Imports nothing heavy: signals are caught before the program is loaded. An exception out of a
signal handler is raised at most once in a process, and never while an event loop runs: in the
midst of a loop's clean-up it would leave threads that nobody tells to end.
"""

import _thread
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from batch.sending.stops import Stop

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 2.0  # after a second signal, for the clean-up: `timeout` and others always send two
TELLING_S = 1.0  # after that, for the last line, which a pipe that nobody reads may hold up

_T = TypeVar("_T")
_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


class InterruptedProgramError(KeyboardInterrupt):
    """Ctrl-C or SIGTERM where nothing is under way that must be waited for.

    A class of its own: after a plain KeyboardInterrupt that went through `exec`, as a dataclass is
    made by it, `python -m` ends the process by SIGINT, whatever its exit code was to be.
    """


class Interrupts:
    """Ctrl-C and SIGTERM of one process, from its start until how it ends has been told.

    `caught` keeps what comes; `raised` and `told_to`, within it, take at once what was kept.
    Handlers are set in the main thread only: elsewhere nothing can be caught, and nothing is.

    came: the first that was raised, or that ended `run`; None as long as none did.
    """

    def __init__(self) -> None:
        self.came: signal.Signals | None = None
        self._came: deque[signal.Signals] = deque()
        self._deliver_soon: Callable[[], object] | None = None
        self._over = False
        self._ending = threading.Lock()  # held by whoever tells how the process ends
        self._runs_loop = False
        self._cancel_soon: Callable[[], object] | None = None
        self._last_words: Callable[[], object] | None = None

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Within it, what comes raises nothing and waits to be taken."""
        with self._handled(dict.fromkeys(INTERRUPTS, self._catch)):
            yield

    @contextmanager
    def raised(self, last_words: Callable[[], object] | None = None) -> Iterator[None]:
        """Within it, the first raises InterruptedProgramError, and `came` tells which it was.

        last_words: tells how the command ended. With it, a second signal ends the process by
        force, unless `ignore` was called soon after.
        """
        self._last_words = last_words
        with self._handled(dict.fromkeys(INTERRUPTS, self._raise)):
            if self._came:
                self._raise(self._came[0], None)
            yield

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run an event loop as `anyio.run` does; within `raised`, a signal cancels the work.

        Raises InterruptedProgramError once the loop and its threads have ended.
        """
        import asyncio  # noqa: PLC0415 - the start is quick

        import anyio  # noqa: PLC0415

        results: list[_T] = []

        async def cancellable() -> None:
            loop = asyncio.get_running_loop()
            with anyio.CancelScope() as scope:
                self._cancel_soon = lambda: loop.call_soon_threadsafe(scope.cancel)
                if self.came:
                    scope.cancel()
                try:
                    results.append(await work())
                finally:
                    self._cancel_soon = None

        self._runs_loop = True
        try:
            anyio.run(cancellable)
        finally:
            self._runs_loop = False
            self.check()
        return results[0]

    def check(self) -> None:
        """Raise once more what was raised and got lost.

        Not all code lets it pass: what calls Python from compiled code may drop it, or turn it
        into an error of its own.
        """
        if self.came:
            raise InterruptedProgramError

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """Within it, they do what they do in any Python program."""
        with self._handled(
            {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        ):
            for number in self._came:
                signal.raise_signal(number)
            yield

    @contextmanager
    def told_to(self, listener: Callable[["Stop"], None]) -> Iterator[None]:
        """Within it and within `caught`, each is a call of the listener on the running loop."""
        import asyncio  # noqa: PLC0415 - a loop is running, so it is loaded; the start is quick

        loop = asyncio.get_running_loop()

        def deliver() -> None:
            while self._came:
                listener(stop_by(self._came.popleft()))

        self._deliver_soon = lambda: loop.call_soon_threadsafe(deliver)
        deliver()
        try:
            yield
        finally:
            self._deliver_soon = None

    def ignore(self) -> None:
        """From here to the end of the process they do nothing: how it ends has been told."""
        if not _is_main_thread():
            self._over = True
            return
        with self._ending:  # never given back by a thread that ends the process by force
            self._over = True
            for number in INTERRUPTS:
                signal.signal(number, signal.SIG_IGN)

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        self._came.append(signal.Signals(number))
        if self._deliver_soon:
            self._deliver_soon()

    def _raise(self, number: int, _frame: FrameType | None) -> None:
        if self.came is None:
            self.came = signal.Signals(number)
            if not self._runs_loop:
                raise InterruptedProgramError
            if self._cancel_soon:
                self._cancel_soon()
        elif self._last_words:
            # Not threading.Thread: this may be in the midst of its code, which holds its lock.
            _thread.start_new_thread(self._end_by_force, (self._last_words,))
            self._last_words = None

    def _end_by_force(self, last_words: Callable[[], object]) -> None:
        """Give the main thread a while to tell how the process ends; then end it from here."""

        def tell() -> None:
            last_words()
            sys.stdout.flush()
            sys.stderr.flush()

        time.sleep(GRACE_S)
        with self._ending:
            if self._over:
                return
            teller = threading.Thread(target=tell, daemon=True)
            teller.start()
            teller.join(TELLING_S)
            os._exit(128 + (self.came or signal.SIGINT))

    @contextmanager
    def _handled(self, handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
        """Within it, these handlers stand; then those from before, unless signals are ignored."""
        if self._over or not _is_main_thread():
            yield
            return
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler_before in before.items():
                if not self._over:
                    signal.signal(number, handler_before)


def stop_by(number: signal.Signals) -> "Stop":
    """What a signal tells a run that is sending."""
    from batch.sending.stops import Stop, StopCause  # noqa: PLC0415 - the start is quick

    if number == signal.SIGTERM:
        return Stop(cause=StopCause.TERMINATED, message="Interrupted by SIGTERM.")
    return Stop(cause=StopCause.INTERRUPTED, message="Interrupted by Ctrl-C.")


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
