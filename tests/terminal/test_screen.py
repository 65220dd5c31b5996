import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from batch.model import Reason, Tally
from batch.sending.gate import Pace
from batch.sending.pace.pacer import Hold, PaceEstimate, Source
from batch.sending.sharing import Part, Sharing
from batch.sending.stops import Stop, StopCause
from batch.terminal.screen import (
    LiveView,
    LogLines,
    ReadingScreen,
    make_screen,
    progress_line,
)
from batch.wording.progress import Moment, ReadingProgress, SendStep, clock_time

START = Moment(
    rows=300,
    tally=Tally({Reason.BAD_ID: 2}),
    requests=0,
    rate_per_s=0.0,
    left_s=59.6,
    hold=None,
    hold_left_s=0.0,
    stop=None,
    pace_estimate=PaceEstimate(source=Source.SETTING, rate_per_s=5.0),
    sent=Tally(),
    to_send=297,
    step_done=0,
    step_total=297,
)
UNDER_WAY = replace(
    START,
    tally=Tally({Reason.BAD_ID: 2, Reason.APPLIED: 18, Reason.DUPLICATE: 1}),
    requests=19,
    rate_per_s=5.0,
    left_s=1234.0,
    sent=Tally({Reason.APPLIED: 17, Reason.NOT_FOUND: 1}),
    step_done=18,
    elapsed_s=4.2,
)
STEPS = ("Sending", "Canary", "Reading")
CTRL_C = Stop(cause=StopCause.INTERRUPTED, message="Interrupted by Ctrl-C.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Log:
    """Log lines under a clock that is set by hand; their time of day is cut off."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lines: list[str] = []
        self.screen = LogLines(self.write, clock=lambda: self.now)

    def write(self, line: str) -> None:
        time, text = line.split(" ", 1)
        assert re.fullmatch(r"\d\d:\d\d:\d\d", time)
        self.lines.append(text)

    def show(self, moment: Moment, *, after_s: float = 0.25) -> list[str]:
        """The lines that this moment adds."""
        self.now += after_s
        before = len(self.lines)
        self.screen.show(moment)
        return self.lines[before:]


def held(left_s: float, *, until: float, why: str = "HTTP 429, Retry-After 60 s") -> Moment:
    return replace(UNDER_WAY, hold=Hold(since=0.0, until=until, why=why), hold_left_s=left_s)


def test_a_log_begins_with_a_line_and_then_has_one_every_60_seconds() -> None:
    log = Log()
    assert log.show(START) == ["2 of 300 rows: 0 success, 2 error; about 60 s left"]
    assert log.show(UNDER_WAY, after_s=59.9) == []
    assert log.show(UNDER_WAY, after_s=0.1) == [
        "21 of 300 rows: 18 success, 2 error; 5.0 requests a second, about 21 min left"
    ]
    assert log.show(UNDER_WAY, after_s=59.9) == []
    assert len(log.show(UNDER_WAY, after_s=0.1)) == 1


def test_a_hold_back_is_a_line_when_it_begins() -> None:
    log = Log()
    log.show(START)
    assert log.show(held(60.0, until=60.0)) == [
        "The server asks to wait (HTTP 429, Retry-After 60 s). Resuming in 60 s."
    ]
    assert log.show(held(59.75, until=60.0)) == []


def test_a_hold_back_that_grows_much_longer_is_another_line() -> None:
    log = Log()
    log.show(START)
    log.show(held(60.0, until=60.0))
    assert log.show(held(61.0, until=61.2)) == []
    assert log.show(held(900.0, until=960.0, why="HTTP 503")) == [
        "The server asks to wait (HTTP 503). Resuming in 15 min."
    ]


def test_short_hold_backs_are_no_lines_of_a_log() -> None:
    log = Log()
    log.show(START)
    assert [log.show(held(0.4, until=float(n))) for n in range(50)] == [[]] * 50


def test_a_stop_is_a_line_once() -> None:
    log = Log()
    log.show(START)
    stopped = replace(UNDER_WAY, stop=Stop(cause=StopCause.MAX_ERRORS, message="Too many [/]."))
    assert log.show(stopped) == [
        "Stopping: Too many [/]. Waiting up to 10 s for answers that are on their way."
    ]
    assert log.show(stopped) == []


def test_a_stop_by_ctrl_c_says_what_another_one_does() -> None:
    log = Log()
    log.show(START)
    assert log.show(replace(UNDER_WAY, stop=CTRL_C)) == [
        (
            "Stopping: Interrupted by Ctrl-C. "
            "Waiting up to 10 s for answers that are on their way. Ctrl-C again ends it at once."
        )
    ]


def test_retries_that_were_spent_are_no_stop_to_watch() -> None:
    log = Log()
    log.show(START)
    spent = Stop(cause=StopCause.RETRY_BUDGET, message="Spent.")
    assert log.show(replace(UNDER_WAY, stop=spent)) == []


def test_a_finished_run_has_no_time_left() -> None:
    assert progress_line(replace(UNDER_WAY, left_s=0.0)).endswith("; 5.0 requests a second")
    ended = replace(START, left_s=0.0, rows=2)
    assert progress_line(ended) == "2 of 2 rows: 0 success, 2 error"


def shown_live(*moments: Moment, width: int = 100) -> str:
    """All that was drawn on a terminal of this width, one redrawing after another."""
    terminal = Terminal()
    console = Console(file=terminal, width=width, force_terminal=True, color_system=None)
    with make_screen(console, quiet=False) as screen:
        for moment in moments:
            screen.show(moment)
    return terminal.getvalue()


def lines_of(shown: str, *, width: int) -> list[str]:
    """The last that was drawn, with "-" for the bar and the same time for every time of day."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").split("\n")
    assert all(len(line) <= width for line in lines)
    last = max(n for n, line in enumerate(lines) if line.startswith(tuple(STEPS)))
    clock, bar = re.compile(r"at \d\d:\d\d:\d\d|on \d+ \w+ at \d\d:\d\d"), re.compile("[━╸╺ ]{4,}")
    drawn = [clock.sub("at 12:34:56", bar.sub(" - ", line.rstrip())) for line in lines[last:]]
    return [line for line in drawn if line]


