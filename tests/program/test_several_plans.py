"""A plan of several workspaces: kept as one, looked at, and sent as one."""

import json
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import batch
from batch.errors import RunError, UsageError
from batch.recording.runfile import FORMAT, RunState, read_record
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from batch.web.board import Stage
from tests.support.in_process import start_sandbox
from tests.support.live_world import STATUSES, TAGS, change
from tests.support.program import (
    Ran,
    ended,
    environment,
    lead_id,
    read_rows,
    received,
    started,
    wait_for,
    write_rows,
)
from tests.support.several import (
    HEADER,
    NAMES,
    ROWS,
    WRONG,
    World,
    campaign,
    keys_of_its_own,
    leads,
)
from tests.support.web_site import site

ALL = {n % 3: 10 for n in range(3)}


def options_of(folder: Path, *names: str, **more: object) -> Options:
    """A sandbox with the leads of these of the three workspaces."""
    seed = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "active", "Hot") for n in range(ROWS)]
    kept = [row for row in seed if row[0] in (names or NAMES)]
    given = Options(
        seed_csv=write_rows(folder / "seed.csv", HEADER, kept),
        workspaces=names or NAMES,
        labels=("Cold",),
        workspace_labels=("Acme=Own",),
    )
    return replace(given, **more)  # type: ignore[arg-type]  # fields of Options


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with start_sandbox(options_of(tmp_path)) as sandbox:
        yield World(tmp_path, sandbox)


def sent(world: World) -> dict[int, int]:
    """How many leads of each workspace the last command changed."""
    counted = Counter(workspace for workspace, _ in world.changed)
    return {number: counted[id_] for number, id_ in enumerate(world.ids) if counted[id_]}


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Ran]]:
    """A plan in `out`, of which nothing is sent."""
    folder = tmp_path_factory.mktemp("planned")
    rows = [row if n % 3 else (*row[:4], "Cold") for n, row in enumerate(leads())]
    rows[2] = (*rows[2][:3], "active", "Hot")  # of Café: so already
    with start_sandbox(options_of(folder)) as sandbox:
        world = World(folder, sandbox)
        yield world, world.do("plan", world.rows([*rows, *WRONG]), "--out", "out", "--json")


def test_a_plan_tells_what_becomes_of_every_row_in_every_workspace(
    planned: tuple[World, Ran],
) -> None:
    world, ran = planned
    assert ran.exit_code == 1
    assert ran.last_line == (
        "planned: 0 success, 4 error, 1 skipped, 29 unsent; out/plan.csv; "
        "next: sendkit-batch apply out"
    )
    told = json.loads(ran.out)
    assert (told["rows"], told["requests"], told["requests_without_reading"]) == (34, 29, 31)
    assert told["plan"] == {"will_change": 29, "already_so": 1, "unknown_lead": 1}
    assert [(each["workspace"], each["rows"], each["requests"]) for each in told["parts"]] == [
        ("Acme", 11, 10),
        ("Beta 2", 11, 10),
        ("Café", 10, 9),
    ]
    assert told["parts"][1]["reasons"] == {"unknown_tag": 1}
    rows = read_rows(world.cwd / "out/plan.csv")
    assert list(rows[0])[:6] == [*HEADER, "line"]
    assert [int(row["line"]) for row in rows] == list(range(2, 36))
    assert [row["plan"] for row in rows[:3]] == ["will_change", "will_change", "already_so"]
    assert [row["plan"] for row in rows[ROWS:]] == [
        "unknown_workspace", "missing_workspace", "unknown_tag", "unknown_lead",
    ]  # fmt: skip
    records = [read_record(world.cwd / each / "run.json") for each in ("out", "out/parts/cafe")]
    assert [(each.format, each.state) for each in records] == [(FORMAT, RunState.PLANNED)] * 2
    assert world.do("runs", "out").last_line == "planned: out; next: sendkit-batch apply out"
    assert world.do("report", "out").exit_code == 0
    page = (world.cwd / "out/report.html").read_text("utf-8")
    assert "Beta 2: Campaign" in page
    assert "This sends it: " in page


