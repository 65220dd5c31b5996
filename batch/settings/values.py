"""Settings other than plain numbers and texts: a choice, a rate, a limit, an age.

Pure: a text or a number in, a value out, or a ValueError. The message to a person is made where the
setting's name and place are known.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Self

_SECONDS_OF = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
_RATE = re.compile(rf"{_NUMBER}(?:\s*/\s*(?P<unit>{'|'.join(_SECONDS_OF)}))?", re.IGNORECASE)
_SHARE = re.compile(rf"{_NUMBER}\s*%")
_COUNT = re.compile(r"[0-9]{1,12}")
_AGE_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_AGE = re.compile(rf"{_NUMBER}\s*(?P<unit>{'|'.join(_AGE_UNITS)})", re.IGNORECASE)


class OnConflict(StrEnum):
    """What to do when rows of one lead ask for different values of one field."""

    ERROR = "error"  # none of the lead's rows is sent
    LAST_WINS = "last-wins"  # the last value of each field is sent


class SkipUnchanged(StrEnum):
    """Whether leads are read first, so that rows which change nothing cost no request."""

    AUTO = "auto"  # a campaign is read as long as that costs less than sending
    ALWAYS = "always"
    NEVER = "never"


class FinalStates(StrEnum):
    """What becomes of the status in rows whose lead was read and is in a final state."""

    LEAVE = "leave"  # it is left out: the lead is through, and would be set going again
    SEND = "send"


class BudgetOwner(StrEnum):
    """Whose the server's budget of requests is, where a run has several workspaces."""

    AUTO = "auto"  # not known: one for each key, until answers show otherwise
    WORKSPACE = "workspace"
    KEY = "key"
    ALL = "all"  # one for all of them


class TransportKind(StrEnum):
    """The HTTP transport; behind a proxy it is always the stock one."""

    FAST = "fast"  # ours, over an asyncio protocol
    STOCK = "stock"  # httpx's own


class Look(StrEnum):
    """The colours of the local page."""

    SYSTEM = "system"  # as the computer is set
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast attempts may leave.

    per_s: attempts a second, more than 0; None when the program finds the rate itself.
    """

    AUTO: ClassVar[Self]

    per_s: float | None

    def as_setting(self) -> float | str:
        """The rate as a settings file has it."""
        return "auto" if self.per_s is None else self.per_s

    def __str__(self) -> str:
        """The rate as a person writes it: "5" a second, "100/min" rather than 1.66667."""
        if self.per_s is None:
            return "auto"
        for unit, seconds in (("", 1), ("/min", 60), ("/h", 3600)):
            short = round(self.per_s * seconds, 2)
            if short and math.isclose(short, self.per_s * seconds):
                return f"{short:.12g}{unit}"
        return f"{self.per_s:g}"


Rate.AUTO = Rate(per_s=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old something may be."""

    seconds: float

    def as_setting(self) -> str:
        """The age as a settings file has it."""
        units = sorted(_AGE_UNITS.items(), key=lambda unit: -unit[1])
        whole = ((name, seconds) for name, seconds in units if self.seconds % seconds == 0)
        name, seconds = next(whole, ("s", 1))
        return f"{self.seconds / seconds:.12g}{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxErrors:
    """A job stops beyond so many rows that were sent and ended in error. One of the two is set.

    count: rows. share: 0 to 1, of the last 200 rows sent.
    """

    count: int | None = None
    share: float | None = None

    def as_setting(self) -> int | str | None:
        """The limit as a settings file has it."""
        # Twelve digits hide what binary fractions add: 0.333 * 100 is 33.300000000000004.
        return self.count if self.share is None else f"{self.share * 100:.12g}%"


def parse_rate(value: object) -> Rate:
    """Read a rate: "auto", a number a second, or a text such as "60/min", "2/s", "500/h".

    Raises ValueError for anything else, and for a rate that is not more than 0.
    """
    if isinstance(value, Rate):
        return value
    text = _text_of(value)
    if text.lower() == "auto":
        return Rate.AUTO
    if isinstance(value, float):
        per_s = value
    elif found := _RATE.fullmatch(text):
        per_s = float(found["number"]) / _SECONDS_OF[(found["unit"] or "s").lower()]
    else:
        raise ValueError("not a rate")
    if not 0 < per_s < math.inf:
        raise ValueError("not more than 0")
    return Rate(per_s=per_s)


def parse_max_errors(value: object) -> MaxErrors:
    """Read a limit of errors: a whole number of rows, or a percentage such as "50%".

    Raises ValueError for anything else, and for a percentage above 100.
    """
    if isinstance(value, MaxErrors):
        return value
    text = _text_of(value)
    if _COUNT.fullmatch(text):
        return MaxErrors(count=int(text))
    found = _SHARE.fullmatch(text)
    if found is None or float(found["number"]) > 100:
        raise ValueError("neither a number of rows nor a percentage")
    return MaxErrors(share=float(found["number"]) / 100)


def parse_age(value: object) -> Age:
    """Read an age such as "1h", "90min", "30s" or "2d". Raises ValueError for anything else."""
    if isinstance(value, Age):
        return value
    found = _AGE.fullmatch(_text_of(value))
    if found is None:
        raise ValueError("not an age")
    return Age(seconds=float(found["number"]) * _AGE_UNITS[found["unit"].lower()])


def parse_range(text: str) -> tuple[int, int]:
    """Read "120" or "100-150" as the least and the most. Raises ValueError for anything else."""
    least, dash, most = text.replace(",", "").replace(" ", "").partition("-")
    ends = [least, most if dash else least]
    if not all(map(_COUNT.fullmatch, ends)) or int(ends[0]) > int(ends[1]):
        raise ValueError("neither a number nor a range")
    return int(ends[0]), int(ends[1])


def _text_of(value: object) -> str:
    # A bool is an int to Python, but `rate = true` is a slip, not one a second.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("not a text or a number")  # noqa: TRY004 pydantic takes ValueError
    return str(value).strip()
