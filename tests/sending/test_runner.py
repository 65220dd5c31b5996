import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice, pairwise
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model import Answer, Attempt, Change, Outcome, Reason, Result
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate
from batch.sending.pace.pacer import Pacer
from batch.sending.retry import RetryPolicy
from batch.sending.runner import Limits, Runner
from batch.sending.stops import Stop, StopCause, StopLimits, StopRules
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio

OK = Answer(reason=Reason.APPLIED, http_status=200, elapsed_ms=50)
NOT_FOUND = Answer(reason=Reason.NOT_FOUND, http_status=404)
FORBIDDEN = Answer(reason=Reason.FORBIDDEN, http_status=403, message="no")
TOO_MANY = Answer(reason=Reason.RATE_LIMITED, http_status=429)
UNAVAILABLE = Answer(reason=Reason.SERVER_ERROR, http_status=503, message="busy")
REFUSED = Answer(reason=Reason.NOT_CONNECTED, message="refused")

LOOK = 0  # the line that scripts are asked about for a harmless question

During = Callable[[Runner], Coroutine[Any, Any, None]]


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def changes(count: int) -> list[Change]:
    return [
        Change(lines=(line,), campaign_id="c", campaign_lead_id=f"lead{line}")
        for line in range(2, 2 + count)
    ]


@dataclass
class Server:
    """Answers each change by a script of its own, and keeps when each attempt came."""

    script: Callable[[int, int], Answer]  # (line, how many attempts it had before) -> answer
    latency_s: float = 0.05
    came: list[tuple[float, int]] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    attempts: Counter[int] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0

    async def send(self, change: Change) -> Answer:
        line = change.lines[0]
        before = self.attempts[line]
        self.attempts[line] += 1
        self.came.append((anyio.current_time(), line))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await anyio.sleep(self.latency_s)
        finally:
            self.under_way -= 1
        return self.script(line, before)

    async def look(self) -> Answer:
        """A harmless question, which an outage leaves unanswered, too."""
        self.looks.append(anyio.current_time())
        await anyio.sleep(self.latency_s)
        return self.script(LOOK, len(self.looks) - 1)


@dataclass
class Job:
    """A runner whose outcomes are durable at once, or after a delay."""

    server: Server
    rows: Iterable[Change]
    rate_per_s: float | None = 1000.0
    workers: int = 8
    retry_budget: int = 1000
    stop_limits: StopLimits = field(default_factory=StopLimits)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    commit_s: float = 0.0
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    async def run(self, during: During | None = None) -> Stop | None:
        self.left: Iterator[Change] = iter(self.rows)
        self.gate = Gate(
            Pacer(self.rate_per_s, backoff_base_s=0.5, backoff_max_s=30.0, draw=lambda: 0.5),
            Breaker(max_probe_s=30.0, max_outage_s=900.0),
        )
        self.runner = Runner(
            self,
            send=self.server.send,
            look=self.server.look,
            record=self.record,
            gate=self.gate,
            rules=StopRules(self.stop_limits),
            limits=Limits(workers=self.workers, retry_budget=self.retry_budget, policy=self.policy),
            draw=lambda: 0.5,
        )
        async with anyio.create_task_group() as self.commits:
            if during:
                self.commits.start_soon(during, self.runner)
            stop = await self.runner.run()
        return stop  # noqa: RET504 - a task group may swallow exceptions, for all mypy knows

    async def take(self) -> Change | None:
        return next(self.left, None)

    async def take_distant(self, distance: int) -> Change | None:
        ahead = list(islice(self.left, distance))
        far = ahead.pop() if ahead else None
        self.left = chain(ahead, self.left)
        return far

    def give_back(self, changes: Iterable[Change]) -> None:
        self.left = chain(changes, self.left)

    def record(self, outcome: Outcome) -> None:
        self.outcomes.update(dict.fromkeys(outcome.lines, outcome))
        self.commits.start_soon(self.commit, outcome)

    async def commit(self, outcome: Outcome) -> None:
        await anyio.sleep(self.commit_s)
        self.runner.confirm(outcome)

    def reasons(self) -> dict[Reason, int]:
        found = [outcome.reason for outcome in self.outcomes.values()]
        return {reason: found.count(reason) for reason in set(found)}


