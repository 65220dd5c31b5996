from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Answer, Change, Outcome, Reason
from batch.sending.retry import (
    MAY_BE_APPLIED,
    RetryDecision,
    RetryPolicy,
    Step,
    Tries,
    backoff_ceiling_s,
    decide,
    is_hold,
    retry_budget,
    with_earlier_attempts,
)

POLICY = RetryPolicy(
    max_attempts=3, max_elapsed_s=60.0, backoff_base_s=0.5, backoff_max_s=4.0, max_holds=20
)
CHANGE = Change(lines=(2,), campaign_id="c", campaign_lead_id="l")


def answer(status: int | None, reason: Reason, **more: object) -> Answer:
    return Answer(http_status=status, reason=reason, **more)  # type: ignore[arg-type] # test words


OK = answer(200, Reason.APPLIED)
TOO_MANY = answer(429, Reason.RATE_LIMITED, message="slow down")
UNAVAILABLE = answer(503, Reason.SERVER_ERROR, message="try later", elapsed_ms=1000)
UNAVAILABLE_UNTIL = answer(503, Reason.SERVER_ERROR, retry_after_s=7.0)
REFUSED = answer(None, Reason.NOT_CONNECTED, message="connection refused")
SILENT = answer(None, Reason.NO_ANSWER, message="no answer within 30 s")


def after(*answers: Answer, others_succeed: bool = False, draw: float = 0.5) -> RetryDecision:
    tries = Tries()
    for one in answers:
        tries.add(one)
    return decide(
        answers[-1],
        tries=tries,
        policy=POLICY,
        others_succeed=others_succeed,
        draw=lambda: draw,
    )


@pytest.mark.parametrize(
    ("in_doubt", "message"), [(False, "stopped"), (True, f"stopped; {MAY_BE_APPLIED}")]
)
def test_a_row_that_is_not_sent_again_keeps_what_earlier_processes_know(
    message: str, *, in_doubt: bool
) -> None:
    earlier = Outcome(
        lines=(2, 5), reason=Reason.STOPPED, message="HTTP 503", http_status=503, attempts=3,
        sent_at_ms=7, in_doubt=in_doubt,
    )  # fmt: skip
    outcome = Outcome(lines=(2,), reason=Reason.NOT_REACHED, message="stopped")
    assert with_earlier_attempts(outcome, earlier) == replace(
        earlier, lines=(2,), reason=Reason.NOT_REACHED, message=message
    )


def test_what_is_forgiven_counts_no_more() -> None:
    tries = Tries()
    tries.add(UNAVAILABLE)
    assert (tries.attempts, tries.counted, tries.spent_s, tries.outages) == (1, 1, 1.0, 0)
    tries.forgive(outages=2)
    assert (tries.attempts, tries.counted, tries.spent_s, tries.outages) == (1, 0, 0.0, 2)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, Reason.APPLIED),
        (200, Reason.NOT_APPLIED),
        (200, Reason.SUCCESS_FALSE),
        (302, Reason.REDIRECTED),
        (400, Reason.BAD_REQUEST),
        (403, Reason.FORBIDDEN),
        (404, Reason.NOT_FOUND),
        (409, Reason.REJECTED),
        (501, Reason.SERVER_ERROR),
        (505, Reason.SERVER_ERROR),
    ],
)
def test_a_final_answer_is_the_outcome_at_once(status: int, reason: Reason) -> None:
    decision = after(answer(status, reason, message="said so"))
    assert decision == RetryDecision(step=Step.DONE, reason=reason, message="said so")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 522])
def test_a_passing_server_error_is_tried_again(status: int) -> None:
    assert after(answer(status, Reason.SERVER_ERROR)).step is Step.RETRY


@pytest.mark.parametrize("fault", [REFUSED, SILENT])
def test_a_fault_is_tried_again(fault: Answer) -> None:
    assert after(fault).step is Step.RETRY


@pytest.mark.parametrize(
    ("failures", "ceiling_s"),
    # base 0.5 s, doubling, capped at 4 s: 0.5 · 2^(n-1)
    [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 4.0), (5000, 4.0)],
)
def test_back_offs_double_up_to_the_cap(failures: int, ceiling_s: float) -> None:
    assert backoff_ceiling_s(failures, POLICY) == ceiling_s


@given(draw=st.floats(0, 1, exclude_max=True))
def test_the_jitter_is_full(draw: float) -> None:
    assert after(UNAVAILABLE, draw=draw).delay_s == draw * 0.5


def test_the_last_attempt_gives_up_with_what_the_server_said() -> None:
    decision = after(UNAVAILABLE, UNAVAILABLE, UNAVAILABLE)
    assert decision == RetryDecision(
        step=Step.DONE,
        reason=Reason.SERVER_ERROR,
        message="gave up after 3 attempts: try later",
        given_up=True,
    )


def test_the_seconds_of_a_row_are_limited() -> None:
    slow = answer(None, Reason.NO_ANSWER, message="no answer", elapsed_ms=30_000)
    # 30 s + back-off 0.25 s fit into 60 s; 60 s + 0.5 s don't
    assert after(slow).step is Step.RETRY
    assert after(slow, slow) == RetryDecision(
        step=Step.DONE,
        reason=Reason.NO_ANSWER,
        message="gave up after 60 s of attempts and back-offs: no answer",
        given_up=True,
    )


