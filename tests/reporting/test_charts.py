from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.reporting.charts import (
    NARROW,
    WIDE,
    clock,
    clock_ticks,
    latency_chart,
    nice_ticks,
    pace_chart,
)
from batch.reporting.pace_history import Bar, PaceHistory

OVERTIME = PaceHistory(
    bars=tuple(
        Bar(start_s=n, end_s=n + 1, leads=leads, refused=refused, held_s=0.0)
        for n, (leads, refused) in enumerate([(5, 0), (20, 3), (0, 0), (8, 0)])
    ),
    holds=((2.0, 3.0),),
    pauses_s=(),
    length_s=4.0,
    refused=3,
    held_s=1.0,
    away_s=0.0,
)
LATENCY = [("1 ms", 3), ("<2> ms", 900), ("5 ms", 0)]


SIZES = pytest.mark.parametrize("size", [WIDE, NARROW])


def parts_of(drawn: str) -> tuple[dict[str, list[dict[str, float]]], list[str]]:
    """The bars of each series (x, y, width, height), and the texts."""
    root = fromstring(drawn)  # noqa: S314 - our own drawing
    numbers = ("x", "y", "width", "height")
    bars = {
        group.get("class", ""): [
            {name: float(bar.get(name, "nan")) for name in numbers}
            for bar in group
            if bar.tag.endswith("}rect")
        ]
        for group in root
        if not group.get("class", "").startswith("axis")
    }
    return bars, [node.text or "" for node in root.iter() if node.tag.endswith("}text")]


@SIZES
def test_the_pace_is_drawn_with_hold_backs_and_refusals(size: tuple[int, int]) -> None:
    bars, texts = parts_of(pace_chart(OVERTIME, size=size))
    assert [len(bars[name]) for name in ("s0", "s1", "s2")] == [1, 3, 1]
    assert texts[:3] == ["0", "5", "10"]
    assert texts[-5:] == ["0 s", "1 s", "2 s", "3 s", "4 s"]
    heights = [bar["height"] for bar in bars["s1"]]
    assert [round(height / heights[1], 2) for height in heights] == [0.25, 1, 0.4]
    (band,), (mark,), base = bars["s0"], bars["s2"], bars["s1"][0]["y"] + heights[0]
    assert band["y"] + band["height"] == pytest.approx(base, abs=0.2)
    assert mark["y"] > base
    assert mark["x"] == pytest.approx(bars["s1"][1]["x"], abs=0.2)


def test_the_latencies_are_drawn_a_bar_a_bin() -> None:
    bars, texts = parts_of(latency_chart(LATENCY, size=WIDE))
    assert [bar["height"] for bar in bars["s1"]] == [pytest.approx(0.7, abs=0.1), 190.8]
    assert texts[-3:] == ["1 ms", "<2> ms", "5 ms"]


@SIZES
@given(data=st.data())
def test_nothing_is_drawn_outside(size: tuple[int, int], data: st.DataObject) -> None:
    step_s = data.draw(st.sampled_from([1.0, 7.5, 600.0, 86_400.0]))
    counts = data.draw(st.lists(st.integers(0, 10**9), min_size=3, max_size=60))
    length_s = data.draw(st.floats(0.2, 1.0)) * step_s + (len(counts) - 1) * step_s
    bars = tuple(
        Bar(start_s=n * step_s, end_s=(n + 1) * step_s, leads=leads, refused=n % 2, held_s=0.0)
        for n, leads in enumerate(counts)
    )
    over = replace(OVERTIME, bars=bars, length_s=length_s, holds=((0.0, length_s),))
    if any(counts):
        drawn, _ = parts_of(pace_chart(over, size=size))
    else:
        drawn, _ = parts_of(latency_chart([("a", 1)], size=size))
    for bar in (bar for group in drawn.values() for bar in group):
        assert min(bar.values()) >= 0
        assert bar["x"] + bar["width"] <= size[0] + 1
        assert bar["y"] + bar["height"] <= size[1]


def test_a_drawing_has_no_script_no_style_and_nothing_from_elsewhere() -> None:
    for drawn in (pace_chart(OVERTIME, size=WIDE), latency_chart(LATENCY, size=WIDE)):
        assert "<script" not in drawn
        assert "<style" not in drawn
        assert "<!--" not in drawn
        assert drawn.count("http") == drawn.count("http://www.w3.org/2000/svg")
        assert 'aria-hidden="true"' in drawn


@given(st.floats(0.0001, 1e7), st.integers(2, 8), st.booleans())
def test_ticks_are_few_and_reach_above_the_top(top: float, at_most: int, whole: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    ticks = nice_ticks(top, at_most=at_most, whole=whole)
    assert ticks[0] == 0
    assert ticks[-1] >= top * 0.999999
    assert len(ticks) <= at_most + 1
    assert not whole or all(tick == int(tick) for tick in ticks)


@given(st.floats(1, 1e7), st.integers(3, 8))
def test_ticks_of_time_are_few_and_within_the_run(length_s: float, at_most: int) -> None:
    ticks = clock_ticks(length_s, at_most=at_most)
    assert ticks[0] == 0
    assert ticks[-1] <= length_s
    assert len(ticks) <= at_most + 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (45, "45 s"), (60, "1 min"), (90, "90 s"), (150, "2:30 min"), (600, "10 min"),
        (3_600, "1 h"), (5_400, "1:30 h"), (86_400, "24 h"), (172_800, "2 d"), (194_400, "2 d 6 h"),
    ],
)  # fmt: skip
def test_a_time_is_said_shortly(seconds: float, said: str) -> None:
    assert clock(seconds) == said
