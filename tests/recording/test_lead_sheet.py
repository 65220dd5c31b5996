from collections.abc import Iterator
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from batch.judging.rules import Rules, judge
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.recording.lead_sheet import write_leads
from batch.recording.snapshot import SCHEMA

ROWS = [
    ("c1", "b1", "a1", "ann@example.com", "Ann", "Lee", "=Acme()", "active", "Hot", 0),
    ("c1", "b2", "a2", "", "", "", "", "paused", None, 0),
    ("c2", "b3", "a3", "bob@example.com", "Bob", "", "B, Co", "completed", "hot", 0),
]
LEADS = pl.DataFrame(ROWS, schema=SCHEMA, orient="row")
HEADER = "campaignId,campaignLeadId,email,name,company,status,aiTag"


def test_a_csv_has_a_line_for_each_lead_and_strangers_texts_are_no_formulas(tmp_path: Path) -> None:
    out = tmp_path / "leads.csv"
    assert write_leads(iter([LEADS]), out, None) == 3
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    assert out.read_text("utf-8-sig").splitlines() == [
        HEADER,
        "c1,b1,ann@example.com,Ann Lee,'=Acme(),active,Hot",
        "c1,b2,,,,paused,",
        'c2,b3,bob@example.com,Bob,"B, Co",completed,hot',
    ]


def test_a_sheet_has_text_cells_as_they_are_and_a_frozen_header(tmp_path: Path) -> None:
    out = tmp_path / "leads.xlsx"
    assert write_leads(iter([LEADS]), out, None) == 3
    sheet = openpyxl.load_workbook(out)["leads"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[:2] == [
        HEADER.split(","),
        ["c1", "b1", "ann@example.com", "Ann Lee", "=Acme()", "active", "Hot"],
    ]
    assert sheet["E2"].data_type == "s"
    assert sheet.freeze_panes == "A2"


HOSTILE = ("=1+1", "+Hot", "-Hot", "@Hot", "'=Hot", "''@Hot", "-5", "Not now", "＝Hot")  # noqa: RUF001 - the full-width form is what is tested


@pytest.mark.parametrize("name", ["leads.csv", "leads.xlsx"])
def test_no_column_can_be_a_formula_and_every_tag_comes_back(tmp_path: Path, name: str) -> None:
    ids = [f"{n:024x}" for n in range(len(HOSTILE))]
    rows = [
        ("c" * 24, id_, "a1", tag, tag, tag, tag, "active", tag, 0)
        for id_, tag in zip(ids, HOSTILE, strict=True)
    ]
    odd = ("=c", "=b", "a", "=e", "=f", "=l", "=co", "=s", "=t", 0)
    out = tmp_path / name
    write_leads([pl.DataFrame([*rows, odd], schema=SCHEMA, orient="row")], out, None)
    if name.endswith("csv"):
        last = out.read_text("utf-8-sig").splitlines()[-1]
        assert last == "'=c,'=b,'=e,'=f =l,'=co,'=s,'=t"
    with open_table(out, TableOptions()) as table:
        cells = pl.concat(table.cells()).head(len(HOSTILE))
    for labels in (HOSTILE, None):
        judged = judge(cells, Rules(name=name, labels=labels))
        assert judged["reason"].to_list() == [None] * len(HOSTILE)
        assert judged["ai_tag"].to_list() == list(HOSTILE)


@pytest.mark.parametrize(
    ("tag", "ids"), [("HOT", ["b1", "b3"]), ("", ["b2"]), ("cold", []), (None, ["b1", "b2", "b3"])]
)
def test_leads_can_be_chosen_by_their_label_whatever_its_case(
    tmp_path: Path, tag: str | None, ids: list[str]
) -> None:
    assert write_leads(iter([LEADS]), tmp_path / "leads.csv", tag) == len(ids)
    lines = (tmp_path / "leads.csv").read_text("utf-8-sig").splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ids


def test_what_cant_be_written_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Iterator[pl.DataFrame]:
        yield LEADS
        raise ValueError("the snapshot is damaged")

    with pytest.raises(ValueError, match="the snapshot is damaged"):
        write_leads(broken(), tmp_path / "leads.csv", None)
    assert list(tmp_path.iterdir()) == []
