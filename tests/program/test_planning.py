"""`plan` and `apply` by the real command; judged by the sandbox's log and by what its leads are."""

import errno
import json
import random
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.disk_faults import (
    NO_FAULT,
    WHY_NOT,
    Call,
    Fault,
    calls_of,
    compiled,
    environment_of,
    lasting,
)
from tests.support.in_process import sendkit_batch
from tests.support.live_world import (
    CAMPAIGNS,
    HEADER,
    OTHER,
    ask,
    change,
    changes,
    planned,
    random_changes,
    random_leads,
    served,
    told,
)
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    state,
    wait_for,
    write_rows,
)
from tests.support.program import sendkit_batch as in_a_process

LEADS = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 7)] + [
    (CAMPAIGN, lead_id(7), "completed", ""),
    (OTHER, lead_id(8), "replied", "Hot"),
]
ROWS = (
    (CAMPAIGN, lead_id(1), "paused", "Cold"),  # line 2
    (CAMPAIGN, lead_id(2), "", "Hot"),
    (CAMPAIGN, lead_id(3), "active", "null"),
    (CAMPAIGN, lead_id(4), "active", "Cold"),  # line 5: already set
    (CAMPAIGN, lead_id(7), "completed", ""),  # already set, though it could not be set
    (OTHER, lead_id(8), "", "Warm"),  # line 7: of a lead that replied
    (CAMPAIGN, lead_id(99), "paused", ""),  # not in the campaign
    ("f" * 24, lead_id(1), "paused", ""),  # line 9: no such campaign
    (CAMPAIGN, lead_id(5), "completed", ""),  # a status that can't be set
    (CAMPAIGN, "bad", "paused", ""),  # line 11
    (CAMPAIGN, lead_id(6), "active", "Lost"),  # no label
    (CAMPAIGN, lead_id(1), "paused", ""),  # line 13: a duplicate
)


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "leads.csv", HEADER, ROWS)


def test_a_plan_tells_what_would_become_of_every_row_and_sends_nothing(
    tmp_path: Path, leads: Path
) -> None:
    with served(tmp_path, LEADS) as sandbox:
        ran = ask(sandbox, tmp_path, "plan", leads, "--json")
        assert received(sandbox) == []
    assert ran.exit_code == 1, ran.err
    answer = planned(ran)
    assert answer["input"] == {"sheet": None, "header_line": 1, "passed_over": []}
    assert answer["plan"] == {
        "will_change": 3,
        "through": 1,
        "already_so": 2,
        "unknown_lead": 1,
        "unknown_campaign": 1,
        "bad_status": 1,
    }
    assert answer["reasons"] == {
        "duplicate": 1,
        "already_so": 2,
        "bad_id": 1,
        "bad_status": 1,
        "unknown_tag": 1,
        "unknown_lead": 1,
        "unknown_campaign": 1,
        "not_reached": 4,
    }
    assert (answer["requests"], answer["requests_without_reading"]) == (4, 9)
    assert (answer["requests_for_reading"], answer["tag_changes"]) == (3, 3)
    assert told(answer["changes"]["status"]) == {("active", "paused"): 1}
    assert told(answer["changes"]["aiTag"]) == {
        ("Cold", "Hot"): 1,
        ("Cold", "null"): 1,
        ("Hot", "Warm"): 1,
    }
    assert answer["campaigns"] == [
        {"campaignId": CAMPAIGN, "will_change": 3, "already_so": 2, "other": 2},
        {"campaignId": OTHER, "will_change": 1, "already_so": 0, "other": 0},
        {"campaignId": "f" * 24, "will_change": 0, "already_so": 0, "other": 1},
    ]
    assert answer["next_command"] == f"sendkit-batch apply {answer['run']}"
    rows = read_rows(ran.folder / "plan.csv")
    assert [row["line"] for row in rows] == [str(line) for line in range(2, 14)]
    assert [row["plan"] for row in rows] == [
        "will_change", "will_change", "will_change", "already_so", "already_so", "through",
        "unknown_lead", "unknown_campaign", "bad_status", "bad_id", "unknown_tag", "duplicate",
    ]  # fmt: skip
    assert rows[0] == {
        "campaignId": CAMPAIGN,
        "campaignLeadId": lead_id(1),
        "status": "paused",
        "aiTag": "Cold",
        "line": "2",
        "plan": "will_change",
        "before_status": "active",
        "after_status": "paused",
        "before_ai_tag": "Cold",
        "after_ai_tag": "Cold",
        "message": "",
    }
    assert rows[8]["message"] == (
        'found "completed", which can\'t be set; expected active or paused, or active as the lead '
        "reads now."
    )


