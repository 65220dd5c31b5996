"""Show progress: a live view on a terminal, log lines elsewhere.

Standard error only; standard output belongs to `--json` and to what `check` found.
"""

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batch.model import Tally
from batch.sending.stops import Stop, StopCause
from batch.terminal.prose import print_whole
from batch.visible import visible
from batch.wording.amounts import duration
from batch.wording.progress import (
    Moment,
    ReadingProgress,
    allowed_line,
    hold_line,
    outage_line,
    pace_words,
    reading_line,
    stop_line,
    used_up_line,
)

HEARTBEAT_S = 60.0  # between log lines while sending
READING_HEARTBEAT_S = 30.0  # between log lines while reading
WIDEST_BAR = 40  # columns
TOLD_HOLD_S = 5.0  # shorter hold-backs are not logged: there may be thousands


class Screen(Protocol):
    """Shows the progress of sending while it is entered."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...
    def show(self, moment: Moment) -> None:
        """Show how far the run is; called a few times a second."""


def make_screen(console: Console, *, quiet: bool) -> Screen:
    """The screen that suits the output."""
    if quiet:
        return _Silence()
    if _can_redraw(console):
        return LiveView(console)
    return LogLines(lambda text: print_whole(console, text))


def _can_redraw(console: Console) -> bool:
    """True for a real terminal; FORCE_COLOR asks for colours without one."""
    return console.file.isatty() and not console.is_dumb_terminal


class _Context:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Silence(_Context):
    def show(self, moment: Moment) -> None:
        """Show nothing."""


class LiveView(_Context):
    """A bar, the counts, the pace and what delays it, redrawn a few times a second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Redraw."""
        notice = notice_line(moment)
        lines = [_counts(moment.tally), Text(pace_line(moment), style="dim")]
        self._live.update(
            Group(
                _bar(moment, style="yellow" if notice else "cyan"),
                *(line for line in lines if line),
                *([Text(visible(notice), style="yellow")] if notice else []),
            )
        )


class LogLines(_Context):
    """A line at the start, one a minute, and one for each long hold-back and for a stop.

    Also one for the first long wait that only headers ask for while every request is served.

    write: prints a line. clock: a monotonic clock, in seconds.
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._next_at = float("-inf")
        self._held_until = float("-inf")
        self._stopping = False
        self._headers_told = False
        self._away = False

    def show(self, moment: Moment) -> None:
        """Print the lines that are due."""
        if self._away is not (moment.outage_s > 0):
            self._away = not self._away
            self._say(outage_line(moment) if self._away else "The server is back.")
        hold = moment.hold
        told_long_ago = hold and hold.until >= self._held_until + TOLD_HOLD_S
        if hold and told_long_ago and moment.hold_left_s >= TOLD_HOLD_S:
            self._held_until = hold.until
            self._say(hold_line(hold, moment.hold_left_s))
        is_long = moment.pace_estimate.wait_s >= TOLD_HOLD_S
        if is_long and moment.is_always_served and not self._headers_told:
            self._headers_told = bool(line := used_up_line(moment))
            if line:
                self._say(line)
        if not self._stopping and (line := _stopping(moment.stop)):
            self._stopping = True
            self._say(line)
        if self._clock() >= self._next_at:
            self._next_at = self._clock() + HEARTBEAT_S
            self._say(progress_line(moment))

    def _say(self, text: str) -> None:
        self._write(f"{datetime.now().astimezone():%H:%M:%S} {text}")


class ReadingScreen:
    """Shows the progress of reading leads: one line that is redrawn, or a log line now and then."""

    def __init__(self, console: Console, write: Callable[[str], None], *, shown: bool) -> None:
        """write: prints a line. shown: False for no output at all."""
        self._write = write
        self._shown = shown
        is_live = shown and _can_redraw(console)
        self._live = Live(console=console, transient=True) if is_live else None
        self._next_at = time.monotonic() + READING_HEARTBEAT_S

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, reading: ReadingProgress) -> None:
        """Show how far the reading is."""
        if self._live:
            self._live.update(Text(reading_line(reading), style="dim"))
        elif self._shown and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + READING_HEARTBEAT_S
            self._write(reading_line(reading))


def progress_line(moment: Moment) -> str:
    """As "20 of 300 rows: 18 success, 2 error; 5.0 requests a second, about 14 min left"."""
    done, tally = moment.tally.total(), moment.tally
    rows = f"{done:,} of {moment.rows:,} rows: {tally.success:,} success, {tally.error:,} error"
    return "; ".join(filter(None, (rows, pace_line(moment, mark=", "))))


def pace_line(moment: Moment, *, mark: str = " · ") -> str:
    """The pace, what the server allows, and the forecast, as far as they are known.

    As "9.5 requests a second · the server allows 100 in 10 s · about 1 s left". "" while the server
    is away or the run is stopping, when a pace would mean nothing.
    """
    if moment.outage_s or stop_line(moment.stop):
        return ""
    pace = pace_words(moment, " requests") if moment.requests else ""
    left = f"about {duration(moment.left_s)} left" if moment.left_s else ""
    return mark.join(filter(None, (pace, allowed_line(moment), left)))


def notice_line(moment: Moment) -> str:
    """What delays the run, the gravest first; "" if nothing does for a second or more."""
    if line := _stopping(moment.stop):
        return line
    if moment.outage_s:
        return outage_line(moment)
    if moment.hold and moment.hold_left_s >= 1:
        return hold_line(moment.hold, moment.hold_left_s)
    return used_up_line(moment)


def _stopping(stop: Stop | None) -> str:
    """Why the run is stopping, and how to end it at once; "" when it isn't."""
    again = " Ctrl-C again ends it at once."
    is_by_key = stop is not None and stop.cause is StopCause.INTERRUPTED
    return f"{stop_line(stop)}{again if is_by_key else ''}"


def _bar(moment: Moment, *, style: str) -> Table:
    """The bar, as wide as there is room, and how many rows are done."""
    done = moment.tally.total()
    bar = ProgressBar(
        total=max(1, moment.rows), completed=done, complete_style=style, finished_style="green"
    )
    line = Table.grid(padding=(0, 2))
    line.add_column(max_width=WIDEST_BAR)
    line.add_column(no_wrap=True)
    line.add_row(bar, f"{done:,} of {moment.rows:,} rows")
    return line


def _counts(tally: Tally) -> Text:
    """The results so far, as "18 success · 2 error · 1 skipped"."""
    parts = [
        (f"{tally.success:,} success", "green" if tally.success else "dim"),
        (f"{tally.error:,} error", "red" if tally.error else "dim"),
        *([(f"{tally.skipped:,} skipped", "dim")] if tally.skipped else []),
        *([(f"{tally.unsent:,} unsent", "yellow")] if tally.unsent else []),
    ]
    return Text(" · ", style="dim").join(Text(text, style=style) for text, style in parts)
