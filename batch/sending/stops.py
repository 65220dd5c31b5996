"""When a whole job must stop early, decided from answers and outcomes alone. Pure.

Every stop is resumable.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from batch.advice import Advice, Fix, Remedy
from batch.errors import QuotaUsedError
from batch.model import Answer, Outcome, Reason, Result
from batch.sending.pace.pacer import Hold
from batch.sending.retry import fault_text, is_failure, is_hold

FORBIDDEN_STREAK = 20  # 403s in a row: it is the key, not one lead
ERROR_WINDOW = 200  # latest rows, over which the share of errors is taken


class StopCause(StrEnum):
    """Why a job stopped before its end."""

    UNAUTHORIZED = "unauthorized"  # 401: the key is no longer taken
    FORBIDDEN = "forbidden"  # 403s that are about the key, not a lead
    MAX_ERRORS = "max_errors"  # too many rows ended in error
    HELD_BACK = "held_back"  # the server holds requests back, or allows none, for too long
    DAILY_QUOTA = "daily_quota"  # the requests that a person allows a day are used up
    OUTAGE = "outage"  # the server is away for longer than max_outage_s
    CANARY = "canary"  # the first changes, sent alone, do not hold
    RETRY_BUDGET = "retry_budget"  # no retry left for rows that need one
    INTERRUPTED = "interrupted"  # Ctrl-C
    TERMINATED = "terminated"  # SIGTERM


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A stop as data: its cause, and a sentence for a person.

    go_on_at: when the run can go on, where that is known.
    """

    cause: StopCause
    message: str
    go_on_at: datetime | None = None

    @property
    def row_message(self) -> str:
        """What to say of a row that it left behind."""
        return f"the run stopped: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopLimits:
    """Beyond these a job stops.

    max_error_rows: rows that were sent and ended in error. None: no limit.
    max_error_share: share (0 to 1) of errors among the last 200 rows sent, once there are 200.
    max_wait_s: seconds that the server holds requests back without serving one, or allows none.
    """

    max_error_rows: int | None = None
    max_error_share: float | None = None
    max_wait_s: float = 900.0


class StopRules:
    """Watch a job's answers and outcomes, and tell when it must stop."""

    def __init__(self, limits: StopLimits, *, key: str = "SENDKIT_API_KEY") -> None:
        """key: what a person sets to a valid key, once this one is no longer taken."""
        self._limits = limits
        self._key = key
        self._forbidden_in_a_row = 0
        self._error_rows = 0
        self._recent: deque[bool] = deque(maxlen=ERROR_WINDOW)
        self._recent_errors = 0
        self.successes = 0

    def after_answer(self, answer: Answer) -> Stop | None:
        """Check an answer as it comes in, before its row has an outcome."""
        if answer.http_status == 401:
            return Stop(
                cause=StopCause.UNAUTHORIZED,
                message="The server no longer accepts the key (401). "
                f"Set {self._key} to a valid key and go on.",
            )
        if is_hold(answer) or is_failure(answer):
            return None  # not about the key
        if answer.http_status != 403:
            self._forbidden_in_a_row = 0
            self.successes += answer.reason is Reason.APPLIED
            return None
        self._forbidden_in_a_row += 1
        said = with_full_stop(answer.message)
        if not self.successes:
            message = (
                f"The server refuses the key for this (403) before any row succeeded: {said} "
                "Check which workspace the key belongs to."
            )
            return Stop(cause=StopCause.FORBIDDEN, message=message)
        if self._forbidden_in_a_row >= FORBIDDEN_STREAK:
            message = (
                f"The server refused {FORBIDDEN_STREAK} rows in a row (403): {said} "
                "Check the rights of the key."
            )
            return Stop(cause=StopCause.FORBIDDEN, message=message)
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
        if not failed:
            return None
        limits, most_share = self._limits, self._limits.max_error_share
        if limits.max_error_rows is not None and self._error_rows > limits.max_error_rows:
            found = f"{self._error_rows} rows that were sent ended in error"
            allowed = str(limits.max_error_rows)
        elif (
            most_share is not None
            and len(self._recent) == ERROR_WINDOW
            and self._recent_errors > most_share * ERROR_WINDOW
        ):
            found = f"{self._recent_errors} of the last {ERROR_WINDOW} rows sent ended in error"
            allowed = f"{most_share:.0%}"
        else:
            return None
        last = ": ".join(filter(None, (outcome.reason, outcome.message)))
        message = (
            f"{found}; [run] max_errors allows {allowed}. "
            f"The last: line {outcome.lines[0]}, {with_full_stop(last)}"
        )
        return Stop(cause=StopCause.MAX_ERRORS, message=message)

    def after_hold(self, hold: Hold) -> Stop | None:
        """Check a hold-back: one that outlasts the limit is not even begun."""
        held_s = hold.until - hold.since
        if held_s <= self._limits.max_wait_s:
            return None
        return self._too_long(f"The server holds requests back for {held_s:.0f} s ({hold.why})")

    def after_spent(self, spent_s: float, *, until: datetime) -> Stop | None:
        """Check a budget of the server's that is used up for so many seconds more.

        until: when it is whole again.
        """
        if spent_s <= self._limits.max_wait_s:
            return None
        when = f"{until:%Y-%m-%d %H:%M} (local time)"
        return self._too_long(f"The server allows no more requests before {when}", go_on_at=until)

    def _too_long(self, found: str, *, go_on_at: datetime | None = None) -> Stop:
        """The stop at a wait that is longer than a run waits. found: how long, and why."""
        most = f"a run waits {self._limits.max_wait_s:.0f} s at most ([pace] max_wait_s)."
        return Stop(
            cause=StopCause.HELD_BACK,
            message=Advice(f"{found}; {most}", Remedy(Fix.WAIT)),
            go_on_at=go_on_at,
        )

    def after_outage(self, seconds: float, last: Answer) -> Stop:
        """Stop after an outage of so many seconds. last: the answer to the last probe."""
        return Stop(
            cause=StopCause.OUTAGE,
            message=f"The server has been away for {seconds:.0f} s, and longer is not waited for "
            f"([retry] max_outage_s). The last fault: {with_full_stop(fault_text(last))}",
        )


def quota_stop(error: QuotaUsedError) -> Stop:
    """Stop until the day is over whose quota is used up."""
    return Stop(cause=StopCause.DAILY_QUOTA, message=str(error), go_on_at=error.go_on_at)


def with_full_stop(text: str) -> str:
    """The text as a sentence: with a full stop, unless it ends in a mark of its own."""
    return text if text.endswith((".", "?", "!")) else f"{text}."
