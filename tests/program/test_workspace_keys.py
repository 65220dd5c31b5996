"""Rows of several workspaces, and keys that reach them, by the real command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import Ran, read_rows, received, write_rows

FIRST, SECOND = "a00000000000000000000001", "a00000000000000000000002"
HEADER = ("campaignId", "campaignLeadId", "aiTag")
LEAD = ("ca0000000000000000000002", "1ead00000002000000000001", "Hot")  # of the second workspace
WORLD = Options(workspaces=("Spare",), made_workspaces=2, campaigns=1, leads=2, labels=("Hot",))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox(WORLD) as sandbox:
        yield sandbox


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "leads.csv", HEADER, [LEAD])


def run(
    sandbox: Sandbox, path: Path, *words: str, key: str = "", config: str = "", **env: str
) -> Ran:
    """A run with this platform key or workspace key, and with this text as the settings file."""
    given: tuple[str, ...] = ("--base-url", sandbox.base_url, "--rate", "1000", "--yes")
    if config:
        (path.parent / "own.toml").write_text(config)
        given += ("--config", "own.toml")
    keys = {"SENDKIT_API_KEY": key, **env}
    return sendkit_batch("run", path, *given, *words, cwd=path.parent, env=keys)


def asked(sandbox: Sandbox) -> int:
    return len(received(sandbox, operation="patch"))


@pytest.mark.parametrize("name", ["workspace 2", SECOND])
def test_a_platform_key_sends_to_the_workspace_that_is_named(
    sandbox: Sandbox, leads: Path, name: str
) -> None:
    ran = run(sandbox, leads, "--workspace", name, key=sandbox.platform_key)
    assert ran.exit_code == 0, ran.err
    assert [row["reason"] for row in ran.results] in (["applied"], ["already_so"])
    assert "Workspace 2" in ran.err
    again = sendkit_batch(
        "verify", ran.folder, cwd=leads.parent, env={"SENDKIT_API_KEY": sandbox.platform_key}
    )
    assert again.exit_code == 0, again.err  # its own workspace needs no naming


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            (),
            (
                "Nothing was sent. leads.csv has no column workspace; the workspaces are "
                '"Workspace 1", "Workspace 2". Name one with --workspace.'
            ),
        ),
        (
            ("--workspace", "Workspace 3"),
            (
                'Nothing was sent. The workspace: "Workspace 3" is none of your workspaces. '
                'Did you mean "Workspace 2"?'
            ),
        ),
    ],
)
def test_a_platform_key_needs_a_workspace_that_it_sees(
    sandbox: Sandbox, leads: Path, words: tuple[str, ...], told: str
) -> None:
    before = asked(sandbox)
    ran = run(sandbox, leads, *words, key=sandbox.platform_key)
    assert (ran.exit_code, asked(sandbox)) == (2, before)
    assert told in ran.err
    assert not (leads.parent / "runs").exists() or not any((leads.parent / "runs").iterdir())


def test_a_platform_key_of_one_workspace_needs_no_more(leads: Path) -> None:
    path = write_rows(leads, HEADER, [("ca" + f"{1:022x}", "1ead" + f"{1:08x}{1:012x}", "Hot")])
    with start_sandbox(Options(labels=("Hot",))) as alone:
        ran = run(alone, path, key=alone.platform_key)
    assert ran.exit_code == 0, ran.err
    assert ran.record["workspace"]["name"] == "Sandbox"


def own_keys(*names: str) -> str:
    """A settings file in which each of these workspaces has a variable with its key."""
    return "".join(f'[workspaces."{name}"]\napi_key_env = "KEY_{name}"\n' for name in names)


def test_a_workspace_of_the_settings_is_reached_by_its_own_key_alone(
    sandbox: Sandbox, leads: Path
) -> None:
    keys = {f"KEY_{each.name[-1]}x": each.api_key for each in sandbox.workspaces}
    config = own_keys("1x", "2x") + "rate = 7\n"
    before = len(received(sandbox, operation=None))
    ran = run(sandbox, leads, "--workspace", "2X", config=config, **keys)
    assert ran.exit_code == 0, ran.err
    assert ran.record["workspace"]["id"] == SECOND
    assert ran.record["settings"]["pace"]["rate"] == 7
    asked = received(sandbox, operation=None)[before:]
    assert {(line["key"], line["workspaceId"]) for line in asked} == {
        ("workspace", FIRST),  # its key is proven, too
        ("workspace", SECOND),
    }


def test_all_keys_that_fail_are_told_at_once(sandbox: Sandbox, leads: Path) -> None:
    config = own_keys("A", "B", "C") + 'workspace_id = "nowhere"\n'
    ran = run(
        sandbox,
        leads,
        *("--workspace", "A"),
        config=config,
        KEY_A="sk_wrong",
        KEY_C=sandbox.api_key,
    )
    assert ran.exit_code == 2
    for told in (
        f'[workspaces."A"]: {sandbox.base_url} refused the API key (401: ',
        '[workspaces."B"]: KEY_B is not set; expected the API key there.',
        '[workspaces."C"]: The key does not see the workspace nowhere; it sees Workspace 1 ',
    ):
        assert told in ran.err
    assert "sk_wrong" not in ran.err


def test_without_any_key_each_workspace_is_named_that_lacks_its_own(
    sandbox: Sandbox, leads: Path
) -> None:
    ran = run(sandbox, leads, config=own_keys("A", "B"))
    assert ran.exit_code == 2
    for name in ("A", "B"):
        told = f'[workspaces."{name}"]: KEY_{name} is not set; expected the API key there.'
        assert told in ran.err.splitlines()


def test_a_workspace_whose_key_failed_is_gone_on_with_by_its_new_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    of_first = (f"ca{1:022x}", f"1ead{1:08x}{1:012x}", "Hot")
    rows = [(*of_first, "eins"), (*LEAD, "ZWEI")]
    path = write_rows(tmp_path / "leads.csv", (*HEADER, "workspace"), rows)
    given = {"config": own_keys("eins", "zwei"), "KEY_eins": sandbox.api_key}
    ran = run(sandbox, path, "--skip-failed-workspaces", **given, KEY_zwei="sk_revoked")
    assert ran.exit_code == 3, ran.err
    assert [row["result"] for row in ran.results] == ["success", "unsent"]
    assert f"zwei: {sandbox.base_url} refused the API key" in ran.err
    keys = {"KEY_eins": sandbox.api_key, "KEY_zwei": sandbox.workspaces[1].api_key}
    own = ("--config", "own.toml")
    again = sendkit_batch("resume", ran.folder, *own, "--yes", cwd=tmp_path, env=keys)
    assert again.exit_code == 0, again.err
    for part in ("workspace-1", "zwei"):  # each by the key of its section, whatever it is called
        folder = ran.folder / "parts" / part
        verified = sendkit_batch("verify", folder, *own, cwd=tmp_path, env=keys)
        assert verified.exit_code == 0, verified.err


def test_a_column_workspace_is_the_users_own_with_a_workspace_key(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    rows = [(*LEAD, "Sales North"), (*LEAD[:2], "", "")]
    path = write_rows(tmp_path / "leads.csv", (*HEADER, "Workspace"), rows)
    ran = run(sandbox, path, key=sandbox.workspaces[1].api_key)
    assert ran.exit_code == 0, ran.err
    assert [row["Workspace"] for row in read_rows(ran.folder / "results.csv")] == [
        "Sales North",
        "",
    ]
    assert ran.record["input"]["found"]["columns"].keys() == set(HEADER)


def test_a_check_takes_an_address_in_two_workspaces_for_two_leads(tmp_path: Path) -> None:
    rows = [
        ("Acme", "Spring", "a@example.com", "Hot"),
        ("Beta", "Spring", "a@example.com", "Cold"),
        ("acme", "Spring", "a@example.com", "Warm"),
    ]
    header = ("workspace", "campaign", "email", "aiTag")
    path = write_rows(tmp_path / "leads.csv", header, rows)
    words = ("check", path, "--map", "workspace=workspace", "--problems", "p.csv")
    sendkit_batch(*words, cwd=tmp_path)
    assert [(row["line"], row["reason"]) for row in read_rows(tmp_path / "p.csv")] == [
        ("2", "conflict"),
        ("4", "conflict"),
    ]


def test_practice_knows_one_workspace(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "leads.csv", (*HEADER, "workspace"), [(*LEAD, "Acme")])
    ran = sendkit_batch("run", path, "--sandbox", "--map", "workspace=workspace", cwd=tmp_path)
    assert ran.exit_code == 0, ran.err
    assert "workspace" not in ran.record["input"]["found"]["columns"]


def test_a_mapped_column_with_another_workspace_that_is_known_is_refused(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    known = write_rows(tmp_path / "known.csv", HEADER, [LEAD])
    assert run(sandbox, known, key=sandbox.workspaces[1].api_key).exit_code == 0
    of_first = (f"ca{1:022x}", f"1ead{1:08x}{1:012x}", "Hot")
    rows = [(*of_first, "Workspace 1"), (*of_first, "Nowhere"), (*LEAD, "workspace 2")]
    path = write_rows(tmp_path / "leads.csv", (*HEADER, "Account"), rows)
    before, words = asked(sandbox), ("--map", "workspace=Account")
    ran = run(sandbox, path, *words, key=sandbox.api_key)
    assert (ran.exit_code, asked(sandbox)) == (2, before)
    assert (
        "Nothing was sent. leads.csv line 4 names the workspace Workspace 2, and the key is of "
        "Workspace 1. Use a platform key, or give each workspace its key under [workspaces] of "
        "your settings." in ran.err
    )
    path = write_rows(path, (*HEADER, "Account"), rows[:2])
    ran = run(sandbox, path, *words, "--out", "out", key=sandbox.api_key)
    assert ran.exit_code == 1, ran.err
    rest = read_rows(tmp_path / "out" / "results.csv")
    assert rest[1]["reason"] == "unknown_workspace"


def test_a_strangers_run_does_not_say_to_which_workspace_a_key_goes(
    sandbox: Sandbox, leads: Path
) -> None:
    ran = run(sandbox, leads, "--workspace", SECOND, key=sandbox.platform_key)
    elsewhere = {"SENDKIT_API_KEY": sandbox.platform_key, "XDG_STATE_HOME": str(leads.parent / "x")}
    words = ("verify", ran.folder)
    refused = sendkit_batch(*words, cwd=leads.parent, env=elsewhere)
    assert refused.exit_code == 2
    assert "needs the id of a workspace" in refused.err
    address = ("--base-url", sandbox.base_url)  # that is a yes to this very run
    assert sendkit_batch(*words, *address, cwd=leads.parent, env=elsewhere).exit_code == 0
