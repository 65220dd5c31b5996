import zipfile
from pathlib import Path

import pytest

from batch.reading.markup import MarkupError
from batch.reading.ods import open_ods
from batch.reading.sheet import SheetRow

OPEN_DOCUMENT = "urn:oasis:names:tc:opendocument:xmlns"


def written(folder: Path, tables: str, *, styles: str = "") -> Path:
    path = folder / "leads.ods"
    names = " ".join(
        f'xmlns:{each}="{OPEN_DOCUMENT}:{each}:1.0"'
        for each in ("office", "table", "text", "style")
    )
    content = (
        f"<office:document-content {names} "
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("content.xml", content)
    return path


def table(content: str, name: str = "Leads") -> str:
    return f'<table:table table:name="{name}">{content}</table:table>'


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


def cell(attributes: str, *paragraphs: str) -> str:
    text = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    return f"<table:table-cell {attributes}>{text}</table:table-cell>"


def value(kind: str, attribute: str, stored: str, shown: str = "shown") -> str:
    return cell(f'office:value-type="{kind}" office:{attribute}="{stored}"', shown)


def text(shown: str) -> str:
    return cell('office:value-type="string"', shown)


def rows(path: Path) -> list[SheetRow]:
    with zipfile.ZipFile(path) as archive:
        return list(open_ods(archive).rows("Leads"))


def cells(path: Path) -> list[list[str | None]]:
    return [each.texts() for each in rows(path)]


@pytest.mark.parametrize(
    ("source", "read"),
    [
        (text("001"), "001"),
        (value("float", "value", "123"), "123"),
        (value("float", "value", "6.5E+023"), "6.5E+23"),
        (value("percentage", "value", "0.5"), "0.5"),
        (value("currency", "value", "2.50"), "2.5"),
        (value("boolean", "boolean-value", "true"), "TRUE"),
        (value("date", "date-value", "2026-01-02"), "2026-01-02"),
        (value("date", "date-value", "2026-01-02T03:04:05"), "2026-01-02 03:04:05"),
        (value("time", "time-value", "PT01H02M00S"), "01:02:00"),
        (cell('office:value-type="string"', "a", "b"), "a\nb"),
        (
            text(
                "<text:ruby><text:ruby-base>東京</text:ruby-base>"
                "<text:ruby-text>トウキョウ</text:ruby-text></text:ruby>都"
            ),
            "東京都",
        ),
        (text('a<text:s text:c="2"/>b<text:tab/>c<text:span>d</text:span>'), "a  b\tcd"),
        (cell('office:value-type="string" calcext:value-type="error"', "#N/A"), "#N/A"),
        (
            cell(
                'table:formula="of:=1/0" office:value-type="float" office:value="0" '
                'calcext:value-type="error"',
                "#DIV/0!",
            ),
            "#DIV/0!",
        ),
        (cell('office:value-type="string" office:string-value="Hot"'), "Hot"),
        (cell('office:value-type="string" office:string-value="Hot"', "Cold"), "Cold"),
        (cell('table:formula="of:=[.A1]+1"'), "=[.A1]+1"),
        (cell('table:formula="of:=1" office:value-type="float" office:value="1"', "1"), "1"),
    ],
)
def test_cells_read_as_a_person_would_type_them(tmp_path: Path, source: str, read: str) -> None:
    assert cells(written(tmp_path, table(row(source)))) == [[read]]


def test_comments_and_drawings_are_no_text(tmp_path: Path) -> None:
    source = (
        '<table:table-cell office:value-type="string"><office:annotation><text:p>note</text:p>'
        "</office:annotation><text:p>x</text:p></table:table-cell>"
    )
    assert cells(written(tmp_path, table(row(source)))) == [["x"]]


def test_repeated_rows_and_cells_keep_their_places(tmp_path: Path) -> None:
    gap = cell('table:number-columns-repeated="2"')
    twice = cell('table:number-columns-repeated="2" office:value-type="string"', "x")
    rest = cell('table:number-columns-repeated="16000"')
    content = (
        row(cell(""), attributes='table:number-rows-repeated="2"')
        + row(gap, twice, rest)
        + row(text("y"), attributes='table:number-rows-repeated="2"')
        + row(rest, attributes='table:number-rows-repeated="1048570"')
    )
    assert cells(written(tmp_path, table(content))) == [
        [],
        [],
        [None, None, "x", "x"],
        ["y"],
        ["y"],
    ]


def test_a_covered_cell_holds_its_place(tmp_path: Path) -> None:
    covered = "<table:covered-table-cell/>"
    assert cells(written(tmp_path, table(row(text("a"), covered, text("b"))))) == [["a", None, "b"]]


def test_hidden_and_filtered_rows_are_told(tmp_path: Path) -> None:
    content = (
        row(text("a"))
        + row(text("b"), attributes='table:visibility="collapse"')
        + row(text("c"), attributes='table:visibility="filter"')
    )
    assert [each.hidden for each in rows(written(tmp_path, table(content)))] == [False, True, True]


def test_sheets_are_told_apart(tmp_path: Path) -> None:
    styles = (
        '<style:style style:name="ta1"><style:table-properties table:display="true"/></style:style>'
        '<style:style style:name="ta2"><style:table-properties table:display="false"/>'
        "</style:style>"
    )
    tables = (
        table(row(text("other")), name="Other")
        + '<table:table table:name="Secret" table:style-name="ta2"/>'
        + table(row(text("x")))
    )
    path = written(tmp_path, tables, styles=styles)
    with zipfile.ZipFile(path) as archive:
        workbook = open_ods(archive)
    assert (workbook.visible, workbook.hidden) == (("Other", "Leads"), ("Secret",))
    assert cells(path) == [["x"]]


def test_what_a_link_to_another_file_showed_is_no_sheet(tmp_path: Path) -> None:
    link = f"<table:dde-link><table:table>{row(text('old'))}</table:table></table:dde-link>"
    path = written(tmp_path, table(row(text("x"))) + link)
    with zipfile.ZipFile(path) as archive:
        assert open_ods(archive).visible == ("Leads",)
    assert cells(path) == [["x"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            row(text("x"), attributes='table:number-rows-repeated="9999999"'),
            "the sheet has more than 1048576 rows",
        ),
        (
            row(text("x")) + row(f"<table:table-cell>{table('', 'Inner')}</table:table-cell>"),
            "row 2 has a table in a cell",
        ),
        ("</table:table>" + '<table:table table:name="Leads">', "two sheets are called"),
        (row(text("x"), attributes='table:number-rows-repeated="-1"'), "repeats rows -1 times"),
        (row(cell('table:number-columns-repeated="0"', "x")), "repeats columns 0 times"),
    ],
)
def test_a_sheet_that_no_program_would_write_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(MarkupError, match=message):
        rows(written(tmp_path, table(content)))