def drawn(moment: Moment, *, width: int = 100) -> list[str]:
    """What a terminal shows of a moment."""
    return lines_of(shown_live(moment, width=width), width=width)


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_what_was_sent_and_not_what_was_decided_before(width: int) -> None:
    assert drawn(UNDER_WAY, width=width) == [
        "Sending - 6%  18 of 297 changes",
        "17 success · 1 error · 5 s elapsed · about 21 min left",
        "5.0 requests a second",
    ]
    assert drawn(START, width=width) == [
        "Sending - 0%  0 of 297 changes",
        "0 success · 0 error · about 60 s left",
    ]


def test_a_canary_is_a_step_of_its_own_and_so_is_reading_it_back() -> None:
    canary = replace(UNDER_WAY, canary=20, step=SendStep.CANARY, step_total=20)
    assert drawn(canary)[0] == "Canary - 90%  18 of 20 changes"
    assert drawn(canary)[3] == "The first 20 changes of 297 go alone."
    back = replace(canary, step=SendStep.READING_BACK, step_done=3)
    assert drawn(back)[0] == "Reading back - 15%  3 of 20 leads"
    assert drawn(back)[3] == (
        "Nothing else is sent until these leads are read back as they were set."
    )
    others = replace(UNDER_WAY, canary=20, step_done=296)
    assert drawn(others)[0] == "Sending - 99%  296 of 297 changes"
    assert drawn(others)[3] == "The canary holds: 20 changes read back as set."


def allowed(wait_s: float = 0.1) -> PaceEstimate:
    """What headers told: 100 requests in 10 s, of which 95 are ours."""
    return PaceEstimate(
        source=Source.HEADERS,
        rate_per_s=9.5,
        wait_s=wait_s,
        limit=100,
        window_s=10.0,
        remaining=40,
    )


def test_what_the_servers_headers_allow_is_shown_beside_the_pace() -> None:
    moment = replace(UNDER_WAY, rate_per_s=9.4, pace_estimate=allowed())
    assert drawn(moment)[2:] == ["9.4 requests a second · the server allows 100 in 10 s"]
    assert progress_line(moment).endswith(
        "; 9.4 requests a second, the server allows 100 in 10 s, about 21 min left"
    )


def test_a_budget_that_is_used_up_is_told_with_the_time_until_there_is_more() -> None:
    assert drawn(replace(UNDER_WAY, pace_estimate=allowed(wait_s=6.3)))[3:] == [
        "Rate limit reached. Resuming in 7 s, at 12:34:56."
    ]
    assert drawn(replace(UNDER_WAY, pace_estimate=allowed(wait_s=1.0)))[3:] == []


