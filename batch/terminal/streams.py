"""Standard output and standard error that can always be written to.

A reader that leaves, or a disk that is full, never decides how a command ends: what can't be
written is lost, and the command goes on. Imports nothing heavy.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


class Outlet(io.TextIOBase):
    """A text stream over another one; from the first failure on it takes all to nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may not fit the encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base has None, which none of ours is
        """The encoding of the stream below."""
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        """Write it, or let it go; all of it is taken in either case."""
        try:
            self._stream.write(text)
        except OSError:
            self._lead_to_nowhere()
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        try:
            self._stream.flush()
        except OSError:
            self._lead_to_nowhere()

    def isatty(self) -> bool:
        """Whether the stream below is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The descriptor of the stream below."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Whether it can be written: always."""
        return True

    def _lead_to_nowhere(self) -> None:
        # The descriptor, since what is left in buffers would be refused again when Python ends.
        with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Within it, standard output and standard error can be written to whatever becomes of them.

    One that is closed from the start takes all to nowhere as well.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Outlet(stream or io.StringIO()) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before