async def test_every_change_is_sent_once_and_has_its_own_outcome() -> None:
    job = Job(Server(lambda line, _: OK if line % 3 else NOT_FOUND), changes(300))
    assert await job.run() is None
    assert sorted(line for _, line in job.server.came) == list(range(2, 302))
    wrong = {line for line, o in job.outcomes.items() if o.reason is Reason.NOT_FOUND}
    assert wrong == set(range(3, 302, 3))
    assert job.runner.progress().tally == {Reason.APPLIED: 200, Reason.NOT_FOUND: 100}


async def test_the_rate_holds_for_attempts_not_rows() -> None:
    job = Job(Server(lambda _, before: UNAVAILABLE if before < 1 else OK), changes(50), 10.0)
    await job.run()
    times = [at for at, _ in job.server.came]
    assert len(times) == 100
    assert all(b - a >= 0.0999 for a, b in pairwise(times))


async def test_a_rate_that_nobody_tells_grows_with_what_is_served() -> None:
    # It takes 12 s at 5 a second; with half as many again each second, half of that.
    job = Job(Server(lambda *_: OK), changes(60), None)
    await job.run()
    assert job.server.came[-1][0] - job.server.came[0][0] < 6


async def test_answers_that_were_under_way_when_an_outage_began_are_no_probes() -> None:
    # 16 leave within 0.3 s and fail 0.5 s later. After the first 4 of them, at 0.56, a probe
    # leaves; it fails at 1.06, and the next one leaves 1 s later. Were the others probes, that one
    # would leave many seconds later.
    late = replace(UNAVAILABLE, elapsed_ms=500)
    server = Server(lambda *_: late if len(server.came) <= 17 else OK, latency_s=0.5)
    job = Job(server, changes(40), 50.0, workers=16)
    shown: list[tuple[float, float]] = []

    async def look(runner: Runner) -> None:
        for _ in range(2):
            await anyio.sleep(0.5)
            shown.append((anyio.current_time(), runner.progress().pace.outage_s))

    await anyio.sleep(100.0)
    began = anyio.current_time()
    await job.run(look)
    times = [at - began for at, _ in server.came]
    assert times[15] == pytest.approx(0.3)
    assert times[16:18] == pytest.approx([0.56, 2.06])
    assert shown == [(began + 0.5, 0.0), (began + 1.0, pytest.approx(1.0))]


async def test_a_row_that_failed_for_good_is_settled_by_the_next_one_that_is_served() -> None:
    job = Job(
        Server(lambda line, _: UNAVAILABLE if line == 2 else OK),
        changes(50),
        10.0,
        policy=RetryPolicy(max_attempts=2),
    )
    await job.run()
    assert job.outcomes[2].reason is Reason.SERVER_ERROR
    assert job.server.looks == []


async def test_workers_keep_to_the_concurrency() -> None:
    job = Job(Server(lambda *_: OK, latency_s=1.0), changes(100), workers=7)
    await job.run()
    assert job.server.most_under_way == 7


async def test_retry_after_pauses_every_worker() -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=30.0)
    job = Job(Server(lambda line, n: asked if line == 20 and n == 0 else OK), changes(200), 100.0)
    await job.run()
    refused_at = next(at for at, line in job.server.came if line == 20) + 0.05
    between = [at for at, _ in job.server.came if refused_at < at < refused_at + 30.0]
    assert between == []
    assert job.reasons() == {Reason.APPLIED: 200}
    assert job.outcomes[20].attempts == 2


async def test_a_refusal_in_a_200_costs_a_row_no_attempt() -> None:
    refusal = Answer(reason=Reason.RATE_LIMITED, http_status=200, message="rate_limited")
    job = Job(Server(lambda line, n: refusal if line == 5 and n < 9 else OK), changes(50), 20.0)
    await job.run()
    assert job.reasons() == {Reason.APPLIED: 50}
    assert job.outcomes[5].attempts == 10
    assert job.runner.progress().retries == 0


async def test_a_row_that_is_always_held_back_does_not_keep_others_from_leaving() -> None:
    # The server answers within one spacing, and the row is at the head of the queue each time.
    for retry_after_s in (1.0, 0.0, None):
        asked = replace(TOO_MANY, retry_after_s=retry_after_s)

        def script(line: int, _before: int, asked: Answer = asked) -> Answer:
            return asked if line == 2 else OK

        job = Job(Server(script), changes(30), 5.0)
        assert await job.run() is None
        assert job.reasons() == {Reason.APPLIED: 29, Reason.RATE_LIMITED: 1}


