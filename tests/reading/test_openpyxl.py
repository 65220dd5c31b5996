"""Workbooks in any order and spelling, as openpyxl reads them.

openpyxl is given the same sheet with plain names of parts and complete content types, which it
needs; how parts are called, and in which order they come, is varied for ours alone.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import NamedTuple
from xml.sax.saxutils import escape

import openpyxl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from batch.reading.sheet import UnorderedRowsError, boolean_text, number_text
from batch.reading.xlsx import open_xlsx
from tests.support.sampling import examples

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
LINES, COLUMNS = 6, 30  # beyond Z

Place = tuple[int, int]  # line and column, from 1
TEXT = st.text(st.sampled_from("ab1é<&>'\" \n😀"), min_size=1, max_size=6)
SELDOM = st.sampled_from([False, False, False, True])
NUMBERS = st.sampled_from(["0", "1", "-1.5", "65", "6.5E+23", "1e-7", "123456789012"])


class Cell(NamedTuple):
    """A cell's place, and its element's attributes and content."""

    place: Place
    attributes: str
    content: str


class RowElement(NamedTuple):
    """A row element and its cells. line: the number that it names."""

    line: int
    cells: list[Cell]


def relation(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="r{number}" Type="{KIND}/{kind}" Target="{target}"/>'


def relations(*each: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{"".join(each)}</Relationships>'


def override(part: str, kind: str) -> str:
    return f'<Override PartName="/{part}" ContentType="{TYPE}.{kind}+xml"/>'


def parts_of(rows: str, strings: list[str]) -> dict[str, str]:
    """A workbook's parts by their plain names."""
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        + override("xl/workbook.xml", "sheet.main")
        + override("xl/worksheets/sheet1.xml", "worksheet")
        + override("xl/sharedStrings.xml", "sharedStrings")
        + "</Types>",
        "_rels/.rels": relations(relation(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KIND}"><sheets>'
        '<sheet name="Leads" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            relation(1, "worksheet", "worksheets/sheet1.xml"),
            relation(2, "sharedStrings", "sharedStrings.xml"),
        ),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData>'
        "</worksheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">'
        + "".join(f"<si><t>{text}</t></si>" for text in strings)
        + "</sst>",
    }


def zipped(parts: Mapping[str, str]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


@st.composite
def contents(draw: st.DrawFn, place: Place, strings: list[str]) -> Cell:
    """A cell of any kind at this place; a shared string is added to those that are there."""
    text = escape(draw(TEXT))
    run = f"<r><rPr><b/></rPr><t>{text}</t></r>"
    spoken = '<rPh sb="0" eb="1"><t>spoken</t></rPh>'
    kinds = [
        Cell(place, ' t="s"', f"<v>{len(strings)}</v>"),
        Cell(place, ' t="inlineStr"', f"<is><t>{text}</t></is>"),
        Cell(place, ' t="inlineStr"', f"<is>{run}{run}{spoken}</is>"),
        Cell(place, "", f"<v>{draw(NUMBERS)}</v>"),
        Cell(place, ' t="b"', f"<v>{draw(st.sampled_from('01'))}</v>"),
        Cell(place, ' t="str"', f"<f>A1</f><v>{text}</v>"),
        Cell(place, ' t="e"', "<v>#N/A</v>"),
        Cell(place, ' s="0"', ""),
    ]
    chosen = draw(st.sampled_from(kinds))
    if chosen is kinds[0]:
        strings.append(text)
    return chosen


def row_elements(draw: st.DrawFn, strings: list[str]) -> list[RowElement]:
    """Rows in any order and in several elements, their cells in any order."""
    places = st.tuples(st.integers(1, LINES), st.integers(1, COLUMNS))
    cells = [
        draw(contents(place, strings)) for place in draw(st.lists(places, max_size=12, unique=True))
    ]
    if draw(st.booleans()):
        cells.sort(key=lambda cell: cell.place)
    elements: list[RowElement] = []
    for cell in cells:
        same = [each for each in elements if each.line == cell.place[0]]
        if same and not draw(SELDOM):
            same[-1].cells.append(cell)
        else:
            elements.append(RowElement(cell.place[0], [cell]))
    return elements


@st.composite
def sheets(draw: st.DrawFn) -> tuple[str, list[str]]:
    """The rows of a sheet as XML, and the shared strings; what says itself may be left out."""
    strings: list[str] = []
    counted, counts = 0, True  # the row number that readers count; whether there is but one way
    text = ""
    for element in row_elements(draw, strings):
        is_next = counts and element.line == counted + 1
        names_all = not is_next and bool(draw(st.booleans()))
        is_numbered = not (is_next or names_all) or draw(st.booleans())
        strays = is_numbered and names_all and draw(st.booleans())
        line = draw(st.integers(1, LINES)) if strays else element.line
        counted = line if is_numbered else counted + 1
        counts = is_numbered or (counts and element.line == counted)
        text += f'<row r="{line}" spans="1:5">' if is_numbered else "<row>"
        last = 0
        for (_, column), attributes, content in element.cells:
            reference = f' r="{get_column_letter(column)}{element.line}"'
            if draw(st.booleans()):
                reference = reference.replace("A", "a").replace("B", "b")
            if column == last + 1 and not names_all and draw(st.booleans()):
                reference = ""
            last = column
            text += f"<c{reference}{attributes}>{content}</c>"
        text += "</row>"
    return text, strings


@st.composite
def spelt(draw: st.DrawFn, parts: dict[str, str]) -> dict[str, str]:
    """The parts in any order, their names in any case and with any slashes."""
    found = {}
    for name in draw(st.permutations(list(parts))):
        case = draw(st.sampled_from([name, name.upper(), name.lower(), name.title()]))
        found[case.replace("/", draw(st.sampled_from("/\\")))] = parts[name]
    return found


def by_openpyxl(file: io.BytesIO) -> dict[Place, str]:
    sheet = openpyxl.load_workbook(file, data_only=True)["Leads"]
    return {
        (cell.row, cell.column): as_text(cell.value)
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    }


def as_text(value: object) -> str:
    if isinstance(value, bool):
        return boolean_text(value)
    return number_text(value) if isinstance(value, int | float) else str(value)


def by_ours(file: io.BytesIO) -> dict[Place, str]:
    with zipfile.ZipFile(file) as archive:
        book = open_xlsx(archive)
        try:
            rows = list(book.rows("Leads"))
        except UnorderedRowsError:
            rows = list(book.sorted_rows("Leads"))
    return {
        (line, column): text
        for line, row in enumerate(rows, 1)
        for column, text in enumerate(row.texts(), 1)
        if text
    }


NO_EXPLAINING = tuple(each for each in Phase if each is not Phase.explain)  # it takes a minute


@settings(examples(200), phases=NO_EXPLAINING)
@given(data=st.data())
def test_every_value_stands_where_openpyxl_has_it(data: st.DataObject) -> None:
    parts = parts_of(*data.draw(sheets()))
    assert by_ours(zipped(data.draw(spelt(parts)))) == by_openpyxl(zipped(parts))
