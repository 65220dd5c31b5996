"""The bench's figures as a table. Pure."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.measure import Cost
from tests.bench.rows import Rows

_HEAD = f"{'':<28}   rows/s  ratio   sent/s  CPU µs/row  peak MB  target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One contender's one run.

    target_load: share of its core that the target used. sent_per_s: requests a second while it
    was sending, without its start and its end; None where that is not known.
    """

    cost: Cost
    target_load: float
    sent_per_s: float | None


def table(rounds: Mapping[str, Sequence[Round]], rows: Rows) -> str:
    """A line for each contender: medians, and how many times its rows/s the first one's are."""
    first = next(iter(rounds.values()))
    best = _median(first, lambda each: rows.count / each.cost.wall_s)
    return "\n".join([_HEAD, *(_line(name, own, rows, best) for name, own in rounds.items())])


def _line(name: str, own: Sequence[Round], rows: Rows, first: float) -> str:
    rows_per_s = _median(own, lambda each: rows.count / each.cost.wall_s)
    sent = "" if own[0].sent_per_s is None else f"{_median(own, _sent_per_s):,.0f}"
    cpu_us = _median(own, lambda each: each.cost.cpu_s / rows.count * 1e6)
    peak_mb = _median(own, lambda each: each.cost.peak_bytes / 1e6)
    load = _median(own, lambda each: each.target_load)
    return (
        f"{name:<28} {rows_per_s:>8,.0f} {first / rows_per_s:>6.2f} {sent:>8} "
        f"{cpu_us:>11.0f} {peak_mb:>8.0f} {load:>7.0%}"
    )


def _sent_per_s(each: Round) -> float:
    return each.sent_per_s or 0.0


def _median(own: Sequence[Round], value: Callable[[Round], float]) -> float:
    return statistics.median(map(value, own))
