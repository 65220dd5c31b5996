"""What grows with the rows, as tables: runs of several sizes, and figures beside limits. Pure."""

import statistics
from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench.measure import Cost

_HEAD = "      rows       s  rows/s  sent/s  CPU µs/sent  peak MB  MB at 25 %   50 %   75 %  100 %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Something measured, and the most that it may be."""

    name: str
    value: float
    limit: float

    @property
    def is_met(self) -> bool:
        """Whether it keeps its limit."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """One run of so many rows; sent_at: when each was sent, Unix seconds, rising."""

    rows: int
    cost: Cost
    sent_at: Sequence[float]

    @property
    def rows_per_s(self) -> float:
        """Rows a second from the start of the process to its end."""
        return self.rows / self.cost.wall_s

    @property
    def sent_per_s(self) -> float:
        """Requests a second while it was sending, without its start and its end."""
        return (len(self.sent_at) - 1) / (self.sent_at[-1] - self.sent_at[0])

    @property
    def bytes_by_quarter(self) -> list[int]:
        """The memory resident when a quarter, a half, three quarters and all rows were sent."""
        last_of = [len(self.sent_at) * quarter // 4 - 1 for quarter in (1, 2, 3, 4)]
        return [self.cost.at(self.sent_at[last]).resident_bytes for last in last_of]

    @property
    def cpu_us_per_sent(self) -> float:
        """Microseconds of CPU for each request while it was sending."""
        start, *_, end = (
            sample
            for sample in self.cost.samples
            if self.sent_at[0] <= sample.unix_s <= self.sent_at[-1]
        )
        sent = bisect(self.sent_at, end.unix_s) - bisect(self.sent_at, start.unix_s)
        return (end.cpu_s - start.cpu_s) / sent * 1e6


def figures_of(grown: Sequence[Growth]) -> list[Figure]:
    """What is promised of runs: the largest one's memory, and one rate whatever the rows.

    Where others use the same cores, what a request takes of them says more than the rate.
    """
    largest = max(grown, key=lambda each: each.rows)
    quarter, *_, whole = largest.bytes_by_quarter
    rates = [_median(own, lambda each: each.sent_per_s) for own in _by_rows(grown)]
    costs = [_median(own, lambda each: each.cpu_us_per_sent) for own in _by_rows(grown)]
    name = f"run of {largest.rows:,} rows"
    return [
        Figure(name=f"{name}, peak MB", value=largest.cost.peak_bytes / 1e6, limit=400),
        Figure(name=f"{name}, memory after all ÷ after 25 %", value=whole / quarter, limit=1.1),
        Figure(name="sent/s, most ÷ least", value=max(rates) / min(rates), limit=1.1),
        Figure(name="CPU µs/sent, most ÷ least", value=max(costs) / min(costs), limit=1.1),
    ]


def table(figures: Sequence[Figure]) -> str:
    """A line for each figure."""
    return "\n".join(
        f"{each.name:<52} {each.value:>8.2f}  at most {each.limit:g}{_verdict(each)}"
        for each in figures
    )


def growth_table(grown: Sequence[Growth]) -> str:
    """A line for each number of rows: medians."""
    return "\n".join([_HEAD, *map(_line, _by_rows(grown))])


def _verdict(figure: Figure) -> str:
    return "" if figure.is_met else ", MISSED"


def _line(own: Sequence[Growth]) -> str:
    memory = [
        statistics.median(each) / 1e6
        for each in zip(*(one.bytes_by_quarter for one in own), strict=True)
    ]
    return (
        f"{own[0].rows:>10,} {_median(own, lambda each: each.cost.wall_s):>7.1f} "
        f"{_median(own, lambda each: each.rows_per_s):>7,.0f} "
        f"{_median(own, lambda each: each.sent_per_s):>7,.0f} "
        f"{_median(own, lambda each: each.cpu_us_per_sent):>12.0f} "
        f"{_median(own, lambda each: each.cost.peak_bytes / 1e6):>8.0f} "
        f"{memory[0]:>11.0f} {memory[1]:>6.0f} {memory[2]:>6.0f} {memory[3]:>6.0f}"
    )


def _by_rows(grown: Sequence[Growth]) -> list[list[Growth]]:
    sizes = sorted({each.rows for each in grown})
    return [[each for each in grown if each.rows == size] for size in sizes]


def _median(own: Sequence[Growth], value: Callable[[Growth], float]) -> float:
    return statistics.median(map(value, own))
