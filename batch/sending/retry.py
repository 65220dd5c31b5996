"""The retry decision: what one more answer means for its row. It sends nothing itself.

A fault or a temporary server error costs the row one attempt and its seconds, and the job one retry
of its budget. A 429, or any retried status with `Retry-After`, costs nothing: it is about the pace,
which the pacer keeps for every worker.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from tenacity import AsyncRetrying, retry_if_result

from batch.model import MOST_ATTEMPTS, Answer, Attempt, Change, Outcome, Reason, Result
from batch.statuses import may_pass

# Added to a row's message where its reason alone would say that nothing was changed.
MAY_BE_APPLIED = "an earlier request of this row may have been applied"
FAULTS = frozenset({Reason.NOT_CONNECTED, Reason.NO_ANSWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits for one row.

    max_attempts: counted attempts; hold-backs are not counted.
    max_elapsed_s: seconds of the row's own attempts and back-offs.
    backoff_base_s, backoff_max_s: ceiling of the first back-off, and of any.
    max_holds: hold-backs that a row may meet while other rows succeed.
    """

    max_attempts: int = 5
    max_elapsed_s: float = 300.0
    backoff_base_s: float = 0.5
    backoff_max_s: float = 30.0
    max_holds: int = 20


@dataclass(slots=True, kw_only=True)
class Tries:
    """The attempts of one change so far.

    earlier: its outcome in earlier processes, if any; every outcome here continues it.
    attempts: all attempts of this process. counted: the ones that count against max_attempts.
    spent_s: seconds of counted attempts and of back-offs.
    last: the latest answer. last_out: the latest to a request that may have reached the server.
    lost: the latest that never came. Both may stem from an earlier process.
    in_doubt: True once any attempt may have made the change without our knowing.
    successes_before: successes of the job when this change was first held back.
    outages: outages of the job by the time these failures were last judged.
    is_retrying: True while a worker tries it again.
    is_charged: True if the job's budget was charged for the next attempt.
    owes_retry: True if it is to be charged for it before.
    probe: the change that this one gave its turn to, so that the server is not judged by this one.
    before: the answers before the last one, at most as many as are kept.
    """

    earlier: Outcome | None = None
    attempts: int = 0
    counted: int = 0
    holds: int = 0
    spent_s: float = 0.0
    sent_at_ms: int | None = None
    last: Answer | None = None
    last_out: Answer | None = None
    lost: Answer | None = None
    in_doubt: bool = False
    successes_before: int = 0
    outages: int = 0
    is_retrying: bool = False
    is_charged: bool = False
    owes_retry: bool = False
    probe: Change | None = None
    before: list[Answer] | None = None

    def __post_init__(self) -> None:
        """Continue from the outcome of earlier processes."""
        earlier = self.earlier
        if earlier is None:
            return
        self.sent_at_ms = earlier.sent_at_ms
        self.in_doubt = earlier.in_doubt
        if earlier.reason is Reason.NOT_REACHED:
            return
        reason = Reason.SERVER_ERROR
        if earlier.reason is Reason.IN_FLIGHT:
            reason = Reason.NO_ANSWER
        elif earlier.http_status == HTTPStatus.TOO_MANY_REQUESTS:
            reason = Reason.RATE_LIMITED
        self.last_out = Answer(
            reason=reason,
            message="the run ended before it came",
            http_status=earlier.http_status,
            server_status=earlier.server_status,
            server_ai_tag=earlier.server_ai_tag,
            subsequence=earlier.subsequence,
        )
        if reason is Reason.NO_ANSWER:
            self.lost = self.last_out

    def add(self, answer: Answer, *, counts: bool = True) -> None:
        """Add one more attempt. counts: False while the server is away."""
        self.attempts += 1
        if self.last is not None:
            self.before = self.before or []
            if len(self.before) < MOST_ATTEMPTS - 1:
                self.before.append(self.last)
        self.last = answer
        if self.sent_at_ms is None:
            self.sent_at_ms = answer.sent_at_ms
        if answer.went_out:
            self.last_out = answer
        if answer.reason is Reason.NO_ANSWER:
            self.lost = answer
        self.in_doubt |= answer.in_doubt
        if is_hold(answer):
            self.holds += 1
            return
        if not counts:
            return
        self.counted += 1
        self.spent_s += answer.elapsed_ms / 1000

    def forgive(self, *, outages: int) -> None:
        """Stop counting the failures so far: an outage that is known by now caused them."""
        self.outages = outages
        self.counted = 0
        self.spent_s = 0.0

    def outcome(self, change: Change, reason: Reason, message: str) -> Outcome:
        """The change's outcome after these attempts; its facts are those of the last one out."""
        answer = self.last_out or self.last
        if answer is None:
            return Outcome(lines=change.lines, reason=reason, message=message)
        if reason is Reason.APPLIED and change.left:
            reason = Reason.APPLIED_IN_PART
            message = "; ".join(filter(None, (change.left, message)))
        if self.lost is not None and self.last is not self.lost:
            lost = f"sent again, since an answer was lost: {self.lost.message}"
            message = "; ".join(filter(None, (message, lost)))
        if self.in_doubt and reason.changes_nothing:
            message = "; ".join(filter(None, (message, MAY_BE_APPLIED)))
        return Outcome(
            lines=change.lines,
            reason=reason,
            message=message,
            http_status=answer.http_status,
            attempts=self.attempts + (self.earlier.attempts if self.earlier else 0),
            elapsed_ms=self.last.elapsed_ms if self.last else None,
            sent_at_ms=self.sent_at_ms,
            server_status=answer.server_status,
            server_ai_tag=answer.server_ai_tag,
            subsequence=answer.subsequence,
            in_doubt=self.in_doubt,
            made=self._made(reason),
        )

    def _made(self, reason: Reason) -> tuple[Attempt, ...]:
        """As `Outcome.made`."""
        last, earlier = self.last, self.earlier.attempts if self.earlier else 0
        if last is None or (
            self.before is None and reason.result is Result.SUCCESS and not earlier
        ):
            return ()
        before = enumerate(self.before or (), start=earlier + 1)
        numbered = [*before, (earlier + self.attempts, last)]
        return tuple(_attempt(number, answer) for number, answer in numbered)

    def unsent_reason(self) -> Reason:
        """The reason of the row if the job stops now and leaves it `unsent`."""
        if self.last_out is None:
            return Reason.NOT_REACHED
        if self.last_out.reason is Reason.NO_ANSWER:
            return Reason.IN_FLIGHT
        return Reason.STOPPED


