from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from batch.errors import InputError
from batch.reading import parquet
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
        "leads.parquet: can't be read as Parquet; it is damaged or cut short."
    )
