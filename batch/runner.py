"""Workers pull changes, send each behind the pacer, and hand its outcome over to be recorded.

Owns the flow of a job: turns, retries, hold-backs and an early stop. It knows no HTTP and no
file: `send` makes one attempt, `record` takes an outcome that becomes durable later. A row that
a stop leaves behind without any attempt is not recorded at all: its absence says so.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never

from batch.model import Answer, Change, Outcome, Reason, Tally
from batch.pacer import Hold, Pacer
from batch.retry import FAULTS, Decision, RetryPolicy, Step, Tries, decide, is_hold
from batch.stops import FORBIDDEN_STREAK, Stop, StopCause, StopRules

GRACE_S = 10.0  # how long a stop waits for the answers that are on their way
UNDURABLE_PER_WORKER = 2  # a worker may send its next row while its last outcome is committed
RATE_WINDOW_S = 10.0  # the rate that is shown is measured over this time


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one job may use.

    workers: changes under way at once. retry_budget: retries for all rows together.
    """

    workers: int
    retry_budget: int
    policy: RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the job is, for people to look at.

    tally: rows whose outcome is durable. attempts: requests that left, or tried to.
    retries: those spent of the job's budget. rate_per_s: attempts a second of late.
    """

    tally: Tally
    attempts: int
    retries: int
    rate_per_s: float
    hold: Hold | None
    hold_left_s: float
    stop: Stop | None


class Runner:
    """One job's workers. `run` may be called once."""

    def __init__(
        self,
        changes: Iterator[Change],
        *,
        send: Callable[[Change], Awaitable[Answer]],
        record: Callable[[Outcome], None],
        pacer: Pacer,
        rules: StopRules,
        limits: Limits,
        draw: Callable[[], float],
    ) -> None:
        self._changes = changes
        self._send = send
        self._record = record
        self._pacer = pacer
        self._rules = rules
        self._limits = limits
        self._draw = draw
        self._slots = anyio.Semaphore(limits.workers * UNDURABLE_PER_WORKER, fast_acquire=True)
        self._pauses: set[anyio.CancelScope] = set()
        self._flights: set[anyio.CancelScope] = set()
        self._forbidden: deque[Outcome] = deque(maxlen=FORBIDDEN_STREAK - 1)
        self._departures: deque[float] = deque()
        self._tally = Tally()
        self._attempts = 0
        self._retries = 0
        self._budget_spent = False
        self._stop: Stop | None = None

    async def run(self) -> Stop | None:
        """Send every change, or stop early and say why. Returns when the last answer is in.

        The outcomes are then handed over, not yet all durable. Raises what `send`, `record` or
        the changes raise.
        """
        async with anyio.create_task_group() as workers:
            for _ in range(self._limits.workers):
                workers.start_soon(self._work)
        if self._stop is None and self._budget_spent:
            self._stop = Stop(
                cause=StopCause.RETRY_BUDGET,
                message=f"The job's {self._limits.retry_budget} retries were spent: "
                "rows that needed one more were left unsent.",
            )
        return self._stop

    def stop(self, stop: Stop, *, grace_s: float = GRACE_S) -> None:
        """Send nothing more; wait `grace_s` seconds at most for answers that are on their way.

        The first cause is the one that counts; a later call can only shorten the wait.
        """
        deadline = anyio.current_time() + grace_s
        for flight in self._flights:
            flight.deadline = min(flight.deadline, deadline)
        if self._stop is not None:
            return
        self._stop = stop
        for pause in self._pauses:
            pause.cancel()
        if stop.cause is StopCause.FORBIDDEN:
            self._take_back_forbidden()

    def durable(self, outcome: Outcome) -> None:
        """Count an outcome that is on disk now, and let the next row go out in its place."""
        self._tally[outcome.reason] += len(outcome.lines)
        self._slots.release()

    def progress(self) -> Progress:
        """How far the job is now."""
        now = anyio.current_time()
        while self._departures and self._departures[0] < now - RATE_WINDOW_S:
            self._departures.popleft()
        span_s = max(1.0, now - self._departures[0]) if self._departures else RATE_WINDOW_S
        hold = self._pacer.current_hold(now)
        return Progress(
            tally=Tally(self._tally),
            attempts=self._attempts,
            retries=self._retries,
            rate_per_s=len(self._departures) / span_s,
            hold=hold,
            hold_left_s=hold.until - now if hold else 0.0,
            stop=self._stop,
        )

    async def _work(self) -> None:
        while True:
            await self._slot()
            if self._stop is not None:
                return
            change = next(self._changes, None)
            if change is None:
                return
            outcome = await self._carry(change)
            if outcome is None:
                return
            self._finish(outcome)

    async def _carry(self, change: Change) -> Outcome | None:
        """One change to its outcome; None if a stop came before its first attempt."""
        tries = Tries()
        step = partial(self._attempt, change, tries)
        decision = await step()
        if decision.step is not Step.DONE:
            retrying = AsyncRetrying(
                retry=retry_if_result(_goes_on),
                wait=_decided_wait_s,
                stop=stop_never,
                sleep=self._back_off,
            )
            decision = await retrying(_resume_with(decision, step))
        if not tries.attempts:
            return None
        return tries.outcome(change, decision.reason, decision.message)

    async def _attempt(self, change: Change, tries: Tries) -> Decision:
        await self._turn()
        if self._stop is not None:
            return _left_behind(tries, self._stop)
        answer = await self._fly(change, tries)
        tries.add(answer)
        self._heed(answer)
        if self._stop is not None and _is_cause(answer, self._stop):
            return _left_behind(tries, self._stop)
        if tries.holds == 1 and is_hold(answer):
            tries.successes_before = self._rules.successes
        decision = decide(
            answer,
            tries=tries,
            policy=self._limits.policy,
            others_succeed=self._rules.successes > tries.successes_before,
            draw=self._draw,
        )
        return self._within_budget(decision, tries)

    async def _turn(self) -> None:
        """Wait for the pacer; a stop ends the wait."""
        while self._stop is None:
            slot = self._pacer.reserve(anyio.current_time())
            wait_s = slot.at - anyio.current_time()
            if wait_s > 0:
                await self._back_off(wait_s)
            if self._pacer.admits(slot):
                return

    async def _fly(self, change: Change, tries: Tries) -> Answer:
        """One attempt, cut off only when a stop has waited long enough for it."""
        started = anyio.current_time()
        self._departures.append(started)
        self._attempts += 1
        answer = None
        with anyio.CancelScope() as flight:
            self._flights.add(flight)
            try:
                answer = await self._send(change)
            except BaseException:
                # Nobody will hear the answer: what went out must not look as if it never had.
                if not flight.cancel_called:
                    tries.add(_cut_off(started))
                    self._record(tries.outcome(change, Reason.IN_FLIGHT, "the run broke off"))
                raise
            finally:
                self._flights.discard(flight)
        return answer or _cut_off(started)

    def _heed(self, answer: Answer) -> None:
        """Let the pacer and the stop rules know of an answer."""
        stop = self._rules.after_answer(answer)
        if is_hold(answer):
            why = f"HTTP {answer.http_status}"
            if answer.retry_after_s is not None:
                why += f", Retry-After {answer.retry_after_s:.0f} s"
            hold = self._pacer.hold(anyio.current_time(), answer.retry_after_s, why)
            stop = stop or self._rules.after_hold(hold)
        elif answer.reason not in FAULTS | {Reason.SERVER_ERROR}:
            self._pacer.served()
        if stop is not None:
            self.stop(stop)

    def _within_budget(self, decision: Decision, tries: Tries) -> Decision:
        if decision.step is Step.DONE:
            return decision
        if self._stop is not None:
            return _left_behind(tries, self._stop)
        if decision.step is Step.HOLD:
            return decision
        if self._retries >= self._limits.retry_budget:
            self._budget_spent = True
            return Decision(
                step=Step.DONE,
                reason=tries.unsent_reason(),
                message="needs a retry, but the job's retries are spent",
            )
        self._retries += 1
        return decision

    def _finish(self, outcome: Outcome) -> None:
        self._record(outcome)
        if outcome.http_status == 403 and outcome.reason is Reason.FORBIDDEN:
            self._forbidden.append(outcome)
        else:
            self._forbidden.clear()
        stop = self._rules.after_outcome(outcome)
        if stop is not None:
            self.stop(stop)

    def _take_back_forbidden(self) -> None:
        """The 403s that led to a stop were about the key: their rows are unsent, not wrong."""
        for outcome in self._forbidden:
            self._tally[Reason.FORBIDDEN] -= len(outcome.lines)
            self._record(_as_stopped(outcome))
        self._forbidden.clear()

    async def _slot(self) -> None:
        """Wait until few enough outcomes are still to be committed."""
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            await self._pause(self._slots.acquire)

    async def _back_off(self, seconds: float) -> None:
        await self._pause(partial(anyio.sleep, seconds))

    async def _pause(self, wait: Callable[[], Awaitable[None]]) -> None:
        """Wait for something, until a stop."""
        if self._stop is not None:
            return
        with anyio.CancelScope() as pause:
            self._pauses.add(pause)
            try:
                await wait()
            finally:
                self._pauses.discard(pause)


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


def _cut_off(started: float) -> Answer:
    """What stands for the answer of a request that nobody waits for any longer."""
    elapsed_ms = round((anyio.current_time() - started) * 1000)
    return Answer(
        reason=Reason.NO_ANSWER,
        message="the run stopped before the answer came",
        elapsed_ms=elapsed_ms,
        sent_at_ms=round(time.time() * 1000) - elapsed_ms,
    )


def _is_cause(answer: Answer, stop: Stop) -> bool:
    """Whether this answer is about the key, not the row, so that the row stays `unsent`."""
    if answer.http_status == 401:
        return True
    return answer.http_status == 403 and stop.cause is StopCause.FORBIDDEN


def _left_behind(tries: Tries, stop: Stop) -> Decision:
    message = f"the run stopped: {stop.message}"
    return Decision(step=Step.DONE, reason=tries.unsent_reason(), message=message)


def _as_stopped(outcome: Outcome) -> Outcome:
    message = f"the run stopped on refusals of the key: {outcome.message}"
    return replace(outcome, reason=Reason.STOPPED, message=message)
