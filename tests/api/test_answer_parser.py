import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.http1.answer_parser import MAX_HEAD_BYTES, AnswerParser, Headers
from tests.support.sampling import examples

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"Content-Length: 2\r\n\r\n{}"

SEEN = [*range(0x20, 0x7F), *range(0x80, 0x100)]  # a header may hold these
LINE = st.lists(st.sampled_from(SEEN), max_size=20).map(bytes)
NAMES = st.sampled_from([b"Date", b"Retry-After", b"X-RateLimit-Remaining", b"server"])
CHUNKS = st.lists(st.binary(min_size=1, max_size=300), max_size=6)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A whole answer, as any server may write it."""
    status = draw(st.sampled_from([200, 201, 302, 404, 429, 500, 503, 599]))
    headers = draw(st.lists(st.tuples(NAMES, LINE.map(bytes.strip)), max_size=5))
    chunks = draw(CHUNKS)
    if draw(st.booleans()):
        headers.append((b"Transfer-Encoding", b"chunked"))
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        body = b"".join(chunks)
        headers.append((b"content-length", b"%d" % len(body)))
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * draw(st.integers(0, 2))
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return interim + b"HTTP/1.1 %d Some Phrase\r\n" % status + lines + b"\r\n" + body


def by_h11(answer: bytes) -> tuple[int, Headers, bytes]:
    """What the parser behind httpx's own transport makes of it."""
    oracle = h11.Connection(h11.CLIENT)
    oracle.send(h11.Request(method="PATCH", target="/", headers=[("Host", "x")]))
    oracle.send(h11.EndOfMessage())
    oracle.receive_data(answer)
    status, headers, body = 0, [], b""
    while (event := oracle.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        if isinstance(event, h11.Response):
            status, headers = event.status_code, event.headers.raw_items()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
    return status, headers, body


@given(answers(), st.lists(st.integers(1, 400), max_size=20))
@examples(150)
def test_an_answer_in_any_pieces_is_what_another_parser_reads(
    answer: bytes, sizes: list[int]
) -> None:
    parser = AnswerParser()
    for _ in range(2):  # a connection is used again
        parser.begin()
        rest = answer
        for size in sizes:
            parser.feed(rest[:size])
            rest = rest[size:]
        parser.feed(rest)
        read = parser.status, parser.headers, b"".join(parser.chunks)
        assert (parser.is_complete, parser.keeps_alive, parser.violation) == (True, True, "")
        assert read == by_h11(answer)


@given(answers(), st.data())
@examples(150)
def test_an_answer_that_breaks_off_is_never_whole(answer: bytes, data: st.DataObject) -> None:
    parser = AnswerParser()
    parser.feed(answer[: data.draw(st.integers(0, len(answer) - 1))])
    was_complete = parser.is_complete  # a chunked one is, before its very last line break
    parser.end()
    assert parser.is_complete is was_complete
    assert bool(parser.violation) is not was_complete


@pytest.mark.parametrize(
    ("received", "wrong"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "illegal status line"),
        (b"HTTP/1.1 2OO OK\r\n\r\n", "illegal status line"),
        (OK + b"no colon\r\n\r\n", "illegal header line"),
        (OK + b"X: \x00\r\n\r\n", "illegal header line"),
        (OK + b"Content-Length: two\r\n\r\n{}", "illegal header line"),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "illegal header line"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "illegal chunk header"),
        (
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "only chunked is supported as Transfer-Encoding",
        ),
        (
            OK + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
            "only chunked is supported as Transfer-Encoding",
        ),
        (b"HTTP/1.1 101 X\r\n\r\n", "the server sent an answer that nobody requested"),
        (
            b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx",
            "the server sent an answer that nobody requested",
        ),
    ],
)
def test_what_is_no_answer_is_told_of_in_our_own_words(received: bytes, wrong: str) -> None:
    parser = AnswerParser()
    parser.feed(received)
    assert parser.violation == wrong
    assert not parser.is_complete


@pytest.mark.parametrize("more", [WHOLE, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", b"JUNK"])
def test_what_follows_an_answer_never_becomes_part_of_it(more: bytes) -> None:
    parser = AnswerParser()
    parser.feed(WHOLE + more)
    assert (parser.status, parser.headers) == (200, [(b"Content-Length", b"2")])
    assert b"".join(parser.chunks) == b"{}"
    assert parser.is_complete
    assert parser.violation


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 ",
        OK + b"X: ",
        OK + b"Transfer-Encoding: chunked\r\n\r\n1;",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        b"HTTP/1.1 100 X\r\nX: ",
    ],
)
def test_a_head_without_an_end_is_given_up(begun: bytes) -> None:
    parser = AnswerParser()
    parser.feed(begun)
    for _ in range(MAX_HEAD_BYTES // 1000):
        assert parser.violation == ""
        parser.feed(b"x" * 1000)
    parser.feed(b"x" * 1000)
    assert parser.violation == "the answer's headers are too long"


def test_a_body_in_the_smallest_chunks_is_no_head_without_an_end() -> None:
    parser = AnswerParser()
    parser.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(MAX_HEAD_BYTES):
        parser.feed(b"1\r\nx\r\n")
    assert parser.violation == ""
    assert len(parser.chunks) == MAX_HEAD_BYTES


@pytest.mark.parametrize(
    ("head", "keeps_alive"),
    [
        (OK, True),
        (OK + b"Connection: close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_the_server_says_whether_another_request_may_follow(
    head: bytes, *, keeps_alive: bool
) -> None:
    parser = AnswerParser()
    parser.feed(head + b"Content-Length: 0\r\n\r\n")
    assert parser.is_complete
    assert parser.keeps_alive is keeps_alive
