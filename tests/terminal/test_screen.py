import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from batch.model import Reason, Tally
from batch.sending.pace.pacer import Hold, PaceEstimate, Source
from batch.sending.stops import Stop, StopCause
from batch.terminal.screen import (
    WIDEST_BAR,
    LiveView,
    LogLines,
    make_screen,
    pace_line,
    progress_line,
)
from batch.wording.progress import Moment

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
)
UNDER_WAY = replace(
    START,
    tally=Tally({Reason.BAD_ID: 2, Reason.APPLIED: 18, Reason.DUPLICATE: 1}),
    requests=19,
    rate_per_s=5.0,
    left_s=1234.0,
)
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
    assert pace_line(replace(UNDER_WAY, left_s=0.0)) == "5.0 requests a second"
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


def drawn(moment: Moment, *, width: int = 100) -> list[str]:
    """What a terminal shows of a moment, without the bar and the control codes."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown_live(moment, width=width))
    lines = text.replace("\r", "\n").split("\n")
    last = max(n for n, line in enumerate(lines) if " rows" in line)
    return [line.strip(" ━╸╺") for line in lines[last:] if line.strip()]


def test_a_terminal_shows_rows_results_rate_and_time_left() -> None:
    assert drawn(UNDER_WAY) == [
        "21 of 300 rows",
        "18 success · 2 error · 1 skipped",
        "5.0 requests a second · about 21 min left",
    ]


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
    assert drawn(moment)[2:] == [
        "9.4 requests a second · the server allows 100 in 10 s · about 21 min left"
    ]
    assert progress_line(moment).endswith(
        "; 9.4 requests a second, the server allows 100 in 10 s, about 21 min left"
    )


def test_a_budget_that_is_used_up_is_told_with_the_time_until_there_is_more() -> None:
    assert drawn(replace(UNDER_WAY, pace_estimate=allowed(wait_s=6.3)))[3:] == [
        "Rate limit reached. Resuming in 7 s."
    ]
    assert drawn(replace(UNDER_WAY, pace_estimate=allowed(wait_s=1.0)))[3:] == []


def test_a_long_wait_for_the_next_request_is_shown_instead_of_a_pace_of_nothing() -> None:
    waiting = replace(UNDER_WAY, rate_per_s=0.04, pace_estimate=allowed(wait_s=290.0))
    assert pace_line(waiting).startswith("next request in 5 min · the server allows")
    held = replace(UNDER_WAY, rate_per_s=0.0, hold_left_s=60.0)
    assert pace_line(held).startswith("next request in 60 s · ")
    assert pace_line(replace(held, rate_per_s=0.05)).startswith("0.1 requests a second")
    assert pace_line(replace(held, hold_left_s=0.9)).startswith("0.0 requests a second")


def test_a_server_that_is_away_is_told_with_what_it_fails_by() -> None:
    away = replace(START, outage_s=30.0, outage_why="no connection: Connection refused")
    line = (
        "The server has been away for 30 s (no connection: Connection refused). "
        "Single requests check whether it is back."
    )
    assert " ".join(drawn(away)[2:]) == line
    assert Log().show(away)[0] == line


def test_a_wait_that_only_headers_ask_for_is_told_as_such() -> None:
    served = replace(UNDER_WAY, pace_estimate=allowed(wait_s=59.1), is_always_served=True)
    line = (
        "Rate limit reached. Resuming in 60 s. "
        "Only its headers say so: the server has served every request."
    )
    assert " ".join(drawn(served)[3:]) == line
    log = Log()
    assert line in log.show(served)
    assert log.show(served) == []


@pytest.mark.parametrize(("width", "bar"), [(100, WIDEST_BAR), (40, 25)])
def test_a_bar_is_as_wide_as_there_is_room(width: int, bar: int) -> None:
    done = replace(UNDER_WAY, rows=21)
    line = shown_live(done, width=width).splitlines()[0]
    assert line.count("━") == bar
    assert line.endswith("  21 of 21 rows")


def test_a_narrow_terminal_breaks_lines_between_words() -> None:
    assert drawn(held(41.2, until=60.0), width=60)[3:] == [
        "The server asks to wait (HTTP 429, Retry-After 60 s).",
        "Resuming in 42 s.",
    ]


def test_a_terminal_shows_the_present_hold_back_and_why() -> None:
    assert drawn(held(41.2, until=60.0))[3:] == [
        "The server asks to wait (HTTP 429, Retry-After 60 s). Resuming in 42 s."
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


def test_a_run_without_rows_can_be_shown() -> None:
    nothing = replace(START, rows=0, tally=Tally(), left_s=0.0)
    assert drawn(nothing) == ["0 of 0 rows", "0 success · 0 error"]


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