def test_while_the_server_is_away_no_row_is_given_up_and_the_breaker_waits() -> None:
    tries = Tries()
    for _ in range(9):
        tries.add(UNAVAILABLE, counts=False)
    decision = decide(
        UNAVAILABLE, tries=tries, policy=POLICY, others_succeed=False, is_away=True, draw=lambda: 1
    )
    assert decision == RetryDecision(step=Step.RETRY, delay_s=0.0)
    assert (tries.attempts, tries.counted) == (9, 0)


@pytest.mark.parametrize(
    ("held", "is_one"),
    [
        (TOO_MANY, True),
        (answer(429, Reason.RATE_LIMITED, retry_after_s=0.0), True),
        (UNAVAILABLE_UNTIL, True),
        (UNAVAILABLE, False),
        (answer(522, Reason.SERVER_ERROR, retry_after_s=5.0), True),
        (answer(501, Reason.SERVER_ERROR, retry_after_s=5.0), False),
        (answer(403, Reason.FORBIDDEN, retry_after_s=5.0), False),
        (answer(200, Reason.APPLIED, retry_after_s=5.0), False),
    ],
)
def test_what_counts_as_a_hold_back(held: Answer, *, is_one: bool) -> None:
    assert is_hold(held) is is_one


def test_hold_backs_cost_neither_attempts_nor_seconds() -> None:
    tries = Tries()
    for _ in range(50):
        tries.add(answer(429, Reason.RATE_LIMITED, elapsed_ms=5000))
    assert (tries.attempts, tries.counted, tries.spent_s) == (50, 0, 0.0)


def test_a_row_that_is_held_back_while_others_succeed_ends_after_more_than_twenty() -> None:
    twenty = [TOO_MANY] * 20
    assert after(*twenty, others_succeed=True).step is Step.HOLD
    assert after(*twenty, TOO_MANY, others_succeed=False).step is Step.HOLD
    assert after(*twenty, TOO_MANY, others_succeed=True) == RetryDecision(
        step=Step.DONE,
        reason=Reason.RATE_LIMITED,
        message="held back 21 times while other rows went through: slow down",
    )
    ended = after(*twenty, UNAVAILABLE_UNTIL, others_succeed=True)
    assert ended.reason is Reason.SERVER_ERROR


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([REFUSED, REFUSED, REFUSED], Reason.NOT_CONNECTED),
        ([SILENT, REFUSED, REFUSED], Reason.NO_ANSWER),
        ([UNAVAILABLE, REFUSED, REFUSED], Reason.SERVER_ERROR),
        ([REFUSED, UNAVAILABLE, SILENT], Reason.NO_ANSWER),
    ],
)
def test_giving_up_tells_of_the_last_request_that_went_out(
    history: list[Answer], reason: Reason
) -> None:
    assert after(*history).reason is reason


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], Reason.NOT_REACHED),
        ([REFUSED], Reason.NOT_REACHED),
        ([SILENT], Reason.IN_FLIGHT),
        ([SILENT, REFUSED], Reason.IN_FLIGHT),
        ([UNAVAILABLE], Reason.STOPPED),
        ([SILENT, TOO_MANY], Reason.STOPPED),
    ],
)
def test_a_row_left_behind_says_what_is_known_of_its_last_request(
    history: list[Answer], reason: Reason
) -> None:
    tries = Tries()
    for one in history:
        tries.add(one)
    assert tries.unsent_reason() is reason


def test_the_outcome_adds_up_its_attempts() -> None:
    tries = Tries()
    tries.add(answer(429, Reason.RATE_LIMITED, sent_at_ms=1000, elapsed_ms=3))
    tries.add(answer(503, Reason.SERVER_ERROR, sent_at_ms=2000, elapsed_ms=4))
    tries.add(answer(200, Reason.APPLIED, sent_at_ms=3000, elapsed_ms=5, server_status="paused"))
    outcome = tries.outcome(CHANGE, Reason.APPLIED, "")
    assert (outcome.attempts, outcome.sent_at_ms, outcome.elapsed_ms) == (3, 1000, 5)
    assert (outcome.http_status, outcome.server_status) == (200, "paused")


@pytest.mark.parametrize(("rows", "budget"), [(0, 100), (10, 101), (5000, 600)])
def test_the_retry_budget_is_a_share_of_the_rows_and_a_floor(rows: int, budget: int) -> None:
    # 10 % of the rows, plus 100
    assert retry_budget(rows, share=0.10, floor=100) == budget


def outcome_after(*history: Answer) -> str:
    tries = Tries()
    for one in history:
        tries.add(one)
    return tries.outcome(CHANGE, history[-1].reason, history[-1].message).message


def test_the_message_tells_of_an_answer_that_was_lost_on_the_way() -> None:
    lost = SILENT
    told = "sent again, since an answer was lost: no answer within 30 s"
    assert outcome_after(lost, answer(200, Reason.APPLIED)) == told
    assert outcome_after(lost, answer(404, Reason.NOT_FOUND, message="no such lead")) == (
        f"no such lead; {told}; {MAY_BE_APPLIED}"
    )
    assert outcome_after(lost, lost) == lost.message
    assert outcome_after(lost, REFUSED) == f"connection refused; {told}; {MAY_BE_APPLIED}"
