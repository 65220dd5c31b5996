from datetime import UTC, datetime
from math import inf

import pytest

from batch.model import Answer, Outcome, Reason
from batch.sending.pace.pacer import Hold
from batch.sending.stops import StopCause, StopLimits, StopRules
from batch.terminal.remedies import in_terminal

OK = Answer(reason=Reason.APPLIED, http_status=200)
FORBIDDEN = Answer(reason=Reason.FORBIDDEN, http_status=403, message="not yours")
MISSING = Answer(reason=Reason.NOT_FOUND, http_status=404)


def outcome(reason: Reason, *, lines: int = 1) -> Outcome:
    return Outcome(lines=tuple(range(2, 2 + lines)), reason=reason, attempts=1)


def test_a_401_stops_at_any_time() -> None:
    rules = StopRules(StopLimits())
    rules.after_answer(OK)
    stop = rules.after_answer(Answer(reason=Reason.REJECTED, http_status=401))
    assert stop is not None
    assert stop.cause is StopCause.UNAUTHORIZED
    assert stop.message == (
        "The server no longer accepts the key (401). Set SENDKIT_API_KEY to a valid key and go on."
    )


def test_a_403_before_any_success_stops() -> None:
    stop = StopRules(StopLimits()).after_answer(FORBIDDEN)
    assert stop is not None
    assert stop.cause is StopCause.FORBIDDEN
    assert stop.message == (
        "The server refuses the key for this (403) before any row succeeded: not yours. "
        "Check which workspace the key belongs to."
    )


def test_twenty_403s_in_a_row_stop() -> None:
    rules = StopRules(StopLimits())
    rules.after_answer(OK)
    assert all(rules.after_answer(FORBIDDEN) is None for _ in range(19))
    stop = rules.after_answer(FORBIDDEN)
    assert stop is not None
    assert stop.message == (
        "The server refused 20 rows in a row (403): not yours. Check the rights of the key."
    )


def test_another_answer_begins_the_row_of_403s_anew() -> None:
    rules = StopRules(StopLimits())
    rules.after_answer(OK)
    for _ in range(5):
        assert all(rules.after_answer(FORBIDDEN) is None for _ in range(19))
        assert rules.after_answer(MISSING) is None


def test_hold_backs_and_faults_between_403s_do_not_begin_the_row_anew() -> None:
    rules = StopRules(StopLimits())
    rules.after_answer(OK)
    between = [
        Answer(reason=Reason.RATE_LIMITED, http_status=429),
        Answer(reason=Reason.NO_ANSWER),
        Answer(reason=Reason.SERVER_ERROR, http_status=503),
    ]
    for number in range(19):
        assert rules.after_answer(FORBIDDEN) is None
        assert rules.after_answer(between[number % 3]) is None
    assert rules.after_answer(FORBIDDEN) is not None


def test_a_number_of_errors_stops_when_there_are_more() -> None:
    rules = StopRules(StopLimits(max_error_rows=3))
    assert rules.after_outcome(outcome(Reason.NOT_FOUND, lines=3)) is None
    stop = rules.after_outcome(outcome(Reason.NOT_FOUND))
    assert stop is not None
    assert stop.message == (
        "4 rows that were sent ended in error; [run] max_errors allows 3. "
        "The last: line 2, not_found."
    )


def test_a_limit_of_no_errors_stops_at_the_first() -> None:
    rules = StopRules(StopLimits(max_error_rows=0))
    assert rules.after_outcome(outcome(Reason.APPLIED)) is None
    assert rules.after_outcome(outcome(Reason.NOT_FOUND)) is not None


def test_a_share_of_errors_is_looked_at_only_once_there_are_200_rows() -> None:
    rules = StopRules(StopLimits(max_error_share=0.5))
    assert all(rules.after_outcome(outcome(Reason.NOT_FOUND)) is None for _ in range(199))
    stop = rules.after_outcome(outcome(Reason.NOT_FOUND))
    assert stop is not None
    assert stop.message == (
        "200 of the last 200 rows sent ended in error; [run] max_errors allows 50%. "
        "The last: line 2, not_found."
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(reason=Reason.NOT_CONNECTED, message="no connection: x"), "no connection: x."),
        (Answer(reason=Reason.SERVER_ERROR, http_status=522, message="gone!"), "HTTP 522: gone!"),
        (Answer(reason=Reason.SERVER_ERROR, http_status=503), "HTTP 503."),
    ],
)
def test_an_outage_that_is_over_names_the_last_fault(answer: Answer, words: str) -> None:
    stop = StopRules(StopLimits()).after_outage(900.0, answer)
    assert stop.message == (
        "The server has been away for 900 s, and longer is not waited for ([retry] max_outage_s). "
        f"The last fault: {words}"
    )


def test_exactly_the_share_goes_on_and_one_more_stops() -> None:
    rules = StopRules(StopLimits(max_error_share=0.5))
    for _ in range(100):
        assert rules.after_outcome(outcome(Reason.APPLIED)) is None
    for _ in range(100):
        assert rules.after_outcome(outcome(Reason.NOT_FOUND)) is None
    # the 201st row pushes the first success out of the window: 101 of 200
    assert rules.after_outcome(outcome(Reason.NOT_FOUND)) is not None


def test_old_errors_leave_the_window() -> None:
    rules = StopRules(StopLimits(max_error_share=0.5))
    for _ in range(99):
        rules.after_outcome(outcome(Reason.NOT_FOUND))
    for _ in range(200):
        assert rules.after_outcome(outcome(Reason.APPLIED)) is None
    for _ in range(100):
        assert rules.after_outcome(outcome(Reason.NOT_FOUND)) is None


def test_unsent_rows_are_no_errors() -> None:
    rules = StopRules(StopLimits(max_error_rows=0))
    assert rules.after_outcome(outcome(Reason.STOPPED)) is None


def test_a_hold_back_longer_than_the_limit_stops() -> None:
    rules = StopRules(StopLimits(max_wait_s=900))
    assert rules.after_hold(Hold(since=0, until=900, why="HTTP 429")) is None
    stop = rules.after_hold(Hold(since=0, until=901, why="HTTP 429, Retry-After 901 s"))
    assert stop is not None
    assert stop.message == (
        "The server holds requests back for 901 s (HTTP 429, Retry-After 901 s); "
        "a run waits 900 s at most ([pace] max_wait_s)."
    )


def test_a_budget_that_is_used_up_for_too_long_stops_the_job() -> None:
    rules = StopRules(StopLimits(max_wait_s=900))
    until = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
    assert rules.after_spent(900, until=until) is None
    stop = rules.after_spent(901, until=until)
    assert stop is not None
    assert (stop.cause, stop.go_on_at) == (StopCause.HELD_BACK, until)
    assert in_terminal(stop.message) == (
        "The server allows no more requests before 2026-12-01 07:30 (local time); a run waits "
        "900 s at most ([pace] max_wait_s). With --wait the run waits."
    )
    assert StopRules(StopLimits(max_wait_s=inf)).after_spent(1e9, until=until) is None
