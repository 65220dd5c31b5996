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
from batch.reporting.overtime import Bar, Overtime

OVERTIME = Overtime(
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


def parts_of(drawn: str) -> tuple[dict[str, int], list[str]]:
    """The bars of each series, and the texts."""
    root = fromstring(drawn)  # noqa: S314 - our own drawing
    bars = {
        node.get("class", "").split()[1]: sum(each.tag.endswith("}rect") for each in node.iter())
        for node in root.iter()
        if node.get("class", "").startswith("series ")
    }
    return bars, [node.text or "" for node in root.iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_the_pace_is_drawn_with_hold_backs_and_refusals(size: tuple[int, int]) -> None:
    bars, texts = parts_of(pace_chart(OVERTIME, size=size))
    assert (bars["serie-0"], bars["serie-1"], bars["serie-2"]) == (1, 3, 1)
    assert texts[:3] == ["0", "5", "10"]
    assert texts[-5:] == ["0 s", "1 s", "2 s", "3 s", "4 s"]


def test_the_latencies_are_drawn_a_bar_a_bin() -> None:
    bars, texts = parts_of(latency_chart(LATENCY, size=WIDE))
    assert bars == {"serie-0": 3}
    assert texts[-3:] == ["1 ms", "<2> ms", "5 ms"]


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
