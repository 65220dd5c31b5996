"""One job's sending, wired together: the plan's changes, the runner, and the journal behind it.

Owns how the pieces meet, and the view of them that people are shown. It decides nothing.
"""

import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import anyio
import anyio.to_thread

from batch.jobs.canary import Canary
from batch.jobs.frontend import Order, Rest
from batch.jobs.known_pace import as_member, make_pacer, spread_s
from batch.jobs.paging import Paging
from batch.jobs.work import Work
from batch.judging.plan import Plan
from batch.model import Answer, Change, Claim, Entry, Outcome, Tally
from batch.recording.daily_quota import DailyQuota
from batch.recording.group_commit import GroupCommit
from batch.recording.journal import Journal
from batch.recording.meeting import Meeting
from batch.sending.breaker import Breaker
from batch.sending.claims import Claims
from batch.sending.gate import Gate, Pace
from batch.sending.pace.pacer import Pacer
from batch.sending.retry import RetryPolicy, retry_budget
from batch.sending.runner import Limits, Runner
from batch.sending.shared_pace import SharedPace
from batch.sending.sharing import Sharing
from batch.sending.stops import Stop, StopLimits, StopRules
from batch.settings.credentials import KEY_VARIABLE
from batch.settings.model import Settings
from batch.wording.progress import Moment, SendStep

TELL_EVERY_S = 0.25
CLAIMED_PER_WORKER = 2  # changes claimed at once: a killed run has that many "in flight" at most
_LONGEST_S = 366 * 24 * 3600.0  # as far ahead as a date is told


