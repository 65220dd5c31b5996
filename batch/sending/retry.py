"""The retry decision: what one more answer means for its row. Pure: it sleeps and sends nothing.

A fault or a passing server error costs the row an attempt and seconds, and the job a piece of
its retry budget. A 429, or any retried status with `Retry-After`, costs nothing of these: it is
the server's word about pace, which the pacer keeps for every worker.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus

from batch.model import Answer, Change, Outcome, Reason
from batch.statuses import may_pass

# Said of a row whose reason alone would have it that nothing was changed.
MAY_BE_APPLIED = "an earlier request of this row may have been applied"
FAULTS = frozenset({Reason.NOT_CONNECTED, Reason.NO_ANSWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits for one row.

    max_attempts: attempts that count; being held back does not.
    max_elapsed_s: seconds of the row's own attempts and back-offs.
    backoff_base_s, backoff_max_s: the first back-off's ceiling, and the highest one.
    max_holds: hold-backs that a row may meet while other rows succeed.
    """

    max_attempts: int = 5
    max_elapsed_s: float = 300.0
    backoff_base_s: float = 0.5
    backoff_max_s: float = 30.0
    max_holds: int = 20


@dataclass(slots=True, kw_only=True)
class Tries:
    """What has happened to one change so far.

    earlier: what processes before this one know of it; every outcome begins from that.
    attempts: every attempt made by this process.
    counted: those that count against the row; hold-backs do not.
    spent_s: seconds of counted attempts and of back-offs.
    last: the latest attempt; last_out: the latest that may have reached the server.
    lost: the latest whose answer never came. Both may be of an earlier process.
    in_doubt: whether any attempt left open whether the change was made.
    successes_before: the job's successes when the change was first held back.
    outages: those of the job that this change's failures have been judged beside.
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

    def __post_init__(self) -> None:
        """Begin from what is known already."""
        if self.earlier is None:
            return
        self.sent_at_ms = self.earlier.sent_at_ms
        self.in_doubt = self.earlier.in_doubt
        self.last_out = _last_out_of(self.earlier)
        if self.last_out and self.last_out.reason is Reason.NO_ANSWER:
            self.lost = self.last_out

    def add(self, answer: Answer, *, counts: bool = True) -> None:
        """Take one more attempt into account; while the server is away it does not count."""
        self.attempts += 1
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
        """The failures so far were those of an outage that was found by now: they count no more."""
        self.outages = outages
        self.counted = 0
        self.spent_s = 0.0

    def outcome(self, change: Change, reason: Reason, message: str) -> Outcome:
        """The change's outcome after these attempts, its facts from the last that went out."""
        told = self.last_out or self.last
        if told is None:
            return Outcome(lines=change.lines, reason=reason, message=message)
        if self.lost is not None and self.last is not self.lost:
            message = _also(message, f"sent again, since an answer was lost: {self.lost.message}")
        if self.in_doubt and reason.changes_nothing:
            message = _also(message, MAY_BE_APPLIED)
        return Outcome(
            lines=change.lines,
            reason=reason,
            message=message,
            http_status=told.http_status,
            attempts=self.attempts + (self.earlier.attempts if self.earlier else 0),
            elapsed_ms=self.last.elapsed_ms if self.last else None,
            sent_at_ms=self.sent_at_ms,
            server_status=told.server_status,
            server_ai_tag=told.server_ai_tag,
            subsequence=told.subsequence,
            in_doubt=self.in_doubt,
        )

    def unsent_reason(self) -> Reason:
        """Why the row is `unsent` if the job leaves it behind now."""
        if self.last_out is None:
            return Reason.NOT_REACHED
        if self.last_out.reason is Reason.NO_ANSWER:
            return Reason.IN_FLIGHT
        return Reason.STOPPED


def with_earlier_attempts(outcome: Outcome, earlier: Outcome) -> Outcome:
    """The outcome of a line that is not sent any more, with what earlier processes know of it."""
    message = _also(outcome.message, MAY_BE_APPLIED) if earlier.in_doubt else outcome.message
    return replace(earlier, lines=outcome.lines, reason=outcome.reason, message=message)


