import json
from dataclasses import replace

from batch.model import Move, Reason, Tally
from batch.terminal import report_json
from batch.terminal.summary import judged_tally
from tests.support.reports import REPORT, checked
from tests.support.wired import plan_of


def test_a_run_as_json_has_the_promised_keys() -> None:
    moves = (Move(action="exited", subsequence="Nurture", leads=2),)
    assert json.loads(report_json.reported(replace(REPORT, moves=moves))) == {
        "run": "runs/x",
        "state": "stopped",
        "exit_code": 3,
        "rows": 4124,
        "success": 4118,
        "error": 1,
        "skipped": 3,
        "unsent": 2,
        "reasons": {"applied": 4118, "duplicate": 3, "not_found": 1, "not_reached": 2},
        "input": {"sheet": "Leads", "header_line": 3, "passed_over": [1]},
        "files": {"results": "runs/x/results.csv", "failed": "runs/x/failed.csv"},
        "next_command": "sendkit-batch run runs/x/failed.csv",
        "message": "The server said [red]no[/].",
        "moves": [{"action": "exited", "subsequence": "Nurture", "leads": 2}],
    }


def test_json_is_one_line_of_ascii_whatever_is_in_it() -> None:
    answer = report_json.refused("é\n\udcff", state="refused", exit_code=2)
    assert answer.isascii()
    assert "\n" not in answer
    assert json.loads(answer)["message"] == "é\n\udcff"


def test_a_refusal_as_json_has_the_same_keys_with_nothing_in_them() -> None:
    assert json.loads(report_json.refused("No.", state="refused", exit_code=2)) == {
        "run": None,
        "state": "refused",
        "exit_code": 2,
        "rows": 0,
        "success": 0,
        "error": 0,
        "skipped": 0,
        "unsent": 0,
        "reasons": {},
        "input": None,
        "files": {},
        "next_command": None,
        "message": "No.",
    }


def test_a_check_as_json_counts_the_rows_to_send_as_not_reached() -> None:
    plan = plan_of(rows=5, sendable_rows=3, tally=Tally({Reason.BAD_ID: 2}))
    answer = json.loads(
        report_json.judged(
            checked(plan, refusal="No."), state="checked", exit_code=2, next_command="run it"
        )
    )
    assert answer["next_command"] == "run it"
    assert answer["reasons"] == {"bad_id": 2, "not_reached": 3}
    assert (answer["rows"], answer["error"], answer["unsent"]) == (5, 2, 3)
    assert (answer["state"], answer["exit_code"], answer["message"]) == ("checked", 2, "No.")
    assert answer["input"]["header_line"] == 3
    assert judged_tally(plan).total() == 5


def test_whose_the_budgets_were_is_told_where_it_was_found() -> None:
    assert "pace_note" not in json.loads(report_json.reported(REPORT))
    found = json.loads(report_json.reported(replace(REPORT, pace_note="Each had its own.")))
    assert found["pace_note"] == "Each had its own."