class SendEngine:
    """The sending of what is left of one plan; `run` may be called once."""

    def __init__(  # noqa: PLR0913 - the pieces that it wires together
        self,
        plan: Plan,
        *,
        work: Work,
        journal: Journal,
        settings: Settings,
        send: Callable[[Change], Awaitable[Answer]],
        look: Callable[[], Awaitable[Answer]],
        pacer: Pacer | None = None,
        shares_pacer: bool = False,
        quota: DailyQuota | None = None,
        canary: int = 0,
        paging_by: Callable[[Gate], Paging] | None = None,
        meeting: Meeting | None = None,
        shared: SharedPace | None = None,
        name: str = "",
        key: str = KEY_VARIABLE,
    ) -> None:
        """send: makes one attempt. look: asks the server something harmless.

        pacer: what may be known of the pace; None for one that knows nothing.
        shares_pacer: others keep to it, too, and somebody else says how much all of them send.
        quota: by which the requests of both are counted; None for practice.
        canary: changes that go alone and are read back before the others follow.
        paging_by: what reads them, by the gate that all requests of the job leave by.
        meeting: where runs of the same budget share its pace; None for one that shares none.
        shared: the part in such a pace that others of this process have, too, and have come in.
        name: of this run, as the others read it.
        key: what a person sets to a valid key once the server takes this one no longer.
        """
        pace, retry = settings.pace, settings.retry
        self._rows = plan.rows
        self._work = work
        self._journal = journal
        self._partly = dict(plan.partly_sent())
        self._commits = GroupCommit[Entry](self._record, on_durable=self._durable)
        self._undurable_rows = 0
        self._workers = pace.concurrency
        self._max_outage_s = retry.max_outage_s
        self._began = 0.0
        self._interrupts = 0
        self._quota = quota
        self._hold = (float("-inf"), "")
        self._rules = StopRules(stop_limits_of(settings), key=key)
        self._pacer = pacer or make_pacer(settings, None)
        self._finished = 0
        gate = self._gate = Gate(
            self._pacer,
            Breaker(max_probe_s=retry.backoff_max_s, max_outage_s=retry.max_outage_s),
        )
        me = as_member(settings, name)
        self._own_share = meeting and SharedPace(self._pacer, me, meeting=meeting)
        self._shared = shared or self._own_share
        if not shares_pacer:
            self._pacer.expect(
                lambda: max(1, work.requests - self._finished), spread_s=spread_s(settings)
            )
        changes = work.changes()
        self._block = CLAIMED_PER_WORKER * pace.concurrency
        self._canary = (
            self._canary_of(changes, min(canary, work.requests), gate, paging_by(gate), settings)
            if canary and work.requests and paging_by
            else None
        )
        self._claims = self._canary or self._claims_of(changes)
        self._runner = Runner(
            self._claims,
            send=send,
            look=look,
            record=self._hand_over,
            gate=gate,
            rules=self._rules,
            limits=limits_of(settings, requests=work.requests),
            draw=random.random,
        )

    def hold_until(self, until: float, why: str) -> None:
        """Send nothing before then, in seconds of time.monotonic(); to be said before `run`."""
        self._hold = (until, why)

    async def run(self, on_moment: Callable[[Moment], None]) -> Stop | None:
        """Send all, or stop early and say why. When it returns, every outcome is durable.

        on_moment: called a few times a second, on the event loop.
        """
        self._began = time.monotonic()
        left_s = self._hold[0] - self._began
        if left_s > 0:
            self._pacer.hold(anyio.current_time(), left_s, self._hold[1])
        async with self._own_share or nullcontext(), anyio.create_task_group() as beside:
            if self._shared:
                self._gate.share(self._shared)
            beside.start_soon(self._tell, on_moment)
            if self._canary:
                beside.start_soon(self._canary.run)
            async with anyio.create_task_group() as recording:
                recording.start_soon(self._commits.run)
                try:
                    stop = await self._runner.run()
                finally:
                    self._commits.close()
            beside.cancel_scope.cancel()
        await anyio.to_thread.run_sync(self._journal.drop_claims)
        on_moment(self.moment())
        return stop

    def obey(self, order: Order) -> None:
        """Do what a person says."""
        if isinstance(order, Rest):
            self._gate.is_resting = order.on
        else:
            self.interrupt(order)

    def interrupt(self, stop: Stop) -> None:
        """Stop because a person says so: the first waits for answers, the second does not."""
        if self._interrupts == 0:
            self._runner.stop(stop)
        else:
            self._runner.stop(stop, grace_s=0)
        self._interrupts += 1

    @property
    def lost_rows(self) -> int:
        """Rows whose outcome did not become durable, once `run` has raised."""
        return self._undurable_rows

    def moment(self) -> Moment:
        """How far the run is now."""
        progress = self._runner.progress()
        work, sent, pace = self._work, progress.changes, progress.pace
        left = max(0, work.requests - sent.total())
        waits_s = max(pace.hold_left_s, pace.estimate.wait_s)
        step, done, total = self._step(sent)
        probe_at = pace.outage.next_probe_at if pace.outage else None
        return Moment(
            rows=self._rows,
            tally=Tally(work.before + progress.tally),
            sent=sent,
            to_send=work.requests,
            step=step,
            step_done=done,
            step_total=total,
            canary=self._canary.size if self._canary else 0,
            requests=pace.attempts,
            rate_per_s=pace.rate_per_s,
            elapsed_s=time.monotonic() - self._began if self._began else 0.0,
            left_s=self._sending_s(left, pace) + waits_s if left else 0.0,
            pace_estimate=pace.estimate,
            hold=pace.hold,
            hold_left_s=pace.hold_left_s,
            outage_s=pace.outage_s,
            outage_why=pace.outage.why if pace.outage else "",
            probe_s=None if probe_at is None else probe_at - self._gate.now(),
            give_up_s=self._max_outage_s - pace.outage_s if pace.outage else None,
            refused=pace.refused,
            is_always_served=pace.is_always_served,
            stop=progress.stop,
            is_resting=self._gate.is_resting,
            quota=self._quota.latest if self._quota else None,
            sharing=self._shared.sharing if self._shared else Sharing(),
        )

    def _sending_s(self, requests: int, pace: Pace) -> float:
        """Seconds that so many requests take, from when the next may leave."""
        learnt = pace.estimate
        if learnt.refill is None:
            return requests / pace.expected_per_s(workers=self._workers)
        # What fits into a window is not stretched over it: that is so of the last.
        earlier = (requests - 1) // learnt.refill * learnt.refill
        per_s = min(learnt.own_per_s, self._workers / (pace.latency_s or 1))
        return earlier / learnt.rate_per_s + (requests - earlier) / per_s

    def _step(self, sent: Tally) -> tuple[SendStep, int, int]:
        """What the run is at, and how far that is; what was not sent is not done."""
        done, canary = sent.total() - sent.unsent, self._canary
        if canary is None or canary.holds:
            return SendStep.SENDING, done, self._work.requests
        if canary.is_sent:
            return SendStep.READING_BACK, canary.read_back, canary.size
        return SendStep.CANARY, done, canary.size

    async def _tell(self, on_moment: Callable[[Moment], None]) -> None:
        while True:
            moment = self.moment()
            on_moment(moment)
            # What was asked before this run may have been answered with a wait of hours.
            if moment.hold and (held := self._rules.after_hold(moment.hold)):
                self._stop(held)
            spent_s = self._gate.spent_s()
            until = datetime.now().astimezone() + timedelta(seconds=min(spent_s, _LONGEST_S))
            if stop := self._rules.after_spent(spent_s, until=until):
                self._stop(stop)
            await anyio.sleep(TELL_EVERY_S)

    def _record(self, entries: Sequence[Entry]) -> None:
        self._journal.record(with_lost_values(entries, self._partly) if self._partly else entries)

    def _canary_of(
        self, changes: Iterator[Change], size: int, gate: Gate, paging: Paging, settings: Settings
    ) -> Canary:
        return Canary(
            self._claims_of(islice(changes, size)),
            self._claims_of(changes),
            size=size,
            gate=gate,
            stop=self._stop,
            paging=paging,
            clear_word=settings.input.clear_word,
        )

    def _claims_of(self, changes: Iterator[Change]) -> Claims:
        return Claims(changes, block=self._block, put=self._commits.put)

    def _stop(self, stop: Stop) -> None:
        self._runner.stop(stop)

    def _hand_over(self, outcome: Outcome) -> None:
        self._undurable_rows += len(outcome.lines)
        self._finished += 1
        self._commits.put(outcome)

    def _durable(self, entry: Entry) -> None:
        if isinstance(entry, Claim):
            self._claims.confirm()
            return
        self._undurable_rows -= len(entry.lines)
        self._runner.confirm(entry)
        if self._canary:
            self._canary.came_to(entry)


