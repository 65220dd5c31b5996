"""Slow, half-sent and many requests, by sockets, against the page as it is served."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn

from batch.web.app import make_app
from batch.web.guard import Access
from batch.web.server import config_of, listen
from batch.web.tokens import StartTokens
from batch.web.wire import WireLimits
from tests.support.web_site import Site, site

QUICK = WireLimits(
    head_s=0.6, body_idle_s=0.6, body_s=2, unwanted_s=0.6, unread_s=0.6, look_every_s=0.05
)
MB = 1 << 20
SOON_S = 15.0  # whatever else the machine does


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The page on a port. cookie: what lets a request in."""

    page: Site
    access: Access

    def connect(self, first: bytes = b"") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.access.port), timeout=SOON_S)
        sock.sendall(first)
        return sock

    def head(self, line: str, *more: str) -> bytes:
        """A whole head with the cookie; the path is below the page's."""
        method, path = line.split(" ")
        host = f"127.0.0.1:{self.access.port}"
        cookie = f"{self.access.cookie}={self.access.secret}"
        lines = [
            f"{method} {self.access.base}{path} HTTP/1.1",
            *(f"Host: {host}", f"Cookie: {cookie}", f"Origin: http://{host}", *more),
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def uploads(self) -> list[Path]:
        return list(self.page.desk.place.folder.iterdir())


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def served(folder: Path, limits: WireLimits = QUICK) -> Iterator[Served]:
    with site(folder) as page, listen(0) as listener:
        access = Access.make(listener.getsockname()[1])
        server = Server(config_of(make_app(page.desk, access, StartTokens()), limits))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Served(page=page, access=access)
        finally:
            page.desk.is_closing = server.should_exit = True
            thread.join()


def read_all(sock: socket.socket) -> bytes:
    """What comes until the connection is ended, whichever way."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except (ConnectionError, TimeoutError):
        pass
    return b"".join(parts)


def is_ended(sock: socket.socket) -> float:
    """Wait until the other side ends it; how long that took."""
    began = time.monotonic()
    read_all(sock)
    return time.monotonic() - began


def until(is_so: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def drip(sock: socket.socket, piece: bytes, *, every_s: float = 0.1) -> float:
    """Send a byte now and then until the other side has enough; how long that took."""
    began = time.monotonic()
    sock.settimeout(every_s)
    while time.monotonic() - began < SOON_S:
        try:
            sock.sendall(piece)
            if not sock.recv(65536):
                break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_must_be_whole_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: bytes
) -> None:
    with served(tmp_path) as page:
        with page.connect(first) as silent:
            assert 0.5 < is_ended(silent) < 4
        with page.connect(first or b"GET / HTTP/1.1\r\n") as dripping:
            assert 0.5 < drip(dripping, b"x") < 4
    assert capsys.readouterr().err == ""


def test_the_next_head_on_a_connection_must_be_whole_in_time_too(tmp_path: Path) -> None:
    with served(tmp_path) as page, page.connect() as sock:
        for _ in range(20):  # a busy connection lasts longer than one head may
            sock.sendall(page.head("HEAD /"))
            assert b" 200 " in sock.recv(65536)
            time.sleep(0.05)
        assert 0.3 < drip(sock, b"G") < 4


@pytest.mark.parametrize("name", ["PUT /files?name=leads.csv", "POST /settings"])
def test_a_body_must_go_on_and_come_to_an_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    head = "Content-Length: 1000"
    with served(tmp_path) as page:
        with page.connect(page.head(name, head) + b"a,b\n") as silent:
            if name.startswith("PUT"):
                until(lambda: len(page.uploads) == 1)
            assert is_ended(silent) < 2
            until(lambda: page.uploads == [])
        with page.connect(page.head(name, head)) as dripping:
            assert 1.5 < drip(dripping, b"x") < 4.5
            until(lambda: page.uploads == [])
    assert capsys.readouterr().err == ""


def test_an_upload_that_is_broken_off_leaves_the_disk_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(tmp_path, WireLimits()) as page:
        for ends in ("close", "reset"):
            sock = page.connect(page.head("PUT /files?name=a.csv", f"Content-Length: {9 * MB}"))
            sock.sendall(b"x" * MB)
            until(lambda: len(page.uploads) == 1)
            if ends == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.close()
            until(lambda: page.uploads == [])
    assert capsys.readouterr().err == ""


def test_what_comes_after_a_refusal_is_not_taken_for_long(tmp_path: Path) -> None:
    with served(tmp_path) as page:
        stranger = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
        with page.connect(stranger) as sock:
            assert b" 404 " in sock.recv(65536)
            assert drip(sock, b"x") < 4


def test_an_answer_that_nobody_reads_is_ended(tmp_path: Path) -> None:
    with served(tmp_path) as page, page.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(page.head("GET /static/page.js") * 2000)
        until(lambda: is_reset(sock))


def is_reset(sock: socket.socket) -> bool:
    try:
        sock.sendall(b"x")
    except OSError:
        return True
    return False


def test_of_too_many_connections_the_one_goes_that_is_idle_for_longest(tmp_path: Path) -> None:
    limits = replace(QUICK, head_s=30)
    with served(tmp_path, limits) as page, ExitStack() as open_ones:
        held = [open_ones.enter_context(page.connect(b"GET / HTTP/1.1\r\n")) for _ in range(64)]
        with page.connect(page.head("GET /settings")) as browser:
            assert b" 200 " in browser.recv(65536)
            assert is_ended(held[0]) < 4
            for sock in held[1:]:
                sock.setblocking(False)
                with pytest.raises(BlockingIOError):
                    sock.recv(1)


def test_connections_that_are_busy_leave_no_place_for_more(tmp_path: Path) -> None:
    limits = replace(QUICK, connections=3, body_idle_s=30, body_s=30)
    with served(tmp_path, limits) as page, ExitStack() as open_ones:
        head = page.head("PUT /files?name=a.csv", "Content-Length: 9")
        busy = [open_ones.enter_context(page.connect(head)) for _ in range(3)]
        until(lambda: len(page.uploads) == 3)
        with page.connect() as one_more:
            assert read_all(one_more).startswith(b"HTTP/1.1 503 ")
        busy[0].close()
        until(lambda: len(page.uploads) == 2)
        with page.connect(page.head("GET /settings")) as again:
            assert b" 200 " in again.recv(65536)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"A" * 100_000 + b"\r\n",
     b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
     b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n", os.urandom(500)],
    ids=["version", "tls", "line", "header", "length", "noise"],
)  # fmt: skip
def test_what_is_no_request_is_told_to_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sent: bytes
) -> None:
    with served(tmp_path) as page, page.connect(sent) as sock:
        assert is_ended(sock) < 4
    assert capsys.readouterr().err == ""
