import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from batch.jobs.check import Checked
from batch.judging.plan import Problem
from batch.model import Field, Reason, Tally
from batch.recording.runfile import RunState
from batch.terminal.summary import (
    log_outcome,
    print_check,
    print_outcome,
)
from batch.wording.runs import sum_line
from tests.support.reports import FILES, REPORT, checked
from tests.support.wired import plan_of

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


def printed_check(what: Checked, *, name: str = "leads.csv") -> list[str]:
    return printed(lambda console: print_check(console, what, name=name, all_problems="--problems"))


def test_a_report_groups_results_by_reason_with_an_example_line_each() -> None:
    assert printed(lambda console: log_outcome(console, REPORT)) == [
        " Rows  Result   Reason       For example",
        "4,118  success  applied      line 2",
        "    3  skipped  duplicate    line 9: line 8 asks for the same.",
        "    1  error    not_found    line 7: no [bold]such[/] lead :bug:",
        "    2  unsent   not_reached",
        "Sum: 4,118 success + 1 error + 3 skipped + 2 unsent = 4,124 of 4,124 rows",
        "The server said [red]no[/].",
        "results: runs/x/results.csv",
        "failed rows: runs/x/failed.csv",
    ]


def test_a_report_names_every_file_and_what_is_odd_about_them() -> None:
    files = replace(FILES, failed_sheet=Path("runs/[x]/failed.xlsx"), note="results.csv is open.")
    lines = printed(lambda console: log_outcome(console, replace(REPORT, files=files)))
    assert lines[-4:] == [
        "results.csv is open.",
        "results: runs/x/results.csv",
        "failed rows: runs/x/failed.csv",
        "failed rows as a workbook: runs/[x]/failed.xlsx",
    ]


def test_a_report_without_failed_rows_names_no_file_of_them() -> None:
    lines = printed(
        lambda console: log_outcome(console, replace(REPORT, tally=Tally({Reason.APPLIED: 1})))
    )
    assert lines[-1] == "results: runs/x/results.csv"


def test_a_report_of_no_rows_has_no_table() -> None:
    report = replace(REPORT, tally=Tally({}), rows=0, files=None, reason="")
    assert printed(lambda console: log_outcome(console, report)) == [
        "Sum: 0 success + 0 error + 0 skipped + 0 unsent = 0 of 0 rows"
    ]


def test_a_report_without_files_or_a_reason_ends_with_its_sum() -> None:
    report = replace(REPORT, files=None, reason="")
    assert printed(lambda console: log_outcome(console, report))[-1].startswith("Sum: ")


def test_on_a_terminal_reasons_are_broken_between_words() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Screen()
    report = replace(REPORT, reason="why " * 50)
    print_outcome(Console(file=out, width=40, color_system=None), report)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert lines[0] == ""
    assert " ".join(["why"] * 10) in lines


def test_a_person_hears_which_failed_rows_a_retry_does_not_help() -> None:
    tally = Tally({Reason.SERVER_ERROR: 2, Reason.BAD_ID: 3})
    report = replace(REPORT, state=RunState.FINISHED, tally=tally, rows=5, next_command="retry")
    lines = printed(lambda console: print_outcome(console, report))
    assert lines[-1] == (
        "3 rows won't pass as they are; after the retry they stand in its failed.csv, to be mended."
    )
    report = replace(report, tally=Tally({Reason.SERVER_ERROR: 5}))
    assert "mended" not in " ".join(printed(lambda console: print_outcome(console, report)))


def test_long_paths_and_reasons_are_not_broken_in_a_log() -> None:
    report = replace(REPORT, reason="why " * 50)
    assert (
        printed(lambda console: log_outcome(console, report), width=40)[-3]
        == ("why " * 50).rstrip()
    )


def test_the_sum_shows_that_the_four_counts_make_up_the_rows() -> None:
    assert sum_line(Tally({Reason.APPLIED: 1}), 2) == (
        "1 success + 0 error + 0 skipped + 0 unsent = 1 of 2 rows"
    )


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
        "Sending takes about 14 min at 5 requests a second, if the server allows no other pace.",
        "Most [rows] are wrong.",
    ]


def test_nothing_is_cut_where_there_is_little_room() -> None:
    address = "somebody.with.a.long.name@catering.example.com"
    problem = replace(PROBLEM, message=f'found "{address}"; expected 24 digits.')
    plan = plan_of(rows=1, tally=Tally({Reason.BAD_ID: 1}), problems=(problem,))
    what = checked(plan)
    lines = printed(
        lambda console: print_check(console, what, name="x.csv", all_problems=""), width=50
    )
    assert address in "".join(line[26:] for line in lines)
    report = replace(REPORT, examples={Reason.APPLIED: (2, address)})
    lines = printed(lambda console: log_outcome(console, report), width=50)
    assert address in "".join(line[29:] for line in lines)


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
