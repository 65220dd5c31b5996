"""Reading from the server at the pace that it allows: tries that are held back, retried, given up.

The same gate, retry decision and breaker as for changes, for what changes nothing and so has no
row, no journal and no budget of retries.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never

from batch.errors import BatchError
from batch.model import Answer
from batch.sending.gate import Gate
from batch.sending.retry import Decision, RetryPolicy, Step, Tries, decide, is_failure, is_hold
from batch.sending.stops import fault_text

_Read = TypeVar("_Read")
Fetch = Callable[[], Awaitable[tuple[Answer, _Read | None]]]


class NotReadError(BatchError):
    """Something could not be read. answer: the last one."""

    def __init__(self, message: str, *, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried(Generic[_Read]):
    """What one attempt came to. read: None unless it gave what was asked for."""

    decision: Decision
    answer: Answer
    read: _Read | None


class Reader:
    """One for all that is read in a job.

    max_wait_s: the longest hold-back that is waited for without one success.
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
        self._asked = 0

    async def read(self, fetch: Fetch[_Read]) -> _Read:
        """What was asked for, after as many tries as it needs. Raises NotReadError.

        fetch: one attempt: the answer, and what it gave if that is what was asked for.
        """
        self._asked += 1
        step = partial(self._attempt, fetch, Tries(), self._asked)
        retrying = AsyncRetrying(
            retry=retry_if_result(_goes_on),
            wait=_decided_wait_s,
            stop=stop_never,
            sleep=self._gate.pause,
        )
        tried: _Tried[_Read] = await retrying(step)
        if tried.read is None:
            raise NotReadError(tried.decision.message, answer=tried.answer)
        return tried.read

    async def _attempt(self, fetch: Fetch[_Read], tries: Tries, number: int) -> _Tried[_Read]:
        probe = await self._gate.take_turn()
        read: _Read | None = None

        async def send() -> Answer:
            nonlocal read
            answer, read = await fetch()
            return answer

        answer = await self._gate.attempt(send)
        self.requests += 1
        self._report(answer, number, probe=probe)
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
        return _Tried(decision=decision, answer=answer, read=read)

    def _report(self, answer: Answer, number: int, *, probe: bool) -> None:
        """Let the pace and the breaker know. Raises NotReadError for a server that is away long."""
        if is_hold(answer):
            self._gate.report_neutral()
            self._hold(answer)
        elif is_failure(answer):
            sent_at = anyio.current_time() - answer.elapsed_ms / 1000
            why = fault_text(answer)
            self._gate.report_failure(sent_at=sent_at, row=number, probe=probe, why=why)
            if (lasted_s := self._gate.overdue_outage_s()) is not None:
                message = f"the server has been away for {lasted_s:.0f} s: {why}"
                raise NotReadError(message, answer=answer)
        else:
            self._gate.report_served()

    def _hold(self, answer: Answer) -> None:
        hold = self._gate.hold_back(answer, f"HTTP {answer.http_status}")
        if hold.until - hold.since > self._max_wait_s:
            message = f"the server asks to wait {hold.until - hold.since:.0f} s: {answer.message}"
            raise NotReadError(message, answer=answer)


def _goes_on(tried: _Tried[object]) -> bool:
    return tried.decision.step is not Step.DONE


def _decided_wait_s(state: RetryCallState) -> float:
    if state.outcome is None:
        return 0.0
    tried: _Tried[object] = state.outcome.result()
    return tried.decision.delay_s
