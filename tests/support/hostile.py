"""Spreadsheets that harm whoever reads them, and readers that do harm."""

import signal
import sys
import zipfile
from pathlib import Path
from textwrap import dedent

import polars as pl
import xlsxwriter

# Readers, run in place of the real one: each does to its process what a hostile file might.
FREEZES = "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"  # holds the interpreter's lock for ever
EATS_MEMORY = "import time; kept = b'x' * (600 << 20); time.sleep(60)"
DIES = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
CRASHES = "raise RuntimeError('with sk_0123456789abcdefghij in it\\x1b[2J')"
# An answer that is none of ours.
LIES = """
import pathlib, sys
pathlib.Path(sys.argv[1], "found.json").write_text('{"checked": {"rows": "many"}}')
"""


def reader_that(does: str, folder: Path) -> list[str]:
    """A command in place of the real reader's."""
    program = folder / "reader.py"
    program.write_text(dedent(does), encoding="utf-8")
    return [sys.executable, str(program)]


ID, LEAD = "64f1c0a95e8b7d2f3a6c9e01", "65a2d1b86f9c8e3a00000001"
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "note")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def _cells(line: int, texts: tuple[str, ...], *, last: str = "") -> str:
    inline = "".join(
        f'<c r="{column}{line}" t="inlineStr"><is><t>{text}</t></is></c>'
        for column, text in zip("ABCDE", texts, strict=False)
    )
    return f'<row r="{line}">{inline}{last}</row>'


def _xlsx(path: Path, rows: str, *, styles: str = "", strings: str = "") -> Path:
    """A workbook of one sheet; every part by hand, for no writer would make these."""
    targets = {"worksheet": "s.xml", "styles": "st.xml", "sharedStrings": "ss.xml"}
    links = "".join(
        f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    root = f'<Relationship Id="r" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    types = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    )
    sheets = '<sheets><sheet name="S" sheetId="1" r:id="worksheet"/></sheets>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}">{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}">{root}</Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{sheets}</workbook>',
        "xl/st.xml": f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>',
        "xl/ss.xml": f'<sst xmlns="{_MAIN}">{strings}</sst>',
        "xl/s.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def format_code(folder: Path) -> Path:
    """A format code that a careless pattern tries in as many ways as there are."""
    styles = (
        f'<numFmts><numFmt numFmtId="200" formatCode="{"[" * 60_000}"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs>'
    )
    number = '<c r="E2" s="1"><v>1</v></c>'
    rows = _cells(1, HEADER) + _cells(2, (ID, LEAD, "paused", ""), last=number)
    return _xlsx(folder / "format.xlsx", rows, styles=styles)


def shared_string(folder: Path) -> Path:
    """One long text that thousands of cells share."""
    shared = "".join(
        _cells(line, (ID, LEAD, "paused", ""), last=f'<c r="E{line}" t="s"><v>0</v></c>')
        for line in range(2, 3002)
    )
    strings = f"<si><t>{'x' * 1_000_000}</t></si>"
    return _xlsx(folder / "shared.xlsx", _cells(1, HEADER) + shared, strings=strings)


def _ods(path: Path, table: str) -> Path:
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content{spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="S">{table}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
    return path


def repeated_rows(folder: Path) -> Path:
    """A few hundred bytes that stand for a million rows of a text of 30,000 characters."""
    texts = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in (ID, LEAD, "paused", "", "x" * 30_000)
    )
    header = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in HEADER
    )
    return _ods(
        folder / "repeated.ods",
        f"<table:table-row>{header}</table:table-row>"
        f'<table:table-row table:number-rows-repeated="1000000">{texts}</table:table-row>',
    )


def deep(folder: Path) -> Path:
    """Elements in elements, 200,000 of them."""
    open_ones, closed = "<text:span>" * 200_000, "</text:span>" * 200_000
    return _ods(
        folder / "deep.ods",
        '<table:table-row><table:table-cell office:value-type="string">'
        f"<text:p>{open_ones}x{closed}</text:p></table:table-cell></table:table-row>",
    )


def repeated_page(folder: Path) -> Path:
    """Thirty million rows in a Parquet file of some kilobytes."""
    path = folder / "rows.parquet"
    pl.select(pl.repeat(ID, 30_000_000).alias("campaignId")).write_parquet(path)
    return path


FILES = (format_code, shared_string, repeated_rows, deep, repeated_page)


def largest_text(path: Path) -> int:
    """A CSV file of nearly 200 MB; gives the number of its rows."""
    rows = 0
    with path.open("w", encoding="ascii") as file:
        file.write(",".join(HEADER) + "\n")
        while file.tell() < 199 << 20:
            lines = (f"{ID},65a2d1b86f9c8e3a{n:08x},paused,,{'x' * 170}\n" for n in range(1000))
            file.writelines(lines)
            rows += 1000
    return rows


def largest_workbook(path: Path) -> int:
    """A workbook of a million rows, most of their texts shared; gives the number of its rows."""
    count, shared = 1_000_000, ("campaignId", "campaignLeadId", "status", ID, "paused")
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(0, 0, shared[:3])
        for n in range(1, count):
            sheet.write_row(n, 0, (ID, f"65a2d1b86f9c8e3a{n:08x}", "paused"))
    return count - 1
