"""How numbers, durations and lists are said."""

import math
from collections.abc import Sequence

_MINUTE_S = 60
_HOUR_MIN = 60
_DAY_H = 24


def count_of(number: int, noun: str) -> str:
    """As "1 row" or "4,120 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def join_words(parts: Sequence[str]) -> str:
    """As "one", "one and two", "one, two and three"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def duration(seconds: float) -> str:
    """As "40 s", "14 min", "2 h 5 min" or "3 d 4 h", rounded up to the smaller unit."""
    if seconds <= 90:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / _MINUTE_S)
    if minutes < _HOUR_MIN:
        return f"{minutes} min"
    if minutes < _DAY_H * _HOUR_MIN:
        return _two_units(*divmod(minutes, _HOUR_MIN), "h", "min")
    hours = math.ceil(minutes / _HOUR_MIN)
    return _two_units(*divmod(hours, _DAY_H), "d", "h")


def size_of(size_bytes: int) -> str:
    """As "812 B", "3.4 MB"."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError("the last unit takes any size")


def _two_units(large: int, small: int, large_unit: str, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
