"""The bench's own input: what it counts on must be what this program finds in it."""

from pathlib import Path

import pytest

from batch.judging.plan import make_plan
from batch.judging.rules import Rules
from batch.model import OnConflict, Reason
from batch.reading.table import TableOptions, open_table
from tests.bench.answers import ANSWERS, CHANGED
from tests.bench.rows import LABELS, write_rows


@pytest.mark.parametrize("count", [10, 1000, 2500])
def test_the_input_has_the_problems_and_duplicates_that_it_says(tmp_path: Path, count: int) -> None:
    rows = write_rows(tmp_path / "rows.csv", count)
    rules = Rules(name="rows.csv", labels=LABELS)
    with open_table(rows.path, TableOptions()) as table:
        plan = make_plan(table.cells, rules, on_conflict=OnConflict.ERROR)
    assert (plan.rows, plan.requests) == (count, rows.success)
    assert plan.tally.get(Reason.BAD_STATUS, 0) == rows.error == count // 100
    assert plan.tally.get(Reason.DUPLICATE, 0) == rows.skipped == count // 1000


def test_the_answers_are_as_long_as_the_apis_and_break_no_quotes() -> None:
    assert len(CHANGED) == 253
    assert all(b"'" not in body for body in (CHANGED, *ANSWERS.values()))