def test_a_long_wait_for_the_next_request_is_shown_instead_of_a_pace_of_nothing() -> None:
    waiting = replace(UNDER_WAY, rate_per_s=0.04, pace_estimate=allowed(wait_s=290.0))
    assert drawn(waiting)[2].startswith("next request in 5 min · the server allows")
    held = replace(UNDER_WAY, rate_per_s=0.0, hold_left_s=60.0)
    assert drawn(held)[2] == "next request in 60 s"
    assert drawn(replace(held, rate_per_s=0.05))[2] == "0.1 requests a second"
    assert drawn(replace(held, hold_left_s=0.9))[2] == "0.0 requests a second"


def test_a_server_that_is_away_is_told_with_what_it_fails_by() -> None:
    away = replace(START, outage_s=30.0, outage_why="no connection: Connection refused")
    line = (
        "The server has been away for 30 s (no connection: Connection refused). "
        "Single requests check whether it is back."
    )
    told = "The next one leaves in 4 s. The run stops at 12:34:56 if it stays away."
    waits = " ".join(drawn(replace(away, probe_s=3.2, give_up_s=1.0))[2:])
    assert waits == f"{line} {told}"
    assert " ".join(drawn(away)[2:]) == line
    broken = replace(away, outage_why="the connection broke: Connection reset by peer")
    assert drawn(broken, width=80)[2:] == [
        "The server has been away for 30 s",
        "(the connection broke: Connection reset by peer).",
        "Single requests check whether it is back.",
    ]
    assert Log().show(away)[0] == line


def test_a_wait_that_only_headers_ask_for_is_told_as_such() -> None:
    served = replace(UNDER_WAY, pace_estimate=allowed(wait_s=59.1), is_always_served=True)
    line = (
        "Rate limit reached. Resuming in 60 s. "
        "Only its headers say so: the server has served every request."
    )
    assert " ".join(drawn(served)[3:]).replace(", at 12:34:56", "") == line
    log = Log()
    assert line in log.show(served)
    assert log.show(served) == []


@pytest.mark.parametrize(("width", "bar"), [(120, 85), (80, 45), (40, 5)])
def test_a_bar_is_as_wide_as_there_is_room(width: int, bar: int) -> None:
    done = replace(UNDER_WAY, step_done=297)
    line = shown_live(done, width=width).splitlines()[0]
    assert line.count("━") == bar
    assert line.endswith("  100%  297 of 297 changes")


def test_a_narrow_terminal_breaks_lines_between_sentences_and_counts() -> None:
    assert drawn(replace(held(41.2, until=60.0), elapsed_s=100.0), width=54)[1:] == [
        "17 success · 1 error · 2 min elapsed",
        "about 21 min left",
        "5.0 requests a second",
        "The server asks to wait (HTTP 429, Retry-After 60 s).",
        "Resuming in 42 s, at 12:34:56.",
    ]


def test_a_terminal_shows_the_present_hold_back_and_why() -> None:
    assert drawn(held(41.2, until=60.0))[3:] == [
        "The server asks to wait (HTTP 429, Retry-After 60 s). Resuming in 42 s, at 12:34:56."
    ]
    assert drawn(held(0.3, until=1.0))[3:] == []


def test_a_terminal_makes_no_forecast_while_the_server_is_away() -> None:
    assert drawn(replace(held(41.2, until=60.0), outage_s=34.0))[2:] == [
        "The server has been away for 34 s. Single requests check whether it is back."
    ]


def test_a_terminal_shows_a_stop_rather_than_a_hold_back() -> None:
    assert drawn(replace(held(41.0, until=60.0), stop=CTRL_C), width=200)[2:] == [
        (
            "Stopping: Interrupted by Ctrl-C. "
            "Waiting up to 10 s for answers that are on their way. Ctrl-C again ends it at once."
        )
    ]


def test_where_nothing_is_sent_no_bar_is_shown() -> None:
    nothing = replace(START, rows=0, tally=Tally(), left_s=0.0, to_send=0, step_total=0)
    assert "0 of 0" not in shown_live(nothing)
    assert "0 of 10 changes" in shown_live(replace(nothing, step_total=10))


def test_what_is_redrawn_needs_a_real_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_screen(Console(file=Terminal()), quiet=False), LiveView)
    for console in (
        Console(file=io.StringIO()),
        Console(file=io.StringIO(), force_terminal=True),  # as FORCE_COLOR does
    ):
        assert isinstance(make_screen(console, quiet=False), LogLines)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_screen(Console(file=Terminal()), quiet=False), LogLines)


def test_log_lines_are_never_broken_and_their_brackets_stay() -> None:
    out = io.StringIO()
    with make_screen(Console(file=out, width=40), quiet=False) as screen:
        screen.show(replace(UNDER_WAY, stop=Stop(cause=StopCause.FORBIDDEN, message="[/red] no.")))
    assert len(out.getvalue().splitlines()) == 2
    assert "Stopping: [/red] no. Waiting" in out.getvalue()


