"""Runs that share one pace over a real socket, in virtual time."""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from unittest.mock import patch

import anyio
import pytest

from batch.model import Answer, Budget, Reason
from batch.recording.meeting import Meeting
from batch.sandbox.limits import SlidingWindow
from batch.sending.breaker import Breaker
from batch.sending.gate import Gate
from batch.sending.leading import SILENT_S
from batch.sending.pace.pacer import Pacer, Source
from batch.sending.shared_pace import SEEK_S, TAKEN_OVER_S, SharedPace
from batch.sending.sharing import Findings, Me, Part, Sharing, State, Turn, line_of
from tests.support.virtual_time import VIRTUAL_TIME

pytestmark = pytest.mark.anyio

ADDRESS = "https://api.sendkit.ai"
OK = Answer(reason=Reason.APPLIED, http_status=200)
TOO_MANY = Answer(reason=Reason.RATE_LIMITED, http_status=429, retry_after_s=7.0)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Run:
    """One run's gate, with its part in the shared pace. left: when its attempts left."""

    def __init__(
        self,
        folder: Path,
        name: str,
        rate_per_s: float | None = None,
        *,
        headroom: float = 0.05,
        owner: str = "workspace\n1",
    ) -> None:
        self.pacer = Pacer(
            rate_per_s, headroom=headroom, backoff_base_s=0.5, backoff_max_s=30, draw=lambda: 0.5
        )
        self.gate = Gate(self.pacer, Breaker(max_probe_s=30.0, max_outage_s=900.0))
        self.meeting = Meeting(folder, base_url=ADDRESS, owner=owner)
        me = Me(name=name, rate_per_s=rate_per_s, headroom=headroom)
        self.shared = SharedPace(self.pacer, me, meeting=self.meeting)
        self.gate.share(self.shared)
        self.folder = folder
        self.left: list[float] = []

    async def send(self, count: int, answer: Answer = OK) -> None:
        for _ in range(count):
            await self.gate.take_turn()
            if self.gate.is_shut:
                return
            self.left.append(self.gate.now())
            await self.gate.attempt(partial(_answer, answer))
            self.gate.report(answer, row=2, probe=False)

    async def die(self) -> None:
        """End as SIGKILL ends a run: its connections and its lock are gone, its socket stays."""
        release = self.meeting._lock.release  # noqa: SLF001 - what the system does
        with patch.object(self.meeting, "leave", release):
            await self.shared.__aexit__(None, None, None)


async def _answer(answer: Answer) -> Answer:
    return answer


def told(remaining: int) -> Answer:
    budget = Budget(name="x", limit=50, remaining=remaining, reset_s=1.0, window_s=1.0)
    return Answer(reason=Reason.APPLIED, http_status=200, budgets=(budget,))


async def until(holds: Callable[[], bool], *, within_s: float = 10) -> None:
    for _ in range(round(within_s * 100)):
        if holds():
            return
        await anyio.sleep(0.01)
    assert holds(), "it never came"


def parts(*runs: Run) -> list[Part]:
    return [run.shared.sharing.part for run in runs]


async def test_runs_of_one_budget_take_turns(tmp_path: Path) -> None:
    first, second, third = (Run(tmp_path, name, 20.0) for name in ("a", "b", "c"))
    async with first.shared:
        assert (first.shared.is_shared, parts(first)) == (False, [Part.ALONE])
        async with second.shared, third.shared:
            await until(lambda: parts(second, third) == [Part.FOLLOWS] * 2)
            first.pacer.observe(first.gate.now(), told(50).budgets, sent_at=0.0)
            async with anyio.create_task_group() as sending:
                for run in (first, second, third):
                    sending.start_soon(run.send, 100, told(40))
    left = sorted(first.left + second.left + third.left)
    # 50 a second, less the headroom, though each run might send 20 a second alone.
    assert len(left) / (left[-1] - left[0]) == pytest.approx(47.5, rel=0.05)
    assert min(b - a for a, b in pairwise(left)) > 0.015
    ends = [run.left[-1] for run in (first, second, third)]
    assert max(ends) - min(ends) < 0.2  # each had as many turns