def _attempt(number: int, answer: Answer) -> Attempt:
    return Attempt(
        number=number,
        sent_at_ms=answer.sent_at_ms,
        elapsed_ms=answer.elapsed_ms,
        http_status=answer.http_status,
        message=answer.message,
        request_id=answer.request_id,
    )


def with_earlier_attempts(outcome: Outcome, earlier: Outcome) -> Outcome:
    """Add what earlier processes know of a line to its outcome, where it is not sent again."""
    doubt = MAY_BE_APPLIED if earlier.in_doubt else ""
    message = "; ".join(filter(None, (outcome.message, doubt)))
    return replace(earlier, lines=outcome.lines, reason=outcome.reason, message=message)


class Step(StrEnum):
    """What to do with a row next."""

    DONE = "done"  # record its outcome
    RETRY = "retry"  # try again after a back-off of its own
    HOLD = "hold"  # try again when the pacer's hold-back ends


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """The next step of one row, as data.

    reason, message: the row's outcome if the step is DONE.
    given_up: True if it is DONE only because it failed too often.
    set_aside: True if it is DONE only for now, since others are to be sent first.
    delay_s: back-off before a RETRY; else 0, since the pacer or the breaker makes it wait.
    """

    step: Step
    reason: Reason = Reason.APPLIED
    message: str = ""
    given_up: bool = False
    set_aside: bool = False
    delay_s: float = 0.0


