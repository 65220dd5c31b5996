"""Connect to a host: to the first of its addresses that answers.

Each address gets a head start of 250 ms before the next one is tried beside it (RFC 8305), so
that a host with a dead IPv6 address is reached all the same. `create_connection` does that too,
by its `happy_eyeballs_delay`, but before Python 3.12 (`all_errors`) it joins the faults of several
addresses into one text without their errno: "Multiple exceptions: [Errno 111] Connect call failed
('::1', 443, 0, 0), …" where a row's message says "Connection refused". This file can go with 3.11.
"""

import asyncio
import socket
from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import anyio

HEAD_START_S = 0.25

_Address = tuple[socket.AddressFamily, Any]  # as the address family has it


async def dial(host: str, port: int) -> socket.socket:
    """A socket connected to the host, not blocking, without Nagle's delay.

    Raises the OSError of the look-up or of the only address; with several addresses an OSError
    whose cause is the group of theirs.
    """
    addresses = await _addresses_of(host, port)
    faults: list[OSError] = []
    connected: list[socket.socket] = []

    async def attempt(address: _Address, failed: anyio.Event) -> None:
        try:
            connection = await _connect(*address)
        except OSError as fault:
            faults.append(fault)
            failed.set()
            return
        connected.append(connection)
        attempts.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as attempts:
            for address in addresses:
                failed = anyio.Event()
                attempts.start_soon(attempt, address, failed)
                with anyio.move_on_after(HEAD_START_S):
                    await failed.wait()
    except BaseException:  # given up, perhaps at the very moment when one was ready
        _close(connected)
        raise
    if not connected:
        if len(faults) == 1:
            raise faults[0]
        cause = ExceptionGroup("one for each address", faults)
        raise OSError("All connection attempts failed") from cause
    _close(connected[1:])  # two may have been ready at once
    return connected[0]


def _close(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()


async def _addresses_of(host: str, port: int) -> Sequence[_Address]:
    """The host's addresses as the system prefers them, the families taking turns."""
    try:
        numeric = socket.AI_NUMERICHOST  # nothing to look up: then no thread has to
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not found:
        raise OSError(f"{host} has no address")
    first = found[0][0]
    same = [(family, address) for family, *_, address in found if family == first]
    other = [(family, address) for family, *_, address in found if family != first]
    turns = chain.from_iterable(zip_longest(same, other))
    return [address for address in turns if address is not None]


async def _connect(family: socket.AddressFamily, address: Any) -> socket.socket:  # noqa: ANN401 - the socket module's own type
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection
