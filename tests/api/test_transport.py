"""What any transport of this program must keep, by a real server that does wrong on the wire.

MAKERS lists the transports; a new one is held to the same table by adding it there.
"""

import asyncio
import socket
import ssl
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache, partial
from typing import cast

import anyio
import anyio.lowlevel
import httpx
import pytest
import trustme
import truststore
from pydantic import SecretStr

from batch.api.http1 import answer_parser
from batch.api.sendkit import Access, ReadFailedError, SendKit, Timeouts
from batch.api.transport import (
    StockTransport,
    WorkerTransport,
    make_transport,
    trust_operating_system,
)
from batch.errors import SettingsError
from batch.model import Change, Reason, Status
from batch.settings.values import TransportKind
from tests.support.raw_server import (
    CONFIRMED,
    Link,
    RawServer,
    Script,
    confirm_all,
    response,
    serving,
)

pytestmark = pytest.mark.anyio

Maker = Callable[..., httpx.AsyncBaseTransport]
MAKERS: dict[str, Maker] = {kind: partial(make_transport, kind=kind) for kind in TransportKind}

KEY = "sk_0123456789abcdefghij"
CHANGE = Change(
    lines=(2,), campaign_id="65a0", campaign_lead_id="65b0", status=Status.PAUSED, ai_tag="Warm"
)
TIMEOUTS = Timeouts(connect_s=2, write_s=2, read_s=2, attempt_s=5)
# For what goes without TLS: to load what the system trusts takes 20 ms.
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(params=sorted(MAKERS))
def make(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def api_at(
    url: str,
    make: Maker,
    *,
    connections: int = 1,
    timeouts: Timeouts = TIMEOUTS,
    tls: ssl.SSLContext | None = TRUSTS_NOBODY,
) -> AsyncIterator[SendKit]:
    transport = make(connections=connections, base_url=url, use_environment_proxy=True, tls=tls)
    access = Access(base_url=url, api_key=SecretStr(KEY))
    async with SendKit(access, timeouts=timeouts, transport=transport) as api:
        yield api


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def close_at_once(link: Link) -> None:
    await link.read_request()


async def reset_at_once(link: Link) -> None:
    await link.read_request()
    link.reset()


async def close_in_head(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\nContent-")


async def close_in_body(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + CONFIRMED)


async def reset_in_chunks(link: Link) -> None:
    await link.read_request()
    await link.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"suc\r\n')
    link.reset()


async def speak_garbage(link: Link) -> None:
    await link.read_request()
    await link.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def send_bad_chunk(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")


async def send_endless_head(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\n" + b"X-Padding: x\r\n" * 20_000)


async def stall_before_answering(link: Link) -> None:
    await link.read_request()
    await asyncio.sleep(60)


async def stall_in_body(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await asyncio.sleep(60)


async def drip(link: Link) -> None:
    await link.read_request()
    await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        await link.write(b" ")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (close_at_once, "the connection broke: Server disconnected without sending a response."),
        (reset_at_once, "the connection broke: Connection reset by peer"),
        (close_in_head, "the connection broke"),
        (close_in_body, "the connection broke: peer closed connection without sending complete"),
        (reset_in_chunks, "the connection broke"),
        (speak_garbage, "the answer could not be read: illegal status line"),
        (send_bad_chunk, "the answer could not be read: illegal chunk header"),
        (send_endless_head, "the answer could not be read"),
        (stall_before_answering, "the server sent nothing for 0.2 s"),
        (stall_in_body, "the server sent nothing for 0.2 s"),
        (drip, "no complete answer within 0.5 s"),
    ],
)
async def test_a_request_that_left_without_a_whole_answer_is_no_answer(
    make: Maker, script: Script, message: str
) -> None:
    timeouts = replace(TIMEOUTS, read_s=0.2, attempt_s=0.5)
    async with serving(script) as server, api_at(server.url, make, timeouts=timeouts) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.http_status) == (Reason.NO_ANSWER, None)
    assert answer.message.startswith(message)
    # what our own transport can't read, the stricter one, another may
    is_unread = message.startswith("the answer could not be read")
    names_stock = '[http] transport = "stock"' in answer.message
    assert names_stock is (is_unread and make is MAKERS[TransportKind.FAST])
    assert len(server.requests) == 1


async def hint_for_ever(link: Link) -> None:
    await link.read_request()
    while True:
        await link.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100)


async def test_a_server_that_never_stops_sending_ends_with_the_attempt(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_parser, "MAX_INTERIM", 1e12)
    timeouts = replace(TIMEOUTS, attempt_s=0.3)
    answer = None
    async with serving(hint_for_ever) as server, api_at(server.url, make, timeouts=timeouts) as api:
        with anyio.move_on_after(5):
            answer = await api.send_change(CHANGE)
    assert answer is not None
    assert (answer.reason, answer.message) == (Reason.NO_ANSWER, "no complete answer within 0.3 s")


async def test_a_server_that_sends_interim_answers_alone_is_no_answer() -> None:
    make = MAKERS[TransportKind.FAST]
    async with serving(hint_for_ever) as server, api_at(server.url, make) as api:
        answer = await api.send_change(CHANGE)
        with pytest.raises(ReadFailedError, match="over 100 interim answers"):
            await api.read_workspaces()
    assert answer.reason is Reason.NO_ANSWER
    assert answer.message == (
        "the answer could not be read: over 100 interim answers (1xx) came before it; "
        '[http] transport = "stock" may read it'
    )


@cache
def packed_gigabyte() -> bytes:
    """1 GiB of spaces as gzip, of 1 MiB: a bomb that is itself shorter than a list may be."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + 1024 * piece


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "gzip, gzip", "br"])
async def test_a_packed_gigabyte_is_never_unpacked(make: Maker, coding: str) -> None:
    bomb = response(packed_gigabyte(), headers=(f"Content-Encoding: {coding}",))

    async def answer(link: Link) -> None:
        request = await link.read_request()
        assert b"Accept-Encoding: identity" in request
        await link.write(bomb)

    async with serving(answer) as server, api_at(server.url, make) as api:
        tracemalloc.start()
        try:
            change = await api.send_change(CHANGE)
            with pytest.raises(ReadFailedError) as caught:
                await api.read_workspaces()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert change.reason is Reason.OVERSIZED_ANSWER
    is_unpacked = coding in {"gzip", "x-gzip"}  # anything else is read as it came
    told = "the answer is longer than 4,096 KiB" if is_unpacked else "expected a list, found"
    assert told in str(caught.value)
    assert peak < 32 << 20


async def break_off(link: Link) -> None:
    link.writer.close()


async def reset(link: Link) -> None:
    link.reset()


async def stall(_: Link) -> None:
    await asyncio.sleep(60)


async def request_at(server: RawServer, transport: httpx.AsyncBaseTransport) -> httpx.Response:
    """One request and its whole answer, as httpx itself tells it."""
    limits = {"connect": 2, "write": 0.2, "read": 0.2, "pool": 2}
    request = httpx.Request(
        "PATCH",
        server.url,
        headers={"Host": "here", "Content-Length": "2"},
        stream=httpx.ByteStream(b"{}"),
        extensions={"timeout": limits},
    )
    answer = await transport.handle_async_request(request)
    stream = cast("httpx.AsyncByteStream", answer.stream)
    try:
        body = b"".join([chunk async for chunk in stream])
    finally:
        await stream.aclose()
    return httpx.Response(answer.status_code, headers=answer.headers, content=body)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (close_at_once, httpx.RemoteProtocolError),
        (reset_at_once, httpx.ReadError),
        (close_in_head, httpx.RemoteProtocolError),
        (close_in_body, httpx.RemoteProtocolError),
        (reset_in_chunks, httpx.ReadError),
        (speak_garbage, httpx.RemoteProtocolError),
        (send_bad_chunk, httpx.RemoteProtocolError),
        (send_endless_head, httpx.RemoteProtocolError),
        (stall_before_answering, httpx.ReadTimeout),
        (stall_in_body, httpx.ReadTimeout),
    ],
)
async def test_every_transport_raises_the_same_for_a_fault(
    make: Maker, script: Script, fault: type[Exception]
) -> None:
    async with serving(script) as server:
        transport = make(connections=1, base_url=server.url, use_environment_proxy=False)
        async with transport:
            with pytest.raises(fault) as caught:
                await request_at(server, transport)
    assert type(caught.value) is fault


CHUNKED = b'5\r\n{"suc\r\n15;x=y\r\ncess":true,"data":{}}\r\n0\r\n'
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200\r\nContent-Length: 26\r\n\r\n" + CONFIRMED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + response(CONFIRMED),
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + response(CONFIRMED),
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED + b"\r\n",
        OK + b"Transfer-Encoding: Chunked\r\nContent-Length: 3\r\n\r\n" + CHUNKED + b"X: y\r\n\r\n",
        OK.replace(b"\r", b"") + b"Content-Length: 26\n\n" + CONFIRMED,
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_an_answer_may_come_in_any_form_and_in_any_pieces(
    make: Maker, answer: bytes, piece: int
) -> None:
    async def answer_twice(link: Link) -> None:
        for _ in range(2):
            await link.read_request()
            for start in range(0, len(answer), piece):
                await link.write(answer[start : start + piece])
                await asyncio.sleep(0)

    async with serving(answer_twice) as server:
        transport = make(connections=1, base_url=server.url, use_environment_proxy=False)
        async with transport:
            for _ in range(2):
                assert (await request_at(server, transport)).content == CONFIRMED
    assert server.connections == 1


@pytest.mark.parametrize("head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"Connection: close\r\n"])
async def test_a_body_may_end_with_its_connection(make: Maker, head: bytes) -> None:
    async def answer_and_close(link: Link) -> None:
        await link.read_request()
        await link.write(head + b"\r\n" + CONFIRMED)

    async with serving(answer_and_close) as server:
        transport = make(connections=1, base_url=server.url, use_environment_proxy=False)
        async with transport:
            for _ in range(2):
                assert (await request_at(server, transport)).content == CONFIRMED
    assert server.connections == 2


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_needs_no_length(make: Maker, status: int) -> None:
    async def answer_bare(link: Link) -> None:
        while True:
            await link.read_request()
            await link.write(b"HTTP/1.1 %d Bare\r\n\r\n" % status)

    async with serving(answer_bare) as server:
        transport = make(connections=1, base_url=server.url, use_environment_proxy=False)
        async with transport:
            for _ in range(2):
                assert (await request_at(server, transport)).status_code == status
    assert server.connections == 1


@pytest.mark.sampled(12)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("end", [break_off, reset, stall])
@pytest.mark.parametrize("status", [403, 429, 503])
async def test_an_error_whose_body_never_came_keeps_its_status_and_its_wait(
    make: Maker, status: int, end: Script, *, chunked: bool
) -> None:
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 100"

    async def answer(link: Link) -> None:
        await link.read_request()
        await link.write(b"HTTP/1.1 %d X\r\nRetry-After: 7\r\n%b\r\n\r\n" % (status, length))
        await asyncio.sleep(0.05)  # a reset takes away what was not read yet
        await end(link)

    timeouts = replace(TIMEOUTS, read_s=0.2)
    async with serving(answer) as server, api_at(server.url, make, timeouts=timeouts) as api:
        for _ in range(2):
            said = await api.send_change(CHANGE)
            asked_s = None if status == 403 else 7.0  # a final answer orders no wait
            assert (said.http_status, said.retry_after_s) == (status, asked_s)
    assert server.connections == 2


async def test_a_fault_spoils_no_connection_for_the_next_request(make: Maker) -> None:
    async def fail_first(link: Link) -> None:
        if link.nth == 1:
            return await close_in_body(link)
        return await confirm_all(link)

    async with serving(fail_first) as server, api_at(server.url, make) as api:
        reasons = [(await api.send_change(CHANGE)).reason for _ in range(3)]
    assert reasons == [Reason.NO_ANSWER, Reason.APPLIED, Reason.APPLIED]
    assert server.connections == 2


async def test_a_refused_connection_is_not_connected(make: Maker) -> None:
    async with serving(confirm_all) as server:
        url = server.url
    async with api_at(url, make) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.message) == (
        Reason.NOT_CONNECTED,
        "no connection: Connection refused",
    )


async def test_a_name_that_nobody_has_is_not_connected(make: Maker) -> None:
    async with api_at("https://nobody.invalid", make) as api:
        answer = await api.send_change(CHANGE)
    assert answer.reason is Reason.NOT_CONNECTED
    assert answer.message.startswith("no connection: ")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a full queue unanswered")
@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        (
            {"connect_s": 0.2},
            (Reason.NOT_CONNECTED, "no connection within 0.2 s (connect_timeout_s)"),
        ),
        ({"attempt_s": 0.2}, (Reason.NO_ANSWER, "no complete answer within 0.2 s")),
    ],
)
async def test_a_connection_that_hangs_is_given_up(
    make: Maker, limits: dict[str, float], wanted: tuple[Reason, str]
) -> None:
    timeouts = replace(TIMEOUTS, **limits)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):  # more than the queue holds: the next one hangs
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        async with api_at(f"http://127.0.0.1:{port}", make, timeouts=timeouts) as api:
            answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.message) == wanted


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"write_s": 0.2}, "the server accepted no data for 0.2 s"),
        ({"attempt_s": 0.2}, "no complete answer within 0.2 s"),
    ],
)
async def test_a_server_that_takes_nothing_in_is_no_answer(
    make: Maker, limits: dict[str, float], message: str
) -> None:
    async def stall(link: Link) -> None:
        await link.reader.read(1)
        await asyncio.sleep(60)

    change = replace(CHANGE, ai_tag="x" * 20_000_000)  # more than all buffers on the way hold
    timeouts = replace(TIMEOUTS, **limits)
    async with serving(stall) as server, api_at(server.url, make, timeouts=timeouts) as api:
        answer = await api.send_change(change)
    assert (answer.reason, answer.message) == (Reason.NO_ANSWER, message)


async def test_a_connection_is_used_again(make: Maker) -> None:
    async with serving(confirm_all) as server, api_at(server.url, make, connections=4) as api:
        for _ in range(5):
            assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert (server.connections, len(server.requests)) == (1, 5)


async def test_errors_leave_the_connection_in_use_and_an_oversized_body_closes_it(
    make: Maker,
) -> None:
    async def answer(link: Link) -> None:
        for status, length in ((404, 10), (429, 0), (200, 70_000)):
            await link.read_request()
            await link.write(response(b"x" * length, status=status))

    async with serving(answer) as server, api_at(server.url, make) as api:
        reasons = [(await api.send_change(CHANGE)).reason for _ in range(4)]
    assert reasons == [
        Reason.NOT_FOUND,
        Reason.RATE_LIMITED,
        Reason.OVERSIZED_ANSWER,
        Reason.NOT_FOUND,
    ]
    assert server.connections == 2


async def test_a_kept_connection_that_the_server_closed_costs_no_attempt(make: Maker) -> None:
    closed = asyncio.Event()

    async def answer_once(link: Link) -> None:
        await link.read_request()
        await link.confirm()
        link.writer.close()
        await link.writer.wait_closed()
        closed.set()

    async with serving(answer_once) as server, api_at(server.url, make) as api:
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
        await closed.wait()
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert server.connections == 2


async def test_no_more_connections_are_opened_than_allowed(make: Maker) -> None:
    async def answer_slowly(link: Link) -> None:
        while True:
            await link.read_request()
            await asyncio.sleep(0.01)
            await link.confirm()

    reasons = []

    async def send(api: SendKit) -> None:
        reasons.append((await api.send_change(CHANGE)).reason)

    async with (
        serving(answer_slowly) as server,
        api_at(server.url, make, connections=3) as api,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(12):
            tasks.start_soon(send, api)
    assert reasons == [Reason.APPLIED] * 12
    assert server.connections == 3


async def test_waiting_for_a_connection_in_vain_is_not_connected(make: Maker) -> None:
    timeouts = replace(TIMEOUTS, connect_s=0.1, read_s=0.5)
    answers = []

    async def send(api: SendKit) -> None:
        answers.append(await api.send_change(CHANGE))

    async with (
        serving(stall_before_answering) as server,
        api_at(server.url, make, timeouts=timeouts) as api,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(send, api)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(send, api)
    assert (answers[0].reason, answers[0].message) == (
        Reason.NOT_CONNECTED,
        "no connection became free within 0.1 s",
    )
    assert len(server.requests) == 1


@pytest.mark.parametrize("stall", [stall_before_answering, stall_in_body])
async def test_a_cancelled_request_gives_its_connection_back(make: Maker, stall: Script) -> None:
    async def stall_first(link: Link) -> None:
        await (stall if link.nth == 1 else confirm_all)(link)

    async with serving(stall_first) as server, api_at(server.url, make) as api:
        with anyio.move_on_after(0.1) as scope:
            await api.send_change(CHANGE)
        assert scope.cancelled_caught
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED


async def test_a_cancelled_wait_for_a_connection_takes_none_away(make: Maker) -> None:
    go = asyncio.Event()

    async def answer_later(link: Link) -> None:
        while True:
            await link.read_request()
            await go.wait()
            await link.confirm()

    async with serving(answer_later) as server, api_at(server.url, make) as api:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(api.send_change, CHANGE)
            await anyio.wait_all_tasks_blocked()
            with anyio.move_on_after(0.05) as scope:
                await api.send_change(CHANGE)
            go.set()
        assert scope.cancelled_caught
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert server.connections == 1


async def test_ipv6_of_this_machine_works(make: Maker) -> None:
    async with serving(confirm_all, host="::1") as server, api_at(server.url, make) as api:
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


async def test_a_trusted_certificate_is_accepted_and_its_connection_used_again(
    make: Maker, authority: trustme.CA
) -> None:
    async with (
        serving(confirm_all, tls=certified(authority, "127.0.0.1")) as server,
        api_at(https(server), make, tls=trusting(authority)) as api,
    ):
        for _ in range(2):
            assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert server.connections == 1


@pytest.mark.parametrize(
    ("issuer", "name", "message"),
    [
        ("ours", "elsewhere.test", "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("another", "127.0.0.1", "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_not_connected(
    make: Maker, authority: trustme.CA, issuer: str, name: str, message: str
) -> None:
    signer = authority if issuer == "ours" else trustme.CA()
    async with (
        serving(confirm_all, tls=certified(signer, name)) as server,
        api_at(https(server), make, tls=trusting(authority)) as api,
    ):
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.message) == (
        Reason.NOT_CONNECTED,
        f"no connection: the server's certificate is not trusted ({message})",
    )
    assert server.requests == []


async def test_a_server_that_speaks_no_tls_is_not_connected(
    make: Maker, authority: trustme.CA
) -> None:
    async def speak_plainly(link: Link) -> None:
        await link.reader.read(1)
        await link.write(response(CONFIRMED))

    async with (
        serving(speak_plainly) as server,
        api_at(https(server), make, tls=trusting(authority)) as api,
    ):
        answer = await api.send_change(CHANGE)
    assert answer.reason is Reason.NOT_CONNECTED
    assert answer.message.startswith("no connection: TLS failed")


async def test_a_server_that_closes_in_the_tls_handshake_is_not_connected(
    make: Maker, authority: trustme.CA
) -> None:
    async def close(link: Link) -> None:
        await link.reader.read(1)

    async with (
        serving(close) as server,
        api_at(https(server), make, tls=trusting(authority)) as api,
    ):
        assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED


async def test_the_operating_systems_certificates_are_trusted_by_default(
    make: Maker, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(confirm_all, tls=certified(authority, "127.0.0.1")) as server:
        async with api_at(https(server), make, tls=None) as api:
            assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED
        with authority.cert_pem.tempfile() as store:
            monkeypatch.setenv("SSL_CERT_FILE", store)
            async with api_at(https(server), make, tls=None) as api:
                assert (await api.send_change(CHANGE)).reason is Reason.APPLIED


@pytest.mark.parametrize("platform", ["darwin", "win32"])
async def test_macos_and_windows_are_asked_through_truststore(
    platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert isinstance(trust_operating_system(), truststore.SSLContext)


async def test_linux_without_a_store_in_one_file_is_asked_through_truststore(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("SSL_CERT_FILE", f"{tmp_path}/none.pem")
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path}")
    context = trust_operating_system()
    assert isinstance(context, truststore.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_linux_store_is_read_once_and_verifies_like_any_other(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with authority.cert_pem.tempfile() as store:
        monkeypatch.setenv("SSL_CERT_FILE", store)
        context = trust_operating_system()
    assert type(context) is ssl.SSLContext
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


class Proxy:
    """What a CONNECT proxy was asked for. Every tunnel leads to one server."""

    def __init__(
        self, *, to: int | None = None, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n"
    ) -> None:
        self.to, self.answer = to, answer
        self.heads: list[bytes] = []

    async def __call__(self, link: Link) -> None:
        self.heads.append(await link.reader.readuntil(b"\r\n\r\n"))
        await link.write(self.answer)
        if self.to is None:
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.to)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(pump, link.reader, back)
            tasks.start_soon(pump, there, link.writer)


async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except ConnectionError:
        pass  # one side went away; closing tells the other
    finally:
        target.close()


def https(server: RawServer) -> str:
    return server.url.replace("http:", "https:")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
async def test_the_environments_proxy_is_used_for_another_machine(
    make: Maker, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    async with serving(confirm_all, tls=certified(authority, "api.sendkit.test")) as server:
        proxy = Proxy(to=server.port)
        async with serving(proxy) as relay:
            address = relay.url.replace("http://", "http://user:pass@")
            monkeypatch.setenv(variable, address)
            async with api_at("https://api.sendkit.test", make, tls=trusting(authority)) as api:
                for _ in range(2):
                    assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT api.sendkit.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head
    assert KEY.encode() not in head
    assert b"Proxy-Authorization" not in server.requests[0]


async def test_a_proxy_without_a_scheme_is_an_http_proxy(
    make: Maker, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        serving(confirm_all, tls=certified(authority, "api.sendkit.test")) as server,
        serving(Proxy(to=server.port)) as relay,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{relay.port}")
        async with api_at("https://api.sendkit.test", make, tls=trusting(authority)) as api:
            assert (await api.send_change(CHANGE)).reason is Reason.APPLIED


async def test_an_https_proxy_is_verified_like_the_server(
    make: Maker, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(confirm_all, tls=certified(authority, "api.sendkit.test")) as server:
        proxy = Proxy(to=server.port)
        async with serving(proxy, tls=certified(authority, "127.0.0.1")) as relay:
            monkeypatch.setenv("HTTPS_PROXY", https(relay))
            async with api_at("https://api.sendkit.test", make, tls=trusting(authority)) as api:
                assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
            async with api_at("https://api.sendkit.test", make, tls=trusting(trustme.CA())) as api:
                assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED
    assert len(proxy.heads) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_proxy_is_used_for_this_machine(
    make: Maker, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    proxy = Proxy()
    async with serving(confirm_all) as server, serving(proxy) as relay:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name.lower(), relay.url)
        async with api_at(f"http://{host}:{server.port}", make) as api:
            assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    assert (relay.connections, proxy.heads) == (0, [])


@pytest.mark.parametrize("listed", ["sendkit.invalid", "api.sendkit.invalid:443", "*"])
async def test_no_proxy_is_used_for_what_the_environment_excepts(
    make: Maker, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    async with serving(Proxy()) as relay:
        monkeypatch.setenv("HTTPS_PROXY", relay.url)
        monkeypatch.setenv("NO_PROXY", listed)
        async with api_at("https://api.sendkit.invalid:443", make) as api:
            assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED
    assert relay.connections == 0


async def test_the_environments_proxy_is_left_alone_when_told_so(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://api.sendkit.invalid"
    async with serving(Proxy()) as relay:
        monkeypatch.setenv("HTTPS_PROXY", relay.url)
        transport = make(connections=1, base_url=url, use_environment_proxy=False)
        access = Access(base_url=url, api_key=SecretStr(KEY))
        async with SendKit(access, timeouts=TIMEOUTS, transport=transport) as api:
            assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED
    assert relay.connections == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            b"HTTP/1.1 407 user:secret is wrong\r\nX: secret\r\nContent-Length: 6\r\n\r\nsecret",
            "the proxy could not connect: 407 Proxy Authentication Required",
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy could not connect: 502 Bad Gateway"),
        (b"HTTP/1.1 599 secret\r\n\r\n", "the proxy could not connect: 599"),
        (b"", "no connection: Server disconnected without sending a response."),
        (b"user:secret\r\n\r\n", "no connection: illegal status line"),
        (b"HTTP/1.1 200 OK\r\nuser secret\r\n\r\n", "no connection: illegal header line"),
    ],
)
async def test_a_proxy_that_does_not_connect_is_quoted_with_its_status_alone(
    make: Maker, monkeypatch: pytest.MonkeyPatch, answer: bytes, message: str
) -> None:
    async with serving(Proxy(answer=answer)) as relay:
        monkeypatch.setenv("HTTPS_PROXY", relay.url.replace("//", "//user:secret@"))
        async with api_at("https://api.sendkit.test", make) as api:
            said = await api.send_change(CHANGE)
    assert (said.reason, said.message) == (Reason.NOT_CONNECTED, message)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nobody.invalid", "se%63ret@nobody.invalid"])
async def test_a_proxy_that_can_not_be_reached_is_not_named_with_its_password(
    make: Maker, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@{host}")
    async with api_at("https://api.sendkit.test", make) as api:
        said = await api.send_change(CHANGE)
    assert said.reason is Reason.NOT_CONNECTED
    assert "secret" not in repr(said)


async def test_a_proxy_that_hangs_is_not_connected(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(stall_before_answering) as relay:
        monkeypatch.setenv("HTTPS_PROXY", relay.url)
        timeouts = replace(TIMEOUTS, read_s=0.2)
        async with api_at("https://api.sendkit.test", make, timeouts=timeouts) as api:
            answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.message) == (
        Reason.NOT_CONNECTED,
        "no connection within 2 s (connect_timeout_s)",
    )


async def test_a_tunnel_whose_certificate_was_refused_blocks_no_connection(
    make: Maker, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (certified(authority, name) for name in ("api.sendkit.test", "elsewhere.test"))
    async with serving(confirm_all, tls=good) as right, serving(confirm_all, tls=bad) as wrong:
        proxy = Proxy(to=wrong.port)
        async with serving(proxy) as relay:
            monkeypatch.setenv("HTTPS_PROXY", relay.url)
            async with api_at("https://api.sendkit.test", make, tls=trusting(authority)) as api:
                assert (await api.send_change(CHANGE)).reason is Reason.NOT_CONNECTED
                proxy.to = right.port
                assert (await api.send_change(CHANGE)).reason is Reason.APPLIED


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("socks5://user:secret@proxy.test:1080", "The proxy's address: found socks5://…"),
        ("ftp://secret#@proxy.test", "The proxy's address: found ftp://…"),
        ("http://", "The proxy's address: found http://"),
        ("http://user:secret@proxy.test:port", "The proxy's address can't be read"),
        ("http://user:secret/1@proxy.test", "The proxy's address can't be read"),
    ],
)
async def test_a_proxy_that_can_not_be_used_is_a_setting_to_mend(
    make: Maker, monkeypatch: pytest.MonkeyPatch, address: str, found: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(SettingsError) as caught:
        make(connections=1, base_url="https://api.sendkit.test", use_environment_proxy=True)
    assert str(caught.value) == (
        f"{found}; expected http://host:port or https://host:port. "
        "Correct HTTPS_PROXY or ALL_PROXY, or list the API's host in NO_PROXY."
    )


class Shard(httpx.AsyncBaseTransport):
    """A shard that fails as it is told to."""

    def __init__(self, fault: Exception | None = None, *, reads_body: bool = False) -> None:
        self.fault, self.reads_body, self.closed = fault, reads_body, False
        self.body = ShardBody()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.reads_body:
            await request.aread()
        if self.fault:
            raise self.fault
        return httpx.Response(200, stream=self.body)

    async def aclose(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.closed = True


class ShardBody(httpx.AsyncByteStream):
    fault: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{}"

    async def aclose(self) -> None:
        if self.fault:
            raise self.fault


def a_request() -> httpx.Request:
    timeout = {"pool": 0.05}
    stream = httpx.ByteStream(b"{}")
    return httpx.Request("PATCH", "https://a.test", stream=stream, extensions={"timeout": timeout})


@pytest.mark.parametrize(
    ("fault", "unsent"),
    [
        (httpx.ReadError(""), httpx.ConnectError),
        (httpx.WriteError(""), httpx.ConnectError),
        (httpx.RemoteProtocolError(""), httpx.ConnectError),
        (httpx.ReadTimeout(""), httpx.ConnectTimeout),
        (httpx.WriteTimeout(""), httpx.ConnectTimeout),
        (OSError(), httpx.ConnectError),
    ],
)
@pytest.mark.parametrize("reads_body", [False, True])
async def test_a_fault_before_the_body_was_asked_for_is_a_fault_of_connecting(
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    unsent: type[Exception],
    *,
    reads_body: bool,
) -> None:
    async def fail(_: object, request: httpx.Request) -> httpx.Response:
        return await Shard(fault, reads_body=reads_body).handle_async_request(request)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", fail)
    request = a_request()
    stream = request.stream
    async with StockTransport(tls=TRUSTS_NOBODY, proxy_url=None, keepalive_s=4) as stock:
        with pytest.raises(type(fault) if reads_body else unsent):
            await stock.handle_async_request(request)
    assert request.stream is stream


async def test_a_shard_that_failed_is_closed() -> None:
    shard = Shard(httpx.ReadError(""))
    transport = WorkerTransport(lambda: shard, connections=1)
    with pytest.raises(httpx.ReadError):
        await transport.handle_async_request(a_request())
    assert shard.closed


async def test_a_shard_that_was_cancelled_is_closed_all_the_same() -> None:
    shard = Shard()
    transport = WorkerTransport(lambda: shard, connections=1)
    response = await transport.handle_async_request(a_request())
    shard.body.fault = asyncio.CancelledError()
    with anyio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(asyncio.CancelledError):
            await response.aclose()
    assert shard.closed


async def test_a_response_closed_twice_frees_one_connection() -> None:
    transport = WorkerTransport(Shard, connections=1)
    response = await transport.handle_async_request(a_request())
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    await stream.aclose()
    await stream.aclose()
    await transport.handle_async_request(a_request())
    with pytest.raises(httpx.PoolTimeout):
        await transport.handle_async_request(a_request())


async def test_closing_closes_connections_in_use_too(make: Maker) -> None:
    async with serving(stall_in_body) as server:
        transport = make(connections=2, base_url=server.url, use_environment_proxy=False)
        request = httpx.Request("GET", server.url)
        answer = await transport.handle_async_request(request)
        await transport.aclose()
        with pytest.raises(httpx.ReadError):
            await answer.aread()
