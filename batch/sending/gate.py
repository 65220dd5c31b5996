"""The gate that every attempt passes: it waits for the breaker and the pacer, until it is shut.

Owns a job's waiting: a stop shuts the gate, which ends every wait at once and cuts off requests
under way after a grace. It tells pacer and breaker of every answer; what an answer means for its
row is not its business.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import anyio

from batch.errors import QuotaUsedError
from batch.model import Answer, Reason
from batch.sending.breaker import Breaker, Outage
from batch.sending.pace.pacer import Hold, PaceEstimate, Pacer
from batch.sending.retry import fault_text, is_failure, is_hold
from batch.sending.shared_pace import SharedPace

LONGEST_SLEEP_S = 0.5  # then the pacer is asked again: it may allow more by now
RATE_WINDOW_S = 10.0  # the rate shown is measured over this time
MEASURED_S = 3.0  # a pace that was measured for less is no ground for a forecast
SLOWER_SHARE = 0.8  # of what is allowed: only a pace below that is due to something else
SHORT_HOLD_S = 2.0  # such hold-backs are part of the pace
RISING = 2.0  # times as many attempts in the last quarter of that time: the pace still rises
LATENCIES = 20  # answers over which the latency is smoothed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast attempts leave, and what slows them.

    attempts: all so far. refused: how many of them were refused for the pace.
    rate_per_s: attempts a second, over the last measured_s seconds.
    hold_left_s: seconds that a hold-back still lasts. outage_s: that an outage has lasted.
    estimate: of the pace that the server allows.
    is_always_served: whether every answer so far was final.
    latency_s: how long answers take of late; None before the first.
    recent_per_s: attempts a second, over the later half of that time if they were more.
    is_rising: whether attempts leave faster and faster.
    """

    attempts: int
    rate_per_s: float
    measured_s: float
    hold: Hold | None
    hold_left_s: float
    outage: Outage | None
    outage_s: float
    estimate: PaceEstimate
    refused: int = 0
    is_always_served: bool = False
    latency_s: float | None = None
    recent_per_s: float = 0.0
    is_rising: bool = False

    def expected_per_s(self, *, workers: int) -> float:
        """Attempts a second to count on from now.

        What is allowed, as far as workers and latency reach; less where less is seen to leave. At
        first, and in a long hold-back or an outage, what was seen tells nothing of what comes, nor
        does it while the pace still rises.
        """
        allowed = self.estimate.rate_per_s
        if self.latency_s:
            allowed = min(allowed, workers / self.latency_s)
        is_held = self.hold is not None and self.hold.until - self.hold.since > SHORT_HOLD_S
        is_told = not (is_held or self.outage or self.is_rising) and self.measured_s >= MEASURED_S
        is_slower = is_told and 0 < self.recent_per_s < SLOWER_SHARE * allowed
        return self.recent_per_s if is_slower else allowed


