"""Merged cells of the three kinds of workbook: a blank id among them is told as such."""

from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
import xlwt  # type: ignore[import-untyped]  # it ships no types

from batch.columns import Naming
from batch.jobs.cells import cells_of
from batch.judging.from_cells import make_plan
from batch.judging.resolve import CampaignNaming
from batch.judging.rules import Rules
from batch.reading.merged import Merged
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.settings.values import OnConflict
from tests.reading import test_ods

C, L = "65c0ffee0000000000000001", "66a1b2c3d4e5f6a7b8c9d00"
HEADER = ["campaignId", "campaignLeadId", "status", "aiTag"]
ROWS = [HEADER, *([C, f"{L}{n}", "paused", "Later"] for n in range(4))]
Rows = list[list[str]]
Group = tuple[int, int, int, int]  # rows and columns from 0, the last ones included


def xlsx(folder: Path, rows: Rows, groups: list[Group]) -> Path:
    path = folder / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if not is_covered(y, x, groups):
                    sheet.write(y, x, cell)
        for top, bottom, left, right in groups:
            sheet.merge_range(top, left, bottom, right, rows[top][left])
    return path


def xls(folder: Path, rows: Rows, groups: list[Group]) -> Path:
    path = folder / "leads.xls"
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    first = {(top, left): (top, bottom, left, right) for top, bottom, left, right in groups}
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if (y, x) in first:
                sheet.write_merge(*first[y, x], cell)
            elif not is_covered(y, x, groups):
                sheet.write(y, x, cell)
    book.save(str(path))
    return path


def ods(folder: Path, rows: Rows, groups: list[Group]) -> Path:
    spans = {
        (top, left): f'table:number-rows-spanned="{bottom - top + 1}" '
        f'table:number-columns-spanned="{right - left + 1}"'
        for top, bottom, left, right in groups
    }
    lines = [
        test_ods.row(
            *(
                "<table:covered-table-cell/>"
                if is_covered(y, x, groups)
                else test_ods.cell(f'office:value-type="string" {spans.get((y, x), "")}', cell)
                for x, cell in enumerate(row)
            )
        )
        for y, row in enumerate(rows)
    ]
    return test_ods.written(folder, test_ods.table("".join(lines)))


def is_covered(y: int, x: int, groups: list[Group]) -> bool:
    return any(
        top <= y <= bottom and left <= x <= right and (y, x) != (top, left)
        for top, bottom, left, right in groups
    )


WRITES = (xlsx, xls, ods)
Write = Callable[[Path, Rows, list[Group]], Path]


def read(path: Path) -> tuple[dict[int, str], int, tuple[str, ...]]:
    """The message of each row that is wrong or skipped, how many are sent, and the notes."""
    with open_table(path, TableOptions()) as table:
        rules, named = Rules(name=path.name), CampaignNaming(column=Naming.CAMPAIGN)
        cells = cells_of(table, rules, named)
        plan = make_plan(cells, rules, on_conflict=OnConflict.ERROR)
        found = {each.line: each.message for each in plan.problems()}
        return found, plan.requests, table.notes


def blank(column: str, reference: str) -> str:
    return (
        f"{column} is blank: it belongs to the merged cells {reference}, of which only the first "
        "holds a value. Unmerge them, and write the value into each."
    )


@pytest.mark.parametrize("write", WRITES)
def test_a_blank_id_of_merged_cells_names_them(tmp_path: Path, write: Write) -> None:
    found, requests, notes = read(write(tmp_path, ROWS, [(1, 3, 0, 0)]))
    assert found == {3: blank("campaignId", "A2:A4"), 4: blank("campaignId", "A2:A4")}
    assert (requests, notes) == (2, ())


@pytest.mark.parametrize("write", WRITES)
def test_a_blank_id_behind_merged_cells_is_a_slip_of_its_row(tmp_path: Path, write: Write) -> None:
    rows = [*ROWS[:4], ["", *ROWS[4][1:]]]
    found, _, _ = read(write(tmp_path, rows, [(1, 3, 0, 0)]))
    assert found[5] == "campaignId is blank; expected an id."


@pytest.mark.parametrize("write", WRITES)
def test_ids_that_are_merged_side_by_side_are_named(tmp_path: Path, write: Write) -> None:
    found, requests, _ = read(write(tmp_path, ROWS, [(2, 3, 0, 1), (4, 4, 1, 2)]))
    assert found == {
        3: blank("campaignLeadId", "A3:B4"),
        4: blank("campaignId", "A3:B4"),
    }
    assert requests == 2


@pytest.mark.parametrize("write", WRITES)
def test_merged_values_are_told_of(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, ROWS, [(1, 2, 2, 2), (3, 4, 2, 3)])
    said = "Only the first of them holds a value, and the rows of the others get none."
    advice = "Unmerge them, and write the value into each."
    assert read(path)[2] == (
        f"{path.name}: column status has merged cells (C2:C3 and 1 more). {said} {advice}",
        f"{path.name}: column aiTag has merged cells (C4:D5). {said} {advice}",
    )


@pytest.mark.parametrize("write", WRITES)
def test_merged_cells_elsewhere_are_of_no_account(tmp_path: Path, write: Write) -> None:
    rows = [[*row, "note", "note"] for row in ROWS]
    rows[2][1] = ""
    found, _, notes = read(write(tmp_path, rows, [(1, 4, 4, 5)]))
    assert found == {3: "campaignLeadId is blank; expected an id."}
    assert notes == ()


@pytest.mark.parametrize("write", WRITES)
def test_a_blank_address_of_merged_cells_names_them(tmp_path: Path, write: Write) -> None:
    rows = [["campaign", "email", "aiTag"], *(["Sale", f"{n}@x.example", "Hot"] for n in range(3))]
    path = write(tmp_path, rows, [(1, 2, 0, 0), (2, 3, 1, 1)])
    assert read(path)[0] == {3: blank("campaign", "A2:A3"), 4: blank("email", "B3:B4")}


def test_only_so_many_groups_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.reading.sheet_xml.MAX_MERGED", 1)
    found, _, _ = read(xlsx(tmp_path, ROWS, [(1, 2, 0, 0), (3, 4, 0, 0)]))
    assert found == {
        3: blank("campaignId", "A2:A3"),
        5: "campaignId is blank; expected an id.",
    }


@pytest.mark.parametrize(
    ("column", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")]
)
def test_a_group_is_named_as_spreadsheet_programs_name_it(column: int, letters: str) -> None:
    assert Merged(2, 4, 0, column).reference == f"A2:{letters}4"
