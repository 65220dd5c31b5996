import re

import pytest

from batch.errors import InputError
from batch.reading import grid
from batch.reading.grid import Cells, filled_cells, pack_rows, short_text, without_empty_end


def test_rows_become_frames_of_the_headers_width_with_lines_across_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grid, "ROWS_A_BATCH", 2)
    rows: list[Cells] = [["a", "b"], [], [], [], ["c", None, " ", None]]
    held = pack_rows(map(filled_cells, rows), width=2, first_line=5, name="leads.csv")
    assert [each.frame(2).rows() for each in held] == [
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
    held = pack_rows(map(filled_cells, rows), width=6, first_line=2, name="leads.ods")
    assert [(each.first_line, each.height) for each in held] == [(2, 2), (4, 1), (5, 2)]


def test_long_texts_and_empty_columns_keep_their_places() -> None:
    long = "x" * 30_000
    rows: list[Cells] = [[None, long], [None, None, "a"], [None, long + "y", ""]] * 50
    (held,) = pack_rows(map(filled_cells, rows), width=4, first_line=2, name="leads.ods")
    assert sorted(held.texts) == [1, 2]
    assert [list(cells) for cells in held.frame(4).drop("line").rows()] == [
        [None, long, None, None],
        [None, None, "a", None],
        [None, long + "y", None, None],
    ] * 50


def test_what_all_rows_of_a_part_have_is_held_once_and_far_cells_cost_no_more() -> None:
    rows = [{0: "a", 2: f"{n}", 16_383: "far"} for n in range(1000)]
    (held,) = pack_rows(rows, width=16_384, first_line=2, name="leads.ods")
    assert {place: texts.len() for place, texts in held.texts.items()} == {0: 1, 2: 1000, 16_383: 1}
    frame = held.frame(16_384)
    assert frame.columns[-1] == "16383"
    assert frame.select("line", "0", "1", "2", "16383").rows()[999] == (
        1001,
        "a",
        None,
        "999",
        "far",
    )


def test_an_extra_cell_is_named_by_its_line_and_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "ROWS_A_BATCH", 2)
    rows: list[Cells] = [["a"], ["b", None], ["c"], ["d", "", "x" * 80]]
    with pytest.raises(InputError) as caught:
        list(pack_rows(map(filled_cells, rows), width=1, first_line=2, name="leads.csv"))
    assert str(caught.value) == (
        f'leads.csv line 5: "{"x" * 59}…" is in column 3, but the header has only 1. '
        "Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


def test_rows_without_cells_are_dropped_at_the_end_only() -> None:
    rows = [[], ["a"], [], [""], [], []]
    assert list(map(list, without_empty_end(rows))) == [[], ["a"], [], [""]]


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
    assert short_text(text) == seen


def test_an_extra_cell_is_shown_so() -> None:
    with pytest.raises(InputError, match=re.escape(': "a b" is in column 2, ')):
        list(pack_rows([{0: "x", 1: "a\n\x1bb"}], width=1, first_line=2, name="leads.csv"))
