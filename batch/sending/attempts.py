"""One change's attempts, from the first to its outcome.

Owns how an answer is acted on: heeded by the pace, the breaker and the stop rules, judged by the
retry decision, charged to the job's budget. Other rows it knows only as counts.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never

from batch.model import Answer, Change, Outcome, Reason
from batch.sending.gate import Gate
from batch.sending.retry import Decision, RetryPolicy, Step, Tries, decide, is_failure, is_hold
from batch.sending.stops import Stop, StopCause, StopRules, fault_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A change that was attempted, and its outcome.

    outcome: what is known now. tries: what has happened to the change.
    outcome_if_served: its outcome once the server serves another row without an outage in between;
        until then the server may be at fault, not the row. None where there is no doubt.
    """

    change: Change
    tries: Tries
    outcome: Outcome
    outcome_if_served: Outcome | None = None


class Attempts:
    """One for the whole job.

    send: makes one attempt. stop: stops the job. broke_off: takes the outcome of a request whose
    answer nobody will hear, since a stop waits no longer for it, or the job itself breaks off.
    """

    def __init__(
        self,
        gate: Gate,
        *,
        send: Callable[[Change], Awaitable[Answer]],
        rules: StopRules,
        policy: RetryPolicy,
        retry_budget: int,
        draw: Callable[[], float],
        stop: Callable[[Stop], None],
        broke_off: Callable[[Outcome], None],
    ) -> None:
        self.retries = 0
        self.is_budget_spent = False
        self.stopped: Stop | None = None
        self._gate = gate
        self._send = send
        self._rules = rules
        self._policy = policy
        self._retry_budget = retry_budget
        self._draw = draw
        self._stop = stop
        self._broke_off = broke_off

    async def deliver(self, change: Change, tries: Tries | None = None) -> Delivery | None:
        """One change to its outcome; None if a stop came before its first attempt.

        tries: what has happened to a change that an outage caught, and that is carried again.
        """
        tries = tries or Tries(earlier=change.earlier, outages=self._gate.outages)
        try:
            decision = await self._decision(change, tries)
        except BaseException:
            # Cut off, or the job breaks off: what went out must not look as if it never had.
            if tries.attempts:
                reason = tries.unsent_reason()
                self._broke_off(tries.outcome(change, reason, self._why_cut_off()))
            raise
        if not tries.attempts:
            return None
        outcome = tries.outcome(change, decision.reason, decision.message)
        if not decision.given_up:
            return Delivery(change=change, tries=tries, outcome=outcome)
        message = f"{decision.message} (no other row was served since)"
        unsent = tries.outcome(change, tries.unsent_reason(), message)
        return Delivery(change=change, tries=tries, outcome=unsent, outcome_if_served=outcome)

    async def wait_until_served(self, look: Callable[[], Awaitable[Answer]]) -> bool:
        """Ask the server something harmless until it serves that; whether it did at once.

        That is how a job's last failing rows are judged, which no other row can tell about. False,
        too, if the job stops meanwhile.
        """
        failures = 0
        while True:
            probe = await self._gate.take_turn()
            if self.stopped is not None:
                return False
            answer = await self._gate.attempt(look)
            if is_hold(answer):
                self._after_hold(answer)
            elif is_failure(answer):
                failures += 1
                self._after_failure(answer, row=-failures, probe=probe)
            else:
                self._gate.report_served()
                return not failures

    async def _decision(self, change: Change, tries: Tries) -> Decision:
        step = partial(self._attempt, change, tries)
        first = await step()
        if first.step is Step.DONE:
            return first
        retrying = AsyncRetrying(
            retry=retry_if_result(_goes_on),
            wait=_decided_wait_s,
            stop=stop_never,
            sleep=self._gate.pause,
        )
        return await retrying(_resume_with(first, step))

    async def _attempt(self, change: Change, tries: Tries) -> Decision:
        probe = await self._gate.take_turn()
        if self.stopped is not None:
            return _stop_decision(tries, self.stopped)
        answer = await self._send_once(change, tries)
        self._report(answer, change, probe=probe)
        tries.add(answer, counts=not self._gate.is_away)
        if self._gate.outages > tries.outages:
            tries.forgive(outages=self._gate.outages)
        if tries.holds == 1 and is_hold(answer):
            tries.successes_before = self._rules.successes
        if self.stopped is not None and _is_cause(answer, self.stopped):
            return _stop_decision(tries, self.stopped)
        decision = decide(
            answer,
            tries=tries,
            policy=self._policy,
            others_succeed=self._rules.successes > tries.successes_before,
            is_away=self._gate.is_away,
            draw=self._draw,
        )
        return self._charged(decision, tries)

    async def _send_once(self, change: Change, tries: Tries) -> Answer:
        """One attempt; if it is cut off, `tries` knows."""
        started = self._gate.now()
        answer = None
        try:
            answer = await self._gate.attempt(partial(self._send, change))
        finally:
            if answer is None:
                tries.add(_cut_off_answer(self._gate.now() - started))
        return answer

    def _report(self, answer: Answer, change: Change, *, probe: bool) -> None:
        """Let the pace, the breaker and the stop rules know of an answer."""
        if stop := self._rules.after_answer(answer):
            self._stop(stop)
        if is_hold(answer):
            self._after_hold(answer)
        elif is_failure(answer):
            self._after_failure(answer, row=change.lines[0], probe=probe)
        else:
            self._gate.report_served()

    def _after_failure(self, answer: Answer, *, row: int, probe: bool) -> None:
        """Let the breaker know, and stop where the server was away for long enough."""
        sent_at = self._gate.now() - answer.elapsed_ms / 1000
        self._gate.report_failure(sent_at=sent_at, row=row, probe=probe, why=fault_text(answer))
        lasted_s = self._gate.overdue_outage_s()
        if lasted_s is not None:
            self._stop(self._rules.after_outage(lasted_s, answer))

    def _after_hold(self, answer: Answer) -> None:
        """Hold everybody back, as the server asks, and stop where that is for too long."""
        self._gate.report_neutral()
        asked = answer.retry_after_s
        status = None if answer.http_status is None else f"HTTP {answer.http_status}"
        retry_after = None if asked is None else f"Retry-After {asked:.0f} s"
        why = ", ".join(filter(None, (status, retry_after)))
        if stop := self._rules.after_hold(self._gate.hold_back(answer, why)):
            self._stop(stop)

    def _why_cut_off(self) -> str:
        return "the run broke off" if self.stopped is None else _stop_message(self.stopped)

    def _charged(self, decision: Decision, tries: Tries) -> Decision:
        """The decision as far as the job's retries reach."""
        if decision.step is Step.DONE:
            return decision
        if self.stopped is not None:
            return _stop_decision(tries, self.stopped)
        if decision.step is Step.HOLD:
            return decision
        if self.retries >= self._retry_budget:
            self.is_budget_spent = True
            return Decision(
                step=Step.DONE,
                reason=tries.unsent_reason(),
                message="needs a retry, but the job's retries are spent",
            )
        self.retries += 1
        tries.spent_s += decision.delay_s
        return decision