def test_a_plan_is_shown_with_a_line_for_each_workspace(planned: tuple[World, Ran]) -> None:
    ran = planned[0].do("plan", "leads.csv")
    assert "leads.csv: 34 rows, 3 workspaces" in ran.out
    lines = [line.split() for line in ran.out.splitlines()]
    at = lines.index(["Workspace", "Rows", "Will", "change", "Tags", "Wrong"])
    assert lines[at + 1 : at + 4] == [
        ["Acme", "11", "10", "10", "1"],
        ["Beta", "2", "11", "10", "0", "1"],
        ["Café", "10", "9", "0", "0"],
    ]
    nothing = planned[0].do("plan", planned[0].rows([], "none.csv"))
    assert "none.csv: 0 rows, 0 workspaces" in nothing.out


def test_a_plan_is_sent_as_one(world: World) -> None:
    assert world.do("plan", world.rows([*leads(), *WRONG]), "--out", "out").exit_code == 1
    change(as_of(world, 1), lead_id(4), campaign(1), status="paused", aiTag="Cold")
    ran = world.do("apply", "out", "--yes", "--json")
    assert ran.exit_code == 1
    assert world.changed == {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS) if n != 4}
    rows = read_rows(world.cwd / "out/results.csv")
    assert [int(row["line"]) for row in rows] == list(range(2, 36))
    assert [row["reason"] for row in rows] == [
        *["applied"] * 4, "drifted", *["applied"] * 25,
        "unknown_workspace", "missing_workspace", "unknown_tag", "unknown_lead",
    ]  # fmt: skip
    told = json.loads(ran.out)
    assert [each["success"] for each in told["parts"]] == [10, 9, 10]
    assert "Change 29 leads in 3 workspaces" in ran.err
    again = world.do("apply", "out", "--yes")
    assert (again.exit_code, sent(world)) == (2, {})
    assert "out: was applied already" in again.err
    assert world.do("verify", "out").last_line.startswith("verified: 29 of 29 rows hold")
    assert world.do("undo", "out", "--yes").exit_code == 0
    assert sum(sent(world).values()) == 29


def as_of(world: World, number: int) -> Sandbox:
    """The sandbox as somebody with the key of one workspace sees it."""
    return replace(world.sandbox, api_key=world.sandbox.workspaces[number].api_key)


def test_what_somebody_has_changed_since_is_sent_with_force(world: World) -> None:
    world.do("plan", world.rows(leads()), "--out", "out")
    change(as_of(world, 1), lead_id(4), campaign(1), aiTag="Cold")
    assert world.do("apply", "out", "--yes", "--force").exit_code == 0
    assert sent(world) == ALL


REFUSED = {
    ("apply", "out/parts/acme", "--yes"): "is a part of a plan, of which nothing was sent yet.",
    ("resume", "out/parts/acme", "--yes"): "is a part of a plan, of which nothing was sent yet.",
    ("part", "out", "0"): "is a part of a plan, of which nothing was sent yet.",
    ("resume", "out", "--yes"): "out: is a plan, of which nothing was sent yet.",
    ("retry", "out", "--yes"): "nothing was sent yet, so nothing can be tried again.",
    ("verify", "out"): "nothing was sent yet, so nothing can be verified.",
    ("results", "out"): "nothing was sent yet, so there are no results.",
    ("undo", "out", "--yes"): "out: is a plan, of which nothing was sent. Nothing to undo.",
}


def test_nothing_but_apply_is_done_with_a_plan(planned: tuple[World, Ran]) -> None:
    world, _ = planned
    for words, told in REFUSED.items():
        ran = world.do(*words)
        assert (ran.exit_code, world.requests) == (2, []), words
        assert told in ran.err
        assert words[0] == "undo" or "To send it: sendkit-batch apply out\n" in ran.err


def test_a_plan_that_is_too_old_is_not_sent(planned: tuple[World, Ran]) -> None:
    world, _ = planned
    path = world.cwd / "out/run.json"
    record = path.read_text("utf-8")
    path.write_text(json.dumps({**json.loads(record), "planned_at": "2020-01-01T00:00:00Z"}))
    ran = world.do("apply", "out", "--yes")
    path.write_text(record)
    assert (ran.exit_code, world.requests) == (2, [])
    assert "longer than 1 d ([run] plan_age)" in ran.err