def _last_out_of(earlier: Outcome) -> Answer | None:
    """What stands for the last request that went out before this process, if one did."""
    if earlier.reason is Reason.NOT_REACHED:
        return None
    reason = Reason.SERVER_ERROR
    if earlier.reason is Reason.IN_FLIGHT:
        reason = Reason.NO_ANSWER
    elif earlier.http_status == HTTPStatus.TOO_MANY_REQUESTS:
        reason = Reason.RATE_LIMITED
    return Answer(
        reason=reason,
        message="the run ended before it came",
        http_status=earlier.http_status,
        server_status=earlier.server_status,
        server_ai_tag=earlier.server_ai_tag,
        subsequence=earlier.subsequence,
    )


def _also(message: str, more: str) -> str:
    return f"{message}; {more}" if message else more


class Step(StrEnum):
    """What to do with a row next."""

    DONE = "done"  # the row has its outcome
    RETRY = "retry"  # try again after a back-off of the row's own
    HOLD = "hold"  # try again when the pacer lets anybody go


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The next step of one row, as data; the runner acts on it.

    reason, message: the row's outcome if the step is DONE.
    given_up: whether the row is DONE only because it failed too often.
    delay_s: the row's own back-off if the step is RETRY; 0 else, since the pacer or the breaker
    does the waiting.
    """

    step: Step
    reason: Reason = Reason.APPLIED
    message: str = ""
    given_up: bool = False
    delay_s: float = 0.0


def is_hold(answer: Answer) -> bool:
    """Whether the answer is the server's word about pace, rather than about this row."""
    if answer.http_status == 429:
        return True
    return may_pass(answer.http_status) and answer.retry_after_s is not None


def is_failure(answer: Answer) -> bool:
    """Whether the attempt failed for a cause that may pass: a fault, or a passing server error."""
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
) -> Decision:
    """The next step after an answer that `tries` already counts.

    others_succeed: whether another row succeeded since this one was first held back.
    is_away: whether the server seems to be away; then no row is given up, and the breaker waits.
    draw: uniform in [0, 1); full jitter, so that workers that failed together spread out.
    """
    if is_hold(answer):
        return _held(answer, tries, policy, others_succeed=others_succeed)
    if not is_failure(answer):
        return Decision(step=Step.DONE, reason=answer.reason, message=answer.message)
    if is_away:
        return Decision(step=Step.RETRY)
    if tries.counted >= policy.max_attempts:
        attempts = "1 attempt" if tries.counted == 1 else f"{tries.counted} attempts"
        return _given_up(tries, _joined(f"gave up after {attempts}", answer.message))
    delay_s = draw() * backoff_ceiling_s(tries.counted, policy)
    if tries.spent_s + delay_s > policy.max_elapsed_s:
        message = f"gave up after {tries.spent_s:.0f} s of attempts and back-offs"
        return _given_up(tries, _joined(message, answer.message))
    return Decision(step=Step.RETRY, delay_s=delay_s)


def _held(answer: Answer, tries: Tries, policy: RetryPolicy, *, others_succeed: bool) -> Decision:
    if tries.holds <= policy.max_holds or not others_succeed:
        return Decision(step=Step.HOLD)
    message = f"held back {tries.holds} times while other rows went through"
    message = _joined(message, answer.message)
    return Decision(step=Step.DONE, reason=answer.reason, message=message)


def backoff_ceiling_s(failures: int, policy: RetryPolicy) -> float:
    """The longest back-off after this many failures (1 or more): doubling, up to the cap."""
    return min(policy.backoff_max_s, policy.backoff_base_s * 2.0 ** min(failures - 1, 60))


def retry_budget(rows: int, *, share: float, floor: int) -> int:
    """Retries that the whole job may spend: a share of its rows, and a floor for small jobs."""
    return int(rows * share) + floor


def _given_up(tries: Tries, message: str) -> Decision:
    last_out = tries.last_out
    reason = last_out.reason if last_out else Reason.NOT_CONNECTED
    return Decision(step=Step.DONE, reason=reason, message=message, given_up=True)


def _joined(message: str, detail: str) -> str:
    return f"{message}: {detail}" if detail else message
