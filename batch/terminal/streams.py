"""Standard output and standard error that never fail.

A reader that goes away, or a full disk, must not decide how a command ends: output that can't be
written is dropped, and the command goes on. Imports nothing heavy.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


class Outlet(io.TextIOBase):
    """A text stream around another one; from the first failure on it discards everything."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the encoding may lack a name's letters

    @property
    def encoding(self) -> str:  # type: ignore[override]  # None in the base class, never here
        """The encoding of the wrapped stream."""
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write the text or drop it; either counts as written."""
        try:
            self._stream.write(text)
        except OSError:
            self._discard_from_now_on()
        return len(text)

    def flush(self) -> None:
        """Flush the wrapped stream."""
        try:
            self._stream.flush()
        except OSError:
            self._discard_from_now_on()

    def isatty(self) -> bool:
        """True if the wrapped stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the wrapped stream."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """True: it can always be written to."""
        return True

    def _discard_from_now_on(self) -> None:
        # Redirect the descriptor: Python would fail again on the rest of its buffers at exit.
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def lasting_streams() -> Iterator[None]:
    """While entered, writing to standard output and standard error never fails.

    A stream that is closed from the start discards everything, too.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Outlet(stream or io.StringIO()) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before


def drop_typed_ahead() -> None:
    """Forget what was typed at standard input's terminal before now: it answers no question yet."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - there alone

        while sys.stdin.isatty() and msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios  # noqa: PLC0415 - not on Windows

        with suppress(termios.error, OSError, ValueError):  # no terminal, or no input at all
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
