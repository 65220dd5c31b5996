"""Leads that the server moves, by whole commands: a change of a tag may complete its lead."""

import json
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from batch.jobs import paging
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch
from tests.support.live_world import HEADER, ask, change, served
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    lead_id,
    read_rows,
    received,
    state,
    write_rows,
)

NURTURE = {"subsequences": ("Hot=Nurture",)}
LEADS = [
    (CAMPAIGN, lead_id(1), "active", "Hot"),  # all but the last are in Nurture
    (CAMPAIGN, lead_id(2), "active", "Hot"),
    (CAMPAIGN, lead_id(3), "pending", "Hot"),
    (CAMPAIGN, lead_id(4), "active", ""),
]
ROWS = [
    (CAMPAIGN, lead_id(1), "active", "Cold"),  # line 2: taken out, and completed
    (CAMPAIGN, lead_id(2), "", "Cold"),  # the same, though no status is asked for
    (CAMPAIGN, lead_id(3), "paused", "null"),
    (CAMPAIGN, lead_id(4), "paused", "Cold"),
]
COMPLETED = ("completed", "Cold")


def now(sandbox: Sandbox) -> list[tuple[str, str | None]]:
    """Status and tag of each lead."""
    return [(lead["status"], lead["aiTag"]) for lead in state(sandbox).values()]


def sent(sandbox: Sandbox, since: int = 0) -> dict[str, object]:
    """What was asked for each lead."""
    return {each["campaignLeadId"]: each["body"] for each in received(sandbox)[since:]}


def run(sandbox: Sandbox, folder: Path, *words: str, rows: Sequence[Sequence[str]] = ROWS) -> Ran:
    path = write_rows(folder / "leads.csv", HEADER, rows)
    return ask(sandbox, folder, "run", path, "--keep-before", "--json", *words)


def verify(sandbox: Sandbox, ran: Ran) -> Ran:
    return sendkit_batch("verify", ran.folder, cwd=ran.cwd, env=access(sandbox)[0])


def test_a_lead_that_the_server_moves_is_what_it_answered_to_all_that_come_later(
    tmp_path: Path,
) -> None:
    with served(tmp_path, LEADS, **NURTURE) as sandbox:
        ran = run(sandbox, tmp_path, "--canary", "3")
        assert now(sandbox) == [COMPLETED, COMPLETED, ("completed", None), ("paused", "Cold")]
        assert (ran.exit_code, json.loads(ran.out)["success"]) == (0, 4), ran.err
        verified = verify(sandbox, ran)
        before = len(received(sandbox))
        undone = ask(sandbox, tmp_path, "undo", ran.folder, "--json", "--out", "back")
        bodies = sent(sandbox, before)
        after = now(sandbox)
    assert [row["message"] for row in read_rows(ran.folder / "results.csv")] == [
        'the lead was moved (exited: Nurture), so status is "completed", not "active"',
        "",
        'the lead was moved (exited: Nurture), so status is "completed", not "paused"',
        "",
    ]
    assert verified.exit_code == 0, verified.err
    # The second is set active as well: the run has completed it. Pending can't be set.
    assert bodies == {
        lead_id(1): {"status": "active", "aiTag": "Hot"},
        lead_id(2): {"status": "active", "aiTag": "Hot"},
        lead_id(3): {"aiTag": "Hot"},
        lead_id(4): {"status": "active", "aiTag": None},
    }
    assert after == [*[("active", "Hot")] * 2, ("completed", "Hot"), ("active", None)]
    told = [(row["undoes_line"], row["reason"]) for row in read_rows(tmp_path / "back/results.csv")]
    assert told == [*[(line, "applied") for line in "234"], ("4", "bad_status"), ("5", "applied")]
    assert "1 lead had a status that can't be set; its row says so." in undone.err


def test_a_moved_lead_that_somebody_has_changed_since_is_not_what_was_answered(
    tmp_path: Path,
) -> None:
    with served(tmp_path, LEADS[:2], **NURTURE) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:2])
        change(sandbox, lead_id(1), status="paused")
        assert verify(sandbox, ran).exit_code == 1
        ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back")
        assert now(sandbox) == [("paused", "Cold"), ("active", "Hot")]
    told = [row["reason"] for row in read_rows(tmp_path / "back/results.csv")]
    assert told == ["changed_since", "applied"]


def test_an_undo_that_takes_a_lead_out_says_what_became_of_its_status(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(4), "paused", "Hot")]
    with served(tmp_path, LEADS[3:], **NURTURE) as sandbox:
        ran = run(sandbox, tmp_path, rows=rows)
        undone = ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back")
        assert now(sandbox) == [("completed", None)]
    (row,) = read_rows(tmp_path / "back/results.csv")
    assert (row["reason"], row["subsequence"]) == ("applied", "exited: Nurture")
    assert row["message"] == (
        'the lead was moved (exited: Nurture), so status is "completed", not "active"'
    )
    assert (
        "1 lead moved in a subsequence by the run: setting a tag back may move it once more, and "
        "the server completes a lead that it takes out."
    ) in undone.err


