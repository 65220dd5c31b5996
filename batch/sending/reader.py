"""Reading from the server at the pace that it allows.

The same gate, retry decision and breaker as for changes; since reading changes nothing, it has no
row, no journal and no budget of retries.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

from batch.errors import BatchError
from batch.model import Answer
from batch.sending.gate import Gate
from batch.sending.retry import (
    RetryDecision,
    RetryPolicy,
    Tries,
    decide,
    fault_text,
    retry_until_done,
)

_Read = TypeVar("_Read")
Fetch = Callable[[], Awaitable[tuple[Answer, _Read | None]]]


class NotReadError(BatchError):
    """Something could not be read. answer: the last one."""

    def __init__(self, message: str, *, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer


class _Attempts(Generic[_Read]):
    """The attempts at one read. read: what the last one gave, if anything."""

    def __init__(self, fetch: Fetch[_Read]) -> None:
        self.tries = Tries()
        self.read: _Read | None = None
        self._fetch = fetch

    async def send(self) -> Answer:
        answer, self.read = await self._fetch()
        return answer


class Reader:
    """One for all reading of a job.

    max_wait_s: the longest hold-back, without a success, that is waited for; or time until a
        budget of the server that is used up is whole again.
    draw: uniform in [0, 1).
    """

    def __init__(
        self, gate: Gate, *, policy: RetryPolicy, max_wait_s: float, draw: Callable[[], float]
    ) -> None:
        self.requests = 0
        self._gate = gate
        self._policy = policy
        self._max_wait_s = max_wait_s
        self._draw = draw
        self._reads = 0

    async def read(self, fetch: Fetch[_Read]) -> _Read:
        """Fetch something, with as many attempts as it takes. Raises NotReadError.

        fetch: makes one attempt: the answer, and what was asked for if the answer has it.
        """
        self._reads += 1
        attempts = _Attempts(fetch)
        attempt = partial(self._attempt, attempts, self._reads)
        decision = await retry_until_done(attempt, sleep=self._gate.pause)
        if attempts.read is None:
            raise NotReadError(decision.message, answer=attempts.tries.last)
        return attempts.read

    async def _attempt(self, attempts: _Attempts[_Read], number: int) -> RetryDecision:
        """Attempt once. Raises NotReadError where the server asks for, or takes, too long."""
        if (spent_s := self._gate.spent_s()) > self._max_wait_s:
            message = f"the server allows no more requests for {spent_s:.0f} s"
            raise NotReadError(message, answer=attempts.tries.last)
        probe = await self._gate.take_turn()
        answer = await self._gate.attempt(attempts.send)
        self.requests += 1
        if hold := self._gate.report(answer, row=number, probe=probe):
            hold_s = hold.until - hold.since
            if hold_s > self._max_wait_s:
                message = f"the server asks to wait {hold_s:.0f} s: {answer.message}"
                raise NotReadError(message, answer=answer)
        elif (outage_s := self._gate.overdue_outage_s()) is not None:
            message = f"the server has been away for {outage_s:.0f} s: {fault_text(answer)}"
            raise NotReadError(message, answer=answer)
        tries = attempts.tries
        tries.add(answer, counts=not self._gate.is_away)
        decision = decide(
            answer,
            tries=tries,
            policy=self._policy,
            others_succeed=False,
            is_away=self._gate.is_away,
            draw=self._draw,
        )
        tries.spent_s += decision.delay_s
        return decision
