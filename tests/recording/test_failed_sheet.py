import csv
import errno
import gc
import os
import zipfile
from itertools import count
from pathlib import Path

import fastexcel
import openpyxl
import pytest

from batch.errors import RunError
from batch.recording import failed_sheet
from batch.recording.atomic_file import AtomicFile
from batch.recording.failed_sheet import SheetLimitError, write_failed_sheet

HEADER = ["id", "note", "blank"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "failed.xlsx"


def source(folder: Path, *rows: list[str], delimiter: str = ",") -> Path:
    path = folder / "failed.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows([HEADER, *rows])
    return path


def test_every_cell_is_text_and_reads_back_as_it_stood_in_the_csv(target: Path) -> None:
    rows = [
        ["001", "=1+1", ""],
        ["6.5E+23", "https://example.com", ""],
        ["5f0000000000000000000001", "'@x", ""],
        ["1e5", 'a\n"b"; <&> é', ""],
        [" 7 ", "tab\tand \x01 control", ""],
        ["_x0041_", "x" * 32_767, ""],
    ]

    path = write_failed_sheet(source(target.parent, *rows, delimiter=";"), target, delimiter=";")

    assert path == target
    assert read(target) == [HEADER, *rows]
    sheet = openpyxl.load_workbook(target).worksheets[0]
    filled = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert len(filled) == 3 + 2 * len(rows)
    assert {(cell.data_type, cell.number_format) for cell in filled} == {("s", "@")}


def read(path: Path) -> list[list[str]]:
    sheet = fastexcel.read_excel(path).load_sheet(0, header_row=None, dtypes="string")
    return [list(row) for row in sheet.to_polars().fill_null("").rows()]


def test_the_header_is_frozen_and_what_is_typed_into_an_empty_cell_stays_text(
    target: Path,
) -> None:
    write_failed_sheet(source(target.parent, ["1", "", ""]), target, delimiter=",")

    sheet = openpyxl.load_workbook(target).worksheets[0]
    assert sheet.freeze_panes == "A2"
    columns = sheet.column_dimensions["A"]
    assert (columns.min, columns.max, columns.number_format) == (1, 3, "@")


def test_only_its_user_may_read_the_sheet_and_nothing_is_left_beside_it(target: Path) -> None:
    write_failed_sheet(source(target.parent), target, delimiter=",")

    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in target.parent.iterdir()) == ["failed.csv", "failed.xlsx"]


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ("MAX_ROWS", "more than the 1 rows that a sheet holds"),
        ("MAX_COLUMNS", "more than the 2 columns that a sheet holds"),
        ("MAX_CHARACTERS", "a cell longer than the 32,767 characters that a sheet's cell holds"),
    ],
)
def test_what_a_sheet_can_not_hold_is_not_cut_but_refused(
    target: Path, monkeypatch: pytest.MonkeyPatch, limit: str, sentence: str
) -> None:
    path = source(target.parent, ["1", "", ""], ["2", "", ""])
    monkeypatch.setattr(failed_sheet, limit, 2)

    with pytest.raises(SheetLimitError) as caught:
        write_failed_sheet(path, target, delimiter=",")

    assert str(caught.value) == sentence
    assert list(target.parent.iterdir()) == [path]


def test_a_cell_too_long_for_the_csv_reader_is_refused_as_well(target: Path) -> None:
    path = source(target.parent, ["1", "x" * 200_000, ""])

    with pytest.raises(SheetLimitError) as caught:
        write_failed_sheet(path, target, delimiter=",")

    assert str(caught.value) == (
        "a cell longer than the 32,767 characters that a sheet's cell holds"
    )


@pytest.mark.parametrize("refused", range(5))
def test_a_full_disk_is_named_and_leaves_no_trace(
    target: Path, monkeypatch: pytest.MonkeyPatch, refused: int
) -> None:
    path = source(target.parent, ["1", "", ""])
    writes = count()
    begin = AtomicFile.__enter__

    def enter(self: AtomicFile) -> AtomicFile:
        new_file = begin(self)
        file_write = new_file.file.write

        def fill(data: bytes) -> int:
            if next(writes) >= refused:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return file_write(data)

        monkeypatch.setattr(new_file.file, "write", fill)
        return new_file

    monkeypatch.setattr(AtomicFile, "__enter__", enter)
    with pytest.raises(RunError) as caught:
        write_failed_sheet(path, target, delimiter=",")

    assert str(caught.value) == (
        f"{target}: can't be written: No space left on device. Free some space on the disk."
    )
    assert list(target.parent.iterdir()) == [path]
    del caught
    gc.collect()  # an archive that broke off is thrown away in silence: warnings are errors here


def test_scratch_that_can_not_be_written_is_named_and_thrown_away_in_silence(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(target.parent, ["1", "", ""])
    write = zipfile.ZipFile.write

    def fail_late(self: zipfile.ZipFile, name: str, arcname: str) -> None:
        write(self, name, arcname)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(zipfile.ZipFile, "write", fail_late)
    with pytest.raises(RunError) as caught:
        write_failed_sheet(path, target, delimiter=",")

    assert str(caught.value) == (
        f"{target}: can't be written: Input/output error. Check the disk and its connection."
    )
    assert list(target.parent.iterdir()) == [path]
    del caught
    gc.collect()
