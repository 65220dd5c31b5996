"""The parts of a run of several workspaces read as one."""

from contextlib import ExitStack, closing
from pathlib import Path

import polars as pl
import pytest

from batch.errors import RunError
from batch.judging.planned import PLANNED
from batch.model import Outcome, Reason
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.recording.journal import Journal
from batch.recording.parts import JoinedOutcomes, PartRows, folder_names
from batch.recording.plan_file import PlanFile, write_plan
from batch.recording.results import write_results
from tests.support.program import read_rows


def part(
    folder: Path, stack: ExitStack, lines: list[int], done: list[int], *, stop_reason: str = ""
) -> PartRows:
    """A part with these lines, of which some were sent."""
    folder.mkdir()
    frame = pl.DataFrame({"line": lines}, schema={"line": pl.UInt32})
    columns = [pl.lit(None, kind).alias(name) for name, kind in PLANNED.items() if name != "line"]
    write_plan(folder / "plan.parquet", [frame.with_columns(columns).select(PLANNED.names())])
    journal = stack.enter_context(closing(Journal.create(folder / "journal.sqlite")))
    journal.record(
        Outcome(lines=(line,), reason=Reason.APPLIED, http_status=200, attempts=1) for line in done
    )
    plan = PlanFile(folder / "plan.parquet", rows=len(lines))
    return PartRows(journal=journal, plan=plan, rows=len(lines), stop_reason=stop_reason)


def leads(folder: Path, rows: int) -> Path:
    path = folder / "leads.csv"
    path.write_text("campaignId,campaignLeadId,status\n" + "1,2,paused\n" * rows)
    return path


def test_unsent_rows_are_told_with_why_their_own_part_ended(tmp_path: Path) -> None:
    with ExitStack() as stack:
        outcomes = JoinedOutcomes(
            [
                part(tmp_path / "a", stack, [2, 4], [2], stop_reason="The key was revoked."),
                part(tmp_path / "b", stack, [3, 5], [3], stop_reason="The server is away."),
            ]
        )
        table = stack.enter_context(open_table(leads(tmp_path, 4), TableOptions()))
        files = write_results(table, outcomes, tmp_path, rows=4)
        assert files.tally == outcomes.tally() == {Reason.APPLIED: 2, Reason.NOT_REACHED: 2}
    told = "The run ended before this row was sent."
    assert [row["message"] for row in read_rows(files.results)] == [
        "",
        "",
        f"{told} The key was revoked.",
        f"{told} The server is away.",
    ]


@pytest.mark.parametrize(
    ("lines", "done", "told"),
    [
        ([3], [], "leads.csv has 3 rows; expected the 2 of all workspaces."),
        ([3, 4, 5], [], "The journal has outcomes for 4 lines, and 3 of them were found"),
        ([2, 3, 4], [2, 3], "leads.csv has 3 rows, but 4 results came out"),
    ],
    ids=["too few", "too many", "one twice"],
)
def test_results_are_refused_where_a_part_lacks_rows(
    tmp_path: Path, lines: list[int], done: list[int], told: str
) -> None:
    with ExitStack() as stack:
        parts = [
            part(tmp_path / "a", stack, [2], [2]),
            part(tmp_path / "b", stack, lines, done),
        ]
        table = stack.enter_context(open_table(leads(tmp_path, 3), TableOptions()))
        rows = 2 if len(lines) == 1 else 3
        with pytest.raises(RunError) as caught:
            write_results(table, JoinedOutcomes(parts), tmp_path, rows=rows)
    assert str(caught.value).startswith(told)
    assert not (tmp_path / "results.csv").exists()


def test_folders_are_named_for_their_workspaces() -> None:
    names = ["Acme", "ACME", "Café & Söhne", "../../etc", "日本", "", "x" * 99, "CON", "LPT1"]
    assert [*folder_names(names)] == [
        "acme",
        "acme-2",
        "cafe-sohne",
        "etc",
        "workspace",
        "workspace-2",
        "x" * 40,
        "workspace-con",  # a device of Windows in any folder
        "workspace-lpt1",
    ]
