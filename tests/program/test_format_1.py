"""Runs of before there were plan files, made by that program, gone on with by this one.

`tests/support/format_1/make.txt` made them; the sandbox here knows the leads as they were left.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import polars as pl
import pytest

from batch.judging import from_cells
from batch.recording.runfile import WITHOUT_PARTS
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import start_sandbox
from tests.support.later_rules import changed_rules
from tests.support.live_world import ask_here
from tests.support.program import lead_id, read_rows, received, state
from tests.support.shell import Shell

RUNS = Path(__file__).parents[1] / "support" / "format_1"
COLD = ("active", "Cold")
SET = {1: ("paused", "Hot"), 2: ("paused", "Hot"), 3: ("active", None), 4: ("paused", "Warm")}
DONE = {**SET, 5: COLD, 6: COLD, 7: ("paused", "Warm"), 8: ("paused", "Warm")}
BEFORE = dict.fromkeys(range(1, 9), COLD)


@contextmanager
def left_by(kind: str, cwd: Path) -> Iterator[Sandbox]:
    """The runs of a kind in a folder, and a sandbox at their address with the leads of then."""
    shutil.copytree(RUNS / kind, cwd, dirs_exist_ok=True)
    labels = ("Hot", "Cold", "Warm")
    with start_sandbox(Options(seed_csv=cwd / "leads.csv", labels=labels)) as sandbox:
        for path in cwd.glob("*/run.json"):
            record = json.loads(path.read_text("utf-8"))
            record["base_url"] = record["settings"]["api"]["base_url"] = sandbox.base_url
            path.write_text(json.dumps(record), "utf-8")
        yield sandbox


def leads(sandbox: Sandbox) -> dict[int, tuple[str, str | None]]:
    """Status and tag of each lead, by its number."""
    now = {lead: each for (_, lead), each in state(sandbox).items()}
    return {n: (now[lead_id(n)]["status"], now[lead_id(n)]["aiTag"]) for n in range(1, 9)}


def reasons(folder: str) -> list[str]:
    return [row["reason"] for row in read_rows(Path(folder, "results.csv"))]


as_it_was = pytest.mark.parametrize("change", [lambda _: None, changed_rules], ids=["", "changed"])
Change = Callable[[Shell], None]


@pytest.mark.parametrize("kind", ["plain", "by_email"])
def test_results_and_report_are_made_again_as_they_were(
    kind: str, shell: Shell, tmp_path: Path
) -> None:
    with left_by(kind, tmp_path) as sandbox:
        before = Path("run/results.csv").read_bytes()
        assert ask_here(shell, sandbox, "results", "run") == 1
        assert Path("run/results.csv").read_bytes() == before
        assert ask_here(shell, sandbox, "report", "run") == 0
    assert Path("run/report.html").is_file()
    assert not Path("run/plan.parquet").exists()  # who only looks leaves no trace


@as_it_was
def test_a_finished_run_is_verified_retried_and_undone(
    change: Change, shell: Shell, tmp_path: Path
) -> None:
    change(shell)
    with left_by("plain", tmp_path) as sandbox:
        assert leads(sandbox) == DONE
        assert ask_here(shell, sandbox, "verify", "run") == 0
        assert "8 rows" in shell.err
        assert ask_here(shell, sandbox, "retry", "run", "--out", "again") == 1
        assert [each["campaignLeadId"] for each in received(sandbox)] == [lead_id(99)]
        assert reasons("again") == ["unknown_tag", "bad_id", "not_found"]
        assert ask_here(shell, sandbox, "undo", "run", "--out", "undone") == 0
        assert leads(sandbox) == BEFORE


@as_it_was
def test_a_run_by_email_is_verified_and_undone(
    change: Change, shell: Shell, tmp_path: Path
) -> None:
    change(shell)
    with left_by("by_email", tmp_path) as sandbox:
        assert ask_here(shell, sandbox, "verify", "run") == 0
        assert ask_here(shell, sandbox, "undo", "run", "--out", "undone") == 0
        assert leads(sandbox) == BEFORE


@as_it_was
def test_a_plan_is_applied_as_it_was_made(change: Change, shell: Shell, tmp_path: Path) -> None:
    change(shell)
    with left_by("planned", tmp_path) as sandbox:
        assert leads(sandbox) == BEFORE
        assert ask_here(shell, sandbox, "apply", "run") == 1
        assert leads(sandbox) == DONE
        assert len(received(sandbox)) == 6
        assert ask_here(shell, sandbox, "resume", "run") == 1  # by the plan that it has now
        assert len(received(sandbox)) == 6
        assert ask_here(shell, sandbox, "undo", "run", "--out", "undone") == 0
        assert leads(sandbox) == BEFORE


@as_it_was
def test_a_killed_run_goes_on_where_it_broke_off(
    change: Change, shell: Shell, tmp_path: Path
) -> None:
    change(shell)
    with left_by("killed", tmp_path) as sandbox:
        assert ask_here(shell, sandbox, "resume", "run") == 1
        assert leads(sandbox) == DONE
        assert {each["campaignLeadId"] for each in received(sandbox)} <= {
            lead_id(n) for n in (2, 3, 4, 99, 7, 8)
        }
        assert reasons("run") == [
            *["applied"] * 5, "duplicate", "blank_row", "unknown_tag", "bad_id", "already_so",
            "not_found", "applied", "applied",
        ]  # fmt: skip
        assert json.loads(Path("run/run.json").read_text("utf-8"))["format"] == WITHOUT_PARTS
        # What its last request may have changed was not read, since no such lead is there.
        assert ask_here(shell, sandbox, "undo", "run", "--out", "undone") == 1
        assert leads(sandbox) == BEFORE


@as_it_was
def test_a_retry_goes_on_with_the_rows_that_it_is_about(
    change: Change, shell: Shell, tmp_path: Path
) -> None:
    change(shell)
    with left_by("retry", tmp_path) as sandbox:
        assert ask_here(shell, sandbox, "resume", "run") == 1
        assert [each["campaignLeadId"] for each in received(sandbox)] == [lead_id(99)]
        assert reasons("run") == ["unknown_tag", "bad_id", "not_found"]
        assert ask_here(shell, sandbox, "results", "run") == 1


@as_it_was
def test_an_undo_goes_on_with_what_it_expects(change: Change, shell: Shell, tmp_path: Path) -> None:
    change(shell)
    with left_by("undo", tmp_path) as sandbox:
        assert ask_here(shell, sandbox, "resume", "run") == 0
        assert leads(sandbox) == BEFORE
        assert set(reasons("run")) == {"applied"}


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("UPDATE outcome SET reason = 'applied', attempts = 1 WHERE line = 8", 8),
        ("UPDATE outcome SET reason = 'not_found' WHERE line = 6", 6),
        ("INSERT INTO before VALUES (6, 'active', 'Cold', 7)", 6),
        ("INSERT INTO claim VALUES (9)", 9),
    ],
    ids=["a blank row was sent", "apart from its carrier", "read by itself", "in doubt"],
)
def test_a_journal_that_disagrees_on_who_carried_a_request_is_refused(
    statement: str, line: int, shell: Shell, tmp_path: Path
) -> None:
    with left_by("plain", tmp_path) as sandbox:
        with closing(sqlite3.connect("run/journal.sqlite")) as db, db:
            db.execute(statement)
        for words in (("resume", "run"), ("undo", "run"), ("retry", "run"), ("verify", "run")):
            assert ask_here(shell, sandbox, *words) == 2
            assert (
                "run: its journal and its copy of the input disagree on which rows were sent: "
                f"line {line}. Nothing was sent by this command."
            ) in shell.err
        assert received(sandbox) == []


def test_no_row_is_judged_by_the_rules_of_now(shell: Shell, tmp_path: Path) -> None:
    def judge(*_: object) -> pl.DataFrame:
        raise AssertionError("an old run's rows were judged anew")

    shell.monkeypatch.setattr(from_cells, "judge", judge)
    with left_by("killed", tmp_path) as sandbox:
        assert ask_here(shell, sandbox, "resume", "run") == 1
        assert leads(sandbox) == DONE
