"""Cells that are mended on the page: judged at once, sent, told in the results, and kept."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from batch.errors import InputError
from batch.jobs.recorded import plan_of_run, recorded_journal, request_of
from batch.model import Field
from batch.reading.mended import MENDS_NAME, Mend, mends_sha256, to_csv
from batch.recording.runfile import RunRecord, read_record
from batch.web.board import Stage
from tests.support.live_world import served
from tests.support.program import received
from tests.support.web_site import Site, site
from tests.support.wired import CAMPAIGN, Api, lead_id, served_by, write_leads

ROWS = [
    (CAMPAIGN, lead_id(1), "Repleid", ""),
    (CAMPAIGN, lead_id(2), "paused", ""),
    (CAMPAIGN, "bad", "paused", ""),
]
MENDED = Mend(line=2, column=Field.STATUS, was="Repleid", now="paused")


def dropped(page: Site, folder: Path) -> bytes:
    path = write_leads(folder / "leads.csv", ROWS)
    page.drop(path)
    return path.read_bytes()


def sendable(page: Site) -> int:
    file = page.desk.file
    assert file is not None
    assert file.checked is not None
    return file.checked.sendable


def sent(page: Site) -> Path:
    """Send the file at hand without a plan; the run's folder."""
    page.desk.session.change({}, plans_first=False)
    page.post("/run")
    question = page.until(Stage.QUESTION).question
    assert question is not None
    page.post("/job/answer", answer="yes")
    return page.desk.run_of(page.end().run_id).folder


def results(folder: Path) -> list[dict[str, str]]:
    content = (folder / "results.csv").read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def test_a_mended_cell_is_judged_sent_and_told(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()) as api:
        content = dropped(page, tmp_path)
        assert 'href="/the-path/check?mend=2#mend"' in page.get("/check")
        text = page.get("/check?mend=2")
        assert 'name="status" value="Repleid"' in text
        assert "expected active or paused" in text
        text = page.post("/check/mend", line="2", status="pausd")
        assert 'name="status" value="pausd"' in text  # still wrong, and still there to be mended
        text = page.post("/check/mend", line="2", status=" paused ", campaignLeadId=lead_id(1))
        assert "1 mended cell" in text
        assert sendable(page) == 2
        folder = sent(page)
        assert sorted(api.changes) == [lead_id(1), lead_id(2)]
        record = read_record(folder / "run.json")
        assert (folder / record.input.copy_name).read_bytes() == content
        request = request_of(folder, record, state_dir=page.desk.place.state_dir)
        assert request.mended == (MENDED,)
        mended, other, wrong = results(folder)
        assert (mended["status"], mended["result"]) == ("paused", "success")
        assert mended["message"].endswith('status was "Repleid".')
        assert other["message"] == ""
        assert wrong["result"] == "error"


def test_a_broken_off_run_is_of_the_same_rows_only_if_they_were_mended_alike(
    tmp_path: Path,
) -> None:
    told = "an unfinished run of the same input"
    with site(tmp_path) as page, served_by(Api()):
        dropped(page, tmp_path)
        page.post("/check/mend", line="2", status="paused")
        path = sent(page) / "run.json"
        record = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**record, "state": "stopped"}), "utf-8")
        for status, is_named in (("Repleid", False), ("active", False), ("paused", True)):
            page.post("/check/mend", line="2", status=status)
            page.post("/run")
            notes = page.until(Stage.QUESTION).notes
            assert any(told in note for note in notes) == is_named, status
            page.post("/job/answer", answer="no")
            page.end()