def test_a_lead_that_its_subsequence_has_mailed_was_not_moved(tmp_path: Path) -> None:
    with served(tmp_path, LEADS[:1], **NURTURE, skip_in_progress=True) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:1])
        undone = ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back")
        assert now(sandbox) == [("active", "Hot")]
    assert read_rows(ran.folder / "results.csv")[0]["subsequence"] == "skippedInProgress: Nurture"
    assert "moved in a subsequence" not in undone.err


def test_the_same_file_night_after_night_sets_no_lead_going_again(tmp_path: Path) -> None:
    """The first night's tag takes leads out, which the server completes: the others leave them."""
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, 13)]
    rows = [(campaign, lead, "active", "Cold") for campaign, lead, *_ in leads]
    with served(tmp_path, leads, **NURTURE) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, rows)
        words = ("run", path, "--json")
        nights = [ask(sandbox, tmp_path, *words) for _ in range(2)]
        nights.append(ask(sandbox, tmp_path, *words, "--out", "night"))
        assert len(received(sandbox)) == len(rows)
        assert now(sandbox) == [COMPLETED] * len(rows)
    assert [ran.exit_code for ran in nights] == [0, 0, 0], nights[1].err
    assert [json.loads(ran.out)["reasons"] for ran in nights] == [
        {"applied": 12},
        {"final_state": 12},
        {"final_state": 12},
    ]
    assert nights[2].err.splitlines()[-1].startswith("finished: 0 success, 0 error, 12 skipped")
    assert {row["message"] for row in read_rows(tmp_path / "night" / "results.csv")} == {
        "the lead is completed, so status active is left out."
    }


FINAL = ("completed", "bounced", "unsubscribed", "replied", "removed")
THROUGH = [(CAMPAIGN, lead_id(n), status, "Cold") for n, status in enumerate(FINAL, start=1)]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("status", ["active", "paused"])
def test_of_leads_that_are_through_the_tag_alone_is_sent(tmp_path: Path, status: str) -> None:
    rows = [(CAMPAIGN, lead, status, "Hot") for _, lead, *_ in THROUGH]
    with served(tmp_path, THROUGH) as sandbox:
        ran = run(sandbox, tmp_path, "--canary", "2", rows=rows)
        assert now(sandbox) == [(was, "Hot") for was in FINAL]
        assert list(sent(sandbox).values()) == [{"aiTag": "Hot"}] * 5
        assert verify(sandbox, ran).exit_code == 0
        undone = ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back")
        assert now(sandbox) == [(was, "Cold") for was in FINAL]
    assert (ran.exit_code, undone.exit_code) == (0, 0), undone.err
    assert json.loads(ran.out)["reasons"] == {"applied_in_part": 5}
    assert "5 tags set. 5 rows set the tag alone: their leads are through" in ran.err
    assert [row["message"] for row in read_rows(ran.folder / "results.csv")] == [
        f"the lead is {was}, so status {status} is left out" for was in FINAL
    ]


def test_a_status_is_sent_to_leads_that_are_through_where_that_is_asked(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead, "active", "Cold") for _, lead, *_ in THROUGH]
    with served(tmp_path, THROUGH) as sandbox:
        ran = run(sandbox, tmp_path, "--final-states", "send", rows=rows)
        assert now(sandbox) == [("active", "Cold")] * 5
    assert json.loads(ran.out)["reasons"] == {"applied": 5}


def test_a_lead_that_was_not_read_gets_its_status(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(1), "active", "Hot")]
    with served(tmp_path, THROUGH) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, rows)
        ask(sandbox, tmp_path, "run", path, "--skip-unchanged", "never")
        assert now(sandbox)[0] == ("active", "Hot")


def test_a_run_that_broke_off_leaves_the_status_out_when_it_is_gone_on_with(
    tmp_path: Path,
) -> None:
    rows = [(CAMPAIGN, lead, "active", "Hot") for _, lead, *_ in THROUGH]
    faults = (f"status=401,leads={lead_id(3)},total=1",)
    with served(tmp_path, THROUGH, faults=faults) as sandbox:
        first = run(sandbox, tmp_path, "--concurrency", "1", rows=rows)
        assert first.exit_code == 3
        resumed = ask(sandbox, tmp_path, "resume", first.folder)
        assert now(sandbox) == [(was, "Hot") for was in FINAL]
    assert resumed.exit_code == 0, resumed.err
    assert [row["reason"] for row in read_rows(first.folder / "results.csv")] == [
        *["applied_in_part"] * 5
    ]


