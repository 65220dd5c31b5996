"""Which column is which: header names matched to the four fields, and files of ours recognised.

Pure: names in, column positions or one clear sentence out.
"""

import difflib
import re
from collections.abc import Mapping, Sequence

from batch.columns import ADDED_COLUMNS
from batch.errors import InputError
from batch.model import Field
from batch.reading.grid import shown

_REQUIRED = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
_OPTIONAL = (Field.STATUS, Field.AI_TAG)
_SHOWN_NAMES = 12  # of a wide header, or the sentence is no longer one
_ID = re.compile(r"\s*[0-9a-fA-F]{24}\s*")
_WORDS = {"\t": "tab", ";": "semicolon", ",": "comma"}  # what a shell takes as it is


def own_width(header: Sequence[str]) -> int | None:
    """How many columns of a results.csv or failed.csv are the user's; None for any other file.

    It is one of them when its last columns are exactly the added ones. Some spreadsheet programs
    put white space round names, and columns without a name behind them.
    """
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    is_ours = tuple(names[-len(ADDED_COLUMNS) :]) == ADDED_COLUMNS
    return len(names) - len(ADDED_COLUMNS) if is_ours else None


def find_columns(
    header: Sequence[str],
    columns: Mapping[Field, str],
    *,
    name: str,
    better_delimiter: str | None = None,
) -> dict[Field, int]:
    """The position of each field's column in the header.

    header: the names as read.
    columns: names that the user gave for fields; they outrank what a header name looks like.
    name: what messages call the file.
    better_delimiter: one that would give more of the columns than the one that is used.
    `status` or `aiTag` may be absent, not both. Raises InputError for a missing column, for two
    columns that match one field, and for a given name that no or several columns have.
    """
    cause = _cause(header, columns, better_delimiter)
    found = {
        field: _named(header, field, given, name=name, cause=cause)
        for field, given in columns.items()
    }
    _refuse_shared(header, found, name=name)
    for field in Field:
        if field not in found:
            position = _recognised(header, field, taken=set(found.values()), name=name)
            if position is not None:
                found[field] = position
    _refuse_missing(header, found, name=name, cause=cause)
    return found


def recognised_fields(header: Sequence[str], columns: Mapping[Field, str]) -> int:
    """How many of the four fields these names give: the measure of a right delimiter."""
    plain = {_plain(cell) for cell in header}
    return sum(_plain(columns.get(field, field)) in plain for field in Field)


def _plain(name: str) -> str:
    return re.sub(r"[\s_\u200b\ufeff-]+", "", name).casefold()


def _cause(
    header: Sequence[str], columns: Mapping[Field, str], better_delimiter: str | None
) -> str:
    """Why columns are missing, if it is the header as a whole that is wrong; else empty."""
    if better_delimiter:
        word = _WORDS.get(better_delimiter, f'"{better_delimiter}"')
        return f"The delimiter seems to be {word}: name it with --delimiter {word}."
    names = [cell for cell in header if cell.strip()]
    looks_like_one = 2 * len(names) >= len(header) and len(names) > len(_REQUIRED)
    if recognised_fields(header, columns) or (looks_like_one and not any(map(_ID.match, names))):
        return ""
    return (
        "The first row that is not blank must be the header, the names of the columns; "
        "no title may stand above it."
    )


def _named(header: Sequence[str], field: Field, given: str, *, name: str, cause: str) -> int:
    """The position of the column that the user named, exactly or else loosely."""
    positions = [i for i, cell in enumerate(header) if cell.strip() == given.strip()]
    if not positions:
        positions = [i for i, cell in enumerate(header) if _plain(cell) == _plain(given)]
    if len(positions) == 1:
        return positions[0]
    if positions:
        raise InputError(
            f"{name}: {field} is mapped to {_quoted(given)}, but columns {_places(positions)} are "
            "called so. Rename all but one of them."
        )
    near = _nearest(header, given, taken=set())
    hint = cause or (f"Nearest is {_quoted(near)}." if near else "")
    raise InputError(
        f"{name}: {field} is mapped to {_quoted(given)}, which is no column; "
        f"found {_names(header)}. {hint}".rstrip()
    )


def _refuse_shared(header: Sequence[str], found: Mapping[Field, int], *, name: str) -> None:
    owners: dict[int, Field] = {}
    for field, position in found.items():
        if position in owners:
            raise InputError(
                f"{name}: {owners[position]} and {field} are both mapped to "
                f"{_quoted(header[position])}. Map each to a column of its own."
            )
        owners[position] = field


def _recognised(header: Sequence[str], field: Field, *, taken: set[int], name: str) -> int | None:
    """The position of the one column whose name is the field's, or None."""
    positions = [
        i for i, cell in enumerate(header) if i not in taken and _plain(cell) == _plain(field)
    ]
    if len(positions) < 2:
        return positions[0] if positions else None
    found = [header[i].strip() for i in positions]
    if len(set(found)) < len(found):
        raise InputError(
            f"{name}: columns {_places(positions)} are all called {_quoted(found[0])}. "
            "Rename all but one of them."
        )
    plainest = min(found, key=len)
    raise InputError(
        f"{name}: columns {' and '.join(map(_quoted, found))} both read as {field}. "
        f"Rename one, or name the right one with --map {field}={_quoted(plainest)}."
    )


def _refuse_missing(
    header: Sequence[str], found: Mapping[Field, int], *, name: str, cause: str
) -> None:
    missing = [field for field in _REQUIRED if field not in found]
    if missing:
        is_missing = "column {} is missing" if len(missing) == 1 else "columns {} are missing"
        listed = " and ".join(missing)
    elif not any(field in found for field in _OPTIONAL):
        missing, is_missing, listed = list(_OPTIONAL), "there is no column {}", "status or aiTag"
    else:
        return
    taken = set(found.values())
    hints = [_hint(header, field, taken, alone=len(missing) == 1) for field in missing]
    raise InputError(
        f"{name}: {is_missing.format(listed)}; found {_names(header)}. {cause or ' '.join(hints)}"
    )


def _hint(header: Sequence[str], field: Field, taken: set[int], *, alone: bool) -> str:
    near = _nearest(header, field, taken=taken)
    if not near:
        return f'Name it with --map {field}="…".'
    to_what = "" if alone else f" to {field}"
    return f"Nearest{to_what} is {_quoted(near)}; name it with --map {field}={_quoted(near)}."


def _nearest(header: Sequence[str], wanted: str, *, taken: set[int]) -> str | None:
    free = {_plain(c): c.strip() for i, c in enumerate(header) if i not in taken and c.strip()}
    # 0.4 lets "lead" stand for "campaignLeadId" and keeps "Company" from it.
    near = difflib.get_close_matches(_plain(wanted), list(free), n=1, cutoff=0.4)
    return free[near[0]] if near else None


def _names(header: Sequence[str]) -> str:
    names = [_quoted(cell) for cell in header if cell.strip()]
    more = len(names) - _SHOWN_NAMES
    listed = ", ".join(names[:_SHOWN_NAMES]) or "none"
    return f"{listed} and {more} more" if more > 0 else listed


def _quoted(name: str) -> str:
    return f'"{shown(name)}"'


def _places(positions: Sequence[int]) -> str:
    return " and ".join(str(i + 1) for i in positions)
