import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from batch.sending.stops import Stop, StopCause
from batch.terminal.signals import INTERRUPTS, InterruptedProgramError, Interrupts

both = pytest.mark.parametrize("number", INTERRUPTS)
STOP_OF = {
    signal.SIGINT: Stop(cause=StopCause.INTERRUPTED, message="Interrupted by Ctrl-C."),
    signal.SIGTERM: Stop(cause=StopCause.TERMINATED, message="Interrupted by SIGTERM."),
}


async def listen(interrupts: Interrupts, during: Callable[[], None]) -> list[Stop]:
    """The stops that were told, once each in turn of the event loop."""
    told: list[Stop] = []
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
    assert told == [STOP_OF[number]]


def test_each_signal_is_told_in_order() -> None:
    def during() -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)

    interrupts = Interrupts()
    with interrupts.caught():
        told = anyio.run(listen, interrupts, during)
    assert told == [STOP_OF[number] for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT)]


@both
def test_a_signal_before_somebody_listens_is_not_lost(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        signal.raise_signal(number)
        told = anyio.run(listen, interrupts, lambda: None)
    assert told == [STOP_OF[number]]


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
    with interrupts.told_to(lambda _stop: came.set()), anyio.move_on_after(10):
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
    interrupts = Interrupts()
    with interrupts.caught():
        caught = signal.getsignal(number)
        with interrupts.raised():
            assert signal.getsignal(number) is not caught
        assert signal.getsignal(number) is not before
    assert signal.getsignal(number) is before


@both
def test_what_is_raised_lets_what_was_begun_be_tidied_up(number: signal.Signals) -> None:
    tidied = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            tidied.append(True)

    interrupts = Interrupts()
    with interrupts.raised(), pytest.raises(InterruptedProgramError):
        work()
    assert interrupts.came == number
    assert tidied == [True]


@both
def test_a_signal_that_was_caught_before_is_raised_at_once(number: signal.Signals) -> None:
    interrupts, begun = Interrupts(), False
    with interrupts.caught():
        signal.raise_signal(number)
        with pytest.raises(InterruptedProgramError), interrupts.raised():
            begun = True
    assert interrupts.came == number
    assert not begun


@both
def test_one_that_got_lost_can_be_raised_again(number: signal.Signals) -> None:
    interrupts = Interrupts()
    interrupts.check()
    with interrupts.raised(), suppress(KeyboardInterrupt):
        signal.raise_signal(number)
    with pytest.raises(InterruptedProgramError):
        interrupts.check()


THROUGH_EXEC = """
import signal
from batch.terminal.signals import Interrupts

with Interrupts().raised():
    try:
        exec("signal.raise_signal({number})")
    except KeyboardInterrupt:
        pass
raise SystemExit(143)
"""


@both
def test_one_that_went_through_exec_does_not_decide_how_the_process_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "program.py").write_text(THROUGH_EXEC.format(number=int(number)))
    done = subprocess.run([sys.executable, "-m", "program"], cwd=tmp_path, check=False)
    assert done.returncode == 143


@both
def test_what_was_raised_is_no_signal_of_the_loop_that_comes_after(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught(), interrupts.raised():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        with interrupts.caught():
            told = anyio.run(listen, interrupts, lambda: None)
    assert told == []


@both
def test_left_alone_a_signal_does_what_it_does_in_any_program(number: signal.Signals) -> None:
    interrupts = Interrupts()
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    with interrupts.caught(), interrupts.left_alone():
        assert signal.getsignal(number) is usual[number]


def test_a_ctrl_c_that_was_caught_before_comes_when_signals_are_left_alone() -> None:
    interrupts = Interrupts()
    with interrupts.caught():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), interrupts.left_alone():
            pass


@both
def test_once_ignored_a_signal_does_nothing_to_the_end(number: signal.Signals) -> None:
    interrupts = Interrupts()
    with interrupts.caught(), interrupts.raised():
        interrupts.ignore()
        signal.raise_signal(number)
    signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_IGN
    with interrupts.raised():
        signal.raise_signal(number)


def test_outside_the_main_thread_nothing_is_caught_and_nothing_breaks() -> None:
    told: list[object] = []

    def work() -> None:
        interrupts = Interrupts()
        with interrupts.caught(), interrupts.raised(), interrupts.left_alone():
            told.append(anyio.run(listen, interrupts, lambda: None))
        interrupts.ignore()

    before = [signal.getsignal(number) for number in INTERRUPTS]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [[]]
    assert [signal.getsignal(number) for number in INTERRUPTS] == before