async def test_a_retry_after_of_nothing_keeps_the_pace() -> None:
    asked = replace(TOO_MANY, retry_after_s=0.0)
    job = Job(Server(lambda *_: asked), changes(30), 5.0, stop_limits=StopLimits(max_wait_s=100.0))
    began = anyio.current_time()
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.HELD_BACK
    assert len(job.server.came) <= (anyio.current_time() - began) * 5 + 1


@pytest.mark.parametrize("status", [408, 425, 500, 503, 522])
async def test_a_retry_after_holds_back_with_each_status_that_is_retried(status: int) -> None:
    asked = Answer(reason=Reason.SERVER_ERROR, http_status=status, retry_after_s=20.0)
    job = Job(
        Server(lambda line, before: asked if line == 5 and not before else OK), changes(50), 10.0
    )
    assert await job.run() is None
    assert job.outcomes[5].reason is Reason.APPLIED
    refused_at = next(at for at, line in job.server.came if line == 5) + 0.05
    assert [at for at, _ in job.server.came if refused_at < at < refused_at + 20.0] == []


async def test_an_attempt_that_a_stop_cut_off_is_no_reason_to_give_its_row_up() -> None:
    job = Job(
        Server(lambda *_: OK, latency_s=3600.0), changes(3), policy=RetryPolicy(max_attempts=1)
    )

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(1.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"), grace_s=0)

    stop = await job.run(interrupt)
    assert stop is not None
    assert job.reasons() == {Reason.IN_FLIGHT: 3}
    outcome = job.outcomes[2]
    assert outcome.elapsed_ms == pytest.approx(1000, abs=10)
    assert outcome.sent_at_ms is not None
    assert outcome.sent_at_ms <= time.time() * 1000 - 990  # it left before it was cut off
    assert outcome.message == "the run stopped: Ctrl-C"


async def test_rows_that_wait_for_a_retry_when_the_job_breaks_off_keep_their_record() -> None:
    policy = RetryPolicy(backoff_base_s=1000.0, backoff_max_s=1000.0, max_elapsed_s=10_000.0)
    job = Job(Server(lambda *_: UNAVAILABLE), changes(4), workers=2, policy=policy)

    async def break_off(_runner: Runner) -> None:
        await anyio.sleep(5.0)
        raise OSError("the disk is full")

    with pytest.raises(BaseExceptionGroup):
        await job.run(break_off)
    assert job.reasons() == {Reason.STOPPED: 2}
    assert job.outcomes[2].attempts == 1


async def test_a_429_in_every_ten_answers_fails_no_row_and_costs_no_retries() -> None:
    count = 0

    def script(_line: int, _before: int) -> Answer:
        nonlocal count
        count += 1
        return TOO_MANY if count % 10 == 0 else OK

    job = Job(Server(script), changes(300), retry_budget=0)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 300}


async def test_a_row_is_tried_five_times_and_then_given_up() -> None:
    job = Job(Server(lambda line, _: UNAVAILABLE if line == 5 else OK), changes(20))
    assert await job.run() is None
    assert job.outcomes[5] == Outcome(
        lines=(5,),
        reason=Reason.SERVER_ERROR,
        message="gave up after 5 attempts: busy",
        http_status=503,
        attempts=5,
        elapsed_ms=0,
        sent_at_ms=0,
        in_doubt=True,
        made=tuple(
            Attempt(
                number=number, sent_at_ms=0, elapsed_ms=0, http_status=503, message="busy",
                request_id="",
            )
            for number in range(1, 6)
        ),
    )  # fmt: skip


async def test_back_offs_wait_between_the_attempts() -> None:
    job = Job(Server(lambda _, before: UNAVAILABLE if before < 4 else OK, latency_s=0), changes(1))
    await job.run()
    times = [at for at, _ in job.server.came]
    # half of 0.5, 1, 2 and 4 s: the drawn jitter is 0.5
    gaps = [round(b - a, 2) for a, b in pairwise(times)]
    assert gaps == [0.25, 0.5, 1.0, 2.0]


async def test_a_spent_retry_budget_leaves_rows_unsent_and_goes_on_with_first_attempts() -> None:
    job = Job(Server(lambda line, _: UNAVAILABLE if line % 2 else OK), changes(100), retry_budget=7)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.RETRY_BUDGET
    assert len({line for _, line in job.server.came}) == 100
    assert job.reasons()[Reason.APPLIED] == 50
    assert job.reasons()[Reason.STOPPED] >= 49