def is_hold(answer: Answer) -> bool:
    """True if the answer is about the pace, not about this row."""
    if answer.reason is Reason.RATE_LIMITED:  # a 429, or a 200 that says the same
        return True
    return may_pass(answer.http_status) and answer.retry_after_s is not None


def is_failure(answer: Answer) -> bool:
    """True if the attempt failed for a cause that may pass: a fault or a temporary server error."""
    if is_hold(answer):
        return False
    return answer.reason in FAULTS or may_pass(answer.http_status)


def decide(
    answer: Answer,
    *,
    tries: Tries,
    policy: RetryPolicy,
    others_succeed: bool,
    is_away: bool = False,
    draw: Callable[[], float],
) -> RetryDecision:
    """The next step after an answer that `tries` already counts.

    others_succeed: whether another row succeeded since this one was first held back.
    is_away: whether the server seems to be away: then no row is given up, and the breaker waits.
    draw: uniform in [0, 1); full jitter spreads out workers that failed together.
    """
    detail = f": {answer.message}" if answer.message else ""
    if is_hold(answer):
        if tries.holds <= policy.max_holds or not others_succeed:
            return RetryDecision(step=Step.HOLD)
        message = f"held back {tries.holds} times while other rows went through{detail}"
        return RetryDecision(step=Step.DONE, reason=answer.reason, message=message)
    if not is_failure(answer):
        return RetryDecision(step=Step.DONE, reason=answer.reason, message=answer.message)
    if is_away:
        return RetryDecision(step=Step.RETRY)
    delay_s = 0.0
    if tries.counted >= policy.max_attempts:
        spent = "1 attempt" if tries.counted == 1 else f"{tries.counted} attempts"
    else:
        delay_s = draw() * backoff_ceiling_s(tries.counted, policy)
        if tries.spent_s + delay_s <= policy.max_elapsed_s:
            return RetryDecision(step=Step.RETRY, delay_s=delay_s)
        spent = f"{tries.spent_s:.0f} s of attempts and back-offs"
    reason = tries.last_out.reason if tries.last_out else Reason.NOT_CONNECTED
    message = f"gave up after {spent}{detail}"
    return RetryDecision(step=Step.DONE, reason=reason, message=message, given_up=True)


def backoff_ceiling_s(failures: int, policy: RetryPolicy) -> float:
    """The longest back-off in seconds after this many failures (1 or more)."""
    return min(policy.backoff_max_s, policy.backoff_base_s * 2.0 ** min(failures - 1, 60))


def retry_budget(rows: int, *, share: float, floor: int) -> int:
    """Retries that the whole job may spend: a share of its rows, and a floor for small jobs."""
    return int(rows * share) + floor


async def retry_until_done(
    attempt: Callable[[], Awaitable[RetryDecision]],
    *,
    sleep: Callable[[float], Awaitable[None]],
) -> RetryDecision:
    """Repeat an attempt until it is DONE, sleeping between as each decision says."""
    decision = await attempt()
    if decision.step is Step.DONE:
        return decision  # entering tenacity would cost 22 to 31 us more, and most rows end here
    await sleep(decision.delay_s)
    retrying = AsyncRetrying(
        retry=retry_if_result(lambda decision: decision.step is not Step.DONE),
        wait=lambda state: state.outcome.result().delay_s if state.outcome else 0.0,
        sleep=sleep,
    )
    last: RetryDecision = await retrying(attempt)
    return last


def fault_text(answer: Answer) -> str:
    """What an attempt failed by: the fault itself, or the status with the server's message."""
    if answer.http_status is None:
        return answer.message
    return ": ".join(filter(None, (f"HTTP {answer.http_status}", answer.message)))
