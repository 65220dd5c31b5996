"""Taking a key out of texts that other people have had a hand in: a server's words, tracebacks.

Whoever wants a key in a file has it echoed so that a plain search misses it: in another case, with
its characters escaped, or with unseen ones between them. Pure.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

SHORTEST_KEY = 4  # characters; a shorter key is in every second word

_NOT_SEEN = re.compile(r"[^!-~]+")  # all that a key never has: keys are one word of ASCII
_ESCAPING = re.compile(r"[\\&%]")
_ESCAPE = re.compile(r"\\(?:(?:u00|x)([0-9a-f]{2})|(.))", re.IGNORECASE | re.DOTALL)
_DEEPEST = 3  # an escaped text that was escaped again, and once more


class KeyRedactor:
    """Gives texts without one key, in whatever case, and with whatever unseen between its letters.

    A text that spells the key out in another way (as JSON, HTML or a URL escape it) is not given
    at all: no part of it could be replaced for certain.
    """

    def __init__(self, key: str, *, mark: str = "[key]") -> None:
        """mark: what stands in the key's place."""
        # A server that forgets to escape a key with a backslash has it come out without.
        forms = [form for form in (key, *_readings(key)) if len(form) >= SHORTEST_KEY]
        pattern = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
        self._key = re.compile(pattern or r"(?!)", re.IGNORECASE)  # (?!) is found nowhere
        self._shortest = min(map(len, forms), default=SHORTEST_KEY)
        self._mark = mark

    def without_key(self, text: str) -> str:
        """The text, of any length, as it is but for the key."""
        if len(text) < self._shortest and text.isascii():  # however it is read, it gets no longer
            return text
        cleaned = self.without_spelt(text)
        if not _ESCAPING.search(cleaned):
            return cleaned
        if any(self._key.search(_seen(reading)) for reading in _readings(cleaned)):
            return "(not shown: the API key is in it)"
        return cleaned

    def without_key_in_lines(self, text: str) -> str:
        """The same for a text of many lines, of which the others are to stay."""
        lines = self.without_spelt(text).split("\n")
        return "\n".join(map(self.without_key, lines))

    def without_spelt(self, text: str) -> str:
        """The text without the key where its own characters stand, unescaped, in their order."""
        if not self._key.search(_seen(text)):
            return text
        # Where each character of what is seen stands in the text.
        at = [place for place, character in enumerate(text) for _ in _seen(character)]
        kept, end = [], 0
        for found in self._key.finditer(_seen(text)):
            kept.append(text[end : at[found.start()]])
            end = max(end, at[found.end() - 1] + 1)
        return self._mark.join([*kept, text[end:]])


def _seen(text: str) -> str:
    """What a key could be made of: ASCII without white space, also where it is full-width."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return _NOT_SEEN.sub("", text)


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