WRONG = (
    (
        8,
        "campaignLeadId",
        "unknown_lead",
        (f'found "{lead_id(99)}"; the campaign has no lead of this id.'),
    ),
    (
        9,
        "campaignId",
        "unknown_campaign",
        (f'found "{"f" * 24}"; the workspace has no campaign of this id.'),
    ),
    (
        10,
        "status",
        "bad_status",
        (
            'found "completed", which can\'t be set; '
            "expected active or paused, or active as the lead reads now."
        ),
    ),
    (11, "campaignLeadId", "bad_id", 'found "bad", 3 hexadecimal digits; expected 24.'),
    (
        12,
        "aiTag",
        "unknown_tag",
        ('"Lost" is not a label of this workspace; expected "Hot", "Cold", "Warm".'),
    ),
)


def test_what_a_plan_shows(tmp_path: Path, leads: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        ran = ask(sandbox, tmp_path, "plan", leads)
    folder = ran.folder.relative_to(tmp_path)
    assert [line.rstrip() for line in ran.out.splitlines()] == [
        "leads.csv: 12 rows, workspace Sandbox",
        "3  will change",
        "1  will change, in a state in which that may mean nothing",
        "2  already set",
        "1  no lead of the campaign has this id",
        "1  no campaign of the workspace has this id",
        "1  a status that can't be set, and is not the lead's",
        "1  skipped duplicate",
        "1  error bad_id",
        "1  error unknown_tag",
        "",
        "Leads  Status",
        "    1  active → paused",
        "",
        "Leads  aiTag",
        "    1  Cold → Hot",
        "    1  Cold → no tag",
        "    1  Hot → Warm",
        "",
        "Campaign                  Will change  Already so  Other",
        "Campaign 1                          3           2      2",
        "Campaign 2                          1           0      0",
        f"{'f' * 24}            0           0      1",
        "",
        "Line  Column          Reason            Found, and what to do",
        *(f"{line:>4}  {column:14}  {reason:16}  {found}" for line, column, reason, found in WRONG),
        "",
        "4 requests to send instead of 9; reading took 3 requests.",
        "Sending takes about 1 s at the present pace.",
        "3 leads' tags change: that can start or stop e-mails.",
        f"every row: {folder}/plan.csv",
    ]
    assert "5 of 12 rows are wrong and will not be sent." in ran.err.splitlines()
    assert ran.last_line == (
        f"planned: 0 success, 5 error, 3 skipped, 4 unsent; {folder}/plan.csv; "
        f"next: sendkit-batch apply {folder}"
    )


def test_apply_sends_what_was_planned_and_nothing_else(tmp_path: Path, leads: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", leads)
        ran = ask(sandbox, tmp_path, "apply", plan.folder)
        sent = received(sandbox)
    assert ran.exit_code == 1, ran.err
    assert sorted((each["campaignLeadId"], json.dumps(each["body"])) for each in sent) == [
        (lead_id(1), '{"status": "paused", "aiTag": "Cold"}'),
        (lead_id(2), '{"aiTag": "Hot"}'),
        (lead_id(3), '{"status": "active", "aiTag": null}'),
        (lead_id(8), '{"aiTag": "Warm"}'),
    ]
    assert [row["reason"] for row in ran.results] == [
        "applied", "applied", "applied", "already_so", "already_so", "applied",
        "unknown_lead", "unknown_campaign", "bad_status", "bad_id", "unknown_tag", "duplicate",
    ]  # fmt: skip
    assert ran.record["state"] == "finished"
    assert (ran.record["resumed"], ran.record["is_planned"]) == (0, True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_the_numbers_of_a_plan_are_those_of_the_run_that_follows(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - any will do
    known = random_leads(draw, 60)
    path = write_rows(tmp_path / "leads.csv", HEADER, random_changes(draw, known, 70))
    with served(tmp_path, known, max_page=draw.choice((7, 100))) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path, "--json", "--allow-invalid")
        answer, before = planned(plan), state(sandbox)
        pages = [each for each in received(sandbox, operation=None) if each["operation"] == "leads"]
        ran = ask(sandbox, tmp_path, "apply", plan.folder)
        sent, after = received(sandbox), state(sandbox)
    assert (
        answer["requests"]
        == len(sent)
        == answer["reasons"].get("not_reached", 0) - (answer["unsent"] - answer["requests"])
    )
    assert answer["requests_for_reading"] == len(pages)
    assert told(answer["changes"]["status"]) == changes(before, after, "status")
    assert told(answer["changes"]["aiTag"]) == changes(before, after, "aiTag")
    assert answer["tag_changes"] == sum(changes(before, after, "aiTag").values())
    results = read_rows(plan.folder / "results.csv")
    assert sum(row["result"] == "success" for row in results) == answer["unsent"]
    for result in ("error", "skipped"):
        assert sum(row["result"] == result for row in results) == answer[result]
    sent_leads = {(each["campaignId"], each["campaignLeadId"]) for each in sent}
    for campaign in CAMPAIGNS:
        told_of = {each["campaignId"]: each for each in answer["campaigns"]}[campaign]
        assert told_of["will_change"] == sum(each == campaign for each, _ in sent_leads)
    assert ran.exit_code == plan.exit_code


def test_leads_that_drifted_are_judged_again_and_left_out(tmp_path: Path, leads: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", leads)
        change(sandbox, lead_id(1), status="paused")  # by now it is as it was to become
        change(sandbox, lead_id(2), aiTag="Warm")
        change(sandbox, lead_id(4), status="paused")  # it was already set, and is not any more
        before = len(received(sandbox))
        ran = ask(sandbox, tmp_path, "apply", plan.folder)
        sent = received(sandbox)[before:]
    assert sorted(each["campaignLeadId"] for each in sent) == [lead_id(3), lead_id(8)]
    rows = {row["line"]: row for row in ran.results}
    assert [rows[line]["reason"] for line in "2345"] == [
        "already_so", "drifted", "applied", "drifted",
    ]  # fmt: skip
    assert rows["3"]["message"] == (
        "left as it is: it read status active, aiTag Cold when the plan was made, and reads "
        "status active, aiTag Warm now."
    )
    assert (
        "2 rows are already set. 1 row is left out: a status that can't be set. 1 row is left "
        "out: no such campaign in this workspace. 1 row is left out: no such lead in that "
        "campaign. "
    ) in ran.err
    assert "2 rows have changed since the plan was made and are left out." in ran.err
    assert "5 of 12 rows are wrong and will not be sent." in ran.err


@pytest.mark.slow
def test_what_an_apply_read_that_was_not_confirmed_is_read_anew(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:3])
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        refused = ask(sandbox, tmp_path, "apply", plan.folder, "--expect-changes", "9")
        assert refused.exit_code == 2
        change(sandbox, lead_id(2), aiTag="Warm")
        ran = ask(sandbox, tmp_path, "apply", plan.folder)
        assert state(sandbox)[CAMPAIGN, lead_id(2)]["aiTag"] == "Warm"
    assert [row["reason"] for row in ran.results] == ["applied", "drifted", "applied"]


@pytest.mark.slow
def test_with_force_drifted_leads_are_changed_too(tmp_path: Path, leads: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", leads)
        change(sandbox, lead_id(2), aiTag="Warm")
        change(sandbox, lead_id(4), status="paused")
        before = len(received(sandbox))
        ask(sandbox, tmp_path, "apply", plan.folder, "--force")
        sent = received(sandbox)[before:]
        assert state(sandbox)[CAMPAIGN, lead_id(2)]["aiTag"] == "Hot"
    assert sorted(each["campaignLeadId"] for each in sent) == [
        lead_id(1), lead_id(2), lead_id(3), lead_id(4), lead_id(8),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_retry_of_a_plan_leaves_drifted_leads_out_too(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "Hot") for n in (1, 2, 3)]
    rows.append((CAMPAIGN, lead_id(4), "", "New"))  # no label yet
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    faults = (f"status=500,leads={lead_id(1)};{lead_id(2)},times=5",)
    (tmp_path / "sendkit-batch.toml").write_text("[retry]\nbackoff_base_s = 0.01\n")
    with served(tmp_path, LEADS, faults=faults) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path, "--out", tmp_path / "plan")
        change(sandbox, lead_id(3), aiTag="Warm")  # before it is applied
        first = ask(sandbox, tmp_path, "apply", tmp_path / "plan")
        change(sandbox, lead_id(2), aiTag="Warm")  # and after that
        before = len(received(sandbox))
        ran = ask(sandbox, tmp_path, "retry", tmp_path / "plan", "--out", tmp_path / "again")
        sent = received(sandbox)[before:]
    assert plan.exit_code == first.exit_code == ran.exit_code == 1, ran.err
    assert [each["campaignLeadId"] for each in sent] == [lead_id(1)]
    results = read_rows(tmp_path / "again" / "results.csv")
    assert [row["reason"] for row in results] == ["applied", "drifted", "drifted", "unknown_tag"]


@pytest.mark.slow
def test_run_does_not_go_on_with_a_plan_and_resume_names_apply(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        folder = plan.folder
        ran = ask(sandbox, tmp_path, "run", path)  # it would find an unfinished run of the file
        assert len(received(sandbox)) == 2
        assert json.loads((folder / "run.json").read_text())["state"] == "planned"
        env, _ = access(sandbox)
        for words, instead in (
            (("resume", "--yes"), ""),
            (("retry", "--yes"), ", so nothing can be tried again"),
            (("results",), ", so there are no results"),
            (("verify",), ", so nothing can be verified"),
        ):
            refused = sendkit_batch(*words, folder, cwd=tmp_path, env=env)
            assert refused.exit_code == 2
            assert refused.err.splitlines()[0] == (
                f"{folder}: is a plan, of which nothing was sent yet{instead}. To send it: "
                f"sendkit-batch apply {folder}"
            )
        into = ask(sandbox, tmp_path, "run", path, "--out", folder)
    assert ran.exit_code == 0, ran.err
    assert into.exit_code == 2
    assert into.err.splitlines()[0] == (
        f"{folder}: holds a plan. Name another --out. Or apply it: sendkit-batch apply {folder}"
    )


def altered(folder: Path, **fields: object) -> None:
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.slow
def test_a_plan_is_bound_to_its_age_its_input_and_its_workspace(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        record = json.loads((plan.folder / "run.json").read_text())
        old = datetime.fromisoformat(record["planned_at"]) - timedelta(hours=25)
        altered(plan.folder, planned_at=old.isoformat())
        late = ask(sandbox, tmp_path, "apply", plan.folder)
        for listed in tmp_path.rglob("runs.jsonl"):
            listed.unlink()  # which would know the workspace better than an altered record
        there = ("--base-url", sandbox.base_url)
        altered(plan.folder, planned_at=record["planned_at"], workspace=None)
        unknown = ask(sandbox, tmp_path, "apply", plan.folder, *there)
        altered(plan.folder, workspace={"id": "b" * 24, "name": "Acme"})
        another = ask(sandbox, tmp_path, "apply", plan.folder, *there)
        altered(plan.folder, workspace=record["workspace"])
        (plan.folder / "input.csv").write_text("campaignId,campaignLeadId,status\n")
        spoilt = ask(sandbox, tmp_path, "apply", plan.folder, *there)
        assert received(sandbox) == []
    assert [ran.exit_code for ran in (late, unknown, another, spoilt)] == [2, 2, 2, 2]
    assert late.err.splitlines()[0] == (
        f"{plan.folder}: the plan was made 1 d 2 h ago, longer than 1 d ([run] plan_age). "
        f"Leads change: make a new one: sendkit-batch plan {path} --base-url {sandbox.base_url} "
        "--rate 1000"
    )
    assert "The key's workspace could not be read" in unknown.err
    assert "The run belongs to the workspace Acme" in another.err
    assert "the run's own copy of the input was changed since it began" in spoilt.err


@pytest.mark.slow
def test_what_is_no_plan_or_was_applied_is_not_applied(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        ask(sandbox, tmp_path, "apply", plan.folder)
        again = ask(sandbox, tmp_path, "apply", plan.folder)
        ran = ask(sandbox, tmp_path, "run", path, "--out", tmp_path / "run")
        no_plan = ask(sandbox, tmp_path, "apply", tmp_path / "run")
        assert len(received(sandbox)) == 4  # of the first apply, and of the run
    assert ran.exit_code == 0, ran.err
    assert (again.exit_code, no_plan.exit_code) == (2, 2)
    assert again.err.splitlines()[0] == (
        f"{plan.folder}: was applied already. Make a new plan of what is left."
    )
    assert no_plan.err.splitlines()[0] == (
        f"{tmp_path}/run: is no plan. `sendkit-batch plan FILE` makes one."
    )


@pytest.mark.slow
def test_a_guardrail_stands_before_apply_and_not_before_plan(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:3])
    (tmp_path / "sendkit-batch.toml").write_text("[run]\ntag_change_limit = 1\n")
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        braked = ask(sandbox, tmp_path, "apply", plan.folder)
        other = ask(sandbox, tmp_path, "apply", plan.folder, "--expect-changes", "3")
        assert received(sandbox) == []
        right = ask(sandbox, tmp_path, "apply", plan.folder, "--expect-changes", "2")
        assert len(received(sandbox)) == 3
    assert [ran.exit_code for ran in (plan, braked, other, right)] == [0, 2, 2, 0]
    guardrail = "2 leads' tags would change, more than the 1 of tag_change_limit"
    assert guardrail in plan.out
    assert guardrail in braked.err
    assert "2 leads' tags would change; expected 3." in other.err


@pytest.mark.slow
@pytest.mark.parametrize("again", ["apply", "resume"])
def test_an_apply_that_was_killed_is_gone_on_with(tmp_path: Path, again: str) -> None:
    known = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 201)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Hot" if n % 2 else "Cold") for n in range(1, 201)]
    rows[10:60] = known[10:60]  # 50 that are already set
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, known, faults=("slow=0.05,on=patch",)) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        env, _ = access(sandbox)
        words = ("--yes", "--rate", "200", "--concurrency", "4")
        with started("apply", plan.folder, *words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 40)
            process.send_signal(signal.SIGKILL)
            ended(process, cwd=tmp_path)
        anew = ask(sandbox, tmp_path, "run", path, "--expect-changes", "999")
        assert "expected 999. Nothing was sent." in anew.err  # `run` does not go on with a plan
        ran = sendkit_batch(again, plan.folder, *words, cwd=tmp_path, env=env)
        sent = received(sandbox)
        leads = state(sandbox)
    assert ran.exit_code == 0, ran.err
    assert len({each["campaignLeadId"] for each in sent}) == 150
    assert len(sent) <= 150 + 2 * 4  # what was on its way when it was killed is sent once more
    for campaign, lead, status, tag in rows:
        now = leads[campaign, lead]
        assert (now["status"], now["aiTag"]) == (status, tag)
    reasons = [row["reason"] for row in ran.results]
    assert (reasons.count("applied"), reasons.count("already_so")) == (150, 50)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "shift"),
    # Where no page names a cursor, one that shows the last lead again is no end but a circle.
    [("pagination", 1), ("pagination", -1), ("pagination", -3), ("none", 1)],
)
def test_pages_that_shift_while_they_are_read_hide_no_lead(
    tmp_path: Path, where: str, shift: int
) -> None:
    known = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 31)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Cold") for n in range(1, 31)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, known, max_page=7, page_shift=shift, next_cursor=where) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path, "--json")
        ran = ask(sandbox, tmp_path, "apply", plan.folder)
        assert len(received(sandbox)) == 30
    assert planned(plan)["plan"] == {"will_change": 30}
    assert (plan.exit_code, ran.exit_code) == (0, 0)


