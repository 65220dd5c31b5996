import os
import signal
import threading
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from batch.terminal.signals import INTERRUPTS, Interrupts, TerminatedError, exit_on_sigterm

both = pytest.mark.parametrize("number", INTERRUPTS)


async def listen(interrupts: Interrupts, during: Callable[[], None]) -> list[signal.Signals]:
    """The signals that were told, once each in turn of the event loop."""
    told: list[signal.Signals] = []
    with interrupts.told_to(told.append):
        at_once = len(told)
        during()
        assert len(told) == at_once  # never in the middle of other code
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
    return told


@both
def test_a_signal_is_a_call_on_the_event_loop(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        told = anyio.run(listen, interrupts, lambda: signal.raise_signal(number))
    assert told == [number]


def test_each_signal_is_told_in_order() -> None:
    def during() -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)

    interrupts = Interrupts()
    with interrupts.caught():
        told = anyio.run(listen, interrupts, during)
    assert told == [signal.SIGTERM, signal.SIGINT, signal.SIGINT]


@both
def test_a_signal_before_somebody_listens_is_not_lost(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        signal.raise_signal(number)
        told = anyio.run(listen, interrupts, lambda: None)
    assert told == [number]


@both
def test_a_signal_after_the_loop_does_nothing(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        told = anyio.run(listen, interrupts, lambda: None)
        signal.raise_signal(number)
    assert told == []


async def idle_until_told(interrupts: Interrupts) -> float:
    """Seconds until a signal from outside is told while the loop has nothing to do for long."""
    came = anyio.Event()
    with interrupts.told_to(lambda _number: came.set()), anyio.move_on_after(10):
        began = anyio.current_time()
        timer = threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGTERM])
        timer.start()
        await came.wait()
        timer.join()
    return anyio.current_time() - began


def test_a_signal_wakes_an_idle_loop() -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        assert anyio.run(idle_until_told, interrupts) < 5


@both
def test_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts().caught(), exit_on_sigterm():
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


def test_sigterm_raises_so_that_what_was_begun_is_tidied_up() -> None:
    tidied = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            tidied.append(True)

    with exit_on_sigterm(), pytest.raises(TerminatedError):
        work()
    assert tidied == [True]


def test_sigterm_passes_where_ctrl_c_does() -> None:
    assert issubclass(TerminatedError, KeyboardInterrupt)


def test_outside_the_main_thread_nothing_is_caught_and_nothing_breaks() -> None:
    told: list[object] = []

    def work() -> None:
        interrupts = Interrupts()
        with interrupts.caught(), exit_on_sigterm():
            told.append(anyio.run(listen, interrupts, lambda: None))

    before = [signal.getsignal(number) for number in INTERRUPTS]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [[]]
    assert [signal.getsignal(number) for number in INTERRUPTS] == before
