import re

import pytest

from batch.errors import InputError
from batch.reading import grid
from batch.reading.grid import Cells, frames_of, shown, until_last_row, widened


def test_rows_become_frames_of_the_headers_width_with_lines_across_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grid, "ROWS_A_BATCH", 2)
    rows: list[Cells] = [["a", "b"], [], [], [], ["c", None, " ", None]]
    frames = list(frames_of(rows, width=2, first_line=5, name="leads.csv"))
    assert [widened(frame, 2).rows() for frame in frames] == [
        [(5, "a", "b"), (6, None, None)],
        [(7, None, None), (8, None, None)],
        [(9, "c", None)],
    ]


def test_a_batch_ends_where_its_places_or_characters_become_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grid, "_PLACES_A_BATCH", 5)
    monkeypatch.setattr(grid, "_CHARACTERS_A_BATCH", 10)
    rows: list[Cells] = [["a"], [None] * 5 + ["b"], ["x" * 11], ["c"], ["d"]]
    frames = list(frames_of(rows, width=6, first_line=2, name="leads.ods"))
    assert [frame["line"].to_list() for frame in frames] == [[2], [3], [4], [5, 6]]


def test_long_texts_and_empty_columns_keep_their_places() -> None:
    long = "x" * 30_000
    rows: list[Cells] = [[None, long], [None, None, "a"], [None, long + "y", ""]] * 50
    (frame,) = frames_of(rows, width=4, first_line=2, name="leads.ods")
    assert frame.columns == ["line", "1", "2"]
    assert [list(cells) for cells in widened(frame, 4).drop("line").rows()] == [
        [None, long, None, None],
        [None, None, "a", None],
        [None, long + "y", "", None],
    ] * 50


def test_an_extra_cell_is_named_by_its_line_and_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "ROWS_A_BATCH", 2)
    rows: list[Cells] = [["a"], ["b", None], ["c"], ["d", "", "x" * 80]]
    with pytest.raises(InputError) as caught:
        list(frames_of(rows, width=1, first_line=2, name="leads.csv"))
    assert str(caught.value) == (
        f'leads.csv line 5: "{"x" * 59}…" stands in column 3, but the header has only 1. '
        "Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


def test_rows_without_cells_are_dropped_at_the_end_only() -> None:
    rows = [[], ["a"], [], [""], [], []]
    assert list(map(list, until_last_row(rows))) == [[], ["a"], [], [""]]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (" a\tb\r\n\x1b[31mc\0 ", "a b [31mc"),
        ("\ufeffGröße\u00a0東京 😀\u202e", "Größe 東京 😀"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("\u200b" * 9999, ""),
    ],
)
def test_texts_are_shown_on_one_line_without_unseen_characters_and_cut(
    text: str, seen: str
) -> None:
    assert shown(text) == seen


def test_an_extra_cell_is_shown_so() -> None:
    with pytest.raises(InputError, match=re.escape(': "a b" stands in column 2, ')):
        list(frames_of([["x", "a\n\x1bb"]], width=1, first_line=2, name="leads.csv"))