@pytest.mark.slow
def test_what_was_exported_and_edited_in_two_cells_is_planned_as_two_changes(
    tmp_path: Path,
) -> None:
    draw = random.Random(1)  # noqa: S311 - any will do
    known = random_leads(draw, 40)
    with served(tmp_path, known, max_page=7) as sandbox:
        env, given = access(sandbox)
        words = ("export", *CAMPAIGNS, "--rate", "1000", *given[:2], "--out")
        for name in ("leads.csv", "leads.xlsx"):
            assert sendkit_batch(*words, name, cwd=tmp_path, env=env).exit_code == 0
        rows = read_rows(tmp_path / "leads.csv")
        active = [row for row in rows if row["status"] == "active"]
        active[0]["status"] = "paused"
        active[1]["aiTag"] = "Warm"
        edited = write_rows(
            tmp_path / "edited.csv", list(rows[0]), [list(row.values()) for row in rows]
        )
        plan = ask(sandbox, tmp_path, "plan", edited, "--json")
        same = ask(sandbox, tmp_path, "plan", "leads.xlsx", "--json")
    assert planned(plan)["plan"] == {"will_change": 2, "already_so": 38}
    assert planned(same)["plan"] == {"already_so": 40}
    assert planned(same)["next_command"] is None
    assert (plan.exit_code, same.exit_code) == (0, 0)


