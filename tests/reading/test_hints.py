"""Advice that is printed can be followed: each hint of the reader is taken, and tried.

A sentence of `reading/` that no case here has fails the test: add what brings it about, and what
somebody does who follows it.
"""

import ast
import codecs
import gzip
import io
import re
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

import batch.reading
from batch.columns import ADDED_COLUMNS
from batch.reading import delimited
from batch.reading.grid import Grid
from tests.reading import test_merged, test_ods
from tests.support.in_process import sendkit_batch

ROOT = Path(batch.reading.__file__).parent
# Sentences that give no advice: what was found says all of it, or nothing can be done here.
NO_ADVICE = {
    # Of cells that are mended on the page, which no command does.
    (
        "{} line {}: a cell of {} was mended, but no column is read as that. Choose the columns "
        "as they were then, or take the mend back."
    ),
    (
        "{} line {}, column {}: found {}; expected {}, which somebody has mended. The mends are of "
        "another file, sheet or column: take them back, and mend what is wrong here."
    ),
    "{} line {}: a cell of it was mended, but there is no such row. Take it back.",
    "Mended: {}.",
    "{}: its lines are in quotes as a whole; what is in them is read.",
    "{}: its header is not the one that run.json tells of.",
    "{}: can't be read: {}.",
    "{}: as you confirmed for these headers before, {}.",
    "{}: is empty (0 bytes).",
    "{}: can't be read as Parquet; it is damaged or incomplete.",
    '{}: reading sheet "{}"{}.',
    "{}: 1 hidden or filtered row is read and sent like the others.",
    "{}: {} hidden or filtered rows are read and sent like the others.",
}
PARTS = {  # what stands at the end of others
    "A quote may be unclosed there.",
    "Correct that line, and save the file as UTF-8.",
    "Shorten it.",
    "Split it, or save its data as CSV.",
}
C, L = "65c0ffee0000000000000001", "66a1b2c3d4e5f6a7b8c9d00"
HEADER = ["campaignId", "campaignLeadId", "status", "aiTag"]
ROW = [C, f"{L}1", "active", "Später"]
NOTED, NOTED_ROW = [*HEADER, "note"], [*ROW, "a note of some length, far from short"]
Make = Callable[[Path], Path]


def sentences(file: Path) -> Iterator[str]:
    """The sentences of a module but for its docstrings, with {} for what is put in."""
    tree = ast.parse(file.read_text("utf-8"))
    passed_over: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef():
                if isinstance(node.body[0], ast.Expr):
                    passed_over.add(id(node.body[0].value))
            case ast.JoinedStr():
                passed_over.update(map(id, node.values))
    for node in ast.walk(tree):
        text = ""
        match node:
            case ast.Constant(value=str(value)) if id(node) not in passed_over:
                text = value
            case ast.JoinedStr():
                parts = (
                    each.value if isinstance(each, ast.Constant) else "{}" for each in node.values
                )
                text = "".join(map(str, parts))
        if " " in text and text.endswith((".", ". {}")):
            yield text


@cache  # not while tests are collected: each worker does that
def all_sentences() -> list[str]:
    return sorted({text for file in ROOT.glob("*.py") for text in sentences(file)})


# --- Files ---


def content(name: str, data: bytes | str) -> Make:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return make


def text_of(*rows: list[str], delimiter: str = ",") -> str:
    return "".join(delimiter.join(row) + "\n" for row in rows)


def csv(*rows: list[str]) -> Make:
    return content("leads.csv", text_of(*(rows or (HEADER, ROW))))


def xlsx(*rows: list[str], sheets: tuple[str, ...] = ("Leads",), code: str = "") -> Make:
    def make(folder: Path) -> Path:
        path = folder / "leads.xlsx"
        with xlsxwriter.Workbook(path) as book:
            for name in sheets:
                sheet = book.add_worksheet(name)
                for number, row in enumerate(rows or (HEADER, ROW)):
                    sheet.write_row(number, 0, row)
                if code:
                    sheet.write(9, 0, None, book.add_format({"num_format": code}))
        return path

    return make


def ods(*rows: list[str]) -> Make:
    lines = (test_ods.row(*map(test_ods.text, row)) for row in (rows or (HEADER, ROW)))
    table = test_ods.table("".join(lines))
    return lambda folder: test_ods.written(folder, table)


