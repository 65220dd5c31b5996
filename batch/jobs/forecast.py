"""How long a run will take, and how a duration is said."""

import math

_MINUTE_S = 60
_HOUR_MIN = 60
_DAY_H = 24


def forecast_s(requests: int, *, rate_per_s: float) -> float:
    """Seconds that so many requests take at this rate, if none has to be sent again."""
    return requests / rate_per_s


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


def _two_units(large: int, small: int, large_unit: str, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"
