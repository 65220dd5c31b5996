from dataclasses import replace
from datetime import UTC, datetime

import anyio
import pytest

from batch.jobs.frontend import Order
from batch.jobs.stopping import StoppedError
from batch.model import Reason, Tally
from batch.sending.gate import Pace
from batch.sending.pace.pacer import Hold, PaceEstimate, Source
from batch.sending.sharing import Part, Sharing
from batch.sending.stops import Stop, StopCause
from batch.web.board import Board, Kind, Stage, View
from batch.web.live import as_json, live_of
from batch.web.talk import STOPPED, Talk
from batch.wording.progress import Moment, ReadingProgress, SendStep
from batch.wording.questions import Question

MOMENT = Moment(
    rows=200,
    tally=Tally({Reason.APPLIED: 40, Reason.NOT_FOUND: 6, Reason.BAD_ID: 3, Reason.BLANK_ROW: 1}),
    requests=46,
    rate_per_s=9.5,
    left_s=90.0,
    hold=None,
    hold_left_s=0.0,
    stop=None,
    pace_estimate=PaceEstimate(source=Source.HEADERS, rate_per_s=9.5, limit=100, window_s=10.0),
    sent=Tally({Reason.APPLIED: 40, Reason.NOT_FOUND: 6}),
    to_send=196,
    step_done=46,
    step_total=196,
    elapsed_s=4.8,
)
NOW = datetime(2026, 11, 30, 14, 5, 10, tzinfo=UTC)
VIEW = View(number=1, kind=Kind.RUN, name="leads.csv", stage=Stage.SENDING, moment=MOMENT)
OUTAGE = "The server has been away for 30 s. Single requests check whether it is back."
HELD = Hold(since=0.0, until=60.0, why="HTTP 429")


def test_a_moment_is_told_in_words() -> None:
    assert as_json(VIEW, now=NOW) == {
        "number": 1,
        "gone": [],
        "stage": "sending",
        "texts": {
            "done": "23%: 46 of 196 changes",
            "step": "",
            "success": "40",
            "error": "6",
            "to_go": "150",
            "elapsed": "5 s",
            "pace": "9.5 a second",
            "budget": "the server allows 100 in 10 s",
            "left": "about 90 s",
            "notice": "",
        },
        "causes": [
            ("SendKit knows no such lead in that campaign", "6"),
        ],
        "percent": 23,
        "resting": False,
        "stopping": False,
    }


@pytest.mark.parametrize(
    ("moment", "notice"),
    [
        (replace(MOMENT, is_resting=True), "Paused. Nothing is sent until you go on."),
        (
            replace(MOMENT, outage_s=30.0),
            OUTAGE,
        ),
        (
            replace(MOMENT, hold=HELD, hold_left_s=60.0),
            "The server asks to wait (HTTP 429). Resuming in 60 s, at 14:06:10.",
        ),
        (
            replace(MOMENT, pace_estimate=replace(MOMENT.pace_estimate, wait_s=8.0)),
            "Rate limit reached. Resuming in 8 s, at 14:05:18.",
        ),
        (
            replace(MOMENT, stop=Stop(cause=StopCause.MAX_ERRORS, message="Too many errors.")),
            "Stopping: Too many errors. Waiting up to 10 s for answers that are on their way.",
        ),
    ],
)
def test_what_keeps_a_run_is_told(moment: Moment, notice: str) -> None:
    assert live_of(replace(VIEW, moment=moment), now=NOW).texts["notice"] == notice


def test_a_limit_whose_window_is_not_known_is_told_all_the_same() -> None:
    unknown = replace(MOMENT, pace_estimate=replace(MOMENT.pace_estimate, window_s=None))
    told = live_of(replace(VIEW, moment=unknown), now=NOW).texts["budget"]
    assert told == "the server allows 100 at a time"
    silent = replace(MOMENT, pace_estimate=replace(MOMENT.pace_estimate, limit=None))
    assert (
        live_of(replace(VIEW, moment=silent), now=NOW).texts["budget"] == "the server does not say"
    )