def test_a_plan_says_what_is_left_out_and_its_apply_leaves_it_out(tmp_path: Path) -> None:
    rows = [
        (CAMPAIGN, lead_id(1), "active", "Hot"),
        (CAMPAIGN, lead_id(2), "paused", ""),
        (CAMPAIGN, lead_id(6), "paused", ""),  # replies between plan and apply
        (CAMPAIGN, lead_id(7), "paused", "Hot"),  # the same: not what the plan has read
        (CAMPAIGN, lead_id(8), "paused", "Hot"),
    ]
    more = [(CAMPAIGN, lead_id(n), "active", "") for n in (6, 7, 8)]
    with served(tmp_path, [*THROUGH, *more], subsequences=("Warm=Nurture",)) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, rows)
        planned = ask(sandbox, tmp_path, "plan", path)
        told = [row["plan"] for row in read_rows(planned.folder / "plan.csv")]
        assert told == ["in_part", "final_state", *["will_change"] * 3]
        complete(sandbox, 6, 7)
        since = len(received(sandbox))
        ran = ask(sandbox, tmp_path, "apply", planned.folder)
        assert sent(sandbox, since) == {
            lead_id(1): {"aiTag": "Hot"},
            lead_id(8): {"status": "paused", "aiTag": "Hot"},
        }
    assert ran.exit_code == 1, ran.err
    assert [row["reason"] for row in read_rows(planned.folder / "results.csv")] == [
        *["applied_in_part", "final_state", "final_state", "drifted", "applied"]
    ]


def complete(sandbox: Sandbox, *numbers: int) -> None:
    """Leads are taken out of a subsequence, and so completed, by somebody else."""
    for number in numbers:
        change(sandbox, lead_id(number), aiTag="Warm")
        change(sandbox, lead_id(number), aiTag=None)


def test_a_run_of_before_there_was_the_setting_goes_on_as_it_was_begun(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(1), "active", "Hot")]
    with served(tmp_path, THROUGH) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, rows)
        planned = ask(sandbox, tmp_path, "plan", path)
        record = json.loads((planned.folder / "run.json").read_text())
        del record["settings"]["run"]["final_states"]
        (planned.folder / "run.json").write_text(json.dumps(record))
        ask(sandbox, tmp_path, "apply", planned.folder)
        assert now(sandbox)[0] == ("active", "Hot")


LOST = "close-after"  # the change is made, and nobody hears of it


def without_retries(folder: Path) -> tuple[str, str]:
    """With it, a row without an answer is left unsent at once, and its run can be gone on with."""
    path = folder / "own.toml"
    path.write_text("[retry]\nbudget_floor = 0\nbudget_share = 0\n")
    return "--config", str(path)


def test_a_lead_that_a_lost_change_has_completed_has_not_drifted(tmp_path: Path) -> None:
    with served(tmp_path, LEADS[:1], **NURTURE) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:1])
        planned = ask(sandbox, tmp_path, "plan", path, *without_retries(tmp_path))
        meet(sandbox, LOST)
        assert ask(sandbox, tmp_path, "apply", planned.folder).exit_code == 3
        assert now(sandbox) == [COMPLETED]
        meet(sandbox)
        since = len(received(sandbox))
        assert ask(sandbox, tmp_path, "resume", planned.folder).exit_code == 0
        assert sent(sandbox, since) == {lead_id(1): {"aiTag": "Cold"}}
    (row,) = read_rows(planned.folder / "results.csv")
    assert (row["reason"], row["attempts"], row["server_status"]) == (
        *("applied_in_part", "2", "completed"),
    )


def test_a_lead_that_a_lost_change_of_an_undo_has_completed_is_set_back(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(4), "paused", "Hot")]
    with served(tmp_path, LEADS[3:], **NURTURE) as sandbox:
        ran = run(sandbox, tmp_path, *without_retries(tmp_path), rows=rows)
        meet(sandbox, LOST)
        assert ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back").exit_code == 3
        assert now(sandbox) == [("completed", None)]
        meet(sandbox)
        assert ask(sandbox, tmp_path, "resume", "back").exit_code == 0
        assert now(sandbox) == [("active", None)]


def test_an_undo_knows_which_status_a_lost_change_has_left_out(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(1), "active", "Hot")]
    with served(tmp_path, THROUGH[:1]) as sandbox:
        meet(sandbox, LOST)
        ran = run(sandbox, tmp_path, *without_retries(tmp_path), rows=rows)
        assert (ran.exit_code, now(sandbox)) == (3, [("completed", "Hot")])
        meet(sandbox)
        undone = ask(sandbox, tmp_path, "undo", ran.folder, "--out", "back")
        assert now(sandbox) == [COMPLETED]
    assert undone.exit_code == 0, undone.err


