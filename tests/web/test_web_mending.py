"""Cells that are mended on the page: judged at once, sent, told in the results, and kept."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import xlsxwriter

from batch.columns import ADDED_COLUMNS, Column, Naming
from batch.errors import InputError
from batch.jobs.recorded import plan_of_run, recorded_journal, request_of
from batch.model import Field
from batch.reading.mended import MENDS_NAME, Mend, mends_sha256, to_csv
from batch.recording.runfile import RunRecord, read_record
from batch.web.board import Stage
from batch.web.inspection import Ask, Inspected
from batch.web.mending import mended_with
from batch.web.reader import UnreadableError
from batch.web.tray import FileAtHand
from tests.support.live_world import served
from tests.support.program import received
from tests.support.web_site import Site, in_this_process, site
from tests.support.wired import CAMPAIGN, HEADER, Api, lead_id, served_by, write_leads

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


def at_hand(page: Site) -> FileAtHand:
    file = page.desk.file
    assert file is not None
    return file


def mend(page: Site, *, line: str, **form: str) -> str:
    version = at_hand(page).version(int(line))
    return page.post("/check/mend", line=line, version=version, **form)


def mended(page: Site) -> list[tuple[int, str, str, str]]:
    return [(each.line, each.column, each.was, each.now) for each in at_hand(page).mended]


def judged_folders(page: Site) -> list[Path]:
    """Where the rows of the file at hand are; the uploaded file lies beside it."""
    return [path for path in at_hand(page).upload.folder.iterdir() if path.is_dir()]


def sendable(page: Site) -> int:
    checked = at_hand(page).checked
    assert checked is not None
    return checked.sendable


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
        text = mend(page, line="2", status="pausd")
        assert 'name="status" value="pausd"' in text  # still wrong, and still there to be mended
        text = mend(page, line="2", status=" paused ", campaignLeadId=lead_id(1))
        assert "1 mended cell" in text
        assert sendable(page) == 2
        folder = sent(page)
        assert sorted(api.changes) == [lead_id(1), lead_id(2)]
        record = read_record(folder / "run.json")
        assert (folder / record.input.copy_name).read_bytes() == content
        request = request_of(folder, record, state_dir=page.desk.place.state_dir)
        assert request.mended == (MENDED,)
        first, other, wrong = results(folder)
        assert (first["status"], first["result"]) == ("paused", "success")
        assert first["message"].endswith('Mended: status was "Repleid".')
        assert other["message"] == ""
        assert wrong["result"] == "error"


def test_a_broken_off_run_is_of_the_same_rows_only_if_they_were_mended_alike(
    tmp_path: Path,
) -> None:
    told = "an unfinished run of the same input"
    with site(tmp_path) as page, served_by(Api()):
        dropped(page, tmp_path)
        mend(page, line="2", status="paused")
        path = sent(page) / "run.json"
        record = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**record, "state": "stopped"}), "utf-8")
        for status, is_named in (("Repleid", False), ("active", False), ("paused", True)):
            mend(page, line="2", status=status)
            page.post("/run")
            notes = page.until(Stage.QUESTION).notes
            assert any(told in note for note in notes) == is_named, status
            page.post("/job/answer", answer="no")
            page.end()


def test_a_mend_is_taken_back(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        mend(page, line="2", status="paused")
        mend(page, line="2", status="active")
        file = at_hand(page)
        assert [(each.was, each.now) for each in file.mended] == [("Repleid", "active")]
        assert not (checked_folder(page) / "mended.xlsx").exists()  # a mend costs no sheet
        for _ in range(2):
            assert page.browser.get("/check/mended.xlsx").content[:2] == b"PK"
        assert (checked_folder(page) / "mended.xlsx").is_file()
        assert "mended cell" not in mend(page, line="2", as_read="yes")
        assert sendable(page) == 1
        mend(page, line="2", status="paused")
        page.drop(write_leads(tmp_path / "leads.csv", ROWS))
        assert "mended cell" not in page.get("/check")  # another file, though of the same name


def test_a_row_whose_ids_were_looked_up_is_mended_by_its_address(tmp_path: Path) -> None:
    path = tmp_path / "failed.csv"
    header = ("email", "campaign", "status", "campaignId", "campaignLeadId", *ADDED_COLUMNS)
    row = ("ann@example.com", "Sale", "pausd", CAMPAIGN, lead_id(1), "2", "error", "bad_status")
    cells = (*row, *[""] * (len(header) - len(row)))
    path.write_text(f"{','.join(header)}\n{','.join(cells)}\n")
    with site(tmp_path) as page:
        page.drop(path)
        assert page.browser.get("/check?mend=2").status_code == 200
        mend(page, line="2", email="ann@example.com", status="paused")
        assert mended(page) == [(2, "status", "pausd", "paused")]
        assert sendable(page) == 1
        assert page.browser.get("/check/mended.xlsx").content[:2] == b"PK"


def test_it_is_said_why_a_mended_sheet_cant_be_had(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    row = f"{CAMPAIGN},{lead_id(1)},Repleid,{'x' * 32_768}"
    path.write_text(f"campaignId,campaignLeadId,status,note\n{row}\n", "utf-8")
    with site(tmp_path) as page:
        page.drop(path)
        mend(page, line="2", status="paused")
        assert (
            "The mended sheet can&#39;t be downloaded: a cell longer than the 32,767 characters "
            "that a sheet&#39;s cell holds. What you mended is sent all the same."
        ) in page.get("/check/mended.xlsx")
        assert len(judged_folders(page)) == 2  # of before and of now, and none of the sheet
        assert sendable(page) == 1


@pytest.mark.parametrize(("line", "status"), [("2", "a\u202eb"), ("99", "x")])
def test_what_cant_be_mended_is_told(tmp_path: Path, line: str, status: str) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        form = {"line": line, "status": status, "version": at_hand(page).version(int(line))}
        assert page.browser.ask("POST", "/check/mend", data=form).status_code == 400
        assert at_hand(page).mended == ()


TAKEN_BACK = "taken back: other cells are read now. Look at the problems again."


def dropped_workbook(page: Site, folder: Path) -> None:
    """Two sheets: one lead in both, with another status. Only the second has a column Lead."""
    path = folder / "leads.xlsx"
    lead = (CAMPAIGN, lead_id(1))
    with xlsxwriter.Workbook(path) as book:
        for sheet, header, row in (
            ("March", (*HEADER, "Old"), (*lead, "", "Htt", "active")),
            ("April", (*HEADER, "Old", "Lead"), (*lead, "", "Htt", "", lead_id(2))),
        ):
            worksheet = book.add_worksheet(sheet)
            worksheet.write_row(0, 0, header)
            worksheet.write_row(1, 0, row)
    page.drop(path)
    page.post("/check/columns", sheet="March")
    mend(page, line="2", status="paused", aiTag="Hot")
    assert len(mended(page)) == 2


OWN = {each: each for each in HEADER}
STATUS, TAG = (2, "status", "", "paused"), (2, "aiTag", "Htt", "Hot")


@pytest.mark.parametrize(
    ("form", "kept", "told"),
    [
        # A blank cell is like any other: that it is what the mended one was says nothing.
        ({**OWN, "sheet": "April"}, [], "2 mends were"),
        ({**OWN, "sheet": "March"}, [TAG, STATUS], ""),
        ({**OWN, "sheet": "March", "header_row": "1"}, [TAG, STATUS], ""),
        ({**OWN, "sheet": "March", "status": "Old"}, [TAG], "1 mend was"),
        # A column that is on one sheet alone leads there.
        ({**OWN, "campaignLeadId": "Lead"}, [], "2 mends were"),
    ],
)
def test_no_mend_is_laid_over_a_cell_that_it_was_not_made_for(
    tmp_path: Path, form: dict[str, str], kept: list[tuple[int, str, str, str]], told: str
) -> None:
    with site(tmp_path) as page:
        dropped_workbook(page, tmp_path)
        text = page.post("/check/columns", **form)
        assert sorted(mended(page)) == sorted(kept)
        assert (f"{told} {TAKEN_BACK}" in text) == bool(told)
        assert at_hand(page).checked is not None
        assert TAKEN_BACK not in page.post("/check/options")  # said once
        assert len(judged_folders(page)) == 2  # with the one of before


def test_mends_outlast_a_choice_by_which_nothing_can_be_read(tmp_path: Path) -> None:
    def broken(_ask: Ask, _is_given_up: Callable[[], bool]) -> Inspected:
        raise UnreadableError("It took too much.")

    with site(tmp_path) as page:
        dropped_workbook(page, tmp_path)
        page.post("/check/columns", **OWN, sheet="March", header_row="9")
        assert at_hand(page).checked is None
        assert "taken back" not in page.post("/check/columns", **OWN, sheet="March")
        assert len(mended(page)) == 2
        page.desk.tray._inspect = broken  # noqa: SLF001 - for once
        page.post("/check/columns", **OWN, sheet="April")
        assert len(mended(page)) == 2
        page.desk.tray._inspect = in_this_process  # noqa: SLF001 - from now on
        assert f"2 mends were {TAKEN_BACK}" in page.post("/check/options", strict="yes")
        assert mended(page) == []


def test_a_form_of_before_mends_nothing(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        stale, others = (at_hand(page).version(line) for line in (2, 4))
        ids = {"campaignId": CAMPAIGN, "campaignLeadId": lead_id(1), "aiTag": ""}
        mend(page, line="2", status="paused", **ids)
        told = "Nothing was mended: the file or the line was changed since then. So it is now."
        for form in ({**ids, "status": "active"}, {"as_read": "yes"}):
            text = page.post("/check/mend", line="2", version=stale, **form)
            assert told in text
            assert 'name="status" value="paused"' in text  # as it is now
        sent_twice = page.post("/check/mend", line="2", version=stale, status="paused", **ids)
        assert told not in sent_twice
        page.post("/check/mend", line="4", version=others, campaignLeadId=lead_id(4))
        assert len(mended(page)) == 2  # another line is as it was seen
        stale = at_hand(page).version(4)
        page.drop(write_leads(tmp_path / "leads.csv", [(CAMPAIGN, "bad", "paused", "")]))
        assert told in page.post("/check/mend", line="4", version=stale, status="active")
        assert mended(page) == []


NOW: dict[Column, str] = {
    Field.STATUS: "  act\u00a0ive\r\n",
    Field.AI_TAG: "Hot \n Lead",
    Field.CAMPAIGN_ID: "",
    Naming.EMAIL: "a\u202eb ",
}
AS_SHOWN: dict[Column, str] = {
    Field.STATUS: "act ive",
    Field.AI_TAG: "Hot   Lead",
    Naming.EMAIL: "a\u202eb ",
}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (AS_SHOWN, {}),
        (NOW, {}),
        ({**AS_SHOWN, Field.STATUS: " active "}, {Field.STATUS: "active"}),
        ({Field.AI_TAG: "Hot\u00a0Lead"}, {Field.AI_TAG: "Hot Lead"}),
        ({Field.CAMPAIGN_ID: "c"}, {Field.CAMPAIGN_ID: "c"}),
    ],
)
def test_only_what_somebody_has_typed_is_mended(
    typed: dict[Column, str], expected: dict[Column, str]
) -> None:
    refusals: list[InputError] = []
    found: tuple[Mend, ...] = ()
    try:
        found = mended_with((), 2, NOW, typed)
    except InputError as error:  # an unseen character that was there before is nobody's
        refusals.append(error)
    assert refusals == []
    assert {each.column: each.now for each in found} == expected
    assert all(each.was == NOW[each.column] for each in found)
    # What was mended before stays as long as nobody touches it.
    before = (Mend(line=2, column=Field.CAMPAIGN_ID, was="x", now="c"),)
    assert (
        mended_with(before, 2, {**NOW, Field.CAMPAIGN_ID: "c"}, {Field.STATUS: "act ive"}) == before
    )


def test_a_page_keeps_its_rows_until_the_next_one_is_there(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        dropped(page, tmp_path)
        for status in ("paused", "active", "paused"):
            before = checked_folder(page)
            mend(page, line="2", status=status)
            assert {*judged_folders(page)} == {before, checked_folder(page)}


def test_what_is_judged_anew_while_it_is_sent_stays_in_sight(tmp_path: Path) -> None:
    options: dict[str, str] = {}

    def sent_meanwhile(ask: Ask, is_given_up: Callable[[], bool]) -> Inspected:
        found = in_this_process(ask, is_given_up)
        page.desk.tray.file_to_send(options)
        return found

    with site(tmp_path) as page:
        dropped(page, tmp_path)
        page.desk.tray._inspect = sent_meanwhile  # noqa: SLF001 - from now on
        mend(page, line="2", status="paused")
        assert sendable(page) == 2
        options, before, folders = {"strict": "yes"}, at_hand(page), judged_folders(page)
        text = mend(page, line="2", status="active")
        assert "The file was changed meanwhile. Look at it once more." in text
        assert at_hand(page) == replace(before, options=options)
        assert judged_folders(page) == folders
        assert page.browser.get("/check").status_code == 200


def checked_folder(page: Site) -> Path:
    checked = at_hand(page).checked
    assert checked is not None
    return checked.folder


def test_a_run_with_mends_is_gone_on_with_and_tried_again_as_mended(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in (1, 2)]
    with served(tmp_path, leads) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            dropped(page, tmp_path)
            mend(page, line="2", status="paused")
            page.post("/plan")
            run = f"/runs/{page.end().run_id}"
            folder = page.desk.run_of(run.rpartition("/")[2]).folder
            assert (
                "1 cell was mended; mends.csv in the run&#39;s folder has what it was."
                in page.get(run)
            )
            with (folder / "plan.csv").open(encoding="utf-8-sig", newline="") as file:
                assert next(csv.DictReader(file))["message"] == 'Mended: status was "Repleid".'
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


def test_what_only_the_plan_finds_wrong_is_mended_from_there(tmp_path: Path) -> None:
    with served(tmp_path, [(CAMPAIGN, lead_id(n), "active", "Hot") for n in (1, 2)]) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        path = write_leads(tmp_path / "leads.csv", [(CAMPAIGN, lead_id(1), "paused", "Hott")])
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(path)
            page.post("/plan")
            link = 'href="/the-path/check?mend=2#mend"'
            plan = f"/runs/{page.end().run_id}"
            assert link in page.get(plan)
            mend(page, line="2", aiTag="Hot")
            page.post("/plan")
            page.end()
            assert link not in page.get(plan)  # another plan was made since
            page.drop(path)
            page.post("/plan")
            plan = f"/runs/{page.end().run_id}"
            page.drop(path)
            assert link not in page.get(plan)  # another file is at hand


def test_mends_of_somebody_elses_run_must_be_what_its_plan_sends(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        dropped(page, tmp_path)
        mend(page, line="2", status="paused")
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
