"""What the commands can do, on the page: each option is offered there, or left out for a reason."""

import re
from pathlib import Path

import httpx
import pytest
import xlsxwriter

from batch.jobs.recorded import recorded_settings
from batch.settings.options import OPTIONS, TAKEN_BY, declaration
from batch.web.board import Stage
from batch.web.options import offered
from tests.support.live_world import served
from tests.support.web_site import Site, site
from tests.support.wired import CAMPAIGN, HEADER, Api, lead_id, pausing, served_by, write_leads

SETTINGS, COLUMNS, TERMINAL = "/settings", "/check", ""
# Options of run, apply and undo that don't stand behind "More options": the page on which there is
# a field for it ("" for none), and the reason.
ELSEWHERE = {
    "file": (TERMINAL, "the file is dropped on the page"),
    "run": (TERMINAL, "the run is chosen among the earlier ones"),
    "config": (TERMINAL, "named at the page's start: nobody names a file by its session"),
    "base_url": (SETTINGS, "with the key that goes there"),
    "rate": (SETTINGS, "for all jobs, and can be saved"),
    "concurrency": (SETTINGS, "for all jobs, and can be saved"),
    "daily": (SETTINGS, "for all jobs"),
    "out": (TERMINAL, "runs of the page lie in the folder of runs, where it finds them again"),
    "new": (TERMINAL, "the page always begins anew, and names the run that broke off"),
    "on": (TERMINAL, "parts that run alone are processes, which no page starts"),
    "yes": (TERMINAL, "there is somebody to be asked"),
    "dry_run": (TERMINAL, "the step Check sends and writes nothing"),
    "allow_clears": (TERMINAL, "the number is typed at the question, once it is known"),
    "mapping": (COLUMNS, "a list of the headers for each column"),
    "sheet": (COLUMNS, "beside the columns, for it decides which there are"),
    "header_row": (COLUMNS, "beside the columns"),
    "encoding": (COLUMNS, "beside the columns"),
    "delimiter": (COLUMNS, "beside the columns"),
    "campaign": (COLUMNS, "beside the columns"),
    "workspace": (COLUMNS, "beside the columns"),
    "remembered": (TERMINAL, "a mapping that was confirmed is used, and shown under Columns"),
    "no_remembered": (TERMINAL, "others can be chosen under Columns"),
    "as_json": (TERMINAL, "what a terminal gets"),
    "quiet": (TERMINAL, "what a terminal gets"),
    "shown_rows": (TERMINAL, "the question shows the first leads that change"),
    "opens": (TERMINAL, "the report is a link"),
    "sandbox": (TERMINAL, "the button Practise first"),
}
FIELDS = {
    "mapping": "campaignId",
    "campaign": "one_campaign",
    "workspace": "one_workspace",
}  # where a form calls it otherwise


@pytest.mark.parametrize("command", ["run", "plan", "apply", "undo"])
def test_each_option_is_offered_or_left_out_for_a_reason(command: str) -> None:
    taken = set(TAKEN_BY[command])
    assert set(offered(command)) == taken - ELSEWHERE.keys()
    assert not set(offered(command)) & ELSEWHERE.keys()


