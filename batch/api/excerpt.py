"""Make texts from the server fit for a cell, a log and a terminal: one short line. Pure.

No other file does that.
"""

import html
import json
import re

from batch.redaction import KeyRedactor
from batch.visible import visible

MAX_LENGTH = 200  # characters

_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^<>]*>")
_KEY_SHAPE = re.compile(r"\bsk_\w+")  # SendKit's keys, whole or cut off
# The same with invisible characters between its letters.
_INVISIBLE = (
    r"[\x00-\x08\x0e-\x1b\x7f-\x9f\xad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*"
)
_KEY_SHAPE_SPREAD = re.compile(rf"\bs{_INVISIBLE}k{_INVISIBLE}_(?:{_INVISIBLE}\w)+")


class Redactor(KeyRedactor):
    """Takes the key out of the server's texts."""

    def one_line(self, text: str, *, limit: int = MAX_LENGTH) -> str:
        """The text as one line of at most limit characters, without unseen characters and keys.

        Control characters could steer a terminal, and bidirectional marks could turn a line
        around; lone surrogates can't be written to a file at all.
        """
        # Before anything is cut: half a key would not be recognised.
        text = " ".join(self.without_key(text).split())[: 10 * limit]
        if not text.isprintable():
            text = _KEY_SHAPE_SPREAD.sub("[key]", text)
            text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        line = _KEY_SHAPE.sub("[key]", text)
        return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

    def name(self, text: str) -> str:
        """The same of a name, with what can't be seen of it spelt out: names are told apart by it.

        Not in one that is too long or has a key in it.
        """
        line = self.one_line(text)
        seen = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return self.one_line(visible(" ".join(text.split()))) if line == seen else line

    def read_text(self, body: bytes) -> str:
        """The body as text of any length; that of a page without its tags, scripts and styles."""
        text = self.without_plain_key(body.decode("utf-8", errors="replace").strip())
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
    """The texts of `error` (a text, or a code and a message) and `message`; empty without either.

    The API leaves the shape of an error open.
    """
    error, message = document.get("error"), document.get("message")
    parts = (error.get("code"), error.get("message")) if isinstance(error, dict) else (error,)
    texts = [text for text in (*parts, message) if isinstance(text, str) and text.strip()]
    return ": ".join(dict.fromkeys(texts))


def describe_value(value: object) -> str:
    """A JSON value as a message names it."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return json.dumps(value)
