"""`check` of a file of several workspaces: judged as a run would, and no server is asked."""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import batch
from batch.errors import UsageError
from batch.recording.seen_workspaces import SEEN_NAME
from tests.support.program import environment, lead_id, read_rows
from tests.support.several import (
    NAMES,
    WRONG,
    World,
    campaign,
    keys_of_its_own,
    leads,
    three_workspaces,
)
from tests.support.web_site import site

NOT_JUDGED = (
    "The column workspace is not judged yet: no run or plan has asked the server which workspaces "
    "there are."
)
# What only a server knows of a row.
OF_THE_SERVER = {"unknown_tag", "not_found"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which one command has asked for the workspaces."""
    with three_workspaces(tmp_path_factory.mktemp("checked")) as made:
        made.do("plan", made.rows(leads()), "--out", "planned")
        yield made


def problems_of(world: World, name: str, *options: str) -> dict[int, str]:
    """The reasons that `check` gives, by line."""
    ran = world.do("check", name, "--problems", "problems.csv", *options)
    assert not world.requests
    with (world.cwd / "problems.csv").open(encoding="utf-8-sig", newline="") as file:
        found = {int(row["line"]): row["reason"] for row in csv.DictReader(file)}
    assert ran.exit_code == (2 if found else 0)
    return found


def test_a_check_judges_the_workspaces_that_the_key_was_seen_to_reach(world: World) -> None:
    rows = world.rows([*leads(), *WRONG, ("Acme", campaign(1), lead_id(1), "paused", "")])
    expected = {3: "conflict", 32: "unknown_workspace", 33: "missing_workspace", 36: "conflict"}
    assert problems_of(world, rows) == {**expected, 34: "conflict"}
    ran = world.do("check", rows)
    assert '"Acne" is none of your workspaces. Did you mean "Acme"?' in ran.out
    assert "--on-conflict" not in ran.out
    assert "The workspaces are those that the key saw " in ran.err
    named = problems_of(world, rows, "--workspace", "ACME")
    assert named == {line: why for line, why in [*expected.items(), (34, "conflict")] if line != 33}
    assert "dry_run: 0 success, 5 error" in world.do("run", rows, "--dry-run").last_line


@pytest.mark.parametrize("seed", range(3))
def test_a_check_says_what_the_run_says(world: World, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - rows, no secret
    names = (*NAMES, "acme", " CAFÉ ", "Acne", "", world.ids[1], "#N/A")
    rows = [
        (
            draw.choice(names),
            draw.choice([*map(campaign, range(3)), "bad"]),
            lead_id(draw.randrange(40)),
            draw.choice(("active", "paused", "", "Repleid")),
            draw.choice(("Hot", "", "null", "#REF!")),
        )
        for _ in range(60)
    ]
    name = world.rows(rows, f"random-{seed}.csv")
    found = problems_of(world, name, "--allow-invalid")
    world.do("run", name, "--yes", "--allow-invalid", "--out", f"run-{seed}")
    results = read_rows(world.cwd / f"run-{seed}/results.csv")
    of_run = {
        int(row["line"]): row["reason"]
        for row in results
        if row["result"] == "error" and row["reason"] not in OF_THE_SERVER
    }
    assert found == of_run
    assert "unknown_workspace" in of_run.values()


def test_before_any_server_was_asked_the_column_is_not_judged(tmp_path: Path) -> None:
    with three_workspaces(tmp_path) as world:
        ran = world.do("check", world.rows([*leads(), WRONG[0]]))
        assert (ran.exit_code, world.requests) == (0, [])
        assert NOT_JUDGED in ran.err
        assert not world.state_dir.exists()
        keys = keys_of_its_own(world)
        world.do("check", "leads.csv", "--config", "own.toml", **keys)
        wrong = {**keys, "KEY_1": "sk_revoked"}
        words = ("run", "leads.csv", "--yes", "--config", "own.toml", "--skip-failed-workspaces")
        world.do(*words, **wrong)
        assert not (world.state_dir / SEEN_NAME).exists()  # one was not seen
        world.do("plan", "leads.csv", "--config", "own.toml", **keys)
        ran = world.do("check", "leads.csv", "--config", "own.toml", **keys)
        assert ran.exit_code == 2
        assert '"Acne" is none of your workspaces.' in ran.out


def test_a_key_that_is_tested_on_the_page_says_which_workspaces_there_are(
    world: World, tmp_path: Path
) -> None:
    with site(tmp_path, environ=world.environ_of_page) as page:
        page.desk.session.try_key()
        (tmp_path / "leads.csv").write_bytes(
            (world.cwd / world.rows([*leads(), WRONG[0]])).read_bytes()
        )
        page.drop(tmp_path / "leads.csv")
        assert "&#34;Acne&#34; is none of your workspaces." in page.get("/check")


def test_a_column_of_ones_own_is_not_judged_with_the_key_of_one_workspace(world: World) -> None:
    rows = world.rows([*leads(), WRONG[0]])
    ran = world.do("check", rows, SENDKIT_API_KEY=world.sandbox.workspaces[0].api_key)
    assert (ran.exit_code, "orkspaces" in ran.err) == (0, False)


def test_the_page_judges_workspaces_before_anything_is_asked(world: World) -> None:
    world.rows([*leads(), *WRONG[:2]])
    folder = world.cwd / "page"
    folder.mkdir()
    with site(folder, environ=world.environ_of_page, state_dir=world.state_dir) as page:
        page.drop(world.cwd / "leads.csv")
        shown = page.get("/check")
        assert "Acne: &#34;Acne&#34; is none of your workspaces. Did you mean" in shown
        assert "The workspaces are those that the key saw " in shown


def test_python_judges_workspaces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(world.cwd).items():
        monkeypatch.setenv(name, value)
    file = world.cwd / world.rows([*leads(), *WRONG[:2]])
    settings = {"api": {"base_url": world.sandbox.base_url}}
    place = {"settings": settings, "api_key": world.sandbox.platform_key}
    outcome = batch.check_sync(file, **place)  # type: ignore[arg-type]  # Place
    reasons = [each.reason.value for each in outcome.problems]
    assert reasons == ["unknown_workspace", "missing_workspace"]
    named = batch.Reading(workspace="Acme")
    outcome = batch.check_sync(file, reading=named, **place)  # type: ignore[arg-type]  # Place
    assert [each.reason.value for each in outcome.problems] == ["unknown_workspace"]
    with pytest.raises(UsageError, match="is none of your workspaces"):
        batch.check_sync(file, reading=batch.Reading(workspace="Z"), **place)  # type: ignore[arg-type]