def with_lost_values(entries: Iterable[Entry], partly: Mapping[int, str]) -> Iterator[Entry]:
    """Each entry, then what is to be said of those of its lines that lost a value.

    It comes before the next entry, which may claim the same lines once more.
    partly: lines and sentences, as `Plan.partly_sent` gives them.
    """
    for entry in entries:
        yield entry
        if isinstance(entry, Outcome):
            for line in partly.keys() & entry.lines:
                message = "; ".join(filter(None, (entry.message, partly[line])))
                yield replace(entry, lines=(line,), message=message)


def stop_limits_of(settings: Settings) -> StopLimits:
    """Where a job gives up."""
    max_errors = settings.run.max_errors
    return StopLimits(
        max_error_rows=max_errors.count,
        max_error_share=max_errors.share,
        max_wait_s=settings.pace.longest_wait_s,
    )


def limits_of(settings: Settings, *, requests: int) -> Limits:
    """What a job with so many requests may use."""
    retry = settings.retry
    return Limits(
        workers=settings.pace.concurrency,
        retry_budget=retry_budget(requests, share=retry.budget_share, floor=retry.budget_floor),
        policy=RetryPolicy(
            max_attempts=retry.max_attempts,
            max_elapsed_s=retry.max_elapsed_s,
            backoff_base_s=retry.backoff_base_s,
            backoff_max_s=retry.backoff_max_s,
        ),
    )