async def test_rows_without_a_retry_left_say_what_is_known_of_them() -> None:
    silent = Answer(reason=Reason.NO_ANSWER)
    by_line = {2: REFUSED, 3: silent, 4: UNAVAILABLE}
    job = Job(Server(lambda line, _: by_line[line]), changes(3), retry_budget=0)
    await job.run()
    assert {line: o.reason for line, o in job.outcomes.items()} == {
        2: Reason.NOT_REACHED,
        3: Reason.IN_FLIGHT,
        4: Reason.STOPPED,
    }
    assert job.outcomes[2].attempts == 1
    assert job.outcomes[4].message == "needs a retry, but the job's retries are spent"


async def test_a_401_stops_and_leaves_its_row_unsent() -> None:
    refused = Answer(reason=Reason.REJECTED, http_status=401)
    job = Job(Server(lambda line, _: refused if line == 50 else OK), changes(500), workers=4)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.UNAUTHORIZED
    assert job.outcomes[50].reason is Reason.STOPPED
    assert len(job.server.came) < 60
    assert set(job.reasons()) == {Reason.APPLIED, Reason.STOPPED}


async def test_a_403_before_any_success_stops_and_leaves_its_row_unsent() -> None:
    job = Job(Server(lambda *_: FORBIDDEN), changes(500), workers=4)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.FORBIDDEN
    assert set(job.reasons()) == {Reason.STOPPED}
    assert len(job.server.came) == 4


async def test_the_403s_that_led_to_a_stop_are_taken_back_and_earlier_ones_are_not() -> None:
    job = Job(
        Server(lambda line, _: FORBIDDEN if line == 10 or line >= 40 else OK),
        changes(500),
        workers=1,
    )
    stop = await job.run()
    assert stop is not None
    assert stop.message.startswith("The server refused 20 rows in a row (403)")
    assert job.reasons() == {Reason.APPLIED: 37, Reason.FORBIDDEN: 1, Reason.STOPPED: 20}
    assert job.outcomes[10].reason is Reason.FORBIDDEN
    assert job.runner.progress().tally.error == 1


async def test_too_many_errors_stop() -> None:
    job = Job(Server(lambda *_: NOT_FOUND), changes(500), stop_limits=StopLimits(max_error_rows=20))
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.MAX_ERRORS
    assert 21 <= len(job.outcomes) <= 21 + job.workers


async def test_a_retry_after_beyond_the_limit_stops_at_once() -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=3600.0)
    job = Job(Server(lambda *_: asked), changes(50), workers=4)
    began = anyio.current_time()
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.HELD_BACK
    assert anyio.current_time() - began < 1
    assert job.reasons() == {Reason.STOPPED: 4}


async def test_held_back_for_too_long_in_all_stops() -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=300.0)
    job = Job(Server(lambda *_: asked), changes(50), workers=4)
    began = anyio.current_time()
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.HELD_BACK
    assert 590 < anyio.current_time() - began <= 910


async def test_a_row_held_back_over_and_over_while_others_succeed_ends_in_error() -> None:
    job = Job(Server(lambda line, _: TOO_MANY if line == 9 else OK), changes(400), 20.0)
    assert await job.run() is None
    assert job.outcomes[9].reason is Reason.RATE_LIMITED
    assert job.outcomes[9].attempts == 21
    assert job.reasons() == {Reason.APPLIED: 399, Reason.RATE_LIMITED: 1}


