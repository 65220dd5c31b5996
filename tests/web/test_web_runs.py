import csv
import io
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from batch.jobs.runs import ListedRun
from batch.model import Reason, Result
from batch.recording.locks import lock_input, share_key
from batch.recording.runfile import RunFile, RunState
from batch.web.board import Stage
from tests.support.web_site import BASE, Site, site
from tests.support.wired import KEY, Api, confirmed, pausing, served_by, write_leads

NOT_FOUND = httpx.Response(404, json={"success": False, "error": "no such lead"})
ADDRESS = "https://api.sendkit.ai"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as page:
        page.desk.session.change({}, plans_first=False)
        yield page


def ended(page: Site, folder: Path, *, leads: int, name: str = "leads.csv") -> ListedRun:
    """Send some rows to the end."""
    page.drop(write_leads(folder / name, pausing(leads)))
    page.post("/run")
    return answered(page)


def answered(page: Site) -> ListedRun:
    page.until(Stage.QUESTION)
    page.post("/job/answer", answer="yes")
    return page.desk.run_of(page.end().run_id)


def change(run: ListedRun, **changes: object) -> None:
    RunFile(run.folder / "run.json").write(run.record.model_copy(update=changes))


def marks(html: str) -> list[tuple[str, str]]:
    return re.findall(r'class="mark (\w+)">([^<]+)<', html)


def test_each_run_says_what_it_was_and_what_came_of_it(page: Site, tmp_path: Path) -> None:
    api = Api(answer=lambda _: NOT_FOUND)
    with served_by(api):
        first = ended(page, tmp_path, leads=2)
        assert marks(page.get("/runs")) == [("bad", "Finished, all failed")]
        assert marks(page.get(f"/runs/{first.record.id}"))[0] == ("bad", "Finished, all failed")
        api.answer = lambda request: (
            confirmed(request) if request.url.path.endswith("1") else NOT_FOUND
        )
        page.post(f"/runs/{first.record.id}/retry")
        again = answered(page)
        api.answer = confirmed
        ended(page, tmp_path, leads=1, name="other.csv")
    listed = page.get("/runs")
    assert marks(listed) == [
        ("good", "Finished"),
        ("bad", "Finished, 1 failed"),
        ("bad", "Finished, all failed"),
    ]
    link = f'Retry of <a href="{BASE}/runs/{first.record.id}">leads.csv, <time datetime="20'
    assert link in listed
    assert link in page.get(f"/runs/{again.record.id}")
    tried = f'Tried again: <a href="{BASE}/runs/{again.record.id}">leads.csv, '
    assert tried in page.get(f"/runs/{first.record.id}")
    assert len(marks(page.get("/runs?search=OTHER"))) == 1
    assert len(marks(page.get("/runs?search=acme"))) == 3  # the workspace
    assert marks(page.get("/runs?kind=retry")) == [("bad", "Finished, 1 failed")]
    assert marks(page.get("/runs?standing=failed")) == [("bad", "Finished, all failed")]
    assert "No run is like that." in page.get("/runs?kind=undo")


TRY_AGAIN = "Try the failed rows again"


def test_failed_rows_are_tried_again_only_where_one_can_pass(page: Site, tmp_path: Path) -> None:
    api = Api(answer=lambda _: NOT_FOUND)
    with served_by(api):
        wrong = ended(page, tmp_path, leads=2)
        text = page.get(f"/runs/{wrong.record.id}")
        assert TRY_AGAIN not in text
        assert "the failed rows would fail again: 2 not found. Mend them in failed.csv" in text
        assert re.findall(r"download>Download ([\w.]+)<", text)[0] == "failed.csv"
        refused = ended(page, tmp_path, leads=1, name="other.csv")
        change(refused, reasons={Reason.SERVER_ERROR: 1})  # without its half a minute of tries
        address = f"/runs/{refused.record.id}"
        assert TRY_AGAIN in page.get(address)
        page.post(f"{address}/retry")
        still = answered(page)
        assert TRY_AGAIN in page.get(address)  # it failed once more
        api.answer = confirmed
        page.post(f"/runs/{still.record.id}/retry")
        well = answered(page)
    for run in (refused, still):
        text = page.get(f"/runs/{run.record.id}")
        assert TRY_AGAIN not in text
        told = f'none is left failed: <a href="{BASE}/runs/{well.record.id}">other.csv, '
        assert told in text
        assert "Download failed.csv" in text
    text = page.get(f"/runs/{well.record.id}")
    assert "Download results.csv" in text
    assert (well.folder / "failed.csv").exists()
    assert "Download failed" not in text


@pytest.mark.parametrize(
    ("state", "counts", "shown"),
    [
        (RunState.PLANNED, {}, ("quiet", "Planned, nothing sent")),
        (RunState.FINISHED, {Result.SKIPPED: 2}, ("quiet", "Finished, nothing to do")),
        (RunState.STOPPED, {Result.SUCCESS: 1}, ("open", "Stopped early")),
        (RunState.FAILED, {Result.SUCCESS: 1}, ("bad", "Failed")),
        (RunState.RUNNING, {Result.SUCCESS: 1}, ("open", "Broke off")),
    ],
)
def test_a_colour_stands_for_what_came_of_a_run(
    page: Site, tmp_path: Path, state: RunState, counts: dict[Result, int], shown: tuple[str, str]
) -> None:
    with served_by(Api()):
        run = ended(page, tmp_path, leads=2)
    change(run, state=state, counts=counts)
    assert marks(page.get("/runs")) == [shown]


