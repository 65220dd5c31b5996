"""Show progress: a live view on a terminal, log lines elsewhere.

Standard error only; standard output belongs to `--json` and to what `check` found.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batch.sending.sharing import Part
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
    percent_of,
    reading_counts,
    reading_line,
    reading_waits_for,
    sharing_line,
    step_count,
    step_line,
    stop_line,
    time_parts,
    used_up_line,
    waits_for,
)

HEARTBEAT_S = 60.0  # between log lines while sending
READING_HEARTBEAT_S = 30.0  # between log lines while reading
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
    if can_redraw(console):
        return LiveView(console)
    return LogLines(lambda text: print_whole(console, text))


def can_redraw(console: Console) -> bool:
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
    """A bar, the counts, the time, and what is waited for, redrawn a few times a second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Redraw; where there is nothing to do, nothing is shown."""
        if not moment.step_total:
            return
        width, now = self._live.console.width, datetime.now().astimezone()
        notice = _stopping(moment.stop) or waits_for(moment, now=now)
        is_told = not (moment.outage_s or stop_line(moment.stop))
        times = time_parts(moment.elapsed_s, moment.left_s if is_told else 0.0)
        bar = _bar(
            moment.step.value,
            moment.step_done / moment.step_total,
            f"{percent_of(moment)}%  {step_count(moment)}",
            style="yellow" if notice else "cyan",
        )
        counts = [*_counts(moment), *(Text(each) for each in times)]
        pace = [Text(each) for each in pace_parts(moment)]
        step = _sentences(step_line(moment), width=width, style="dim")
        shared = _sentences(sharing_line(moment.sharing), width=width, style="dim")
        waits = [*_sentences(notice, width=width, style="yellow")]
        for told in moment.worst:
            waits += _sentences(told, width=width, style="dim")
        self._live.update(
            Group(bar, *_filled(counts, width), *_filled(pace, width), *step, *shared, *waits)
        )


class LogLines(_Context):
    """A line at the start, one a minute, and one for each long hold-back and for a stop.

    Also one for how the pace is shared with other runs, and for the first long wait that only
    headers ask for while every request is served.

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
        self._sharing: set[str] = set()

    def show(self, moment: Moment) -> None:
        """Print the lines that are due."""
        if self._away is not (moment.outage_s > 0):
            self._away = not self._away
            away = outage_line(moment.outage_s, moment.outage_why)
            self._say(away if self._away else "The server is back.")
        hold = moment.hold
        told_long_ago = hold and hold.until >= self._held_until + TOLD_HOLD_S
        if hold and told_long_ago and moment.hold_left_s >= TOLD_HOLD_S:
            self._held_until = hold.until
            self._say(hold_line(hold, moment.hold_left_s))
        is_long = moment.pace_estimate.wait_s >= TOLD_HOLD_S
        if is_long and moment.is_always_served and not self._headers_told:
            line = used_up_line(moment.pace_estimate, served=True)
            self._headers_told = bool(line)
            if line:
                self._say(line)
        # Once: those who follow may come and go by the hundred.
        line, part = sharing_line(moment.sharing), moment.sharing.part
        if line and (told := part if part is Part.LEADS else line) not in self._sharing:
            self._sharing.add(told)
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
    """Shows the progress of reading leads: a bar that is redrawn, or a log line now and then."""

    def __init__(self, console: Console, write: Callable[[str], None], *, shown: bool) -> None:
        """write: prints a line. shown: False for no output at all."""
        self._write = write
        self._shown = shown
        self._console = console
        is_live = shown and can_redraw(console)
        self._live = Live(console=console, transient=True) if is_live else None
        self._next_at = time.monotonic() + READING_HEARTBEAT_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, reading: ReadingProgress) -> None:
        """Show how far the reading is."""
        if self._live:
            self._live.start()  # here, since one that shows nothing leaves an empty line behind
            self._live.update(self._view(reading, now=datetime.now().astimezone()))
        elif self._shown and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + READING_HEARTBEAT_S
            self._write(reading_line(reading))

    def _view(self, reading: ReadingProgress, *, now: datetime) -> Group:
        width = self._console.width
        campaigns, leads = reading_counts(reading)
        notice = reading_waits_for(reading.pace, now=now)
        percent = f"{int(100 * reading.share)}%  " if reading.share else ""
        style = "yellow" if notice else "cyan"
        bar = _bar("Reading leads", reading.share or None, f"{percent}{campaigns}", style=style)
        pace = f"{reading.pace.rate_per_s:,.1f} requests a second"
        parts = [leads, *time_parts(reading.elapsed_s, reading.left_s), pace]
        lines = _filled([Text(each) for each in parts], width)
        return Group(bar, *lines, *_sentences(notice, width=width, style="yellow"))