async def test_none_is_faster_than_its_own_rate_whoever_leads(tmp_path: Path) -> None:
    slow, fast = Run(tmp_path, "slow", 2.0), Run(tmp_path, "fast", 30.0)
    async with slow.shared, fast.shared:
        await until(lambda: parts(fast) == [Part.FOLLOWS])
        async with anyio.create_task_group() as sending:
            sending.start_soon(slow.send, 11)
            sending.start_soon(fast.send, 151)
    assert slow.left[-1] - slow.left[0] == pytest.approx(5.0, abs=0.2)
    assert fast.left[-1] - fast.left[0] == pytest.approx(5.0, abs=0.2)


@pytest.mark.parametrize("leads", [True, False])
async def test_workspaces_of_a_run_keep_to_its_own_rate_together(
    tmp_path: Path, *, leads: bool
) -> None:
    run, other = Run(tmp_path, "a", 10.0), Run(tmp_path, "b", 300.0)
    first, second = (run, other) if leads else (other, run)
    beside = Gate(run.pacer, Breaker(max_probe_s=30.0, max_outage_s=900.0))
    beside.share(run.shared)
    async with first.shared, second.shared:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        async with anyio.create_task_group() as sending:
            sending.start_soon(run.send, 10)
            sending.start_soon(other.send, 100)
            for _ in range(10):
                await beside.take_turn()
                run.left.append(beside.now())
    left = sorted(run.left)
    assert left[-1] - left[0] == pytest.approx(1.9, abs=0.1)
    assert min(then - now for now, then in pairwise(left)) > 0.05  # never two at once


async def test_a_hold_that_one_run_hears_holds_all(tmp_path: Path) -> None:
    runs = [Run(tmp_path, name, 10.0) for name in ("a", "b", "c")]
    async with runs[0].shared, runs[1].shared, runs[2].shared:
        await until(lambda: parts(*runs[1:]) == [Part.FOLLOWS] * 2)
        await runs[1].send(1, TOO_MANY)
        refused_at = runs[1].left[0]
        await anyio.sleep(0.01)
        holds = [run.pacer.current_hold(run.gate.now()) for run in runs]
        assert [hold and hold.until for hold in holds] == [pytest.approx(refused_at + 7.0)] * 3
        assert {hold and hold.why for hold in holds} == {"HTTP 429, Retry-After 7 s"}
        async with anyio.create_task_group() as sending:
            for run in runs:
                sending.start_soon(run.send, 1)
    assert min(run.left[-1] for run in runs) >= refused_at + 7.0


async def test_what_one_run_learns_all_know(tmp_path: Path) -> None:
    runs = [Run(tmp_path, name) for name in ("a", "b", "c")]
    async with runs[0].shared, runs[1].shared, runs[2].shared:
        await until(lambda: parts(*runs[1:]) == [Part.FOLLOWS] * 2)
        await runs[2].send(1, told(31))
        await anyio.sleep(0.01)
        learnt = [run.pacer.estimate(run.gate.now()) for run in runs]
    assert [(each.source, each.limit, each.remaining) for each in learnt] == [
        (Source.HEADERS, 50, 31)
    ] * 3
    assert [run.pacer.in_flight for run in runs] == [0, 0, 0]


@pytest.mark.parametrize("is_killed", [True, False])
async def test_the_next_run_leads_when_the_first_ends_without_a_burst(
    tmp_path: Path, *, is_killed: bool
) -> None:
    runs = [Run(tmp_path, name, 10.0) for name in ("a", "b", "c")]
    first = runs[0]
    await first.shared.__aenter__()
    async with runs[1].shared, runs[2].shared, anyio.create_task_group() as sending:
        await until(lambda: parts(*runs[1:]) == [Part.FOLLOWS] * 2)
        for run in runs[1:]:
            sending.start_soon(run.send, 60)
        await anyio.sleep(2.03)
        if is_killed:
            await first.die()
        else:
            await first.shared.__aexit__(None, None, None)
        ended_at = first.gate.now()
        await until(lambda: sorted(parts(*runs[1:])) == [Part.FOLLOWS, Part.LEADS])
        assert first.gate.now() - ended_at < 0.1
    left = sorted(runs[1].left + runs[2].left)
    gaps = [b - a for a, b in pairwise(left)]
    assert min(gaps) > 0.033  # 30 a second, as long as the first is there
    later = [at for at in left if at > ended_at + TAKEN_OVER_S]
    assert min(b - a for a, b in pairwise(later)) > 0.045  # 20 without it
    assert max(gaps) < TAKEN_OVER_S + 0.1
    assert min(at for at in left if at > ended_at + 0.001) >= ended_at + TAKEN_OVER_S