def test_a_plan_of_several_workspaces_is_sent_from_the_list_of_runs_alone(
    planned: tuple[World, Ran],
) -> None:
    world, _ = planned
    shutil.copytree(world.cwd / "out", world.cwd / "copy")
    for folder in ("copy", "copy/parts/acme"):
        ran = world.do("apply", folder, "--yes")
        assert (ran.exit_code, sent(world)) == (2, {})
    assert "copy: is a plan of 3 workspaces that is not in your list" in (
        world.do("apply", "copy", "--yes").err
    )


def test_of_a_plan_nothing_was_sent(planned: tuple[World, Ran]) -> None:
    assert not received(planned[0].sandbox)


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("label", 'Beta 2: leads.csv line 3: "Warm" is no label of the workspace now.'),
        ("workspace", "No key sees the workspace Café ("),
        ("key", "refused the API key (401: "),
    ],
)
def test_what_is_gone_since_the_plan_keeps_all_from_being_sent(
    tmp_path: Path, gone: str, told: str
) -> None:
    rows = [(*row[:4], "Warm") if n % 3 == 1 else row for n, row in enumerate(leads())]
    labels = (*options_of(tmp_path).workspace_labels, "Beta 2=Warm")
    with start_sandbox(options_of(tmp_path, workspace_labels=labels)) as sandbox:
        world = World(tmp_path, sandbox)
        assert world.do("plan", world.rows(rows), "--out", "out").exit_code == 0
    names = NAMES[:2] if gone == "workspace" else NAMES
    labels = labels[:1] if gone == "label" else labels[: 2 if gone == "key" else 1]
    port = urlsplit(sandbox.base_url).port
    later = options_of(tmp_path, *names, workspace_labels=labels, port=port)
    with start_sandbox(later) as sandbox:
        world = World(tmp_path, sandbox)
        key = {"SENDKIT_API_KEY": "sk_user_revoked"} if gone == "key" else {}
        ran = world.do("apply", "out", "--yes", **key)
        assert (ran.exit_code, sent(world)) == (2, {})
        assert told in ran.err
        assert read_record(tmp_path / "out/run.json").state is RunState.PLANNED


def test_a_plan_reads_every_workspace_or_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = keys_of_its_own(world)
    keys = {**given, "KEY_1": "sk_revoked"}
    ran = world.do("plan", world.rows(leads()), "--config", "own.toml", "--out", "out", **keys)
    assert ran.exit_code == 2
    assert '[workspaces."Beta 2"]: ' in ran.err
    made = world.do("plan", "leads.csv", "--config", "own.toml", "--out", "made", **given)
    assert made.last_line.endswith("next: sendkit-batch apply made --config own.toml")
    ran = world.do("apply", "made", "--yes", "--config", "own.toml", **keys)
    assert (ran.exit_code, sent(world)) == (2, {})
    assert 'of the part beta-2 now. [workspaces."Beta 2"]: ' in ran.err
    others = batch.Guardrails(skip_failed_workspaces=True)
    for name, value in environment(world.cwd, keys).items():
        monkeypatch.setenv(name, value)
    settings = {"api": {"base_url": world.sandbox.base_url}}
    leads_ = world.cwd / "leads.csv"
    with pytest.raises(UsageError, match="Beta 2"):
        batch.plan_sync(leads_, guardrails=others, config=world.cwd / "own.toml", settings=settings)
    assert not (world.cwd / "runs").exists()
    assert not (world.cwd / "out").exists()


def test_guardrails_hold_when_a_plan_is_sent(world: World) -> None:
    clears = [("Beta 2", campaign(1), lead_id(n), "", "null") for n in range(1, 90, 3)]
    kept = [row for row in leads() if row[0] != "BETA 2"]
    with start_sandbox(many_leads(world.cwd)) as sandbox:
        many = World(world.cwd, sandbox)
        planned = many.do("plan", many.rows([*kept, *clears]), "--out", "out")
        assert "30 of the 30 rows to send clear the tag" in planned.out
        refused = many.do("apply", "out", "--yes")
        assert (refused.exit_code, sent(many)) == (2, {})
        assert "Beta 2: 30 of the 30 rows to send clear the tag" in refused.err
        other = many.do("apply", "out", "--yes", "--allow-clears", "--expect-changes", "29")
        assert "30 leads' tags would change; expected 29." in other.err
        words = ("apply", "out", "--yes", "--allow-clears", "--expect-changes", "30")
        assert many.do(*words).exit_code == 0
        assert sent(many) == {0: 10, 1: 30, 2: 10}


