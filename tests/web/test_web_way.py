import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from batch.errors import RunError
from batch.model import Reason
from batch.reading.table import Table
from batch.recording.mappings import known_mappings
from batch.recording.runfile import RunState, read_record
from batch.sandbox.options import Options
from batch.web.board import Kind, Stage
from tests.support.in_process import start_sandbox
from tests.support.live_world import served
from tests.support.program import inspected, received, state
from tests.support.web_site import BASE, Site, site
from tests.support.wired import (
    CAMPAIGN,
    KEY,
    Api,
    confirmed,
    lead_id,
    pausing,
    served_by,
    write_leads,
)

HOSTILE = '<script>alert("1")</script>'
FORMULA = '=HYPERLINK("http://evil.example";"x")'
NOT_FOUND = httpx.Response(404, json={"success": False, "error": "no such lead"})


class Texts(HTMLParser):
    """The tags of a page, and its texts as a browser shows them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def no_plan(page: Site) -> None:
    page.desk.session.change({}, plans_first=False)


def sent(page: Site, path: Path) -> str:
    """Send a file without a plan; the address of its run."""
    no_plan(page)
    assert page.drop(path) == "/check"
    page.post("/run")
    page.until(Stage.QUESTION)
    page.post("/job/answer", answer="yes")
    return f"/runs/{page.end().run_id}"


_COUNTER = re.compile(
    r'name="(\w+)" value="(\w*)" aria-pressed="(true|false)">\s*'
    r'<span class="what">[^<]+</span> <span class="number">([\d,]+)<'
)


def counted(page: Site, address: str) -> list[str]:
    """The counters of a page of rows, after looking that each shows the rows that it counts."""
    counters = _COUNTER.findall(page.get(address))
    for name, value, _, count in counters:
        shown = page.get(f"{address}?{name}={value}")
        total = re.search(r"<span>[\d,]+ to [\d,]+ of ([\d,]+)</span>", shown)
        assert (total[1] if total else "0") == count, value
        assert [each[3] for each in _COUNTER.findall(shown) if each[2] == "true"] == [count]
    return [count for *_, count in counters]


def shown_lines(html: str) -> list[int]:
    return [int(line) for line in re.findall(r'class="whole"[^>]*>(\d+)<', html)]


def test_counters_show_the_rows_that_they_count(tmp_path: Path) -> None:
    rows = [
        *pausing(3), *pausing(1), ("", "", "", ""), (CAMPAIGN, lead_id(9), "", ""),
        (CAMPAIGN, "bad", "paused", ""), (CAMPAIGN, lead_id(8), "paused", ""),
        (CAMPAIGN, lead_id(8), "active", ""), (CAMPAIGN, lead_id(12), "paused", ""),
    ]  # fmt: skip
    api = Api(
        answer=lambda request: NOT_FOUND if request.url.path.endswith("c") else confirmed(request)
    )
    with site(tmp_path) as page, served_by(api):
        page.drop(write_leads(tmp_path / "leads.csv", rows))
        assert counted(page, "/check") == ["10", "4", "3", "3"]
        assert shown_lines(page.get("/check"))[:4] == [8, 9, 10, 2]  # problems first
        run = sent(page, tmp_path / "leads.csv")
        assert counted(page, run) == ["3", "4", "3", "0"]
        assert shown_lines(page.get(run))[:5] == [8, 9, 10, 11, 2]
        folder = page.desk.run_of(run.rpartition("/")[2]).folder
        results = folder / "results.csv"
        results.write_bytes(b"".join(results.read_bytes().splitlines(keepends=True)[:-1]))
        text = page.get(run)  # as after a resume that was killed: the figures are the run's
        assert "These rows are of before: the run has gone on since." in text
        assert _COUNTER.findall(text) == []


def test_nothing_is_sent_before_the_yes(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(3))
    with site(tmp_path) as page, served_by(Api()) as api:
        no_plan(page)
        page.drop(path)
        page.post("/run")
        view = page.until(Stage.QUESTION)
        assert api.changes == []
        assert view.where == "workspace Acme (api.sendkit.ai)"
        text = page.get("/job")
        assert "Change 3 leads in workspace Acme (api.sendkit.ai): 3 paused." in text
        assert "Send 3 changes</button>" in text
        assert "Nothing has been sent yet." in text
        page.post("/job/answer", answer="no")
        assert page.end().told == "Nothing was sent: the question was not answered with yes."
        assert "Nothing was sent: the question was not answered with yes." in page.get("/job")
        assert api.changes == []
    assert list((tmp_path / "runs").glob("*")) == []


def test_a_yes_sends_and_leads_to_the_results(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", [*pausing(3), (CAMPAIGN, "bad", "paused", "")])
    with site(tmp_path) as page, served_by(Api()) as api:
        run = sent(page, path)
        assert sorted(api.changes) == [lead_id(n) for n in (1, 2, 3)]
        assert page.browser.get("/job").url.path == f"{BASE}{run}"
        text = page.get(run)
        assert "Finished" in text
        assert "Acme" in text
        results = page.browser.get(f"{run}/files/results.csv")
        rows = list(csv.DictReader(io.StringIO(results.content.decode("utf-8-sig"))))
        assert [row["result"] for row in rows] == ["success"] * 3 + ["error"]
        assert "attachment" in results.headers["content-disposition"]
        only = page.get(f"{run}?result=error")
        assert "1 to 1 of 1" in only
        assert "An id that can&#39;t be right" in only
        assert "1 to 1 of 1" in page.get(f"{run}?search={lead_id(2).upper()}")
        assert "No row is like that." in page.get(f"{run}?search=nowhere&result=success")


def test_a_run_of_the_page_names_no_path_of_the_upload(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)), name="../../x/<b>.csv")
        page.post("/run")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        folder = page.desk.run_of(page.end().run_id).folder
        assert folder.parent == tmp_path / "runs"
        record = read_record(folder / "run.json")
        assert (record.input.name, record.input.original) == ("_b_.csv", None)


def test_the_second_job_waits_for_the_first(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        page.post("/run")
        page.until(Stage.QUESTION)
        answer = page.browser.ask("POST", "/run")
        assert answer.status_code == 409
        assert "Another job is under way." in answer.text
        assert "leads.csv is under way. Show it" in page.get("/")
        page.post("/job/stop")
        assert page.end().told == "Stopped. Nothing was sent."


@pytest.mark.slow
def test_pause_stop_and_go_on_again(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(200))
    api = Api()
    with site(tmp_path, overrides={"pace": {"rate": 100}}) as page, served_by(api):
        no_plan(page)
        page.drop(path)
        page.post("/run")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        page.until(Stage.SENDING)
        page.post("/job/pause")
        while not (view := page.until(Stage.SENDING)).moment or not view.moment.is_resting:
            pass
        assert "Paused. Nothing is sent until you go on." in page.get("/job")
        came = len(api.changes)
        page.post("/job/go-on")
        while len(api.changes) <= came:
            page.until(Stage.SENDING)
        page.post("/job/stop")
        run = f"/runs/{page.end().run_id}"
        left = 200 - len(api.changes)
        assert left
        text = page.get(run)
        assert "Interrupted" in text
        assert "Stopped on the page." in text
        page.post(f"{run}/resume")
        assert page.until(Stage.QUESTION).kind is Kind.RESUME
        text = page.get("/job")
        assert f"{left} of 200 leads are left to change" in text
        assert "Nothing more has been sent yet." in text
        page.post("/job/answer", answer="yes")
        assert f"/runs/{page.end().run_id}" == run
        assert sorted(api.changes) == [lead_id(n) for n in range(1, 201)]
        assert "Finished" in page.get(run)


def test_a_stop_before_the_question_sends_nothing(tmp_path: Path) -> None:
    api = Api()
    with site(tmp_path) as page, served_by(api):
        api.look_up = page.desk.worker.stop
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        page.post("/run")
        assert page.end().told == "Stopped. Nothing was sent."
        assert api.changes == []


def test_a_number_must_be_typed_where_a_slip_would_be_costly(tmp_path: Path) -> None:
    clears = [(CAMPAIGN, lead_id(n), "", "null") for n in range(1, 31)]
    with site(tmp_path) as page, served_by(Api()) as api:
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", clears))
        page.post("/run")
        page.until(Stage.QUESTION)
        text = page.get("/job")
        assert "30 of the 30 rows to send clear the tag, more than half." in text
        assert "--allow-clears" not in text
        for wrong in ("", "yes", "29", "300"):
            answer = page.browser.ask(
                "POST", "/job/answer", data={"answer": "yes", "number": wrong}
            )
            assert answer.status_code == 400
            assert "That was not the number. Nothing was sent." in answer.text
        assert api.changes == []
        page.post("/job/answer", answer="yes", number=" 30 ")
        page.end()
        assert len(api.changes) == 30


def test_failed_rows_are_tried_again_as_a_run_of_their_own(tmp_path: Path) -> None:
    api = Api(
        answer=lambda request: NOT_FOUND if request.url.path.endswith("2") else confirmed(request)
    )
    with site(tmp_path) as page, served_by(api):
        run = sent(page, write_leads(tmp_path / "leads.csv", pausing(3)))
        assert "SendKit knows no such lead in that campaign" in page.get(f"{run}?result=error")
        api.answer = confirmed
        page.post(f"{run}/retry")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        again = page.desk.run_of(page.end().run_id).record
        assert again.reasons == {Reason.APPLIED: 1}
        assert f"/runs/{again.id}" != run


PRACTICE = "All of this goes to an imitation of SendKit on this computer."


def test_practice_goes_the_whole_way_without_a_key(tmp_path: Path) -> None:
    rows = [*pausing(3), (CAMPAIGN, lead_id(4), "", "Hot"), (CAMPAIGN, "bad", "paused", "")]
    path = write_leads(tmp_path / "leads.csv", rows)
    with site(tmp_path, environ={}) as page:
        page.drop(path)
        assert "SendKit API key" in page.get("/check")
        assert PRACTICE not in page.get("/check")
        page.post("/run", practice="yes")
        _, view = page.desk.worker.board.look()
        assert view is not None
        assert view.kind is Kind.PLAN
        view = page.end()
        run = f"/runs/{view.run_id}"
        text = page.get(run)
        assert "What would change: leads.csv" in text
        assert "status: active → paused" in text
        assert PRACTICE in text
        assert counted(page, run) == ["5", "4", "1", "0"]
        page.post(f"{run}/apply")
        assert page.until(Stage.QUESTION).is_practice
        text = page.get("/job")
        assert PRACTICE in text
        assert "In a real run, tag changes can start or stop e-mails." in text
        assert "Tag changes can" not in text
        page.post("/job/answer", answer="yes")
        page.end()
        record = page.desk.run_of(view.run_id).record
        assert record.sandbox
        assert record.reasons == {Reason.APPLIED: 4, Reason.BAD_ID: 1}
        assert PRACTICE in page.get(run)
        page.post(f"{run}/verify")
        assert page.end().told == "4 of 4 rows hold what was set."
        page.post(f"{run}/undo")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        undone = page.desk.run_of(page.end().run_id).record
        assert undone.sandbox
        assert undone.reasons == {Reason.APPLIED: 4}
        no_plan(page)
        page.post("/run", practice="yes")  # anew, with leads of its own
        assert page.until(Stage.QUESTION).kind is Kind.RUN
        page.post("/job/answer", answer="no")
        page.end()
        assert "<button>Undo" not in page.get(run)
        page.post(f"{run}/undo")
        assert "was practice, and its sandbox is gone. Nothing to undo." in page.end().told


def test_who_hears_of_changed_tags_and_what_they_moved_is_shown(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(1), "active", "Hot"), (CAMPAIGN, lead_id(2), "replied", "")]
    path = write_leads(
        tmp_path / "leads.csv", [(CAMPAIGN, lead_id(n), "active", "Cold") for n in (1, 2)]
    )
    worlds = {"subsequences": ("Hot=<b>Nurture",), "webhooks": ("CRM=https://crm.example/in",)}
    with served(tmp_path, leads, **worlds) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}, "run": {"skip_unchanged": "always"}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            no_plan(page)
            page.drop(path)
            page.post("/run")
            page.until(Stage.QUESTION)
            asked = page.get("/job")
            page.post("/job/answer", answer="yes")
            texts = Texts(page.get(f"/runs/{page.end().run_id}")).texts
    assert "1 active webhook hears of changed tags: CRM (crm.example)." in asked
    assert "1 row sets the tag alone: its lead is through, so its status is left out." in asked
    assert "Subsequences: 1 lead taken out of <b>Nurture." in texts
    assert "the lead is replied, so status active is left out" in texts


def test_plan_apply_verify_and_undo_against_a_server(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, 6)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Cold" if n < 4 else "") for n in range(1, 6)]
    wrong = (CAMPAIGN, lead_id(99), "paused", "")
    path = write_leads(tmp_path / "leads.csv", [*rows, wrong])
    with served(tmp_path, leads) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(path)
            page.post("/plan")
            view = page.end()
            run = f"/runs/{view.run_id}"
            text = page.get(run)
            assert received(sandbox) == []
            assert "Nothing was sent." in text
            assert "Change 5 leads in workspace" in text
            assert "<dt>Wrong</dt><dd>1 row, not sent: 1 unknown lead.</dd>" in text
            assert "status: active → paused" in text
            assert "aiTag: Hot → Cold" in text
            above, _, below = text.partition('id="rows"')
            assert "No such lead in that campaign" not in above  # what *Why* has
            assert "No such lead in that campaign (1)" in below
            assert "1 to 1 of 1" in page.get(f"{run}?plan=unknown_lead")
            assert counted(page, run) == ["6", "5", "1", "0"]
            page.post(f"{run}/apply")
            page.until(Stage.QUESTION)
            assert received(sandbox) == []
            page.post("/job/answer", answer="yes")
            page.end()
            assert {now["status"] for now in state(sandbox).values()} == {"paused"}
            assert page.desk.run_of(view.run_id).record.state is RunState.FINISHED
            page.post(f"{run}/verify")
            assert page.end().told == "5 of 5 rows hold what was set."
            assert "5 of 5 rows hold what was set." in page.get(run)
            page.post(f"{run}/undo")
            page.until(Stage.QUESTION)
            assert "E-mails that went out in the meantime" in page.get("/job")
            page.post("/job/answer", answer="yes")
            page.end()
            assert {now["status"] for now in state(sandbox).values()} == {"active"}
            assert {now["aiTag"] for now in state(sandbox).values()} == {"Hot"}


def test_rows_that_name_leads_by_address_are_looked_up(tmp_path: Path) -> None:
    seed = tmp_path / "seed.csv"
    path = tmp_path / "leads.csv"
    with start_sandbox(Options(campaigns=1, leads=3)) as sandbox:
        seed.write_bytes(inspected(sandbox, "leads.csv"))
        with seed.open(encoding="utf-8", newline="") as file:
            first = next(csv.DictReader(file))
        path.write_text(f"email,status\n{first['email']},paused\nno@where.example,paused\n")
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(path)
            text = page.get("/check")
            assert "can be named below. Choose the column for campaign under Columns." in text
            page.post("/check/columns", one_campaign=first["campaignId"])
            page.post("/plan")
            run = f"/runs/{page.end().run_id}"
            text = page.get(run)
            assert "No such lead in that campaign" in text
            page.post(f"{run}/apply")
            page.until(Stage.QUESTION)
            page.post("/job/answer", answer="yes")
            page.end()
            (sent,) = received(sandbox)
            assert sent["campaignLeadId"] == first["campaignLeadId"]
            assert first["email"] in page.get(f"{run}?result=success")


@pytest.mark.parametrize("what", ["resume", "retry", "undo"])
def test_a_plan_is_sent_as_a_plan_or_not_at_all(tmp_path: Path, what: str) -> None:
    with served(tmp_path, [(CAMPAIGN, lead_id(1), "active", "")]) as sandbox:
        environ = {"SENDKIT_API_KEY": sandbox.api_key, "SENDKIT_WORKSPACE_ID": "w1"}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
            page.post("/plan")
            view = page.end()
            (note,) = view.notes
            assert note == (
                "SENDKIT_WORKSPACE_ID is ignored: a workspace key already belongs to one workspace."
            )
            page.post(f"/runs/{view.run_id}/{what}")
            assert ": is a plan, of which nothing was sent" in page.end().told
            assert received(sandbox) == []


def test_the_first_changes_can_go_alone_and_be_read_back(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, 31)]
    path = write_leads(tmp_path / "leads.csv", pausing(30))
    with served(tmp_path, leads, faults=("bare",)) as sandbox:  # it says yes, and does nothing
        environ = {"SENDKIT_API_KEY": sandbox.api_key}
        api = {"api": {"base_url": sandbox.base_url}}
        with site(tmp_path, environ=environ, overrides=api) as page:
            page.drop(path)
            page.post("/plan")
            run = f"/runs/{page.end().run_id}"
            page.post(f"{run}/apply", canary="20")
            page.until(Stage.QUESTION)
            page.post("/job/answer", answer="yes")
            assert page.end().is_wrong
            assert len(received(sandbox)) == 20
            assert "Stopped early" in page.get(run)


@pytest.mark.parametrize("text", [HOSTILE, FORMULA, '"><img src=x onerror=alert(1)>', "{{ 7*7 }}"])
def test_whatever_a_cell_holds_is_shown_as_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "leads.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["campaignId", "campaignLeadId", "status", "aiTag", text])
        rows.writerow([CAMPAIGN, lead_id(1), "paused", "", text])
        rows.writerow([text, lead_id(2), text, text, text])
    with site(tmp_path) as page, served_by(Api(workspace=text)):
        assert page.drop(path) == "/check"
        addresses = ["/check", "/check?result=error"]
        run = sent(page, path)
        for address in [*addresses, run, f"{run}?result=error", "/runs"]:
            html = page.get(address)
            found = Texts(html)
            assert found.tags.count("script") == 1, address  # the page's own
            assert not {"img", "iframe", "object", "style", "svg"} & set(found.tags), address
            assert address == "/runs" or text in found.texts, address
            assert "49" not in found.texts


def test_what_would_not_be_seen_in_a_cell_is_shown(tmp_path: Path) -> None:
    odd, shown = "a\u202eb\u200bc\x1b", r"a\u202eb\u200bc\x1b"
    path = tmp_path / "leads.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["campaignId", "campaignLeadId", "status", odd])
        rows.writerow([CAMPAIGN, lead_id(1), "paused", odd])
    with site(tmp_path) as page:
        page.drop(path)
        html = page.get("/check")
        assert f'<option value="#4" >{shown}: ' in html  # what can't be typed has a number
        assert f"<td>{shown}</td>" in html
        assert "\u202e" not in html
        told = page.post("/check/columns", aiTag=odd)
        assert "expected another one for each" in told
        told = page.post("/check/columns", aiTag="status", status="status")
        assert "expected another one for each" in told


def test_a_problem_stands_at_its_cell(tmp_path: Path) -> None:
    rows = [*pausing(1), (CAMPAIGN, lead_id(2), "Repleid", "")]
    with site(tmp_path) as page:
        page.drop(write_leads(tmp_path / "leads.csv", rows))
        text = " ".join(page.get("/check?result=error").split())
        assert (
            '<td role="cell" class="value wrong" data-label="Status">'
            '<span title="Repleid">Repleid</span></td>'
        ) in text
        assert ">Mend</a> found &#34;Repleid&#34;; expected active or paused.</td>" in text
        assert '<td role="cell" class="own wrong" data-label="status">Repleid</td>' in text
        problems = page.browser.get("/check/problems.csv").content.decode("utf-8-sig")
        assert problems.splitlines()[1].startswith("3,status,bad_status,Repleid,")


def test_columns_are_chosen_in_place(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(f"Campaign,Lead,What\n{CAMPAIGN},{lead_id(1)},paused\n", encoding="utf-8")
    with site(tmp_path) as page:
        assert page.drop(path) == "/check"
        text = page.get("/check")
        assert "columns campaignId and campaignLeadId (or email in its place) are missing" in text
        assert "--map" not in text
        assert lead_id(1) in text  # the first rows are shown all the same
        text = page.post(
            "/check/columns", campaignId="Campaign", campaignLeadId="Lead", status="What"
        )
        assert "See what would change" in text
        assert page.desk.file is not None
        assert page.desk.file.checked is not None
        assert page.desk.file.checked.sendable == 1


def selected(html: str) -> list[tuple[str, str]]:
    """What is chosen in the form of the columns."""
    return re.findall(r'<option value="([^"]*)" selected>([^<]*)</option>', html)


MEANT = [
    ("Kampagne", f"Kampagne: {CAMPAIGN}, {CAMPAIGN}"),
    ("#2", f"column 2, without a name: {lead_id(1)}, {lead_id(2)}"),
    ("Zu&lt;b&gt;stand", "Zu&lt;b&gt;stand: paused, paused"),
]


def test_columns_are_proposed_by_their_values_and_used_by_the_button(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    rows = "".join(f"{CAMPAIGN},{lead_id(n)},paused,note\n" for n in (1, 2))
    path.write_text(f"Kampagne,,Zu<b>stand,Notiz\n{rows}", encoding="utf-8")
    with site(tmp_path) as page, served_by(Api()) as api:
        page.drop(path)
        html = page.get("/check")
        assert selected(html) == MEANT
        assert html.count("Proposed, and used once you press the button.") == 3
        assert '<span class="hint">paused, paused<br>' in html
        assert page.desk.file is not None
        assert page.desk.file.checked is None
        assert page.browser.ask("POST", "/run").status_code == 400  # it is not used unasked
        chosen = {"campaignId": "Kampagne", "campaignLeadId": "#2", "status": "Zu<b>stand"}
        assert "Proposed, and" not in page.post("/check/columns", **chosen)
        no_plan(page)
        page.post("/run")
        page.until(Stage.QUESTION)
        assert known_mappings(page.desk.place.state_dir) == []
        page.post("/job/answer", answer="yes")
        page.end()
        assert len(api.changes) == 2
        (known,) = known_mappings(page.desk.place.state_dir)
        assert {str(column): header for column, header in known.columns.items()} == chosen
        # The next file of these headers is read so, which is said; others can be chosen.
        page.drop(path)
        html = page.get("/check")
        assert (
            "leads.csv: as you confirmed for these headers before, campaignId is &#34;Kampagne&#34;"
        ) in html
        assert "Others can be chosen under Columns." in html
        assert selected(html) == MEANT
        assert "Proposed, and" not in html
        page.post("/run")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        folder = page.desk.run_of(page.end().run_id).folder
        settings = json.loads((folder / "run.json").read_text("utf-8"))["settings"]
        assert settings["columns"]["status"] == "Zu<b>stand"
        page.drop(path)
        html = page.post("/check/columns", campaignId="Kampagne", campaignLeadId="#2")
        assert "as you confirmed" not in html


def test_the_line_of_the_header_is_told_and_another_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    names = "campaignId,campaignLeadId,status"
    first, second = (f"{CAMPAIGN},{lead_id(number)},paused" for number in (1, 2))
    path.write_text(f"Leads <b>by Ann\n\n{names}\n{first}\n{names}\n{second}\n", encoding="utf-8")
    with site(tmp_path) as page:
        page.drop(path)
        text = page.get("/check")
        assert (
            "leads.csv: the header is line 3. Passed over above it: line 1 &#34;Leads &lt;b&gt;by "
            "Ann&#34;. If the header is another line, choose it under Columns."
        ) in text
        assert '<tr class="passed"><th scope="row">1</th><td>Leads &lt;b&gt;by Ann</td>' in text
        assert '<tr><th scope="row">3</th><th scope="col">campaignId</th>' in text
        assert text.lower().count("the header is line") == 1
        assert 'placeholder="3, as was found"' in text
        chosen = {name: name for name in names.split(",")}
        text = page.post("/check/columns", header_row="5", **chosen)
        assert 'min="1" max="1000" value="5"' in text
        assert page.desk.file is not None
        assert page.desk.file.checked is not None
        assert page.desk.file.checked.rows == 1
        text = page.post("/check/columns", header_row="1", **chosen)
        assert "leads.csv: columns campaignId and campaignLeadId" in text  # by no names of before
        assert lead_id(2) in text  # and the lines are shown for another choice
        for wrong in ("0", "1001", "-3", "x", "\u0663"):
            told = page.post("/check/columns", header_row=wrong, **chosen)
            assert "expected a number from 1 to 1,000, or nothing." in told
        page.post("/check/columns", header_row="")
        page.post("/run", practice="yes")
        assert page.end().run_id


def test_only_files_of_a_run_are_given_out(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        run = sent(page, write_leads(tmp_path / "leads.csv", pausing(1)))
        for name in (
            "run.json",
            "journal.sqlite",
            "input.csv",
            "..%2f..%2fx",
            "%2e%2e",
            "failed.xlsx",
        ):
            assert page.browser.get(f"{run}/files/{name}").status_code in {400, 404}, name
        assert page.browser.get("/runs/nowhere").status_code == 400
        assert page.browser.get("/runs/..%2f..").status_code in {400, 404}
        assert page.browser.get("/static/../app.py").status_code == 404
        assert page.browser.get("/static/%2e%2e/app.py").status_code == 404


def test_a_link_among_a_runs_files_is_not_given_out(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        run = sent(page, write_leads(tmp_path / "leads.csv", pausing(1)))
        folder = page.desk.run_of(run.rpartition("/")[2]).folder
        for name in ("results.csv", "report.html"):
            (folder / name).rename(tmp_path / name)
            (folder / name).symlink_to(tmp_path / name)
        for path in ("/files/results.csv", "/report"):
            assert page.browser.get(f"{run}{path}").status_code == 400, path
        assert lead_id(0) not in page.browser.get(run).text


def test_a_report_is_shown_without_script_and_without_an_origin(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        run = sent(page, write_leads(tmp_path / "leads.csv", pausing(1)))
        report = page.desk.run_of(run.rpartition("/")[2]).folder / "report.html"
        report.write_text("<p>All of it</p>", encoding="utf-8")
        assert "Open the report" in page.get(run)
        answer = page.browser.get(f"{run}/report")
        assert answer.text == "<p>All of it</p>"
        assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none';")
        assert "script-src" not in answer.headers["content-security-policy"]


def test_events_tell_how_far_it_is_until_it_has_ended(tmp_path: Path) -> None:
    with site(tmp_path) as page, served_by(Api()):
        sent(page, write_leads(tmp_path / "leads.csv", pausing(2)))
        answer = page.browser.get("/job/events")
        assert answer.headers["content-type"].startswith("text/event-stream")
        (event,) = [line for line in answer.text.splitlines() if line]
        assert '"stage": "ended"' in event
        assert '"done": "100%: 2 of 2 changes"' in event


def test_an_unexpected_error_shows_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(f"with {KEY} in it")

    monkeypatch.setattr("batch.jobs.run.find_unfinished", fail)
    with site(tmp_path) as page, served_by(Api()):
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        page.post("/run")
        told = page.end().told
        assert told == "Unexpected error. Please report what the terminal shows."
    shown = capsys.readouterr().err
    assert "ValueError: with *** in it" in shown
    assert KEY not in shown


def test_what_breaks_after_sending_does_not_hide_what_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Table) -> None:
        monkeypatch.undo()
        raise RunError("The table could not be closed.")

    with site(tmp_path) as page, served_by(Api()):
        no_plan(page)
        page.drop(write_leads(tmp_path / "leads.csv", pausing(1)))
        page.post("/run")
        page.until(Stage.QUESTION)
        monkeypatch.setattr(Table, "close", fail)
        page.post("/job/answer", answer="yes")
        view = page.end()
    assert view.told == "The table could not be closed."
    assert view.is_wrong
    assert page.desk.run_of(view.run_id).record.state is RunState.FINISHED
