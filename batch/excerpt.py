"""Texts from the server, cut to one short line fit for a cell, a log and a terminal. Pure."""

import html
import json
import re
import unicodedata

MAX_LENGTH = 200  # characters

_HIDDEN_HTML = re.compile(r"<(script|style)\b.*?(</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_HTML_TAG = re.compile(r"<[^<>]*>")
_KEY = re.compile(r"\bsk_\w+")  # the shape of SendKit's keys, whole or cut off
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, bidi marks, surrogates, breaks


def one_line(text: str, *, limit: int = MAX_LENGTH) -> str:
    """The text as one line of at most limit characters, without unseen characters and keys.

    Control characters could steer a terminal, and bidirectional marks could turn a line around;
    lone surrogates can't be written to a file at all.
    """
    text = " ".join(text.split())[: 10 * limit]  # what follows walks over every character
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    line = _KEY.sub("[key]", " ".join(seen.split()))
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def read_object(body: bytes) -> dict[str, object] | None:
    """The body as a JSON object, or None if it is none. Raises nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def read_text(body: bytes) -> str:
    """The body as text of any length; that of a page without its tags, scripts and styles."""
    text = body.decode("utf-8", errors="replace").strip()
    if not text.startswith("<"):
        return text
    return html.unescape(_HTML_TAG.sub(" ", _HIDDEN_HTML.sub(" ", text)))


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
