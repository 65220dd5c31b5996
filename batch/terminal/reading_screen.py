"""What reading campaigns' leads looks like while it goes on. Standard error only."""

import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from batch.wording.progress import ReadingProgress, reading_line

LINE_EVERY_S = 30.0  # where nothing can be redrawn


class ReadingScreen:
    """One line that is redrawn, or now and then a line of a log."""

    def __init__(self, console: Console, write: Callable[[str], None], *, shown: bool) -> None:
        """write: takes a line of a log."""
        self._write = write
        self._shown = shown
        live = shown and console.file.isatty() and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True) if live else None
        self._next_at = time.monotonic() + LINE_EVERY_S

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, reading: ReadingProgress) -> None:
        """Show how far it is."""
        if self._live:
            self._live.update(Text(reading_line(reading), style="dim"))
        elif self._shown and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + LINE_EVERY_S
            self._write(reading_line(reading))