def test_a_mend_is_taken_back(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        page.post("/check/mend", line="2", status="paused")
        page.post("/check/mend", line="2", status="active")
        file = page.desk.file
        assert file is not None
        assert [(each.was, each.now) for each in file.mended] == [("Repleid", "active")]
        assert page.browser.get("/check/mended.xlsx").content[:2] == b"PK"
        assert "mended cell" not in page.post("/check/mend", line="2", as_read="yes")
        assert sendable(page) == 1
        page.post("/check/mend", line="2", status="paused")
        page.drop(write_leads(tmp_path / "leads.csv", ROWS))
        assert "mended cell" not in page.get("/check")  # another file, though of the same name


def test_it_is_said_why_a_mended_sheet_cant_be_had(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    row = f"{CAMPAIGN},{lead_id(1)},Repleid,{'x' * 32_768}"
    path.write_text(f"campaignId,campaignLeadId,status,note\n{row}\n", "utf-8")
    with site(tmp_path) as page:
        page.drop(path)
        text = page.post("/check/mend", line="2", status="paused")
        assert "Download the mended sheet" not in text
        assert (
            "The mended sheet can&#39;t be downloaded: a cell longer than the 32,767 characters "
            "that a sheet&#39;s cell holds. What you mended is sent all the same."
        ) in text
        assert sendable(page) == 1


@pytest.mark.parametrize(("line", "status"), [("2", "a\u202eb"), ("99", "x")])
def test_what_cant_be_mended_is_told(tmp_path: Path, line: str, status: str) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        form = {"line": line, "status": status}
        assert page.browser.ask("POST", "/check/mend", data=form).status_code == 400
        file = page.desk.file
        assert file is not None
        assert file.mended == ()


def test_a_run_with_mends_is_gone_on_with_and_tried_again_as_mended(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in (1, 2)]
    with served(tmp_path, leads) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            dropped(page, tmp_path)
            page.post("/check/mend", line="2", status="paused")
            page.post("/plan")
            run = f"/runs/{page.end().run_id}"
            folder = page.desk.run_of(run.rpartition("/")[2]).folder
            assert (
                "1 cell was mended; mends.csv in the run&#39;s folder has what it was."
                in page.get(run)
            )
            with (folder / "plan.csv").open(encoding="utf-8-sig", newline="") as file:
                assert next(csv.DictReader(file))["message"] == 'status was "Repleid".'
            page.post(f"{run}/apply")
            page.until(Stage.QUESTION)
            page.post("/job/answer", answer="yes")
            page.end()
            assert len(received(sandbox)) == 2
            assert results(folder)[0]["message"].endswith('status was "Repleid".')
            page.post(f"{run}/retry")
            again = page.desk.run_of(page.end().run_id).folder
            assert (again / MENDS_NAME).read_bytes() == (folder / MENDS_NAME).read_bytes()
            page.post(f"{run}/undo")
            page.until(Stage.QUESTION)
            page.post("/job/answer", answer="yes")
            undone = page.desk.run_of(page.end().run_id).folder
            assert not (undone / MENDS_NAME).exists()
            (folder / MENDS_NAME).write_bytes(b"line,column,was,now\n")
            record = read_record(folder / "run.json")
            with pytest.raises(InputError, match="is not there, or was changed since the run"):
                request_of(folder, record, state_dir=page.desk.place.state_dir)


def test_mends_of_somebody_elses_run_must_be_what_its_plan_sends(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        dropped(page, tmp_path)
        page.post("/check/mend", line="2", status="paused")
        folder = sent(page)
    record = read_record(folder / "run.json")

    def look(record: RunRecord) -> None:
        request = request_of(folder, record, state_dir=tmp_path / "of nobody")
        with (
            recorded_journal(folder, record) as journal,
            plan_of_run(folder, record, request, journal) as plan,
        ):
            assert plan.rows == 3

    look(record)
    other = replace(MENDED, now="active")
    (folder / MENDS_NAME).write_bytes(to_csv((other,)))
    with pytest.raises(InputError, match="is not there, or was changed since the run began"):
        look(record)
    forged = record.input.model_copy(update={"mends_sha256": mends_sha256((other,))})
    with pytest.raises(InputError, match="line 2"):
        look(record.model_copy(update={"input": forged}))
