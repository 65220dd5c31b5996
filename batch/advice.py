"""What somebody can do about a problem, as values: each front end says it in its own words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from batch.columns import Column


class Fix(StrEnum):
    """A way out. What it needs to know stands in its remedy's value, where it needs anything."""

    NAME_SHEET = "name_sheet"
    NAME_ENCODING = "name_encoding"  # value: the one that it seems to be, if that is known
    MEND_LETTERS = "mend_letters"  # by naming the encoding, where letters look wrong
    NAME_DELIMITER = "name_delimiter"  # value: the one that it seems to be, as people call it
    NAME_HEADER_ROW = "name_header_row"  # value: the line that it seems to be, if there is one
    MAP_COLUMN = "map_column"  # columns: the headers that seem to be meant, "" for none
    LEAVE_REMEMBERED = "leave_remembered"  # the mapping that was confirmed before
    USE_REMEMBERED = "use_remembered"  # the same, where nobody hears that it is used
    NAME_CAMPAIGN = "name_campaign"
    RESUME = "resume"  # value: the command line that goes on with the unfinished run
    RESUME_OTHERS = "resume_others"  # the same, of a run that is not in the user's own list
    NAME_FOLDER = "name_folder"
    START_NEW = "start_new"
    NAME_SETTINGS = "name_settings"  # value: the file of settings that is to count as the user's
    SEND_VALID = "send_valid"
    CONFIRM_CLEARS = "confirm_clears"  # value: their number
    CONFIRM_CHANGES = "confirm_changes"  # value: their number
    KEEP_BEFORE = "keep_before"
    UNDO = "undo"  # value: the command line that takes a run back
    WAIT = "wait"  # for as long as the server asks
    FEWER_CONNECTIONS = "fewer_connections"
    CHECK_KEY = "check_key"
    KEEP_KEY = "keep_key"  # in the keyring, which has none
    NAME_WORKSPACE = "name_workspace"  # by its id, for a platform key
    NAME_ONE_WORKSPACE = "name_one_workspace"  # of all rows, where keys are of several
    SKIP_WORKSPACES = "skip_workspaces"  # those that can't be reached


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do. columns: what is to be mapped, each with what names its header."""

    fix: Fix
    value: str = ""
    columns: tuple[tuple[Column, str], ...] = ()


def map_columns(columns: Mapping[Column, str]) -> Remedy:
    """The remedy that maps columns to headers."""
    return Remedy(Fix.MAP_COLUMN, columns=tuple(columns.items()))


class Advice(str):
    """Sentences for a person, with remedies among them.

    As a plain text it is the sentences alone, so that whatever handles texts can handle it. A front
    end says the remedies, too, by `render`.
    """

    __slots__ = ("parts",)
    parts: tuple[str | Remedy, ...]

    def __new__(cls, *parts: str | Remedy) -> Self:
        """Sentences and remedies in their order; other advice may be among them."""
        flat: list[str | Remedy] = []
        for part in parts:
            flat += part.parts if isinstance(part, Advice) else [part]
        texts = (part for part in flat if isinstance(part, str))
        advice = super().__new__(cls, " ".join(filter(None, texts)))
        advice.parts = tuple(flat)
        return advice

    def render(self, say: Callable[[Remedy], str]) -> str:
        """All of it in a front end's words. say: a remedy as a sentence; "" for none."""
        texts = (say(part) if isinstance(part, Remedy) else part for part in self.parts)
        return " ".join(dict.fromkeys(filter(None, texts)))  # two remedies may read the same


class Passing(str):
    """A sentence that holds for a while: a front end that shows it for long looks again."""

    __slots__ = ("holds",)
    holds: Callable[[], bool]

    def __new__(cls, text: str, *, holds: Callable[[], bool]) -> Self:
        """holds: whether it is still true."""
        sentence = super().__new__(cls, text)
        sentence.holds = holds
        return sentence
