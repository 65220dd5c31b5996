"""`undo` by the real command; judged by the sandbox's log and by what its leads are."""

import random
import signal
from pathlib import Path

import pytest

from batch.sandbox.process import Sandbox
from tests.support.in_process import seeded, sendkit_batch
from tests.support.live_world import (
    HEADER,
    OTHER,
    STATUSES,
    Leads,
    ask,
    change,
    random_changes,
    random_leads,
    served,
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

LEADS = [
    (CAMPAIGN, lead_id(1), "active", "Cold"),
    (CAMPAIGN, lead_id(2), "paused", ""),
    (CAMPAIGN, lead_id(3), "completed", "Cold"),
    (OTHER, lead_id(4), "active", "Warm"),
]
ROWS = (
    (CAMPAIGN, lead_id(1), "paused", "Hot"),  # line 2
    (CAMPAIGN, lead_id(2), "active", "Hot"),
    (CAMPAIGN, lead_id(3), "paused", "Hot"),  # line 4: was completed
    (OTHER, lead_id(4), "", "null"),
    (CAMPAIGN, lead_id(9), "paused", ""),  # not there
)


def values(leads: Leads) -> dict[str, tuple[str, str | None]]:
    return {lead: (now["status"], now["aiTag"]) for (_, lead), now in leads.items()}


def applied(sandbox: Sandbox, folder: Path, *more: str) -> Path:
    """The folder of a run that kept what its leads were."""
    path = write_rows(folder / "leads.csv", HEADER, ROWS)
    ran = ask(sandbox, folder, "run", path, "--keep-before", "--out", folder / "first", *more)
    assert ran.exit_code == 1, ran.err
    return folder / "first"


def rows_of(folder: Path) -> list[tuple[str, str, str]]:
    """The line that each row of an undo is about, with its reason and its message."""
    return [
        (row["undoes_line"], row["reason"], row["message"])
        for row in read_rows(folder / "results.csv")
    ]


def undone(sandbox: Sandbox, folder: Path, run: Path, out: str = "undone") -> Ran:
    return ask(sandbox, folder, "undo", run, "--out", folder / out)


def test_leads_are_set_back_to_what_they_were(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        run = applied(sandbox, tmp_path, "--final-states", "send")
        before = len(received(sandbox))
        ran = undone(sandbox, tmp_path, run)
        sent = received(sandbox)[before:]
        now = values(state(sandbox))
    assert ran.exit_code == 1, ran.err  # for the status that can't be set
    assert {each["campaignLeadId"]: each["body"] for each in sent} == {
        lead_id(1): {"status": "active", "aiTag": "Cold"},
        lead_id(2): {"status": "paused", "aiTag": None},
        lead_id(3): {"aiTag": "Cold"},
        lead_id(4): {"aiTag": "Warm"},
    }
    assert now == {
        lead_id(1): ("active", "Cold"),
        lead_id(2): ("paused", None),
        lead_id(3): ("paused", "Cold"),
        lead_id(4): ("active", "Warm"),
    }
    assert rows_of(tmp_path / "undone") == [
        ("2", "applied", ""),
        ("3", "applied", ""),
        ("4", "applied", ""),
        (
            "4",
            "bad_status",
            'the lead was "completed" before; only active and paused can be set.',
        ),
        ("5", "applied", ""),
    ]
    assert "1 lead had a status that can't be set; its row says so." in ran.err
    assert "E-mails that went out in the meantime can't be taken back." in ran.err
    assert "Set 4 leads back in workspace Sandbox" in ran.err
    assert ran.last_line.endswith("; next: nothing to do")  # nobody wrote the row that failed
    assert "3 tags set, 1 tag cleared, 1 paused, 1 set active." in ran.err


def test_what_was_changed_since_is_left_as_it_is(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        run = applied(sandbox, tmp_path)
        change(sandbox, lead_id(1), aiTag="Warm")  # not what the run set
        change(sandbox, lead_id(2), status="paused", aiTag=None)  # somebody took it back
        before = len(received(sandbox))
        ran = undone(sandbox, tmp_path, run)
        assert len(received(sandbox)) - before == 2
        now = values(state(sandbox))
    assert (now[lead_id(1)], now[lead_id(2)]) == (("paused", "Warm"), ("paused", None))
    assert rows_of(tmp_path / "undone")[:2] == [
        (
            "2",
            "changed_since",
            (
                "left as it is: the run asked for status paused, aiTag Hot, and it reads status "
                "paused, aiTag Warm now."
            ),
        ),
        ("3", "already_so", "the lead already reads status paused, aiTag null."),
    ]
    assert "1 row has changed since the run and is not undone." in ran.err
    assert ran.exit_code == 1


@pytest.mark.slow
def test_a_retry_of_an_undo_leaves_what_was_changed_since_too(tmp_path: Path) -> None:
    (tmp_path / "sendkit-batch.toml").write_text("[retry]\nbackoff_base_s = 0.01\n")
    rows = [(CAMPAIGN, lead_id(1), "", "Hot"), (OTHER, lead_id(4), "", "Hot")]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    fault = f"status=500,leads={lead_id(4)},after=1,total=5"  # the undo meets it
    with served(tmp_path, LEADS, faults=(fault,)) as sandbox:
        ask(sandbox, tmp_path, "run", path, "--keep-before", "--out", tmp_path / "first")
        change(sandbox, lead_id(1), aiTag="Warm")
        undone(sandbox, tmp_path, tmp_path / "first")
        before = len(received(sandbox))
        ran = ask(sandbox, tmp_path, "retry", tmp_path / "undone", "--out", tmp_path / "again")
        sent = received(sandbox)[before:]
    assert [reason for _, reason, _ in rows_of(tmp_path / "undone")] == [
        "changed_since", "server_error",
    ]  # fmt: skip
    assert [each["campaignLeadId"] for each in sent] == [lead_id(4)]
    assert [reason for _, reason, _ in rows_of(tmp_path / "again")] == ["changed_since", "applied"]
    assert ran.exit_code == 1, ran.err


@pytest.mark.slow
def test_a_run_that_named_its_campaign_for_all_rows_is_undone(tmp_path: Path) -> None:
    rows = [("lead-00000001@example.com", "Hot")]
    path = write_rows(tmp_path / "leads.csv", ("email", "aiTag"), rows)
    with served(tmp_path, LEADS) as sandbox:
        run = ("run", path, "--campaign", CAMPAIGN, "--keep-before", "--out", tmp_path / "first")
        assert ask(sandbox, tmp_path, *run).exit_code == 0
        ran = undone(sandbox, tmp_path, tmp_path / "first")
        assert values(state(sandbox))[lead_id(1)] == ("active", "Cold")
    assert ran.exit_code == 0, ran.err


@pytest.mark.slow
def test_a_label_that_looks_like_a_formula_is_set_back(tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(1), "active", "=Cold")]
    path = write_rows(tmp_path / "leads.csv", HEADER, [(CAMPAIGN, lead_id(1), "", "Hot")])
    with seeded(tmp_path, HEADER, leads, labels=("=Cold", "Hot")) as sandbox:
        ask(sandbox, tmp_path, "run", path, "--keep-before", "--out", tmp_path / "first")
        ran = undone(sandbox, tmp_path, tmp_path / "first")
        assert values(state(sandbox))[lead_id(1)] == ("active", "=Cold")
    assert ran.exit_code == 0, ran.err


@pytest.mark.slow
def test_an_undo_can_be_undone(tmp_path: Path) -> None:
    with served(tmp_path, LEADS[:2]) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
        ask(sandbox, tmp_path, "run", path, "--keep-before", "--out", tmp_path / "first")
        changed = values(state(sandbox))
        undone(sandbox, tmp_path, tmp_path / "first")
        assert values(state(sandbox)) != changed
        again = undone(sandbox, tmp_path, tmp_path / "undone", "redone")
        assert values(state(sandbox)) == changed
    assert again.exit_code == 0, again.err


@pytest.mark.slow
def test_what_nobody_knows_the_former_value_of_is_said(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        path = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
        ask(sandbox, tmp_path, "run", path, "--out", tmp_path / "first")  # too few rows to be read
        before = len(received(sandbox))
        ran = undone(sandbox, tmp_path, tmp_path / "first")
        assert len(received(sandbox)) == before
    assert ran.exit_code == 1, ran.err
    assert (
        f"4 leads of {tmp_path}/first can't be set back: what they were before was not read "
        "(lines 2 to 5). A run with --keep-before reads all of them."
    ) in ran.err


@pytest.mark.slow
def test_a_lead_that_was_moved_in_a_subsequence_is_told_of(tmp_path: Path) -> None:
    with served(tmp_path, LEADS, subsequences=("Hot=Follow-up",)) as sandbox:
        run = applied(sandbox, tmp_path)
        ran = undone(sandbox, tmp_path, run)
    assert "3 leads moved in a subsequence by the run: setting a tag back may move" in ran.err


@pytest.mark.slow
def test_without_a_yes_nothing_is_undone(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        run = applied(sandbox, tmp_path)
        before = len(received(sandbox))
        env, _ = access(sandbox)
        ran = sendkit_batch("undo", run, "--out", "undone", cwd=tmp_path, env=env)
        assert len(received(sandbox)) == before
    assert ran.exit_code == 2
    assert not (tmp_path / "undone").exists()


@pytest.mark.slow
def test_a_plan_and_practice_have_nothing_to_undo(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:1])
    with served(tmp_path, LEADS) as sandbox:
        ask(sandbox, tmp_path, "plan", path, "--out", tmp_path / "plan")
        plan = undone(sandbox, tmp_path, tmp_path / "plan")
    sendkit_batch("run", path, "--sandbox", "--out", "practice", cwd=tmp_path)
    practice = sendkit_batch("undo", "practice", "--yes", cwd=tmp_path)
    assert (plan.exit_code, practice.exit_code) == (2, 2)
    assert plan.err.splitlines()[0] == (
        f"{tmp_path}/plan: is a plan, of which nothing was sent. Nothing to undo."
    )
    assert practice.err.splitlines()[0] == (
        "practice: was practice, and its sandbox is gone. Nothing to undo."
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_any_applied_plan_is_taken_back_but_for_what_cant_be_set(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - any will do
    known = random_leads(draw, 40)
    path = write_rows(tmp_path / "leads.csv", HEADER, random_changes(draw, known, 60))
    with served(tmp_path, known) as sandbox:
        was = values(state(sandbox))
        plan = ask(sandbox, tmp_path, "plan", path, "--allow-invalid", "--out", tmp_path / "first")
        ask(sandbox, tmp_path, "apply", tmp_path / "first", "--allow-clears")
        assert values(state(sandbox)) != was, plan.err
        undone(sandbox, tmp_path, tmp_path / "first")
        now = values(state(sandbox))
    for lead, (status, tag) in was.items():
        assert now[lead][1] == tag
        assert now[lead][0] == status or status not in STATUSES[:2]


@pytest.mark.slow
def test_what_a_killed_run_has_changed_is_taken_back(tmp_path: Path) -> None:
    known = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 41)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Hot") for n in range(1, 41)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, known, faults=("slow=0.05,on=patch",)) as sandbox:
        was = values(state(sandbox))
        env, given = access(sandbox)
        words = ("--keep-before", "--concurrency", "2", "--out", tmp_path / "first")
        with started("run", path, *given, *words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 10)
            process.send_signal(signal.SIGKILL)
            ended(process, cwd=tmp_path)
        assert values(state(sandbox)) != was
        ran = undone(sandbox, tmp_path, tmp_path / "first")
        assert values(state(sandbox)) == was
    assert ran.exit_code == 0, ran.err


@pytest.mark.slow
def test_an_undo_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    known = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 101)]
    rows = [(CAMPAIGN, lead_id(n), "paused", "Hot") for n in range(1, 101)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    with served(tmp_path, known, faults=("slow=0.05,on=patch",)) as sandbox:
        was = values(state(sandbox))
        ask(sandbox, tmp_path, "run", path, "--out", tmp_path / "first")
        env, _ = access(sandbox)
        words = ("--yes", "--rate", "200", "--concurrency", "4")
        undo = ("undo", tmp_path / "first", "--out", tmp_path / "undone", *words)
        with started(*undo, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 130)
            process.send_signal(signal.SIGKILL)
            ended(process, cwd=tmp_path)
        change(sandbox, lead_id(100), aiTag="Warm")  # one that it did not get to
        ran = sendkit_batch("resume", tmp_path / "undone", *words, cwd=tmp_path, env=env)
        assert values(state(sandbox)) == was | {lead_id(100): ("paused", "Warm")}
        assert len(received(sandbox)) <= 200 + 2 * 4
    assert ran.exit_code == 1, ran.err
    assert [row["reason"] for row in read_rows(tmp_path / "undone" / "results.csv")] == [
        *["applied"] * 99,
        "changed_since",
    ]
    assert "1 row has changed since the run and is not undone." in ran.err