async def test_a_stop_waits_for_answers_on_their_way_and_sends_nothing_more() -> None:
    job = Job(Server(lambda *_: OK, latency_s=3.0), changes(100), workers=5)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(1.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    began = anyio.current_time()
    stop = await job.run(interrupt)
    assert stop is not None
    assert job.reasons() == {Reason.APPLIED: 5}
    assert len(job.server.came) == 5
    assert 2.9 < anyio.current_time() - began < 3.5


async def test_a_stop_gives_up_on_answers_after_ten_seconds() -> None:
    job = Job(Server(lambda *_: OK, latency_s=3600.0), changes(100), workers=5)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(1.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    began = anyio.current_time()
    await job.run(interrupt)
    assert 10.9 < anyio.current_time() - began < 11.5
    assert job.reasons() == {Reason.IN_FLIGHT: 5}
    told = {(outcome.attempts, outcome.message) for outcome in job.outcomes.values()}
    assert told == {(1, "the run stopped: Ctrl-C")}


async def test_a_second_stop_shortens_the_wait_and_keeps_the_first_cause() -> None:
    job = Job(Server(lambda *_: OK, latency_s=3600.0), changes(10), workers=2)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(1.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="first"))
        await anyio.sleep(1.0)
        runner.stop(Stop(cause=StopCause.TERMINATED, message="second"), grace_s=0)

    began = anyio.current_time()
    stop = await job.run(interrupt)
    assert stop == Stop(cause=StopCause.INTERRUPTED, message="first")
    assert 1.9 < anyio.current_time() - began < 2.5


async def test_a_stop_ends_back_offs_and_waits_for_the_pacer() -> None:
    job = Job(Server(lambda *_: UNAVAILABLE, latency_s=0.0), changes(100), 0.01, workers=5)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(5.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    began = anyio.current_time()
    await job.run(interrupt)
    assert anyio.current_time() - began < 6
    assert job.reasons() == {Reason.STOPPED: 1}
    assert job.outcomes[2].message == "the run stopped: Ctrl-C"


async def test_nothing_leaves_while_the_job_rests_and_then_it_goes_on_in_pace() -> None:
    job = Job(Server(lambda *_: OK), changes(100), 10.0)

    async def rest(_runner: Runner) -> None:
        await anyio.sleep(2.05)
        job.gate.is_resting = True
        await anyio.sleep(3600)
        job.gate.is_resting = False

    assert await job.run(rest) is None
    times = [time for time, _ in job.server.came]
    assert sum(time < 2.1 for time in times) == 21  # the first at once, then 10 a second
    later = [time for time in times if time >= 2.1]
    assert 3602.05 <= later[0] <= 3602.05 + 0.5
    assert min(b - a for a, b in pairwise(later)) > 0.09
    assert job.reasons() == {Reason.APPLIED: 100}


async def test_a_stop_ends_a_rest() -> None:
    job = Job(Server(lambda *_: OK), changes(100), 10.0)

    async def rest_and_stop(runner: Runner) -> None:
        job.gate.is_resting = True
        await anyio.sleep(60)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    began = anyio.current_time()
    await job.run(rest_and_stop)
    assert anyio.current_time() - began == pytest.approx(60, abs=0.1)
    assert len(job.server.came) <= 1


async def test_at_most_twice_as_many_rows_as_workers_are_sent_and_not_yet_durable() -> None:
    job = Job(Server(lambda *_: OK, latency_s=0.01), changes(60), workers=3, commit_s=5.0)
    most = 0

    async def watch(runner: Runner) -> None:
        nonlocal most
        while runner.progress().tally.total() < 60:
            sent = len(job.server.came)
            most = max(most, sent - runner.progress().tally.total())
            await anyio.sleep(0.1)

    await job.run(watch)
    assert most == 6


async def test_an_error_in_the_changes_ends_the_job() -> None:
    def broken() -> Iterable[Change]:
        yield from changes(3)
        raise OSError("the copy can't be read")

    job = Job(Server(lambda *_: OK), broken())
    with pytest.raises(BaseExceptionGroup) as caught:
        await job.run()
    assert caught.group_contains(OSError, match="the copy can't be read")


async def test_a_server_that_is_away_for_minutes_costs_no_row_its_outcome() -> None:
    def script(_line: int, _before: int) -> Answer:
        return OK if anyio.current_time() > 400 else UNAVAILABLE

    job = Job(Server(script), changes(500), retry_budget=150)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 500}
    failed = [at for at, _ in job.server.came if at <= 400]
    # 8 workers before it opens, then 1, 2, 4, 8, 16 and 30 s apart: 31 + 12 x 30 > 400
    assert len(failed) <= 8 + 5 + 13
    assert job.runner.progress().retries == len(failed)


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 598])
async def test_an_outage_that_a_gateway_tells_costs_no_row_its_outcome(status: int) -> None:
    told = Answer(reason=Reason.SERVER_ERROR, http_status=status, message="origin is down")
    job = Job(Server(lambda *_: OK if anyio.current_time() > 400 else told), changes(50))
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 50}
    assert len([at for at, _ in job.server.came if at <= 400]) <= 8 + 5 + 13


async def test_many_waiting_workers_do_not_keep_a_probe_from_leaving() -> None:
    def script(_line: int, _before: int) -> Answer:
        return OK if anyio.current_time() > 30 else UNAVAILABLE

    job = Job(Server(script), changes(200), 1.0, workers=64)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 200}
    failed = [at for at, _ in job.server.came if at <= 30]
    # open at 4 s, then probes 1, 2, 4, 8 and 16 s apart: the server is found back soon after 30 s
    assert len(failed) <= 5 + 5
    assert max(b - a for a, b in pairwise(at for at, _ in job.server.came)) < 17