class Gate:
    """One for the whole job, made on the event loop that it is used on.

    now: the loop's clock, in seconds. is_resting: while it is set, nothing leaves.
    served_at: when the latest final answer came.
    """

    def __init__(self, pacer: Pacer, breaker: Breaker) -> None:
        self.is_shut = False
        self.is_resting = False
        self.served_at = float("-inf")
        self.now = asyncio.get_running_loop().time  # anyio takes 1.2 us to find it, each time
        self._pacer = pacer
        self._breaker = breaker
        # Turns go in order of arrival, so that a row that is held back over and over queues behind
        # the others each time, instead of keeping them from ever leaving.
        self._turns = anyio.Lock(fast_acquire=True)
        self._breaker_changed = anyio.Event()  # set, and replaced, each time
        self._pauses: set[anyio.CancelScope] = set()
        self._workers: set[anyio.CancelScope] = set()
        self._departures: deque[float] = deque()
        self._attempts = 0
        self._refused = 0
        self._latency_s: float | None = None
        self._served = 0
        self._is_always_served = True
        self._shared: SharedPace | None = None

    def share(self, shared: SharedPace) -> None:
        """Take turns with other runs, whenever there are any."""
        self._shared = shared

    def shut(self, *, grace_s: float) -> None:
        """Let no attempt leave any more; cut off those under way after `grace_s` seconds."""
        self.is_shut = True
        deadline = self.now() + grace_s
        for worker in self._workers:
            worker.deadline = min(worker.deadline, deadline)
        for pause in self._pauses:
            pause.cancel()

    @contextmanager
    def worker_scope(self) -> Iterator[None]:
        """Surround all that a worker does; once the gate is shut, its grace bounds it.

        One scope for all attempts: one for each would take 10 us.
        """
        with anyio.CancelScope() as worker:
            self._workers.add(worker)
            try:
                yield
            finally:
                self._workers.discard(worker)

    async def take_turn(self) -> bool:
        """Wait until an attempt may leave, or the gate is shut. True if it leaves as a probe."""
        return bool(await self.take_turn_unless_failing(None))

    async def take_turn_unless_failing(self, row: int | None) -> bool | None:
        """The same; None, and no turn, once this row is known to fail by itself."""
        is_shared = self._shared is not None and self._shared.is_shared
        if not (
            is_shared or self.is_shut or self.is_resting or self.is_away or self._turns.locked()
        ):
            # Most turns have come, with nobody waiting: spare a cancel scope and a lock, 12 us.
            now = self.now()
            if row is None and self._pacer.wait_s(now) <= 0:
                self._pacer.take_turn(now)
                return False
        while not self.is_shut:
            if await self._pass_breaker():
                await self.wait(self._leave_in_pace)  # a probe waits for the pacer alone
                return True
            if row is not None and self._breaker.fails_by_itself(row):
                return None
            await self.wait(self._leave_in_order)
            if not self.is_away:
                return False
        return False

    async def attempt(self, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make one attempt; cancelled if a stop cuts it off before its answer comes."""
        started = self.now()
        self._departures.append(started)
        self._attempts += 1
        self._pacer.begin_attempt()
        try:
            answer = await send()
        except QuotaUsedError:  # nothing left
            self._attempts -= 1
            self._departures.pop()
            raise
        finally:
            self._pacer.end_attempt()
            if self._shared is not None and self._shared.is_shared:
                self._shared.tell_end()
        if answer.http_status is not None:
            latency_s = self.now() - started
            before_s = latency_s if self._latency_s is None else self._latency_s
            self._latency_s = before_s + (latency_s - before_s) / LATENCIES
            self._pacer.observe(self.now(), answer.budgets, sent_at=started)
            if self._shared is not None and self._shared.is_shared:
                self._shared.tell_seen(answer, sent_at=started)
        return answer

    def report(self, answer: Answer, *, row: int, probe: bool) -> Hold | None:
        """Tell pacer and breaker of an answer. The hold-back, if it asks for one.

        row: names the change. probe: whether the attempt left as a probe.
        """
        now, was_away = self.now(), self.is_away
        hold = None
        if is_hold(answer):
            self._is_always_served = False
            self._breaker.report_neutral(now)
            is_refused = answer.reason is Reason.RATE_LIMITED
            self._refused += is_refused
            sent_at = now - answer.elapsed_ms / 1000 if is_refused else None
            retry_after_s = answer.retry_after_s
            status = None if answer.http_status is None else f"HTTP {answer.http_status}"
            if is_refused and answer.http_status == HTTPStatus.OK:
                status = f"{status} saying too many requests"
            asked = None if retry_after_s is None else f"Retry-After {retry_after_s:.0f} s"
            why = ", ".join(filter(None, (status, asked)))
            hold = self._pacer.hold(now, retry_after_s, why, sent_at=sent_at)
            if self._shared is not None and self._shared.is_shared:
                self._shared.tell_hold(hold, answer, sent_at=sent_at)
        elif is_failure(answer):
            self._is_always_served = False
            sent_at, why = now - answer.elapsed_ms / 1000, fault_text(answer)
            self._breaker.report_failure(now, sent_at=sent_at, row=row, probe=probe, why=why)
        else:
            self._served += 1
            self.served_at = now
            sent_at = now - answer.elapsed_ms / 1000
            self._pacer.report_served(now, sent_at=sent_at)
            if self._shared is not None and self._shared.is_shared:
                self._shared.tell_served(sent_at=sent_at)
            self._breaker.report_served(now, row=row, sent_at=sent_at)
        if was_away or self.is_away:
            self._breaker_changed.set()
            self._breaker_changed = anyio.Event()
        return hold

    @property
    def is_away(self) -> bool:
        """True while the server seems to be away."""
        return self._breaker.outage is not None

    @property
    def outages(self) -> int:
        """Outages so far, with the current one once its first probe has failed."""
        return self._breaker.outages

    @property
    def failed_probes(self) -> int:
        """Probes of the current outage that failed."""
        return self._breaker.failed_probes

    def blame(self, row: int) -> None:
        """Blame failures of the row on itself until it is served: others were, meanwhile."""
        self._breaker.blame(row)

    def fails_by_itself(self, row: int) -> bool:
        """True if the row failed while others were served, and was not served since."""
        return self._breaker.fails_by_itself(row)

    def outage_s(self) -> float:
        """Seconds of the current outage; 0 if there is none."""
        outage = self._breaker.outage
        return self.now() - outage.since if outage else 0.0

    def spent_s(self) -> float:
        """Seconds until a budget of the server that is used up is whole again; 0 while none is."""
        return self._pacer.spent_s(self.now())

    def overdue_outage_s(self) -> float | None:
        """Seconds of an outage that has lasted for too long; None otherwise."""
        outage = self._breaker.outage
        if outage is None:
            return None
        now = self.now()
        return now - outage.since if self._breaker.is_overdue(now) else None

    async def pause(self, seconds: float) -> None:
        """Sleep, or until the gate is shut."""
        await self.wait(partial(anyio.sleep, seconds))

    async def wait(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait for something, or until the gate is shut."""
        if self.is_shut:
            return
        with anyio.CancelScope() as pause:
            self._pauses.add(pause)
            try:
                await wait()
            finally:
                self._pauses.discard(pause)

    def pace(self) -> Pace:
        """How fast attempts leave now, and what slows them."""
        now = self.now()
        while self._departures and self._departures[0] < now - RATE_WINDOW_S:
            self._departures.popleft()
        span_s = max(1.0, now - self._departures[0]) if self._departures else RATE_WINDOW_S
        # Found by halves: to look at each of tens of thousands takes 3 ms, four times a second.
        later = len(self._departures) - bisect_right(self._departures, now - span_s / 2)
        latest = len(self._departures) - bisect_right(self._departures, now - span_s / 4)
        hold, outage = self._pacer.current_hold(now), self._breaker.outage
        return Pace(
            attempts=self._attempts,
            refused=self._refused,
            is_always_served=self._is_always_served and self._served > 0,
            rate_per_s=len(self._departures) / span_s,
            latency_s=self._latency_s,
            recent_per_s=max(later / (span_s / 2), len(self._departures) / span_s),
            is_rising=latest > RISING * (later - latest),
            measured_s=span_s,
            hold=hold,
            hold_left_s=hold.until - now if hold else 0.0,
            outage=outage,
            outage_s=self.outage_s(),
            estimate=self._pacer.estimate(now),
        )

    async def _pass_breaker(self) -> bool:
        """Wait while the breaker is open; True if this attempt is its probe."""
        while not self.is_shut and (outage := self._breaker.outage) is not None:
            now = self.now()
            if self._breaker.take_probe(now):
                return True
            due = outage.next_probe_at
            with anyio.move_on_after(None if due is None else due - now):
                await self.wait(self._breaker_changed.wait)
        return False

    async def _leave_in_order(self) -> None:
        """Leave in order of arrival; the turn is not taken if the server is away by then."""
        async with self._turns:
            if not self.is_away:
                await self._leave_in_pace(unless_away=True)

    async def _leave_in_pace(self, *, unless_away: bool = False) -> None:
        def is_off() -> bool:
            return self.is_resting or (unless_away and self.is_away)

        # A hold-back or a rest may begin, or end early, while this sleeps: then ask again.
        while True:
            wait_s = self._wait_s()
            if self._shared is not None and self._shared.is_shared and not self.is_resting:
                if await self._shared.take_turn(is_off=is_off) or (unless_away and self.is_away):
                    return
            elif wait_s > 0:
                await anyio.sleep(min(wait_s, LONGEST_SLEEP_S))
            else:
                break
        if not (unless_away and self.is_away):
            self._pacer.take_turn(self.now())

    def _wait_s(self) -> float:
        return LONGEST_SLEEP_S if self.is_resting else self._pacer.wait_s(self.now())
