"""Plan files that anybody may have made: one clear sentence, whatever is wrong with them."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch.errors import InputError
from batch.judging.planned import PLANNED
from batch.model import Reason, Tally
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import PLAN_FILE, write_plan
from batch.recording.runfile import RunRecord
from tests.recording.test_runfile import RECORD
from tests.support.wired import CAMPAIGN, lead_id

NO_PLAN = (
    "{}: is not the plan of this run: it is damaged, cut short, changed or another run's. Nothing "
    "was sent. Bring it back from a backup, or start a new run."
)
Row = dict[str, Any]
MEGABYTE = "x" * (1 << 20)


def request(line: int, **more: object) -> Row:
    """A row that carries a request."""
    ids = {"campaign_id": CAMPAIGN, "campaign_lead_id": lead_id(line)}
    return {"line": line, "carrier": line, **ids, "status": "paused", "clear_tag": False, **more}


ROWS: tuple[Row, ...] = (
    request(2, ai_tag="Hot"),
    {"line": 3, "carrier": 2},
    {"line": 4, "reason": "bad_id", "column": "campaignId", "message": "found"},
    request(5, status=None, clear_tag=True),
    request(6, reason="already_so", message="so"),
)


def changed(number: int, **more: object) -> list[Row]:
    """The rows, one of them with other values."""
    return [{**row, **more} if n == number else row for n, row in enumerate(ROWS)]


def frame(rows: Any) -> pl.DataFrame:  # noqa: ANN401 - rows of any values
    return pl.DataFrame(list(rows), schema=PLANNED)


def record_of(folder: Path, **more: object) -> RunRecord:
    """A run whose plan is the file that is there now."""
    content = (folder / PLAN_FILE).read_bytes()
    return RECORD.model_copy(
        update={"rows": len(ROWS), "plan_sha256": sha256(content).hexdigest(), **more}
    )


def refused(folder: Path, record: RunRecord) -> None:
    with pytest.raises(InputError) as caught:
        open_plan(folder, record)
    assert str(caught.value) == NO_PLAN.format(folder / PLAN_FILE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_plan(tmp_path / PLAN_FILE, [frame(ROWS)])
    return tmp_path


def test_a_plan_comes_back_as_it_was_written(folder: Path) -> None:
    plan = open_plan(folder, record_of(folder))
    assert pl.concat(plan.source.planned()).equals(frame(ROWS))
    assert [(change.lines, change.clear_tag) for change in plan.changes()] == [
        ((2, 3), False),
        ((5,), True),
        ((6,), False),
    ]
    assert (plan.rows, plan.requests, plan.sendable_rows, plan.clears_rows) == (5, 3, 4, 1)
    assert plan.tally == Tally({Reason.BAD_ID: 1})
    assert [problem.line for problem in plan.first_problems] == [4]
    assert [each.lines for part in plan.left_out() for each in part] == [(6,)]


def test_nobody_else_may_read_it_and_no_part_stays(folder: Path) -> None:
    assert (folder / PLAN_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == [PLAN_FILE]


def test_a_plan_without_rows_is_one(tmp_path: Path) -> None:
    write_plan(tmp_path / PLAN_FILE, [])
    plan = open_plan(tmp_path, record_of(tmp_path, rows=0))
    assert [*plan.changes(), *plan.judged(), *plan.partly_sent()] == []


def test_a_plan_that_is_gone_is_told(folder: Path) -> None:
    record = record_of(folder)
    (folder / PLAN_FILE).unlink()
    with pytest.raises(InputError) as caught:
        open_plan(folder, record)
    assert str(caught.value) == (
        f"{folder / PLAN_FILE}: is not there, so that nobody knows what the run is to do. Bring it "
        "back from a backup, or start a new run."
    )


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("change", [link, pipe, folder_instead])
def test_a_plan_that_is_no_regular_file_is_refused(
    folder: Path, change: Callable[[Path], None]
) -> None:
    record = record_of(folder)
    change(folder / PLAN_FILE)
    refused(folder, record)


def test_the_plan_of_another_run_is_refused(folder: Path) -> None:
    record = record_of(folder)
    write_plan(folder / PLAN_FILE, [frame(changed(0, ai_tag="Cold"))])
    refused(folder, record)


@pytest.mark.parametrize("size", [0, 1, 4, 12, 600, -1])
def test_a_plan_that_was_cut_off_is_refused(folder: Path, size: int) -> None:
    path = folder / PLAN_FILE
    path.write_bytes(path.read_bytes()[:size])
    refused(folder, record_of(folder))


@pytest.mark.parametrize("at", range(3))
def test_a_plan_with_other_bytes_is_refused_or_says_what_judging_may(folder: Path, at: int) -> None:
    """Whoever makes such a file can make a record with its hash, too."""
    path = folder / PLAN_FILE
    content = path.read_bytes()
    for position in range(at, len(content), 3 * 7):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 0x55]) + content[position + 1 :]
        )
        with suppress(InputError):
            open_plan(folder, record_of(folder))


@pytest.mark.parametrize(
    "alter",
    [
        lambda rows: rows.with_columns(more=pl.lit(1)),
        lambda rows: rows.drop("base_tag"),
        lambda rows: rows.with_columns(pl.col("line").cast(pl.Int64)),
        lambda rows: rows.select(reversed(PLANNED.names())),
        lambda rows: rows.with_columns(status=pl.col("status").cast(pl.Binary)),
    ],
    ids=["more", "fewer", "another type", "another order", "bytes"],
)
def test_other_columns_are_refused(
    folder: Path, alter: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    alter(frame(ROWS)).write_parquet(folder / PLAN_FILE)
    refused(folder, record_of(folder))


@pytest.mark.parametrize("rows", [4, 6, 0])
def test_other_rows_than_the_run_has_are_refused(folder: Path, rows: int) -> None:
    refused(folder, record_of(folder, rows=rows))


@pytest.mark.parametrize(
    "rows",
    [
        changed(1, line=2),
        changed(1, line=None),
        [*ROWS[1:], ROWS[0]],
        changed(0, line=0, carrier=0),
        changed(1, carrier=4),
        changed(1, carrier=6),
        changed(1, carrier=1),
        changed(2, reason=None),
        changed(2, reason="because"),
        changed(2, message=None),
        changed(2, column="password"),
        changed(0, campaign_id=None),
        changed(0, campaign_id="../../v1/tags"),
        changed(0, campaign_lead_id="a b"),
        changed(0, campaign_lead_id="é" * 24),
        changed(0, campaign_lead_id="a" * 201),
        changed(0, status="Paused"),
        changed(0, status="completed"),
        changed(0, status=None, ai_tag=None),
        changed(0, clear_tag=True),
        changed(0, clear_tag=None),
        changed(0, was_at_ms=-1),
        changed(0, ai_tag="x" * (4 << 20) + "x"),
        [request(line, ai_tag=MEGABYTE) for line in range(2, 300)],
        changed(2, reason="applied"),
        changed(2, reason="not_reached"),
        changed(2, reason="drifted"),
        changed(0, reason="bad_id", message="found"),
    ],
)
def test_values_that_judging_does_not_give_are_refused(folder: Path, rows: list[Row]) -> None:
    write_plan(folder / PLAN_FILE, [frame(rows)])
    refused(folder, record_of(folder, rows=len(rows)))