def many_leads(folder: Path) -> Options:
    """A sandbox with thirty leads of each workspace."""
    seed = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "active", "Hot") for n in range(90)]
    return options_of(folder, seed_csv=write_rows(folder / "many.csv", HEADER, seed))


@pytest.mark.parametrize("again", ["apply", "resume"])
def test_an_apply_that_one_workspace_broke_off_is_gone_on_with(tmp_path: Path, again: str) -> None:
    faults = ("status=401,on=patch,workspace=Beta 2,after=3,total=1",)
    with start_sandbox(options_of(tmp_path, faults=faults)) as sandbox:
        world = World(tmp_path, sandbox)
        world.do("plan", world.rows(leads()), "--out", "out")
        ran = world.do("apply", "out", "--yes", "--concurrency", "2")
        assert ran.exit_code == 3
        assert ran.last_line.endswith("next: sendkit-batch resume out")
        first = world.changed
        change(as_of(world, 1), lead_id(28), campaign(1), aiTag="Cold")
        assert world.do(again, "out", "--yes").exit_code == 1
        rows = read_rows(tmp_path / "out/results.csv")
        assert [row["reason"] for row in rows] == [*["applied"] * 28, "drifted", "applied"]
        both = {(world.ids[n % 3], lead_id(n)): 1 for n in range(ROWS) if n != 28}
        assert first + world.changed == both


def test_an_apply_that_broke_off_at_once_is_no_plan_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.do("plan", world.rows(leads()), "--out", "out")

    def broken(*_: object, **__: object) -> None:
        raise RunError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr("batch.jobs.whole.begin", broken)
        assert world.do("apply", "out", "--yes").exit_code == 3
    results = world.do("results", "out")
    assert results.exit_code == 3
    assert results.last_line.endswith("30 unsent; out/results.csv; next: sendkit-batch resume out")
    assert "no row is left" not in world.do("resume", "out", "--yes").err
    assert sent(world) == ALL


@pytest.mark.slow
@pytest.mark.parametrize("again", ["apply", "resume"])
def test_a_killed_apply_is_gone_on_with(tmp_path: Path, again: str) -> None:
    rows = [(NAMES[n % 3], campaign(n % 3), lead_id(n), "paused", "") for n in range(90)]
    given = replace(many_leads(tmp_path), faults=("slow=0.05,on=patch",))
    with start_sandbox(given) as sandbox:
        world = World(tmp_path, sandbox)
        world.do("plan", world.rows(rows), "--out", "out")
        env = environment(tmp_path, world.environ_of_page)
        words = ("apply", "out", "--yes", "--rate", "50", "--concurrency", "6")
        with started(*words, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 20)
            os.kill(process.pid, signal.SIGKILL)
            ended(process, cwd=tmp_path)
        assert world.do(again, "out", "--yes").exit_code == 0
        assert world.do("results", "out").exit_code == 0
        patches = Counter(each["campaignLeadId"] for each in received(sandbox))
        assert len(patches) == 90
        assert patches.total() <= 90 + 2 * 6


def test_leads_named_by_address_are_planned_in_each_workspace(tmp_path: Path) -> None:
    header = ("workspace", "campaignName", "email", "status", "campaignId", "campaignLeadId")
    people = [
        (NAMES[n % 2], "Sale", f"{n // 2}@example.com", "active", campaign(n % 2), lead_id(n))
        for n in range(8)
    ]
    seed = write_rows(tmp_path / "seed.csv", header, people)
    with start_sandbox(Options(seed_csv=seed, workspaces=NAMES)) as sandbox:
        world = World(tmp_path, sandbox)
        columns = ("workspace", "campaign", "email", "status")
        write_rows(tmp_path / "leads.csv", columns, [(*each[:3], "paused") for each in people])
        assert world.do("plan", "leads.csv", "--out", "out").exit_code == 0
        rows = read_rows(tmp_path / "out/plan.csv")
        assert [row["plan"] for row in rows] == ["will_change"] * 8
        assert world.do("apply", "out", "--yes").exit_code == 0
        assert world.changed == {(world.ids[n % 2], lead_id(n)): 1 for n in range(8)}


