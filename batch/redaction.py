"""Take a key out of texts that others can influence: a server's words, tracebacks. Pure.

An attacker who wants the key in a file has it echoed so that a plain search misses it: in another
case, with its characters escaped, or with invisible ones between them.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

SHORTEST_KEY = 4  # characters; a shorter key would be part of many words

_NOT_VISIBLE = re.compile(r"[^!-~]+")  # all that a key never has: keys are one word of ASCII
_ESCAPING = re.compile(r"[\\&%]")
_ESCAPE = re.compile(r"\\(?:(?:u00|x)([0-9a-f]{2})|(.))", re.IGNORECASE | re.DOTALL)
_DEEPEST = 3  # an escaped text that was escaped again, and once more


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that needs no key.

    Without this program's own variables, and without those that settings may name for a key.
    """
    return {
        name: value
        for name, value in environ.items()
        if not (name.upper().startswith("SENDKIT") or value.strip().startswith("sk_"))
    }


class KeyRedactor:
    """Removes one key from texts, in any case, and with invisible characters between its letters.

    A text with the key escaped (as JSON, HTML or a URL does) is withheld as a whole: no part of it
    could be replaced for certain.
    """

    def __init__(self, key: str, *, mark: str = "[key]") -> None:
        """mark: the replacement for the key."""
        # A server that forgets to escape a key with a backslash returns it without one.
        forms = [form for form in (key, *_readings(key)) if len(form) >= SHORTEST_KEY]
        pattern = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        self._key = re.compile(pattern or r"(?!)", re.IGNORECASE)  # (?!) is found nowhere
        self._shortest = min(map(len, forms), default=SHORTEST_KEY)
        self._mark = mark

    def without_key(self, text: str) -> str:
        """The text, of any length, without the key and otherwise unchanged."""
        if len(text) < self._shortest and text.isascii():  # no reading makes it longer
            return text
        cleaned = self.without_plain_key(text)
        if not _ESCAPING.search(cleaned):
            return cleaned
        if any(self._key.search(_visible_ascii(reading)) for reading in _readings(cleaned)):
            return "(not shown: the API key is in it)"
        return cleaned

    def without_key_in_lines(self, text: str) -> str:
        """The same line by line, so that only lines with the key are withheld."""
        lines = self.without_plain_key(text).split("\n")
        return "\n".join(map(self.without_key, lines))

    def without_plain_key(self, text: str) -> str:
        """The text without the key where its characters stand unescaped, in their order."""
        if not self._key.search(_visible_ascii(text)):
            return text
        # The place in the text of each visible character.
        at = [place for place, character in enumerate(text) for _ in _visible_ascii(character)]
        kept, end = [], 0
        for found in self._key.finditer(_visible_ascii(text)):
            kept.append(text[end : at[found.start()]])
            end = max(end, at[found.end() - 1] + 1)
        return self._mark.join([*kept, text[end:]])


def _visible_ascii(text: str) -> str:
    """The characters that a key could be made of: visible ASCII, also in full width."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return _NOT_VISIBLE.sub("", text)


def _readings(text: str) -> Iterator[str]:
    """The text with its escapes decoded, in every order and up to three deep."""
    known, newest = {text}, {text}
    for _ in range(_DEEPEST):
        decoders = (_unescape, html.unescape, unquote)
        newest = {decode(each) for each in newest for decode in decoders} - known
        known |= newest
        yield from newest


def _unescape(text: str) -> str:
    r"""The text without backslash escapes, as `\u0041`, `\x41` and `\"`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
