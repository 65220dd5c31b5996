"""A run of several workspaces tried again: what failed in each, and every attempt of all."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import batch
from batch.jobs import workspaces
from batch.jobs.workspaces import Target
from batch.recording.locks import lock_input
from batch.recording.runfile import FORMAT, RunPart, RunState, read_record
from batch.web.board import Stage
from tests.support.program import lead_id, read_rows
from tests.support.several import (
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

ONCE = {"SENDKIT_BATCH_RETRY_MAX_ATTEMPTS": "1"}
# One of Beta 2 and one of Café fail the first time.
TWO = f"status=503,leads={lead_id(4)};{lead_id(5)},times=1"
FAILED = [6, 7]  # their lines


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    with three_workspaces(tmp_path, *getattr(request, "param", (TWO,))) as made:
        yield made


def run_with_failures(world: World, *words: str) -> None:
    rows = world.rows([*leads(), *WRONG])
    ran = world.do("run", rows, "--yes", "--out", "out", *words, **ONCE)
    assert ran.exit_code == 1
    assert ran.last_line.endswith("next: sendkit-batch retry out")


def lines(path: Path) -> list[int]:
    return [int(row["line"]) for row in read_rows(path)]


def test_a_retry_is_about_the_failed_rows_of_every_workspace(world: World) -> None:
    run_with_failures(world)
    ran = world.do("retry", "out", "--yes", "--out", "again", "--json")
    assert ran.exit_code == 1
    assert world.changed == {(world.ids[1], lead_id(4)): 1, (world.ids[2], lead_id(5)): 1}
    again = [*FAILED, *range(ROWS + 2, ROWS + 2 + len(WRONG))]
    assert lines(world.cwd / "again/results.csv") == again
    assert lines(world.cwd / "again/failed.csv") == again[2:]
    reasons = [row["reason"] for row in read_rows(world.cwd / "again/results.csv")]
    assert reasons == [
        *("applied", "applied"),
        *("unknown_workspace", "missing_workspace", "unknown_tag", "not_found"),
    ]
    told = json.loads(ran.out)
    assert [(part["workspace"], part["rows"], part["success"]) for part in told["parts"]] == [
        ("Acme", 1, 0),
        ("Beta 2", 2, 1),
        ("Café", 1, 1),
    ]
    assert "Beta 2" in (world.cwd / "again/report.html").read_text("utf-8")
    listed = json.loads(world.do("runs", "--json").out)["runs"]
    assert [(run["kind"], run["retry_of"]) for run in listed] == [
        ("retry", str(world.cwd / "out")),
        ("run", None),
    ]
    whole, part = (
        read_record(world.cwd / name / "run.json") for name in ("again", "again/parts/cafe")
    )
    assert (whole.format, part.part_of) == (FORMAT, whole.id)
    assert part.retry_of
    assert part.retry_of.id == read_record(world.cwd / "out/parts/cafe/run.json").id


def test_a_retry_of_several_is_remade_verified_and_tried_again(world: World) -> None:
    run_with_failures(world, "--keep-before")
    world.do("retry", "out", "--yes", "--out", "again")
    results = (world.cwd / "again/results.csv").read_bytes()
    assert world.do("results", "again").exit_code == 1
    assert (world.cwd / "again/results.csv").read_bytes() == results
    assert world.do("verify", "again").last_line.startswith("verified: 2 of 2 rows hold")
    third = world.do("retry", "again", "--yes", "--out", "third")
    assert (third.exit_code, lines(world.cwd / "third/results.csv")) == (1, [*range(32, 36)])
    assert not world.changed
    told = world.do("retry", "out", "--yes", "--out", "fourth").err
    assert (
        f"out was tried again by {world.cwd}/again: what that has done is sent once more." in told
    )
    assert world.do("undo", "again", "--yes").exit_code == 0
    assert world.changed == {(world.ids[1], lead_id(4)): 1, (world.ids[2], lead_id(5)): 1}


def test_a_part_is_told_to_have_been_tried_again_with_the_whole(world: World) -> None:
    run_with_failures(world)
    part = "out/parts/beta-2"
    assert world.do("retry", part, "--yes", "--out", "one").exit_code == 1
    assert world.changed == {(world.ids[1], lead_id(4)): 1}
    told = world.do("retry", "out", "--yes", "--out", "again").err
    sent_again = "what that has done is sent once more."
    assert f"{part} was tried again by {world.cwd}/one: {sent_again}" in told
    told = world.do("retry", part, "--yes", "--out", "two").err
    assert f"{part} was tried again by {world.cwd}/again: {sent_again}" in told


def test_results_with_retries_tell_the_latest_outcome_in_every_workspace(world: World) -> None:
    run_with_failures(world)
    # The part alone, then all: Beta 2 is told by the first of these, Café by the second.
    assert world.do("retry", "out/parts/beta-2", "--yes", "--out", "one").exit_code == 1
    ran = world.do("results", "out", "--with-retries", "--json")
    assert ran.exit_code == 1
    assert "The run out; its retries: one." in ran.err
    assert json.loads(ran.out)["reasons"] == {
        "applied": 29,
        "missing_workspace": 1,
        "not_found": 1,
        "server_error": 1,
        "unknown_tag": 1,
        "unknown_workspace": 1,
    }
    assert world.do("retry", "out", "--yes", "--out", "again").exit_code == 1
    ran = world.do("results", "out", "--with-retries")
    assert "its retries: one, again." in ran.err
    all_of_them = "finished: 30 success, 4 error, 0 skipped, 0 unsent; "
    assert ran.last_line.startswith(all_of_them)
    results = read_rows(world.cwd / "out/results-with-retries.csv")
    assert [int(row["line"]) for row in results] == [*range(2, 36)]
    assert [row["attempts"] for row in results if int(row["line"]) in FAILED] == ["3", "2"]
    assert not (world.cwd / "again/results-with-retries.csv").exists()
    assert world.do("results", "again", "--with-retries").last_line.startswith(all_of_them)
    of_part = world.do("results", "out/parts/cafe", "--with-retries")
    assert "its retries: again/parts/cafe." in of_part.err
    assert of_part.last_line.startswith("finished: 10 success, 0 error")
    told = world.do("undo", "out", "--yes").err
    for part, retry in (("out", "again"), ("out/parts/beta-2", "one")):
        assert f'{part}" was tried again by "{world.cwd}/{retry}", whose changes are not' in told


def test_a_part_that_was_gone_on_with_meanwhile_is_not_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with_failures(world)

    def seen_by(part: RunPart, targets: Sequence[Target]) -> Target | None:
        path = world.cwd / "out/parts/cafe/run.json"  # its journal was read by now
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "resumed": 1}), "utf-8")
        return workspaces.seen_by(part, targets)

    monkeypatch.setattr("batch.jobs.retry.seen_by", seen_by)
    ran = world.do("retry", "out", "--yes")
    assert (ran.exit_code, world.changed) == (2, {})
    assert "out/parts/cafe: was gone on with meanwhile. Nothing was sent. Try it again." in ran.err


def test_a_retry_without_failed_rows_has_none(world: World) -> None:
    assert world.do("run", world.rows(leads()), "--yes", "--out", "out").exit_code == 0
    ran = world.do("retry", "out", "--yes", "--out", "again")
    assert (ran.exit_code, world.changed) == (0, {})
    host = urlsplit(world.sandbox.base_url).netloc
    assert ran.err.startswith(
        f"out: no row is error or unsent, so none is tried again.\nNothing to change in {host}.\n"
    )
    assert ran.last_line.startswith("finished: 0 success, 0 error, 0 skipped, 0 unsent; again/")
    assert world.do("results", "again").exit_code == 0


@pytest.mark.parametrize("world", [("status=401,workspace=Beta 2,after=3,total=2",)], indirect=True)
def test_a_retry_of_several_that_broke_off_is_gone_on_with(world: World) -> None:
    words = ("--yes", "--concurrency", "2", "--out")
    assert world.do("run", world.rows([*leads(), *WRONG]), *words, "out").exit_code == 3
    sent = world.changed
    ran = world.do("retry", "out", *words, "again")
    assert ran.exit_code == 3
    assert ran.last_line.endswith("next: sendkit-batch resume again")
    sent += world.changed
    assert sent.total() < ROWS
    results = (world.cwd / "again/results.csv").read_bytes()
    assert world.do("results", "again").exit_code == 3
    assert (world.cwd / "again/results.csv").read_bytes() == results
    resumed = world.do("resume", "again", "--yes")
    assert resumed.exit_code == 1
    assert sent + world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS)}
    assert lines(world.cwd / "again/results.csv")[-len(WRONG) :] == [*range(32, 36)]
    assert read_record(world.cwd / "again/run.json").retry_of
    told = world.do("resume", "out", "--yes").err
    assert (
        f"out was tried again by {world.cwd}/again: what that has done is sent once more." in told
    )


def test_rows_go_where_the_run_sent_them_whatever_that_is_called_by_now(tmp_path: Path) -> None:
    with three_workspaces(tmp_path, TWO, key="sk_practice_1") as world:
        run_with_failures(world)
        port = urlsplit(world.sandbox.base_url).port
    swapped = ("Acme", "Café", "Beta 2")  # the second is called as the third was, and so on
    kept = {"key": "sk_practice_1", "port": port}
    with three_workspaces(tmp_path, names=(*swapped, "Acne"), **kept) as world:
        ran = world.do("retry", "out", "--yes", "--out", "again")
        assert ran.exit_code == 1
        assert world.changed == {(world.ids[1], lead_id(4)): 1, (world.ids[2], lead_id(5)): 1}
        told = f"Beta 2 is called Café now: its rows go to it ({world.ids[1]}) all the same."
        assert told in ran.err
        # A row of no workspace goes to the one that it names, if there is one by now.
        of_none = read_rows(tmp_path / "again/results.csv")[2]
        assert (of_none["workspace"], of_none["reason"]) == ("Acne", "not_found")


def test_no_row_is_sent_to_another_workspace_in_place_of_one_that_is_gone(tmp_path: Path) -> None:
    with three_workspaces(tmp_path, TWO, key="sk_practice_1") as world:
        run_with_failures(world)
        gone, port = world.ids[2], urlsplit(world.sandbox.base_url).port
    kept = {"key": "sk_practice_1", "port": port}
    with three_workspaces(tmp_path, names=("Acme", "Café"), **kept) as world:
        ran = world.do("retry", "out", "--yes", "--out", "again")
        assert (ran.exit_code, world.changed) == (2, {})
        assert (
            f"Nothing was sent. Café ({gone}): No key sees this workspace now. To send to the "
            "others alone, use --skip-failed-workspaces."
        ) in ran.err
        assert not (tmp_path / "again").exists()
        words = ("retry", "out", "--yes", "--out", "again", "--skip-failed-workspaces")
        assert world.do(*words).exit_code == 3
        assert world.changed == {(world.ids[1], lead_id(4)): 1}
        rows = {int(row["line"]): row for row in read_rows(tmp_path / "again/results.csv")}
        assert rows[7]["reason"] == "not_reached"
        assert rows[7]["message"].endswith("No key sees this workspace now.")


def test_rows_of_a_workspace_whose_key_failed_are_tried_once_it_works(world: World) -> None:
    keys = keys_of_its_own(world)
    config = ("--config", "own.toml", "--yes")
    wrong = {**keys, "KEY_1": "sk_revoked"}
    skip = "--skip-failed-workspaces"
    words = ("run", world.rows(leads()), *config, "--out", "out", skip)
    assert world.do(*words, **wrong, **ONCE).exit_code == 3
    refused = world.do("retry", "out", *config, "--out", "again", **wrong)
    assert (refused.exit_code, world.changed) == (2, {})
    assert "Nothing was sent. Beta 2: " in refused.err
    ran = world.do("retry", "out", *config, "--out", "again", skip, **wrong)
    assert (ran.exit_code, world.changed) == (3, {(world.ids[2], lead_id(5)): 1})
    record = read_record(world.cwd / "again/run.json")
    held = lock_input(
        world.state_dir,
        sha256=f"{record.input.sha256} Beta 2",  # as a resume of that part alone holds it
        base_url=record.base_url,
        run=world.cwd / "again/parts/beta-2",
    )
    with held:
        refused = world.do("retry", "again", *config, "--out", "third", **keys)
    assert (refused.exit_code, world.changed) == (2, {})
    assert "Another process is sending this input" in refused.err
    ran = world.do("retry", "again", *config, "--out", "third", **keys)
    assert ran.exit_code == 1
    assert world.changed == {(world.ids[1], lead_id(n)): 1 for n in range(1, ROWS, 3) if n != 4}
    ran = world.do("retry", "third", *config, **keys)
    assert (ran.exit_code, world.changed) == (0, {(world.ids[1], lead_id(4)): 1})


def test_guardrails_hold_for_rows_that_were_no_workspaces_before(tmp_path: Path) -> None:
    clears = [("Acne", campaign(1), lead_id(n), "", "null") for n in range(40)]
    with three_workspaces(tmp_path, key="sk_practice_1") as world:
        rows = world.rows(clears)
        assert world.do("run", rows, "--yes", "--allow-invalid", "--out", "out").exit_code == 1
        port = urlsplit(world.sandbox.base_url).port
    kept = {"key": "sk_practice_1", "port": port}
    with three_workspaces(tmp_path, names=(*NAMES, "Acne"), **kept) as world:
        ran = world.do("retry", "out", "--yes")
        assert (ran.exit_code, world.changed) == (2, {})
        assert "Acne: 40 of the 40 rows to send clear the tag, more than half." in ran.err


def test_guardrails_hold_where_none_was_passed_before(world: World) -> None:
    keys = keys_of_its_own(world)
    clears = [("Beta 2", campaign(1), lead_id(n), "", "null") for n in range(1, 120, 3)]
    config = ("--config", "own.toml", "--yes")
    words = ("run", world.rows(clears), *config, "--out", "out", "--skip-failed-workspaces")
    assert world.do(*words, **{**keys, "KEY_1": "sk_revoked"}).exit_code == 3
    for folder in ("out", "out/parts/beta-2"):
        ran = world.do("retry", folder, *config, **keys)
        assert (ran.exit_code, world.changed) == (2, {})
        assert "40 of the 40 rows to send clear the tag, more than half" in ran.err


@pytest.mark.parametrize(
    "world", [(f"status=503,leads={lead_id(4)},after=1,total=1",)], indirect=True
)
def test_a_retry_of_an_undo_of_several_expects_what_the_undo_does(world: World) -> None:
    rows = world.rows([(*row[:4], "Cold") for row in leads()])
    ran = world.do("run", rows, "--yes", "--keep-before", "--out", "out", **ONCE)
    assert ran.exit_code == 0
    ran = world.do("undo", "out", "--yes", "--out", "back")
    assert ran.exit_code == 1
    assert ran.last_line.endswith("next: sendkit-batch retry back")
    changed = ("Beta 2", campaign(1), lead_id(4), "", "Hot")  # by somebody else, since
    assert world.do("run", world.rows([changed], "other.csv"), "--yes").exit_code == 0
    ran = world.do("retry", "back", "--yes", "--out", "again")
    assert (ran.exit_code, world.changed) == (1, {})
    [row] = read_rows(world.cwd / "again/results.csv")
    assert row["reason"] == "changed_since"
    assert read_record(world.cwd / "again/parts/beta-2/run.json").undo_of


def test_every_attempt_in_all_workspaces_is_listed(world: World) -> None:
    twice = {"SENDKIT_BATCH_RETRY_BACKOFF_BASE_S": "0.01"}
    rows = world.rows([*leads(), *WRONG])
    assert world.do("run", rows, "--yes", "--out", "out", **twice).exit_code == 1
    ran = world.do("results", "out", "--attempts")
    assert ran.exit_code == 1
    assert "out/history.csv: 33 attempts." in ran.err
    attempts = read_rows(world.cwd / "out/history.csv")
    sent = [*range(2, ROWS + 2), *FAILED, ROWS + 5]
    assert [int(row["line"]) for row in attempts] == sorted(sent)
    of_one = [(row["attempt"], row["http_status"]) for row in attempts if row["line"] == "6"]
    assert of_one == [("1", "503"), ("2", "200")]
    with site(world.cwd, environ=world.environ_of_page, state_dir=world.state_dir) as page:
        run_id = read_record(world.cwd / "out/run.json").id
        assert "Download history.csv" in page.get(f"/runs/{run_id}")
        assert page.get(f"/runs/{run_id}/history.csv").count("\n") == 34


def test_the_page_tries_several_workspaces_again(world: World) -> None:
    run_with_failures(world)
    with site(world.cwd, environ=world.environ_of_page, state_dir=world.state_dir) as page:
        run_id = read_record(world.cwd / "out/run.json").id
        shown = page.get(f"/runs/{run_id}")
        assert "Try the failed rows again" in shown
        assert "skip_failed_workspaces" in shown
        page.post(f"/runs/{run_id}/retry")
        page.until(Stage.QUESTION)
        page.post("/job/answer", answer="yes")
        run = page.desk.run_of(page.end().run_id)
        assert run.record.state is RunState.FINISHED
        assert run.record.retry_of
        assert run.record.retry_of.id == run_id
    assert sum(world.changed.values()) == 30  # with the 28 of the run


def test_a_caller_in_python_tries_several_workspaces_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_with_failures(world)
    monkeypatch.setenv("XDG_STATE_HOME", str(world.cwd / ".state"))
    for name, value in world.environ_of_page.items():
        monkeypatch.setenv(name, value)
    outcome = batch.retry_sync(
        world.cwd / "out",
        out=world.cwd / "again",
        guardrails=batch.Guardrails(skip_failed_workspaces=True),
        yes=True,
    )
    assert (outcome.exit_code, len(outcome.parts)) == (1, 3)
    assert lines(world.cwd / "again/results.csv")[:2] == FAILED
