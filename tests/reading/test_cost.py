"""What a workbook may cost; text and Parquet have their bounds in their own tests."""

import zipfile
from pathlib import Path

import pytest

from batch.errors import InputError
from batch.reading import content, cost
from batch.reading.cost import MAX_CELL, CostError, Tally, check_format_code
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table

OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"
ID = "66a1b2c3d4e5f60718293a4b"
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")


def cell(text: str, *, repeated: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def gap(columns: int) -> str:
    return f'<table:table-cell table:number-columns-repeated="{columns}"/>'


def row(*cells: str, repeated: int = 1) -> str:
    attribute = f'table:number-rows-repeated="{repeated}"'
    return f"<table:table-row {attribute}>{''.join(cells)}</table:table-row>"


def ods(folder: Path, *rows: str, columns: str = "") -> Path:
    path = folder / "leads.ods"
    names = " ".join(f'xmlns:{n}="{OPEN_DOCUMENT}:{n}:1.0"' for n in ("office", "table", "text"))
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Leads">{row(*map(cell, HEADER), columns)}{"".join(rows)}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content.xml", content)
    return path


def heights(path: Path) -> list[int]:
    with open_table(path, TableOptions()) as table:
        return [frame.height for frame in table.cells()]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        heights(path)
    return str(caught.value)


def test_a_cell_that_no_workbook_can_hold_is_refused_by_its_place(tmp_path: Path) -> None:
    longest = row(cell(ID), cell(ID), cell("paused"), cell("x" * MAX_CELL))
    assert heights(ods(tmp_path, longest)) == [1]
    assert refusal(ods(tmp_path, longest, row(gap(3), cell("x" * (MAX_CELL + 1))))) == (
        "leads.ods line 3, column 4: the cell has more than 32,767 characters, "
        "the most that a workbook's cell holds. Shorten it."
    )


def test_all_parts_together_unpack_only_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ods(tmp_path, row(cell(ID), cell(ID), cell("paused")))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for n in range(10):  # each unpacks to 200 times its size and some more
            archive.writestr(f"{n}.xml", " " * 300_000)
    assert heights(path) == [1]
    monkeypatch.setattr(content, "FREE_EXPANSION", 0)
    assert refusal(path) == (
        "leads.ods: its parts unpack to more than 64 MB and 200 times its size, "
        "as no workbook's do. Save its data as CSV if you trust it."
    )


def test_a_row_wider_than_a_sheet_is_refused(tmp_path: Path) -> None:
    assert refusal(ods(tmp_path, row(gap(16_384), cell("x")))) == (
        "leads.ods line 2: the row has more than 16,384 columns, the most that a sheet holds. "
        "Take out those that are not needed."
    )


def test_texts_count_each_time_that_a_repeated_row_or_cell_has_them(tmp_path: Path) -> None:
    long = row(cell("x" * 32_000, repeated=4), repeated=1_048_000)
    assert refusal(ods(tmp_path, row(*map(cell, HEADER)), long)) == (
        "leads.ods line 8391: the workbook has more than 1,073,741,824 characters up to here "
        "(as many as 1,048,576 rows × 64 cells of 16); "  # noqa: RUF001 - times, not x
        "repeated and shared texts count each time. Split it, or save its data as CSV."
    )


def test_filled_cells_count_each_time_that_they_are_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "MAX_FILLED", 4 + 4 * 500)
    assert heights(ods(tmp_path, row(cell("x", repeated=4), repeated=500))) == [500]
    assert refusal(ods(tmp_path, row(cell("x", repeated=4), repeated=501))) == (
        "leads.ods line 502: the workbook has more than 2,004 filled cells up to here "
        "(as many as 1,048,576 rows × 64 cells); "  # noqa: RUF001 - times, not x
        "repeated rows and cells count each time. Split it, or save its data as CSV."
    )


def test_empty_cells_and_rows_count_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As LibreOffice ends each row and each sheet."""
    monkeypatch.setattr(cost, "MAX_FILLED", 4 + 3)
    lead = row(cell(ID), cell(ID), cell("paused"), gap(16_381))
    path = ods(tmp_path, lead, row(gap(16_384), repeated=1_048_574), columns=gap(16_380))
    assert heights(path) == [1]


def test_a_tally_refuses_a_cell_that_no_workbook_can_hold() -> None:
    with pytest.raises(CostError) as caught:
        Tally().add({0: "x", 2: "x" * (MAX_CELL + 1)}, line=7)
    assert caught.value.sentence("leads.xlsx").startswith("leads.xlsx line 7, column 3: the cell")


def test_a_tally_counts_the_rows_that_are_there_and_no_blank_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "MAX_FILLED", 999)
    tally = Tally()
    for line in range(1, 1000):
        tally.add({}, line=line)
        tally.add({16_383: "x" * MAX_CELL}, line=line)
    with pytest.raises(CostError):
        tally.add({16_383: "x"}, line=1000)


def test_a_number_format_longer_than_one_can_be_is_refused() -> None:
    assert check_format_code("0" * 255) == "0" * 255
    with pytest.raises(CostError) as caught:
        check_format_code("0" * 256)
    assert caught.value.sentence("leads.xlsx") == (
        "leads.xlsx: a number format has 256 characters; a workbook's holds at most 255. "
        "Open it in a spreadsheet program and save it again."
    )
