from datetime import date, time
from pathlib import Path
from unittest.mock import patch

import pytest
import xlrd
import xlwt  # type: ignore[import-untyped]  # it ships no types

from batch.reading.cost import CostError
from batch.reading.sheet import SheetRow
from batch.reading.xls import open_xls


def rows(book: xlwt.Workbook, folder: Path) -> list[SheetRow]:
    path = folder / "leads.xls"
    book.save(str(path))
    return list(open_xls(path).rows("Leads"))


def test_cells_read_as_a_person_would_type_them_in_their_places(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    sheet.write(1, 1, "001")
    sheet.write(1, 2, 123)
    sheet.write(1, 3, 6.5e23)
    sheet.write(1, 4, True)
    sheet.write(3, 0, date(2026, 1, 2), xlwt.easyxf(num_format_str="dd/mm/yy"))
    sheet.write(3, 1, time(1, 2), xlwt.easyxf(num_format_str="hh:mm"))
    sheet.row(3).set_cell_error(2, 42)
    assert [list(row.cells.values()) for row in rows(book, tmp_path)] == [
        [],
        ["001", "123", "6.5E+23", "TRUE"],
        [],
        ["2026-01-02", "01:02:00", "#N/A"],
    ]


def test_hidden_rows_and_sheets_are_told(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for line in range(3):
        sheet.write(line, 0, "x")
    sheet.row(1).hidden = True
    book.add_sheet("Secret").visibility = 1
    assert [row.hidden for row in rows(book, tmp_path)] == [False, True, False]
    workbook = open_xls(tmp_path / "leads.xls")
    assert (workbook.visible, workbook.hidden) == (("Leads",), ("Secret",))


def test_a_number_format_longer_than_one_can_be_is_refused_unread(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    sheet.write(0, 0, 1.5, xlwt.easyxf(num_format_str="[" * 255))
    assert rows(book, tmp_path)[0].cells == {0: "1.5"}
    sheet.write(1, 0, 1.5, xlwt.easyxf(num_format_str="[" * 256))
    with pytest.raises(CostError, match="a number format has 256 characters"):
        rows(book, tmp_path)


def test_a_long_number_format_costs_no_look_at_it(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    book.add_sheet("Leads").write(0, 0, 1.5, xlwt.easyxf(num_format_str="[" * 8000))
    brackets = patch.object(xlrd.formatting, "fmt_bracketed_sub", return_value="")
    with brackets as looked, pytest.raises(CostError):
        rows(book, tmp_path)
    assert all(len(call.args[1]) <= 255 for call in looked.call_args_list)
