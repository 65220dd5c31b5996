"""`runs` and its words by the real command."""

import json
from pathlib import Path

import pytest

from tests.program import CAMPAIGN, Ran, lead_id, sendkit_batch, write_rows

HEADER = ("campaignId", "campaignLeadId", "status")


def practised(cwd: Path, name: str, *, ids: tuple[str, ...] = (lead_id(1),)) -> Ran:
    leads = write_rows(cwd / "leads.csv", HEADER, [(CAMPAIGN, each, "paused") for each in ids])
    words = ("--sandbox", "--rate", "500", "--out", f"runs/{name}", "--allow-invalid")
    return sendkit_batch("run", leads, *words, cwd=cwd)


def test_runs_are_listed_shown_and_pruned(tmp_path: Path) -> None:
    practised(tmp_path, "fine")
    practised(tmp_path, "bad", ids=(lead_id(1), "bad"))

    ran = sendkit_batch("runs", cwd=tmp_path)
    assert ran.exit_code == 0
    heading, *lines = ran.out.splitlines()
    assert heading.split() == [
        "Started", "(UTC)", "State", "Success", "Error", "Skipped", "Unsent", "Took", "Size",
    ]  # fmt: skip
    assert lines[1::2] == ["   runs/bad (practice)", "   runs/fine (practice)"]
    assert lines[0].split()[2:7] == ["finished", "1", "1", "0", "0"]
    assert ran.last_line == "listed: 2 runs; next: sendkit-batch runs RUN shows one"

    ran = sendkit_batch("runs", "--json", cwd=tmp_path)
    bad, fine = json.loads(ran.out)
    assert (bad["run"], bad["error"], fine["error"]) == ("runs/bad", 1, 0)

    ran = sendkit_batch("runs", "bad", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "leads.csv" in ran.out
    assert "bad_id" in ran.out
    assert ran.last_line == (
        "finished: runs/bad; next: mend the rows in runs/bad/failed.csv, and run that file"
    )
    ran = sendkit_batch("runs", "bad", "--json", cwd=tmp_path)
    assert json.loads(ran.out) == bad

    assert "pruned: 0 runs" in sendkit_batch("runs", "prune", "--yes", cwd=tmp_path).last_line
    ran = sendkit_batch("runs", "prune", "--older-than", "0d", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "Nothing was removed: there is no terminal to ask." in ran.err
    assert "runs/fine (practice)" in ran.out
    ran = sendkit_batch("runs", "prune", "--older-than", "0d", "--yes", cwd=tmp_path)
    assert ran.exit_code == 0
    assert ran.last_line == "pruned: 2 runs; next: nothing to do"
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_word_that_is_no_run_is_exit_2(tmp_path: Path) -> None:
    ran = sendkit_batch("runs", "nope", "--json", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "nope: found no run" in ran.err
    assert json.loads(ran.out)["state"] == "refused"


@pytest.mark.parametrize("words", [("runs", "--help"), ("runs", "prune", "-h")])
def test_runs_have_help(tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = sendkit_batch(*words, cwd=tmp_path)
    assert ran.exit_code == 0
    assert "prune" in ran.out
