import re
import zipfile
from datetime import UTC, date, datetime, time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from batch.reading import cost
from batch.reading.cost import CostError
from batch.reading.markup import MarkupError
from batch.reading.sheet import SheetRow
from batch.reading.xlsx import open_xlsx

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def rows(path: Path, sheet: str = "Leads") -> list[SheetRow]:
    with zipfile.ZipFile(path) as archive:
        return list(open_xlsx(archive).rows(sheet))


def cells(path: Path) -> list[list[str | None]]:
    return [row.texts() for row in rows(path)]


def written_by_hand(
    folder: Path,
    sheet_data: str,
    *,
    strings: str = "",
    styles: str = "",
    properties: str = "",
    prefix: str = "",
) -> Path:
    """A workbook of the fewest parts; prefix: of the elements' namespace, with its colon."""
    path = folder / "leads.xlsx"
    xmlns = f'xmlns:{prefix[:-1]}="{MAIN}"' if prefix else f'xmlns="{MAIN}"'
    relation = '<Relationship Id="{}" Type="' + KIND + '/{}" Target="{}"/>'
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{RELATIONS}">'
        + relation.format("r1", "officeDocument", "/xl/workbook.xml")
        + "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KIND}">{properties}<sheets>'
        '<sheet name="Leads" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">'
        + relation.format("r1", "worksheet", "sheet.xml")
        + (relation.format("r2", "sharedStrings", "../xl/strings.xml") if strings else "")
        + (relation.format("r3", "styles", "styles.xml") if styles else "")
        + "</Relationships>",
        "xl/sheet.xml": f"<{prefix}worksheet {xmlns}>{sheet_data}</{prefix}worksheet>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        "xl/strings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
    }
    with zipfile.ZipFile(path, "w") as archive:
        for part, text in parts.items():
            archive.writestr(part, text)
    return path


def test_shared_texts_together_are_bounded_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written_by_hand(tmp_path, "", strings="<si><t>abc</t></si><si><t>def</t></si>")
    monkeypatch.setattr(cost, "MAX_CHARACTERS", 6)
    assert rows(path) == []
    monkeypatch.setattr(cost, "MAX_CHARACTERS", 5)
    with pytest.raises(CostError, match=r"^xl/strings\.xml has more than 5 characters\."):
        rows(path)


def test_a_number_format_of_brackets_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        longest = book.add_format({"num_format": "[" * 256})
        book.add_worksheet("Leads").write(0, 0, 1.5, longest)
    with pytest.raises(CostError, match="a number format has 256 characters"):
        rows(path)


@pytest.mark.parametrize("parent", ["cellXfs", "cellStyleXfs"])
def test_only_so_many_cell_formats_are_read(tmp_path: Path, parent: str) -> None:
    def with_formats(number: int) -> Path:
        return written_by_hand(tmp_path, "", styles=f"<{parent}>{'<xf/>' * number}</{parent}>")

    assert rows(with_formats(65_490)) == []
    with pytest.raises(CostError) as caught:
        rows(with_formats(65_491))
    assert caught.value.sentence("leads.xlsx") == (
        "leads.xlsx: the workbook has more than 65,490 cell formats, the most that Excel takes. "
        "Open it in a spreadsheet program and save it again, or save its data as CSV."
    )


