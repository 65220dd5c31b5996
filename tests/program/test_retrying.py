"""`retry` and `results`: what they send, and what they write."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from batch.jobs.runs import list_runs, remove_run
from batch.recording.runfile import RunFile, RunState, read_record
from batch.recording.state import default_state_dir
from tests.support.in_process import sendkit_batch
from tests.support.program import read_rows, write_rows
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN, Api, confirmed, interrupting, lead_id, pausing

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "note")
LEADS, FIRST, SECOND, THIRD = Path("leads.csv"), Path("first"), Path("second"), Path("third")


@pytest.fixture(autouse=True)
def _no_second_attempt(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that would be tried again ends the row; retries have that setting from the run."""
    monkeypatch.setenv("SENDKIT_BATCH_RETRY_MAX_ATTEMPTS", "1")
    rows: list[tuple[str, ...]] = [
        (CAMPAIGN, lead_id(1), "paused", "", "fine"),
        (CAMPAIGN, "bad", "paused", "", "bad"),
        (CAMPAIGN, lead_id(3), "paused", "", "fails once"),
        (CAMPAIGN, lead_id(3), "", "Interested", "joined with it"),
        (CAMPAIGN, lead_id(1), "paused", "", "duplicate"),
        (CAMPAIGN, lead_id(5), "paused", "", "fails once"),
    ]
    write_rows(shell.cwd / LEADS, HEADER, rows)


def failing(*leads: int) -> Callable[[httpx.Request], httpx.Response]:
    """Answers 500 to changes of these leads."""
    names = [lead_id(lead) for lead in leads]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.rsplit("/", 1)[-1] in names:
            return httpx.Response(500, json={"success": False, "error": "down"})
        return confirmed(request)

    return answer


def first_run(shell: Shell, *, failed: tuple[int, ...] = (3, 5), **more: Any) -> None:  # noqa: ANN401 - fields of Given
    shell.api.answer = failing(*failed)
    assert shell.run(str(LEADS), **{"yes": True, "out": FIRST, **more}) == 1
    shell.api.answer = confirmed


def first_broken_off(shell: Shell, rows: int = 30) -> None:
    shell.leads(pausing(rows))
    shell.api.answer = interrupting(5)
    assert shell.run(str(LEADS), yes=True, out=FIRST, concurrency="2") == 143
    shell.api.answer = confirmed


def retried(shell: Shell, run: Path = FIRST, *, out: Path = SECOND, **more: Any) -> int:  # noqa: ANN401 - the same
    return shell.retry(str(run), yes=True, out=out, **more)


def reasons(path: Path) -> dict[str, str]:
    return {row["line"]: row["reason"] for row in read_rows(path)}


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text("utf-8"))
    return content


