"""Find the name most like a word, for "Did you mean …?", in bounded time. Pure.

Both sides may come from strangers: a file with thousands of wrong labels, a server with a million.
Comparing two texts letter by letter costs the product of their lengths.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

_LONGEST = 100  # characters; a longer text is no mistyped name
# Pairs of letters to compare before the search ends, a second or two at worst; lengths and letters
# alone tell most names apart.
_PAIRS = 10_000_000
_A_NAME = 5  # the cost of a name, however short it is


class NearNames:
    """Searches for near names until its budget is spent."""

    def __init__(self, *, pairs: int = _PAIRS) -> None:
        """pairs: the budget, in pairs of letters that are compared."""
        self._left = pairs

    def nearest(self, word: str, names: Iterable[str], *, cutoff: float = 0.6) -> str | None:
        """The name nearest to the word; None if none is near, or the budget is spent.

        cutoff: between 0, far, and 1, the same; as difflib has it.
        """
        if len(word) > _LONGEST or self._left <= 0:
            return None
        matcher = SequenceMatcher(b=word)
        best, near = cutoff, None
        for name in names:
            self._left -= _A_NAME
            if self._left <= 0:
                break
            if len(name) > _LONGEST:
                continue
            matcher.set_seq1(name)
            if matcher.real_quick_ratio() < best:
                continue
            self._left -= len(name) + len(word)
            if matcher.quick_ratio() < best:
                continue
            self._left -= len(name) * len(word)
            ratio = matcher.ratio()
            if ratio >= best and (ratio > best or near is None or name > near):
                best, near = ratio, name
        return near


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The nearest name as a question behind a sentence; "" where none is near."""
    near = NearNames().nearest(word, names)
    return f" Did you mean {near}?" if near else ""