async def test_a_server_that_stays_away_stops_the_job_and_leaves_its_rows_unsent() -> None:
    job = Job(Server(lambda *_: UNAVAILABLE), changes(500))
    stop = await job.run()
    assert stop is not None
    assert stop.message == (
        "The server has been away for 900 s, and longer is not waited for ([retry] max_outage_s). "
        "The last fault: HTTP 503: busy."
    )
    assert set(job.reasons()) == {Reason.STOPPED}
    assert all("HTTP 503: busy" in outcome.message for outcome in job.outcomes.values())
    assert 900 <= anyio.current_time() < 902


async def test_with_one_worker_rows_that_failed_before_the_outage_was_known_are_unsent() -> None:
    job = Job(Server(lambda *_: REFUSED), changes(50), workers=1)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.OUTAGE
    # two rows used up their attempts before a third one made it an outage
    assert set(job.reasons()) == {Reason.NOT_REACHED}
    assert job.outcomes[2].attempts == job.outcomes[3].attempts == 5
    assert job.runner.progress().tally.error == 0


async def test_a_row_that_always_fails_is_an_error_once_another_row_is_served() -> None:
    job = Job(Server(lambda line, _: UNAVAILABLE if line == 2 else OK), changes(50), workers=1)
    assert await job.run() is None
    assert job.outcomes[2].reason is Reason.SERVER_ERROR
    assert job.outcomes[2].message == "gave up after 5 attempts: busy"
    assert job.runner.progress().tally == {
        Reason.APPLIED: 49,
        Reason.SERVER_ERROR: 1,
        Reason.STOPPED: 0,
    }


async def test_the_only_row_of_a_job_is_given_up_after_its_attempts() -> None:
    job = Job(Server(lambda line, _: OK if line == LOOK else UNAVAILABLE), changes(1))
    assert await job.run() is None
    assert job.outcomes[2].reason is Reason.SERVER_ERROR
    assert job.outcomes[2].message == "gave up after 5 attempts: busy"
    assert (job.outcomes[2].attempts, len(job.server.looks)) == (5, 1)
    assert job.runner.progress().tally == {Reason.SERVER_ERROR: 1, Reason.STOPPED: 0}


AWAY = [
    pytest.param(UNAVAILABLE, id="503"),
    pytest.param(replace(UNAVAILABLE, http_status=522), id="522"),
    pytest.param(REFUSED, id="refused"),
    pytest.param(Answer(reason=Reason.NO_ANSWER, message="reset"), id="reset"),
]


@pytest.mark.parametrize("away", AWAY)
@pytest.mark.parametrize("lasts_s", [3, 30, 300])
@pytest.mark.parametrize("began_s", [0.0, 0.62])  # at once, and a few rows before the end
@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("workers", [1, 2, 3])
async def test_with_few_workers_or_rows_an_outage_costs_no_row_its_outcome(
    workers: int, rows: int, began_s: float, lasts_s: float, away: Answer
) -> None:
    start = anyio.current_time()

    def script(_line: int, _before: int) -> Answer:
        return away if began_s <= anyio.current_time() - start < began_s + lasts_s else OK

    job = Job(Server(script), changes(rows), 10.0, workers=workers)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: rows}
    assert +job.runner.progress().tally == {Reason.APPLIED: rows}
    assert job.runner.progress().tally.total() == rows
    sent = [line for _, line in job.server.came]
    assert all(o.attempts == sent.count(line) for line, o in job.outcomes.items())
    # two rows' attempts before a third makes it an outage, then 1, 2, 4, 8, 16, 30, 30 … s apart
    assert len(sent) <= rows + 10 + workers + 6 + lasts_s / 30


async def test_when_the_server_stays_away_the_last_rows_are_unsent() -> None:
    job = Job(Server(lambda *_: REFUSED), changes(2), workers=1)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.OUTAGE
    assert job.reasons() == {Reason.NOT_REACHED: 2}
    assert 900 <= anyio.current_time() < 950


