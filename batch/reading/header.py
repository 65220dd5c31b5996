"""Which column is which: header names matched to what is read, and files of ours recognised.

Pure: names in, column positions or one clear sentence out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from batch.columns import ADDED_SETS, COLUMNS, FIRST_ADDED, Column, Naming, is_of_later_format
from batch.errors import InputError
from batch.model import Field
from batch.reading.header_words import both, hint, nearest, places, plain, quoted, titles

_REQUIRED = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
_OPTIONAL = (Field.STATUS, Field.AI_TAG)
_SPELLINGS: Mapping[Column, tuple[str, ...]] = {Naming.EMAIL: ("email", "emailaddress")}
_ID = re.compile(r"\s*[0-9a-fA-F]{24}\s*")
_WORDS = {"\t": "tab", ";": "semicolon", ",": "comma"}  # what a shell takes as it is


def added_columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Where the added columns of a results.csv or failed.csv begin and end; None for other files.

    It is one of them when its last columns are exactly those that some format of the results adds.
    Some spreadsheet programs put white space round names, and columns without a name behind them.
    """
    names = _named_columns(header)
    for added in ADDED_SETS:
        if names[-len(added) :] == added:
            return len(names) - len(added), len(names)
    return None


def refuse_newer(header: Sequence[str], columns: Mapping[Column, str], *, name: str) -> None:
    """Raise InputError for the results of a newer version of this program.

    header: of a file that is none of ours. columns: names that the user gave.
    Such a file has columns of a later format behind those of the first. A user's own column may
    stand there, too: one that is read, or has another kind of name, makes the file the user's.
    """
    names = _named_columns(header)
    ends = (
        (end, added)
        for added in ADDED_SETS
        for end in range(len(names), len(added) - 1, -1)
        if names[end - len(added) : end] == added
    )
    end, added = next(ends, (len(names), FIRST_ADDED))
    behind = names[end:]
    if not behind or not is_of_later_format(behind) or recognised_fields(behind, columns):
        return
    columns_are, they_are, them = (
        ("column", "it is", "it") if len(behind) == 1 else ("columns", "they are", "them")
    )
    raise InputError(
        f"{name}: found the {columns_are} {titles(behind)} behind those that results add, as a "
        f"newer version of this program writes; expected none behind {quoted(added[-1])}. "
        f"Use that version, or, if {they_are} your own, move {them} in front of "
        f"{quoted(FIRST_ADDED[0])}."
    )


