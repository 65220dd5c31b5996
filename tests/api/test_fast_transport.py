"""What the fast transport does beside the table that every transport is held to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import httpx
import pytest

from batch.api.http1.fast_transport import FastTransport
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

LIMITS = {"connect": 2, "write": 2, "read": 2}


@asynccontextmanager
async def reaching(
    script: Script, *, keepalive_s: float = 5
) -> AsyncIterator[tuple[RawServer, FastTransport]]:
    async with serving(script) as server:
        url = httpx.URL(server.url)
        transport = FastTransport(url, tls=None, keepalive_s=keepalive_s)
        async with transport:
            yield server, transport


def request_to(
    url: str, body: bytes = b"{}", *, headers: dict[str, str] | None = None
) -> httpx.Request:
    headers = {"Host": "here", "Content-Length": str(len(body)), **(headers or {})}
    stream = httpx.ByteStream(body)
    extensions = {"timeout": LIMITS}
    return httpx.Request("PATCH", url, headers=headers, stream=stream, extensions=extensions)


async def exchange(transport: FastTransport, request: httpx.Request) -> tuple[int, bytes]:
    answer = await transport.handle_async_request(request)
    return answer.status_code, await whole(answer)


async def whole(answer: httpx.Response) -> bytes:
    stream = cast("httpx.AsyncByteStream", answer.stream)
    try:
        return b"".join([chunk async for chunk in stream])
    finally:
        await stream.aclose()


async def test_a_request_is_written_as_it_is_told() -> None:
    async with reaching(confirm_all) as (server, transport):
        request = request_to(f"{server.url}/v1/a?b=c", b'{"x":1}', headers={"X-Api-Key": "k"})
        assert await exchange(transport, request) == (200, CONFIRMED)
    (written,) = server.requests
    head, _, body = written.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"PATCH /v1/a?b=c HTTP/1.1", b"Host: here", b"Content-Length: 7", b"X-Api-Key: k"
    ]  # fmt: skip
    assert body == b'{"x":1}'


@pytest.mark.parametrize("other", ["https://127.0.0.1", "http://localhost", "http://127.0.0.1:1"])
async def test_nothing_is_sent_to_another_server(other: str) -> None:
    async with reaching(confirm_all) as (server, transport):
        url = other if other.count(":") == 2 else f"{other}:{httpx.URL(server.url).port}"
        with pytest.raises(httpx.UnsupportedProtocol, match=r"^the request is for another server$"):
            await exchange(transport, request_to(url))
    assert server.connections == 0


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://127.0.0.1:1"])
async def test_https_is_never_spoken_without_tls(url: str) -> None:
    tls = ssl.create_default_context() if url.startswith("http:") else None
    with pytest.raises(ValueError, match=r"expected it for https alone$"):
        FastTransport(httpx.URL(url), tls=tls, keepalive_s=5)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nX-Other: b", "a\r\n\r\nGET / HTTP/1.1"])
@pytest.mark.parametrize("as_name", [False, True])
async def test_a_header_with_a_line_break_is_not_sent(value: str, *, as_name: bool) -> None:
    headers = {value: "a"} if as_name else {"X-Api-Key": value}
    async with reaching(confirm_all) as (server, transport):
        with pytest.raises(httpx.LocalProtocolError, match=r"^a header has a line break in it$"):
            await exchange(transport, request_to(server.url, headers=headers))
    assert server.requests == []


@pytest.mark.parametrize("length", ["0", "1", "3"])
async def test_a_body_of_another_length_than_said_is_not_sent(length: str) -> None:
    async with reaching(confirm_all) as (server, transport):
        with pytest.raises(
            httpx.LocalProtocolError, match=r"^Content-Length does not say how long"
        ):
            await exchange(transport, request_to(server.url, headers={"Content-Length": length}))
    assert server.requests == []


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_answer_too_many_is_never_taken_for_the_next_ones(*, at_once: bool) -> None:
    told = asyncio.Event()

    async def answer_twice(link: Link) -> None:
        request = await link.read_request()
        answers = [response(str(link.nth).encode()), response(b"of nobody")]
        if at_once:
            return await link.write(b"".join(answers))
        await link.write(answers[0])
        await told.wait()
        await link.write(answers[1])
        assert request
        return await asyncio.sleep(60)

    async with reaching(answer_twice) as (server, transport):
        assert await exchange(transport, request_to(server.url)) == (200, b"1")
        told.set()
        await asyncio.sleep(0.05)
        assert await exchange(transport, request_to(server.url)) == (200, b"2")
    assert server.connections == 2


@pytest.mark.parametrize(("keepalive_s", "connections"), [(0.0, 2), (5.0, 1)])
async def test_an_idle_connection_is_used_again_for_so_long(
    keepalive_s: float, connections: int
) -> None:
    async with reaching(confirm_all, keepalive_s=keepalive_s) as (server, transport):
        for _ in range(2):
            await exchange(transport, request_to(server.url))
            await asyncio.sleep(0.01)
    assert server.connections == connections


async def test_a_server_that_refuses_a_long_request_early_is_heard() -> None:
    async def refuse(link: Link) -> None:
        await link.reader.read(1)
        await link.write(response(b"too long", status=413))

    async with reaching(refuse) as (server, transport):
        request = request_to(server.url, b"x" * 20_000_000)
        status, _ = await exchange(transport, request)
    assert status == 413


async def test_a_body_that_is_not_read_is_not_taken_in_either() -> None:
    async def answer_endlessly(link: Link) -> None:
        await link.read_request()
        await link.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            await link.write(b"x" * 1_000_000)
            written.append(1)

    written: list[int] = []
    async with reaching(answer_endlessly) as (server, transport):
        answer = await transport.handle_async_request(request_to(server.url))
        await asyncio.sleep(0.3)
        before = len(written)
        assert before < 100  # what the system's buffers hold, and a few pieces of ours
        stream = cast("httpx.AsyncByteStream", answer.stream)
        chunks = aiter(stream)
        for _ in range(20):
            await anext(chunks)
        await asyncio.sleep(0.05)
        assert len(written) > before  # it goes on when it is read
        await stream.aclose()


async def test_closing_in_the_middle_of_a_body_does_not_make_it_whole() -> None:
    async def begin(link: Link) -> None:
        await link.read_request()
        await link.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")  # its end is that of the connection
        await asyncio.sleep(60)

    async with reaching(begin) as (server, transport):
        answer = await transport.handle_async_request(request_to(server.url))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.aclose)
            with pytest.raises(httpx.ReadError, match=r"^the connection was closed$"):
                await whole(answer)


async def test_after_a_cancellation_the_next_request_goes_over_a_new_connection() -> None:
    async def stall_first(link: Link) -> None:
        if link.nth > 1:
            return await confirm_all(link)
        await link.read_request()
        return await asyncio.sleep(60)

    async with reaching(stall_first) as (server, transport):
        with anyio.move_on_after(0.05) as scope:
            await exchange(transport, request_to(server.url))
        assert scope.cancelled_caught
        assert await exchange(transport, request_to(server.url)) == (200, CONFIRMED)
    assert server.connections == 2
