import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.live_world import HEADER, OTHER, change, served
from tests.support.program import CAMPAIGN, Ran, access, lead_id, received, write_rows

ROWS = (
    (CAMPAIGN, lead_id(1), "paused", ""),  # line 2
    (CAMPAIGN, lead_id(2), "", "Hot"),
    (CAMPAIGN, lead_id(3), "", "null"),
    (OTHER, lead_id(4), "paused", ""),
    (OTHER, lead_id(4), "", "Hot"),  # line 6: one request with line 5
    (CAMPAIGN, lead_id(9), "paused", ""),  # not in the campaign: an error of the run
    (CAMPAIGN, lead_id(1), "paused", ""),  # a duplicate
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    leads = [(OTHER if n == 4 else CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 8)]
    with served(tmp_path, leads) as sandbox:
        yield sandbox


@pytest.fixture
def folder(sandbox: Sandbox, tmp_path: Path) -> Path:
    """The folder of a run that has changed four leads, for five of its seven rows."""
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    env, given = access(sandbox)
    ran = sendkit_batch("run", path, *given, "--rate", "1000", cwd=tmp_path, env=env)
    assert (ran.exit_code, len(received(sandbox))) == (1, 5), ran.err
    return ran.folder


def verify(sandbox: Sandbox, folder: Path, *words: str) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch("verify", folder, *words, cwd=folder.parents[1], env=env)


def told(folder: Path) -> list[list[str]]:
    with (folder / "verify.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))[1:]


def test_rows_that_hold_are_attested_and_only_campaigns_of_the_run_are_read(
    sandbox: Sandbox, folder: Path
) -> None:
    ran = verify(sandbox, folder)
    assert ran.exit_code == 0, ran.err
    assert ran.last_line == (
        f"verified: 5 of 5 rows hold what was set; file: {folder}/verify.csv; next: nothing to do"
    )
    assert told(folder) == []
    assert len(received(sandbox)) == 5  # nothing was changed
    read = received(sandbox, operation="leads")
    assert sorted(request["campaignId"] for request in read) == [CAMPAIGN, OTHER]


def test_what_was_changed_since_is_listed_with_what_it_is_now(
    sandbox: Sandbox, folder: Path
) -> None:
    change(sandbox, lead_id(1), status="active")
    change(sandbox, lead_id(2), aiTag="Cold")
    change(sandbox, lead_id(3), aiTag="Hot")
    change(sandbox, lead_id(4), OTHER, aiTag=None)
    ran = verify(sandbox, folder, "--json")
    assert ran.exit_code == 1, ran.err
    assert told(folder) == [
        ["2", CAMPAIGN, lead_id(1), "status", "paused", "active"],
        ["3", CAMPAIGN, lead_id(2), "aiTag", "Hot", "Cold"],
        ["4", CAMPAIGN, lead_id(3), "aiTag", "null", "Hot"],
        ["5", OTHER, lead_id(4), "aiTag", "Hot", "null"],
        ["6", OTHER, lead_id(4), "aiTag", "Hot", "null"],
    ]
    answer = json.loads(ran.out)
    assert (answer["state"], answer["rows"], answer["holding"]) == ("verified", 5, 0)


def test_the_first_differences_are_shown(sandbox: Sandbox, folder: Path) -> None:
    change(sandbox, lead_id(1), status="active")
    ran = verify(sandbox, folder)
    assert [line.rstrip() for line in ran.err.splitlines()] == [
        "Line  Column  Set by the run  Now",
        "   2  status  paused          active",
        (
            f"verified: 4 of 5 rows hold what was set; file: {folder}/verify.csv; "
            f"next: see which do not, in {folder}/verify.csv"
        ),
    ]


def test_rows_that_were_already_so_are_attested_too(sandbox: Sandbox, tmp_path: Path) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "") for n in (1, 2, 3, 5, 6, 7)]
    path = write_rows(tmp_path / "so.csv", HEADER, leads)
    env, given = access(sandbox)
    words = ("--skip-unchanged", "always", "--rate", "1000", "--out", "so")
    ran = sendkit_batch("run", path, *given, *words, cwd=tmp_path, env=env)
    assert (ran.exit_code, len(received(sandbox))) == (0, 0), ran.err
    change(sandbox, lead_id(3), status="paused")
    verified = sendkit_batch("verify", "so", cwd=tmp_path, env=env)
    assert verified.exit_code == 1
    assert "verified: 5 of 6 rows hold what was set" in verified.last_line


def test_a_key_of_another_workspace_attests_nothing(sandbox: Sandbox, folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    record["workspace"]["id"] = "b" * 24
    record["id"] = "f" * 16  # a run from elsewhere: the list says nothing of its workspace
    (folder / "run.json").write_text(json.dumps(record))
    ran = verify(sandbox, folder, "--base-url", sandbox.base_url)
    assert ran.exit_code == 2
    assert "The run belongs to the workspace Sandbox" in ran.err
    assert not (folder / "verify.csv").exists()


@pytest.mark.slow
def test_practice_cant_be_verified(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS[:2])
    practice = sendkit_batch("run", path, "--sandbox", "--rate", "1000", cwd=tmp_path)
    ran = sendkit_batch("verify", practice.folder, cwd=tmp_path)
    assert ran.exit_code == 2
    assert (
        f"{practice.folder}: was practice, and its sandbox is gone. Only runs against a server "
        "that is still there can be verified."
    ) in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("where", ["pagination", "none"])
def test_leads_that_shifting_pages_pass_over_are_read_again(tmp_path: Path, where: str) -> None:
    rows = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, 31)]
    seed = write_rows(tmp_path / "seed.csv", HEADER, rows)
    path = write_rows(tmp_path / "so.csv", HEADER, [(*row[:2], "paused", "") for row in rows])
    pages = Options(seed_csv=seed, max_page=7, page_shift=1, next_cursor=where)
    with start_sandbox(pages) as sandbox:
        env, given = access(sandbox)
        words = ("--skip-unchanged", "never", "--rate", "1000", "--out", "so")
        sendkit_batch("run", path, *given, *words, cwd=tmp_path, env=env)
        verified = sendkit_batch("verify", "so", cwd=tmp_path, env=env)
    assert "verified: 30 of 30 rows hold what was set" in verified.last_line
    assert verified.exit_code == 0
