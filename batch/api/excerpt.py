"""Texts from the server, cut to one short line fit for a cell, a log and a terminal. Pure.

The one place where the key is taken out of what a server says.
"""

import html
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

MAX_LENGTH = 200  # characters
SHORTEST_KEY = 4  # characters; a shorter key is in every second word

_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^<>]*>")
_KEY_SHAPE = re.compile(r"\bsk_\w+")  # SendKit's keys, whole or cut off
_ESCAPING = re.compile(r"[\\&%]")
_ESCAPE = re.compile(r"\\(?:(?:u00|x)([0-9a-f]{2})|(.))", re.IGNORECASE | re.DOTALL)
_DEEPEST = 3  # an escaped text that was escaped again, and once more


class Redactor:
    """Quotes a server's texts without the key that it was sent, in whatever case.

    A text that spells the key out in another way (as JSON, HTML or a URL escape it) is not quoted
    at all: no part of it could be replaced for certain.
    """

    def __init__(self, key: str) -> None:
        # A server that forgets to escape a key with a backslash has it come out without.
        forms = [form for form in (key, *_readings(key)) if len(form) >= SHORTEST_KEY]
        pattern = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        self._key = re.compile(pattern or r"(?!)", re.IGNORECASE)  # (?!) is found nowhere

    def without_key(self, text: str) -> str:
        """The text, of any length, as it is but for the key."""
        cleaned = self._key.sub("[key]", text)
        if _ESCAPING.search(cleaned) and any(map(self._key.search, _readings(cleaned))):
            return "(not shown: the API key is in it)"
        return cleaned

    def one_line(self, text: str, *, limit: int = MAX_LENGTH) -> str:
        """The text as one line of at most limit characters, without unseen characters and keys.

        Control characters could steer a terminal, and bidirectional marks could turn a line
        around; lone surrogates can't be written to a file at all.
        """
        # Before anything is cut, since half a key is not recognised any more.
        text = " ".join(self.without_key(text).split())[: 10 * limit]
        if not text.isprintable():
            text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        line = _KEY_SHAPE.sub("[key]", text)
        return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

    def read_text(self, body: bytes) -> str:
        """The body as text of any length; that of a page without its tags, scripts and styles."""
        text = self._key.sub("[key]", body.decode("utf-8", errors="replace").strip())
        if not text.startswith("<"):
            return text
        return html.unescape(_HTML_TAG.sub(" ", _HIDDEN_HTML.sub(" ", text)))


def read_object(body: bytes) -> dict[str, object] | None:
    """The body as a JSON object, or None if it is none. Raises nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def read_error(document: dict[str, object]) -> str:
    """What `error` (a text, or a code and a message) and `message` say; empty if neither is there.

    The API leaves the shape of an error open.
    """
    error, message = document.get("error"), document.get("message")
    said = (error.get("code"), error.get("message")) if isinstance(error, dict) else (error,)
    texts = [text for text in (*said, message) if isinstance(text, str) and text.strip()]
    return ": ".join(dict.fromkeys(texts))


def shown(value: object) -> str:
    """A JSON value as a message names it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value)


def _readings(text: str) -> Iterator[str]:
    """What the text says once its escapes are taken off, in every order and up to three deep."""
    seen, newest = {text}, {text}
    for _ in range(_DEEPEST):
        decoders = (_unescape, html.unescape, unquote)
        newest = {decode(each) for each in newest for decode in decoders} - seen
        seen |= newest
        yield from newest


def _unescape(text: str) -> str:
    r"""The text without backslash escapes, as `\u0041`, `\x41` and `\"`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
