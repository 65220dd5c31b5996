from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from batch.api.sendkit import Workspace
from batch.jobs.cells import about_missing_columns
from batch.jobs.opening import open_run
from batch.jobs.preflight import Preflight
from batch.jobs.ready import judge
from batch.jobs.reopening import reopen_run
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.terminal.remedies import in_terminal
from tests.support.program import write_rows
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN, lead_id, request_of

IDS = ("campaignId", "campaignLeadId")
LABELS = ("Interested", "Not now", "Café")
NO_TAG = "There is no column aiTag, so no tag is changed."
NO_STATUS = "There is no column status, so no status is changed."


def called(name: str, field: str = "aiTag") -> str:
    return f' Column "{name}" looks like it. Use --map {field}="{name}"'


def holding(name: str, what: str, field: str = "aiTag") -> str:
    return (
        f' The cells of column "{name}" are {what}; perhaps it is meant. Use --map {field}="{name}"'
    )


def write(path: Path, header: Sequence[str], *rows: Sequence[str]) -> Path:
    """A spreadsheet of these columns beside the ids."""
    cells = [(CAMPAIGN, lead_id(n), *row) for n, row in enumerate(rows, 1)]
    return write_rows(path, [*IDS, *header], cells)


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        (["status", "aiTag"], [("paused", "Interested")], []),
        (["status"], [("paused",)], [NO_TAG]),
        (["aiTag"], [("Interested",)], [NO_STATUS]),
        # By its name, whatever it holds.
        (["status", "Tag"], [("paused", "x")], [NO_TAG + called("Tag")]),
        (["status", "New label"], [("paused", "")], [NO_TAG + called("New label")]),
        (["status", "AI-Tags"], [("paused", "")], [NO_TAG + called("AI-Tags")]),
        (["aiTag", "Lead status"], [("x", "")], [NO_STATUS + called("Lead status", "status")]),
        (["aiTag", "State"], [("x", "")], [NO_STATUS + called("State", "status")]),
        # Names that only have its letters.
        (["status", "Stage", "Date", "Percentage"], [("paused", "1", "2", "3")], [NO_TAG]),
        (["aiTag", "Stage", "Company"], [("x", "1", "2")], [NO_STATUS]),
        # By its cells: four of five are labels, in any case and encoding of accents.
        (
            ["status", "Answer"],
            [("paused", each) for each in ("interested", " Not now ", "Cafe\u0301", "", "NOT NOW")]
            + [("paused", "Intrested")],
            [NO_TAG + holding("Answer", "labels of the workspace")],
        ),
        (["status", "Answer"], [("paused", "Interested"), ("paused", "Maybe")], [NO_TAG]),
        (["status", "Answer"], [("paused", "")], [NO_TAG]),
        (
            ["aiTag", "To be"],
            [("x", "Active"), ("x", "completed")],
            [NO_STATUS + holding("To be", "statuses of leads", "status")],
        ),
        # The name outranks the cells.
        (
            ["status", "Answer", "Tag"],
            [("paused", "Interested", "")],
            [NO_TAG + called("Tag")],
        ),
    ],
)
def test_a_missing_column_is_told_with_the_one_that_looks_like_it(
    tmp_path: Path, header: list[str], rows: list[tuple[str, ...]], told: list[str]
) -> None:
    path = write(tmp_path / "leads.csv", header, *rows)
    with open_table(path, TableOptions()) as table:
        assert [*map(in_terminal, about_missing_columns(table, labels=LABELS))] == told


def test_cells_are_held_against_no_labels_where_none_are_known(tmp_path: Path) -> None:
    path = write(tmp_path / "leads.csv", ["status", "Answer"], ("paused", "Interested"))
    with open_table(path, TableOptions()) as table:
        assert about_missing_columns(table, labels=None) == (NO_TAG,)


def test_the_question_names_it_in_a_run_and_when_it_is_gone_on_with(shell: Shell) -> None:
    path = write(shell.cwd / "leads.csv", ["status", "Answer"], ("paused", "Interested"))
    told = NO_TAG + holding("Answer", "labels of the workspace")
    request = request_of(path, sandbox=False)
    preflight = Preflight(workspace=Workspace(id="w1", name="Acme"), labels=("Interested",))
    with open_run(request) as opened:
        ready = judge(opened, preflight).ready(can_ask=True)
        assert in_terminal(ready.question.text).endswith(told)
    shell.api.answer = lambda _: httpx.Response(401)
    assert shell.run("leads.csv", yes=True, out=Path("run")) == 3
    assert told in " ".join(shell.err.split())
    with reopen_run(Path("run"), request) as reopened:
        ready = reopened.ready(reopened.judge(preflight), asks=True)
    assert in_terminal(ready.question.text).endswith(told)


def test_a_check_names_it(shell: Shell) -> None:
    write(shell.cwd / "leads.csv", ["status", "Tag"], ("paused", "Interested"))
    assert shell.check("leads.csv") == 0
    assert NO_TAG + called("Tag") in shell.err.splitlines()