def test_times_are_those_of_this_machine_with_their_zone(page: Site, tmp_path: Path) -> None:
    with served_by(Api()):
        run = ended(page, tmp_path, leads=1)
    at = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
    change(run, started_at=at)
    here = at.astimezone()
    assert (
        f'<time datetime="2026-07-01T22:30:05Z" title="{here:%Y-%m-%d %H:%M:%S %Z (UTC%z)}">'
        f"{here:%Y-%m-%d %H:%M}</time>"
    ).replace("+", "&#43;") in page.get("/runs").replace("+", "&#43;")


def test_a_run_of_another_process_is_seen_live(page: Site, tmp_path: Path) -> None:
    with served_by(Api()):
        run = ended(page, tmp_path, leads=4)
    (run.folder / "results.csv").unlink()
    address, sha256 = f"/runs/{run.record.id}", run.record.input.sha256
    change(run, state=RunState.RUNNING, counts={Result.SUCCESS: 1}, pid=os.getpid() + 1)
    with lock_input(page.desk.place.state_dir, sha256=sha256, base_url=ADDRESS, run=run.folder):
        text = page.get(address)
        assert 'id="live" data-refresh="page"' in text
        assert 'value="25"' in text
        assert "1 of 4 rows have a result." in text
        assert (
            f"Another window of this program is at work on it (process {os.getpid() + 1})" in text
        )
        assert "Go on with it" not in text
        assert 'id="run-list" data-refresh="part"' in page.get("/runs")
        change(run, state=RunState.RUNNING, counts={Result.SUCCESS: 3}, pid=os.getpid())
        text = page.get(address)
        assert "3 of 4 rows have a result." in text
        assert f'It is at work on this page. <a href="{BASE}/job">Show it</a>' in text
    text = page.get(address)
    assert "data-refresh" not in text
    assert "Go on with it" in text


def test_pruning_asks_and_removes_what_it_has_shown_of_ones_own(page: Site, tmp_path: Path) -> None:
    with served_by(Api()):
        old, older, new, open_ = (ended(page, tmp_path, leads=n) for n in (1, 2, 3, 4))
    long_ago = datetime.now(UTC) - timedelta(days=100)
    change(old, ended_at=long_ago)
    change(older, ended_at=long_ago)
    change(open_, ended_at=long_ago, state=RunState.STOPPED)
    theirs = tmp_path / "runs" / "theirs"  # as unpacked from somebody's archive
    shutil.copytree(old.folder, theirs)
    record = old.record.model_copy(update={"id": "ab" * 8, "ended_at": long_ago})
    RunFile(theirs / "run.json").write(record)
    all_of_them = {each.folder for each in (old, older, new, open_)} | {theirs}

    asked = page.get("/runs/prune?age=90d")
    assert re.search(r"Remove 2 runs, \d+(\.\d)? kB\? Their results", asked)
    assert str(old.folder) in asked
    assert str(theirs) not in asked
    assert {*(tmp_path / "runs").iterdir()} == all_of_them  # it only asks
    page.post("/runs/prune", age="90d")  # as no page of ours does
    page.post("/runs/prune", age="90d", ids=f"{new.record.id} {open_.record.id} {'ab' * 8}")
    assert {*(tmp_path / "runs").iterdir()} == all_of_them
    form = {"age": "90d", "ids": old.record.id}
    answer = page.browser.ask("POST", "/runs/prune", follow=False, data=form)
    assert {*(tmp_path / "runs").iterdir()} == all_of_them - {old.folder}
    assert answer.headers["location"] == f"{BASE}/runs?removed=1"
    for _ in range(2):  # whoever reloads the page removes nothing more
        assert "1 run removed." in page.get("/runs?removed=1")
    assert "1 run removed." not in page.get("/runs")
    assert "Choose how long ago" in page.get("/runs/prune?age=0h")
    assert "Nothing was removed." in page.get("/runs/prune?age=365d")


def test_every_attempt_is_written_as_it_is_asked_for(page: Site, tmp_path: Path) -> None:
    with served_by(Api()):
        run = ended(page, tmp_path, leads=2)
    address = f"/runs/{run.record.id}"
    link = f'href="{BASE}{address}/history.csv"'
    assert link in page.get(address)
    assert not (run.folder / "history.csv").exists()
    answer = page.browser.get(f"{address}/history.csv")
    assert f'filename="{run.folder.name}-history.csv"' in answer.headers["content-disposition"]
    lines = [row["line"] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))]
    assert lines == ["2", "3"]
    change(run, requests=0)
    assert link not in page.get(address)  # of what was never sent there is none


def test_that_a_key_is_shared_is_shown_while_it_is_true(page: Site, tmp_path: Path) -> None:
    said = "Another run uses the same key"
    shared = share_key(
        page.desk.place.state_dir, key=SecretStr(KEY), base_url=ADDRESS, run=tmp_path / "theirs"
    )
    with served_by(Api()):
        with shared:
            page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
            page.post("/run")
            view = page.until(Stage.QUESTION)
            assert said in page.get("/job")
            assert said not in str(view.notes_gone)
        (gone,) = view.notes_gone  # so that the script takes it away
        assert said in gone
        assert said not in page.get("/job")
        run = answered(page)
        assert said not in page.get(f"/runs/{run.record.id}")
