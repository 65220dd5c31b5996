"""Workers take changes, send each through the gate, and pass its outcome on to be recorded.

Owns the flow of a job: the workers, how many rows may be sent before earlier ones are durable, and
an early stop. It knows no HTTP and no file: `send` makes one attempt, `look` asks the server
something harmless, `record` takes an outcome that becomes durable later. A row without any attempt
before a stop is not recorded at all: its absence says so.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from batch.model import Answer, Change, Outcome, Reason, Result, Tally
from batch.sending.attempts import Attempts, Delivery
from batch.sending.gate import Gate, Pace
from batch.sending.retry import RetryPolicy, Tries
from batch.sending.stops import FORBIDDEN_STREAK, Stop, StopCause, StopRules

GRACE_S = 10.0  # how long a stop waits for the answers that are on their way
UNDURABLE_PER_WORKER = 2  # a worker may send its next row while its last outcome is committed
DISTANT = 1_000  # changes ahead: neighbours of rows that fail may fail, too
MOST_SET_ASIDE = 10_000  # rows that fail by themselves, in memory until all others are sent
MOST_DISTANT = 32_000  # they are kept in memory, at 0.3 kB each


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
    """How far the job is.

    tally: rows whose outcome is durable. changes: the same, each change once.
    retries: spent of the job's budget.
    """

    tally: Tally
    changes: Tally
    retries: int
    pace: Pace
    stop: Stop | None


class Changes(Protocol):
    """The changes to send."""

    async def take(self) -> Change | None:
        """The next change; None at the end."""

    async def take_distant(self, distance: int, /) -> Change | None:
        """A change about so many ahead that was not taken yet; None if none is left."""

    def give_back(self, changes: Iterable[Change], /) -> None:
        """Put changes back, to be taken once more."""


class Runner:
    """One job's workers. `run` may be called once."""

    def __init__(
        self,
        changes: Changes,
        *,
        send: Callable[[Change], Awaitable[Answer]],
        look: Callable[[], Awaitable[Answer]],
        record: Callable[[Outcome], None],
        gate: Gate,
        rules: StopRules,
        limits: Limits,
        draw: Callable[[], float],
    ) -> None:
        self._changes = changes
        self._record = record
        self._rules = rules
        self._limits = limits
        self._gate = gate
        self._attempts = Attempts(
            self._gate,
            send=send,
            look=look,
            take_distant=self._take_distant,
            rules=rules,
            policy=limits.policy,
            retry_budget=limits.retry_budget,
            workers=limits.workers,
            draw=draw,
            stop=self.stop,
            record_cut_off=record,
        )
        # A worker takes one for each row; the row's outcome frees it, once that is durable.
        self._slots = anyio.Semaphore(limits.workers * UNDURABLE_PER_WORKER, fast_acquire=True)
        self._forbidden: deque[Outcome] = deque(maxlen=FORBIDDEN_STREAK - 1)
        self._doubtful: list[Delivery] = []
        self._set_aside: list[Delivery] = []
        self._is_last_pass = False
        self._distance = DISTANT
        self._earlier: dict[tuple[int, ...], Tries] = {}  # of rows that are sent again, by lines
        self._revised: dict[int, Reason] = {}  # id of an outcome: the reason that it replaces
        self._tally, self._changes_tally = Tally(), Tally()

    async def run(self) -> Stop | None:
        """Send every change, or stop early and return why. Returns when the last answer is in.

        All outcomes are passed on by then, not yet all durable. Raises what `take`, `send` or
        `record` raise.
        """
        await self._work_all()
        if self._attempts.stopped is None and self._set_aside:
            self._attempts.sets_aside, self._is_last_pass = False, True
            set_aside, self._set_aside = self._set_aside, []
            self._send_again(set_aside)
            await self._work_all()
        while self._doubtful and self._attempts.stopped is None:
            # No row is left to tell whether the last ones failed by themselves: ask the server.
            with self._gate.worker_scope():
                was_served = await self._attempts.wait_until_served()
                if self._attempts.stopped is None:
                    self._settle_doubtful(are_caught=not was_served)
            if self._attempts.stopped is None:
                await self._work_all()
        stop = self._attempts.stopped
        if stop is not None:
            for left in self._set_aside:
                reason, said = left.outcome.reason, stop.row_message
                self._revise(left.outcome, left.tries.outcome(left.change, reason, said))
        elif self._attempts.is_budget_spent:
            return Stop(
                cause=StopCause.RETRY_BUDGET,
                message=f"The job's {self._limits.retry_budget} retries were spent: "
                "rows that needed one more were left unsent.",
            )
        return stop

    def stop(self, stop: Stop, *, grace_s: float = GRACE_S) -> None:
        """Send nothing more; wait at most `grace_s` seconds for answers that are on their way.

        The first cause counts; a later call can only shorten the wait.
        """
        first = self._attempts.stopped is None
        if first:
            self._attempts.stopped = stop
        self._gate.shut(grace_s=grace_s)
        if not first or stop.cause is not StopCause.FORBIDDEN:
            return
        # The 403s that led to this were about the key: their rows are unsent, not wrong.
        for outcome in self._forbidden:
            message = f"the run stopped on refusals of the key: {outcome.message}"
            self._revise(outcome, replace(outcome, reason=Reason.STOPPED, message=message))
        self._forbidden.clear()

    def confirm(self, outcome: Outcome) -> None:
        """Count an outcome that is on disk now, and free its place for the next row."""
        self._tally_up(outcome.reason, outcome, 1)
        replaced = self._revised.pop(id(outcome), None)
        if replaced is None:
            self._slots.release()
            return
        self._tally_up(replaced, outcome, -1)

    def progress(self) -> Progress:
        """How far the job is now."""
        return Progress(
            tally=Tally(self._tally),
            changes=Tally(self._changes_tally),
            retries=self._attempts.retries,
            pace=self._gate.pace(),
            stop=self._attempts.stopped,
        )

    async def _work_all(self) -> None:
        async with anyio.create_task_group() as workers:
            for _ in range(self._limits.workers):
                workers.start_soon(self._work)

    async def _work(self) -> None:
        probe = None
        with self._gate.worker_scope():
            while True:
                if self._slots.value:
                    self._slots.acquire_nowait()  # 4 us less
                else:
                    await self._slots.acquire()
                change = None if self._gate.is_shut else probe or await self._changes.take()
                if change is None:
                    self._slots.release()
                    return
                tries = self._earlier.pop(change.lines, None) if self._earlier else None
                delivery = await self._attempts.deliver(change, tries)
                if delivery is None:
                    self._slots.release()
                    return
                probe, delivery.tries.probe = delivery.tries.probe, None
                self._finish(delivery)

    async def _take_distant(self) -> Change | None:
        """A change for a probe: the more probes failed, the farther away."""
        if self._is_last_pass:
            return None  # only rows that failed before are left
        if self._gate.failed_probes:
            self._distance = min(self._distance * 2, MOST_DISTANT)
        return await self._changes.take_distant(self._distance)

    def _finish(self, delivery: Delivery) -> None:
        outcome = delivery.outcome
        if delivery.is_set_aside and not delivery.tries.attempts:
            self._changes.give_back([delivery.change])
            self._slots.release()
            return
        self._record(outcome)
        if delivery.is_set_aside:
            self._set_aside.append(delivery)
            self._attempts.sets_aside = len(self._set_aside) < MOST_SET_ASIDE
            return
        if outcome.http_status == 403 and outcome.reason is Reason.FORBIDDEN:
            self._forbidden.append(outcome)
        else:
            self._forbidden.clear()
        if delivery.outcome_if_served is not None:
            self._doubtful.append(delivery)
            return
        if self._doubtful and outcome.reason.result is not Result.UNSENT:
            self._settle_doubtful()
        self._count(outcome)

    def _settle_doubtful(self, *, are_caught: bool = False) -> None:
        """Settle doubtful rows, now that the server serves: an outage caught them, or they failed.

        A row that an outage caught is sent once more, with its failures forgiven.
        are_caught: True if that holds for all; else it does where an outage began since.
        """
        settled, self._doubtful = self._doubtful, []
        caught = []
        for delivery in settled:
            if are_caught or delivery.tries.outages < self._gate.outages:
                delivery.tries.forgive(outages=self._gate.outages)
                caught.append(delivery)
            elif delivery.outcome_if_served is not None:
                self._revise(delivery.outcome, delivery.outcome_if_served)
                self._count(delivery.outcome_if_served)
        if caught:
            self._send_again(caught)

    def _send_again(self, deliveries: Iterable[Delivery]) -> None:
        """Put changes back that are recorded as unsent."""
        for delivery in deliveries:
            self._earlier[delivery.change.lines] = delivery.tries
            self._tally_up(delivery.outcome.reason, delivery.outcome, -1)
        self._changes.give_back(delivery.change for delivery in deliveries)

    def _tally_up(self, reason: Reason, outcome: Outcome, sign: int) -> None:
        self._tally[reason] += sign * len(outcome.lines)
        self._changes_tally[reason] += sign

    def _count(self, outcome: Outcome) -> None:
        stop = self._rules.after_outcome(outcome)
        if stop is not None:
            self.stop(stop)

    def _revise(self, old: Outcome, new: Outcome) -> None:
        """Record another outcome in place of an earlier one."""
        self._revised[id(new)] = old.reason
        self._record(new)
