import zipfile
from pathlib import Path

import pytest
import xlsxwriter
import xlwt  # type: ignore[import-untyped]  # it ships no types

from batch.errors import InputError
from batch.reading.content import Format
from batch.reading.grid import Grid
from batch.reading.header_row import HeaderSearch
from batch.reading.workbook import open_workbook
from batch.terminal.remedies import in_terminal

HEADER = ["campaignId", "campaignLeadId", "status", "aiTag"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.xlsx"


def write(path: Path, *rows: list[str], hidden: tuple[int, ...] = ()) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
        for line in hidden:
            sheet.set_row(line - 1, None, None, {"hidden": True})


def opened(path: Path, *, sheet: str | None = None) -> Grid:
    return open_workbook(path, Format.XLSX, sheet=sheet, search=HeaderSearch(), name=path.name)


def refusal(path: Path, *, sheet: str | None = None, file_format: Format = Format.XLSX) -> str:
    with pytest.raises(InputError) as caught:
        open_workbook(path, file_format, sheet=sheet, search=HeaderSearch(), name=path.name)
    return in_terminal(caught.value)


def lines(grid: Grid) -> list[int]:
    return [line for frame in grid.batches() for line in frame["line"]]


def test_a_sheet_is_a_grid_whose_rows_can_be_asked_for_again(path: Path) -> None:
    write(path, HEADER, ["a", "b", "active", "x"], ["c", "d"])
    grid = opened(path)
    assert (grid.header, grid.is_sheet, grid.delimiter, grid.notes) == (
        tuple(HEADER),
        True,
        None,
        (),
    )
    for _ in range(2):
        assert [row for frame in grid.batches() for row in frame.rows()] == [
            (2, "a", "b", "active", "x"),
            (3, "c", "d", None, None),
        ]


def test_lines_count_blank_rows_also_above_the_header_but_none_at_the_end(path: Path) -> None:
    write(path, [], [" "], HEADER, [], ["a", "b"], [" "], [], [""])
    assert lines(opened(path)) == [4, 5, 6]


def test_a_header_alone_has_no_rows(path: Path) -> None:
    write(path, HEADER)
    assert lines(opened(path)) == []


def test_a_cell_beyond_the_header_names_its_line(path: Path) -> None:
    write(path, HEADER, ["a", "b", "active", "x", " "], ["a", "b", "active", "x", "", "my note"])
    assert refusal(path) == (
        'leads.xlsx line 3: "my note" is in column 6, but the header has only 4. '
        "Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


def test_hidden_rows_are_read_and_counted(path: Path) -> None:
    write(path, HEADER, ["a"], ["b"], [""], ["c"], hidden=(1, 3, 4, 5))
    grid = opened(path)
    assert lines(grid) == [2, 3, 4, 5]
    assert grid.notes == (
        "leads.xlsx: 2 hidden or filtered rows are read and sent like the others.",
    )


def test_one_hidden_row_is_told_in_the_singular(path: Path) -> None:
    write(path, HEADER, ["a"], hidden=(2,))
    assert opened(path).notes == (
        "leads.xlsx: 1 hidden or filtered row is read and sent like the others.",
    )


def write_sheets(path: Path, *names: str, hidden: tuple[str, ...] = ()) -> None:
    with xlsxwriter.Workbook(path) as book:
        for name in (*names, *hidden):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, [*HEADER, name])
            if name in hidden:
                sheet.hide()


def test_several_sheets_are_refused_until_one_is_chosen(path: Path) -> None:
    write_sheets(path, "May", "June")
    told = 'leads.xlsx: has 2 sheets with the columns: "May", "June". Choose with --sheet.'
    assert refusal(path) == told
    grid = opened(path, sheet="June")
    assert grid.header[-1] == "June"
    assert grid.notes == ('leads.xlsx: reading sheet "June".',)


def test_the_only_sheet_that_can_be_seen_is_read(path: Path) -> None:
    write_sheets(path, "June", hidden=("Lists",))
    assert opened(path).header[-1] == "June"
    assert opened(path, sheet="Lists").header[-1] == "Lists"


def write_other_sheets(path: Path, *others: list[list[str]], at: int, hidden: bool) -> None:
    """A workbook with a sheet that has the columns below a title, and others."""
    sheets = [*others[:at], [["Title"], [], HEADER, ["a", "b", "active", "x"]], *others[at:]]
    write_sheets_of(path, sheets, hidden=at if hidden else None)


def write_sheets_of(path: Path, sheets: list[list[list[str]]], *, hidden: int | None) -> None:
    if path.suffix == ".xlsx":
        with xlsxwriter.Workbook(path) as book:
            for number, rows in enumerate(sheets):
                sheet = book.add_worksheet(f"S{number}")
                for index, row in enumerate(rows):
                    sheet.write_row(index, 0, row)
                if number == hidden:
                    sheet.hide()
    elif path.suffix == ".xls":
        old = xlwt.Workbook()
        for number, rows in enumerate(sheets):
            sheet = old.add_sheet(f"S{number}")
            for line, row in enumerate(rows):
                for column, cell in enumerate(row):
                    sheet.write(line, column, cell)
            sheet.visibility = int(number == hidden)
        old.save(str(path))
    else:
        write_ods(path, sheets, hidden=hidden)


def write_ods(path: Path, sheets: list[list[list[str]]], *, hidden: int | None) -> None:
    names = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
    tables = ""
    for number, rows in enumerate(sheets):
        style = "hidden" if number == hidden else "shown"
        tables += f'<t:table t:name="S{number}" t:style-name="{style}">'
        for row in rows:
            cells = "".join(f"<t:table-cell><x:p>{cell}</x:p></t:table-cell>" for cell in row)
            tables += f"<t:table-row>{cells or '<t:table-cell/>'}</t:table-row>"
        tables += "</t:table>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f'<o:doc xmlns:o="{names.format("office")}" xmlns:t="{names.format("table")}" '
            f'xmlns:x="{names.format("text")}" xmlns:s="{names.format("style")}">'
            '<s:style s:name="hidden"><s:table-properties t:display="false"/></s:style>'
            f"{tables}</o:doc>",
        )