async def test_a_stop_ends_the_search_for_a_server_that_is_away() -> None:
    job = Job(Server(lambda *_: REFUSED), changes(1), workers=1)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(60.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    began = anyio.current_time()
    stop = await job.run(interrupt)
    assert stop is not None
    assert stop.cause is StopCause.INTERRUPTED
    assert anyio.current_time() - began <= 61
    assert job.reasons() == {Reason.NOT_REACHED: 1}


async def test_a_row_that_fails_by_itself_is_an_error_even_if_an_outage_caught_it() -> None:
    start = anyio.current_time()

    def script(line: int, _before: int) -> Answer:
        return UNAVAILABLE if line == 3 or anyio.current_time() - start < 60 else OK

    job = Job(Server(script), changes(20), workers=1)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 19, Reason.SERVER_ERROR: 1}
    assert job.outcomes[3].reason is Reason.SERVER_ERROR
    # five before the outage was found, and five once the server was back
    assert job.outcomes[3].attempts == 10


TIMED_OUT = Answer(reason=Reason.NO_ANSWER, message="no answer within 30 s", elapsed_ms=30_000)
DEAD = range(200, 240)  # lines of neighbouring leads that always fail


@pytest.mark.parametrize("workers", [1, 8, 32])
@pytest.mark.parametrize("failing", [UNAVAILABLE, REFUSED])
async def test_neighbouring_leads_that_always_fail_are_no_outage(
    failing: Answer, workers: int
) -> None:
    served: list[float] = []

    def script(line: int, _before: int) -> Answer:
        if line in DEAD:
            return failing
        if line != LOOK:
            served.append(anyio.current_time())
        return OK

    job = Job(Server(script), changes(1000), 1000.0, workers=workers)
    began = anyio.current_time()
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 960, failing.reason: 40}
    failed = {line for line, o in job.outcomes.items() if o.reason is failing.reason}
    assert failed == set(DEAD)
    sent = [line for _, line in job.server.came]
    assert all(sent.count(line) == (5 if line in DEAD else 1) for line in range(2, 1002))
    assert all(job.outcomes[line].attempts == 5 for line in DEAD)
    assert job.gate.outages == 0
    assert job.runner.progress().retries == 160
    assert +job.runner.progress().tally == {Reason.APPLIED: 960, failing.reason: 40}
    if workers > 1:  # the others go on meanwhile: 960 rows of 50 ms each
        assert served[-1] - began < 960 * 0.05 / workers + 3


async def test_neighbouring_leads_that_time_out_for_ever_do_not_keep_others_from_being_sent() -> (
    None
):
    served: list[float] = []

    @dataclass
    class Hanging(Server):
        async def send(self, change: Change) -> Answer:
            self.latency_s = 30.0 if change.lines[0] in DEAD else 0.05
            return await super().send(change)

    def script(line: int, _before: int) -> Answer:
        if line not in DEAD and line != LOOK:
            served.append(anyio.current_time())
        return TIMED_OUT if line in DEAD else OK

    job = Job(Hanging(script), changes(5000), workers=32)
    began = anyio.current_time()
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 4960, Reason.NO_ANSWER: 40}
    assert {job.outcomes[line].attempts for line in DEAD} == {5}
    assert job.gate.outages == 0
    # 5,000 rows at 32 in 50 ms take 8 s, and all workers wait for the first 30 s
    assert served[-1] - began < 8 * 32 / 16 + 30


async def test_ever_more_distant_leads_are_asked_for_where_thousands_of_neighbours_fail() -> None:
    served: list[float] = []

    def script(line: int, _before: int) -> Answer:
        if 100 <= line < 3100:
            return UNAVAILABLE
        if line != LOOK:
            served.append(anyio.current_time())
        return OK

    job = Job(Server(script), changes(8000), workers=32, retry_budget=500)
    began = anyio.current_time()
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.RETRY_BUDGET
    assert job.reasons()[Reason.APPLIED] == 5000
    assert len(job.server.came) == 8000 + 500
    assert served[-1] - began < 8000 * 0.05 / 32 + 25


async def test_the_retries_of_rows_that_fail_by_themselves_come_last() -> None:
    # 40 neighbours need 160 retries, of 45; seven seconds later another row needs one, too.
    def script(line: int, before: int) -> Answer:
        return UNAVAILABLE if line in DEAD or (line == 900 and not before) else OK

    job = Job(Server(script), changes(1000), 100.0, workers=32, retry_budget=45)
    stop = await job.run()
    assert stop is not None
    assert stop.cause is StopCause.RETRY_BUDGET
    assert job.outcomes[900].reason is Reason.APPLIED
    assert job.reasons()[Reason.APPLIED] == 960


