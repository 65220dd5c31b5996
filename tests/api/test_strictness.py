"""Odd answers through both transports: in what ours is stricter than httpx's own, completely.

The manual lists it (developing.md). Where one of them refuses, or reads something else than the
other, it stands in one of the two tables that differ; all else is read alike, or refused by both.
"""

import ssl
from collections.abc import Callable

import httpx
import pytest

from batch.api.http1.fast_transport import FastTransport
from batch.api.transport import StockTransport
from tests.support.raw_server import CONFIRMED, Link, serving

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(CONFIRMED)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SIZE = b"%x" % len(CONFIRMED)


def chunks(size: bytes = SIZE, last: bytes = b"0", trailer: bytes = b"") -> bytes:
    return b"\r\n".join([size, CONFIRMED, last, trailer + b"\r\n"])


def with_header(line: bytes) -> bytes:
    return OK + LENGTH + line + b"\r\n\r\n" + CONFIRMED


def coded(coding: bytes, *more: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Transfer-Encoding:" + coding, *more))
    return OK + head + b"\r\n" + chunks()


def sized(length: bytes) -> bytes:
    return OK + b"Content-Length:" + length + b"\r\n\r\n" + CONFIRMED


def chunked(*args: bytes) -> bytes:
    return OK + CHUNKED + b"\r\n" + chunks(*args)


def begun(line: bytes) -> bytes:
    return line + b"\r\n" + LENGTH + b"\r\n" + CONFIRMED


# Read by both, and alike.
READ = {
    "plain": with_header(b"X: y"),
    "without a phrase": begun(b"HTTP/1.1 200"),
    "a phrase of any bytes": begun(b"HTTP/1.1 200 \xe9\tx"),
    "HTTP/1.0": begun(b"HTTP/1.0 200 OK"),
    "HTTP/2.0 by name": begun(b"HTTP/2.0 200 OK"),
    "line feeds alone": (OK + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + CONFIRMED,
    "an interim answer": b"HTTP/1.1 103 X\r\nLink: x\r\n\r\n" + with_header(b"X: y"),
    "100 interim answers": b"HTTP/1.1 103 X\r\n\r\n" * 100 + with_header(b"X: y"),
    "ended by the connection": OK + b"\r\n" + CONFIRMED,
    "bytes above ASCII in a header": with_header(b"X: \xe9\xff"),
    "a tab in a header": with_header(b"X: a\tb"),
    "an empty header": with_header(b"X:"),
    "an odd name": with_header(b"X_Y.Z!: a"),
    "300 headers": with_header(b"\r\n".join(b"X%d: a" % n for n in range(300))),
    "a head of 90 kB": with_header(b"X: " + b"a" * 90_000),
    "an upgrade that nobody asked for": with_header(b"Upgrade: h2c\r\nConnection: upgrade"),
    "chunks": chunked(),
    "chunked in capitals": coded(b" CHUNKED"),
    "chunked with leading zeros": chunked(b"000" + SIZE),
    "chunked and a length": coded(b" chunked", b"Content-Length: 3"),
    "a chunk with an extension": chunked(SIZE + b";a=b"),
    "a trailer": chunked(SIZE, b"0", b"X: y\r\n"),
    "a length in white space": sized(b"\t%d \t" % len(CONFIRMED)),
    "a length with zeros": sized(b" 00%d" % len(CONFIRMED)),
    # White space where it is common, though not legal.
    "a space after chunked": coded(b" chunked "),
    "spaces after chunked": coded(b" chunked    "),
    "a tab after chunked": coded(b" chunked\t"),
    "white space around chunked": coded(b" \t chunked \t "),
    "spaces after a chunk's size": chunked(SIZE + b"   "),
    "a tab after a chunk's size": chunked(SIZE + b"\t"),
    "spaces after the last size": chunked(SIZE, b"0  "),
    "spaces after both": coded(b" chunked \t").replace(SIZE + b"\r", SIZE + b"   \r"),
}  # fmt: skip

# Refused by both: nothing that could be taken for something else than was meant gets through.
REFUSED = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "ICY": begun(b"ICY 200 OK"),
    "HTTP/2 without a part": begun(b"HTTP/2 200 OK"),
    "http in small letters": begun(b"http/1.1 200 OK"),
    "two spaces": begun(b"HTTP/1.1  200 OK"),
    "a status of two digits": begun(b"HTTP/1.1 99 OK"),
    "a status of four digits": begun(b"HTTP/1.1 2000 OK"),
    "carriage returns alone": (OK + LENGTH + b"\r\n").replace(b"\r\n", b"\r") + CONFIRMED,
    "no colon": with_header(b"no colon"),
    "a space before the colon": with_header(b"X : a"),
    "a space in a name": with_header(b"X Y: a"),
    "no name": with_header(b": a"),
    "NUL in a header": with_header(b"X: a\x00b"),
    "a carriage return in a header": with_header(b"X: a\rb"),
    "a folded first line": OK + b" X: a\r\n" + LENGTH + b"\r\n" + CONFIRMED,
    "two lengths that differ": with_header(b"Content-Length: 3"),
    "a negative length": sized(b" -1"),
    "a length with a plus": sized(b" +26"),
    "a length with a gap": sized(b" 2 6"),
    "an empty length": sized(b" "),
    "a huge length": sized(b" " + b"9" * 25),
    "a body that is too short": sized(b" 99"),
    "gzip, chunked": coded(b" gzip, chunked"),
    "chunked, chunked": coded(b" chunked, chunked"),
    "chunked twice": coded(b" chunked", b"Transfer-Encoding: chunked"),
    "chunked with a parameter": coded(b" chunked;q=1"),
    "not quite chunked": coded(b" xchunked"),
    "identity": coded(b" identity"),
    "a space before the colon of a coding": OK + b"Transfer-Encoding : chunked\r\n\r\n" + chunks(),
    "a space before a chunk's size": chunked(b" " + SIZE),
    "0x before a chunk's size": chunked(b"0x" + SIZE),
    "a plus before a chunk's size": chunked(b"+" + SIZE),
    "two sizes": chunked(SIZE + b" 1b"),
    "no size": chunked(b""),
    "a huge chunk": chunked(b"f" * 16),
    "no line end after a chunk": OK + CHUNKED + b"\r\n" + SIZE + b"\r\n" + CONFIRMED + b"0\r\n\r\n",
    "chunks that break off": chunked()[:-5],
    "chunks after a space that break off": coded(b" chunked\t")[:-5],
    "two sizes after a tab": coded(b" chunked\t").replace(SIZE + b"\r", SIZE + b" 1b\r"),
    "a trailer without a colon": chunked(SIZE, b"0", b"X y\r\n"),
    "switching protocols": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}  # fmt: skip

# Read by httpx's own transport alone: the whole list of the manual.
STRICTER = {
    "a folded header": with_header(b"X: a\r\n b"),
    "a header folded by a tab": with_header(b"X: a\r\n\tb"),
    "a folded length": sized(b"\r\n %d" % len(CONFIRMED)),
    "a folded trailer": chunked(SIZE, b"0", b"X: y\r\n z\r\n"),
    "a control character in a header": with_header(b"X: a\x01b"),
    "DEL in a header": with_header(b"X: a\x7fb"),
    "a length said twice": with_header(LENGTH.rstrip()),
    "a length said twice in a line": sized(b" %d, %d" % (len(CONFIRMED), len(CONFIRMED))),
    "a malformed chunk extension": chunked(SIZE + b";;;"),
    "bytes above ASCII in a chunk extension": chunked(SIZE + b";\xff=1"),
    "101 interim answers": b"HTTP/1.1 103 X\r\n\r\n" * 101 + with_header(b"X: y"),
    "HTTP/1.2": begun(b"HTTP/1.2 200 OK"),
    "more after chunks after a tab": coded(b" chunked\t") + with_header(b"X: y"),
}  # fmt: skip

# Read by ours alone; none of it can be taken for something else.
LAXER = {
    "a line break before the answer": b"\r\n" + with_header(b"X: y"),
    "a chunk's size of many zeros": chunked(b"0" * 30 + SIZE),
}

Make = Callable[[httpx.URL], httpx.AsyncBaseTransport]


def fast(url: httpx.URL) -> httpx.AsyncBaseTransport:
    return FastTransport(url, tls=None, keepalive_s=5.0)


def stock(_: httpx.URL) -> httpx.AsyncBaseTransport:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody: it is not asked
    return StockTransport(tls=tls, proxy_url=None, keepalive_s=5.0)


async def read_by(make: Make, answer: bytes) -> str:
    """The status and the body that a transport makes of an answer; "refused" where it is none."""

    async def script(link: Link) -> None:
        await link.read_request()
        await link.write(answer)

    async with serving(script) as server:
        url = httpx.URL(server.url)
        async with make(url) as transport:
            request = httpx.Request(
                "PATCH",
                url,
                headers=[("Host", "x"), ("Content-Length", "2")],
                stream=httpx.ByteStream(b"{}"),
                extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 5.0)},
            )
            try:
                response = await transport.handle_async_request(request)
                body = await response.aread()
            except (httpx.RemoteProtocolError, httpx.ReadError):
                return "refused"
            finally:
                await transport.aclose()
    return f"{response.status_code} {body.decode()}"


WHOLE = f"200 {CONFIRMED.decode()}"
CASES = [
    pytest.param(answer, *read, id=name)
    for answers, read in (
        (READ, (WHOLE, WHOLE)),
        (REFUSED, ("refused", "refused")),
        (STRICTER, ("refused", WHOLE)),
        (LAXER, (WHOLE, "refused")),
    )
    for name, answer in answers.items()
]


@pytest.mark.parametrize(("answer", "by_fast", "by_stock"), CASES)
async def test_an_odd_answer_is_read_as_the_table_says(
    answer: bytes, by_fast: str, by_stock: str
) -> None:
    assert (await read_by(fast, answer), await read_by(stock, answer)) == (by_fast, by_stock)
