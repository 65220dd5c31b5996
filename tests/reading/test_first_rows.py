from pathlib import Path

import pytest

from batch.errors import InputError
from batch.reading.spreadsheet import TableOptions, read_first_rows


def test_a_file_is_shown_whatever_its_columns_are_called(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\nOne;Two\n1;\n3;4\n5;6\n", encoding="utf-8")
    seen = read_first_rows(path, TableOptions(), name="a.csv", rows=2)
    assert seen.header == ("One", "Two")
    assert seen.rows == ((3, ("1", "")), (4, ("3", "4")))


def test_what_can_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError) as error:
        read_first_rows(path, TableOptions(), name="a.csv", rows=2)
    assert str(error.value) == (
        "a.csv: seems to be a PDF document. Save its data as CSV or XLSX and use that file."
    )