@pytest.mark.slow
def test_a_lead_that_drifted_while_an_apply_was_broken_off_is_left_out(tmp_path: Path) -> None:
    known = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 61)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Hot") for n in range(1, 61)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, known, faults=("slow=0.05,on=patch",)) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
        env, _ = access(sandbox)
        words = ("--yes", "--rate", "100", "--concurrency", "2")
        with started("apply", plan.folder, *words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 10)
            process.send_signal(signal.SIGKILL)
            ended(process, cwd=tmp_path)
        change(sandbox, lead_id(60), aiTag="Warm")
        ran = sendkit_batch("resume", plan.folder, *words, cwd=tmp_path, env=env)
        assert state(sandbox)[CAMPAIGN, lead_id(60)]["aiTag"] == "Warm"
    assert [row["reason"] for row in ran.results] == [*["applied"] * 59, "drifted"]
    assert "1 row has changed since the plan was made and is left out." in ran.err
    assert ran.exit_code == 1
    assert ran.record["counts"] == {"success": 59, "error": 1, "skipped": 0, "unsent": 0}


@pytest.mark.slow
def test_plans_are_listed_and_pruned(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path)
    listed = sendkit_batch("runs", "--json", cwd=tmp_path)
    (run,) = json.loads(listed.out)["runs"]
    assert (run["state"], run["unsent"], run["error"]) == ("planned", 2, 0)
    shown = sendkit_batch("runs", plan.folder.name, cwd=tmp_path)
    assert shown.last_line == (
        f"planned: runs/{plan.folder.name}; next: sendkit-batch apply runs/{plan.folder.name}"
    )
    pruned = sendkit_batch("runs", "prune", "--older-than", "0h", "--yes", cwd=tmp_path)
    assert pruned.exit_code == 0, pruned.err
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_plan_of_wrong_rows_alone_is_to_be_mended(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, [(CAMPAIGN, lead_id(99), "paused", "")])
    with served(tmp_path, LEADS) as sandbox:
        ran = ask(sandbox, tmp_path, "plan", path)
    assert ran.last_line == (
        f"planned: 0 success, 1 error, 0 skipped, 0 unsent; {ran.folder.relative_to(tmp_path)}/"
        f"plan.csv; next: fix the problems, then sendkit-batch plan {path} "
        f"--base-url {sandbox.base_url} --rate 1000"
    )


