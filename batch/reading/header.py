"""Which column is which: header names matched to the columns that are read.

Pure: names in, column positions or one clear sentence out.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from batch.advice import Advice, Fix, Remedy, map_columns
from batch.columns import BY_EMAIL, COLUMNS, Column, Naming, name_key, reads_as, recognised_fields
from batch.errors import InputError
from batch.model import Field
from batch.near_names import NearNames
from batch.reading.grid import LISTED_NAMES, listed, quoted
from batch.reading.proposals import NUMBER, choice

_REQUIRED = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
_OPTIONAL = (Field.STATUS, Field.AI_TAG)
ID = re.compile(r"[0-9a-fA-F]{24}")
_SPOILT_ID = re.compile(r"[0-9](?:[.,][0-9]{1,20})?[eE]\+[0-9]{2}")  # by a spreadsheet program
_ROUND_A_VALUE = " \t\xa0='\""  # also of ="66a1…"
_WORDS = {"\t": "tab", ";": "semicolon", ",": "comma"}  # what a shell takes as it is
_NEAR = 0.4  # lets "lead" stand for "campaignLeadId" and keeps "Company" from it
_NEAR_ENOUGH = 0.65  # "state" for "status"; "stage" and "date" stay below

Propose = Callable[[Mapping[Column, int]], Mapping[Column, int]]


def find_columns(
    header: Sequence[str],
    columns: Mapping[Column, str],
    *,
    name: str,
    better_delimiter: str | None = None,
    better_line: int | None = None,
    has_looked_up_ids: bool = False,
    has_campaign: bool = False,
    propose: Propose = lambda _: {},
) -> dict[Column, int]:
    """The position in the header of each column that is read.

    header: the names as read.
    columns: names that the user gave for columns; they outrank what a header name looks like.
    name: what messages call the file.
    better_delimiter: one that would give more of the columns than the one in use.
    better_line: of a row further down that has them.
    has_looked_up_ids: whether an earlier run looked up the file's ids by e-mail address.
    has_campaign: whether the user named one campaign for all rows.
    propose: the columns that are missing by their values, for an error to tell of; takes those
    that were found.
    `status` or `aiTag` may be absent, not both. The columns of e-mail addresses and campaign names
    are included only where addresses stand for `campaignLeadId`. Raises InputError for a missing
    column, for two columns that match one field, and for a given name that no column or several
    have.
    """
    cause = _cause(header, columns, better_delimiter, better_line, propose)
    found = _find(header, columns, Field, name=name, cause=cause)
    if has_looked_up_ids or Field.CAMPAIGN_LEAD_ID not in found:
        naming = _find(header, columns, BY_EMAIL, name=name, cause=cause, taken=found)
        if Naming.EMAIL in naming:
            found |= naming
    _refuse_missing(
        header,
        found,
        name=name,
        cause=cause,
        better_line=better_line,
        has_campaign=has_campaign,
        propose=propose,
    )
    return found


def find_workspace(
    header: Sequence[str], columns: Mapping[Column, str], found: Mapping[Column, int], *, name: str
) -> dict[Column, int]:
    """The position of the column with the rows' workspaces, where there is one.

    columns, name: as `find_columns` takes them. found: what that gave.
    """
    return _find(header, columns, [Naming.WORKSPACE], name=name, cause="", taken=found)


def is_value(cell: str) -> bool:
    """Whether a cell is an id or an e-mail address, as no name of a column is."""
    text = cell.strip(_ROUND_A_VALUE)
    if ID.fullmatch(text) or _SPOILT_ID.fullmatch(text):
        return True
    name, _, domain = text.rpartition("@")
    return bool(name) and "." in domain and not any(map(str.isspace, text))


def _cause(
    header: Sequence[str],
    columns: Mapping[Column, str],
    better_delimiter: str | None,
    better_line: int | None,
    propose: Propose,
) -> str:
    """Why columns are missing, if the header as a whole is wrong; else empty."""
    if better_delimiter:
        word = _WORDS.get(better_delimiter, f'"{better_delimiter}"')
        return Advice(f"The delimiter seems to be {word}.", Remedy(Fix.NAME_DELIMITER, word))
    names = [cell for cell in header if cell.strip()]
    if recognised_fields(header, columns):
        return ""
    looks_like_one = 2 * len(names) >= len(header) and len(names) > len(_REQUIRED)
    if not looks_like_one and len(names) == len(header) == len(_REQUIRED):
        # An address and a value are enough where one campaign is named for all rows.
        looks_like_one = Naming.EMAIL in propose({})
    return "" if looks_like_one and not any(map(is_value, names)) else _no_header(better_line)


def _no_header(better_line: int | None) -> Advice:
    return Advice(
        "That looks like a title or a row, not like the names of columns.",
        _other_line(better_line) if better_line else Remedy(Fix.NAME_HEADER_ROW),
    )


def refuse_row(
    header: Sequence[str], found: Mapping[Column, int], *, better_line: int | None, name: str
) -> None:
    """Raise InputError where columns were mapped by number, and the header is a row."""
    for column in (*_REQUIRED, Naming.EMAIL):
        if column in found and is_value(header[found[column]]):
            cell = quoted(header[found[column]])
            told = f"{name}: {column} is mapped to a column that is called {cell}."
            raise InputError(told, _no_header(better_line))


def _other_line(line: int) -> Advice:
    """That a row further down has the names, which stands below rows that are no titles."""
    return Advice(
        f"Line {line} has the names, below rows that are no titles.",
        Remedy(Fix.NAME_HEADER_ROW, str(line)),
    )


def _find(
    header: Sequence[str],
    columns: Mapping[Column, str],
    wanted: Iterable[Column],
    *,
    name: str,
    cause: str,
    taken: Mapping[Column, int] = MappingProxyType({}),
) -> dict[Column, int]:
    """The positions of the wanted columns. taken: columns that were found before."""
    wanted = list(wanted)
    owners = {position: column for column, position in taken.items()}
    found: dict[Column, int] = {}
    for column in filter(columns.__contains__, wanted):
        position = _find_mapped(header, column, columns[column], name=name, cause=cause)
        if position in owners:
            raise InputError(
                f"{name}: {owners[position]} and {column} are both mapped to "
                f"{quoted(header[position])}. Map each to a column of its own."
            )
        owners[position] = column
        found[column] = position
    for column in wanted:
        if column not in found:
            used = {*taken.values(), *found.values()}
            recognised = _recognise(header, column, taken=used, name=name)
            if recognised is not None:
                found[column] = recognised
    return found


def _find_mapped(
    header: Sequence[str], field: Column, wanted: str, *, name: str, cause: str
) -> int:
    """The position of the column that the user named, by number or name, exactly or loosely."""
    number = NUMBER.fullmatch(wanted.strip())
    if number and int(number[1]) <= len(header):
        return int(number[1]) - 1
    positions = [i for i, cell in enumerate(header) if cell.strip() == wanted.strip()]
    if not positions:
        positions = [i for i, cell in enumerate(header) if name_key(cell) == name_key(wanted)]
    if len(positions) == 1:
        return positions[0]
    if positions:
        raise InputError(
            f"{name}: {field} is mapped to {quoted(wanted)}, but columns {_numbers(positions)} "
            "have that name. Rename all but one of them."
        )
    if number:
        numbered = [f"#{i} {quoted(cell)}" for i, cell in enumerate(header[:LISTED_NAMES], 1)]
        more = len(header) - LISTED_NAMES
        others = f" and {more} more" if more > 0 else ""
        raise InputError(
            f"{name}: {field} is mapped to column {number[1]}, but there are only {len(header)}: "
            f"{', '.join(numbered)}{others}.",
            cause,
        )
    near = _nearest(header, wanted, taken=set())
    raise InputError(
        f"{name}: {field} is mapped to {quoted(wanted)}, which is no column; "
        f"found {listed(header)}.",
        cause or ("" if near is None else f"Nearest is {quoted(header[near])}."),
    )


def _recognise(header: Sequence[str], field: Column, *, taken: set[int], name: str) -> int | None:
    """The position of the one column with the field's name, or None."""
    positions = [i for i, cell in enumerate(header) if i not in taken and reads_as(cell, field, {})]
    if len(positions) < 2:
        return positions[0] if positions else None
    found = [header[i].strip() for i in positions]
    if len(set(found)) < len(found):
        raise InputError(
            f"{name}: columns {_numbers(positions)} are all called {quoted(found[0])}. "
            "Rename all but one of them."
        )
    plainest = min(positions, key=lambda i: len(header[i].strip()))
    raise InputError(
        f"{name}: columns {_joined([*map(quoted, found)])} both read as {field}. "
        "Rename one, or name the right one.",
        map_columns({field: choice(header, plainest)}),
    )


