import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from batch.jobs.ending import Report
from batch.jobs.job import Checked
from batch.jobs.request import Request
from batch.judging.plan import Plan, Problem
from batch.model import Field, Reason, Tally
from batch.reading.table import Table
from batch.recording.results import ResultFiles
from batch.recording.runfile import RunState
from batch.terminal.summary import (
    judged_json,
    judged_tally,
    last_line,
    print_check,
    print_report,
    refused_json,
    report_json,
    sum_line,
    visible,
)
from tests.wired import plan_of

TALLY = Tally(
    {
        Reason.NOT_FOUND: 1,
        Reason.APPLIED: 4118,
        Reason.NOT_REACHED: 2,
        Reason.DUPLICATE: 3,
        Reason.CONFLICT: 0,
    }
)
FILES = ResultFiles(
    results=Path("runs/x/results.csv"),
    failed=Path("runs/x/failed.csv"),
    failed_sheet=None,
    tally=TALLY,
    rows=4124,
    note="",
)
REPORT = Report(
    folder=Path("runs/x"),
    state=RunState.STOPPED,
    exit_code=3,
    reason="The server said [red]no[/].",
    rows=4124,
    tally=TALLY,
    examples={
        Reason.APPLIED: (2, ""),
        Reason.DUPLICATE: (9, "line 8 asks for the same."),
        Reason.NOT_FOUND: (7, "no [bold]such[/] lead :bug:"),
    },
    files=FILES,
    next_command="sendkit-batch run runs/x/failed.csv",
    requests=4119,
)
PROBLEM = Problem(
    line=41,
    column=Field.STATUS,
    reason=Reason.BAD_STATUS,
    found="[red]",
    message='found "[red]"; expected active or paused.',
)


def printed(show: Callable[[Console], None], *, width: int = 160) -> list[str]:
    out = io.StringIO()
    show(Console(file=out, width=width, color_system=None))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def checked(plan: Plan, *, refusal: str | None = None, forecast_s: float = 0.0) -> Checked:
    nothing = SimpleNamespace()  # neither the request nor the table is looked at
    return Checked(
        request=cast("Request", nothing),
        table=cast("Table", nothing),
        plan=plan,
        forecast_s=forecast_s,
        refusal=refusal,
    )


def printed_check(what: Checked, *, name: str = "leads.csv") -> list[str]:
    return printed(lambda console: print_check(console, what, name=name, all_problems="--problems"))


def test_a_report_groups_results_by_reason_with_an_example_line_each() -> None:
    assert printed(lambda console: print_report(console, REPORT)) == [
        " Rows  Result   Reason       For example",
        "4,118  success  applied      line 2",
        "    3  skipped  duplicate    line 9: line 8 asks for the same.",
        "    1  error    not_found    line 7: no [bold]such[/] lead :bug:",
        "    2  unsent   not_reached",
        "Sum: 4,118 success + 1 error + 3 skipped + 2 unsent = 4,124 of 4,124 rows",
        "The server said [red]no[/].",
        "results: runs/x/results.csv",
        "failed: runs/x/failed.csv",
    ]


def test_a_report_names_every_file_and_what_is_odd_about_them() -> None:
    files = replace(FILES, failed_sheet=Path("runs/[x]/failed.xlsx"), note="results.csv is open.")
    lines = printed(lambda console: print_report(console, replace(REPORT, files=files)))
    assert lines[-4:] == [
        "results.csv is open.",
        "results: runs/x/results.csv",
        "failed: runs/x/failed.csv",
        "failed_sheet: runs/[x]/failed.xlsx",
    ]


def test_a_report_without_files_or_a_reason_ends_with_its_sum() -> None:
    report = replace(REPORT, files=None, reason="")
    assert printed(lambda console: print_report(console, report))[-1].startswith("Sum: ")


def test_long_paths_and_reasons_are_not_broken() -> None:
    report = replace(REPORT, reason="why " * 50)
    assert (
        printed(lambda console: print_report(console, report), width=40)[-3]
        == ("why " * 50).rstrip()
    )


def test_the_last_line_has_the_state_the_counts_the_results_and_the_next_command() -> None:
    line = last_line("stopped", TALLY, results=FILES.results, next_command="sendkit-batch run x")
    assert line == (
        "stopped: 4118 success, 1 error, 3 skipped, 2 unsent; "
        "runs/x/results.csv; next: sendkit-batch run x"
    )


