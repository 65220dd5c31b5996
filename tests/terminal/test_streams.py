import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.terminal.streams import Outlet, drop_typed_ahead, lasting_streams

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is full")


class FullDisk(io.StringIO):
    """A stream that takes as many writes, and then fails in writing and in flushing."""

    def __init__(self, writes: int) -> None:
        super().__init__()
        self._left = writes

    def write(self, text: str) -> int:
        self._left -= 1
        self.flush()
        return super().write(text)

    def flush(self) -> None:
        if self._left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def closed_pipe() -> Iterator[io.TextIOWrapper]:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


def test_what_is_written_arrives() -> None:
    below = io.StringIO()
    outlet = Outlet(below)
    assert outlet.write("text") == 4
    outlet.flush()
    assert below.getvalue() == "text"


def test_a_disk_that_fills_up_takes_the_rest_to_nowhere() -> None:
    below = FullDisk(writes=2)
    outlet = Outlet(below)
    for text in ("one", "two", "three"):
        assert outlet.write(text) == len(text)
        outlet.flush()
    assert below.getvalue() == "onetwo"


def test_a_reader_that_leaves_breaks_nothing_then_or_later(
    closed_pipe: io.TextIOWrapper,
) -> None:
    outlet = Outlet(closed_pipe)
    outlet.write("lost")
    outlet.flush()
    closed_pipe.write("into nowhere")
    closed_pipe.flush()


def test_it_is_the_terminal_that_lies_below(closed_pipe: io.TextIOWrapper) -> None:
    outlet = Outlet(closed_pipe)
    assert outlet.fileno() == closed_pipe.fileno()
    assert outlet.encoding == "utf-8"
    assert outlet.writable()
    assert not outlet.isatty()


def test_what_an_encoding_has_not_is_escaped() -> None:
    below = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    outlet = Outlet(below)
    outlet.write("é→")
    outlet.flush()
    assert isinstance(below.buffer, io.BytesIO)
    assert below.buffer.getvalue() == b"\\xe9\\u2192"


def test_streams_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with lasting_streams():
        sys.stdout.write("out")
        sys.stderr.write("err")
    assert (out.getvalue(), err.getvalue()) == ("out", "err")
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_stream_that_is_closed_from_the_start_takes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with lasting_streams():
        sys.stdout.write("nobody sees it")
    assert sys.stdout is None


@needs_full
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_the_exit_code_of_a_process_is_its_own_on_a_full_disk(name: str) -> None:
    program = (
        "import sys\n"
        "from batch.terminal.streams import lasting_streams\n"
        f"with lasting_streams():\n    sys.{name}.write('x' * 100_000)\n"
        "raise SystemExit(3)\n"
    )
    with FULL.open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=full if name == "stdout" else None,
            stderr=full if name == "stderr" else None,
            check=False,
        )
    assert done.returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no terminals to open")
def test_what_is_typed_before_a_question_does_not_answer_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keyboard, terminal = os.openpty()
    with os.fdopen(terminal, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(keyboard, b"y\ny\n")
        drop_typed_ahead()
        os.write(keyboard, b"n\n")
        assert stdin.readline() == "n\n"
    os.close(keyboard)


def test_input_that_is_no_terminal_keeps_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    drop_typed_ahead()
    assert sys.stdin.readline() == "y\n"
