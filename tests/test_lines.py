import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.lines import frames_with, line_list, only_lines

rising = st.lists(st.integers(0, 60), unique=True).map(sorted)


@given(rising, rising)
def test_the_rows_with_these_lines_are_picked(lines: list[int], wanted: list[int]) -> None:
    frame = pl.DataFrame({"line": pl.Series(lines, dtype=pl.UInt32)})
    picked = only_lines(frame, pl.Series(wanted, dtype=pl.UInt32))
    assert picked["line"].to_list() == [line for line in lines if line in wanted]


@given(rising, rising, st.integers(1, 7))
def test_frames_without_any_of_the_lines_are_left_out(
    lines: list[int], wanted: list[int], height: int
) -> None:
    frame = pl.DataFrame({"line": pl.Series(lines, dtype=pl.UInt32)})
    picked = list(frames_with(frame.iter_slices(height), pl.Series(wanted, dtype=pl.UInt32)))
    assert [line for one in picked for line in one["line"]] == sorted({*lines} & {*wanted})
    assert all(one.height for one in picked)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], ""),
        ([7], "7"),
        ([2, 3, 4, 9], "2 to 4, 9"),
        ([2, 4, 6, 7, 8, 10], "2, 4, 6 to 8 and 1 more"),
    ],
)
def test_lines_are_named_in_as_few_words_as_tell_all(lines: list[int], told: str) -> None:
    assert line_list(lines, most=3) == told
