"""Rows that are already set, left out of a run by the real command; judged by the sandbox's log."""

import json
import signal
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from batch.jobs.recorded import leads_before
from batch.recording.journal import Journal
from batch.recording.plan_check import open_plan
from batch.recording.runfile import read_record
from batch.sandbox.process import Sandbox
from tests.support.in_process import seeded, sendkit_batch
from tests.support.live_world import HEADER, OTHER, Row, ask, served
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    received,
    started,
    wait_for,
    write_rows,
)

COUNT = 40
LEADS = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, COUNT + 1)]


def changing(numbers: Sequence[int]) -> list[Row]:
    """A row for each lead; those with these numbers change the tag."""
    return [
        (CAMPAIGN, lead_id(n), "active", "Hot" if n in numbers else "Cold") for n in range(1, 41)
    ]


def pages(sandbox: Sandbox) -> int:
    return len(received(sandbox, operation="leads"))


def run(sandbox: Sandbox, folder: Path, rows: Sequence[Row], *words: str) -> Ran:
    return ask(sandbox, folder, "run", write_rows(folder / "leads.csv", HEADER, rows), *words)


def test_what_is_already_so_costs_no_request(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        ran = run(sandbox, tmp_path, changing([3, 30]))
        assert [each["campaignLeadId"] for each in received(sandbox)] == [lead_id(3), lead_id(30)]
        assert pages(sandbox) == 1
    assert ran.exit_code == 0, ran.err
    rows = ran.results
    assert [row["line"] for row in rows if row["reason"] == "applied"] == ["4", "31"]
    assert [(row["result"], row["attempts"], row["message"]) for row in rows[:2]] == [
        ("skipped", "0", "the lead already reads status active, aiTag Cold.")
    ] * 2
    assert "Change 2 leads in workspace Sandbox" in ran.err
    assert "2 tags set. 38 rows are already set." in ran.err
    assert ran.record["reasons"] == {"applied": 2, "already_so": 38}


def test_a_campaign_in_which_all_changes_is_read_no_further_than_its_first_page(
    tmp_path: Path,
) -> None:
    with served(tmp_path, LEADS, max_page=10) as sandbox:
        ran = run(sandbox, tmp_path, changing(range(1, 41)))
        assert (len(received(sandbox)), pages(sandbox)) == (40, 2)  # a page of 100 is refused first
    assert ran.exit_code == 0, ran.err


def test_a_campaign_of_nine_rows_is_not_read(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        run(sandbox, tmp_path, changing([])[:9])
        assert (len(received(sandbox)), pages(sandbox)) == (9, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "sent", "read"),
    [
        (["--skip-unchanged", "never"], 40, 0),
        (["--skip-unchanged", "always"], 2, 1),
        (["--skip-unchanged", "never", "--keep-before"], 40, 1),
        (["--keep-before"], 2, 1),
    ],
)
def test_what_is_asked_for_decides_what_is_read(
    tmp_path: Path, words: list[str], sent: int, read: int
) -> None:
    with served(tmp_path, LEADS) as sandbox:
        ran = run(sandbox, tmp_path, changing([3, 30]), *words)
        assert (len(received(sandbox)), pages(sandbox)) == (sent, read)
    assert ran.exit_code == 0, ran.err


def test_a_value_that_is_none_of_the_three_is_exit_2(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        ran = run(sandbox, tmp_path, changing([]), "--skip-unchanged", "sometimes")
    assert ran.exit_code == 2
    assert ran.err.splitlines()[0] == (
        '--skip-unchanged: found "sometimes"; expected "auto", "always" or "never".'
    )


def test_facts_that_are_too_old_leave_nothing_out(tmp_path: Path) -> None:
    (tmp_path / "sendkit-batch.toml").write_text('[run]\nsnapshot_age = "0s"\n')
    with served(tmp_path, LEADS) as sandbox:
        ran = run(sandbox, tmp_path, changing([3]))
    assert ran.exit_code == 2
    assert ran.err.splitlines()[-2] == (
        "Nothing was sent: the leads were read longer ago than [run] snapshot_age. Run it again."
    )


@pytest.mark.slow
def test_guardrails_count_the_tags_that_really_change(tmp_path: Path) -> None:
    with served(tmp_path, LEADS) as sandbox:
        other = run(sandbox, tmp_path, changing([3, 30]), "--expect-changes", "40")
        right = run(sandbox, tmp_path, changing([3, 30]), "--expect-changes", "2")
    assert (other.exit_code, right.exit_code) == (2, 0)
    assert "2 leads' tags would change; expected 40." in other.err


@pytest.mark.slow
def test_where_leads_cant_be_read_all_rows_are_sent(tmp_path: Path) -> None:
    fault = ("status=403,on=leads",)
    with served(tmp_path, LEADS, faults=fault) as sandbox:
        ran = run(sandbox, tmp_path, changing([3]))
        assert len(received(sandbox)) == 40
        always = run(sandbox, tmp_path, changing([3]), "--skip-unchanged", "always", "--new")
    assert ran.exit_code == 0, ran.err
    assert f"the leads of campaign {CAMPAIGN} could not be read" in ran.err
    assert "So no row is left out as already set." in ran.err
    assert always.exit_code == 2
    assert f"the leads of campaign {CAMPAIGN} could not be read" in always.err


def test_leads_and_campaigns_that_are_not_there_are_left_to_the_server(tmp_path: Path) -> None:
    rows = [*changing([])[:20], (CAMPAIGN, lead_id(99), "paused", "")]
    rows += [("f" * 24, lead_id(n), "paused", "") for n in range(1, 12)]
    with served(tmp_path, LEADS) as sandbox:
        ran = run(sandbox, tmp_path, rows)
        assert len(received(sandbox)) == 12
    assert [row["reason"] for row in ran.results[20:]] == ["not_found"] * 12


def test_practice_leaves_nothing_out(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "active", "") for n in range(1, 21)]
    path = write_rows(tmp_path / "leads.csv", HEADER, rows)
    ran = sendkit_batch("run", path, "--sandbox", "--rate", "1000", cwd=tmp_path)
    assert {row["reason"] for row in ran.results} == {"applied"}


@pytest.mark.slow
def test_what_leads_were_is_kept(tmp_path: Path) -> None:
    rows = [*changing([3]), (OTHER, lead_id(50), "paused", "")]
    known = [*LEADS, (OTHER, lead_id(50), "active", "")]
    with served(tmp_path, known) as sandbox:
        auto = run(sandbox, tmp_path, rows, "--out", "auto")
        kept = run(
            sandbox, tmp_path, [*changing([5]), *rows[40:]], "--out", "kept", "--keep-before"
        )
    assert (auto.exit_code, kept.exit_code) == (0, 0)
    found = {}
    for name in ("auto", "kept"):
        folder = tmp_path / name
        plan = open_plan(folder, read_record(folder / "run.json"))
        with closing(Journal.look(folder / "journal.sqlite")) as journal:
            before = leads_before(plan, journal)
        found[name] = before.select("line", "status", "ai_tag").rows()
    assert found == {
        "auto": [(4, "active", "Cold")],  # the other campaign has too few rows to be read
        "kept": [(4, "active", "Hot"), (6, "active", "Cold")],  # that of line 42 is so by now
    }


@pytest.mark.slow
def test_a_run_that_was_killed_does_not_read_again_and_sends_only_what_is_left(
    tmp_path: Path,
) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, changing(range(1, 31)))
    with served(tmp_path, LEADS, faults=("slow=0.1,on=patch",)) as sandbox:
        env, given = access(sandbox)
        words = ("--rate", "100", "--concurrency", "2")
        with started("run", path, *given, *words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 10)
            process.send_signal(signal.SIGKILL)
            ended(process, cwd=tmp_path)
        read = pages(sandbox)
        (folder,) = (tmp_path / "runs").iterdir()
        ran = sendkit_batch("resume", folder, "--yes", *words, cwd=tmp_path, env=env)
        assert pages(sandbox) == read == 1
        assert len({each["campaignLeadId"] for each in received(sandbox)}) == 30
        assert len(received(sandbox)) <= 30 + 2 * 2
    assert ran.exit_code == 0, ran.err
    assert json.loads((folder / "run.json").read_text())["reasons"] == {
        "applied": 30,
        "already_so": 10,
    }


@pytest.mark.slow
def test_leads_that_were_looked_up_by_their_addresses_are_not_read_again(tmp_path: Path) -> None:
    header = ("campaignId", "campaignLeadId", "status", "aiTag", "email")
    known = [(*lead, f"p{n}@example.com") for n, lead in enumerate(LEADS)]
    rows = [(CAMPAIGN, email, "Hot" if n == 3 else "Cold") for n, (*_, email) in enumerate(known)]
    path = write_rows(tmp_path / "leads.csv", ("campaignId", "email", "aiTag"), rows)
    with seeded(tmp_path, header, known, labels=("Hot",)) as sandbox:
        ran = ask(sandbox, tmp_path, "run", path)
        assert (len(received(sandbox)), pages(sandbox)) == (1, 1)
        plan = ask(sandbox, tmp_path, "plan", path, "--out", tmp_path / "plan")
        assert pages(sandbox) == 2
    assert ran.exit_code == plan.exit_code == 0, ran.err + plan.err
    assert [row["reason"] for row in ran.results].count("already_so") == 39
    assert not list((tmp_path / "plan").glob(".*"))
