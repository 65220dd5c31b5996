"""Every status and every fault, against what the contract makes of it: attempts, reason, message.

The tables come first. Each of their rows is met by one change of a job, for ever or once, while the
others are served: through the real runner and the real client, in virtual time, or over a real
connection where the fault is one of the wire.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import anyio
import httpx
import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access, SendKit, Timeouts
from batch.api.transport import make_transport
from batch.model import Answer, Change, Reason, Result
from batch.sandbox.limits import make_limiter
from batch.sending.retry import RetryPolicy
from batch.sending.stops import StopCause
from tests.sending.test_runner import OK, Job, Server, changes
from tests.support.answering import Answering
from tests.support.raw_server import CONFIRMED, Link, response, serving
from tests.support.virtual_time import VIRTUAL_TIME

SAYS = "down for repair"
ERROR = json.dumps({"error": SAYS}).encode()
YES = b"confirmed as it was asked"  # stands for the answer of a server that did it
OTHER = b'{"success": true, "data": {"_id": "another"}}'
LONG = b" " * (64 * 1024 + 1)

TRIED_AGAIN, FINAL = True, False

# status, body, what the row becomes, whether it is tried again, and what its message tells
ANSWERS = [
    (200, YES, Reason.APPLIED, FINAL, ""),
    (201, YES, Reason.APPLIED, FINAL, ""),
    (200, b"", Reason.EMPTY_ANSWER, FINAL, "has no body"),
    (200, b"{}", Reason.EMPTY_ANSWER, FINAL, "neither success nor an object data"),
    (200, b"<h1>Hello</h1>", Reason.NOT_JSON, FINAL, "found: Hello"),
    (200, b"[true]", Reason.NOT_JSON, FINAL, "found: [true]"),
    (200, b'{"success": false, "error": "no"}', Reason.SUCCESS_FALSE, FINAL, "no"),
    (200, OTHER, Reason.NOT_APPLIED, FINAL, '_id is "another"'),
    (200, LONG, Reason.OVERSIZED_ANSWER, FINAL, "longer than 64 KiB"),
    (201, b"{}", Reason.EMPTY_ANSWER, FINAL, "neither success nor an object data"),
    (202, b"accepted", Reason.NOT_JSON, FINAL, "found: accepted"),
    (204, b"", Reason.EMPTY_ANSWER, FINAL, "has no body"),
    (301, b"", Reason.REDIRECTED, FINAL, "redirects are not followed"),
    (302, b"", Reason.REDIRECTED, FINAL, "redirects are not followed"),
    (304, b"", Reason.REDIRECTED, FINAL, "redirects are not followed"),
    (307, b"", Reason.REDIRECTED, FINAL, "redirects are not followed"),
    (400, ERROR, Reason.BAD_REQUEST, FINAL, SAYS),
    (402, ERROR, Reason.REJECTED, FINAL, SAYS),
    (403, ERROR, Reason.FORBIDDEN, FINAL, SAYS),
    (404, ERROR, Reason.NOT_FOUND, FINAL, SAYS),
    (405, ERROR, Reason.REJECTED, FINAL, SAYS),
    (408, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (409, ERROR, Reason.REJECTED, FINAL, SAYS),
    (410, ERROR, Reason.NOT_FOUND, FINAL, SAYS),
    (413, ERROR, Reason.REJECTED, FINAL, SAYS),
    (418, ERROR, Reason.REJECTED, FINAL, SAYS),
    (422, ERROR, Reason.BAD_REQUEST, FINAL, SAYS),
    (423, ERROR, Reason.REJECTED, FINAL, SAYS),
    (425, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (429, ERROR, Reason.RATE_LIMITED, TRIED_AGAIN, SAYS),
    (429, b"", Reason.RATE_LIMITED, TRIED_AGAIN, "Too Many Requests"),
    (451, ERROR, Reason.REJECTED, FINAL, SAYS),
    (500, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (500, b"", Reason.SERVER_ERROR, TRIED_AGAIN, "Internal Server Error"),
    (501, ERROR, Reason.SERVER_ERROR, FINAL, SAYS),
    (502, b"<h1>Bad Gateway</h1>", Reason.SERVER_ERROR, TRIED_AGAIN, "Bad Gateway"),
    (503, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (503, LONG, Reason.SERVER_ERROR, TRIED_AGAIN, "longer than 64 KiB"),
    (504, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (505, ERROR, Reason.SERVER_ERROR, FINAL, SAYS),
    (506, ERROR, Reason.SERVER_ERROR, FINAL, SAYS),
    (507, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS),
    (508, ERROR, Reason.SERVER_ERROR, FINAL, SAYS),
    (510, ERROR, Reason.SERVER_ERROR, FINAL, SAYS),
    (511, b"<h1>Log in</h1>", Reason.SERVER_ERROR, FINAL, "Log in"),
    (522, b"<h1>Connection timed out</h1>", Reason.SERVER_ERROR, TRIED_AGAIN, "timed out"),
    (599, b"", Reason.SERVER_ERROR, TRIED_AGAIN, "HTTP 599"),
    (600, b"", Reason.SERVER_ERROR, FINAL, "HTTP 600"),
]  # fmt: skip
# Those of no standard, as gateways answer when what is behind them is away.
GATEWAYS = (*range(520, 528), 529, 530, 598)
ANSWERS += [(status, ERROR, Reason.SERVER_ERROR, TRIED_AGAIN, SAYS) for status in GATEWAYS]

# the fault as the transport tells it, whether a request may have left, and what the message tells
FAULTS = [
    (httpx.ConnectError("refused"), Reason.NOT_CONNECTED, "no connection: refused"),
    (httpx.ConnectTimeout(""), Reason.NOT_CONNECTED, "no connection within"),
    (httpx.PoolTimeout(""), Reason.NOT_CONNECTED, "no connection became free"),
    (httpx.ProxyError("502 x"), Reason.NOT_CONNECTED, "the proxy could not connect: 502"),
    (httpx.WriteTimeout(""), Reason.NO_ANSWER, "the server accepted no data for 10 s"),
    (httpx.ReadTimeout(""), Reason.NO_ANSWER, "the server sent nothing for 30 s"),
    (httpx.WriteError("pipe"), Reason.NO_ANSWER, "the connection broke: pipe"),
    (httpx.ReadError("reset"), Reason.NO_ANSWER, "the connection broke: reset"),
    (
        httpx.RemoteProtocolError("no HTTP"),
        Reason.NO_ANSWER,
        "the answer could not be read: no HTTP",
    ),
]


async def close(link: Link) -> None:
    """Before an answer, or after the change was made: this end can't tell."""
    link.writer.close()


