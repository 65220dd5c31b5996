"""A run's pace over time, ready to be drawn: bars, hold-backs, refusals. Pure.

Times are seconds of work since the run began. Pauses without a process at work, such as the night
between an interrupt and `resume`, are left out and counted.
"""

from dataclasses import dataclass

import polars as pl

MOST_BARS = 60
PAUSE_S = 300  # longer without any event: no process was at work
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A span of time. leads: first attempts in it. refused: 429 answers."""

    start_s: float
    end_s: float
    leads: int
    refused: int
    held_s: float

    @property
    def leads_per_s(self) -> float:
        """The rate in this span."""
        return self.leads / (self.end_s - self.start_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceHistory:
    """A run over time. holds: begin and end of each hold-back. pauses_s: left out of all times."""

    bars: tuple[Bar, ...]
    holds: tuple[tuple[float, float], ...]
    pauses_s: tuple[float, ...]
    length_s: float
    refused: int
    held_s: float
    away_s: float


def pace_history(seconds: pl.DataFrame, spans: pl.DataFrame) -> PaceHistory | None:
    """A run's pace over time; None if nothing was sent.

    seconds: `second` (Unix time) and `n`, the leads first attempted in it.
    spans: as `timeline.SCHEMA`.
    """
    if seconds.is_empty():
        return None
    sent = seconds.select(at_ms=pl.col("second") * 1000, ms=pl.lit(1000, pl.Int64), leads="n")
    spans = spans.select("at_ms", "ms", "refused", "held_ms", "away_ms")
    events = pl.concat([sent, spans], how="diagonal").sort("at_ms")
    events, pauses_s = _without_pauses(events.fill_null(0))
    length_s = max(1.0, events.select((pl.col("at_s") + pl.col("ms") / 1000).max()).item())
    step_s = next((s for s in _STEPS_S if length_s / s <= MOST_BARS), length_s / MOST_BARS)
    return PaceHistory(
        bars=_bars(events, step_s, length_s),
        holds=_holds(events.filter(pl.col("held_ms") > 0), least_s=length_s / 200),
        pauses_s=pauses_s,
        length_s=length_s,
        refused=int(events["refused"].sum()),
        held_s=int(events["held_ms"].sum()) / 1000,
        away_s=int(events["away_ms"].sum()) / 1000,
    )


def _without_pauses(events: pl.DataFrame) -> tuple[pl.DataFrame, tuple[float, ...]]:
    """Add `at_s`, seconds of work since the first event; also give the pauses left out."""
    ends = (pl.col("at_ms") + pl.col("ms")).cum_max().shift(1)
    gap = (pl.col("at_ms") - ends).fill_null(0)
    pause = pl.when(gap > PAUSE_S * 1000).then(gap).otherwise(0)
    with_pauses = events.with_columns(pause=pause)
    at_ms = pl.col("at_ms") - pl.col("at_ms").first() - pl.col("pause").cum_sum()
    found = with_pauses.filter(pl.col("pause") > 0)["pause"].to_list()
    return with_pauses.with_columns(at_s=at_ms / 1000), tuple(ms / 1000 for ms in found)


def _bars(events: pl.DataFrame, step_s: float, length_s: float) -> tuple[Bar, ...]:
    middle_s = pl.col("at_s") + pl.col("ms") / 2000
    counted = (
        events.with_columns(bar=(middle_s / step_s).floor().cast(pl.Int64))
        .group_by("bar")
        .agg(pl.col("leads", "refused", "held_ms").sum())
    )
    by_bar = {bar: counts for bar, *counts in counted.iter_rows()}
    bars: list[Bar] = []
    while (start_s := len(bars) * step_s) < length_s:
        leads, refused, held_ms = by_bar.get(len(bars), (0, 0, 0))
        end_s = min(start_s + step_s, max(length_s, start_s + 1))
        bars.append(
            Bar(
                start_s=start_s,
                end_s=end_s,
                leads=leads,
                refused=refused,
                held_s=min(held_ms / 1000, end_s - start_s),
            )
        )
    return tuple(bars)


def _holds(held: pl.DataFrame, *, least_s: float) -> tuple[tuple[float, float], ...]:
    """Begin and end of each hold-back; those less than `least_s` apart count as one."""
    holds: list[tuple[float, float]] = []
    for at_s, held_ms in held.select("at_s", "held_ms").iter_rows():
        start_s, end_s = at_s, at_s + held_ms / 1000
        if holds and start_s - holds[-1][1] <= least_s:
            holds[-1] = (holds[-1][0], max(end_s, holds[-1][1]))
        else:
            holds.append((start_s, end_s))
    return tuple(holds)
