"""How header names are compared, and how messages show them. Pure."""

import re
from collections.abc import Sequence

from batch.columns import Column
from batch.near_names import NearNames
from batch.reading.grid import shown

_SHOWN_NAMES = 12  # of a wide header, or the sentence is no longer one


def plain(name: str) -> str:
    """The name as it is compared: without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_\u200b\ufeff-]+", "", name).casefold()


def hint(header: Sequence[str], field: Column, taken: set[int], *, alone: bool) -> str:
    """What to do about a missing column. alone: whether no other one is missing."""
    near = nearest(header, field, taken=taken)
    if not near:
        return f'Name it with --map {field}="…".'
    to_what = "" if alone else f" to {field}"
    return f"Nearest{to_what} is {quoted(near)}; name it with --map {field}={quoted(near)}."


def nearest(header: Sequence[str], wanted: str, *, taken: set[int]) -> str | None:
    """The name nearest to the wanted one of those whose position is not taken; None if none is."""
    free = {plain(c): c.strip() for i, c in enumerate(header) if i not in taken and c.strip()}
    # 0.4 lets "lead" stand for "campaignLeadId" and keeps "Company" from it.
    near = NearNames().nearest(plain(wanted), free, cutoff=0.4)
    return free[near] if near else None


def titles(header: Sequence[str]) -> str:
    """The names of a header, as a message lists them."""
    names = [cell for cell in header if cell.strip()]
    more = len(names) - _SHOWN_NAMES
    listed = ", ".join(map(quoted, names[:_SHOWN_NAMES])) or "none"
    return f"{listed} and {more} more" if more > 0 else listed


def quoted(name: str) -> str:
    """A name as a message shows it."""
    return f'"{shown(name)}"'


def places(positions: Sequence[int]) -> str:
    """Columns by their numbers, from 1."""
    return both([str(i + 1) for i in positions])


def both(texts: Sequence[str]) -> str:
    """Two texts as a message names them, or more, as far as that is a sentence."""
    more = len(texts) - _SHOWN_NAMES
    return " and ".join([*texts[:_SHOWN_NAMES], *([f"{more} more"] if more > 0 else [])])
