from collections.abc import Iterator
from pathlib import Path

import openpyxl
import polars as pl
import pytest

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