def _refuse_missing(
    header: Sequence[str],
    found: Mapping[Column, int],
    *,
    name: str,
    cause: str,
    better_line: int | None,
    has_campaign: bool,
    propose: Propose,
) -> None:
    is_by_email = Naming.EMAIL in found
    missing: list[Column] = [] if is_by_email else [each for each in _REQUIRED if each not in found]
    # an address says nothing without its campaign: a lead may be in several
    if is_by_email and not (has_campaign or {Field.CAMPAIGN_ID, Naming.CAMPAIGN} & found.keys()):
        missing = [Naming.CAMPAIGN]
        what = "there is no column campaignId or campaign beside the e-mail addresses"
    elif missing:
        what = f"column {missing[0]} is missing"
        if len(missing) > 1:
            what = f"columns {' and '.join(missing)} are missing"
        if Field.CAMPAIGN_LEAD_ID in missing:
            what = what.replace(" is ", f" (or {Naming.EMAIL} in its place) is ")
            what = what.replace(" are ", f" (or {Naming.EMAIL} in its place) are ")
    elif not any(field in found for field in _OPTIONAL):
        missing, what = list(_OPTIONAL), "there is no column status or aiTag"
    else:
        return
    if cause:
        raise InputError(f"{name}: {what}; found {listed(header)}.", cause)
    raise InputError(
        f"{name}: {what}; found {listed(header)}.",
        *([_other_line(better_line)] if better_line else []),
        *_proposals(header, found, missing, propose(found), has_campaign=has_campaign),
    )