def progress_line(moment: Moment) -> str:
    """As "20 of 300 rows: 18 success, 2 error; 5.0 requests a second, about 14 min left"."""
    done, tally = moment.tally.total(), moment.tally
    rows = f"{done:,} of {moment.rows:,} rows: {tally.success:,} success, {tally.error:,} error"
    left = f"about {duration(moment.left_s)} left" if moment.left_s else ""
    is_told = not (moment.outage_s or stop_line(moment.stop))
    pace = ", ".join(filter(None, (*pace_parts(moment), left))) if is_told else ""
    return "; ".join(filter(None, (rows, pace)))


def pace_parts(moment: Moment) -> tuple[str, ...]:
    """The pace and what the server allows, as far as they are known.

    Nothing while the server is away or the run is stopping, when a pace would mean nothing.
    """
    if moment.outage_s or stop_line(moment.stop):
        return ()
    pace = pace_words(moment, " requests") if moment.requests else ""
    return tuple(filter(None, (pace, allowed_line(moment))))


def _stopping(stop: Stop | None) -> str:
    """Why the run is stopping, and how to end it at once; "" when it isn't."""
    again = " Ctrl-C again ends it at once."
    is_by_key = stop is not None and stop.cause is StopCause.INTERRUPTED
    return f"{stop_line(stop)}{again if is_by_key else ''}"


def _bar(step: str, share: float | None, count: str, *, style: str) -> Table:
    """A bar across the terminal, between what is done and how far that is.

    share: 0 to 1; None for a bar that moves to and fro, where nobody knows.
    """
    bar = ProgressBar(
        total=None if share is None else 1.0,
        completed=share or 0.0,
        complete_style=style,
        finished_style="green",
    )
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    line.add_row(step, bar, count)
    return line


def _counts(moment: Moment) -> list[Text]:
    """What came of what was sent, as "18 success" and "2 error".

    What is left behind counts once the run is stopping: until then it may still be sent again.
    """
    sent = moment.sent
    parts = [
        (f"{sent.success:,} success", "green" if sent.success else "dim"),
        (f"{sent.error:,} error", "red" if sent.error else "dim"),
        *([(f"{sent.unsent:,} unsent", "yellow")] if sent.unsent and moment.stop else []),
    ]
    return [Text(text, style=style) for text, style in parts]


def _filled(parts: Sequence[Text], width: int, *, mark: str = " · ") -> Iterator[Text]:
    """Lines of as many parts as fit in each, so that no line is wrapped."""
    line = Text()
    for part in parts:
        if line and line.cell_len + len(mark) + part.cell_len > width:
            yield line
            line = Text()
        line.append(mark if line else "", style="dim").append_text(part)
    if line:
        yield line


def _sentences(text: str, *, width: int, style: str) -> Iterator[Text]:
    """Sentences in as few lines as they fit in; a long one is broken before what is in brackets."""
    ends = visible(text).replace(". ", ".\n").split("\n")
    if max(map(len, ends)) > width:
        ends = [part for end in ends for part in end.replace(" (", "\n(").split("\n")]
    return _filled([Text(each, style=style) for each in ends], width, mark=" ")