def parquet(frame: pl.DataFrame) -> Make:
    def make(folder: Path) -> Path:
        path = folder / "leads.parquet"
        frame.write_parquet(path)
        return path

    return make


def zipped(name: str, text: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return packed.getvalue()


def hidden_sheet(folder: Path) -> Path:
    """A workbook whose only sheet is hidden, as no program saves it."""
    path, plain = folder / "leads.xlsx", xlsx()(folder)
    with zipfile.ZipFile(plain) as archive:
        parts = {each.filename: archive.read(each) for each in archive.infolist()}
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace(
        b'<sheet name="Leads"', b'<sheet state="hidden" name="Leads"'
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def merged(column: int) -> Make:
    rows = [HEADER, ROW, [C, f"{L}2", "active", "Later"]]
    return lambda folder: test_merged.xlsx(folder, rows, [(1, 2, column, column)])


TWO = xlsx(HEADER, ROW, [C, f"{L}2", "active", "Later"])
FRAME = pl.DataFrame([NOTED_ROW], schema=NOTED, orient="row")
GOOD = text_of(HEADER, ROW)
LATIN = GOOD.encode("latin-1")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A hint, and how it is followed.

    of: a part of the sentence in the source that no other has. says: what else is said.
    has, then: the file that brings it about, and what becomes of it when the hint is followed; the
    same file where that is an option alone.
    args, use: options of the command, and those that follow the hint. printed: whether `use` is
    printed as it stands. stays: whether the sentence is said all the same.
    limits: what is lowered, so that small files will do.
    """

    of: str
    has: Make
    says: str = ""
    then: Make | None = None
    args: tuple[str, ...] = ()
    use: str = ""
    printed: bool = False
    stays: bool = False
    limits: Mapping[str, int] = field(default_factory=dict)


def lowered(*names: str, to: int) -> dict[str, int]:
    return dict.fromkeys(names, to)


XLSX, CSV = xlsx(), csv()
CASES = (
    # what a file is
    Case(
        of="is a zip archive. Unpack it",
        has=content("leads.zip", zipped("leads.csv", GOOD)),
        then=CSV,
    ),
    Case(of="its name ends in", has=content("leads.xlsx", GOOD), then=CSV),
    Case(
        of="is compressed twice. Unpack it once",
        has=content("leads.csv.gz", gzip.compress(gzip.compress(GOOD.encode()))),
        then=content("leads.csv.gz", gzip.compress(GOOD.encode())),
    ),
    Case(
        of="{}: seems to be {}. Save its data as CSV",
        has=content("leads.csv", '[{"status": 1}]'),
        then=CSV,
    ),
    Case(
        of="which only spreadsheet programs can read. Open it in one",
        has=content("leads.xls", "<html><table></table></html>"),
        then=XLSX,
    ),
    Case(
        of="is a binary workbook (.xlsb). Save it",
        has=content("leads.xlsb", zipped("xl/workbook.bin")),
        then=XLSX,
    ),
    Case(
        of="can't be unpacked, it is damaged or incomplete",
        has=content("leads.csv.gz", gzip.compress(GOOD.encode())[:-9]),
        then=content("leads.csv.gz", gzip.compress(GOOD.encode())),
    ),
    Case(
        of="can't be opened, it is damaged or incomplete",
        has=content("leads.xlsx", b"PK\x03\x04 and no more"),
        then=XLSX,
    ),
    Case(
        of="is protected by a password. Save it without",
        has=content(
            "leads.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        ),
        then=XLSX,
    ),
    Case(
        of="times its size, as no spreadsheet does. Unpack it yourself",
        has=content("leads.csv.gz", gzip.compress(GOOD.encode() * 9)),
        then=CSV,
        limits=lowered("content.FREE_EXPANSION", "content.MAX_EXPANSION", to=1),
    ),
    # what it may cost
    Case(
        of="the most that a workbook's cell holds. Shorten it.",
        has=xlsx(NOTED, NOTED_ROW),
        then=XLSX,
        limits=lowered("cost.MAX_CELL", to=25),
    ),
    Case(
        of="columns, the most that a sheet holds. Take out",
        has=ods(NOTED, NOTED_ROW),
        then=ods(),
        limits=lowered("ods.MAX_COLUMNS", to=4),
    ),
    Case(
        of="{} has more than {} characters. {}",
        says="xl/sharedStrings.xml has more than 50 characters. Split it, or save its data as CSV.",
        has=xlsx(NOTED, NOTED_ROW),
        then=csv(NOTED, [*ROW, "a note"]),
        limits=lowered("cost.MAX_CHARACTERS", to=50),
    ),
    Case(
        of="cell formats, the most that Excel takes. Open it",
        has=xlsx(code="0.000"),
        then=CSV,
        limits=lowered("cost.MAX_CELL_FORMATS", to=1),
    ),
    Case(
        of="characters; a workbook's holds at most",
        has=xlsx(code="0.0000000"),
        then=XLSX,
        limits=lowered("cost.MAX_FORMAT_CODE", to=8),
    ),
    Case(
        of="columns; expected at most",
        has=csv(NOTED, ROW),
        then=CSV,
        limits=lowered("cost.MAX_COLUMNS", to=4),
    ),
    Case(
        of="repeated rows and cells count each time.",
        says="repeated rows and cells count each time. Split it, or save its data as CSV.",
        has=ods(HEADER, ROW, [C, f"{L}2", "active", ""]),
        then=ods(),
        limits=lowered("cost.MAX_FILLED", to=10),
    ),
    Case(
        of="repeated and shared texts count each time.",
        says="repeated and shared texts count each time. Split it, or save its data as CSV.",
        has=ods(NOTED, NOTED_ROW),
        then=csv(NOTED, [*ROW, "a note"]),
        limits=lowered("cost.MAX_CHARACTERS", to=100) | lowered("cost.MAX_FILLED", to=50),
    ),
    Case(
        of="the cell takes {} bytes; expected at most {}.",
        says="expected at most 30. Shorten it.",
        has=parquet(FRAME),
        then=parquet(FRAME.drop("note")),
        limits=lowered("cost.MAX_TEXT_CELL", to=30),
    ),
    Case(
        of="the cell takes {} bytes; expected at most {}.",
        says="expected at most 30. A quote may be unclosed there.",
        has=csv(NOTED, [*ROW, f'"{L * 2}"']),
        then=csv(NOTED, [*ROW, '"a"']),
        limits=lowered("cost.MAX_TEXT_CELL", to=30),
    ),
    # encodings
    Case(
        of="is neither text nor a spreadsheet of a known format. Save its data",
        has=content("leads.csv", bytes(range(32)) * 9 + b"\xff"),
        then=CSV,
    ),
    Case(
        of="is neither UTF-8 nor {} (byte 0x{}).",
        says="Name its encoding with --encoding",
        has=content("leads.csv", LATIN.replace(b"\xe4", b"\x81")),
        use="--encoding cp437",
    ),
    Case(
        of="is neither UTF-8 nor {} (byte 0x{}).",
        says="or save it as UTF-8.",
        has=content("leads.csv", LATIN.replace(b"\xe4", b"\x81")),
        then=CSV,
    ),
    Case(
        of="not UTF-8, so it is read as",
        says="If letters look wrong, name its encoding with --encoding.",
        has=content("leads.csv", GOOD.encode("cp850")),
        use="--encoding cp850",
    ),
    Case(
        of="is unknown; expected a name such as utf-8",
        has=CSV,
        args=("--encoding", "klingon"),
        use="--encoding utf-8",
    ),
    Case(
        of="begins with the byte order mark of {}, so it is not {}. Name no encoding.",
        has=content("leads.csv", codecs.BOM_UTF8 + GOOD.encode()),
        args=("--encoding", "cp1252"),
    ),
    Case(
        of="does not begin with the byte order mark of",
        says="or utf-16-le or",
        has=content("leads.csv", GOOD.encode("utf-16-le")),
        args=("--encoding", "utf-16"),
        use="--encoding utf-16-le",
    ),
    Case(
        of="{}: text line {} is not {}.",
        says="is not utf-8. Name its encoding with --encoding",
        has=content("leads.csv", LATIN),
        args=("--encoding", "utf-8"),
        use="--encoding latin-1",
    ),
    Case(
        of="{}: text line {} is not {}.",
        says="is not utf-8. Correct that line, and save the file as UTF-8.",
        has=content("leads.csv", codecs.BOM_UTF8 + LATIN),
        then=CSV,
    ),
    Case(
        of="is not UTF-8, though other letters of the file are.",
        says="Correct that line, and save the file as UTF-8.",
        has=content("leads.csv", GOOD.encode() + LATIN.splitlines()[1]),
        then=CSV,
    ),
    Case(
        of="looks like UTF-16 without a byte order mark.",
        has=content("leads.csv", GOOD.encode("utf-16-le")),
        use="--encoding utf-16-le",
        printed=True,
    ),
    # rows and cells
    Case(
        of="Don't change it during a run.",
        has=csv(HEADER, *([[C, f"{L}1", "active", ""]] * 9)),
        then=CSV,
    ),
    Case(
        of="Give the column a name, empty the cell, or in a CSV put quotes round the cell",
        has=csv(NOTED, [*ROW, "Smith", "John"]),
        then=csv(NOTED, [*ROW, '"Smith,John"']),
    ),
    Case(
        of="Give the column a name, empty the cell, or in a CSV put quotes round the cell",
        has=xlsx(HEADER, [*ROW, "Smith"]),
        then=xlsx(NOTED, [*ROW, "Smith"]),
    ),
    Case(
        of="the row has more than {} characters. {}",
        says="A quote may be unclosed there.",
        has=csv(NOTED, [*ROW, '"' + "x\n" * 200]),
        then=csv(NOTED, [*ROW, '"x"']),
        limits=lowered("records._MAX_RECORD", to=200),
    ),
    Case(
        of="a cell is longer than",
        says="A quote may be unclosed there.",
        has=csv(NOTED, [*ROW, '"' + 2_000_000 * "x"]),
        then=csv(NOTED, [*ROW, '"x"']),
    ),
    Case(
        of="a quote is opened that is not closed where its cell ends, so that the rows below "
        "would be read as part of it. Close it",
        has=csv(NOTED, [*ROW, '"x']),
        then=csv(NOTED, [*ROW, '"x"']),
    ),
    Case(
        of="or write it twice if it is meant as text.",
        has=csv(NOTED, [*ROW, '"']),
        then=csv(NOTED, [*ROW, '""""']),
    ),
    Case(
        of="Close or remove the quote, or take the line breaks out.",
        has=csv([*HEADER, "note"], [*ROW, '"x'], [*ROW, 'y"']),
        then=csv([*HEADER, "note"], [*ROW, '"x"'], [*ROW, "y"]),
    ),
    Case(of="is blank: it belongs to the merged cells", has=merged(0), then=TWO),
    Case(of="has merged cells (", has=merged(2), then=TWO),
    # the header and the columns
    Case(
        of="can't be used; expected one ASCII character",
        has=content("leads.csv", text_of(HEADER, ROW, delimiter=";")),
        args=("--delimiter", "ab"),
        use="--delimiter ';'",
    ),
    Case(of="no header row was found", has=content("leads.csv", " \n"), then=CSV),
    Case(
        of="Shorten the names of its columns, or close a quote that is open.",
        has=csv([*HEADER, "note" * 50], [*ROW, "x"]),
        then=csv(NOTED, [*ROW, "x"]),
        limits=lowered("head._HEAD_BYTES", to=150),
    ),
    Case(
        of="The delimiter seems to be",
        has=content("leads.csv", text_of(HEADER, ROW, delimiter="|")),
        use='--delimiter "|"',
        printed=True,
    ),
    Case(
        of="are both mapped to",
        has=csv(["Camp", "Lead", "status"], [C, f"{L}1", "active"]),
        args=("--map", "campaignId=Lead", "--map", "campaignLeadId=LEAD"),
        use="--map campaignId=Camp --map campaignLeadId=Lead",
    ),
    Case(
        of="have that name. Rename all but one of them.",
        has=csv(["Id", "Id", "status"], [C, f"{L}1", "active"]),
        args=("--map", "campaignId=Id"),
        then=csv(["Id", "campaignLeadId", "status"], [C, f"{L}1", "active"]),
        use="--map campaignId=Id",
    ),
    Case(
        of="which is no column; found",
        has=csv(["Camp", *HEADER[1:]], ROW),
        args=("--map", "campaignId=Campp"),
        use="--map campaignId=Camp",
    ),
    Case(
        of="is mapped to column {}, but there are only {}",
        has=csv(["Camp", *HEADER[1:]], ROW),
        args=("--map", "campaignId=#9"),
        use='--map campaignId="#1"',
    ),
    Case(
        of="Nearest is {}.",
        has=csv(["Camp", *HEADER[1:]], ROW),
        args=("--map", "campaignId=Campp"),
        use="--map campaignId=Camp",
    ),
    Case(
        of="are all called",
        has=csv([*HEADER, "status"], [*ROW, ""]),
        then=csv([*HEADER, "old"], [*ROW, ""]),
    ),
    Case(
        of="Rename one, or name the right one.",
        has=csv([*HEADER, "Campaign ID"], [*ROW, ""]),
        use='--map campaignId="campaignId"',
        printed=True,
    ),
    Case(
        of="{}: {}; found {}.",
        says="One campaign for all rows can be named with --campaign.",
        has=csv(["email", "status"], ["a@x.example", "active"]),
        use="--campaign Sale",
    ),
    Case(
        of="{}: {}; found {}.",
        has=csv(["Lead $1", *HEADER[2:], "campaignId"], [*ROW[1:], C]),
        use="--map campaignLeadId='Lead $1'",
        printed=True,
    ),
    Case(
        of="Nearest{} is {}.",
        has=csv(["Campaign", "Lead", "status"]),
        then=csv(["Campaign", "Lead", "status"], [C, f"{L}1", "active"]),
        printed=True,
        use='--map campaignId="Campaign" --map campaignLeadId="Lead"',
    ),
    Case(
        of="{}: {}; found {}.",
        says='Use --map campaignLeadId="…"',
        has=csv(["campaignId", "X", "status", "Y"], [C, f"{L}1", "active", C]),
        use='--map campaignLeadId="X"',
    ),
    Case(
        of="By their values, {}.",
        has=csv(
            ["Kampagne", "", 'a "b" $c', "x"], [C, f"{L}1", "active", "1"], [C, f"{L}2", "", ""]
        ),
        use="""--map campaignId="Kampagne" --map campaignLeadId="#2" --map status='a "b" $c'""",
        printed=True,
    ),
    Case(
        of="Nearest to {} is {}.",
        has=csv(["Camp", "Lead", "State"]),
        then=csv(["Camp", "Lead", "State"], [C, f"{L}1", "active"]),
        use='--map campaignId="Camp" --map campaignLeadId="Lead" --map status="State"',
        printed=True,
    ),
    Case(
        of="Line {} has the names, below rows that are no titles.",
        has=csv(ROW, ROW, HEADER, ROW),
        use="--header-row 3",
        printed=True,
    ),
    Case(
        of="That looks like a title or a row, not like the names of columns.",
        has=csv(["Leads"], *([["x"]] * 60), HEADER, ROW),
        use="--header-row 62",
    ),
    Case(
        of="is mapped to a column that is called",
        has=csv(ROW, ROW),
        args=("--map", "campaignId=#1", "--map", "campaignLeadId=#2", "--map", "status=#3"),
        then=CSV,
    ),
    Case(
        of="is blank or missing; expected the header",
        has=csv(),
        args=("--header-row", "3"),
        use="--header-row 1",
    ),
    Case(
        of="the header is line {}. Passed over above it",
        has=csv(["Leads"], HEADER, ROW),
        says="If the header is another line, name it with --header-row.",
        use="--header-row 2",
        stays=True,
    ),
    Case(
        of="where one campaign for all rows means nothing. Leave",
        has=CSV,
        args=("--campaign", "Sale"),
    ),
    Case(
        of="Use that version, or, if",
        has=csv([*HEADER, *ADDED_COLUMNS, "new_name"], [*ROW, *(" " for _ in ADDED_COLUMNS), "x"]),
        then=csv([*HEADER, "new_name", *ADDED_COLUMNS], [*ROW, "x"]),
    ),
    # workbooks and Parquet
    Case(
        of="has a tag or comment of more than",
        has=XLSX,
        then=csv(),
        limits=lowered("markup._LONGEST_MARKUP", "markup._CHUNK", to=20),
    ),
    Case(
        of="levels deep, as no spreadsheet program writes them. Open it in one and save",
        has=XLSX,
        then=csv(),
        limits=lowered("markup.MAX_LEVELS", to=2),
    ),
    Case(
        of="once unpacked, more than",
        has=parquet(FRAME),
        then=CSV,
        limits=lowered("content.FREE_EXPANSION", "content.MAX_EXPANSION", to=0),
    ),
    Case(
        of="holds bytes; expected text or numbers.",
        has=parquet(FRAME.with_columns(note=pl.lit(b"x"))),
        then=parquet(FRAME),
    ),
    Case(
        of="MB of text up to here. Save its data as CSV if you trust it.",
        has=parquet(pl.concat([FRAME] * 50)),
        then=CSV,
        limits=lowered("content.FREE_EXPANSION", "parquet._FREE_TEXT", to=0)
        | lowered("content.MAX_EXPANSION", to=1),
    ),
    Case(
        of="{}: is {}, where {} means nothing.",
        says="where a sheet means nothing",
        has=CSV,
        args=("--sheet", "Leads"),
    ),
    Case(
        of="is empty; expected a header with",
        has=xlsx([]),
        then=XLSX,
    ),
    Case(
        of="as no workbook's do. Save its data as CSV if you trust it.",
        has=XLSX,
        then=CSV,
        limits=lowered("content.FREE_EXPANSION", "content.MAX_EXPANSION", to=0),
    ),
    Case(
        of="it is damaged or protected. Open it in a spreadsheet program and save it again.",
        has=content("leads.xlsx", zipped("[Content_Types].xml")),
        then=XLSX,
    ),
    Case(
        of="has no sheet",
        has=XLSX,
        args=("--sheet", "Lead"),
        use="--sheet Leads",
    ),
    Case(
        of="{}: has {} sheets{}: {}.",
        says="Choose with --sheet.",
        has=xlsx(sheets=("Leads", "Other")),
        use="--sheet Leads",
    ),
    Case(
        of="has no visible sheet.",
        has=hidden_sheet,
        use="--sheet Leads",
    ),
)