def test_the_wait_for_the_next_request_is_shown_where_none_leaves() -> None:
    waiting = replace(MOMENT, rate_per_s=0.0, hold=HELD, hold_left_s=3600.0)
    assert live_of(replace(VIEW, moment=waiting), now=NOW).texts["pace"] == "next request in 1 h"


def test_before_sending_a_stop_says_that_nothing_was_sent() -> None:
    view = replace(VIEW, stage=Stage.READING, moment=None, is_stopping=True)
    assert live_of(view, now=NOW).texts["notice"] == "Stopping. Nothing was sent."


def test_an_empty_run_is_whole() -> None:
    nothing = replace(MOMENT, rows=0, tally=Tally(), sent=Tally(), step_done=0, step_total=0)
    assert live_of(replace(VIEW, moment=nothing), now=NOW).percent == 100


def test_a_canary_is_a_step_with_a_bar_of_its_own() -> None:
    back = replace(MOMENT, canary=20, step=SendStep.READING_BACK, step_done=5, step_total=20)
    live = live_of(replace(VIEW, moment=back), now=NOW)
    assert (live.percent, live.texts["done"]) == (25, "25%: 5 of 20 leads")
    assert live.texts["step"].startswith("Nothing else is sent until")


def test_the_page_says_with_whom_the_pace_is_shared() -> None:
    sharing = Sharing(part=Part.FOLLOWS, others=("nightly (process 7)",))
    canary = replace(MOMENT, canary=20, sharing=sharing)
    assert live_of(replace(VIEW, moment=canary), now=NOW).texts["step"] == (
        "The canary holds: 20 changes read back as set. This run keeps to one pace with nightly "
        "(process 7), which gives the turns."
    )


def test_reading_has_a_bar_of_its_own_and_says_what_it_waits_for() -> None:
    reading = ReadingProgress(
        leads=1_200,
        campaigns_read=2,
        campaigns=3,
        pace=Pace(
            attempts=12,
            rate_per_s=2.0,
            measured_s=10.0,
            hold=HELD,
            hold_left_s=60.0,
            outage=None,
            outage_s=0.0,
            estimate=MOMENT.pace_estimate,
        ),
        share=0.75,
        elapsed_s=6.0,
    )
    view = replace(VIEW, stage=Stage.READING, moment=None, reading=reading)
    live = live_of(view, now=NOW)
    assert live.percent == 75
    assert live.texts == {
        "reading": "2 of 3 campaigns · 1,200 leads read · 6 s elapsed · about 2 s left · "
        "2.0 requests a second",
        "notice": "The server asks to wait (HTTP 429). Resuming in 60 s, at 14:06:10.",
    }


def talk() -> Talk:
    board = Board()
    board.begin(Kind.RUN, "leads.csv", is_practice=False)
    return Talk(board)


def test_an_answer_that_nobody_asked_for_does_nothing() -> None:
    assert not talk().answer(yes=True)


def test_a_stop_is_no_yes_and_ends_what_comes_after_it() -> None:
    one = talk()
    one.stop()
    with pytest.raises(StoppedError):
        one.ask(Question(text="Change 3 leads?"))

    async def never() -> None:
        raise AssertionError

    with pytest.raises(StoppedError):
        one.run(never)


def test_what_a_server_is_asked_raises_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        talk().run(fail)


def test_an_order_before_somebody_listens_is_not_lost() -> None:
    told: list[Order] = []
    one = talk()

    async def listen() -> None:
        with one.told_to(told.append):
            pass

    one.stop()
    anyio.run(listen)
    assert told == [STOPPED]


def test_a_note_is_told_once() -> None:
    one = talk()
    one.note("a", "b")
    one.note("a", "c")
    view = one.board.look()[1]
    assert view is not None
    assert view.notes == ("a", "b", "c")