OTHERS: tuple[list[list[str]], ...] = (
    [["Legend"], ["Campaign", "the campaign"]],
    [],
    [["Campaign", "Lead", "State"], ["66e01a3c122c597083bd438b", "66f1b2000000000000000001", "x"]],
)


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
@pytest.mark.parametrize("at", [0, 1, 3])
def test_the_only_sheet_with_the_columns_is_taken_and_told(
    tmp_path: Path, kind: str, at: int
) -> None:
    path = tmp_path / f"leads.{kind}"
    write_other_sheets(path, *OTHERS, at=at, hidden=False)
    grid = open_workbook(
        path, Format[kind.upper()], sheet=None, search=HeaderSearch(), name=path.name
    )
    assert (grid.sheet, grid.header, grid.header_line) == (f"S{at}", tuple(HEADER), 3)
    assert grid.notes == (f'{path.name}: reading sheet "S{at}", the only one with the columns.',)
    assert lines(grid) == [4]


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_a_hidden_sheet_is_never_taken_by_itself(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"leads.{kind}"
    file_format = Format[kind.upper()]
    write_other_sheets(path, *OTHERS, at=1, hidden=True)
    assert refusal(path, file_format=file_format) == (
        f'leads.{kind}: has 3 sheets: "S0", "S2", "S3". Choose with --sheet.'
    )
    search = HeaderSearch()
    grid = open_workbook(path, file_format, sheet="S1", search=search, name=path.name)
    assert grid.header == tuple(HEADER)
    write_other_sheets(path, OTHERS[0], at=1, hidden=True)
    grid = open_workbook(path, file_format, sheet=None, search=search, name=path.name)
    assert grid.sheet == "S0"


@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_a_sheet_without_rows_is_not_taken_for_one_that_has_some(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"leads.{kind}"
    rows = ["66e01a3c122c597083bd438b", "66f1b2000000000000000001", "active", "x"]
    others = [["Kampagne", "Kontakt", "Zustand", "Etikett"], rows]
    write_sheets_of(path, [others, [HEADER]], hidden=None)
    assert refusal(path, file_format=Format[kind.upper()]) == (
        f'leads.{kind}: has 2 sheets: "S0", "S1". Choose with --sheet.'
    )


def test_a_line_that_is_named_holds_the_header_of_the_sheet_that_is_taken(path: Path) -> None:
    write_other_sheets(path, *OTHERS, at=1, hidden=False)
    search = HeaderSearch(line=3)
    assert open_workbook(path, Format.XLSX, sheet=None, search=search, name="a").sheet == "S1"
    search = HeaderSearch(line=1)  # of no sheet: it will be told of the one with the columns
    grid = open_workbook(path, Format.XLSX, sheet=None, search=search, name="a")
    assert (grid.sheet, grid.header) == ("S1", ("Title", "", "", ""))


@pytest.mark.parametrize("sheet", ["june", " June "])
def test_a_sheets_name_is_found_loosely_too(path: Path, sheet: str) -> None:
    write_sheets(path, "May", "June")
    assert opened(path, sheet=sheet).header[-1] == "June"


def test_a_sheet_that_is_not_there_names_those_that_are(path: Path) -> None:
    write_sheets(path, "May", hidden=("Lists",))
    assert refusal(path, sheet="July") == ('leads.xlsx: has no sheet "July"; found "May", "Lists".')


def test_many_sheets_are_named_in_part(path: Path) -> None:
    write_sheets(path, *map(str, range(300)))
    assert refusal(path) == (
        'leads.xlsx: has 300 sheets: "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11" '
        "and 288 more. Choose with --sheet."
    )
    assert refusal(path, sheet="July").endswith('"10", "11" and 288 more.')


def test_names_of_sheets_are_shown_on_one_line(path: Path) -> None:
    write_sheets(path, "May", "June")
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(b'"May"', b'"May&#10;&#9;2026"')
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    told = 'leads.xlsx: has 2 sheets with the columns: "May 2026", "June". Choose with --sheet.'
    assert refusal(path) == told
    assert opened(path, sheet="May\n\t2026").notes == ('leads.xlsx: reading sheet "May 2026".',)


def test_a_workbook_whose_sheets_are_all_hidden_asks_for_a_name(tmp_path: Path) -> None:
    path = tmp_path / "leads.ods"
    names = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "content.xml",
            f'<a xmlns:t="{names.format("table")}" xmlns:s="{names.format("style")}">'
            '<s:style s:name="x"><s:table-properties t:display="false"/></s:style>'
            '<t:table t:name="Lists" t:style-name="x"/></a>',
        )
    assert refusal(path, file_format=Format.ODS) == (
        "leads.ods: has no visible sheet. Choose with --sheet."
    )


def test_an_empty_sheet_is_refused(path: Path) -> None:
    write(path, [" "])
    assert refusal(path) == (
        'leads.xlsx: sheet "Leads" is empty; '
        "expected a header with campaignId, campaignLeadId, status, aiTag."
    )


def test_a_damaged_workbook_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<x/>")
    assert refusal(path) == (
        "leads.xlsx: can't be read as an .xlsx workbook (_rels/.rels is missing); it is damaged or "
        "protected. Open it in a spreadsheet program and save it again."
    )


@pytest.mark.parametrize("file_format", [Format.XLSX, Format.XLS, Format.ODS])
def test_a_workbook_of_noise_is_refused(path: Path, file_format: Format) -> None:
    path.write_bytes(bytes(range(256)) * 20)
    assert refusal(path, file_format=file_format) == (
        f"leads.xlsx: can't be read as {file_format}; it is damaged or protected. "
        "Open it in a spreadsheet program and save it again."
    )


def test_an_xls_workbook_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "leads.xls"
    book = xlwt.Workbook()
    book.add_sheet("Leads").write(0, 0, "x")
    book.save(str(path))
    whole = path.read_bytes()
    for length in range(600, len(whole), 500):
        path.write_bytes(whole[:length])
        assert "damaged or protected" in refusal(path, file_format=Format.XLS)