def pattern_of(sentence: str) -> str:
    """The sentence with whatever is put in."""
    return ".*".join(map(re.escape, sentence.split("{}")))


def sentences_of(case: Case) -> list[str]:
    return [sentence for sentence in all_sentences() if case.of in sentence]


@pytest.mark.sampled(30)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.of} {case.says}"[:80])
def test_a_hint_can_be_followed(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in case.limits.items():
        monkeypatch.setattr(f"batch.reading.{name}", limit)
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    with monkeypatch.context() as patch:
        if "Don't change it" in case.of:
            patch.setattr("batch.reading.spreadsheet.open_delimited", shortened)
        found = sendkit_batch("check", case.has(before), *case.args, cwd=before)
    said = " ".join(f"{found.out} {found.err}".split())
    (sentence,) = sentences_of(case)
    assert re.search(pattern_of(sentence), said)
    assert case.says in said
    option = f"Use {case.use} " if case.use.startswith("--map") else case.use
    assert not case.printed or option in said
    words = ["check", str((case.then or case.has)(after))]
    shown = subprocess.run(
        ["/bin/sh", "-c", f"printf '%s\\n' {case.use}"], capture_output=True, text=True, check=True
    ).stdout
    followed = sendkit_batch(*words, *shown.split("\n")[: -1 if case.use else 0], cwd=after)
    assert followed.exit_code == 0, followed.err
    assert case.stays or not re.search(pattern_of(sentence), f"{followed.out} {followed.err}")
    assert "row to send" in followed.out or "rows to send" in followed.out
    assert not followed.out.startswith("0 ")


def shortened(path: Path, **options: object) -> Grid:
    """A text file that somebody cuts while it is read."""
    grid = delimited.open_delimited(path, **options)  # type: ignore[arg-type]  # as they came
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 4)
    return grid


def test_no_hint_is_without_a_case() -> None:
    tried = {sentence for case in CASES for sentence in sentences_of(case)}
    assert sorted(set(all_sentences()) - tried) == sorted(NO_ADVICE | PARTS)
    assert not tried & (NO_ADVICE | PARTS)
