"""A run of several workspaces: each row goes to its own, and one result tells of all of them."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import batch
from batch.model import Result
from batch.recording.locks import lock_input
from batch.recording.run_list import find_listed
from batch.recording.runfile import FORMAT, RunState, read_record
from batch.sandbox.options import Options
from batch.web.board import Stage
from tests.support.in_process import start_sandbox
from tests.support.program import lead_id, read_rows, write_rows
from tests.support.several import (
    HEADER,
    NAMES,
    ROWS,
    WRONG,
    World,
    campaign,
    keys_of_its_own,
    leads,
    three_workspaces,
)
from tests.support.web_site import site


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with three_workspaces(tmp_path, *getattr(request, "param", ())) as made:
        yield made


def test_each_row_goes_to_its_workspace_and_one_result_tells_of_all(world: World) -> None:
    ran = world.do("run", world.rows([*leads(), *WRONG]), "--yes", "--json", "--out", "out")
    assert ran.exit_code == 1
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}
    results = read_rows(world.cwd / "out" / "results.csv")
    assert [int(row["line"]) for row in results] == list(range(2, ROWS + len(WRONG) + 2))
    assert [row["reason"] for row in results[ROWS:]] == [
        "unknown_workspace",
        "missing_workspace",
        "unknown_tag",
        "not_found",
    ]
    told = json.loads(ran.out)
    assert [(part["workspace"], part["rows"], part["success"]) for part in told["parts"]] == [
        ("Acme", 11, 10),
        ("Beta 2", 11, 10),
        ("Café", 10, 10),
    ]
    assert told["success"] == ROWS
    assert told["error"] == len(WRONG)


def test_a_part_is_a_run_of_its_own(world: World) -> None:
    rows = world.rows([*leads(), *WRONG[:3]])
    assert world.do("run", rows, "--yes", "--keep-before", "--out", "out").exit_code == 1
    part = "out/parts/beta-2"
    whole, of_part = (
        read_record(world.cwd / "out/run.json"),
        read_record(world.cwd / part / "run.json"),
    )
    assert (whole.format, of_part.format, of_part.part_of) == (FORMAT, FORMAT, whole.id)
    assert (world.cwd / part / "input.csv").samefile(world.cwd / "out/input.csv")
    results = world.do("results", part)
    assert results.exit_code == 1
    written = read_rows(world.cwd / part / "results.csv")
    assert [int(row["line"]) for row in written] == [*range(3, ROWS + 2, 3), ROWS + 4]
    assert world.do("report", part).exit_code == 0
    assert world.do("verify", part).last_line.startswith("verified: 10 of 10 rows hold")
    assert {each["workspaceId"] for each in world.requests if each["operation"] == "leads"} == {
        world.ids[1]
    }
    assert "no row is left to send" in world.do("resume", part, "--yes").err
    assert world.do("undo", part, "--yes").exit_code == 0
    assert world.changed == {(world.ids[1], lead_id(n)): 1 for n in range(1, ROWS, 3)}


@pytest.mark.parametrize("world", [("status=401,workspace=Beta 2,after=3,total=1",)], indirect=True)
def test_what_stops_one_workspace_stops_no_other_and_resume_goes_on(world: World) -> None:
    ran = world.do("run", world.rows(leads()), "--yes", "--out", "out", "--concurrency", "2")
    assert ran.exit_code == 3
    assert ran.last_line.endswith("next: sendkit-batch resume out")
    assert "Beta 2: " in ran.err
    done = Counter(workspace for workspace, _ in world.changed)
    assert (done[world.ids[0]], done[world.ids[2]]) == (10, 10)
    assert done[world.ids[1]] < 10
    first = world.changed
    rows = read_rows(world.cwd / "out" / "results.csv")
    assert {row["result"] for n, row in enumerate(rows) if n % 3 == 1} == {"success", "unsent"}
    again = world.do("resume", "out", "--yes")
    assert again.exit_code == 0
    assert first + world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}
    assert {workspace for workspace, _ in world.changed} == {world.ids[1]}
    assert all(row["result"] == "success" for row in read_rows(world.cwd / "out/results.csv"))
    assert world.do("results", "out").exit_code == 0


@pytest.mark.parametrize("world", [("status=401,workspace=Beta 2,on=patch",)], indirect=True)
def test_a_key_that_is_revoked_is_told_by_its_workspace(world: World) -> None:
    own, options = keys_of_its_own(world), ("--yes", "--config", "own.toml")
    ran = world.do("run", world.rows(leads()), *options, "--out", "out", **own)
    why = (
        "Beta 2: The server no longer accepts the key (401). "
        'Set the key of [workspaces."Beta 2"] to a valid key and go on.'
    )
    assert ran.exit_code == 3
    assert f"Stopping: {why} Waiting up to" in ran.err
    assert f"\n{why}\n" in ran.err
    ran = world.do("resume", "out/parts/beta-2", *options, **{**own, "KEY_1": "sk_gone"})
    assert ran.exit_code == 2
    assert f'[workspaces."Beta 2"]: {world.sandbox.base_url} refused the API key' in ran.err
    assert "SENDKIT_API_KEY" not in ran.err


def test_a_part_that_broke_off_can_be_resumed_by_itself(world: World) -> None:
    assert (
        world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out").exit_code
        == 0
    )
    assert world.do("resume", "out/parts/beta-2", "--yes").exit_code == 0
    assert {workspace for workspace, _ in world.changed} == {world.ids[1]}
    ran = world.do("results", "out")
    assert ran.exit_code == 3
    assert ran.last_line.startswith("stopped: 10 success, 0 error, 0 skipped, 20 unsent; ")
    assert world.do("resume", "out", "--yes").exit_code == 0
    assert Counter(workspace for workspace, _ in world.changed) == {
        world.ids[0]: 10,
        world.ids[2]: 10,
    }


def test_run_goes_on_with_an_unfinished_run_of_the_same_file(world: World) -> None:
    made = world.do("run", world.rows(leads()), "--yes", "--on", "parts")
    assert world.do("part", made.folder, "1").exit_code == 0
    ran = world.do("run", "leads.csv", "--yes")
    assert ran.exit_code == 0
    assert f"Going on with {made.folder.relative_to(world.cwd)}, an unfinished run" in ran.err
    assert Counter(workspace for workspace, _ in world.changed) == {
        world.ids[0]: 10,
        world.ids[2]: 10,
    }


def test_one_refused_workspace_keeps_all_from_being_sent(world: World) -> None:
    clears = [("Beta 2", campaign(1), lead_id(n), "", "null") for n in range(1, 120, 3)]
    ran = world.do("run", world.rows([*leads(), *clears]), "--yes", "--on-conflict", "last-wins")
    assert ran.exit_code == 2
    assert "Beta 2: 40 of the " in ran.err
    assert not world.changed
    assert not (world.cwd / "runs").exists()


@pytest.mark.parametrize("by", ["strict", "expected"])
def test_what_holds_of_the_whole_is_seen_before_anything_is_sent(world: World, by: str) -> None:
    option = ("--strict",) if by == "strict" else ("--expect-changes", "29")
    rows = [*leads(), *WRONG[:1]] if by == "strict" else leads()
    ran = world.do("run", world.rows(rows), "--yes", *option)
    assert ran.exit_code == 2
    told = "1 row is invalid" if by == "strict" else "30 leads' tags would change; expected 29."
    assert told in ran.err
    assert not world.changed
    assert not (world.cwd / "runs").exists()


TOTAL = "SENDKIT_BATCH_RUN_TAG_CHANGE_LIMIT_TOTAL"


def test_more_tag_changes_in_all_workspaces_than_the_limit_are_confirmed_first(
    world: World,
) -> None:
    words = ("run", world.rows(leads()), "--yes", "--json")
    ran = world.do(*words, **{TOTAL: "29", "SENDKIT_BATCH_RUN_TAG_CHANGE_LIMIT": "10"})
    assert (ran.exit_code, world.changed) == (2, {})
    told = (
        "30 leads' tags would change, more than the 29 of tag_change_limit_total; tag changes can "
        "start or stop e-mails. If that is meant, use --expect-changes 30, or type 30 at the "
        "question."
    )
    assert told in ran.err
    assert json.loads(ran.out)["message"] == told
    assert not (world.cwd / "runs").exists()
    assert world.do(*words, "--expect-changes", "30", **{TOTAL: "29"}).exit_code == 0
    assert world.do(*words, "--new", **{TOTAL: "30"}).exit_code == 0


def test_a_plan_of_more_tag_changes_than_the_limit_of_all_is_confirmed_when_it_is_sent(
    world: World,
) -> None:
    rows = world.rows([(*row[:4], "Cold") for row in leads()])
    told = "30 leads' tags would change, more than the 29 of tag_change_limit_total"
    assert told in world.do("plan", rows, "--out", "out", **{TOTAL: "29"}).out
    ran = world.do("apply", "out", "--yes")
    assert (ran.exit_code, world.changed) == (2, {})
    assert told in ran.err
    assert world.do("apply", "out", "--yes", "--expect-changes", "30").exit_code == 0


def test_the_page_asks_for_the_number_of_tags_in_all_workspaces(world: World) -> None:
    world.rows(leads())
    with site(world.cwd, environ={**world.environ_of_page, TOTAL: "29"}) as page:
        page.drop(world.cwd / "leads.csv")
        page.post("/run")
        page.until(Stage.QUESTION)
        assert "more than the 29 of tag_change_limit_total" in page.get("/job")
        page.post("/job/answer", answer="yes", number="30")
        assert page.desk.run_of(page.end().run_id).record.state is RunState.FINISHED
    assert len(world.changed) == ROWS


def test_as_many_changes_as_expected_in_all_workspaces_are_sent(world: World) -> None:
    assert world.do("run", world.rows(leads()), "--yes", "--expect-changes", "30").exit_code == 0


def test_parts_run_alone_by_their_numbers(world: World) -> None:
    rows = world.rows([*leads(), *WRONG[2:]])
    made = world.do("run", rows, "--yes", "--on", "parts", "--out", "out")
    assert (made.exit_code, made.out) == (0, "3\n")
    assert made.last_line == (
        "prepared: 3 parts; out; next: sendkit-batch part out 0 sends the first"
    )
    assert not world.changed
    assert world.do("part", "out", "0").exit_code == 0  # one of its rows is wrong all the same
    assert Counter(workspace for workspace, _ in world.changed) == {world.ids[0]: 10}
    assert world.do("part", "out", JOB_COMPLETION_INDEX="1").exit_code == 0
    assert world.do("part", "out", "3", "--index-base", "1").exit_code == 0
    done = world.do("part", "out", "2")
    assert (done.exit_code, world.requests) == (0, [])
    assert done.last_line == (
        "finished: 10 success, 0 error, 0 skipped, 0 unsent; no results; next: nothing to do"
    )
    said = json.loads(world.do("part", "out", "2", "--json").out)
    assert (said["run"], said["state"], said["exit_code"]) == ("out/parts/cafe", "finished", 0)
    assert (said["rows"], said["success"], said["input"]["header_line"]) == (10, 10, 1)
    results = world.do("results", "out")
    assert results.exit_code == 1
    assert results.last_line.startswith("finished: 30 success, 2 error, 0 skipped, 0 unsent; ")


@pytest.mark.parametrize(
    ("words", "env", "told"),
    [
        ([], {}, "INDEX: found none, and none of JOB_COMPLETION_INDEX, "),
        (["3"], {}, "INDEX: found 3; expected a part of out, from 0 to 2."),
        (["0", "--index-base", "1"], {}, "INDEX: found 0; expected a part of out, from 1 to 3."),
        (["x"], {}, "INDEX: found 'x'; expected a whole number."),
        (
            [],
            {"JOB_COMPLETION_INDEX": "0", "SLURM_ARRAY_TASK_ID": "1"},
            "JOB_COMPLETION_INDEX 0 and SLURM_ARRAY_TASK_ID 1 disagree.",
        ),
    ],
)
def test_a_part_that_is_not_clear_is_refused(
    world: World, words: list[str], env: dict[str, str], told: str
) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    ran = world.do("part", "out", *words, **env)
    assert ran.exit_code == 2
    assert told in ran.err
    assert not world.changed


def test_a_part_that_another_process_is_at_ends_with_4(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    folder = world.cwd / "out/parts/acme"
    record = read_record(folder / "run.json")
    held = lock_input(
        world.state_dir,
        sha256=f"{record.input.sha256} {world.ids[0]}",
        base_url=record.base_url,
        run=folder,
    )
    with held:
        ran = world.do("part", "out", "0")
    assert ran.exit_code == 4
    assert "Another process is sending this input" in ran.err
    assert not world.changed


def test_a_whole_that_somebody_changed_is_not_gone_on_with(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    path = world.cwd / "out/run.json"
    record = json.loads(path.read_text("utf-8"))
    first, second = record["parts"][:2]
    first["folder"], second["folder"] = second["folder"], first["folder"]
    path.write_text(json.dumps(record))
    ran = world.do("resume", "out", "--yes")
    assert ran.exit_code == 2
    assert "is no record of the run that it names" in ran.err
    assert not world.changed


@pytest.mark.parametrize("said", [{"sandbox": True}, {"base_url": "http://127.0.0.1:9"}])
def test_a_part_is_sent_where_the_whole_is(world: World, said: dict[str, Any]) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    path = world.cwd / "out/parts/acme/run.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **said}), "utf-8")
    for words in (("resume", "out", "--yes"), ("part", "out", "0"), ("results", "out")):
        ran = world.do(*words)
        assert ran.exit_code == 2
        assert "out/parts/acme: is not the part that out/run.json names." in ran.err
        assert not world.changed


def test_what_a_part_that_is_missing_or_damaged_has_sent_is_not_known(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes", "--out", "out")
    path = world.cwd / "out/parts/acme/run.json"
    for spoil in (lambda: path.write_text("{"), path.unlink):
        spoil()
        for words in (("resume", "out", "--yes"), ("results", "out"), ("undo", "out", "--yes")):
            ran = world.do(*words)
            assert ran.exit_code == 2
            assert ran.err.startswith(
                "out/parts/acme: is missing or damaged, and out/run.json names it. What it has "
                "sent is not known without it. Bring the whole folder back from one backup, or "
                "start a new run.\n"
            )
            assert not world.changed


def test_a_copy_of_a_run_is_nobodys_but_its_results_are_told(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    assert world.do("part", "out", "0").exit_code == 0
    shutil.copytree(world.cwd / "out", world.cwd / "copy")
    ran = world.do("resume", "copy", "--yes")
    assert ran.exit_code == 2
    assert "Name each workspace by itself: sendkit-batch resume copy/parts/acme" in ran.err
    assert world.do("results", "copy").last_line.startswith("stopped: 10 success, 0 error, ")


def test_a_run_of_several_is_one_in_the_list_and_goes_as_one(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes")
    listed = json.loads(world.do("runs", "--json").out)
    assert len(listed["runs"]) == 1
    assert not listed["not_yours"]
    files = {file.stat().st_ino: file for file in world.cwd.glob("runs/**/*") if file.is_file()}
    assert listed["runs"][0]["size_bytes"] == sum(each.stat().st_size for each in files.values())
    assert world.do("runs", "prune", "--older-than", "0h", "--yes").exit_code == 0
    assert not any((world.cwd / "runs").iterdir())


def test_undo_of_the_whole_sets_the_leads_of_every_workspace_back(world: World) -> None:
    cleared = ("Beta 2", campaign(1), lead_id(4), "", "null")
    rows = world.rows([*leads()[:4], cleared, *leads()[5:], *WRONG])
    assert world.do("run", rows, "--yes", "--keep-before", "--out", "out").exit_code == 1
    changed = ("Beta 2", campaign(1), lead_id(4), "", "Cold")  # by somebody else, since
    assert world.do("run", world.rows([changed], "other.csv"), "--yes").exit_code == 0
    ran = world.do("undo", "out", "--yes", "--out", "back", "--json")
    assert ran.exit_code == 1
    others = set(range(ROWS)) - {4}
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in others}
    results = read_rows(world.cwd / "back/results.csv")
    assert Counter(row["reason"] for row in results) == {"applied": 29, "changed_since": 1}
    told = json.loads(ran.out)
    assert [(part["workspace"], part["rows"]) for part in told["parts"]] == [
        ("Acme", 10),
        ("Beta 2", 10),
        ("Café", 10),
    ]
    assert json.loads(world.do("runs", "--json").out)["runs"][0]["kind"] == "undo"
    part = read_record(world.cwd / "back/parts/beta-2/run.json")
    assert part.undo_of
    assert part.undo_of.id == read_record(world.cwd / "out/parts/beta-2/run.json").id
    again = world.do("resume", "back", "--yes")
    assert (again.exit_code, world.changed) == (1, {})


def test_one_report_tells_of_all_workspaces(world: World) -> None:
    assert world.do("run", world.rows([*leads(), *WRONG]), "--yes", "--out", "out").exit_code == 1
    page = (world.cwd / "out/report.html").read_text("utf-8")
    cells = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>.*?</tr>", page)]
    assert ["Beta", "2", "11", "10", "1", "0", "0", "-"] in cells
    assert ["Café", "10", "10", "0", "0", "0", "-"] in cells
    assert ["Of", "no", "workspace", "2", "0", "2", "0", "0"] in cells
    assert ["All", "rows", "34", "30", "4", "0", "0"] in cells
    assert "leads in 3 workspaces (" in page
    assert "is none of your workspaces" in page
    (world.cwd / "out/report.html").unlink()
    ran = world.do("report", "out")
    assert ran.last_line == "reported: 34 rows; report: out/report.html; next: nothing to do"
    assert "Beta 2" in (world.cwd / "out/report.html").read_text("utf-8")


def test_verify_of_the_whole_lists_what_is_different_in_any_workspace(world: World) -> None:
    assert world.do("run", world.rows(leads()), "--yes", "--out", "out").exit_code == 0
    assert world.do("verify", "out").last_line.startswith("verified: 30 of 30 rows hold")
    changed = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "active", "") for n in (7, 2)]
    assert world.do("run", world.rows(changed, "other.csv"), "--yes").exit_code == 0
    ran = world.do("verify", "out")
    assert ran.exit_code == 1
    assert ran.last_line.startswith("verified: 28 of 30 rows hold what was set; file: out/verify")
    rows = read_rows(world.cwd / "out/verify.csv")
    assert [(row["line"], row["found"]) for row in rows] == [("4", "active"), ("9", "active")]
    assert {each["operation"] for each in world.requests} <= {"leads", "workspaces"}


def test_a_part_of_a_copy_is_nobodys(world: World) -> None:
    world.do("run", world.rows(leads()), "--yes", "--on", "parts", "--out", "out")
    shutil.copytree(world.cwd / "out", world.cwd / "copy")
    folder = world.cwd / "copy/parts/acme"
    assert find_listed(world.state_dir, folder, read_record(folder / "run.json")) is None
    own = world.cwd / "out/parts/acme"
    assert find_listed(world.state_dir, own, read_record(own / "run.json"))


def test_a_file_without_a_row_of_any_workspace_is_a_finished_run(world: World) -> None:
    ran = world.do("run", world.rows([]), "--yes", "--out", "out")
    assert (ran.exit_code, world.changed) == (0, {})
    assert ran.last_line.startswith("finished: 0 success, 0 error, 0 skipped, 0 unsent; ")
    ran = world.do("run", world.rows(WRONG[:2]), "--yes", "--out", "wrong")
    assert ran.exit_code == 1
    assert len(read_rows(world.cwd / "wrong/failed.csv")) == 2
    assert world.do("results", "wrong").exit_code == 1


def test_a_caller_in_python_reads_the_rows_of_all_workspaces(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.do("run", world.rows([*leads(), *WRONG]), "--yes", "--out", "out")
    monkeypatch.setenv("XDG_STATE_HOME", str(world.cwd / ".state"))
    rows = list(batch.results(world.cwd / "out"))
    assert [row.line for row in rows] == list(range(2, ROWS + len(WRONG) + 2))
    assert Counter(row.result for row in rows) == {"success": ROWS, "error": len(WRONG)}


def test_the_page_sends_several_workspaces_and_shows_the_rows_of_all(world: World) -> None:
    world.rows([*leads(), *WRONG])
    with site(world.cwd, environ=world.environ_of_page) as page:
        page.drop(world.cwd / "leads.csv")
        page.post("/run")
        page.until(Stage.QUESTION)
        asked = page.get("/job")
        assert "Café" in asked
        assert f"several workspaces ({urlsplit(world.sandbox.base_url).netloc})" in asked
        page.post("/job/answer", answer="yes")
        run = page.desk.run_of(page.end().run_id)
        assert run.record.state is RunState.FINISHED
        shown = page.get(f"/runs/{run.record.id}")
        assert "unknown workspace" in shown.lower()
        assert "<strong>3 workspaces</strong>" in shown
        assert "· 3 workspaces ·" in page.get("/runs?search=café")
        assert "3 workspaces, as listed above" in page.get(f"/runs/{run.record.id}/report")
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}


def test_cells_that_were_mended_on_the_page_go_to_their_workspaces(world: World) -> None:
    rows = leads()
    for n in (4, 5):
        rows[n] = (*rows[n][:3], "pausd", "Hot")
    world.rows(rows)
    with site(world.cwd, environ=world.environ_of_page, state_dir=world.state_dir) as page:
        page.drop(world.cwd / "leads.csv")
        for line in (6, 7):
            assert page.desk.file is not None
            version = page.desk.file.version(line)
            page.post("/check/mend", line=str(line), version=version, status="paused")
        page.post("/run")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        run = page.desk.run_of(page.end().run_id)
    assert run.counts[Result.SUCCESS] == ROWS
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}
    results = read_rows(run.folder / "results.csv")
    assert [row["line"] for row in results if 'was "pausd"' in row["message"]] == ["6", "7"]
    assert world.do("verify", run.folder).exit_code == 0


def test_a_file_of_many_blocks_is_split_row_by_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch.reading.delimited.BLOCK", 300)
    ran = world.do("run", world.rows([*leads(), *WRONG[:2]]), "--yes", "--out", "out")
    assert ran.exit_code == 1
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}
    results = read_rows(world.cwd / "out/results.csv")
    assert [int(row["line"]) for row in results] == list(range(2, ROWS + 4))


@pytest.mark.parametrize("world", [(f"status=503,leads={lead_id(4)}",)], indirect=True)
def test_what_may_pass_is_tried_again_in_all_workspaces(world: World) -> None:
    soon = {"SENDKIT_BATCH_RETRY_BACKOFF_BASE_S": "0.01"}
    ran = world.do("run", world.rows(leads()), "--yes", "--out", "out", **soon)
    assert ran.exit_code == 1  # a server error, which may pass
    assert ran.last_line.endswith("next: sendkit-batch retry out")
    told = world.do("runs", "out")
    assert told.last_line.endswith("next: sendkit-batch retry out")
    assert "3: Acme (parts/acme), Beta 2 (parts/beta-2) and Café (parts/cafe)" in told.out
    assert "retry out" in re.sub(r"<[^>]+>", "", (world.cwd / "out/report.html").read_text("utf-8"))


def test_leads_of_several_workspaces_are_named_by_email_too(tmp_path: Path) -> None:
    header = ("workspace", "campaignName", "email", "status", "campaignId", "campaignLeadId")
    people = [
        (NAMES[n % 2], f"Sale {n % 2}", f"p{n}@example.com", "active", campaign(n % 2), lead_id(n))
        for n in range(8)
    ]
    seed = write_rows(tmp_path / "seed.csv", header, people)
    with start_sandbox(Options(seed_csv=seed, workspaces=NAMES)) as sandbox:
        world = World(tmp_path, sandbox)
        nobody = ("Acme", "Sale 0", "nobody@example.com", "paused")
        asked = [(*each[:3], "paused") for each in people]
        lost = [nobody, ("Acne", *nobody[1:])]
        columns = ("workspace", "campaign", "email", "status")
        write_rows(tmp_path / "leads.csv", columns, [*asked, *lost])
        assert world.do("run", "leads.csv", "--yes", "--out", "out").exit_code == 1
        assert world.changed == {(world.ids[n % 2], lead_id(n)): 1 for n in range(8)}
        rows = read_rows(tmp_path / "out/results.csv")
        assert [row["campaignLeadId"] for row in rows] == [*map(lead_id, range(8)), "", ""]
        assert [row["reason"] for row in rows[8:]] == ["unknown_lead", "unknown_workspace"]
        assert world.do("results", "out").exit_code == 1
        assert read_rows(tmp_path / "out/results.csv") == rows
        assert world.do("retry", "out", "--yes", "--out", "again").exit_code == 1
        assert read_rows(tmp_path / "again/results.csv") == rows[8:]
        assert world.do("results", "out", "--with-retries").exit_code == 1
        assert read_rows(tmp_path / "out/results-with-retries.csv") == rows


def test_a_workspace_whose_key_fails_waits_for_it_while_others_are_sent(world: World) -> None:
    keys = keys_of_its_own(world)
    words = ("run", world.rows(leads()), "--yes", "--config", "own.toml", "--out", "out")
    wrong = {**keys, "KEY_1": "sk_revoked"}
    refused = world.do(*words, **wrong)
    assert refused.exit_code == 2
    assert '[workspaces."Beta 2"]: ' in refused.err
    assert not world.changed
    ran = world.do(*words, "--skip-failed-workspaces", **wrong)
    assert ran.exit_code == 3
    assert Counter(id_ for id_, _ in world.changed) == {world.ids[0]: 10, world.ids[2]: 10}
    rows = read_rows(world.cwd / "out/results.csv")
    assert {row["reason"] for row in rows if row["workspace"] == "BETA 2"} == {"not_reached"}
    again = world.do("resume", "out", "--yes", "--config", "own.toml", **keys)
    assert again.exit_code == 0
    assert Counter(id_ for id_, _ in world.changed) == {world.ids[1]: 10}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({1: "null"}, 'Beta 2: The workspace has a label "null", and [input] clear_word = "null"'),
        ({4: "Own"}, 'Beta 2: leads.csv line 6: "Own" is no label as the workspace spells them'),
        (
            dict.fromkeys(range(1, 120, 3), "null"),
            "Beta 2: 40 of the 40 rows to send clear the tag",
        ),
    ],
    ids=["a label called clear_word", "no label", "guardrails"],
)
def test_what_was_held_against_no_server_is_checked_before_it_is_sent(
    tmp_path: Path, rows: dict[int, str], told: str
) -> None:
    seed = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "active", "Hot") for n in range(ROWS)]
    asked = [(*row[:4], rows.get(n, row[4])) for n, row in enumerate(leads())]
    asked += [("Beta 2", campaign(1), lead_id(n), "", tag) for n, tag in rows.items() if n >= ROWS]
    options = Options(
        seed_csv=write_rows(tmp_path / "seed.csv", HEADER, seed),
        workspaces=NAMES,
        workspace_labels=("Acme=Own", *(["Beta 2=null"] if rows == {1: "null"} else [])),
    )
    with start_sandbox(options) as sandbox:
        world = World(tmp_path, sandbox)
        keys = keys_of_its_own(world)
        words = ("run", world.rows(asked), "--yes", "--config", "own.toml", "--out", "out")
        ran = world.do(*words, "--skip-failed-workspaces", **{**keys, "KEY_1": "sk_revoked"})
        assert ran.exit_code == 3
        for folder in ("out", "out/parts/beta-2"):
            ran = world.do("resume", folder, "--yes", "--config", "own.toml", **keys)
            assert (ran.exit_code, world.changed) == (2, {})
            assert told.removeprefix("Beta 2: " if folder != "out" else "") in ran.err
        ran = world.do("results", "out")
        assert ran.last_line.startswith("stopped: 20 success, 0 error, 0 skipped, ")


def test_a_workspace_with_a_label_called_clear_word_is_skipped_as_one_whose_key_fails(
    tmp_path: Path,
) -> None:
    seed = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "active", "Hot") for n in range(ROWS)]
    options = Options(
        seed_csv=write_rows(tmp_path / "seed.csv", HEADER, seed),
        workspaces=NAMES,
        workspace_labels=("Beta 2=Null",),
    )
    with start_sandbox(options) as sandbox:
        world = World(tmp_path, sandbox)
        words = ("run", world.rows(leads()), "--yes", "--out", "out")
        assert (world.do(*words).exit_code, world.changed) == (2, {})
        ran = world.do(*words, "--skip-failed-workspaces")
        assert ran.exit_code == 3
        assert 'Beta 2: The workspace has a label "Null"' in ran.err
        assert Counter(id_ for id_, _ in world.changed) == {world.ids[0]: 10, world.ids[2]: 10}
        rows = read_rows(tmp_path / "out/results.csv")
        assert {row["reason"] for row in rows if row["workspace"] == "BETA 2"} == {"not_reached"}
        assert (world.do("resume", "out", "--yes").exit_code, world.changed) == (2, {})


@pytest.mark.parametrize("key", ["sk_revoked", ""])
def test_leads_are_never_looked_up_with_the_key_of_another_workspace(
    tmp_path: Path, key: str
) -> None:
    header = ("workspace", "campaignName", "email", "status", "campaignId", "campaignLeadId")
    people = [(NAMES[n], "Sale", f"{n}@example.com", "", campaign(n), lead_id(n)) for n in (0, 1)]
    seed = write_rows(tmp_path / "seed.csv", header, people)
    with start_sandbox(Options(seed_csv=seed, workspaces=NAMES)) as sandbox:
        world = World(tmp_path, sandbox)
        keys = {**keys_of_its_own(world), "KEY_1": key}
        columns = ("workspace", "campaign", "email", "status")
        write_rows(tmp_path / "leads.csv", columns, [(*each[:3], "paused") for each in people])
        options = ("--config", "own.toml", "--skip-failed-workspaces")
        ran = world.do("run", "leads.csv", "--yes", *options, **keys)
        assert ran.exit_code == 2
        assert "leads are named by e-mail address, and can't be looked up. Beta 2: " in ran.err
        assert {each["operation"] for each in world.requests} == {"workspaces", "tags"}


def test_a_canary_goes_first_in_each_workspace(world: World) -> None:
    ran = world.do("run", world.rows(leads()), "--yes", "--canary", "2", "--json")
    assert ran.exit_code == 0
    in_order: dict[str, list[str]] = {id_: [] for id_ in world.ids}
    for each in world.requests:
        if each["operation"] in {"patch", "leads"}:
            in_order[each["workspaceId"]].append(each["operation"])
    assert all(order[:3] == ["patch", "patch", "leads"] for order in in_order.values())
    assert all(order.count("patch") == 10 for order in in_order.values())


LATE = ("status=401,on=tags,workspace=Acme,delay=0.3", "status=401,on=tags,workspace=Café")


@pytest.mark.parametrize("world", [LATE], indirect=True)
def test_workspaces_are_asked_side_by_side_and_told_in_their_order(world: World) -> None:
    ran = world.do("run", world.rows(leads()), "--yes", "--out", "out")
    assert ran.exit_code == 2
    assert re.findall("(Acme|Beta 2|Café):", ran.err) == ["Acme", "Café"]
    asked = [each for each in world.requests if each["operation"] == "tags"]
    assert len(asked) == len(NAMES)
    at = [datetime.fromisoformat(each["time"]) for each in asked]
    assert (max(at) - min(at)).total_seconds() < 0.3  # not one after another


def test_workspaces_of_one_key_are_asked_and_read_at_one_pace(world: World) -> None:
    rows = [(*row[:3], "active", row[4]) for row in leads()]
    words = ("run", world.rows(rows), "--yes", "--skip-unchanged", "always", "--out", "out")
    ran = world.do(*words, "--json", SENDKIT_BATCH_PACE_RATE="20")
    assert (ran.exit_code, json.loads(ran.out)["skipped"]) == (0, ROWS)
    assert not world.changed
    asked = [each for each in world.requests if each["operation"] in {"tags", "leads"}]
    assert Counter(each["operation"] for each in asked) == {"tags": 3, "leads": 3}
    at = sorted(datetime.fromisoformat(each["time"]) for each in asked)
    assert min((then - now).total_seconds() for now, then in pairwise(at)) > 0.02