def test_the_last_line_says_when_there_is_nothing() -> None:
    line = last_line("finished", Tally(), results=None, next_command=None)
    assert line == (
        "finished: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: nothing to do"
    )


def test_the_last_line_stays_one_line_whatever_is_in_a_path() -> None:
    results = Path("a\nb\x1b[31m\u2028\udcff/results.csv")
    line = last_line("finished", Tally(), results=results, next_command="run 'c\r\nd'")
    assert line.splitlines() == [line]
    assert "a\\nb\\x1b[31m\\u2028\\udcff/results.csv; next: run 'c\\r\\nd'" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain [red] é", "plain [red] é"), ("a\tb", "a\\tb"), ("\u202eabc", "\\u202eabc")],
)
def test_what_cant_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_the_sum_shows_that_the_four_counts_make_up_the_rows() -> None:
    assert sum_line(Tally({Reason.APPLIED: 1}), 2) == (
        "1 success + 0 error + 0 skipped + 0 unsent = 1 of 2 rows"
    )


def test_a_run_as_json_has_the_promised_keys() -> None:
    assert json.loads(report_json(REPORT)) == {
        "run": "runs/x",
        "state": "stopped",
        "exit_code": 3,
        "rows": 4124,
        "success": 4118,
        "error": 1,
        "skipped": 3,
        "unsent": 2,
        "reasons": {"applied": 4118, "duplicate": 3, "not_found": 1, "not_reached": 2},
        "files": {"results": "runs/x/results.csv", "failed": "runs/x/failed.csv"},
        "next_command": "sendkit-batch run runs/x/failed.csv",
        "message": "The server said [red]no[/].",
    }


def test_json_is_one_line_of_ascii_whatever_is_in_it() -> None:
    answer = refused_json("é\n\udcff", state="refused", exit_code=2)
    assert answer.isascii()
    assert "\n" not in answer
    assert json.loads(answer)["message"] == "é\n\udcff"


def test_a_refusal_as_json_has_the_same_keys_with_nothing_in_them() -> None:
    assert json.loads(refused_json("No.", state="refused", exit_code=2)) == {
        "run": None,
        "state": "refused",
        "exit_code": 2,
        "rows": 0,
        "success": 0,
        "error": 0,
        "skipped": 0,
        "unsent": 0,
        "reasons": {},
        "files": {},
        "next_command": None,
        "message": "No.",
    }


def test_a_check_as_json_counts_the_rows_to_send_as_not_reached() -> None:
    plan = plan_of(rows=5, sendable_rows=3, tally=Tally({Reason.BAD_ID: 2}))
    answer = json.loads(judged_json(checked(plan, refusal="No."), state="checked", exit_code=2))
    assert answer["reasons"] == {"bad_id": 2, "not_reached": 3}
    assert (answer["rows"], answer["error"], answer["unsent"]) == (5, 2, 3)
    assert (answer["state"], answer["exit_code"], answer["message"]) == ("checked", 2, "No.")
    assert judged_tally(plan).total() == 5


def test_a_check_shows_a_summary_and_the_first_problems() -> None:
    plan = plan_of(
        rows=4120,
        sendable_rows=4000,
        requests=3999,
        tags_set=3900,
        to_paused=99,
        tally=Tally({Reason.BAD_STATUS: 25, Reason.DUPLICATE: 95}),
        problems=(PROBLEM,),
    )
    what = checked(plan, refusal="Most [rows] are wrong.", forecast_s=824.0)
    assert printed_check(what, name="[red]x.csv") == [
        "[red]x.csv: 4,120 rows",
        "4,000  rows to send, as 3,999 requests",
        "       3,900 tags set, 99 paused",
        "   95  skipped duplicate",
        "   25  error bad_status",
        "",
        "Line  Column  Reason      Found, and what to do",
        '  41  status  bad_status  found "[red]"; expected active or paused.',
        "… and 24 more; --problems writes all of them.",
        "",
        "Sending takes about 14 min at the set pace.",
        "Most [rows] are wrong.",
    ]


def test_a_check_of_one_row_is_said_in_the_singular() -> None:
    plan = plan_of(rows=1, sendable_rows=1, requests=1, to_active=1)
    assert printed_check(checked(plan, forecast_s=0.2))[:2] == [
        "leads.csv: 1 row",
        "1  row to send, as 1 request",
    ]


def test_a_check_with_nothing_to_send_makes_no_forecast() -> None:
    assert printed_check(checked(plan_of())) == [
        "leads.csv: 0 rows",
        "0  rows to send, as 0 requests",
        "   nothing",
    ]
