"""Frames that are kept once and read again from the disk, in a file that nobody sees afterwards.

So that a spreadsheet's rows are judged once, however often they are asked for, in bounded memory.
"""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import polars as pl

from batch.lines import frames_with
from batch.recording.atomic_file import PARTIAL_SUFFIX, disk_errors

Frames = Callable[[pl.Series | None], Iterator[pl.DataFrame]]


class Spill:
    """A hidden file in a folder, which is there from the first frame until `close`.

    Methods raise RunError when the disk fails.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._sizes: list[int] = []

    def once(self, make: Frames) -> Frames:
        """Frames as `make` gives them, made only the first time that all are asked for.

        make: gives all frames, or what they have of some lines (UInt32, rising).
        """
        is_made = False

        def frames(lines: pl.Series | None) -> Iterator[pl.DataFrame]:
            nonlocal is_made
            if is_made:
                yield from self.frames() if lines is None else frames_with(self.frames(), lines)
                return
            if lines is not None:
                raise ValueError("some of the rows are wanted before all of them were made")
            self.close()
            for frame in make(None):
                self.put(frame)
                yield frame
            is_made = True

        return frames

    def close(self) -> None:
        """Remove the file; may be called twice."""
        if self._file is not None:
            for end in (self._file.close, Path(self._file.name).unlink):
                with suppress(OSError):  # what a failing disk did with it is nobody's loss
                    end()
        self._file, self._sizes = None, []

    def put(self, frame: pl.DataFrame) -> None:
        """Keep one more frame."""
        content = io.BytesIO()
        frame.write_ipc_stream(content, compression="lz4")
        with disk_errors(self._folder):
            if self._file is None:
                self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed by `close`
                    dir=self._folder, prefix=".judged-", suffix=PARTIAL_SUFFIX, delete=False
                )
            self._file.write(content.getbuffer())
        self._sizes.append(len(content.getbuffer()))

    def frames(self) -> Iterator[pl.DataFrame]:
        """What was kept so far, as often as it is asked for."""
        if self._file is None:
            return
        with disk_errors(self._folder):
            self._file.flush()
        with Path(self._file.name).open("rb") as file:
            for size in self._sizes:
                yield pl.read_ipc_stream(io.BytesIO(file.read(size)))
