"""What stops a whole job early, resumably: decided from answers and outcomes alone. Pure."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from batch.model import Answer, Outcome, Reason, Result
from batch.sending.pace.pacer import Hold
from batch.sending.retry import is_failure, is_hold

FORBIDDEN_STREAK = 20  # 403s in a row: the key has lost its right, not one lead
ERROR_WINDOW = 200  # rows that a share of errors is looked at over


class StopCause(StrEnum):
    """Why a job stopped before its end."""

    UNAUTHORIZED = "unauthorized"  # 401: the key is no longer taken
    FORBIDDEN = "forbidden"  # 403s that mean the key, not a lead
    MAX_ERRORS = "max_errors"  # too many rows ended in error
    HELD_BACK = "held_back"  # the server holds back for longer than is waited for
    OUTAGE = "outage"  # the server is away for longer than is waited for
    CANARY = "canary"  # the first changes, sent alone, do not hold
    RETRY_BUDGET = "retry_budget"  # no retry left for rows that need one
    INTERRUPTED = "interrupted"  # Ctrl-C
    TERMINATED = "terminated"  # SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop as data: its cause, and a sentence for a person."""

    cause: StopCause
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLimits:
    """Where a job gives up.

    max_error_rows: rows sent that ended in error; more than it stops. None: no such limit.
    max_error_share: share (0 to 1) of the last 200 rows sent, once there are 200; more stops.
    max_wait_s: the longest time held back without one request served.
    """

    max_error_rows: int | None = None
    max_error_share: float | None = None
    max_wait_s: float = 900.0


class StopRules:
    """Watches answers and outcomes, and says when the job must stop."""

    def __init__(self, limits: StopLimits) -> None:
        self._limits = limits
        self._forbidden_in_a_row = 0
        self._error_rows = 0
        self._recent: deque[bool] = deque(maxlen=ERROR_WINDOW)
        self._recent_errors = 0
        self.successes = 0

    def after_answer(self, answer: Answer) -> Stop | None:
        """Look at an answer as it comes in, before its row has an outcome."""
        if answer.http_status == 401:
            return Stop(
                cause=StopCause.UNAUTHORIZED,
                message="The server no longer accepts the key (401). "
                "Set SENDKIT_API_KEY to a valid key and go on.",
            )
        if is_hold(answer) or is_failure(answer):
            return None  # it says nothing about the key
        if answer.http_status != 403:
            self._forbidden_in_a_row = 0
            self.successes += answer.reason is Reason.APPLIED
            return None
        self._forbidden_in_a_row += 1
        if not self.successes:
            return Stop(
                cause=StopCause.FORBIDDEN,
                message="The server refuses the key for this (403) before any row succeeded: "
                f"{with_full_stop(answer.message)} Check which workspace the key belongs to.",
            )
        if self._forbidden_in_a_row >= FORBIDDEN_STREAK:
            return Stop(
                cause=StopCause.FORBIDDEN,
                message=f"The server refused {FORBIDDEN_STREAK} rows in a row (403): "
                f"{with_full_stop(answer.message)} Check the rights of the key.",
            )
        return None

    def after_outcome(self, outcome: Outcome) -> Stop | None:
        """Count the rows of a change that was sent and has its outcome."""
        failed = outcome.reason.result is Result.ERROR
        for _ in outcome.lines:
            if len(self._recent) == ERROR_WINDOW:
                self._recent_errors -= self._recent[0]
            self._recent.append(failed)
            self._recent_errors += failed
            self._error_rows += failed
        return self._too_many_errors(outcome) if failed else None

    def after_hold(self, hold: Hold) -> Stop | None:
        """Look at a hold-back: one that outlasts the limit is not worth beginning."""
        held_s = hold.until - hold.since
        if held_s <= self._limits.max_wait_s:
            return None
        return Stop(
            cause=StopCause.HELD_BACK,
            message=f"The server holds requests back for {held_s:.0f} s ({hold.why}); "
            f"at most {self._limits.max_wait_s:.0f} s are waited for ([pace] max_wait_s).",
        )

    def after_outage(self, seconds: float, last: Answer) -> Stop:
        """The server was away for as long as is waited for. last: the fault of the last probe."""
        return Stop(
            cause=StopCause.OUTAGE,
            message=f"The server has been away for {seconds:.0f} s, and longer is not waited for "
            f"([retry] max_outage_s). The last fault: {with_full_stop(fault_text(last))}",
        )

    def _too_many_errors(self, last: Outcome) -> Stop | None:
        limits = self._limits
        said = f": {last.message}" if last.message else ""
        why = f"The last: line {last.lines[0]}, {with_full_stop(f'{last.reason}{said}')}"
        if limits.max_error_rows is not None and self._error_rows > limits.max_error_rows:
            return Stop(
                cause=StopCause.MAX_ERRORS,
                message=f"{self._error_rows} rows that were sent ended in error; "
                f"--max-errors allows {limits.max_error_rows}. {why}",
            )
        if limits.max_error_share is None or len(self._recent) < ERROR_WINDOW:
            return None
        if self._recent_errors <= limits.max_error_share * ERROR_WINDOW:
            return None
        return Stop(
            cause=StopCause.MAX_ERRORS,
            message=f"{self._recent_errors} of the last {ERROR_WINDOW} rows sent ended in error; "
            f"--max-errors allows {limits.max_error_share:.0%}. {why}",
        )


def fault_text(answer: Answer) -> str:
    """What an attempt failed by: the fault's own words, or the status and the server's."""
    if answer.http_status is None:
        return answer.message
    return ": ".join(filter(None, (f"HTTP {answer.http_status}", answer.message)))


def with_full_stop(text: str) -> str:
    """The server's words with a stop at their end, whichever they end in."""
    return text if text.endswith((".", "?", "!")) else f"{text}."