async def reset(link: Link) -> None:
    link.reset()


async def cut_in_the_head(link: Link) -> None:
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def cut_in_the_body(link: Link) -> None:
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + CONFIRMED)


async def garble(link: Link) -> None:
    await link.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def stall(_: Link) -> None:
    await asyncio.sleep(60)


async def stall_in_the_body(link: Link) -> None:
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await asyncio.sleep(60)


async def drip(link: Link) -> None:
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        await link.write(b" ")
        await asyncio.sleep(0.02)


async def oversize(link: Link) -> None:
    await link.write(response(LONG))


async def cut_in_a_503(link: Link) -> None:
    await link.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\n{")


async def cut_in_a_404(link: Link) -> None:
    await link.write(b"HTTP/1.1 404 Gone\r\nContent-Length: 100\r\n\r\n{")


# what the server does to the connection, what the row becomes, tried again, what the message tells
ON_THE_WIRE = [
    (close, Reason.NO_ANSWER, TRIED_AGAIN, "the connection broke: Server disconnected"),
    (reset, Reason.NO_ANSWER, TRIED_AGAIN, "the connection broke: Connection reset by peer"),
    (cut_in_the_head, Reason.NO_ANSWER, TRIED_AGAIN, "the connection broke: "),
    (cut_in_the_body, Reason.NO_ANSWER, TRIED_AGAIN, "the connection broke: peer closed"),
    (garble, Reason.NO_ANSWER, TRIED_AGAIN, "the answer could not be read: illegal"),
    (stall, Reason.NO_ANSWER, TRIED_AGAIN, "the server sent nothing for 0.25 s"),
    (stall_in_the_body, Reason.NO_ANSWER, TRIED_AGAIN, "the server sent nothing for 0.25 s"),
    (drip, Reason.NO_ANSWER, TRIED_AGAIN, "no complete answer within 0.6 s"),
    (oversize, Reason.OVERSIZED_ANSWER, FINAL, "longer than 64 KiB"),
    (cut_in_a_503, Reason.SERVER_ERROR, TRIED_AGAIN, "the connection broke: peer closed"),
    (cut_in_a_404, Reason.NOT_FOUND, FINAL, "the connection broke: peer closed"),
]  # fmt: skip

NOW = datetime(2026, 11, 24, 20, 19, tzinfo=UTC)
WAIT_S = 7.0
WAITS = {
    "no Retry-After": {},
    "Retry-After in seconds": {"Retry-After": "7"},
    "Retry-After as a date": {
        "Date": format_datetime(NOW, usegmt=True),
        "Retry-After": format_datetime(NOW + timedelta(seconds=7), usegmt=True),
    },
}
TROUBLED = 7  # a line in the middle: others are served before and after it
ROWS = 14
MAX_ATTEMPTS = 5  # of the contract, as all that follows
MAX_HOLDS = 20
TIMEOUTS = Timeouts(connect_s=10, write_s=10, read_s=30, attempt_s=40)
# A busy machine may keep an answer for a tenth of a second.
DEADLINES = Timeouts(connect_s=1, write_s=1, read_s=0.25, attempt_s=0.6)

Reply = Callable[[httpx.Request], Awaitable[httpx.Response]]
for_ever = pytest.mark.parametrize("is_once", [False, True], ids=["for ever", "once"])


class Client(Server):
    """A server that is reached through the real client."""

    def __init__(self, api: SendKit) -> None:
        super().__init__(script=lambda *_: OK)
        self._api = api

    async def send(self, change: Change) -> Answer:
        self.came.append((anyio.current_time(), change.lines[0]))
        return await self._api.send_change(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What became of the troubled row, and of the job around it. retries: of its budget."""

    job: Job
    stop: StopCause | None
    retries: int

    @property
    def row(self) -> tuple[Reason, int]:
        outcome = self.job.outcomes[TROUBLED]
        return outcome.reason, outcome.attempts

    @property
    def message(self) -> str:
        return self.job.outcomes[TROUBLED].message

    @property
    def longest_pause_s(self) -> float:
        return max(later - earlier for (earlier, _), (later, _) in pairwise(self.job.server.came))

    def check_the_others(self) -> None:
        others = {line: o for line, o in self.job.outcomes.items() if line != TROUBLED}
        assert {outcome.reason for outcome in others.values()} == {Reason.APPLIED}
        assert {outcome.attempts for outcome in others.values()} == {1}
        assert len(others) == ROWS - 1


async def run_job(url: str, transport: httpx.AsyncBaseTransport, **job: object) -> Ended:
    access = Access(base_url=url, api_key=SecretStr("sk_0123456789"))
    timeouts = job.pop("timeouts", TIMEOUTS)
    assert isinstance(timeouts, Timeouts)
    async with SendKit(access, timeouts=timeouts, transport=transport) as api:
        running = Job(Client(api), changes(ROWS), workers=3, **job)  # type: ignore[arg-type]  # the fields of Job
        stop = await running.run()
        retries = running.runner.progress().retries
    return Ended(job=running, stop=stop.cause if stop else None, retries=retries)


def meeting(trouble: Reply, *, is_once: bool) -> Ended:
    """A job, in virtual time, whose troubled row meets this."""
    met = 0

    async def handle(request: httpx.Request) -> httpx.Response:
        nonlocal met
        if not request.url.path.endswith(f"lead{TROUBLED}") or (is_once and met):
            return httpx.Response(200, content=CONFIRMED)
        met += 1
        return await trouble(request)

    async def run() -> Ended:
        transport = Answering(handle)
        return await run_job("https://api.test", transport, rate_per_s=10.0)

    return anyio.run(run, backend_options=VIRTUAL_TIME[1])


def answering(status: int, body: bytes, headers: dict[str, str]) -> Reply:
    async def reply(_: httpx.Request) -> httpx.Response:
        content = CONFIRMED if body is YES else body
        return httpx.Response(status, content=content, headers=headers)

    return reply


@for_ever
@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize(
    ("status", "body", "reason", "again", "tells"),
    ANSWERS,
    ids=[f"{status} {reason} {tells[:20]}".strip() for status, _, reason, _, tells in ANSWERS],
)
def test_each_answer_makes_of_its_row_what_the_contract_says(
    status: int, body: bytes, reason: Reason, tells: str, wait: str, *, again: bool, is_once: bool
) -> None:
    ended = meeting(answering(status, body, WAITS[wait]), is_once=is_once)
    has_wait = bool(WAITS[wait])
    is_hold = again and (has_wait or status == 429)
    if not again:
        assert ended.row == (reason, 1)
        assert tells in ended.message
    elif is_once:
        assert ended.row == (Reason.APPLIED, 2)
        assert ended.message == ""
    elif is_hold:
        given_up = Reason.RATE_LIMITED if status == 429 else Reason.SERVER_ERROR
        assert ended.row == (given_up, MAX_HOLDS + 1)
        assert ended.message.startswith("held back 21 times while other rows went through: ")
        assert tells in ended.message
    else:
        assert ended.row == (reason, MAX_ATTEMPTS)
        assert ended.message.startswith("gave up after 5 attempts: ")
        assert tells in ended.message
    costs = again and not is_hold
    assert ended.retries == (0 if not costs else 1 if is_once else MAX_ATTEMPTS - 1)
    if has_wait and again:
        assert WAIT_S <= ended.longest_pause_s < WAIT_S + 0.2
    elif not again:  # on a final answer it is no order
        assert ended.longest_pause_s < 0.2
    assert ended.stop is None
    ended.check_the_others()


@pytest.mark.parametrize("status", [200, 404])
def test_a_retry_after_on_every_answer_leaves_the_pace_alone(status: int) -> None:
    limiter = make_limiter("fixed:10/1s")
    took_s = 60

    async def handle(_: httpx.Request) -> httpx.Response:
        budget = limiter.take(anyio.current_time())
        headers = {"Retry-After": "20" if budget.admitted else "1"}
        if not budget.admitted:
            return httpx.Response(429, headers=headers)
        return httpx.Response(status, content=CONFIRMED, headers=headers)

    async def run() -> list[float]:
        access = Access(base_url="https://api.test", api_key=SecretStr("sk_0123456789"))
        async with SendKit(access, timeouts=TIMEOUTS, transport=Answering(handle)) as api:
            job = Job(Client(api), changes(10_000), None)
            with anyio.move_on_after(2 * took_s):
                await job.run()
        return [at for at, _ in job.server.came]

    came = anyio.run(run, backend_options=VIRTUAL_TIME[1])
    late = [at for at in came if took_s <= at - came[0] < 2 * took_s]
    assert len(late) >= 0.85 * 10 * took_s


@for_ever
@pytest.mark.parametrize("wait", WAITS)
def test_a_401_stops_the_job_and_leaves_its_row_unsent(wait: str, *, is_once: bool) -> None:
    ended = meeting(answering(401, ERROR, WAITS[wait]), is_once=is_once)
    assert ended.stop is StopCause.UNAUTHORIZED
    assert ended.row == (Reason.STOPPED, 1)
    assert ended.message.startswith("the run stopped: The server no longer accepts the key (401).")
    assert len(ended.job.server.came) < ROWS


@for_ever
@pytest.mark.parametrize(
    ("fault", "reason", "tells"), FAULTS, ids=[type(fault).__name__ for fault, *_ in FAULTS]
)
def test_each_fault_is_tried_again_within_the_limits(
    fault: Exception, reason: Reason, tells: str, *, is_once: bool
) -> None:
    async def trouble(_: httpx.Request) -> httpx.Response:
        raise fault

    check_tried_again(meeting(trouble, is_once=is_once), reason, tells, is_once=is_once)


@for_ever
def test_an_answer_that_never_comes_ends_with_the_time_of_an_attempt(*, is_once: bool) -> None:
    async def trouble(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    ended = meeting(trouble, is_once=is_once)
    check_tried_again(ended, Reason.NO_ANSWER, "no complete answer within 40 s", is_once=is_once)


@for_ever
def test_an_answer_that_drips_ends_with_the_time_of_an_attempt(*, is_once: bool) -> None:
    async def drops() -> AsyncIterator[bytes]:
        while True:
            await anyio.sleep(5.0)
            yield b" "

    async def trouble(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drops())

    ended = meeting(trouble, is_once=is_once)
    check_tried_again(ended, Reason.NO_ANSWER, "no complete answer within 40 s", is_once=is_once)


@pytest.mark.sampled(10)
@pytest.mark.anyio
@for_ever
@pytest.mark.parametrize(
    ("trouble", "reason", "again", "tells"),
    ON_THE_WIRE,
    ids=[trouble.__name__ for trouble, *_ in ON_THE_WIRE],
)
async def test_each_fault_of_the_wire_is_told_apart(
    trouble: Callable[[Link], Awaitable[None]],
    reason: Reason,
    tells: str,
    *,
    again: bool,
    is_once: bool,
) -> None:
    met = 0

    async def script(link: Link) -> None:
        nonlocal met
        while f"lead{TROUBLED} " not in (await link.read_request()).decode() or (is_once and met):
            await link.confirm()
        met += 1
        await trouble(link)

    async with serving(script) as server:
        transport = make_transport(connections=3, base_url=server.url, use_environment_proxy=False)
        policy = RetryPolicy(backoff_base_s=0.01, backoff_max_s=0.05)
        ended = await run_job(server.url, transport, policy=policy, timeouts=DEADLINES)
    if again:
        check_tried_again(ended, reason, tells, is_once=is_once)
    else:
        assert ended.row == (reason, 1)
        assert tells in ended.message
        ended.check_the_others()


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_not_connected() -> None:
    async with serving(stall) as server:
        url = server.url
    transport = make_transport(connections=3, base_url=url, use_environment_proxy=False)
    policy = RetryPolicy(backoff_base_s=0.01, backoff_max_s=0.05)
    access = Access(base_url=url, api_key=SecretStr("sk_0123456789"))
    async with SendKit(access, timeouts=DEADLINES, transport=transport) as api:
        job = Job(Client(api), changes(1), policy=policy)
        await job.run()
    outcome = job.outcomes[2]
    assert (outcome.reason, outcome.attempts) == (Reason.NOT_CONNECTED, MAX_ATTEMPTS)
    assert outcome.message == "gave up after 5 attempts: no connection: Connection refused"
    assert outcome.http_status is None


def check_tried_again(ended: Ended, reason: Reason, tells: str, *, is_once: bool) -> None:
    if is_once:
        assert ended.row == (Reason.APPLIED, 2)
        is_lost = reason is Reason.NO_ANSWER
        assert ended.message.startswith("sent again, since an answer was lost: " if is_lost else "")
        assert (tells in ended.message) == is_lost
        assert ended.retries == 1
    else:
        assert ended.row == (reason, MAX_ATTEMPTS)
        assert ended.job.outcomes[TROUBLED].reason.result is Result.ERROR
        assert ended.message.startswith("gave up after 5 attempts: ")
        assert tells in ended.message
        assert ended.retries == MAX_ATTEMPTS - 1
    assert ended.stop is None
    ended.check_the_others()