async def test_an_outage_amid_neighbours_that_fail_is_noticed_and_costs_no_row_its_outcome() -> (
    None
):
    start = anyio.current_time()

    def script(line: int, _before: int) -> Answer:
        is_away = 2.0 <= anyio.current_time() - start < 300
        return UNAVAILABLE if line in DEAD or is_away else OK

    job = Job(Server(script), changes(1000), 100.0)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 960, Reason.SERVER_ERROR: 40}
    away = [at for at, _ in job.server.came if 2.2 <= at - start < 300]
    assert len(away) <= 8 + 5 + 13


@pytest.mark.parametrize("dead", [range(2, 42), range(262, 302)])
async def test_neighbours_that_fail_at_either_end_of_the_input_end_by_their_own_attempts(
    dead: range,
) -> None:
    job = Job(Server(lambda line, _: UNAVAILABLE if line in dead else OK), changes(300), workers=32)
    assert await job.run() is None
    assert job.reasons() == {Reason.APPLIED: 260, Reason.SERVER_ERROR: 40}


async def test_a_stop_leaves_rows_that_were_set_aside_unsent_and_says_why() -> None:
    job = Job(Server(lambda line, _: UNAVAILABLE if line in DEAD else OK), changes(1000), 100.0)

    async def interrupt(runner: Runner) -> None:
        await anyio.sleep(4.0)
        runner.stop(Stop(cause=StopCause.INTERRUPTED, message="Ctrl-C"))

    stop = await job.run(interrupt)
    assert stop is not None
    left = [job.outcomes[line] for line in DEAD if line in job.outcomes]
    assert len(left) > 30
    assert {outcome.message for outcome in left} == {"the run stopped: Ctrl-C"}
    assert {outcome.reason for outcome in left} == {Reason.STOPPED}


async def test_back_offs_count_against_the_seconds_of_a_row() -> None:
    limits = RetryPolicy(max_attempts=100, max_elapsed_s=10.0)
    job = Job(
        Server(lambda line, _: UNAVAILABLE if line == 2 else OK, latency_s=0.0),
        changes(2),
        policy=limits,
    )
    await job.run()
    # half of 0.5, 1, 2, 4 and 8 s are 7.75 s; the next, half of 16 s, does not fit into 10 s
    assert job.outcomes[2].attempts == 6


async def test_when_the_job_breaks_off_requests_on_their_way_are_recorded_as_in_flight() -> None:
    job = Job(Server(lambda *_: OK, latency_s=60.0), changes(10), workers=3)

    async def break_off(_runner: Runner) -> None:
        await anyio.sleep(1.0)
        raise OSError("the disk is full")

    with pytest.raises(BaseExceptionGroup):
        await job.run(break_off)
    assert job.reasons() == {Reason.IN_FLIGHT: 3}
    assert job.outcomes[2].elapsed_ms == 1000


async def test_progress_shows_the_hold_back_and_why() -> None:
    asked = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=60.0)
    job = Job(Server(lambda _, n: asked if n == 0 else OK, latency_s=0), changes(1))
    seen = []

    async def watch(runner: Runner) -> None:
        await anyio.sleep(10.0)
        seen.append(runner.progress())

    await job.run(watch)
    assert seen[0].pace.hold is not None
    assert seen[0].pace.hold.why == "HTTP 429, Retry-After 60 s"
    assert round(seen[0].pace.hold_left_s) == 50


@given(data=st.data())
def test_whatever_the_server_answers_every_row_has_one_outcome_or_none(data: st.DataObject) -> None:
    kinds = st.sampled_from([OK, NOT_FOUND, FORBIDDEN, TOO_MANY, UNAVAILABLE, REFUSED])
    count = data.draw(st.integers(1, 30))
    scripts = data.draw(
        st.lists(st.lists(kinds, min_size=1, max_size=6), min_size=count, max_size=count)
    )

    looks = data.draw(st.lists(kinds, max_size=4))

    def script(line: int, before: int) -> Answer:
        if line == LOOK:
            return looks[before] if before < len(looks) else OK
        answers = scripts[line - 2]
        return answers[min(before, len(answers) - 1)]

    job = Job(
        Server(script),
        changes(count),
        workers=data.draw(st.integers(1, 5)),
        retry_budget=data.draw(st.integers(0, 20)),
    )
    stop = anyio.run(job.run, backend_options=VIRTUAL_TIME[1])
    sent = {line for _, line in job.server.came}
    assert set(job.outcomes) == sent
    assert stop is not None or sent == set(range(2, 2 + count))
    for line, outcome in job.outcomes.items():
        assert outcome.attempts == sum(1 for _, other in job.server.came if other == line)
        if outcome.reason.result is Result.UNSENT:
            assert stop is not None
