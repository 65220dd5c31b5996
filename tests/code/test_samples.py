from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from batch.judging.from_cells import make_plan
from batch.judging.guardrails import too_many_clears, too_many_invalid
from batch.judging.plan import Plan
from batch.judging.rules import Rules
from batch.model import Reason
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.settings.values import OnConflict
from tests.make_samples import make_changes

SAMPLES = Path(__file__).parents[2] / "samples"
SPREADSHEETS = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".csv", ".xlsx"})
LABELS = ("Interested", "Meeting booked", "Not now", "Referral")


def plan_of(name: str, *, labels: tuple[str, ...] | None = None) -> tuple[Plan, list[str]]:
    """What a sample comes to, and its problems as they are shown."""
    with open_table(SAMPLES / name, TableOptions(), name=name) as table:
        rules = Rules(name=name, labels=labels)
        plan = make_plan(table.cells, rules, on_conflict=OnConflict.ERROR)
        return plan, [problem.sentence(name) for problem in plan.problems()]


@pytest.mark.parametrize(
    ("name", "rows", "requests", "skipped"),
    [
        ("retag.csv", 25, 22, {Reason.DUPLICATE: 2, Reason.NOTHING_TO_CHANGE: 1}),
        ("changes.xlsx", 19, 18, {Reason.BLANK_ROW: 1}),
        ("nightly-retag.csv", 60, 58, {Reason.DUPLICATE: 1, Reason.NOTHING_TO_CHANGE: 1}),
        ("migration.csv", 40, 38, {Reason.DUPLICATE: 1}),  # 39 rows: two ask for one lead
    ],
)
def test_a_sample_without_mistakes_is_sent_or_skipped_row_by_row(
    name: str, rows: int, requests: int, skipped: Mapping[Reason, int]
) -> None:
    plan, problems = plan_of(name)
    assert (plan.rows, plan.requests, dict(plan.tally)) == (rows, requests, skipped)
    assert problems == []


@pytest.mark.parametrize("path", SPREADSHEETS, ids=lambda path: path.name)
def test_no_sample_needs_a_guardrail_taken_off(path: Path) -> None:
    plan, _ = plan_of(path.name)
    assert (too_many_clears(plan), too_many_invalid(plan, name=path.name)) == (None, None)


def test_the_migration_clears_tags() -> None:
    plan, _ = plan_of("migration.csv")
    assert plan.tags_cleared == 16


def test_the_sample_with_mistakes_has_every_reason_that_rows_are_judged_by() -> None:
    plan, _ = plan_of("mistakes.csv", labels=LABELS)
    assert dict(plan.tally) == {
        Reason.MISSING_ID: 2,
        Reason.BAD_ID: 3,
        Reason.BAD_STATUS: 2,
        Reason.BAD_CELL: 3,
        Reason.UNKNOWN_TAG: 1,
        Reason.CONFLICT: 4,
        Reason.BLANK_ROW: 1,
        Reason.NOTHING_TO_CHANGE: 1,
        Reason.DUPLICATE: 1,
    }


def test_the_spreadsheet_is_what_its_maker_makes(tmp_path: Path) -> None:
    made = tmp_path / "changes.xlsx"
    make_changes(made)
    with (
        open_table(made, TableOptions(), name="made") as here,
        open_table(SAMPLES / "changes.xlsx", TableOptions(), name="kept") as there,
    ):
        assert here.header == there.header
        assert_frame_equal(pl.concat(here.rows()), pl.concat(there.rows()))