def test_cells_read_as_a_person_would_type_them(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        day = book.add_format({"num_format": "dd/mm/yy"})
        clock = book.add_format({"num_format": 20})
        elapsed = book.add_format({"num_format": "[h]:mm"})
        price = book.add_format({"num_format": '[Red]#,##0.00" days"'})
        sheet.write_string(0, 0, "001")
        sheet.write(0, 1, 123)
        sheet.write(0, 2, 6.5e23)
        sheet.write(0, 3, True)
        sheet.write(1, 0, date(2026, 1, 2), day)
        sheet.write(1, 1, datetime(2026, 1, 2, 3, 4, 5), day)  # noqa: DTZ001 - cells have no zone
        sheet.write(1, 2, time(1, 2), clock)
        sheet.write(1, 3, 1.5, elapsed)
        sheet.write(1, 4, 2.5, price)
        sheet.write_string(2, 0, " a\nb ")
        sheet.write_rich_string(2, 1, "In", book.add_format({"bold": True}), "terest", "ed")
        sheet.write_string(2, 2, "cr\rlf")
        sheet.write_string(2, 3, "_x0041_")
    assert cells(path) == [
        ["001", "123", "6.5E+23", "TRUE"],
        ["2026-01-02", "2026-01-02 03:04:05", "01:02:00", "36:00:00", "2.5"],
        [" a\nb ", "Interested", "cr\rlf", "_x0041_"],
    ]


def test_errors_and_formulas_without_a_value_keep_their_text(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        sheet.write_formula(0, 0, "=NA()", value="#N/A")
        sheet.write_formula(0, 1, '=A1&"x"', value="")
        sheet.write_formula(0, 2, "=1+1", value=2)
        sheet.write_formula(0, 3, '="a"', value="a")
    assert cells(path) == [["#N/A", '=A1&"x"', "2", "a"]]


def test_a_formula_whose_stored_value_is_empty_text_is_blank(tmp_path: Path) -> None:
    data = (
        '<sheetData><row r="1"><c r="A1" t="str"><f>IF(B1,1,"")</f><v></v></c>'
        '<c r="B1"><f t="shared" si="0"/></c></row></sheetData>'
    )
    assert cells(written_by_hand(tmp_path, data)) == [[None, "="]]


def test_rows_and_columns_keep_their_places(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        sheet.write(2, 1, "x")
        sheet.write(4, 27, "y")
        sheet.write_blank(6, 3, None, book.add_format({"bold": True}))
    assert cells(path) == [[], [], [None, "x"], [], [None] * 27 + ["y"], [], []]


def test_rows_and_cells_without_references_follow_each_other(tmp_path: Path) -> None:
    data = "<sheetData><row><c><v>1</v></c><c/><c><v>2</v></c></row><row><c><v>3</v></c></row>"
    assert cells(written_by_hand(tmp_path, data + "</sheetData>")) == [["1", None, "2"], ["3"]]


def test_hidden_and_filtered_rows_are_told(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Leads"
    for value in ("a", "b", "c"):
        sheet.append([value])
    sheet.row_dimensions[2].hidden = True
    book.save(path)
    assert [row.hidden for row in rows(path)] == [False, True, False]


def test_sheets_are_told_apart_and_charts_are_none(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Leads & more").write(0, 0, "x")
        book.add_worksheet("Secret").hide()
        book.add_worksheet("Very secret").very_hidden()
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "='Leads & more'!$A$1:$A$2"})
        book.add_chartsheet("Chart").set_chart(chart)
    with zipfile.ZipFile(path) as archive:
        workbook = open_xlsx(archive)
    assert workbook.visible == ("Leads & more",)
    assert workbook.hidden == ("Secret", "Very secret")


def test_pronunciation_is_no_text(tmp_path: Path) -> None:
    spoken = "<t>東京</t><rPh><t>トウキョウ</t></rPh>"
    data = (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c>'
        f'<c r="B1" t="inlineStr"><is>{spoken}</is></c></row></sheetData>'
    )
    path = written_by_hand(tmp_path, data, strings=f"<si>{spoken}</si>")
    assert cells(path) == [["東京", "東京"]]


def test_prefixed_elements_are_read_too(tmp_path: Path) -> None:
    data = '<x:sheetData><x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row></x:sheetData>'
    assert cells(written_by_hand(tmp_path, data, prefix="x:")) == [["1"]]


def test_iso_dates_are_read(tmp_path: Path) -> None:
    data = '<sheetData><row><c t="d"><v>2026-01-02T00:00:00</v></c></row></sheetData>'
    assert cells(written_by_hand(tmp_path, data)) == [["2026-01-02"]]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('<c t="d"><v>10:20:30</v></c>', "10:20:30"),
        ('<c t="d"><v>PT1H</v></c>', "PT1H"),
        ('<c t="b"><v>TRUE</v></c>', "TRUE"),
        ('<c t="b"><v>False</v></c>', "FALSE"),
        ('<c t="b"><v>2</v></c>', "2"),
        ('<c t="inlineStr"><v>0</v><is><t>Hot</t></is></c>', "Hot"),
        ('<c t="str"><v>Hot</v><is><t>0</t></is></c>', "Hot"),
        (
            '<c t="inlineStr"><is><r><t xml:space="preserve"> a </t></r><r><t>b</t></r></is></c>',
            " a b",
        ),
        ('<c t="str"><v> a&#10;b </v></c>', " a\nb "),
        ('<c t="str"><f t="shared" ref="A1:A9" si="0">B1</f><v>x</v></c>', "x"),
        ('<c t="e"><f>B1</f><v>#REF!</v></c>', "#REF!"),
        ('<c t="str"><v>_x005F_x0041_ _x0041_</v></c>', "_x0041_ A"),
    ],
)
def test_a_cell_of_any_type_reads_as_its_value(tmp_path: Path, cell: str, read: str) -> None:
    assert cells(written_by_hand(tmp_path, f"<sheetData><row>{cell}</row></sheetData>")) == [[read]]


@pytest.mark.parametrize("number", ["-1", "1", "1_0", "x"])
def test_a_shared_text_that_is_not_there_is_refused(tmp_path: Path, number: str) -> None:
    data = f'<sheetData><row><c t="s"><v>{number}</v></c></row></sheetData>'
    path = written_by_hand(tmp_path, data, strings="<si><t>Hot</t></si>")
    with pytest.raises(MarkupError, match=f"a cell has the shared text {number} of 1"):
        cells(path)


def test_two_relations_of_one_id_are_refused(tmp_path: Path) -> None:
    path = written_by_hand(tmp_path, "<sheetData/>", strings="<si/>")
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part).decode() for part in archive.namelist()}
    name = "xl/_rels/workbook.xml.rels"
    parts[name] = parts[name].replace('"r2"', '"r1"')
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    with pytest.raises(MarkupError, match=r"workbook\.xml\.rels has r1 twice"):
        cells(path)


