"""One change's attempts, from the first to its outcome.

Owns what an answer leads to: the gate and the stop rules are told, the retry decision is made, and
a retry is charged to the job's budget. Other rows are known only as counts.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from batch.errors import QuotaUsedError
from batch.model import Answer, Change, Outcome, Reason
from batch.sending.gate import Gate
from batch.sending.retry import (
    RetryDecision,
    RetryPolicy,
    Step,
    Tries,
    decide,
    is_failure,
    is_hold,
    retry_until_done,
)
from batch.sending.stops import Stop, StopCause, StopRules, quota_stop

LOOK_AFTER_S = 60.0  # of an outage, once no row is left that was not tried


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A change that was attempted, and its outcome.

    outcome: what is known now. tries: its attempts.
    outcome_if_served: its outcome once the server serves another row without an outage in between;
        until then the server may be at fault, not the row. None where there is no doubt.
    is_set_aside: True if it is to be sent again after all others. Where tries.probe is a change,
        that must be delivered next.
    """

    change: Change
    tries: Tries
    outcome: Outcome
    outcome_if_served: Outcome | None = None
    is_set_aside: bool = False


class Attempts:
    """One for the whole job.

    send: makes one attempt. look: asks the server something harmless. stop: stops the job.
    workers: changes under way at once. While others are served, a quarter of them may try rows
        again that failed; more are set aside.
    take_distant: takes a change that was not tried yet, far from those that are being sent; None if
        there is none.
    record_cut_off: takes the outcome of a request whose answer nobody will hear: a stop waits no
        longer for it, or the job itself fails.
    """

    def __init__(  # noqa: PLR0913 - what a job is made of
        self,
        gate: Gate,
        *,
        send: Callable[[Change], Awaitable[Answer]],
        look: Callable[[], Awaitable[Answer]],
        take_distant: Callable[[], Awaitable[Change | None]],
        rules: StopRules,
        policy: RetryPolicy,
        retry_budget: int,
        workers: int,
        draw: Callable[[], float],
        stop: Callable[[Stop], None],
        record_cut_off: Callable[[Outcome], None],
    ) -> None:
        self.retries = 0
        self.is_budget_spent = False
        self.stopped: Stop | None = None
        self.sets_aside = True  # rows that fail by themselves
        self._retrying = 0  # rows that failed and are not yet done with
        self._most_retrying = max(1, workers // 4)
        self._look_after_s = LOOK_AFTER_S
        self._gate = gate
        self._send = send
        self._look = look
        self._take_distant = take_distant
        self._probe: Change | None = None  # one that has its turn, as a probe
        self._rules = rules
        self._policy = policy
        self._retry_budget = retry_budget
        self._draw = draw
        self._stop = stop
        self._record_cut_off = record_cut_off

    async def deliver(self, change: Change, tries: Tries | None = None) -> Delivery | None:
        """Attempt a change until it has an outcome; None if a stop came before its first attempt.

        tries: the attempts so far, of a change that an outage caught or that was set aside.
        """
        tries = tries or Tries(earlier=change.earlier, outages=self._gate.outages)
        attempt = partial(self._attempt, change, tries)
        decision = RetryDecision(step=Step.RETRY)
        try:
            if tries.owes_retry:
                tries.owes_retry = False
                decision = self._charge_retry(decision, tries)
            if decision.step is not Step.DONE:
                decision = await retry_until_done(attempt, sleep=self._gate.pause)
        except BaseException:
            # Cut off, or the job fails: a request that went out must not look as if it never had.
            if tries.attempts:
                why = "the run broke off" if self.stopped is None else self.stopped.row_message
                self._record_cut_off(tries.outcome(change, tries.unsent_reason(), why))
            raise
        finally:
            self._retrying -= tries.is_retrying
            tries.is_retrying = False
        if decision.set_aside:
            outcome = tries.outcome(change, decision.reason, decision.message)
            return Delivery(change=change, tries=tries, outcome=outcome, is_set_aside=True)
        if not tries.attempts:
            return None
        outcome = tries.outcome(change, decision.reason, decision.message)
        if not decision.given_up:
            return Delivery(change=change, tries=tries, outcome=outcome)
        message = f"{decision.message} (no other row was served since)"
        unsent = tries.outcome(change, tries.unsent_reason(), message)
        return Delivery(change=change, tries=tries, outcome=unsent, outcome_if_served=outcome)

    async def wait_until_served(self) -> bool:
        """Ask the server something harmless until it serves it; True if it did so at once.

        It settles the job's last failing rows, after which no other row can. False, too, if the job
        stops meanwhile.
        """
        failures = 0
        while True:
            probe = await self._gate.take_turn()
            if self.stopped is not None:
                return False
            try:
                answer = await self._gate.attempt(self._look)
            except QuotaUsedError as error:
                self._stop_by_quota(error)
                return False
            self._report(answer, row=-failures - 1, probe=probe)
            if is_failure(answer):
                failures += 1
            elif not is_hold(answer):
                return not failures

    async def _attempt(self, change: Change, tries: Tries) -> RetryDecision:
        """Send a change once, and decide what to do with it next."""
        probe = await self._take_turn(change, tries)
        if self.stopped is not None:
            return _leave_unsent(tries, self.stopped)
        if probe is None:
            if tries.is_charged:
                self.retries -= 1
                tries.is_charged, tries.owes_retry = False, True
            return _set_aside(tries)
        tries.is_charged = False
        sent_at = self._gate.now()
        try:
            answer = await self._send_once(change, tries)
        except QuotaUsedError as error:
            return _leave_unsent(tries, self._stop_by_quota(error))
        if stop := self._rules.after_answer(answer):
            self._stop(stop)
        self._report(answer, row=change.lines[0], probe=probe)
        tries.add(answer, counts=not self._gate.failed_probes)
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
        return self._after(decision, change.lines[0], tries, sent_at=sent_at)

    def _after(
        self, decision: RetryDecision, line: int, tries: Tries, *, sent_at: float
    ) -> RetryDecision:
        """Charge a retry, or set its row aside where many fail by themselves.

        sent_at: when the attempt left that led to the decision.
        """
        if decision.step is Step.DONE:
            return decision
        if self.stopped is not None:
            return _leave_unsent(tries, self.stopped)
        if decision.step is Step.HOLD:
            return decision
        if not tries.is_retrying:
            tries.is_retrying = True
            self._retrying += 1
        if self._gate.served_at >= sent_at and (tries.counted > 1 or self._gives_way()):
            self._gate.blame(line)
        if self._gives_way() and self._gate.fails_by_itself(line):
            tries.owes_retry = True
            return _set_aside(tries)
        return self._charge_retry(decision, tries)

    def _gives_way(self) -> bool:
        """True if one more row that fails by itself would keep others from finding a worker."""
        return self.sets_aside and self._retrying > self._most_retrying

    async def _take_turn(self, change: Change, tries: Tries) -> bool | None:
        """Wait for a change's turn: True for a probe's; None if it gives way to others.

        A row that fails by itself gives way, and every other probe, the first one too, is of a
        distant row. Where none is left that was not tried, something harmless is asked instead.
        """
        if change is self._probe:
            self._probe = None
            return True
        line = change.lines[0] if tries.attempts and self._gives_way() else None
        while True:
            probe = await self._gate.take_turn_unless_failing(line)
            if not probe or (self._gate.failed_probes % 2 and self._look_after_s):
                return probe
            tries.probe = self._probe = await self._take_distant()
            if self._probe is not None:
                return None
            if self.stopped is not None or not await self._look_instead():
                return True

    async def _look_instead(self) -> bool:
        """Ask something harmless in place of a probe; False while an outage is too young for it."""
        if self._gate.outage_s() < self._look_after_s:
            return False
        try:
            answer = await self._gate.attempt(self._look)
        except QuotaUsedError as error:
            self._stop_by_quota(error)
            return False
        self._report(answer, row=-1, probe=True)
        if not self._gate.is_away:
            self._look_after_s = 0.0
        return True

    async def _send_once(self, change: Change, tries: Tries) -> Answer:
        """The answer to one attempt; one that is cut off is added to `tries` here."""
        started = self._gate.now()
        try:
            return await self._gate.attempt(partial(self._send, change))
        except QuotaUsedError:
            raise  # nothing went out
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

    def _stop_by_quota(self, error: QuotaUsedError) -> Stop:
        """Stop, since no more requests may leave today; the stop that holds."""
        stop = quota_stop(error)
        self._stop(stop)
        return self.stopped or stop

    def _charge_retry(self, decision: RetryDecision, tries: Tries) -> RetryDecision:
        """Take a retry from the job's budget; a row for which none is left ends `unsent`."""
        if self.retries >= self._retry_budget:
            self.is_budget_spent = True
            return RetryDecision(
                step=Step.DONE,
                reason=tries.unsent_reason(),
                message="needs a retry, but the job's retries are spent",
            )
        self.retries += 1
        tries.is_charged = True
        tries.spent_s += decision.delay_s
        return decision


def _is_about_key(answer: Answer, stop: Stop) -> bool:
    """True if the answer led to the stop, so that its row is not wrong but `unsent`."""
    if answer.http_status == 401:
        return True
    return answer.http_status == 403 and stop.cause is StopCause.FORBIDDEN


def _leave_unsent(tries: Tries, stop: Stop) -> RetryDecision:
    return RetryDecision(step=Step.DONE, reason=tries.unsent_reason(), message=stop.row_message)


def _set_aside(tries: Tries) -> RetryDecision:
    said = f": {tries.last.message}" if tries.last and tries.last.message else ""
    message = f"was to be sent again after the others{said}"
    return RetryDecision(
        step=Step.DONE, set_aside=True, reason=tries.unsent_reason(), message=message
    )
