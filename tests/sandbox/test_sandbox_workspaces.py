"""Several workspaces of one sandbox: whose the leads, labels, budgets and faults are."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from batch.sandbox.options import Options, SandboxError
from batch.sandbox.world import make_world
from tests.support.in_process import start_sandbox
from tests.support.sandbox_client import CAMPAIGN, KEY, LEAD, PLATFORM, SECOND, URL, client_of

pytestmark = pytest.mark.anyio

FIRST, OTHER = (f"a0{number:022x}" for number in (1, 2))
TWO = Options(made_workspaces=2, campaigns=1, leads=1, labels=("Hot",))
OTHER_URL = "/v1/campaigns/ca0000000000000000000002/leads/1ead00000002000000000001"
PAUSE = {"status": "paused"}


def platform(workspace: str) -> dict[str, str]:
    return {"X-Api-Key": PLATFORM, "X-Workspace-Id": workspace}


async def statuses(client: httpx.AsyncClient, *asked: tuple[dict[str, str], str]) -> list[int]:
    """What PATCH of these leads, with these headers, is answered with."""
    return [
        (await client.patch(url, json=PAUSE, headers=headers)).status_code for headers, url in asked
    ]


async def test_each_of_several_workspaces_has_leads_of_its_own() -> None:
    async with client_of(TWO, key=None) as client:
        found = await statuses(
            client,
            ({"X-Api-Key": KEY}, URL),
            ({"X-Api-Key": KEY}, OTHER_URL),
            ({"X-Api-Key": SECOND}, OTHER_URL),
            (platform(FIRST), URL),
            (platform(FIRST), OTHER_URL),
            (platform(OTHER), OTHER_URL),
            ({"X-Api-Key": PLATFORM}, URL),
        )
    assert found == [200, 404, 200, 200, 404, 200, 400]


def test_the_leads_of_one_workspace_are_those_of_today() -> None:
    [alone] = make_world(Options(campaigns=2, leads=3)).workspaces.values()
    [first, second] = make_world(
        Options(campaigns=2, leads=3, made_workspaces=2)
    ).workspaces.values()
    assert [*alone.campaigns] == [*first.campaigns]
    assert first.campaigns.keys().isdisjoint(second.campaigns)
    assert first.campaigns[CAMPAIGN].lead_ids == alone.campaigns[CAMPAIGN].lead_ids
    assert (first.name, second.name) == ("Workspace 1", "Workspace 2")


def test_a_file_says_whose_leads_and_tags_they_are(tmp_path: Path) -> None:
    seed = tmp_path / "leads.csv"
    rows = [("Acme", "1" * 24, "Hot"), ("", "2" * 24, "Cold"), ("beta", "3" * 24, "Warm")]
    lines = [f"{workspace},{'c' * 24},{lead},{tag}" for workspace, lead, tag in rows]
    seed.write_text("workspace,campaignId,campaignLeadId,aiTag\n" + "\n".join(lines))
    options = Options(
        seed_csv=seed,
        workspaces=("Acme", "Empty"),
        labels=("Everywhere",),
        workspace_labels=("BETA=Beta's own", "Empty=Lonely"),
    )
    world = make_world(options)
    assert {
        each.name: ([*each.campaigns], [*each.labels]) for each in world.workspaces.values()
    } == {
        "Acme": (["c" * 24], ["Everywhere", "Hot", "Cold"]),
        "Empty": ([], ["Lonely"]),
        "beta": (["c" * 24], ["Everywhere", "Beta's own", "Warm"]),
    }
    assert [*world.first.campaigns["c" * 24].leads] == ["1" * 24, "2" * 24]


def test_a_label_of_no_workspace_is_refused() -> None:
    options = Options(workspaces=("Acme",), workspace_labels=("Beta=Hot",))
    with pytest.raises(SandboxError) as caught:
        make_world(options)
    told = '--workspace-label: found "Beta=Hot"; expected WORKSPACE=LABEL, as "Acme=Interested".'
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("limit_by", "found"),
    [
        # by: a workspace key, the platform key in the same workspace, then in another one.
        ("key", [200, 200, 429]),
        ("workspace", [200, 429, 200]),
        ("all", [200, 429, 429]),
    ],
)
async def test_a_budget_is_a_key_s_a_workspace_s_or_everybody_s(
    limit_by: str, found: list[int]
) -> None:
    options = replace(TWO, rate_limit="fixed:1/h", limit_by=limit_by)
    asked = [({"X-Api-Key": KEY}, URL), (platform(FIRST), URL), (platform(OTHER), OTHER_URL)]
    async with client_of(options, key=None) as client:
        assert await statuses(client, *asked) == found


async def test_a_wrong_owner_of_budgets_and_a_wrong_limit_are_refused_at_the_start() -> None:
    for options, told in (
        (Options(limit_by="user"), '--limit-by: found "user"; expected key, workspace, all.'),
        (Options(rate_limit="60"), '--rate-limit: found "60"; '),
    ):
        with pytest.raises(SandboxError) as caught:
            client_of(options)
        assert str(caught.value).startswith(told)


@pytest.mark.parametrize("name", ["workspace 2", OTHER, f"Nobody;{OTHER}"])
async def test_a_fault_can_concern_one_workspace(name: str) -> None:
    options = replace(TWO, faults=(f"status=401,on=any,workspace={name}",))
    async with client_of(options, key=None) as client:
        asked = [(platform(FIRST), URL), (platform(OTHER), OTHER_URL)]
        assert await statuses(client, *asked, ({"X-Api-Key": SECOND}, OTHER_URL)) == [200, 401, 401]
        lists = [
            (await client.get("/v1/workspaces", headers=headers)).status_code
            for headers in ({"X-Api-Key": PLATFORM}, {"X-Api-Key": KEY}, {"X-Api-Key": SECOND})
        ]
    assert lists == [200, 200, 401]


async def test_what_a_platform_key_sees_names_workspaces() -> None:
    async with client_of(TWO, key=PLATFORM) as client:
        leads = (await client.get("/sandbox/leads.csv")).text.splitlines()
        state = (await client.get("/sandbox/state")).json()
    assert leads[0] == "workspace,campaignId,campaignLeadId,email,status,aiTag"
    assert [line.split(",")[:2] for line in leads[1:]] == [
        ["Workspace 1", CAMPAIGN],
        ["Workspace 2", OTHER_URL.split("/")[3]],
    ]
    assert state[CAMPAIGN][LEAD]["status"] == "active"
    assert len(state) == 2


def test_it_tells_its_workspaces_and_logs_whose_each_request_is() -> None:
    with start_sandbox(TWO) as sandbox:
        for headers in (
            {"X-Api-Key": sandbox.platform_key, "X-Workspace-Id": OTHER},
            {"X-Api-Key": sandbox.workspaces[1].api_key},
            {"X-Api-Key": sandbox.platform_key},
        ):
            httpx.get(f"{sandbox.base_url}/v1/tags", headers=headers)
        lines = sandbox.log_path.read_text().splitlines()
    assert [each.name for each in sandbox.workspaces] == ["Workspace 1", "Workspace 2"]
    assert [each.id for each in sandbox.workspaces] == [FIRST, OTHER]
    assert [json.loads(line)["workspaceId"] for line in lines] == [OTHER, OTHER, None]
