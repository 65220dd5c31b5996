import asyncio
import errno
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import pytest

from batch.api.http1 import dialing
from batch.api.http1.dialing import dial
from tests.support.raw_server import confirm_all, serving

pytestmark = pytest.mark.anyio

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


@pytest.fixture(autouse=True)
def short_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialing, "HEAD_START_S", 0.05)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: Address) -> None:
    """Makes every name have these addresses."""

    async def getaddrinfo(*_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


def v4(port: int) -> Address:
    return socket.AF_INET, ("127.0.0.1", port)


def v6(port: int) -> Address:
    return socket.AF_INET6, ("::1", port, 0, 0)


@contextmanager
def refusing() -> Iterator[int]:
    """A port of loopback where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def hanging() -> Iterator[int]:
    """A port of loopback that answers no connection: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_the_first_address_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(confirm_all) as server:
        resolving(monkeypatch, v4(server.port), v6(1))
        with await dial("api.test", 443) as reached:
            assert reached.getpeername() == ("127.0.0.1", server.port)
            assert reached.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not reached.getblocking()
    assert server.connections == 1


async def test_after_a_refusal_the_next_address_is_tried_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialing, "HEAD_START_S", 60.0)
    async with serving(confirm_all) as server:
        with refusing() as port:
            resolving(monkeypatch, v4(port), v4(server.port))
            (await dial("api.test", 443)).close()
    assert server.connections == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a full queue unanswered")
async def test_an_address_that_hangs_costs_its_head_start_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(confirm_all) as server:
        with hanging() as port:
            resolving(monkeypatch, v4(port), v4(server.port))
            started = time.monotonic()
            (await dial("api.test", 443)).close()
    assert 0.05 <= time.monotonic() - started < 5


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leaves a full queue unanswered")
async def test_a_dial_that_is_given_up_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hanging() as port:
        resolving(monkeypatch, v4(port), v4(port))
        with anyio.move_on_after(0.1) as scope:
            await dial("api.test", 443)
    assert scope.cancelled_caught  # and an open socket would be a warning, which is an error


@pytest.mark.parametrize("given_up", [False, True])
async def test_of_sockets_that_are_ready_at_once_none_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, *, given_up: bool
) -> None:
    made: list[socket.socket] = []

    async def connect(*_: object) -> socket.socket:
        own = socket.socket()
        made.append(own)
        await all_ready.wait()
        if given_up:
            scope.cancel()
        return own

    monkeypatch.setattr(dialing, "_connect", connect)
    monkeypatch.setattr(dialing, "HEAD_START_S", 0.01)
    resolving(monkeypatch, v4(1), v4(2))
    all_ready = anyio.Event()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_set_later, all_ready)
            (await dial("api.test", 443)).close()
    assert scope.cancelled_caught is given_up
    assert len(made) == 2
    assert all(each.fileno() == -1 for each in made)


async def _set_later(event: anyio.Event) -> None:
    await anyio.sleep(0.1)
    event.set()


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    async def connect(_: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[1])
        raise OSError(errno.ENETUNREACH, "no way")

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
    resolving(monkeypatch, v6(1), v6(2), v6(3), v4(4), v4(5))
    with pytest.raises(OSError, match="All connection attempts failed"):
        await dial("api.test", 443)
    assert tried == [1, 4, 2, 5, 3]


async def test_a_refusal_of_the_only_address_is_raised_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with refusing() as port:
        resolving(monkeypatch, v4(port))
        with pytest.raises(ConnectionRefusedError):
            await dial("api.test", 443)


async def test_the_refusals_of_several_addresses_are_the_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with refusing() as port:
        resolving(monkeypatch, v4(port), v4(port))
        with pytest.raises(OSError, match="All connection attempts failed") as caught:
            await dial("api.test", 443)
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [type(each) for each in group.exceptions] == [ConnectionRefusedError] * 2


async def test_a_name_without_an_address_is_an_error_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch)
    with pytest.raises(OSError, match=r"^api\.test has no address$"):
        await dial("api.test", 443)
