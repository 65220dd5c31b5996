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


@both
def test_in_a_loop_a_signal_cancels_the_work_and_is_raised_after_it(number: signal.Signals) -> None:
    interrupts, passed = Interrupts(), []

    async def work() -> None:
        try:
            signal.raise_signal(number)
            passed.append("the signal")
            await anyio.sleep(60)
        finally:
            signal.raise_signal(number)
            passed.append("another while tidying up")

    with interrupts.raised():
        with pytest.raises(InterruptedProgramError):
            interrupts.run(work)
        signal.raise_signal(number)  # counted, and raised no more
    assert interrupts.came == number
    assert passed == ["the signal", "another while tidying up"]


def test_a_signal_before_the_work_of_a_loop_lets_it_do_nothing() -> None:
    interrupts, done = Interrupts(), []

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        done.append(True)

    with interrupts.raised():
        with pytest.raises(InterruptedProgramError):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(InterruptedProgramError):
            interrupts.run(work)
    assert not done


def test_an_error_while_a_loop_is_cancelled_hides_no_signal() -> None:
    interrupts = Interrupts()

    async def work() -> None:
        signal.raise_signal(signal.SIGTERM)
        raise ValueError

    with interrupts.raised(), pytest.raises(InterruptedProgramError):
        interrupts.run(work)


def test_work_without_a_signal_gives_its_result() -> None:
    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    assert Interrupts().run(work) == 7


# A command that reads, with a thread of the loop's, and gets two signals at the given place.
COMMAND = """
import asyncio.runners
import signal
import time

import anyio.to_thread

from batch.cli import main
from batch.terminal import command_line, console, endings


async def work():
    await anyio.to_thread.run_sync(int)
    {in_work}


tidy = asyncio.runners._cancel_all_tasks


def tidy_up(loop):
    {in_clean_up}
    tidy(loop)


def run_command_line(interrupts):
    terminal = console.Terminal(interrupts)
    return endings.guarded(terminal, lambda: interrupts.run(work))


asyncio.runners._cancel_all_tasks = tidy_up
command_line.run_command_line = run_command_line
main()
"""
TWICE = "[signal.raise_signal({number}) for _ in range(2)]"


def run_command(number: signal.Signals, **places: str) -> "subprocess.CompletedProcess[str]":
    """The command that has ended; its exit code is that of a SIGKILL where it had to be killed."""
    places = {"in_work": "pass", "in_clean_up": "pass", **places}
    for place, text in places.items():
        places[place] = text.format(number=int(number))
    command = [sys.executable, "-c", COMMAND.format(**places)]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -9, stdout="", stderr="")


@pytest.mark.sampled(3)
@both
@pytest.mark.parametrize(
    "places",
    [
        {"in_clean_up": TWICE},
        {"in_work": TWICE, "in_clean_up": TWICE},
        {"in_work": f"{TWICE}; time.sleep(60)"},  # nothing that a cancellation could end
        {"in_work": TWICE, "in_clean_up": "time.sleep(60)"},
    ],
    ids=["in_clean_up", "everywhere", "in_work_that_hangs", "before_clean_up_that_hangs"],
)
def test_two_signals_end_a_command_that_runs_a_loop_with_threads(
    number: signal.Signals, places: dict[str, str]
) -> None:
    ended = run_command(number, **places)
    assert ended.returncode == 128 + number
    *_, before, last = ended.stderr.splitlines()
    assert before in {"Interrupted before sending.", "Ended before sending."}
    assert last.startswith("interrupted: ")
    assert "Traceback" not in ended.stderr
