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
_UNREQUESTED = "the server sent an answer that nobody requested"

Headers = list[tuple[bytes, bytes]]


class AnswerParser:
    """Parses the answers of one connection, one at a time; call `begin` before each.

    status, headers: of the answer, once has_head. chunks: of its body, for the reader to take
    away. violation: what the server did wrong, in words; "" if nothing. keeps_alive: whether
    another answer may follow, once is_complete.
    """

    __slots__ = (
        "_codings",
        "_dechunker",
        "_interim",
        "_is_dechunked",
        "_loose_bytes",
        "_parser",
        "chunks",
        "has_head",
        "headers",
        "is_complete",
        "keeps_alive",
        "status",
        "violation",
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
        self.violation = ""
        self.begin()

    def begin(self) -> None:
        """Expect an answer."""
        self.status = 0
        self.headers: Headers = []
        self.chunks: list[bytes] = []
        self.has_head = False
        self.is_complete = False
        self.keeps_alive = False
        self._loose_bytes = 0  # since the last head or piece of a body
        self._codings = 0
        self._interim = 0  # number of 1xx answers
        self._is_dechunked = False  # by llhttp itself
        self._dechunker: AnswerParser | None = None  # for bodies whose chunks llhttp leaves in

    def feed(self, data: bytes) -> None:
        """Parse the next bytes."""
        self._loose_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            has_status = self._parser.get_status_code() >= HTTPStatus.CONTINUE  # all digits
            part = "header line" if has_status else "status line"
            self._note(f"illegal {'chunk header' if self.has_head else part}")
        if self._loose_bytes > MAX_HEAD_BYTES:
            self._note("the answer's headers are too long")

    def end(self) -> None:
        """End the input, as the connection closed: some bodies end that way."""
        named = {name.lower() for name, _ in self.headers}
        has_own_end = b"content-length" in named or _CODING in named  # RFC 9112 section 6.3
        if self.has_head and not self.violation and not has_own_end:
            self.is_complete = True
        if not self.is_complete:
            self._note(_CLOSED_IN_BODY if self.has_head else _CLOSED_EARLY)

    # What llhttp calls.

    def on_message_begin(self) -> None:  # noqa: D102
        if self.is_complete:
            self._note(_UNREQUESTED)

    def on_header(self, name: bytes, value: bytes) -> None:  # noqa: D102
        if self.has_head:  # a trailer of a body in chunks, or of one answer too many
            return
        self.headers.append((name, value))
        if len(name) == len(_CODING) and name.lower() == _CODING:
            self._codings += 1
            if self._codings > 1 or value.strip(b" \t").lower() != _CHUNKED:
                self._note("only chunked is supported as Transfer-Encoding")

    def on_headers_complete(self) -> None:  # noqa: D102
        self._loose_bytes = 0
        status = self._parser.get_status_code()
        if status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._note(_UNREQUESTED)
        elif status < HTTPStatus.OK:  # an interim answer: the real one follows
            self.headers.clear()
            self._codings = 0
            self._interim += 1
            if self._interim > MAX_INTERIM:
                self._note(f"over {MAX_INTERIM} interim answers (1xx) came before it")
        elif not self.has_head:
            self.status = status
            self.has_head = not self.violation

    def on_chunk_header(self) -> None:  # noqa: D102
        self._is_dechunked = True

    def on_body(self, chunk: bytes) -> None:  # noqa: D102
        self._loose_bytes = 0
        if self._codings and not self._is_dechunked and not self.violation:
            self._dechunk(chunk)
        elif not self.is_complete:
            self.chunks.append(chunk)

    def on_message_complete(self) -> None:  # noqa: D102
        if self.has_head:
            self.is_complete = True
            self.keeps_alive = self._parser.should_keep_alive()

    def _dechunk(self, piece: bytes) -> None:
        """Take the chunks apart in a piece of a body that llhttp passes on as it came.

        It does so for white space after the coding's name, but for a single space. The connection
        is not used again: to llhttp the answer ends with it.
        """
        if self._dechunker is None:
            self._dechunker = AnswerParser()
            self._dechunker.feed(_CHUNKED_HEAD)
        inner = self._dechunker
        inner.feed(piece)
        self.chunks += inner.chunks
        inner.chunks.clear()
        if inner.violation:
            self._note(inner.violation)
        elif inner.is_complete:
            self.is_complete = True

    def _note(self, violation: str) -> None:
        self.violation = self.violation or violation
