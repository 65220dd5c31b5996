"""A loopback server that does to each connection what a script says: for faults on the wire."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CONFIRMED = b'{"success":true,"data":{}}'


@dataclass(kw_only=True)
class Link:
    """One connection, as the script sees it. nth: from 1, in the order they came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    nth: int
    requests: list[bytes]

    async def read_request(self) -> bytes:
        """The next request, head and body, which the server's list gets too."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await self.reader.readexactly(length)
        self.requests.append(request)
        return request

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def confirm(self) -> None:
        await self.write(response(CONFIRMED))

    def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        connection = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Link], Awaitable[None]]


@dataclass(kw_only=True)
class RawServer:
    """Where it listens, and what came to it."""

    host: str
    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def serve(self, script: Script, link: Link) -> None:
        self._writers.append(link.writer)
        try:
            await script(link)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away, as some scripts expect
        finally:
            link.writer.close()

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def serving(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """A server that runs the script for each connection and closes it when the script ends."""
    server = RawServer(host=host, port=0)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        await server.serve(
            script,
            Link(reader=reader, writer=writer, nth=server.connections, requests=server.requests),
        )

    listener = await asyncio.start_server(accept, host, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        server.close()
        await asyncio.sleep(0)


def response(body: bytes, *, status: int = 200, headers: tuple[str, ...] = ()) -> bytes:
    """A whole response, ready to be written."""
    head = [f"HTTP/1.1 {status} Some Phrase", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


async def confirm_all(link: Link) -> None:
    """The script of a server without faults."""
    while True:
        await link.read_request()
        await link.confirm()