def _named_columns(header: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, up to the last that has one."""
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def looked_up_before(header: Sequence[str], columns: Mapping[Column, str]) -> int:
    """How many of the last own columns of a file of ours are ids that an earlier run looked up.

    header: its own columns. columns: as `find_columns` has them. They stand there exactly as
    results have them, behind a column of e-mail addresses.
    """
    appended = 0
    for field in reversed(_REQUIRED):
        rest = header[: len(header) - appended]
        if field in columns or not rest or rest[-1].strip() != field:
            break
        appended += 1
    users = header[: len(header) - appended]
    return appended if any(_reads_as(cell, Naming.EMAIL, columns) for cell in users) else 0


def find_columns(
    header: Sequence[str],
    columns: Mapping[Column, str],
    *,
    name: str,
    better_delimiter: str | None = None,
    was_looked_up: bool = False,
    has_campaign: bool = False,
) -> dict[Column, int]:
    """The position of each column that is read in the header.

    header: the names as read.
    columns: names that the user gave for columns; they outrank what a header name looks like.
    name: what messages call the file.
    better_delimiter: one that would give more of the columns than the one that is used.
    was_looked_up: whether its ids were looked up by e-mail address in an earlier run.
    has_campaign: whether one campaign was named for all rows.
    `status` or `aiTag` may be absent, not both. E-mail addresses are in it where they stand for
    `campaignLeadId`, with the campaign's name if there is such a column; nowhere else do these two
    mean anything. Raises InputError for a missing column, for two columns that match one, and for
    a given name that no or several columns have.
    """
    cause = _cause(header, columns, better_delimiter)
    found = _find(header, columns, Field, name=name, cause=cause)
    if was_looked_up or Field.CAMPAIGN_LEAD_ID not in found:
        naming = _find(header, columns, Naming, name=name, cause=cause, taken=found)
        if Naming.EMAIL in naming:
            found |= naming
    _refuse_missing(header, found, name=name, cause=cause, has_campaign=has_campaign)
    return found


def recognised_fields(header: Sequence[str], columns: Mapping[Column, str]) -> int:
    """How many of the columns that are read these names give: the measure of a right delimiter."""
    names = set(map(plain, header))
    return sum(not names.isdisjoint(_spellings(column, columns)) for column in COLUMNS)


def _find(
    header: Sequence[str],
    columns: Mapping[Column, str],
    wanted: Iterable[Column],
    *,
    name: str,
    cause: str,
    taken: Mapping[Column, int] = MappingProxyType({}),
) -> dict[Column, int]:
    """Those of the wanted columns that are there. taken: those that were found already."""
    wanted = list(wanted)
    found = {
        column: _named(header, column, columns[column], name=name, cause=cause)
        for column in wanted
        if column in columns
    }
    _refuse_shared(header, {**taken, **found}, name=name)
    for column in wanted:
        if column not in found:
            used = {*taken.values(), *found.values()}
            position = _recognised(header, column, taken=used, name=name)
            if position is not None:
                found[column] = position
    return found


def _reads_as(cell: str, column: Column, columns: Mapping[Column, str]) -> bool:
    """Whether a header name stands for a column, by the name that was given for it or its own."""
    return plain(cell) in _spellings(column, columns)


def _spellings(column: Column, columns: Mapping[Column, str]) -> tuple[str, ...]:
    """The names that a column goes by, as they are compared."""
    if column in columns:
        return (plain(columns[column]),)
    return _SPELLINGS.get(column, (plain(column),))


def _cause(
    header: Sequence[str], columns: Mapping[Column, str], better_delimiter: str | None
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


def _named(header: Sequence[str], field: Column, given: str, *, name: str, cause: str) -> int:
    """The position of the column that the user named, exactly or else loosely."""
    positions = [i for i, cell in enumerate(header) if cell.strip() == given.strip()]
    if not positions:
        positions = [i for i, cell in enumerate(header) if plain(cell) == plain(given)]
    if len(positions) == 1:
        return positions[0]
    if positions:
        raise InputError(
            f"{name}: {field} is mapped to {quoted(given)}, but columns {places(positions)} are "
            "called so. Rename all but one of them."
        )
    near = nearest(header, given, taken=set())
    advice = cause or (f"Nearest is {quoted(near)}." if near else "")
    raise InputError(
        f"{name}: {field} is mapped to {quoted(given)}, which is no column; "
        f"found {titles(header)}. {advice}".rstrip()
    )


def _refuse_shared(header: Sequence[str], found: Mapping[Column, int], *, name: str) -> None:
    owners: dict[int, Column] = {}
    for field, position in found.items():
        if position in owners:
            raise InputError(
                f"{name}: {owners[position]} and {field} are both mapped to "
                f"{quoted(header[position])}. Map each to a column of its own."
            )
        owners[position] = field


def _recognised(header: Sequence[str], field: Column, *, taken: set[int], name: str) -> int | None:
    """The position of the one column whose name is the field's, or None."""
    positions = [
        i for i, cell in enumerate(header) if i not in taken and _reads_as(cell, field, {})
    ]
    if len(positions) < 2:
        return positions[0] if positions else None
    found = [header[i].strip() for i in positions]
    if len(set(found)) < len(found):
        raise InputError(
            f"{name}: columns {places(positions)} are all called {quoted(found[0])}. "
            "Rename all but one of them."
        )
    plainest = min(found, key=len)
    raise InputError(
        f"{name}: columns {both([*map(quoted, found)])} both read as {field}. "
        f"Rename one, or name the right one with --map {field}={quoted(plainest)}."
    )


def _refuse_missing(
    header: Sequence[str],
    found: Mapping[Column, int],
    *,
    name: str,
    cause: str,
    has_campaign: bool,
) -> None:
    if Naming.EMAIL in found:
        _refuse_no_campaign(header, found, name=name, has_campaign=has_campaign)
    missing = [] if Naming.EMAIL in found else [each for each in _REQUIRED if each not in found]
    if missing:
        is_missing = "column {} is missing" if len(missing) == 1 else "columns {} are missing"
        listed = " and ".join(missing)
        if Field.CAMPAIGN_LEAD_ID in missing:
            listed += f" (or {Naming.EMAIL} in its place)"
    elif not any(field in found for field in _OPTIONAL):
        missing, is_missing, listed = list(_OPTIONAL), "there is no column {}", "status or aiTag"
    else:
        return
    taken = set(found.values())
    hints = [hint(header, field, taken, alone=len(missing) == 1) for field in missing]
    raise InputError(
        f"{name}: {is_missing.format(listed)}; found {titles(header)}. {cause or ' '.join(hints)}"
    )


def _refuse_no_campaign(
    header: Sequence[str], found: Mapping[Column, int], *, name: str, has_campaign: bool
) -> None:
    """An address says nothing without its campaign: a lead may be in several."""
    if has_campaign or Field.CAMPAIGN_ID in found or Naming.CAMPAIGN in found:
        return
    advice = hint(header, Naming.CAMPAIGN, set(found.values()), alone=True)
    raise InputError(
        f"{name}: there is no column campaignId or campaign beside the e-mail addresses; "
        f"found {titles(header)}. {advice} "
        "Or name one campaign for all rows with --campaign."
    )