def test_quiet_shows_nothing() -> None:
    out = Terminal()
    with make_screen(Console(file=out), quiet=True) as screen:
        screen.show(UNDER_WAY)
    assert out.getvalue() == ""


def test_an_outage_is_told_when_it_begins_and_when_it_ends() -> None:
    lines: list[str] = []
    log = LogLines(lines.append, clock=lambda: 0.0)
    for outage_s in (0.0, 12.0, 13.0, 0.0):
        log.show(replace(START, outage_s=outage_s))
    assert [line[9:] for line in lines[1:]] == [
        "The server has been away for 12 s. Single requests check whether it is back.",
        "The server is back.",
    ]


READING = ReadingProgress(
    leads=12_300,
    campaigns_read=2,
    campaigns=3,
    pace=Pace(
        attempts=123,
        rate_per_s=9.5,
        measured_s=10.0,
        hold=None,
        hold_left_s=0.0,
        outage=None,
        outage_s=0.0,
        estimate=PaceEstimate(source=Source.SETTING, rate_per_s=10.0),
    ),
    share=0.75,
    elapsed_s=12.0,
)


def drawn_reading(reading: ReadingProgress, *, width: int) -> list[str]:
    """What a terminal shows of a reading."""
    terminal = Terminal()
    console = Console(file=terminal, width=width, force_terminal=True, color_system=None)
    with ReadingScreen(console, lambda _: None, shown=True) as screen:
        screen.show(reading)
    return lines_of(terminal.getvalue(), width=width)


@pytest.mark.parametrize("width", [80, 120])
def test_reading_has_a_bar_of_its_own(width: int) -> None:
    assert drawn_reading(READING, width=width) == [
        "Reading leads - 75%  2 of 3 campaigns",
        "12,300 leads read · 12 s elapsed · about 4 s left · 9.5 requests a second",
    ]
    unknown = replace(READING, share=0.0, campaigns_read=0, campaigns=1)
    assert drawn_reading(unknown, width=width) == [
        "Reading leads - 0 of 1 campaign",
        "12,300 leads read · 12 s elapsed · 9.5 requests a second",
    ]


def test_a_wait_while_reading_says_until_when() -> None:
    hold = Hold(since=0.0, until=60.0, why="HTTP 429")
    held_back = replace(READING, pace=replace(READING.pace, hold=hold, hold_left_s=41.2))
    line = drawn_reading(held_back, width=80)[2]
    assert line == "The server asks to wait (HTTP 429). Resuming in 42 s, at 12:34:56."


def test_a_time_of_another_day_is_told_with_its_day() -> None:
    now = datetime(2026, 11, 30, 23, 59, 30, tzinfo=UTC)
    assert clock_time(29, now=now) == "at 23:59:59"
    assert clock_time(31, now=now) == "on 1 December at 00:00"


SHARED = {
    "This run keeps to one pace with b (process 7) and c (process 8), and gives the "
    "turns.": Sharing(part=Part.LEADS, others=("b (process 7)", "c (process 8)")),
    "This run keeps to one pace with a (process 6), which gives the turns.": Sharing(
        part=Part.FOLLOWS, others=("a (process 6)",)
    ),
    r"This run keeps to one pace with \x1b[2J (process 6), which gives the turns.": Sharing(
        part=Part.FOLLOWS, others=("\x1b[2J (process 6)",)
    ),
    "The run that gives the turns, a (process 6), does not answer. This run goes on at its share "
    "of the pace, 12.5 requests a second at most, until it does.": Sharing(
        part=Part.BY_ITSELF, others=("a (process 6)",), per_s=12.5
    ),
    "Another run of this workspace can't be reached: each goes on at a pace of its own, and each "
    "is slower for it.": Sharing(part=Part.BY_ITSELF),
}


def test_with_whom_the_pace_is_shared_is_told_once() -> None:
    log = Log()
    log.screen.show(replace(UNDER_WAY, sharing=Sharing(part=Part.ALONE)))
    log.screen.show(replace(UNDER_WAY, sharing=Sharing(part=Part.SEEKS)))
    for sharing in SHARED.values():
        log.screen.show(replace(UNDER_WAY, sharing=sharing))
        log.screen.show(replace(UNDER_WAY, sharing=sharing))
    others = Sharing(part=Part.LEADS, others=("one more (process 9)",))
    log.screen.show(replace(UNDER_WAY, sharing=others))
    assert log.lines[1:] == [*SHARED]