def _proposals(
    header: Sequence[str],
    found: Mapping[Column, int],
    missing: Sequence[Column],
    by_values: Mapping[Column, int],
    *,
    has_campaign: bool,
) -> list[str | Remedy]:
    """What to do about missing columns: which seem to be meant, and how to say so.

    by_values: columns that are told by their values, which say more than names.
    """
    needs_value = not any(field in found for field in _OPTIONAL)
    chosen = {c: p for c, p in by_values.items() if needs_value or c not in _OPTIONAL}
    wanted = [c for c in missing if c not in chosen]
    if Naming.EMAIL in chosen:
        wanted = [Naming.CAMPAIGN if c is Field.CAMPAIGN_ID else c for c in wanted]
        wanted.remove(Field.CAMPAIGN_LEAD_ID)
    if Field.CAMPAIGN_ID in chosen or has_campaign:
        wanted = [c for c in wanted if c != Naming.CAMPAIGN]
    said = [
        f"{c} is {quoted(header[p]) if header[p].strip() else f'column {p + 1}'}"
        for c, p in chosen.items()
    ]
    texts: list[str | Remedy] = [f"By their values, {', '.join(said)}."] if said else []
    named = dict(chosen)
    for column in wanted:
        near = _nearest(header, column, taken={*found.values(), *named.values()})
        if near is not None:
            named[column] = near
            to_what = f" to {column}" if len(missing) > 1 or said else ""
            texts.append(f"Nearest{to_what} is {quoted(header[near])}.")
    if needs_value and not any(field in named for field in _OPTIONAL):
        for column in _OPTIONAL:
            near = _nearest(
                header, column, taken={*found.values(), *named.values()}, cutoff=_NEAR_ENOUGH
            )
            if near is not None:
                named[column] = near
                texts.append(f"Nearest to {column} is {quoted(header[near])}.")
    if Naming.CAMPAIGN in wanted:
        texts.append(Remedy(Fix.NAME_CAMPAIGN))
    headers = {column: choice(header, position) for column, position in named.items()}
    if not set(_OPTIONAL) & named.keys():
        headers |= dict.fromkeys((c for c in wanted if c in _OPTIONAL), "")
    headers |= dict.fromkeys((c for c in wanted if c not in named and c not in _OPTIONAL), "")
    ordered = {column: headers[column] for column in COLUMNS if column in headers}
    return [*texts, map_columns(ordered)] if ordered else texts


def _nearest(
    header: Sequence[str], wanted: str, *, taken: set[int], cutoff: float = _NEAR
) -> int | None:
    """The column whose name is nearest to the wanted one, but for those taken; or None."""
    free = {name_key(cell): i for i, cell in enumerate(header) if i not in taken and cell.strip()}
    near = NearNames().nearest(name_key(wanted), free, cutoff=cutoff)
    return free[near] if near else None


def _numbers(positions: Sequence[int]) -> str:
    """Columns by their numbers, from 1."""
    return _joined([str(i + 1) for i in positions])


def _joined(texts: Sequence[str]) -> str:
    """Texts joined by "and", no more of them than a sentence can take."""
    more = len(texts) - LISTED_NAMES
    return " and ".join([*texts[:LISTED_NAMES], *([f"{more} more"] if more > 0 else [])])
