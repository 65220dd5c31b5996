"""The sentences about what is wrong with a row, and what to do about it.

Words only: `rules.py` decides what is wrong with a single row, `merge.py` with the rows of a lead.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from batch.columns import Column, Naming
from batch.judging.rules import DEFAULT_ID_PATTERN, Rules
from batch.judging.texts import FORMULA, LINE_BREAK, SHEET_ERROR
from batch.model import Field, Reason, Status
from batch.near_names import NearNames
from batch.visible import visible

# Characters of a cell that a message shows: enough to recognise it, short enough for a table.
_QUOTED_CHARACTERS = 60

# Labels that a message lists when none is near.
_NAMED_LABELS = 5

# Comparisons of a text with a label to spend on suggestions, about five seconds at worst. A file
# with more distinct unknown tags than that has the wrong column, not typos.
_COMPARISONS = 1_000_000

# Fewer labels count as this many, so that no more than 10,000 texts are remembered.
_FEWEST_LABELS = 100

# How spreadsheet programs write a long id that they took for a number; some write a comma.
_AS_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?E[+-]?\d+", re.IGNORECASE)


_ALWAYS_THE_SAME = {
    Reason.BLANK_ROW: "every cell is blank.",
    Reason.NOTHING_TO_CHANGE: "neither status nor aiTag is given.",
    Reason.NOT_DATA: "a line of units: no cell could be a value.",
    Reason.BEFORE_UNKNOWN: "what the lead was before was not read, so it can't be set back.",
}

_WANTED: Mapping[Column, str] = {
    Naming.EMAIL: "an e-mail address",
    Naming.CAMPAIGN: "a campaign's name",
}


class RowValue(NamedTuple):
    """What one row of a lead asks for: its line, the column, and the value in it."""

    line: int
    column: Column
    value: str


def located(message: str, *, name: str, line: int, column: Column | None) -> str:
    """The whole sentence, as "leads.csv line 41, column status: found …"."""
    where = f"{name} line {line}" if column is None else f"{name} line {line}, column {column}"
    return f"{where}: {message}"


def quoted(text: str) -> str:
    """The text in quotes on one line: invisible characters are escaped, a long text is cut."""
    cut = text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…"
    return f'"{visible(cut)}"'


def duplicate(lines: Sequence[int]) -> str:
    """For a row whose values earlier rows, at these lines, set."""
    if len(lines) == 1:
        return f"line {lines[0]} asks for the same."
    return f"lines {lines[0]} and {lines[1]} together ask for the same."


def superseded(winners: Sequence[RowValue]) -> str:
    """For a row all of whose values lost to these."""
    return f"{_asked(winners)}; the last value wins."


def partly_superseded(winner: RowValue) -> str:
    """For a row that is sent without the value that lost to this one."""
    return f"sent without its {winner.column}: {_asked([winner])}, and the last value wins."


def conflict(asked: Sequence[RowValue]) -> str:
    """For each row of a lead whose rows ask for different values of one column."""
    return f"{_asked(asked)}; no row of this lead is sent. Keep one value."


class Explainer:
    """Makes the sentences about single rows; remembers its suggestions."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._labels = {label.lower(): label for label in rules.labels or ()}
        self._names = NearNames()
        self._nearest: dict[str, str | None] = {}

    def sentence(self, reason: Reason, column: Column | None, found: str) -> str:
        """What is wrong and what to do, without the place.

        reason: one that `rules.judge` gives, with its column and the text that it found there.
        """
        if reason in _ALWAYS_THE_SAME:
            return _ALWAYS_THE_SAME[reason]
        match reason:
            case Reason.MISSING_ID:
                wanted = _WANTED.get(column, "an id") if column else "an id"
                return f"{column} is blank; expected {wanted}."
            case Reason.BAD_ID:
                return self._bad_id(found)
            case Reason.BAD_STATUS:
                return self._bad_status(found)
            case Reason.BAD_CELL:
                return self._bad_cell(found)
            case Reason.UNKNOWN_TAG:
                return self._unknown_tag(found)
        raise ValueError(f"a row alone is never judged {reason}")

    def _bad_status(self, found: str) -> str:
        if self._rules.sets_back:
            return f"the lead was {quoted(found)} before; only {' and '.join(Status)} can be set."
        return f"found {quoted(found)}; expected {' or '.join(Status)}."

    def _bad_id(self, found: str) -> str:
        if _AS_NUMBER.fullmatch(found):
            return (
                f"found {quoted(found)}: a spreadsheet program turned this id into a number. "
                "Format the column as text, then paste the ids again."
            )
        pattern = self._rules.id_pattern
        if pattern != DEFAULT_ID_PATTERN:
            return (
                f"found {quoted(found)}; expected an id that matches {pattern}, "
                "of letters, digits, _ and - only."
            )
        if re.fullmatch("[0-9a-fA-F]+", found):
            return f"found {quoted(found)}, {len(found)} hexadecimal digits; expected 24."
        return f"found {quoted(found)}; expected 24 hexadecimal digits."

    def _bad_cell(self, found: str) -> str:
        if re.search(LINE_BREAK, found):
            return (
                f"found {quoted(found)}, which has a line break: a quote may be unclosed. "
                "Close or remove the quote, or take the line break out."
            )
        if re.search(FORMULA, found):
            return (
                f"found {quoted(found)}, a formula without a stored value. "
                "Open the file in a spreadsheet program and save it, or paste values in its place."
            )
        if re.search(SHEET_ERROR, found):
            return f"found {quoted(found)}, a spreadsheet's error. Mend it, or write the value."
        return (
            f"found {quoted(found)}, which is no label. Leave the cell blank to keep the tag, "
            f"or write {self._rules.clear_word} to clear it."
        )

    def _unknown_tag(self, found: str) -> str:
        unknown = f"{quoted(found)} is not a label of this workspace"
        nearest = self._near(found)
        if nearest is not None:
            return f"{unknown}. Did you mean {quoted(nearest)}?"
        labels = self._rules.labels or ()
        if not labels:
            return f"{unknown}, which has none. Create the label in SendKit first."
        named = ", ".join(quoted(label) for label in labels[:_NAMED_LABELS])
        more = len(labels) - _NAMED_LABELS
        return f"{unknown}; expected {named}{f' or {more:,} more' if more > 0 else ''}."

    def _near(self, found: str) -> str | None:
        """The label nearest to the text, or None; searched once a text, and only so often."""
        if found in self._nearest:
            return self._nearest[found]
        spent = len(self._nearest) * max(len(self._labels), _FEWEST_LABELS)
        if spent >= _COMPARISONS:
            return None
        near = self._names.nearest(found.lower(), self._labels)
        self._nearest[found] = self._labels[near] if near else None
        return self._nearest[found]


def _asked(asked: Sequence[RowValue]) -> str:
    """As "line 12 asks for paused, line 40 for "Interested""."""
    first, *others = asked
    text = f"line {first.line} asks for {_value(first)}"
    for other in others:
        same = other.line == first.line
        text += f" and {_value(other)}" if same else f", line {other.line} for {_value(other)}"
    return text


def _value(asked: RowValue) -> str:
    return quoted(asked.value) if asked.column is Field.AI_TAG else asked.value
