from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from batch.errors import InputError
from batch.reading import content, cost, parquet
from batch.reading.grid import Grid
from batch.reading.parquet import open_parquet


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.parquet"


def opened(path: Path, **columns: pl.Series | list[object]) -> Grid:
    pl.DataFrame(columns).write_parquet(path)
    return open_parquet(path, name="leads.parquet")


def rows(grid: Grid) -> list[tuple[object, ...]]:
    return [row for frame in grid.batches() for row in frame.rows()]


def test_line_is_row_plus_one_and_blank_rows_count_to_the_end(path: Path) -> None:
    grid = opened(path, campaignId=["a", None, "b", None], status=["active", "", None, None])
    assert grid.header == ("campaignId", "status")
    assert rows(grid) == [
        (2, "a", "active"),
        (3, None, ""),
        (4, "b", None),
        (5, None, None),
    ]


MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("001", "001"),
        (123, "123"),
        (123.0, "123"),
        (0.1, "0.1"),
        (6.5e23, "6.5E+23"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2026, 1, 2), "2026-01-02"),
        (MOMENT.replace(tzinfo=None), "2026-01-02 03:04:05"),
        (MOMENT, "2026-01-02 03:04:05+00:00"),
        (time(1, 2), "01:02:00"),
        (timedelta(hours=1), "PT1H"),
        (Decimal("1.20"), "1.20"),
        ([1, 2], "[1,2]"),
        ({"a": 'é"'}, '{"a":"é\\""}'),
    ],
)
def test_values_read_as_a_person_would_type_them(path: Path, value: object, text: str) -> None:
    assert rows(opened(path, x=[value, None])) == [(2, text), (3, None)]


def test_categories_read_as_their_text(path: Path) -> None:
    column = pl.Series(["Interested"], dtype=pl.Categorical)
    assert rows(opened(path, aiTag=column)) == [(2, "Interested")]


def test_rows_come_in_batches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS_A_BATCH", 2)
    grid = opened(path, x=["a", "b", "c", "d", "e"])
    assert [frame["line"].to_list() for frame in grid.batches()] == [[2, 3], [4, 5], [6]]


def test_batches_of_wide_files_have_fewer_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_CELLS_A_BATCH", 4)
    grid = opened(path, x=["a", "b", "c"], y=["d", "e", "f"])
    assert [frame["line"].to_list() for frame in grid.batches()] == [[2, 3], [4]]


def test_batches_of_long_texts_have_fewer_rows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_BYTES_A_BATCH", 100)
    grid = opened(path, x=["a" * 60, None, "b" * 60, "c" * 500, None, "d"], y=["e"] * 6)
    frames = list(grid.batches())
    assert [line for frame in frames for line in frame["line"]] == [2, 3, 4, 5, 6, 7]
    assert len(frames) > 2


def test_what_says_itself_that_it_unpacks_to_too_much_is_refused_unread(path: Path) -> None:
    rows = 9_000_000  # of 8 bytes each
    pl.select(x=pl.repeat(7, rows, dtype=pl.Int64)).write_parquet(path, row_group_size=rows)
    assert path.stat().st_size < 100_000
    unread = patch.object(pl, "scan_parquet", side_effect=AssertionError("read"))
    with unread, pytest.raises(InputError) as caught:
        open_parquet(path, name="leads.parquet")
    assert str(caught.value) == (
        "leads.parquet: its 9,000,000 rows take 68 MB once unpacked, more than 64 MB and 200 times "
        "the file, as no spreadsheet does. Save its data as CSV if you trust it."
    )


def test_a_cell_of_more_than_1_mb_is_refused_by_its_place(path: Path) -> None:
    longest = "é" * 500_000
    assert rows(opened(path, a=["x", "x"], b=["x", longest]))[1] == (3, "x", longest)
    with pytest.raises(InputError) as caught:
        rows(opened(path, a=["x", "x"], b=["x", longest + "x"]))
    assert str(caught.value) == (
        'leads.parquet line 3, column 2 "b": the cell takes 1,000,001 bytes; '
        "expected at most 1,000,000. Shorten it."
    )


def test_text_that_pages_share_counts_each_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "FREE_EXPANSION", 1 << 20)
    monkeypatch.setattr(parquet, "_FREE_TEXT", 2 << 20)
    monkeypatch.setattr(parquet, "_ROWS_A_BATCH", 2)
    texts: list[object] = ["x" * 900_000] * 5
    with pytest.raises(InputError) as caught:
        rows(opened(path, note=texts))
    assert str(caught.value) == (
        "leads.parquet line 4: its cells have more than 2 MB of text up to here. "
        "Save its data as CSV if you trust it."
    )


def test_more_columns_than_a_sheet_has_are_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "MAX_COLUMNS", 2)
    assert opened(path, a=["x"], b=["x"]).header == ("a", "b")
    with pytest.raises(InputError) as caught:
        opened(path, a=["x"], b=["x"], c=["x"])
    assert str(caught.value) == (
        "leads.parquet: has 3 columns; expected at most 2. Take out those that are not needed."
    )


def test_a_column_of_bytes_is_refused(path: Path) -> None:
    with pytest.raises(InputError) as caught:
        opened(path, photo=[b"x"])
    assert str(caught.value) == (
        "leads.parquet: column photo holds bytes; expected text or numbers."
    )


def test_a_columns_name_is_shown_on_one_line(path: Path) -> None:
    photos: list[object] = [b"x"]
    with pytest.raises(InputError, match="column my photo holds bytes"):
        opened(path, **{"my\nphoto\x1b": photos})


def test_a_damaged_file_is_refused(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(100))
    with pytest.raises(InputError) as caught:
        open_parquet(path, name="leads.parquet")
    assert str(caught.value) == (
        "leads.parquet: can't be read as Parquet; it is damaged or incomplete."
    )