def test_the_page_plans_and_sends_a_file_of_several_workspaces(world: World) -> None:
    world.rows([*leads(), *WRONG])
    with site(world.cwd, environ=world.environ_of_page) as page:
        page.drop(world.cwd / "leads.csv")
        page.post("/plan")
        run_id = page.end().run_id
        shown = page.get(f"/runs/{run_id}")
        assert "Change 30 leads in 3 workspaces" in shown
        assert "<strong>3 workspaces</strong>" in shown
        assert "Acme: the campaign has no lead of this id." in shown
        assert not [each for each in world.requests if each["operation"] == "patch"]
        page.post(f"/runs/{run_id}/apply")
        page.until(Stage.QUESTION)
        shown = page.get("/job")
        assert "Send 30 changes" in shown
        assert '<th scope="col">Workspace</th>' in shown
        page.post("/job/answer", answer="yes")
        assert page.end().run_id == run_id
        assert sent(world) == ALL
        assert ">BETA 2</td>" in page.get(f"/runs/{run_id}")


def test_python_plans_and_applies_several_workspaces(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.rows([*leads(), *WRONG])
    monkeypatch.chdir(world.cwd)
    for name, value in environment(world.cwd).items():
        monkeypatch.setenv(name, value)
    place = {
        "settings": {"api": {"base_url": world.sandbox.base_url}, "pace": {"rate": 500}},
        "api_key": world.sandbox.platform_key,
    }
    planned = batch.plan_sync("leads.csv", out="out", **place)  # type: ignore[arg-type]  # Place
    assert (planned.rows, planned.requests, planned.exit_code) == (34, 30, 1)
    assert [(part.workspace, part.requests) for part in planned.parts] == [
        (name, 10) for name in NAMES
    ]
    assert planned.parts[1].folder == planned.folder / "parts" / "beta-2"
    assert planned.question.headline.startswith("Change 30 leads in 3 workspaces")
    assert [row.workspace for row in planned.question.diff[:3]] == list(NAMES)
    outcome = batch.apply_sync(planned.folder, yes=True, **place)  # type: ignore[arg-type]  # Place
    assert (outcome.exit_code, len(outcome.parts)) == (1, 3)
    assert sent(world) == ALL


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_each_row_is_planned_as_its_workspace_alone_plans_it(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - any will do
    known = [
        (NAMES[n % 3], campaign(n % 3), lead_id(n), draw.choice(STATUSES), draw.choice(TAGS))
        for n in range(60)
    ]
    rows = [
        (
            NAMES[n % 3],
            draw.choices((campaign(n % 3), "f" * 24), weights=(20, 1))[0],
            draw.choices((lead_id(n), "bad"), weights=(20, 1))[0],
            draw.choice(("", "active", "paused", "completed", "sleeping")),
            draw.choice(("", "hot", "Cold", "null", "Own", "Nowhere")),
        )
        for n in (draw.randrange(64) for _ in range(80))
    ]
    options = ("--allow-invalid", "--on-conflict", draw.choice(("error", "last-wins")))
    given = options_of(tmp_path, seed_csv=write_rows(tmp_path / "known.csv", HEADER, known))
    with start_sandbox(given) as sandbox:
        world = World(tmp_path, sandbox)
        world.do("plan", world.rows(rows), "--out", "all", *options)
        planned = read_rows(tmp_path / "all/plan.csv")
        for number, workspace in enumerate(sandbox.workspaces):
            own = [row for row in rows if row[0] == workspace.name]
            write_rows(tmp_path / "own.csv", HEADER[1:], [row[1:] for row in own])
            key = {"SENDKIT_API_KEY": workspace.api_key}
            world.do("plan", "own.csv", "--out", f"own-{number}", *options, **key)
            alone = read_rows(tmp_path / f"own-{number}/plan.csv")
            those = [row for row in planned if row["workspace"] == workspace.name]
            columns = ("plan", "before_status", "after_status", "before_ai_tag", "after_ai_tag")
            assert [[row[name] for name in columns] for row in those] == [
                [row[name] for name in columns] for row in alone
            ]
        world.do("apply", "all", "--yes")
        is_success = [row["result"] == "success" for row in read_rows(tmp_path / "all/results.csv")]
    sent_by_plan = {"will_change", "in_part", "through"}
    assert is_success == [row["plan"] in sent_by_plan for row in planned]
    assert any(is_success)
