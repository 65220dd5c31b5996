"""Which workspaces rows may name, and by which keys, against the sandbox."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import SettingsError, UsageError
from batch.jobs.request import Guardrails, NamedAccess, Reading, Request, Session, Source
from batch.jobs.workspaces import Target, default_workspace, find_targets, one_target
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from batch.settings.model import Settings
from batch.settings.values import Rate
from tests.support.in_process import start_sandbox

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = (f"a0{number:022x}" for number in (1, 2, 3))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox(Options(made_workspaces=3, campaigns=1, leads=1)) as sandbox:
        yield sandbox


def asked(
    sandbox: Sandbox,
    folder: Path,
    *,
    key: str = "",
    own: Mapping[str, str] | None = None,
    said: Mapping[str, Mapping[str, object]] | None = None,
    workspace_id: str | None = None,
    **others: Guardrails | Reading,
) -> Request:
    """A request with a key, workspaces' own keys by name, and what the settings say of them."""

    def access(text: str) -> Access:
        return Access(base_url=sandbox.base_url, api_key=SecretStr(text), workspace_id=None)

    workspaces = {name: {"api_key_env": "X"} for name in own or ()} | dict(said or {})
    main = replace(access(key), workspace_id=workspace_id) if key else None
    named = tuple(
        NamedAccess(name=name, access=access(text) if text else None, failure="" if text else "No.")
        for name, text in (own or {}).items()
    )
    return Request(
        source=Source(name="leads.csv", path=folder / "leads.csv"),
        settings=Settings.model_validate({"workspaces": workspaces, "pace": {"rate": 50}}),
        session=Session(
            state_dir=folder / "state",
            access=main or next(each.access for each in named if each.access),
            workspaces=named,
        ),
        **others,  # type: ignore[arg-type]  # each by its name
    )


def told(targets: tuple[Target, ...]) -> list[tuple[str, str | None, str]]:
    return [(t.workspace.id, t.key.workspace_id, t.name_in_settings) for t in targets]


async def test_a_platform_key_finds_all_but_those_that_have_keys_of_their_own(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    own = {"Mine": sandbox.workspaces[1].api_key}
    said: dict[str, dict[str, object]] = {
        "Mine": {"api_key_env": "X", "daily": 7},
        "workspace 3": {"rate": 5},
    }
    request = asked(sandbox, tmp_path, key=sandbox.platform_key, own=own, said=said)
    targets = await find_targets(request)
    assert told(targets) == [
        (SECOND, None, "Mine"),
        (FIRST, FIRST, ""),
        (THIRD, THIRD, "workspace 3"),
    ]
    assert [t.settings.pace.daily for t in targets] == [7, 0, 0]
    assert [t.settings.pace.rate for t in targets] == [Rate(per_s=n) for n in (50, 50, 5)]
    assert targets[0].names == ("Workspace 2", "Mine")


async def test_a_workspace_key_reaches_its_own_workspace_beside_those_of_the_settings(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    own = {"Mine": sandbox.workspaces[1].api_key}
    request = asked(sandbox, tmp_path, key=sandbox.api_key, own=own)
    assert told(await find_targets(request)) == [(SECOND, None, "Mine"), (FIRST, None, "")]


async def test_where_only_workspaces_have_keys_there_are_no_others(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    request = asked(sandbox, tmp_path, own={"Mine": sandbox.workspaces[1].api_key})
    [only] = await find_targets(request)
    assert told((only,)) == [(SECOND, None, "Mine")]


async def test_a_workspace_has_one_key(sandbox: Sandbox, tmp_path: Path) -> None:
    key = sandbox.workspaces[1].api_key
    request = asked(sandbox, tmp_path, own={"A": key, "B": key})
    with pytest.raises(UsageError) as caught:
        await find_targets(request)
    assert str(caught.value) == (
        'Nothing was sent.\n[workspaces."B"]: The key is of the workspace Workspace 2, as that of '
        '[workspaces."A"] is.'
    )


async def test_those_that_fail_are_gone_on_without_if_that_is_asked_for_unless_all_do(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    skip = Guardrails(skip_failed_workspaces=True)
    own = {"Good": sandbox.api_key, "Gone": "sk_revoked", "Unset": ""}
    good, gone, unset = await find_targets(asked(sandbox, tmp_path, own=own, guardrails=skip))
    assert (good.failure, gone.workspace.id, unset.workspace.name) == ("", "Gone", "Unset")
    assert gone.failure.startswith(f"{sandbox.base_url} refused the API key")
    assert unset.failure == "No."
    with pytest.raises(ValueError, match="Gone can't be reached"):
        _ = gone.key
    with pytest.raises(SettingsError, match="refused the API key"):
        one_target("gone", (good, gone))
    with pytest.raises(UsageError):
        await find_targets(asked(sandbox, tmp_path, own={"Gone": "sk_revoked"}, guardrails=skip))


@pytest.mark.parametrize(
    ("reading", "workspace_id", "default"),
    [
        (Reading(), None, None),
        (Reading(workspace="workspace 2"), THIRD, SECOND),
        (Reading(), THIRD, THIRD),  # as was set for a platform key
        (Reading(), "f" * 24, None),
    ],
)
async def test_rows_that_name_none_are_of_the_workspace_that_was_named_for_them(
    sandbox: Sandbox, tmp_path: Path, reading: Reading, workspace_id: str, default: str | None
) -> None:
    request = asked(
        sandbox, tmp_path, key=sandbox.platform_key, workspace_id=workspace_id, reading=reading
    )
    assert default_workspace(request, await find_targets(request)) == default