def _goes_on(decision: Decision) -> bool:
    return decision.step is not Step.DONE


def _decided_wait_s(state: RetryCallState) -> float:
    if state.outcome is None:
        return 0.0
    decision: Decision = state.outcome.result()
    return decision.delay_s


def _resume_with(
    first: Decision, step: Callable[[], Awaitable[Decision]]
) -> Callable[[], Awaitable[Decision]]:
    """A function for tenacity whose first result is known already: it is entered after it."""
    known: list[Decision] = [first]

    async def next_step() -> Decision:
        return known.pop() if known else await step()

    return next_step


def _is_cause(answer: Answer, stop: Stop) -> bool:
    """Whether this answer is about the key, not the row, so that the row stays `unsent`."""
    if answer.http_status == 401:
        return True
    return answer.http_status == 403 and stop.cause is StopCause.FORBIDDEN


def _cut_off_answer(lasted_s: float) -> Answer:
    """What stands for the answer of a request that nobody waits for any longer."""
    elapsed_ms = round(lasted_s * 1000)
    return Answer(
        reason=Reason.NO_ANSWER,
        message="the run stopped before the answer came",
        elapsed_ms=elapsed_ms,
        sent_at_ms=round(time.time() * 1000) - elapsed_ms,
    )


def _stop_decision(tries: Tries, stop: Stop) -> Decision:
    return Decision(step=Step.DONE, reason=tries.unsent_reason(), message=_stop_message(stop))


def _stop_message(stop: Stop) -> str:
    return f"the run stopped: {stop.message}"
