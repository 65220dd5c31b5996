"""One change's attempts, from the first to its outcome.

Owns what an answer leads to: the gate and the stop rules are told, the retry decision is made, and
a retry is charged to the job's budget. Other rows are known only as counts.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from batch.model import Answer, Change, Outcome, Reason
from batch.sending.gate import Gate
from batch.sending.retry import (
    Decision,
    RetryPolicy,
    Step,
    Tries,
    decide,
    is_failure,
    is_hold,
    retry_until_done,
)
from batch.sending.stops import Stop, StopCause, StopRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A change that was attempted, and its outcome.

    outcome: what is known now. tries: its attempts.
    outcome_if_served: its outcome once the server serves another row without an outage in between;
        until then the server may be at fault, not the row. None where there is no doubt.
    """

    change: Change
    tries: Tries
    outcome: Outcome
    outcome_if_served: Outcome | None = None


class Attempts:
    """One for the whole job.

    send: makes one attempt. stop: stops the job.
    record_cut_off: takes the outcome of a request whose answer nobody will hear: a stop waits no
        longer for it, or the job itself fails.
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
        record_cut_off: Callable[[Outcome], None],
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
        self._record_cut_off = record_cut_off

    async def deliver(self, change: Change, tries: Tries | None = None) -> Delivery | None:
        """Attempt a change until it has an outcome; None if a stop came before its first attempt.

        tries: the attempts so far, of a change that is sent again after an outage.
        """
        tries = tries or Tries(earlier=change.earlier, outages=self._gate.outages)
        attempt = partial(self._attempt, change, tries)
        try:
            decision = await retry_until_done(attempt, sleep=self._gate.pause)
        except BaseException:
            # Cut off, or the job fails: a request that went out must not look as if it never had.
            if tries.attempts:
                why = "the run broke off" if self.stopped is None else _stop_message(self.stopped)
                self._record_cut_off(tries.outcome(change, tries.unsent_reason(), why))
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
        """Ask the server something harmless until it serves it; True if it did so at once.

        It settles the job's last failing rows, after which no other row can. False, too, if the job
        stops meanwhile.
        """
        failures = 0
        while True:
            probe = await self._gate.take_turn()
            if self.stopped is not None:
                return False
            answer = await self._gate.attempt(look)
            self._report(answer, row=-failures - 1, probe=probe)
            if is_failure(answer):
                failures += 1
            elif not is_hold(answer):
                return not failures

    async def _attempt(self, change: Change, tries: Tries) -> Decision:
        """Send a change once, and decide what to do with it next."""
        probe = await self._gate.take_turn()
        if self.stopped is not None:
            return _leave_unsent(tries, self.stopped)
        answer = await self._send_once(change, tries)
        if stop := self._rules.after_answer(answer):
            self._stop(stop)
        self._report(answer, row=change.lines[0], probe=probe)
        tries.add(answer, counts=not self._gate.is_away)
        if self._gate.outages > tries.outages:
            tries.forgive(outages=self._gate.outages)
        if tries.holds == 1 and is_hold(answer):
            tries.successes_before = self._rules.successes
        if self.stopped is not None and _is_about_key(answer, self.stopped):
            return _leave_unsent(tries, self.stopped)
        decision = decide(
            answer,
            tries=tries,
            policy=self._policy,
            others_succeed=self._rules.successes > tries.successes_before,
            is_away=self._gate.is_away,
            draw=self._draw,
        )
        if decision.step is Step.DONE:
            return decision
        if self.stopped is not None:
            return _leave_unsent(tries, self.stopped)
        return decision if decision.step is Step.HOLD else self._charge_retry(decision, tries)

    async def _send_once(self, change: Change, tries: Tries) -> Answer:
        """The answer to one attempt; one that is cut off is added to `tries` here."""
        started = self._gate.now()
        try:
            return await self._gate.attempt(partial(self._send, change))
        except BaseException:
            elapsed_ms = round((self._gate.now() - started) * 1000)
            tries.add(
                Answer(
                    reason=Reason.NO_ANSWER,
                    elapsed_ms=elapsed_ms,
                    sent_at_ms=round(time.time() * 1000) - elapsed_ms,
                )
            )
            raise

    def _report(self, answer: Answer, *, row: int, probe: bool) -> None:
        """Tell the gate of an answer; stop where it holds back, or stays away, for too long."""
        if hold := self._gate.report(answer, row=row, probe=probe):
            if stop := self._rules.after_hold(hold):
                self._stop(stop)
        elif (outage_s := self._gate.overdue_outage_s()) is not None:
            self._stop(self._rules.after_outage(outage_s, answer))

    def _charge_retry(self, decision: Decision, tries: Tries) -> Decision:
        """Take a retry from the job's budget; a row for which none is left ends `unsent`."""
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


def _is_about_key(answer: Answer, stop: Stop) -> bool:
    """True if the answer led to the stop, so that its row is not wrong but `unsent`."""
    if answer.http_status == 401:
        return True
    return answer.http_status == 403 and stop.cause is StopCause.FORBIDDEN


def _leave_unsent(tries: Tries, stop: Stop) -> Decision:
    return Decision(step=Step.DONE, reason=tries.unsent_reason(), message=_stop_message(stop))


def _stop_message(stop: Stop) -> str:
    return f"the run stopped: {stop.message}"
