"""A cell's place is its reference, whatever the order in the file."""

import io
import zipfile
from pathlib import Path

import pytest

from batch.errors import InputError
from batch.reading import cost, sheet_xml
from batch.reading.content import Format
from batch.reading.cost import CostError
from batch.reading.header_row import HeaderSearch
from batch.reading.markup import MarkupError
from batch.reading.sheet_xml import GatheredRows, Row, column_number, row_number
from batch.reading.workbook import open_workbook
from tests.reading.test_xlsx import written_by_hand

HEADER = (
    '<row r="1"><c r="A1" t="str"><v>campaignId</v></c><c r="B1" t="str"><v>campaignLeadId</v></c>'
    '<c r="C1" t="str"><v>status</v></c><c r="D1" t="str"><v>aiTag</v></c></row>'
)


def cell(reference: str, value: str = "") -> str:
    place = f' r="{reference}"' if reference else ""
    return f'<c{place} t="str"><v>{value}</v></c>' if value else f"<c{place}/>"


def row(number: int | None, *cells: str) -> str:
    place = "" if number is None else f' r="{number}"'
    return f"<row{place}>{''.join(cells)}</row>"


def written(folder: Path, data: str) -> Path:
    return written_by_hand(folder, f"<sheetData>{data}</sheetData>")


def read(path: Path) -> list[tuple[int, list[str]]]:
    """Line and cells of every row below the header."""
    grid = open_workbook(path, Format.XLSX, sheet=None, search=HeaderSearch(), name="leads.xlsx")
    assert grid.header == ("campaignId", "campaignLeadId", "status", "aiTag")
    found = [each for frame in grid.batches() for each in frame.rows()]
    return [(line, [text or "" for text in cells]) for line, *cells in found]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    return str(caught.value)


PLACED = {
    "cells in any order": (
        HEADER + row(2, cell("D2", "x"), cell("A2", "a"), cell("C2", "y"), cell("B2", "b")),
        [(2, ["a", "b", "y", "x"])],
    ),
    "references in any case": (
        HEADER + row(2, cell("d2", "x"), cell("a2", "a")),
        [(2, ["a", "", "", "x"])],
    ),
    "leading zeros": (HEADER + row(2, cell("D02", "x")), [(2, ["", "", "", "x"])]),
    "a cell without a reference follows the one before": (
        HEADER + row(2, cell("B2", "b"), cell("", "y"), cell("A2", "a"), cell("D2", "x")),
        [(2, ["a", "b", "y", "x"])],
    ),
    "empty cells count": (
        HEADER + row(2, cell(""), cell("", "b"), cell("D2"), cell("C2", "y")),
        [(2, ["", "b", "y", ""])],
    ),
    "a row without a number has that of its cells": (
        HEADER + row(None, cell("A3", "a"), cell("B3", "b")),
        [(2, [""] * 4), (3, ["a", "b", "", ""])],
    ),
    "a row without a number follows the one before": (
        HEADER + row(3, cell("", "a")) + row(None, cell("", "c")),
        [(2, [""] * 4), (3, ["a", "", "", ""]), (4, ["c", "", "", ""])],
    ),
    "the reference decides where the row's number is another": (
        HEADER + row(2, cell("A2", "a"), cell("B3", "b")) + row(4, cell("A4", "c")),
        [(2, ["a", "", "", ""]), (3, ["", "b", "", ""]), (4, ["c", "", "", ""])],
    ),
    "and where it is one above": (
        HEADER + row(2, cell("A2", "a")) + row(3, cell("B2", "b"), cell("A3", "c")),
        [(2, ["a", "b", "", ""]), (3, ["c", "", "", ""])],
    ),
    "several elements make one row": (
        HEADER + row(2, cell("A2", "a")) + row(2, cell("D2", "x")) + row(2, cell("B2", "b")),
        [(2, ["a", "b", "", "x"])],
    ),
    "rows in any order": (
        row(4, cell("A4", "e")) + row(2, cell("A2", "a")) + HEADER + row(3, cell("D3", "x")),
        [(2, ["a", "", "", ""]), (3, ["", "", "", "x"]), (4, ["e", "", "", ""])],
    ),
    "one row in several elements far apart": (
        HEADER + row(2, cell("D2", "x")) + row(4, cell("A4", "e")) + row(2, cell("A2", "a")),
        [(2, ["a", "", "", "x"]), (3, [""] * 4), (4, ["e", "", "", ""])],
    ),
    "cells beside the sheet's rows are none": (
        HEADER + row(2, cell("A2", "a")) + cell("B2", "b"),
        [(2, ["a", "", "", ""])],
    ),
}