def meet(sandbox: Sandbox, *faults: str) -> None:
    """What goes wrong from now on."""
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        f"{sandbox.base_url}/sandbox/faults",
        data=json.dumps(faults).encode(),
        headers={"X-Api-Key": sandbox.api_key},
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - the same


HOOKS = ("CRM=https://crm.example.com/in?token=s3cret", "Zap=https://hooks.example.net/1/2")


def test_the_question_names_who_hears_of_changed_tags(tmp_path: Path) -> None:

    with served(tmp_path, LEADS, webhooks=HOOKS) as sandbox:
        ran = run(sandbox, tmp_path)
        asked = [each["operation"] for each in received(sandbox, operation=None)]
        assert asked.count("webhooks") == 1
        assert asked.index("webhooks") < asked.index("patch")
        only_status = run(sandbox, tmp_path, rows=[(CAMPAIGN, lead_id(4), "active", "")])
        assert len(received(sandbox, operation="webhooks")) == 1
    told = (
        "2 active webhooks hear of changed tags: CRM (crm.example.com) and Zap (hooks.example.net)."
    )
    assert told in ran.err
    assert "webhook" not in only_status.err
    written = [path for path in ran.cwd.rglob("*") if path.is_file() and path.name != "seed.csv"]
    assert not any(b"s3cret" in path.read_bytes() for path in written)
    assert "s3cret" not in ran.out + ran.err


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "fault",
    ["status=404", "status=401", "status=500", "status=429", "html=502", "drop", "stall", "garbage",
     "success-false", "empty"],
)  # fmt: skip
def test_webhooks_that_cant_be_read_are_not_missed(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "_FIRST_PAGE_S", 0.2)
    faults = (f"{fault},on=webhooks",)
    with served(tmp_path, LEADS[:1], webhooks=HOOKS[:1], faults=faults) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:1])
        assert len(received(sandbox, operation="webhooks")) == 1
    assert ran.exit_code == 0, ran.err
    assert "webhook" not in ran.err
    assert json.loads(ran.out)["reasons"] == {"applied": 1}


def test_moves_are_counted_by_lead_and_subsequence(tmp_path: Path) -> None:
    rows = [
        *ROWS[:2],
        (CAMPAIGN, lead_id(4), "", "Warm"),  # one lead, and one request with the next row
        (CAMPAIGN, lead_id(4), "paused", ""),
    ]
    rules = ("Hot=Nurture", "Warm=Warmers")
    with served(tmp_path, LEADS, subsequences=rules) as sandbox:
        ran = run(sandbox, tmp_path, rows=rows)
        again = sendkit_batch("results", ran.folder, "--json", cwd=tmp_path)
        told = sendkit_batch("results", ran.folder, cwd=tmp_path)
    moves = [
        {"action": "exited", "subsequence": "Nurture", "leads": 2},
        {"action": "enrolled", "subsequence": "Warmers", "leads": 1},
    ]
    assert json.loads(ran.out)["moves"] == json.loads(again.out)["moves"] == moves
    assert json.loads((ran.folder / "run.json").read_text())["moves"] == moves
    sentence = "Subsequences: 2 leads taken out of Nurture and 1 lead enrolled in Warmers."
    assert sentence in ran.err.splitlines()
    assert sentence in told.err.splitlines() + told.out.splitlines()
    report = (ran.folder / "report.html").read_text()
    assert '<td>exited: Nurture</td><td class="n">2</td>' in report


def test_leads_that_a_subsequence_has_kept_are_counted_too(tmp_path: Path) -> None:
    with served(tmp_path, LEADS[:2], **NURTURE, skip_in_progress=True) as sandbox:
        ran = run(sandbox, tmp_path, rows=ROWS[:2])
    assert json.loads(ran.out)["moves"] == [
        {"action": "skippedInProgress", "subsequence": "Nurture", "leads": 2}
    ]
    assert "Subsequences: 2 leads left where they were, in progress: Nurture." in ran.err


def test_rows_that_are_sent_together_share_that_a_status_was_left(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(1), "active", ""), (CAMPAIGN, lead_id(1), "", "Hot")]
    with served(tmp_path, THROUGH[:1]) as sandbox:
        ran = run(sandbox, tmp_path, rows=rows)
        assert sent(sandbox) == {lead_id(1): {"aiTag": "Hot"}}
    left = ("applied_in_part", "the lead is completed, so status active is left out")
    told = [(row["reason"], row["message"]) for row in read_rows(ran.folder / "results.csv")]
    assert told == [left, left]