async def test_who_leads_next_searches_on_where_the_last_was(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a"), Run(tmp_path, "b")
    await first.shared.__aenter__()
    async with second.shared:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        async with anyio.create_task_group() as sending:
            sending.start_soon(first.send, 100)
            sending.start_soon(second.send, 100)
        await anyio.sleep(0.6)
        found = first.pacer.estimate(first.gate.now()).rate_per_s
        await first.die()
        await until(lambda: parts(second) == [Part.ALONE])
        assert found > 20
        assert second.pacer.estimate(second.gate.now()).rate_per_s == pytest.approx(found)


async def test_requests_of_a_leader_that_was_killed_count_as_used(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a"), Run(tmp_path, "b")
    await first.shared.__aenter__()
    async with second.shared:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        for _ in range(7):
            first.pacer.begin_attempt()
        await anyio.sleep(0.6)
        await first.die()
        await until(lambda: parts(second) == [Part.ALONE])
        assert second.pacer.in_flight == 7
        await anyio.sleep(SILENT_S + 0.1)
        assert second.pacer.in_flight == 0


async def test_the_larger_headroom_counts_for_all(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a", headroom=0.1), Run(tmp_path, "b", headroom=0.4)
    async with first.shared:
        await first.send(30, told(45))
        async with second.shared:
            await until(lambda: parts(second) == [Part.FOLLOWS])
            assert first.pacer.estimate(first.gate.now()).rate_per_s == pytest.approx(30.0)
        await until(lambda: not first.shared.is_shared)
        assert first.pacer.estimate(first.gate.now()).rate_per_s == pytest.approx(45.0)


async def test_who_leaves_has_its_own_bounds_again(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a", 7.0), Run(tmp_path, "b", 5.0)
    async with first.shared:
        async with second.shared:
            await until(lambda: parts(second) == [Part.FOLLOWS])
            assert [run.pacer.rate_per_s(0.0) for run in (first, second)] == [12.0, 12.0]
        assert second.pacer.rate_per_s(0.0) == 5.0
        await until(lambda: not first.shared.is_shared)
        assert first.pacer.rate_per_s(0.0) == 7.0


async def test_a_budget_must_cover_what_all_have_to_come(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a"), Run(tmp_path, "b")
    first.pacer.expect(lambda: 5)
    second.pacer.expect(lambda: 1000)
    async with first.shared:
        await first.send(1, told(45))
        assert first.pacer.estimate(first.gate.now()).good_per_s is None  # it covers five
        async with second.shared:
            await until(lambda: parts(second) == [Part.FOLLOWS])
            await second.send(1, told(44))
            await anyio.sleep(0.01)
            learnt = first.pacer.estimate(first.gate.now())
            assert learnt.good_per_s == pytest.approx(47.5)  # and not a thousand more


async def test_runs_of_other_budgets_are_not_met(tmp_path: Path) -> None:
    first, other = Run(tmp_path, "a"), Run(tmp_path, "b", owner="workspace\n2")
    async with first.shared, other.shared:
        await anyio.sleep(1)
        assert parts(first, other) == [Part.ALONE] * 2


async def test_a_stop_ends_the_wait_for_a_turn_at_once(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a", 10.0), Run(tmp_path, "b", 10.0)
    async with first.shared, second.shared, anyio.create_task_group() as sending:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        first.pacer.hold(first.gate.now(), 500.0, "wait")
        sending.start_soon(second.send, 5)
        await anyio.sleep(1)
        stopped_at = second.gate.now()
        second.gate.shut(grace_s=10)
    assert second.left == []
    assert second.gate.now() - stopped_at < 0.1


async def test_who_rests_sends_nothing_though_its_turn_comes(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a", 10.0), Run(tmp_path, "b", 10.0)
    async with first.shared, second.shared, anyio.create_task_group() as sending:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        first.pacer.hold(first.gate.now(), 5.0, "wait")
        sending.start_soon(second.send, 1)
        await anyio.sleep(1)
        second.gate.is_resting = True
        await anyio.sleep(9)
        assert second.left == []
        assert first.pacer.in_flight == 0
        second.gate.is_resting = False
        await until(lambda: len(second.left) == 1)


async def test_a_turn_that_nobody_wants_any_more_is_given_back(tmp_path: Path) -> None:
    first, second = Run(tmp_path, "a", 10.0), Run(tmp_path, "b", 10.0)
    async with first.shared, second.shared:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        first.pacer.hold(first.gate.now(), 5.0, "wait")
        with anyio.move_on_after(1):
            await second.send(1)
        await anyio.sleep(6)
        assert second.left == []
        assert first.pacer.in_flight == 0
        await second.send(1)
        assert len(second.left) == 1


def said(rate_per_s: float = 40.0, runs: int = 4) -> State:
    found = Findings(
        rate_per_s=rate_per_s, good_per_s=None, limit_per_s=None, limits=0, measure_after=1.0,
        is_guess=False, is_measured=False, is_certain=False,
    )  # fmt: skip
    return State(
        pid=4711, name="other", runs=runs, rate_per_s=rate_per_s, set_per_s=None, headroom=0.05,
        in_flight=0, found=found, hold_until=None,
    )  # fmt: skip


@contextmanager
def leading(run: Run) -> Iterator[socket.socket]:
    """The place of another run that leads, which says only what the test says."""
    held = Meeting(run.folder, base_url=ADDRESS, owner="workspace\n1")
    listening = held.lead()
    assert listening is not None
    with ExitStack() as stack:
        stack.callback(held.leave)
        stack.callback(listening.close)
        yield listening


async def accepted(listening: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connection, _ = await asyncio.get_running_loop().sock_accept(listening)
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    assert b'"hello"' in await reader.readline()
    return reader, writer


async def test_a_run_goes_on_at_its_share_while_the_leader_is_stopped(tmp_path: Path) -> None:
    run = Run(tmp_path, "a")
    with leading(run) as listening:
        async with run.shared, anyio.create_task_group() as sending:
            _, writer = await accepted(listening)
            writer.write(line_of(said(40.0, 4)))
            await until(lambda: parts(run) == [Part.FOLLOWS])
            silent_from = run.gate.now()
            sending.start_soon(run.send, 51)
            await until(lambda: parts(run) == [Part.BY_ITSELF])
            assert run.shared.sharing == Sharing(
                part=Part.BY_ITSELF, others=("other (process 4711)",), per_s=10.0
            )
            await until(lambda: len(run.left) == 50)
            assert run.left[0] == pytest.approx(silent_from + SILENT_S, abs=0.2)
            assert 49 / (run.left[-1] - run.left[0]) == pytest.approx(10.0, rel=0.02)
            writer.write(line_of(said(40.0, 4)))
            await until(lambda: parts(run) == [Part.FOLLOWS])
            writer.write(line_of(Turn(at=run.gate.now(), is_used=True)) * 2)
            await until(lambda: len(run.left) == 51)
            writer.close()


async def test_a_leader_that_gives_a_thousand_turns_makes_nobody_faster(tmp_path: Path) -> None:
    run = Run(tmp_path, "a", 10.0)
    with leading(run) as listening:
        async with run.shared, anyio.create_task_group() as sending:
            _, writer = await accepted(listening)
            writer.write(line_of(said(900.0, 1)))
            await until(lambda: parts(run) == [Part.FOLLOWS])
            sending.start_soon(run.send, 21)
            for _ in range(300):
                writer.write(
                    line_of(said(900.0, 1)) + line_of(Turn(at=run.gate.now(), is_used=True))
                )
                await anyio.sleep(0.01)
            writer.close()
    assert run.left[20] - run.left[0] == pytest.approx(2.0, abs=0.1)


async def test_a_turn_that_comes_late_is_let_go_but_not_two_in_a_row(tmp_path: Path) -> None:
    run = Run(tmp_path, "a")
    with leading(run) as listening:
        async with run.shared, anyio.create_task_group() as sending:
            reader, writer = await accepted(listening)
            writer.write(line_of(said(40.0, 4)))
            await until(lambda: parts(run) == [Part.FOLLOWS])
            sending.start_soon(run.send, 1)
            assert b'"ask"' in await reader.readline()
            writer.write(line_of(Turn(at=run.gate.now() - 0.03, is_used=True)))
            assert b'"ended"' in await reader.readline()
            assert b'"ask"' in await reader.readline()
            assert run.left == []
            writer.write(line_of(Turn(at=run.gate.now() - 0.03, is_used=True)))
            await until(lambda: len(run.left) == 1)
            writer.close()


async def test_a_leader_that_never_answers_is_waited_for_2_s(tmp_path: Path) -> None:
    run = Run(tmp_path, "a", 10.0)
    with leading(run):
        async with run.shared:
            began_at = run.gate.now()
            await run.send(2)
            assert run.left == [pytest.approx(began_at + SILENT_S, abs=0.1), pytest.approx(
                began_at + SILENT_S + 0.1, abs=0.1
            )]  # fmt: skip
            assert run.shared.sharing == Sharing(part=Part.BY_ITSELF)


async def test_who_is_not_taken_goes_on_by_itself(tmp_path: Path) -> None:
    run = Run(tmp_path, "a", 10.0)
    tries = 0

    async def turn_away(listening: socket.socket) -> None:
        nonlocal tries
        while tries < 1000:
            connection, _ = await asyncio.get_running_loop().sock_accept(listening)
            connection.close()
            tries += 1
        raise AssertionError("it tries again and again")

    with leading(run) as listening:
        async with run.shared, anyio.create_task_group() as others:
            others.start_soon(turn_away, listening)
            await run.send(2)
            assert run.left == [
                pytest.approx(SEEK_S, abs=0.1),
                pytest.approx(SEEK_S + 0.1, abs=0.1),
            ]
            assert run.shared.sharing == Sharing(part=Part.BY_ITSELF)
            others.cancel_scope.cancel()


async def test_without_a_place_for_a_socket_a_run_goes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.recording.meeting._is_for_us_alone", lambda _: False)
    run = Run(tmp_path, "a", 10.0)
    async with run.shared:
        await run.send(3)
    assert run.left == [0.0, pytest.approx(0.1), pytest.approx(0.2)]


async def closed(reader: asyncio.StreamReader) -> None:
    """Until the other end closes, at once or with what was sent to it unread."""
    with anyio.move_on_after(SILENT_S + 1) as waiting, suppress(ConnectionResetError):
        await reader.read()
    assert not waiting.cancelled_caught, "it is still served"


HELLO = (
    b'{"kind":"hello","pid":1,"name":"x","now":NOW,"rate_per_s":null,"headroom":0.05,'
    b'"in_flight":0}\n'
)
HOSTILE = {
    "no JSON": HELLO + b"\x00\xff\xfe\n",
    "no object": HELLO + b"[1]\n",
    "unknown": HELLO + b'{"kind":"shell","do":"rm"}\n',
    "another's part": HELLO + line_of(Turn(at=0.0, is_used=True)),
    "a field too many": HELLO + b'{"kind":"ask","to_come":1,"more":1}\n',
    "a text for a number": HELLO + b'{"kind":"ask","to_come":"1"}\n',
    "no number": HELLO + b'{"kind":"served","sent_at":NaN}\n',
    "endless": HELLO + b'{"kind":"held","why":"' + b"x" * 300_000,
    "nested": HELLO + b"[" * 15_000 + b"\n",
    "a limit of nothing": HELLO + b'{"kind":"seen","sent_at":1,"budgets":[{"name":"x","limit":0,'
    b'"remaining":0,"reset_s":1,"reset_at":null,"window_s":null}]}\n',
    "no hello": b'{"kind":"ask","to_come":1}\n',
    "another clock": HELLO.replace(b"NOW", b"1e6"),
    "a rate of nothing": HELLO.replace(b"null", b"0"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_who_says_what_it_may_not_is_left_and_disturbs_nobody(
    tmp_path: Path, name: str
) -> None:
    first, second = Run(tmp_path, "a", 20.0), Run(tmp_path, "b", 20.0)
    async with first.shared, second.shared:
        await until(lambda: parts(second) == [Part.FOLLOWS])
        path = first.meeting.path()
        assert path is not None
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HOSTILE[name].replace(b"NOW", str(first.gate.now()).encode()))
        await closed(reader)
        writer.close()
        await second.send(3)
        await anyio.sleep(0.01)
        assert len(first.shared.sharing.others) == 1
        assert first.pacer.in_flight == 0


async def test_another_users_process_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.sending.leading.is_same_user", lambda _: False)
    first = Run(tmp_path, "a")
    async with first.shared:
        path = first.meeting.path()
        assert path is not None
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(HELLO.replace(b"NOW", b"0"))
        await closed(reader)
        writer.close()
        assert first.shared.sharing.others == ()


class Server:
    """Allows 50 requests in any second, and tells it as a server does, in whole seconds."""

    def __init__(self) -> None:
        self.limiter = SlidingWindow(limit=50, window_s=1.0)
        self.log: list[tuple[float, bool]] = []  # when each request came, and whether it was served

    async def __call__(self) -> Answer:
        await anyio.sleep(0.025)
        now = anyio.current_time()
        found = self.limiter.take(now)
        self.log.append((now, found.admitted))
        await anyio.sleep(0.025)
        budget = Budget(
            name="x", limit=50, remaining=found.remaining, reset_s=ceil(found.reset_s), window_s=1.0
        )
        if found.admitted:
            return replace(OK, elapsed_ms=50, budgets=(budget,))
        wait_s = float(ceil(found.retry_after_s))
        return replace(TOO_MANY, elapsed_ms=50, budgets=(budget,), retry_after_s=wait_s)


@pytest.mark.parametrize(
    ("span_s", "killed_every_s"),
    [
        (30.0, 12.0),
        pytest.param(120.0, None, marks=pytest.mark.slow),
        pytest.param(120.0, 20.0, marks=pytest.mark.slow),
    ],
)
async def test_three_runs_use_the_budget_and_no_more_in_virtual_time(
    tmp_path: Path, span_s: float, killed_every_s: float | None
) -> None:
    server = Server()

    async def work(run: Run) -> None:
        while True:
            await run.gate.take_turn()
            run.gate.report(await run.gate.attempt(server), row=2, probe=False)

    async def live(number: int, *, goes_on: bool) -> None:
        """One process, again and again: it asks whose key it is, works, and is killed."""
        while True:
            for _ in range(2 * goes_on):
                await server()
            run = Run(tmp_path, str(number))
            await run.shared.__aenter__()
            try:
                with anyio.CancelScope() as until_killed:
                    at_work[number] = (run, until_killed)
                    async with anyio.create_task_group() as workers:
                        for _ in range(8):
                            workers.start_soon(work, run)
            finally:
                with anyio.CancelScope(shield=True):
                    await run.die()
            await anyio.sleep(1)  # until it is there again
            goes_on = True

    at_work: dict[int, tuple[Run, anyio.CancelScope]] = {}
    async with anyio.create_task_group() as runs:
        for number in range(3):
            runs.start_soon(partial(live, number, goes_on=False))
        kills = 0
        while anyio.current_time() < span_s:
            await anyio.sleep((killed_every_s or 1.0) / (1 if kills else 2))
            if killed_every_s:
                # In turn, so that it is the one that leads as often as it follows.
                at_work[kills % 3][1].cancel()
                kills += 1
        runs.cancel_scope.cancel()
    counted = [served for at, served in server.log if 1 <= at < span_s]
    sys.stderr.write(
        f"\nthree runs, {kills} killed: {sum(counted) / (span_s - 1) / 47.5:.1%} used, "
        f"{sum(not served for _, served in server.log)} of {len(server.log):,} refused\n"
    )
    assert sum(counted) / (span_s - 1) / (50 * 0.95) >= 0.95
    assert sum(not served for _, served in server.log) / len(server.log) <= 0.001
