import polars as pl
import pytest

from batch.recording.timeline import SCHEMA
from batch.reporting.pace_history import MOST_BARS, PaceHistory, pace_history


def seconds(counts: dict[int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {"second": list(counts), "n": list(counts.values())},
        schema={"second": pl.Int64, "n": pl.Int64},
    )


def spans(*rows: tuple[int, ...]) -> pl.DataFrame:
    """Each: at_ms, ms, requests, refused, held_ms, away_ms."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def known(counts: dict[int, int], *rows: tuple[int, ...]) -> PaceHistory:
    history = pace_history(seconds(counts), spans(*rows))
    assert history is not None
    return history


def test_nothing_sent_has_no_course() -> None:
    assert pace_history(seconds({}), spans((1_000, 1_000, 0, 0, 0, 0))) is None


def test_leads_and_refusals_are_counted_by_second() -> None:
    history = known(
        {100: 5, 101: 7, 103: 2},
        (100_000, 1000, 5, 0, 0, 0),
        (101_000, 1000, 9, 2, 600, 0),
        (102_000, 1000, 0, 0, 1000, 300),
        (103_000, 1000, 2, 0, 0, 0),
    )
    assert [
        (bar.start_s, bar.end_s, bar.leads, bar.refused, bar.held_s) for bar in history.bars
    ] == [
        (0, 1, 5, 0, 0.0),
        (1, 2, 7, 2, 0.6),
        (2, 3, 0, 0, 1.0),
        (3, 4, 2, 0, 0.0),
    ]
    assert (history.length_s, history.refused, history.held_s, history.away_s) == (
        4,
        2,
        1.6,
        0.3,
    )
    assert history.holds == ((1.0, 1.6), (2.0, 3.0))
    assert history.pauses_s == ()


def test_a_night_without_a_process_is_left_out_and_named() -> None:
    night_s = 8 * 3600
    history = known({100: 5, 101: 5, 102 + night_s: 5}, (100_000, 2000, 10, 0, 0, 0))
    assert history.pauses_s == (night_s,)
    assert (history.length_s, [bar.leads for bar in history.bars]) == (3, [5, 5, 5])


def test_a_long_wait_with_a_process_at_work_is_no_pause() -> None:
    waiting = [(100_000 + n * 1000, 1000, 0, 0, 1000, 0) for n in range(600)]
    history = known({100: 1, 700: 1}, *waiting)
    assert history.pauses_s == ()
    assert history.holds == ((0.0, 600.0),)
    assert history.length_s == 601


@pytest.mark.parametrize("length_s", [1, 59, 60, 61, 599, 3_601, 86_399, 5_000_000])
def test_bars_are_few_lose_no_lead_and_reach_to_the_end(length_s: int) -> None:
    every = max(1, length_s // 1000)
    counts = dict.fromkeys(range(0, length_s, every), 3)
    counts[length_s - 1] = 3
    waiting = [(at * 1000, 250_000, 0, 0, 0, 0) for at in range(0, length_s, 250)]
    history = known(counts, *waiting[:-1])
    assert len(history.bars) <= MOST_BARS + 1
    assert sum(bar.leads for bar in history.bars) == sum(counts.values())
    assert history.bars[-1].end_s == history.length_s