def test_a_retry_is_a_run_about_the_rows_without_success(shell: Shell) -> None:
    first_run(shell)
    assert shell.last_line.endswith("; next: sendkit-batch retry first")
    bodies: list[dict[str, str]] = []

    def keep(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return confirmed(request)

    shell.api.answer = keep
    assert retried(shell) == 1
    assert shell.last_line.startswith(
        "finished: 3 success, 1 error, 0 skipped, 0 unsent; second/results.csv; next: fix the "
        "rows in failed.csv, then sendkit-batch run second/failed.csv "
    )
    assert reasons(SECOND / "results.csv") == {
        "3": "bad_id", "4": "applied", "5": "applied", "7": "applied",
    }  # fmt: skip
    assert reasons(SECOND / "failed.csv") == {"3": "bad_id"}
    assert sorted(bodies, key=len) == [
        {"status": "paused"},
        {"status": "paused", "aiTag": "Interested"},
    ]
    assert (SECOND / "input.csv").read_bytes() == LEADS.read_bytes()
    first, second = record(FIRST), record(SECOND)
    assert second["rows"] == 4
    assert second["settings"] == {
        **first["settings"],
        "pace": {**first["settings"]["pace"], "rate": 1000},
    }
    assert second["input"] == first["input"]
    link = second["retry_of"]
    assert (link["id"], link["folder"]) == (first["id"], str(shell.cwd / FIRST))
    assert reasons(FIRST / "results.csv")["4"] == "server_error"  # stays what it was


def test_results_with_retries_are_the_latest_outcome_of_every_row(shell: Shell) -> None:
    first_run(shell)
    retried(shell)
    for name in (FIRST, SECOND):
        assert shell.results(str(name), with_retries=True) == 1
        assert "The run first; its retries: second." in shell.err.replace(f"{shell.cwd}/", "")
        assert reasons(FIRST / "results-with-retries.csv") == {
            "2": "applied", "3": "bad_id", "4": "applied", "5": "applied", "6": "duplicate",
            "7": "applied",
        }  # fmt: skip
        (failed,) = read_rows(FIRST / "failed-with-retries.csv")
        assert (failed["line"], failed["note"]) == ("3", "bad")
        (FIRST / "results-with-retries.csv").unlink()


def test_results_with_retries_lead_on_from_the_last_retry(shell: Shell) -> None:
    first_run(shell)
    shell.api.answer = failing(5)
    assert retried(shell) == 1
    shell.results("first", with_retries=True)
    assert shell.last_line.endswith(f"; next: sendkit-batch retry {shell.cwd / SECOND}")


def test_results_are_made_again_from_the_run_alone(shell: Shell) -> None:
    first_run(shell)
    results = FIRST / "results.csv"
    before = results.read_bytes()
    results.unlink()
    LEADS.unlink()
    sent = len(shell.api.changes)
    assert shell.results("first") == 1
    assert results.read_bytes() == before
    assert len(shell.api.changes) == sent


def test_results_of_a_retry_are_made_again_of_its_rows_only(shell: Shell) -> None:
    first_run(shell)
    retried(shell)
    before = (SECOND / "results.csv").read_bytes()
    shell.results("second")
    assert (SECOND / "results.csv").read_bytes() == before


def test_results_lead_on_with_what_the_rows_were_judged_by(shell: Shell) -> None:
    first_run(shell, failed=(), on_conflict="last-wins", no_tag_check=True)
    shell.results("first")
    assert shell.last_line.endswith(
        "then sendkit-batch run first/failed.csv --base-url https://api.sendkit.ai "
        "--rate 1000 --on-conflict last-wins --no-tag-check"
    )


def test_a_retry_can_be_retried(shell: Shell) -> None:
    first_run(shell)
    retried(shell)
    assert retried(shell, SECOND, out=THIRD) == 1
    assert reasons(THIRD / "results.csv") == {"3": "bad_id"}
    shell.results("third", with_retries=True)
    assert len(reasons(FIRST / "results-with-retries.csv")) == 6


def test_a_label_that_was_added_meanwhile_is_known_to_a_retry(shell: Shell) -> None:
    shell.leads([(CAMPAIGN, lead_id(1), "", "Later"), (CAMPAIGN, lead_id(2), "paused", "")])
    first_run(shell, failed=())
    assert reasons(FIRST / "failed.csv") == {"2": "unknown_tag"}
    shell.api.labels = ("Interested", "Later")
    assert retried(shell) == 0
    assert reasons(SECOND / "results.csv") == {"2": "applied"}


def test_rows_in_conflict_are_in_conflict_again(shell: Shell) -> None:
    shell.leads([(CAMPAIGN, lead_id(1), status, "") for status in ("paused", "active")])
    first_run(shell)
    assert retried(shell) == 1
    assert reasons(SECOND / "results.csv") == {"2": "conflict", "3": "conflict"}


def test_who_retries_a_run_twice_is_told(shell: Shell) -> None:
    first_run(shell)
    retried(shell)
    retried(shell, out=THIRD)
    second = shell.cwd / SECOND
    assert shell.err.splitlines()[0] == (
        f"first was tried again by {second}: what that has done is sent once more. To go on from "
        f"there instead: sendkit-batch retry {second}"
    )


def test_of_a_run_that_is_gone_the_retries_are_told_alone(shell: Shell) -> None:
    first_run(shell)
    retried(shell)
    shutil.rmtree(FIRST)
    assert shell.results("second", with_retries=True) == 1
    told, gone, *_ = shell.err.splitlines()
    assert told == "The run second; its retries: none."
    assert gone == (
        f"{shell.cwd / FIRST} is gone, of which second is a retry: what only that run knew is not "
        "told."
    )
    assert len(reasons(SECOND / "results-with-retries.csv")) == 4


def test_a_retry_in_the_middle_may_be_gone(shell: Shell) -> None:
    first_run(shell)
    shell.api.answer = failing(5)
    retried(shell)
    shell.api.answer = confirmed
    assert retried(shell, SECOND, out=THIRD) == 1
    (second,) = (
        run for run in list_runs(default_state_dir(), Path()).own if run.folder.name == "second"
    )
    remove_run(second, state_dir=default_state_dir())
    shell.results("first", with_retries=True)
    told, gone, *_ = shell.err.splitlines()
    assert told == "The run first; its retries: third."
    assert gone == (
        f"{shell.cwd / SECOND} is gone, of which {shell.cwd / THIRD} is a retry: what only that "
        "run knew is not told."
    )
    latest = reasons(FIRST / "results-with-retries.csv")
    assert (latest["4"], latest["7"]) == ("server_error", "applied")


def test_a_retry_of_a_run_without_failures_has_no_rows(shell: Shell) -> None:
    shell.leads(pausing(1))
    assert shell.run(str(LEADS), yes=True, out=FIRST) == 0
    assert retried(shell) == 0
    assert "first: no row is error or unsent, so none is tried again." in shell.err
    assert shell.last_line.startswith("finished: 0 success, 0 error, 0 skipped, 0 unsent;")
    assert read_rows(SECOND / "results.csv") == []
    assert retried(shell, SECOND, out=THIRD) == 0
    assert shell.words("report", str(THIRD)) == 0
    assert shell.last_line == f"reported: 0 rows; report: {THIRD}/report.html; next: nothing to do"
    assert len(shell.api.changes) == 1


@pytest.mark.parametrize("go_on", ["retry", "resume"])
def test_settings_are_those_of_the_run(
    shell: Shell, go_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_broken_off(shell)
    (shell.cwd / "sendkit-batch.toml").write_text('[api]\nbase_url = "https://example.com"\n')
    monkeypatch.setenv("SENDKIT_BATCH_RETRY_MAX_ATTEMPTS", "4")
    monkeypatch.setenv("SENDKIT_BATCH_INPUT_CLEAR_WORD", "none")
    options = {"yes": True, "rate": "777", "concurrency": "3", "max_errors": "9"}
    folder = SECOND if go_on == "retry" else FIRST
    if go_on == "retry":
        assert shell.retry("first", out=SECOND, **options) == 0
    else:
        assert shell.resume("first", **options) == 0
    assert "Settings" not in shell.err
    settings = record(folder)["settings"]
    assert record(folder)["base_url"] == "https://api.sendkit.ai"
    assert settings["retry"]["max_attempts"] == 1
    assert settings["input"]["clear_word"] == "null"
    assert settings["pace"]["rate"] == 777
    assert settings["pace"]["concurrency"] == 3
    assert settings["run"]["max_errors"] == 9


def test_a_retry_of_a_damaged_copy_is_refused_and_leaves_no_trace(shell: Shell) -> None:
    first_run(shell)
    with (FIRST / "input.csv").open("a") as copy:
        copy.write("x,y,z,,\n")
    assert retried(shell) == 2
    assert "the run's own copy of the input was changed since it began" in shell.err
    assert not SECOND.exists()


def test_rows_that_a_run_left_are_retried_and_told_before(shell: Shell) -> None:
    first_broken_off(shell)
    told = reasons(FIRST / "results.csv")
    done = {line for line, reason in told.items() if reason == "applied"}
    assert retried(shell) == 0
    assert set(reasons(SECOND / "results.csv")) == set(told) - done
    assert shell.results("first", with_retries=True) == 0
    latest = reasons(FIRST / "results-with-retries.csv")
    assert set(latest.values()) == {"applied"}
    assert len(latest) == 30
    assert len(shell.api.changes) == 30


def test_results_of_a_run_that_was_killed_set_its_record_right(shell: Shell) -> None:
    first_broken_off(shell)
    run_file = FIRST / "run.json"
    gone: dict[str, object] = {"state": RunState.RUNNING, "ended_at": None, "counts": {}}
    RunFile(run_file).write(read_record(run_file).model_copy(update=gone))
    killed_at = run_file.stat().st_mtime
    assert shell.results("first") == 3
    assert shell.last_line.endswith("next: sendkit-batch resume first")
    now = read_record(run_file)
    assert (now.state, now.exit_code) == (RunState.FAILED, 3)
    assert sum(now.counts.values()) == 30
    assert now.ended_at is not None
    assert now.ended_at.timestamp() == pytest.approx(killed_at)  # not when it was looked at


def test_a_retry_that_broke_off_is_resumed_about_its_own_rows(shell: Shell) -> None:
    first_broken_off(shell)
    left = {row["line"] for row in read_rows(FIRST / "failed.csv")}
    shell.api.answer = interrupting(4)
    assert retried(shell, concurrency="2") == 143
    shell.api.answer = Api().answer
    shutil.rmtree(FIRST)
    assert shell.resume("second", yes=True) == 0
    assert set(reasons(SECOND / "results.csv")) == left
    assert set(reasons(SECOND / "results.csv").values()) == {"applied"}


def test_practice_is_retried_in_a_sandbox_of_its_own_without_a_key(shell: Shell) -> None:
    assert shell.run(str(LEADS), sandbox=True, out=FIRST) == 1
    ran = sendkit_batch("retry", "first", "--out", "second", cwd=shell.cwd)
    assert ran.exit_code == 1
    assert reasons(SECOND / "results.csv") == {"3": "bad_id"}
