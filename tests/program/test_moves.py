"""Leads that the server moves, by whole commands: a change of a tag may complete its lead."""

import json
from collections.abc import Sequence
from pathlib import Path

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
