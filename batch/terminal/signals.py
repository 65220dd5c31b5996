"""Ctrl-C and SIGTERM: the only module that handles signals.

`signal.signal` also works on Windows, where event loops can't install signal handlers.
Imports nothing heavy: signals are caught before the program is loaded. A signal handler raises at
most once in a process, and never while an event loop runs: an exception in the middle of a loop's
clean-up would leave threads that nobody ends.
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
GRACE_S = 2.0  # for clean-up after a second signal: `timeout` and others always send two
TELLING_S = 1.0  # then, for the last line: a pipe that nobody reads can block it

_T = TypeVar("_T")
_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


class InterruptedProgramError(KeyboardInterrupt):
    """Ctrl-C or SIGTERM while nothing is under way that must be waited for.

    A class of its own: after a plain KeyboardInterrupt that passed through `exec` (which makes
    dataclasses), `python -m` ends the process by SIGINT and ignores its exit code.
    """


class Interrupts:
    """Ctrl-C and SIGTERM of one process, from its start until its last line is printed.

    `caught` keeps signals; `raised` and `told_to`, inside it, first deliver those that were kept.
    Handlers are installed in the main thread only; in other threads nothing is caught.

    came: the first signal that was raised, or that ended `run`; None until then.
    """

    def __init__(self) -> None:
        self.came: signal.Signals | None = None
        self._came: deque[signal.Signals] = deque()
        self._deliver_soon: Callable[[], object] | None = None
        self._over = False
        self._ending = threading.Lock()  # held while the end of the process is reported
        self._runs_loop = False
        self._cancel_soon: Callable[[], object] | None = None
        self._last_words: Callable[[], object] | None = None

    @contextmanager
    def caught(self) -> Iterator[None]:
        """While entered, signals raise nothing and are kept."""
        with self._handled(dict.fromkeys(INTERRUPTS, self._catch)):
            yield

    @contextmanager
    def raised(self, last_words: Callable[[], object] | None = None) -> Iterator[None]:
        """While entered, the first signal raises InterruptedProgramError and is kept in `came`.

        last_words: reports how the command ended. If given, a second signal ends the process by
        force, unless `ignore` is called soon after.
        """
        self._last_words = last_words
        with self._handled(dict.fromkeys(INTERRUPTS, self._raise)):
            if self._came:
                self._raise(self._came[0], None)
            yield

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run an event loop as `anyio.run` does; inside `raised`, a signal cancels the work.

        Raises InterruptedProgramError once the loop and its threads have ended.
        """
        import asyncio  # noqa: PLC0415 - for a quick start

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
        """Raise InterruptedProgramError again if it was raised before and got lost.

        Compiled code that calls Python may drop an exception or turn it into one of its own.
        """
        if self.came:
            raise InterruptedProgramError

    @contextmanager
    def left_alone(self) -> Iterator[None]:
        """While entered, signals do what they do in any Python program."""
        with self._handled(
            {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        ):
            for number in self._came:
                signal.raise_signal(number)
            yield

    @contextmanager
    def told_to(self, listener: Callable[["Stop"], None]) -> Iterator[None]:
        """While entered, inside `caught`, each signal calls the listener on the running loop."""
        import asyncio  # noqa: PLC0415 - for a quick start; a loop is running, so it is loaded

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
        """Ignore signals from now on: how the process ends has been reported."""
        if not _is_main_thread():
            self._over = True
            return
        with self._ending:  # a thread that ends the process by force never releases it
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
            # Not threading.Thread: the signal may have interrupted its code, which holds its lock.
            _thread.start_new_thread(self._end_by_force, (self._last_words,))
            self._last_words = None

    def _end_by_force(self, last_words: Callable[[], object]) -> None:
        """Give the main thread some time to report how the process ends; then end it."""

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
        """Install handlers while entered; then restore the old ones, unless signals are ignored."""
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
    """The stop that a signal asks of a run that is sending."""
    from batch.sending.stops import Stop, StopCause  # noqa: PLC0415 - for a quick start

    if number == signal.SIGTERM:
        return Stop(cause=StopCause.TERMINATED, message="Interrupted by SIGTERM.")
    return Stop(cause=StopCause.INTERRUPTED, message="Interrupted by Ctrl-C.")


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