def test_dates_from_1904_are_moved(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path, {"date_1904": True}) as book:
        sheet = book.add_worksheet("Leads")
        sheet.write(
            0,
            0,
            datetime(2026, 1, 2, tzinfo=UTC).replace(tzinfo=None),
            book.add_format({"num_format": 14}),
        )
    assert cells(path) == [["2026-01-02"]]


@pytest.mark.parametrize(
    ("properties", "day"),
    [
        ("", "2026-01-02"),
        ("<workbookPr/>", "2026-01-02"),
        ('<workbookPr date1904="0"/>', "2026-01-02"),
        ('<workbookPr date1904="1"/>', "2030-01-03"),
        ('<workbookPr date1904="true"/>', "2030-01-03"),
    ],
)
def test_dates_are_from_1904_only_where_the_workbook_says_so(
    tmp_path: Path, properties: str, day: str
) -> None:
    data = '<sheetData><row><c s="1"><v>46024</v></c></row></sheetData>'
    styles = '<cellXfs><xf/><xf numFmtId="14"/></cellXfs>'
    assert cells(written_by_hand(tmp_path, data, styles=styles, properties=properties)) == [[day]]


def test_a_text_that_the_parser_hands_on_in_pieces_is_joined(tmp_path: Path) -> None:
    long = "A1+" * 10_000 + "1"
    data = f'<row><c><f>{long}</f></c><c t="str"><v>{long}</v></c></row>'
    read = cells(written_by_hand(tmp_path, f"<sheetData>{data}</sheetData>"))
    assert read == [[f"={long}", long]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('<row r="9999999"/>', '"9999999" is no row of a sheet'),
        ('<row r="0"/>', '"0" is no row of a sheet'),
        ('<row r="two"/>', '"two" is no row of a sheet'),
        ('<row r="1"><c r="ZZZZ1"><v>1</v></c></row>', '"ZZZZ" is no column of a sheet'),
        ('<row r="1"><c r="XFE1"><v>1</v></c></row>', '"XFE" is no column of a sheet'),
        ('<row r="1"><c r="$A$1"><v>1</v></c></row>', '"$A$" is no column of a sheet'),
        ('<row r="1"><c r="1"><v>1</v></c></row>', '"" is no column of a sheet'),
        ('<row r="1"><c r="A"><v>1</v></c></row>', '"" is no row of a sheet'),
        ('<row r="1"><c r="XFD1"/><c/></row>', "row 1 has more than 16,384 cells"),
    ],
)
def test_a_sheet_that_no_program_would_write_is_refused(
    tmp_path: Path, data: str, message: str
) -> None:
    with pytest.raises(MarkupError, match=re.escape(message)):
        rows(written_by_hand(tmp_path, f"<sheetData>{data}</sheetData>"))
