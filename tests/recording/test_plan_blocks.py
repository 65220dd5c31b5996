"""What is read of a plan's file, block by block."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch.errors import InputError
from batch.judging.plan import LAST_LINE
from batch.recording import plan_file
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import PLAN_FILE, PlanFile, write_plan
from tests.recording.test_plan_check import frame, record_of, request
from tests.support.wired import CAMPAIGN, lead_id

READ = {"was_status": "active", "was_tag": "", "was_at_ms": 5}
ROWS: list[dict[str, Any]] = [
    request(2, ai_tag="Hot", **READ, is_expected=True, base_status="active", base_tag=""),
    {"line": 3, "reason": "bad_id", "column": "campaignId", "message": "found"},
    {"line": 4, "carrier": 2},
    request(5, message="its tag is left"),
    request(6, reason="already_so", message="so", **READ),
    {"line": 7, "reason": "blank_row", "message": ""},
    request(9, is_expected=False, base_status="paused"),
]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlanFile:
    """A plan in blocks of two rows."""
    monkeypatch.setattr(plan_file, "_BLOCK_ROWS", 2)
    write_plan(tmp_path / PLAN_FILE, [frame(ROWS)])
    return PlanFile(tmp_path / PLAN_FILE, rows=len(ROWS))


def test_requests_come_with_all_lines_that_they_stand_for(plan: PlanFile) -> None:
    found = pl.concat(plan.requests())
    assert found.select("line", "lines").rows() == [(2, [2, 4]), (5, None), (6, None), (9, None)]
    ids = (CAMPAIGN, lead_id(2), "paused", "Hot", False)
    assert found.drop("line", "lines").row(0) == ids


@pytest.mark.parametrize(
    ("lines", "found"), [([2, 9], [2, 9]), ([5], [5]), ([3, 4], []), ([9], [9]), ([], [])]
)
def test_only_the_requests_of_some_lines_are_read(
    plan: PlanFile, lines: list[int], found: list[int]
) -> None:
    asked = pl.Series("line", lines, dtype=pl.UInt32)
    assert [line for part in plan.requests(asked) for line in part["line"]] == found


def test_the_last_line_that_there_may_be_is_read(tmp_path: Path) -> None:
    last = request(2) | {"line": LAST_LINE, "carrier": LAST_LINE}
    write_plan(tmp_path / PLAN_FILE, [frame([last])])
    asked = pl.Series("line", [LAST_LINE], dtype=pl.UInt32)
    (found,) = PlanFile(tmp_path / PLAN_FILE, rows=1).requests(asked)
    assert found["line"].to_list() == [LAST_LINE]


def test_rows_that_are_not_sent_are_told_with_their_reason(plan: PlanFile) -> None:
    wrong = (3, "bad_id", "campaignId", "", "found")
    assert pl.concat(plan.not_sent()).rows() == [wrong, (7, "blank_row", None, "", "")]
    assert pl.concat(plan.not_sent(only_wrong=True)).rows() == [wrong]


def test_of_a_row_that_is_sent_in_part_it_is_told_what_is_left(plan: PlanFile) -> None:
    assert list(plan.partly_sent()) == [(5, "its tag is left")]


def test_what_was_read_of_leads_is_told_by_line(plan: PlanFile) -> None:
    read = [(2, "active", "", 5, None), (6, "active", "", 5, "already_so")]
    assert plan.before().rows() == read
    assert plan.before(3, 6).rows() == read[1:]
    assert plan.before(3, 5).is_empty()


def test_ids_lines_and_what_is_expected_are_told(plan: PlanFile) -> None:
    assert plan.between(4, 6).rows() == [
        (4, None, None),
        (5, CAMPAIGN, lead_id(5)),
        (6, CAMPAIGN, lead_id(6)),
    ]
    assert plan.between(4, 6).columns == ["line", "campaignId", "campaignLeadId"]
    assert plan.baseline().rows() == [(2, "active", "")]
    assert plan.lines().to_list() == [2, 3, 4, 5, 6, 7, 9]
    assert pl.concat(plan.planned()).equals(frame(ROWS))


def test_lines_rise_from_block_to_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_file, "_BLOCK_ROWS", 2)
    write_plan(tmp_path / PLAN_FILE, [frame([request(n) for n in (2, 5, 5, 6)])])
    with pytest.raises(InputError, match="is not the plan of this run"):
        open_plan(tmp_path, record_of(tmp_path, rows=4))


@pytest.mark.parametrize(
    ("at_ms", "is_ours"),
    [(0, True), (253_402_300_799_999, True), (-1, False), (253_402_300_800_000, False)],
)
def test_a_lead_was_read_before_the_year_10000(
    tmp_path: Path, at_ms: int, *, is_ours: bool
) -> None:
    write_plan(tmp_path / PLAN_FILE, [frame([request(2, was_at_ms=at_ms)])])
    record = record_of(tmp_path, rows=1)
    if is_ours:
        assert open_plan(tmp_path, record).sha256 == record.plan_sha256
    else:
        with pytest.raises(InputError, match="is not the plan of this run"):
            open_plan(tmp_path, record)


def test_a_plan_is_counted_as_it_was_judged(tmp_path: Path) -> None:
    rows = [
        request(2, ai_tag="Hot"),
        request(3, status="active"),
        request(4, status=None, clear_tag=True),
        {"line": 5, "carrier": 4},
        request(6, clear_tag=True),
    ]
    write_plan(tmp_path / PLAN_FILE, [frame(rows)])
    plan = open_plan(tmp_path, record_of(tmp_path, rows=5))
    assert (plan.requests, plan.sendable_rows, plan.clears_rows) == (4, 5, 3)
    assert (plan.to_active, plan.to_paused, plan.tags_set, plan.tags_cleared) == (1, 2, 1, 2)