@pytest.mark.parametrize("kind", PLACED)
def test_a_cell_stands_where_its_reference_says(tmp_path: Path, kind: str) -> None:
    data, expected = PLACED[kind]
    assert read(written(tmp_path, data)) == expected


TWICE = {
    "in one row": HEADER + row(2, cell("A2", "a"), cell("C2", "y"), cell("C2", "z")),
    "in another order": HEADER + row(2, cell("C2", "y"), cell("A2", "a"), cell("c2", "y")),
    "once empty": HEADER + row(2, cell("C2", "y"), cell("C2")),
    "first empty": HEADER + row(2, cell("C2"), cell("C2", "y")),
    "first empty, beside others": HEADER
    + row(2, cell("A2", "a"), cell("B2", "b"), cell("C2"), cell("C2", "y")),
    "by counting": HEADER + row(2, cell("C2", "y"), cell("B2", "b"), cell("", "y")),
    "in two elements": HEADER + row(2, cell("C2", "y")) + row(2, cell("C2", "z")),
    "by a strayed reference": HEADER + row(2, cell("C2", "y")) + row(3, cell("C2", "z")),
    "far apart": HEADER + row(2, cell("C2", "y")) + row(3, cell("A3")) + row(2, cell("C2", "z")),
    "far apart, once empty": HEADER
    + row(2, cell("C2", "y"))
    + row(3, cell("A3", "a"))
    + row(2, cell("C2")),
}


@pytest.mark.parametrize("kind", TWICE)
def test_a_place_that_is_filled_twice_is_refused(tmp_path: Path, kind: str) -> None:
    assert refusal(written(tmp_path, TWICE[kind])) == (
        "leads.xlsx: can't be read as an .xlsx workbook (cell C2 is in the sheet twice); "
        "it is damaged or protected. Open it in a spreadsheet program and save it again."
    )


@pytest.mark.parametrize(
    "data",
    [
        HEADER + row(2, cell("A3", "a"), cell("", "b")),
        HEADER + row(2, cell("", "a"), cell("B3", "b")),
        HEADER + row(None, cell("", "a"), cell("B3", "b")),
        HEADER + row(None, cell("B3", "a")) + row(None, cell("", "b")),
    ],
)
def test_a_cell_that_could_stand_in_two_rows_is_refused(tmp_path: Path, data: str) -> None:
    assert "its cells don't say which" in refusal(written(tmp_path, data))


def test_a_number_ends_the_doubt(tmp_path: Path) -> None:
    data = HEADER + row(None, cell("A3", "a")) + row(4, cell("", "b")) + row(None, cell("", "c"))
    assert read(written(tmp_path, data))[1:] == [
        (3, ["a", "", "", ""]),
        (4, ["b", "", "", ""]),
        (5, ["c", "", "", ""]),
    ]


def test_rows_in_any_order_are_read_in_order(tmp_path: Path) -> None:
    numbers = [2 + (37 * i) % 101 for i in range(101)]
    data = "".join(row(n, cell(f"B{n}", f"b{n}"), cell(f"A{n}", f"ä{n}")) for n in numbers)
    assert read(written(tmp_path, data + HEADER)) == [
        (n, [f"ä{n}", f"b{n}", "", ""]) for n in range(2, 103)
    ]


def test_hidden_rows_are_counted_whatever_their_order(tmp_path: Path) -> None:
    hidden = '<row r="2" hidden="1"><c r="A2"><v>1</v></c></row>'
    path = written(tmp_path, row(3, cell("A3", "c")) + hidden + HEADER)
    grid = open_workbook(path, Format.XLSX, sheet=None, search=HeaderSearch(), name="leads.xlsx")
    assert grid.notes == ("leads.xlsx: 1 hidden or filtered row is read and sent like the others.",)


