"""Spreadsheets with titles above the header, the whole way: what is sent, and what comes back."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import xlsxwriter

from tests.support.program import read_rows
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN, confirmed, interrupting, lead_id, pausing

TITLED = [["Leads to pause, November"], [], ["Made by", "ann@example.com"]]
NAMES = ["campaignId", "campaignLeadId", "status", "aiTag"]
Rows = list[list[str]]


def as_csv(path: Path, rows: Rows) -> str:
    with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return f"{path.name}.csv"


def as_xlsx(path: Path, rows: Rows) -> str:
    with xlsxwriter.Workbook(path.with_suffix(".xlsx")) as book:
        book.add_worksheet("Legend").write_string(0, 0, "What the columns mean")
        sheet = book.add_worksheet("Leads")
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
    return f"{path.name}.xlsx"


written = pytest.mark.parametrize("write", [as_csv, as_xlsx], ids=["csv", "xlsx"])
Write = Callable[[Path, Rows], str]


def titled(*, rows: int) -> Rows:
    return [*TITLED, NAMES, *map(list, pausing(rows))]


@written
def test_rows_below_titles_are_sent_and_told_by_their_own_lines(shell: Shell, write: Write) -> None:
    def missing(request: httpx.Request) -> httpx.Response:
        is_one = request.url.path.endswith(lead_id(2))
        return httpx.Response(404, json={"success": False}) if is_one else confirmed(request)

    shell.api.answer = missing
    file = write(shell.cwd / "leads", titled(rows=3))
    assert shell.run(file, yes=True, out=Path("first"), as_json=True) == 1
    assert (
        f'{file}: the header is line 4. Passed over above it: line 1 "Leads to pause, November", '
        'line 3 "Made by, ann@example.com". If the header is another line, name it with '
        "--header-row.\n"
    ) in shell.err
    sheet = "Leads" if file.endswith("xlsx") else None
    assert json.loads(shell.out)["input"] == {
        "sheet": sheet,
        "header_line": 4,
        "passed_over": [1, 3],
    }
    assert sorted(shell.api.changes) == [lead_id(1), lead_id(2), lead_id(3)]
    results = read_rows(shell.cwd / "first" / "results.csv")
    assert [(row["line"], row["campaignLeadId"], row["result"]) for row in results] == [
        ("5", lead_id(1), "success"),
        ("6", lead_id(2), "error"),
        ("7", lead_id(3), "success"),
    ]
    found = json.loads((shell.cwd / "first" / "run.json").read_text("utf-8"))["input"]["found"]
    assert (found["header_line"], found["passed_over"], found["sheet"]) == (4, [1, 3], sheet)
    report = (shell.cwd / "first" / "report.html").read_text("utf-8")
    assert "line 4" in report
    assert "Leads to pause" not in report  # titles name people
    failed = "failed.xlsx" if sheet else "failed.csv"
    shell.api.answer = confirmed
    assert shell.run(f"first/{failed}", yes=True, out=Path("again")) == 0
    assert "the header is" not in shell.err
    assert [row["line"] for row in read_rows(shell.cwd / "again" / "results.csv")] == ["2"]


@written
def test_a_run_that_broke_off_goes_on_below_the_same_header(shell: Shell, write: Write) -> None:
    file = write(shell.cwd / "leads", titled(rows=30))
    shell.api.answer = interrupting(5)
    assert shell.run(file, yes=True, out=Path("first"), concurrency="2") == 143
    record = shell.cwd / "first" / "run.json"
    said = json.loads(record.read_text("utf-8"))
    del said["input"]["found"]["passed_over"], said["input"]["header_row"]  # as it was before
    record.write_text(json.dumps(said), encoding="utf-8")
    shell.api.answer = confirmed
    assert shell.resume("first", yes=True) == 0
    assert "the header is" not in shell.err  # that was said when it began
    assert set(shell.api.changes) == {lead_id(number) for number in range(1, 31)}
    results = read_rows(shell.cwd / "first" / "results.csv")
    assert [int(row["line"]) for row in results] == list(range(5, 35))


def test_a_retry_reads_below_the_header_that_was_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDKIT_BATCH_RETRY_MAX_ATTEMPTS", "1")
    rows = [*titled(rows=1), NAMES, *map(list, pausing(2, first=7))]
    file = as_csv(shell.cwd / "leads", rows)
    shell.api.answer = lambda _request: httpx.Response(500, json={"success": False})
    assert shell.run(file, yes=True, out=Path("first"), header_row=6) == 1
    shell.api.answer = confirmed
    assert shell.retry("first", yes=True, out=Path("second")) == 0
    assert sorted(shell.api.changes) == sorted(2 * [lead_id(7), lead_id(8)])
    results = read_rows(shell.cwd / "second" / "results.csv")
    assert [row["line"] for row in results] == ["7", "8"]
    record = json.loads((shell.cwd / "second" / "run.json").read_text("utf-8"))
    assert record["input"]["header_row"] == 6


@written
def test_a_line_of_units_below_the_header_is_skipped(shell: Shell, write: Write) -> None:
    units = ["(24 hex digits)", "(id)", "active/paused", "text"]
    groups = ["Campaign data", "", "Changes", ""]
    file = write(shell.cwd / "leads", [groups, NAMES, units, *map(list, pausing(1))])
    assert shell.run(file, yes=True, strict=True, out=Path("first")) == 0
    results = read_rows(shell.cwd / "first" / "results.csv")
    assert [(row["line"], row["result"], row["reason"]) for row in results] == [
        ("3", "skipped", "not_data"),
        ("4", "success", "applied"),
    ]


def test_a_check_names_the_header_again_for_the_run(shell: Shell) -> None:
    file = as_csv(shell.cwd / "leads", titled(rows=2))
    assert shell.check(file, header_row=4) == 0
    assert shell.last_line.endswith(f"next: sendkit-batch run {file} --header-row 4")
    assert "name it with" not in shell.err


def test_a_title_above_names_that_are_mapped(shell: Shell) -> None:
    rows = [["Report"], ["Campaign", "Lead", "State"], [CAMPAIGN, lead_id(1), "paused"]]
    file = as_csv(shell.cwd / "leads", rows)
    assert shell.check(file) == 2
    assert f"{file} line 2: columns campaignId and campaignLeadId (or email" in shell.err
    mapping = ("campaignId=Campaign", "campaignLeadId=Lead", "status=State")
    assert shell.check(file, mapping=mapping) == 0
    assert "the header is line 2." in shell.err


@pytest.mark.parametrize("line", ["0", "1001", "two"])
def test_a_line_that_can_not_be_is_refused(shell: Shell, line: str) -> None:
    file = as_csv(shell.cwd / "leads", titled(rows=1))
    assert shell.words("check", file, "--header-row", line) == 2
    assert "--header-row" in shell.err
