"""Bytes to answers, by llhttp, the parser of Node.js. Pure: it never reads, waits or closes."""

from http import HTTPStatus

import httptools

MAX_HEAD_BYTES = 100 * 1024  # of a head, as httpx allows; also of what stands between two chunks

MAX_INTERIM = 100  # answers of 1xx before the real one; a server sends one or two, if any

_CODING = b"transfer-encoding"
_CHUNKED = b"chunked"
_CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_CLOSED_EARLY = "Server disconnected without sending a response."
_CLOSED_IN_BODY = "peer closed connection without sending complete message body"
_UNASKED = "the server sent what nobody had asked for"

Headers = list[tuple[bytes, bytes]]


class AnswerParser:
    """The answers of one connection, one at a time, each told of by `begin` before it comes.

    status, headers: of the answer, once has_head. chunks: of its body, for the reader to take
    away. wrong: what the server did wrong, in words; "" as long as it did nothing. keeps_alive:
    whether another answer may follow, once is_complete.
    """

    __slots__ = (
        "_codings", "_interim", "_is_dechunked", "_loose_bytes", "_padded", "_parser", "chunks",
        "has_head", "headers", "is_complete", "keeps_alive", "status", "wrong",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        # As httpx reads answers: a line may end without CR, chunks outrank Content-Length, and
        # white space may follow a chunk's size. What httpx takes and this does not stands in a
        # table of test_strictness.py, and in the manual.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_chunked_length=True,
            lenient_spaces_after_chunk_size=True,
        )
        self.wrong = ""
        self.begin()

    def begin(self) -> None:
        """An answer is to come."""
        self.status = 0
        self.headers: Headers = []
        self.chunks: list[bytes] = []
        self.has_head = False
        self.is_complete = False
        self.keeps_alive = False
        self._loose_bytes = 0  # that came since the last head or piece of a body
        self._codings = 0
        self._interim = 0  # answers of 1xx that came
        self._is_dechunked = False  # whether llhttp takes the chunks apart
        self._padded: AnswerParser | None = None  # takes them apart where llhttp does not

    def feed(self, data: bytes) -> None:
        """Some bytes came."""
        self._loose_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._object(self._what_is_illegal())
        if self._loose_bytes > MAX_HEAD_BYTES:
            self._object("the head of the answer is too long")

    def end(self) -> None:
        """No more bytes will come, which is how some bodies end."""
        named = {name.lower() for name, _ in self.headers}
        has_own_end = b"content-length" in named or _CODING in named  # RFC 9112 section 6.3
        if self.has_head and not self.wrong and not has_own_end:
            self.is_complete = True
        if not self.is_complete:
            self._object(_CLOSED_IN_BODY if self.has_head else _CLOSED_EARLY)

    # What llhttp calls.

    def on_message_begin(self) -> None:  # noqa: D102
        if self.is_complete:
            self._object(_UNASKED)

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        if self.has_head:  # it follows a body in chunks, or belongs to one answer too many
            return
        self.headers.append((name, value))
        if len(name) == len(_CODING) and name.lower() == _CODING:
            self._codings += 1
            if self._codings > 1 or value.strip(b" \t").lower() != _CHUNKED:
                self._object("only chunked is known as Transfer-Encoding")

    def on_headers_complete(self) -> None:  # noqa: D102
        self._loose_bytes = 0
        status = self._parser.get_status_code()
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._object(_UNASKED)
        elif status < HTTPStatus.OK:  # an interim answer: the real one follows
            self.headers.clear()
            self._codings = 0
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._object(f"over {MAX_INTERIM} interim answers (1xx) came before it")
        elif not self.has_head:
            self.status = status
            self.has_head = not self.wrong

    def on_chunk_header(self) -> None:  # noqa: D102
        self._is_dechunked = True

    def on_body(self, chunk: bytes) -> None:  # noqa: D102
        self._loose_bytes = 0
        if self._codings and not self._is_dechunked and not self.wrong:
            self._take_apart(chunk)
        elif not self.is_complete:
            self.chunks.append(chunk)

    def on_message_complete(self) -> None:  # noqa: D102
        if self.has_head:
            self.is_complete = True
            self.keeps_alive = self._parser.should_keep_alive()

    def _take_apart(self, piece: bytes) -> None:
        """A piece of a body in chunks that llhttp gives as it came.

        White space after the coding's name makes it do so, but for a single space. The connection
        is not used again: to llhttp the answer ends with it.
        """
        if self._padded is None:
            self._padded = AnswerParser()
            self._padded.feed(_CHUNKED_HEAD)
        inner = self._padded
        inner.feed(piece)
        self.chunks += inner.chunks
        inner.chunks.clear()
        if inner.wrong:
            self._object(inner.wrong)
        elif inner.is_complete:
            self.is_complete = True

    def _object(self, wrong: str) -> None:
        self.wrong = self.wrong or wrong

    def _what_is_illegal(self) -> str:
        if self.has_head:
            return "illegal chunk header"
        has_status = self._parser.get_status_code() >= HTTPStatus.CONTINUE  # all of its digits
        return "illegal header line" if has_status else "illegal status line"
