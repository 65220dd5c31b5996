import httpx
import pytest
from pydantic import SecretStr

from batch.errors import SettingsError
from batch.preflight import Preflight, ask_server
from batch.sendkit import Access, KeyRefusedError, SendKit, Timeouts, Workspace

pytestmark = pytest.mark.anyio

WORKSPACES = {"data": [{"_id": "w1", "name": "Acme"}, {"_id": "w2", "name": "Beta"}]}
TAGS = {"data": [{"name": "Interested"}, {"name": "Not now"}]}


async def no_sleep(_seconds: float) -> None:
    pass


async def ask(
    *,
    workspaces: httpx.Response | None = None,
    tags: httpx.Response | None = None,
    workspace_id: str | None = None,
    tag_check: bool = True,
) -> tuple[Preflight, list[str]]:
    """What came of asking, and the paths that were asked for."""
    asked: list[str] = []
    answers = {
        "/v1/workspaces": workspaces or httpx.Response(200, json=WORKSPACES),
        "/v1/tags": tags or httpx.Response(200, json=TAGS),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answers[request.url.path]

    access = Access(
        base_url="https://api.sendkit.ai", api_key=SecretStr("sk_x"), workspace_id=workspace_id
    )
    async with SendKit(
        access,
        timeouts=Timeouts(connect_s=1, write_s=1, read_s=1, attempt_s=1),
        transport=httpx.MockTransport(answer),
        sleep=no_sleep,
    ) as api:
        return await ask_server(api, workspace_id=workspace_id, tag_check=tag_check), asked


async def test_a_workspace_key_has_the_workspace_that_it_sees() -> None:
    preflight, _ = await ask()
    assert preflight == Preflight(
        workspace=Workspace(id="w1", name="Acme"), labels=("Interested", "Not now")
    )


async def test_a_platform_key_works_in_the_workspace_of_its_id() -> None:
    preflight, _ = await ask(workspace_id="w2")
    assert preflight.workspace == Workspace(id="w2", name="Beta")


async def test_a_platform_key_that_does_not_see_its_workspace_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        await ask(workspace_id="w3")
    assert str(caught.value) == (
        "The key does not see the workspace w3; it sees Acme (w1), Beta (w2). "
        "Correct SENDKIT_WORKSPACE_ID, or workspace_id under [api]."
    )


async def test_a_platform_key_that_sees_no_workspace_is_refused() -> None:
    with pytest.raises(SettingsError, match="the workspace w3; it sees none"):
        await ask(workspace_id="w3", workspaces=httpx.Response(200, json={"data": []}))


async def test_a_workspace_key_that_sees_no_workspace_goes_on() -> None:
    preflight, _ = await ask(workspaces=httpx.Response(200, json={"data": []}))
    assert preflight.workspace is None


@pytest.mark.parametrize("which", ["workspaces", "tags"])
async def test_a_401_ends_the_job(which: str) -> None:
    refused = httpx.Response(401, json={"error": "no"})
    with pytest.raises(KeyRefusedError):
        await ask(
            workspaces=refused if which == "workspaces" else None,
            tags=refused if which == "tags" else None,
        )


async def test_any_other_failure_is_told_and_the_job_goes_on() -> None:
    preflight, _ = await ask(
        workspaces=httpx.Response(403, json={"error": "not yours"}),
        tags=httpx.Response(404, json={"error": "gone"}),
    )
    assert preflight == Preflight(
        workspace=None,
        labels=None,
        labels_failed=True,
        notes=(
            "The workspace could not be read: GET /v1/workspaces: answered 403 (not yours).",
            (
                "The workspace's labels could not be read, tags are not checked: "
                "GET /v1/tags: answered 404 (gone)."
            ),
        ),
    )


async def test_a_platform_key_goes_on_when_the_workspaces_could_not_be_read() -> None:
    preflight, _ = await ask(workspace_id="w3", workspaces=httpx.Response(404))
    assert preflight.workspace is None
    assert len(preflight.notes) == 1


async def test_without_a_tag_check_the_labels_are_not_asked_for() -> None:
    preflight, asked = await ask(tag_check=False)
    assert asked == ["/v1/workspaces"]
    assert preflight.labels is None
    assert not preflight.labels_failed


async def test_a_workspace_without_labels_is_known_to_have_none() -> None:
    preflight, _ = await ask(tags=httpx.Response(200, json={"data": []}))
    assert preflight.labels == ()
    assert not preflight.labels_failed