@pytest.mark.parametrize("value", ["", "x"])
def test_pieces_of_rows_out_of_order_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setattr(sheet_xml, "_MOST_PIECES", 10)
    data = HEADER + "".join(row(n, cell(f"A{n}", value)) for n in range(20, 2, -1))
    assert "rows out of order, in too many pieces" in refusal(written(tmp_path, data))


@pytest.mark.parametrize(("empty", "most"), [(0, 10), (1, 9), (2, 4), (5, 1)])
def test_as_many_pieces_and_empty_cells_are_taken_as_there_may_be(
    monkeypatch: pytest.MonkeyPatch, empty: int, most: int
) -> None:
    monkeypatch.setattr(sheet_xml, "_MOST_PIECES", 10)
    gathered = GatheredRows(io.BytesIO())
    for line in range(most, 0, -1):
        gathered.add(Row(line, {0: "x"}, set(range(1, 1 + empty)), False))
    with pytest.raises(MarkupError, match="in too many pieces"):
        gathered.add(Row(20, {0: "x"}, set(range(1, 1 + empty)), False))
    assert [row.texts() for row in gathered.rows()] == [["x"]] * most


def test_rows_out_of_order_are_counted_before_they_are_sorted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "MAX_CHARACTERS", 50)
    gathered = GatheredRows(io.BytesIO())
    for line in range(100, 95, -1):
        gathered.add(Row(line, {0: "x" * 10}, set(), False))
    with pytest.raises(CostError, match="more than 50 characters up to here"):
        gathered.add(Row(95, {0: "x" * 10}, set(), False))


@pytest.mark.parametrize(
    ("letters", "position"), [("A", 0), ("z", 25), ("AA", 26), ("Ab", 27), ("XFD", 16_383)]
)
def test_columns_are_counted_by_their_letters(letters: str, position: int) -> None:
    assert column_number(letters) == position


@pytest.mark.parametrize("letters", ["", "XFE", "AAAA", "Ä", "A1", "$A", " A", "\u0131"])
def test_what_is_no_column_is_refused(letters: str) -> None:
    with pytest.raises(MarkupError):
        column_number(letters)


@pytest.mark.parametrize("text", ["", "0", "-1", "1048577", "٣", "1.0", "1_0", "9" * 5000])
def test_what_is_no_row_is_refused(text: str) -> None:
    with pytest.raises(MarkupError):
        row_number(text)


def renamed(path: Path, names: dict[str, str]) -> Path:
    """The workbook with parts under other names; a name that ends in + is added, not changed."""
    with zipfile.ZipFile(path) as archive:
        parts = [(part, archive.read(part)) for part in archive.namelist()]
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts:
            name = names.get(part, part)
            archive.writestr(part if name.endswith("+") else name, content)
            if name.endswith("+"):
                archive.writestr(name[:-1], content)
    return path


@pytest.mark.parametrize(
    "names",
    [
        {"xl/workbook.xml": "XL/Workbook.XML"},
        {"xl/sheet.xml": "xl/Sheet.xml", "_rels/.rels": "_Rels/.RELS"},
        {"xl/sheet.xml": "xl\\sheet.xml", "_rels/.rels": "_rels\\.rels"},
        {"xl/_rels/workbook.xml.rels": "\\xl\\_rels\\Workbook.xml.rels"},
    ],
)
def test_parts_are_found_whatever_their_case_and_slashes(
    tmp_path: Path, names: dict[str, str]
) -> None:
    path = written(tmp_path, HEADER + row(2, cell("A2", "a")))
    assert read(renamed(path, names)) == [(2, ["a", "", "", ""])]


@pytest.mark.parametrize("other", ["xl/Sheet.xml", "xl\\sheet.xml", "/XL\\sheet.XML"])
def test_two_parts_of_one_name_are_refused(tmp_path: Path, other: str) -> None:
    path = written(tmp_path, HEADER + row(2, cell("A2", "a")))
    assert f"({other} is in the archive twice)" in refusal(
        renamed(path, {"xl/sheet.xml": other + "+"})
    )