def test_what_has_a_field_elsewhere_has_one_there(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        for name, (address, _) in ELSEWHERE.items():
            if address and name != "sheet":
                assert f'name="{FIELDS.get(name, name)}"' in page.get(address), name


def test_the_sheets_of_a_workbook_can_be_chosen_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for sheet in ("March", "April"):
            worksheet = book.add_worksheet(sheet)
            for line, row in enumerate([HEADER, *pausing(2)]):
                worksheet.write_row(line, 0, row)
    with site(tmp_path) as page:
        page.drop(path)
        text = page.get("/check")
        assert "has 2 sheets with the columns: &#34;March&#34;, &#34;April&#34;. Choose" in text
        assert '<option value="April" >April</option>' in text
        text = page.post("/check/columns", sheet="April")
        assert '<option value="April" selected>April</option>' in text
        assert 'name="encoding"' not in text
        assert sendable(page) == 2


def test_encoding_and_delimiter_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = [(*HEADER, "name"), (CAMPAIGN, lead_id(1), "paused", "", "J\u00f6rg|x")]
    path.write_text("\n".join("|".join(row) for row in rows), "cp1252")
    with site(tmp_path) as page:
        page.drop(path)
        text = page.post("/check/columns", encoding="cp1250", delimiter=",")
        assert 'name="encoding" list="encodings" value="cp1250"' in text
        assert 'name="delimiter" list="delimiters" value=","' in text
        assert "Choose it under Columns." in text
        text = page.post("/check/columns", encoding="latin-1", delimiter="|", header_row="one")
        assert "Found &#34;one&#34;; expected a number from 1 to 1,000, or nothing." in text
        assert 'value="latin-1"' in text


def sendable(page: Site) -> int:
    """How many rows of the file at hand can be sent."""
    file = page.desk.file
    assert file is not None
    assert file.checked is not None
    return file.checked.sendable


def no_plan(page: Site) -> None:
    page.desk.session.change({}, plans_first=False)


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_option_stands_with_its_own_help(tmp_path: Path, command: str) -> None:
    with site(tmp_path) as page:
        page.desk.session.change({}, plans_first=command == "plan")
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        text = page.get("/check").replace("&#39;", "'")
        for name in OPTIONS:
            is_there = f'id="about-{name}"' in text
            assert is_there == (name in offered(command)), name
            assert not is_there or declaration(name, command).help in text, name


WRONG = [
    ("canary", "none", "Found &#39;none&#39;; expected a whole number of 1 or more."),
    ("expect_changes", "9-", "Found &#39;9-&#39;; expected a number, or a range as 100-150."),
    ("max_errors", "101%", ("Found &#34;101%&#34;; expected a whole number of rows, or a "
                            "percentage up to 100 such as &#34;50%&#34;.")),
]  # fmt: skip


@pytest.mark.parametrize("way", ["/check/options", "/run"])
@pytest.mark.parametrize(("name", "value", "problem"), WRONG, ids=[each[0] for each in WRONG])
def test_a_wrong_option_is_told_at_its_field_and_what_was_typed_stays(
    tmp_path: Path, way: str, name: str, value: str, problem: str
) -> None:
    with site(tmp_path) as page:
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        text = page.post(way, strict="yes", final_states="send", **{name: value})
        field = text.partition(f'name="{name}"')[2].partition('class="hint"')[0]
        assert f'value="{value}"' in field
        assert f'<p class="problem" role="alert">{problem}</p>' in field
        assert re.search(r'name="strict" value="yes" checked', text)
        assert "<option selected>send</option>" in text
        assert page.desk.worker.talk is None


def test_options_judge_the_file_again(tmp_path: Path) -> None:
    differing = [(CAMPAIGN, lead_id(1), status, "") for status in ("paused", "active")]
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", [*differing, *pausing(1, first=2)]))
        assert sendable(page) == 1
        text = page.post("/check/options", on_conflict="last-wins")
        assert "More options: On conflict" in text
        assert sendable(page) == 2
        text = page.post("/check/options", strict="yes")
        assert "2 rows are invalid, and a strict run sends nothing then." in text
        assert "See what would change" not in text
        assert "More options: Strict" in text


def test_a_file_of_wrong_rows_is_sent_if_that_is_allowed(tmp_path: Path) -> None:
    rows = [*pausing(1), *((CAMPAIGN, "bad", "paused", "") for _ in range(30))]
    with site(tmp_path) as page, served_by(Api()) as api:
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", rows))
        assert "Get ready to send" not in page.get("/check")
        assert "Get ready to send" in page.post("/check/options", allow_invalid="yes")
        page.post("/run", allow_invalid="yes")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        page.end()
        assert api.changes == [lead_id(1)]


def test_options_hold_for_the_run_and_for_this_file_alone(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(3))
    with site(tmp_path) as page, served_by(Api()) as api:
        no_plan(page)
        page.drop(path)
        page.post("/run", expect_changes="2", max_errors="7")
        told = page.end().told
        assert "expected" in told, told
        assert api.changes == []
        assert 'name="max_errors" value="7"' in page.get("/check")
        page.drop(path)
        assert 'name="max_errors" value=""' in page.get("/check")


def test_force_changes_leads_that_have_changed_since_the_plan(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in (1, 2)]
    rows = [(CAMPAIGN, lead_id(n), "", "Cold") for n in (1, 2)]
    with served(tmp_path, leads) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(write_leads(tmp_path / "leads.csv", rows))
            page.post("/plan")
            run = f"/runs/{page.end().run_id}"
            changed = f"{sandbox.base_url}/v1/campaigns/{CAMPAIGN}/leads/{lead_id(1)}"
            httpx.patch(changed, headers={"X-Api-Key": sandbox.api_key}, json={"aiTag": None})
            text = page.post(f"{run}/apply", canary="x", force="yes")
            assert "Found &#39;x&#39;; expected a whole number of 1 or more." in text
            assert re.search(r'name="force" value="yes" checked', text)
            assert page.desk.worker.talk is None
            page.post(f"{run}/apply", force="yes", max_errors="9")
            question = page.until(Stage.QUESTION).question
            assert question is not None
            assert "Change 2 leads" in question.text
            page.post("/job/answer", answer="yes")
            page.end()
            record = page.desk.run_of(run.rpartition("/")[2]).record
            assert recorded_settings(record, where="").run.max_errors.count == 9
            text = page.post(f"{run}/undo", expect_changes="x")
            assert "Found &#39;x&#39;; expected a number, or a range as 100-150." in text
            page.post(f"{run}/undo", expect_changes="1")
            assert "expected" in page.end().told