def test_a_plan_of_a_header_alone_says_so(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, [])
    with served(tmp_path, LEADS) as sandbox:
        ran = ask(sandbox, tmp_path, "plan", path)
        assert received(sandbox) == []
    assert "leads.csv has a header and no rows." in ran.err.splitlines()
    assert ran.exit_code == 0


def test_an_old_plan_of_standard_input_names_it_by_a_dash(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:1]).read_bytes()
    with served(tmp_path, LEADS) as sandbox:
        env, given = access(sandbox)
        sendkit_batch("plan", "-", *given[:2], "--out", "plan", cwd=tmp_path, env=env, stdin=rows)
        altered(tmp_path / "plan", planned_at="2026-01-01T00:00:00Z")
        ran = sendkit_batch("apply", "plan", "--yes", cwd=tmp_path, env=env)
    assert ran.err.splitlines()[0].endswith(
        f"Leads change: make a new one: sendkit-batch plan - --base-url {sandbox.base_url}"
    )


def test_a_row_that_loses_one_of_its_values_says_so_in_the_plan(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(7), "paused", "Hot"), (CAMPAIGN, lead_id(7), "", "Warm")]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, LEADS) as sandbox:
        plan = ask(sandbox, tmp_path, "plan", path, "--on-conflict", "last-wins")
    is_final = "the lead is completed, so status paused is left out."
    lost = 'sent without its aiTag: line 3 asks for "Warm", and the last value wins.'
    assert [
        (row["after_status"], row["after_ai_tag"], row["message"])
        for row in read_rows(plan.folder / "plan.csv")
    ] == [("completed", "Warm", f"{is_final} {lost}"), ("completed", "Warm", is_final)]


@pytest.mark.slow
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_plan_that_meets_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    library = compiled(tmp_path)
    with served(tmp_path, LEADS) as sandbox:
        env, given = access(sandbox)

        def plan(out: str, fault: Fault) -> tuple[Ran, list[Call]]:
            log = tmp_path / f"{out}.txt"
            faults = environment_of(fault, tmp_path / out, log, library)
            words = (*given[:2], "--rate", "1000", "--out", out)
            ran = in_a_process("plan", path, *words, cwd=tmp_path, env=env | faults)
            return ran, calls_of(log)

        whole, calls = plan("whole", NO_FAULT)
        sheet = [call.path.name.startswith(".plan.csv") for call in calls].index(True)
        ran, _ = plan("full", lasting(sheet + 1, errno.ENOSPC))  # the journal is open by then
    assert (whole.exit_code, ran.exit_code) == (1, 3), ran.err
    assert not (tmp_path / "full").exists()
