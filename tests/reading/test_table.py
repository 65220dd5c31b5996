import csv
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
import xlwt  # type: ignore[import-untyped]  # it ships no types
import zstandard

from batch.columns import ADDED_COLUMNS, Naming
from batch.errors import InputError
from batch.model import Field
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.terminal.remedies import in_terminal

TEXT = (
    "Company,Campaign ID,campaign_lead_id,AI tag\n"
    "Acme,c1, l1 ,Interested\n"
    ",,,\n"
    "Bolt,c2,l2\n"
    "only a note,,, \n"
)
CELLS = [
    (2, False, "c1", " l1 ", None, "Interested"),
    (3, True, None, None, None, None),
    (4, False, "c2", "l2", None, None),
    (5, False, None, None, None, " "),
]
ROWS = [
    (2, "Acme", "c1", " l1 ", "Interested"),
    (3, None, None, None, None),
    (4, "Bolt", "c2", "l2", None),
    (5, "only a note", None, None, " "),
]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that temporary files go to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def written(folder: Path, content: bytes | str, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows_of(frames: Iterator[pl.DataFrame]) -> list[tuple[object, ...]]:
    return [row for frame in frames for row in frame.rows()]


def blank_as_null(frames: Iterator[pl.DataFrame]) -> list[tuple[object, ...]]:
    return rows_of(frame.with_columns(pl.col(pl.String).replace("", None)) for frame in frames)


def refusal(path: Path, *, name: str | None = None, **options: str) -> str:
    given = TableOptions(
        sheet=options.get("sheet"),
        encoding=options.get("encoding"),
        delimiter=options.get("delimiter"),
    )
    with pytest.raises(InputError) as caught, open_table(path, given, name=name) as table:
        rows_of(table.cells())
    return in_terminal(caught.value)


def workbook(folder: Path) -> Path:
    path = folder / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("Leads")
        for index, row in enumerate(csv.reader(io.StringIO(TEXT))):
            sheet.write_row(index, 0, row)
    return path


def parquet(folder: Path) -> Path:
    path = folder / "leads.parquet"
    header, *rows = csv.reader(io.StringIO(TEXT))
    columns = zip(*[[cell or None for cell in [*row, ""][:4]] for row in rows], strict=True)
    pl.DataFrame(dict(zip(header, columns, strict=True))).write_parquet(path)
    return path


def old_workbook(folder: Path) -> Path:
    path = folder / "leads.xls"
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for line, row in enumerate(csv.reader(io.StringIO(TEXT))):
        for column, cell in enumerate(row):
            sheet.write(line, column, cell)
    book.save(str(path))
    return path


def open_document(folder: Path) -> Path:
    path = folder / "leads.ods"
    names = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
    rows = "".join(
        "<t:table-row>"
        + "".join(f"<t:table-cell><x:p>{cell}</x:p></t:table-cell>" for cell in row)
        + "</t:table-row>"
        for row in csv.reader(io.StringIO(TEXT))
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "content.xml",
            f'<t:table xmlns:t="{names.format("table")}" xmlns:x="{names.format("text")}" '
            f't:name="Leads">{rows}</t:table>',
        )
    return path


FORMATS = {
    "csv": lambda folder: written(folder, TEXT),
    "semicolons": lambda folder: written(folder, TEXT.replace(",", ";")),
    "tsv": lambda folder: written(folder, TEXT.replace(",", "\t"), "leads.tsv"),
    "utf-16": lambda folder: written(folder, TEXT.encode("utf-16")),
    "gz": lambda folder: written(folder, gzip.compress(TEXT.encode()), "leads.csv.gz"),
    "zst": lambda folder: written(folder, zstandard.compress(TEXT.encode()), "leads.csv.zst"),
    "gz of utf-16": lambda folder: written(folder, gzip.compress(TEXT.encode("utf-16")), "l.gz"),
    "xlsx": workbook,
    "xls": old_workbook,
    "ods": open_document,
    "parquet": parquet,
}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_cells_and_rows_as_often_as_asked(
    tmp_path: Path, kind: str
) -> None:
    with open_table(FORMATS[kind](tmp_path), TableOptions()) as table:
        assert table.header == ("Company", "Campaign ID", "campaign_lead_id", "AI tag")
        assert table.fields == {Field.CAMPAIGN_ID: 1, Field.CAMPAIGN_LEAD_ID: 2, Field.AI_TAG: 3}
        for _ in range(2):
            assert blank_as_null(table.cells()) == CELLS
            assert blank_as_null(table.rows()) == ROWS


def test_frames_have_the_columns_and_types_that_others_rely_on(tmp_path: Path) -> None:
    with open_table(written(tmp_path, TEXT), TableOptions()) as table:
        assert next(table.cells()).schema == {
            "line": pl.UInt32,
            "blank_row": pl.Boolean,
            **{str(field): pl.String for field in Field},
        }
        names = dict.fromkeys(("0", "1", "2", "3"), pl.String)
        assert next(table.rows()).schema == {"line": pl.UInt32, **names}


def test_a_table_says_what_it_was_read_from(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT.replace(",", ";").encode() + b"\xe9;;;\n")
    with open_table(path, TableOptions(), name="stdin") as table:
        assert (table.name, table.delimiter, table.is_sheet) == ("stdin", ";", False)
        (note,) = table.notes
        assert in_terminal(note) == (
            "stdin: not UTF-8, so it is read as cp1252 (Western European). "
            "If letters look wrong, name its encoding with --encoding."
        )
    with open_table(workbook(tmp_path), TableOptions()) as table:
        assert (table.name, table.delimiter, table.is_sheet) == ("leads.xlsx", ",", True)


def test_columns_can_be_named(tmp_path: Path) -> None:
    options = TableOptions(columns={Field.STATUS: "Company"})
    with open_table(written(tmp_path, TEXT), options) as table:
        assert next(table.cells())["status"].to_list() == ["Acme", None, "Bolt", "only a note"]


def test_ids_and_numbers_keep_their_text(tmp_path: Path) -> None:
    text = "campaignId,campaignLeadId,aiTag\n001,6.5E+23,1.0\n"
    with open_table(written(tmp_path, text), TableOptions()) as table:
        assert rows_of(table.rows()) == [(2, "001", "6.5E+23", "1.0")]


OWN = ["campaignId", "campaignLeadId", "aiTag", "'=note"]
ADDED = ["2", "error", "not_found", "404", "1", "20", "x", "", "", "", ""]


def own_file(folder: Path, *added: str, behind: tuple[str, ...] = ()) -> Path:
    """A file of ours; behind: the last cells of its last row, where others stay blank."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*OWN, *added])
    blank = [" "] * len(behind)
    writer.writerow(["c1", "l1", "'@x", "'=1", *ADDED, *blank])
    writer.writerow(["c2", "l2", "it's", "'quoted'", *ADDED, *blank])
    writer.writerow(["c3", "l3", "''=x", "'+49 30 1", *ADDED])
    writer.writerow(["", "", "", "", *ADDED, *behind])
    return written(folder, "\ufeff" + text.getvalue())


def test_a_file_of_ours_loses_its_added_columns_and_apostrophes(tmp_path: Path) -> None:
    with open_table(own_file(tmp_path, *ADDED_COLUMNS), TableOptions()) as table:
        assert table.header == ("campaignId", "campaignLeadId", "aiTag", "=note")
        assert rows_of(table.rows()) == [
            (2, "c1", "l1", "@x", "=1"),
            (3, "c2", "l2", "it's", "'quoted'"),
            (4, "c3", "l3", "'=x", "'+49 30 1"),
            (5, None, None, None, None),
        ]
        cells = pl.concat(table.cells())
        assert cells["aiTag"].to_list() == ["@x", "it's", "'=x", None]
        assert cells["blank_row"].to_list() == [False, False, False, True]


def test_a_file_of_ours_may_have_been_padded_by_a_spreadsheet_program(tmp_path: Path) -> None:
    padded = [f" {name} " for name in ADDED_COLUMNS]
    with open_table(own_file(tmp_path, *padded, "", " ", behind=("", "")), TableOptions()) as table:
        assert table.header == ("campaignId", "campaignLeadId", "aiTag", "=note")
        assert rows_of(table.rows())[0] == (2, "c1", "l1", "@x", "=1")
        assert pl.concat(table.cells())["blank_row"].to_list() == [False, False, False, True]


def test_a_cell_in_a_nameless_column_behind_those_of_a_file_of_ours_names_its_line(
    tmp_path: Path,
) -> None:
    path = own_file(tmp_path, *ADDED_COLUMNS, "", "", behind=("", "mine"))
    assert refusal(path) == (
        'leads.csv line 5: "mine" is in column 17, but the header has only 15. '
        "Give the column a name, empty the cell, "
        "or in a CSV put quotes round the cell that holds the delimiter."
    )


def test_results_of_a_newer_version_are_refused_unless_an_earlier_run_has_read_them(
    tmp_path: Path,
) -> None:
    path = own_file(tmp_path, *ADDED_COLUMNS, "request_id", behind=("r",))
    assert refusal(path) == (
        'leads.csv: found the column "request_id" behind those that results add, as a newer '
        'version of this program writes; expected none behind "subsequence". Use that version, or, '
        'if it is your own, move it in front of "line".'
    )
    with open_table(path, TableOptions(was_accepted=True)) as table:
        assert table.header == (*OWN, *ADDED_COLUMNS, "request_id")


@pytest.mark.parametrize("first", ["c1", " "])
def test_a_row_without_a_campaign_is_blank_only_if_it_has_no_other_cell(
    tmp_path: Path, first: str
) -> None:
    text = f"campaignId,campaignLeadId,aiTag,note\n{first},l,,\n ,,,mine\n,\u3000,,\n,l,,\n"
    with open_table(written(tmp_path, text), TableOptions()) as table:
        assert next(table.cells())["blank_row"].to_list() == [False, False, True, False]


def test_any_other_file_keeps_its_columns_and_apostrophes(tmp_path: Path) -> None:
    swapped = (*ADDED_COLUMNS[:-2], *reversed(ADDED_COLUMNS[-2:]))
    with open_table(own_file(tmp_path, *swapped), TableOptions()) as table:
        assert table.header == (*OWN, *swapped)
        assert next(table.cells())["aiTag"].to_list() == ["'@x", "it's", "''=x", None]
        assert next(table.cells())["blank_row"].to_list() == [False] * 4


def test_a_status_column_is_not_taken_from_the_added_ones(tmp_path: Path) -> None:
    header = ",".join(("campaignId", "campaignLeadId", "aiTag", *ADDED_COLUMNS))
    options = TableOptions(columns={Field.STATUS: "server_status"})
    with pytest.raises(InputError, match='status is mapped to "server_status", which is no column'):
        open_table(written(tmp_path, header), options)


def test_nameless_columns_of_any_other_file_are_the_users(tmp_path: Path) -> None:
    text = "campaignId,,campaignLeadId,aiTag,\nc1,x,l1,Hot,y\n"
    with open_table(written(tmp_path, text), TableOptions()) as table:
        assert table.header == ("campaignId", "", "campaignLeadId", "aiTag", "")
        assert rows_of(table.rows()) == [(2, "c1", "x", "l1", "Hot", "y")]


def test_some_columns_of_the_users_may_have_names_of_the_added_ones(tmp_path: Path) -> None:
    text = "campaignId,campaignLeadId,aiTag,line,result\nc1,l1,Hot,x,'=y\n"
    with open_table(written(tmp_path, text), TableOptions()) as table:
        assert table.header == ("campaignId", "campaignLeadId", "aiTag", "line", "result")
        assert rows_of(table.rows()) == [(2, "c1", "l1", "Hot", "x", "'=y")]


def test_two_fields_can_not_share_a_column(tmp_path: Path) -> None:
    options = TableOptions(columns={Field.STATUS: "AI tag", Field.AI_TAG: " ai tag"})
    with pytest.raises(InputError) as caught:
        open_table(written(tmp_path, TEXT), options)
    assert in_terminal(caught.value) == (
        'leads.csv: status and aiTag are both mapped to "AI tag". Map each to a column of its own.'
    )


def test_a_delimiter_that_must_be_named_is_told(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, TEXT.replace(",", "|"))) == (
        "leads.csv: columns campaignId and campaignLeadId (or email in its place) are missing; "
        'found "Company|Campaign ID|campaign_lead_id|AI tag". '
        'The delimiter seems to be "|". Name it with --delimiter "|".'
    )
    assert refusal(written(tmp_path, TEXT), delimiter="|").endswith(
        "The delimiter seems to be comma. Name it with --delimiter comma."
    )


def test_a_zero_byte_file_is_refused(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, b"")) == "leads.csv: is empty (0 bytes)."


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    path = written(tmp_path, "campaignId,campaignLeadId,aiTag\n")
    with open_table(path, TableOptions()) as table:
        assert (rows_of(table.cells()), rows_of(table.rows())) == ([], [])


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.csv") == "no.csv: can't be read: No such file or directory."
    assert refusal(tmp_path, name="here") == "here: can't be read: Is a directory."


def test_a_packed_file_without_content_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(b""), "leads.csv.gz")
    assert refusal(path) == (
        "leads.csv.gz: no header row was found; expected campaignId, campaignLeadId, status, aiTag."
    )


def test_options_that_do_nothing_for_the_format_are_refused(tmp_path: Path) -> None:
    text, book = written(tmp_path, TEXT), workbook(tmp_path)
    assert refusal(text, sheet="Leads") == (
        "leads.csv: is CSV or other text, where a sheet means nothing. Leave it out."
    )
    assert refusal(book, encoding="utf-8") == (
        "leads.xlsx: is an .xlsx workbook, where an encoding means nothing. Leave it out."
    )
    assert refusal(parquet(tmp_path), delimiter=";") == (
        "leads.parquet: is a Parquet file, where a delimiter means nothing. Leave it out."
    )


def test_an_option_of_the_format_is_used(tmp_path: Path) -> None:
    text = written(tmp_path, TEXT.replace(",", "|").encode("utf-16-le"))
    options = TableOptions(encoding="utf-16-le", delimiter="|")
    with open_table(text, options) as table:
        assert rows_of(table.cells()) == CELLS


def test_closing_removes_the_copies(tmp_path: Path, scratch: Path) -> None:
    path = written(tmp_path, gzip.compress(TEXT.encode("cp1252")))
    with open_table(path, TableOptions()) as table:
        rows_of(table.cells())
        assert len(list(scratch.iterdir())) == 1
    assert list(scratch.iterdir()) == []


def test_a_table_that_can_not_be_opened_leaves_no_copies(tmp_path: Path, scratch: Path) -> None:
    refusal(written(tmp_path, gzip.compress(b"a,b\n")))
    refusal(tmp_path / "no.csv")
    assert list(scratch.iterdir()) == []


def test_only_the_lines_that_are_asked_for_are_read(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(
        "campaignId,campaignLeadId,status,note\n"
        + "".join(f"c{n},l{n},paused,n{n}\n" for n in range(2, 60_002))
    )
    lines = pl.Series("line", [2, 3, 30_000, 60_001], dtype=pl.UInt32)
    with open_table(path, TableOptions(), lines=lines) as table:
        assert pl.concat(table.rows())["3"].to_list() == ["n2", "n3", "n30000", "n60001"]
        assert pl.concat(table.cells())["line"].to_list() == lines.to_list()
    with open_table(path, TableOptions(), lines=lines.head(0)) as table:
        assert list(table.rows()) == []


WORKSPACE = Naming.WORKSPACE
WITH_WORKSPACE = "campaignId,campaignLeadId,aiTag,Workspace ID\nc,l,Hot,Acme\n"


@pytest.mark.parametrize("given", [{"has_workspaces": True}, {"columns": {WORKSPACE: "#4"}}])
def test_a_workspace_is_read_where_rows_may_be_of_several_or_it_was_mapped(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    with open_table(written(tmp_path, WITH_WORKSPACE), TableOptions(**given)) as table:
        [cells] = table.cells()
        assert cells["workspace"].to_list() == ["Acme"]
        assert table.found.columns[WORKSPACE] == 3
        assert table.header[-1] == "Workspace ID"


def test_any_other_column_workspace_is_the_users_own(tmp_path: Path) -> None:
    path = written(tmp_path, WITH_WORKSPACE)
    with open_table(path, TableOptions()) as table:
        assert WORKSPACE not in table.fields
        assert "workspace" not in next(table.cells()).columns
        [(_, *texts)] = rows_of(table.rows())
        assert texts[-1] == "Acme"


def test_two_columns_of_workspaces_are_not_chosen_between(tmp_path: Path) -> None:
    path = written(tmp_path, "campaignId,campaignLeadId,aiTag,workspace,workspaceId\n")
    with pytest.raises(InputError) as caught, open_table(path, TableOptions(has_workspaces=True)):
        pass
    assert in_terminal(caught.value) == (
        'leads.csv: columns "workspace" and "workspaceId" both read as workspace. Rename one, or '
        'name the right one. Use --map workspace="workspace"'
    )
