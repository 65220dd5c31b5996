import httpx
import pytest
from pydantic import SecretStr

from batch.api.sendkit import Access, KeyRefusedError, SendKit, Timeouts, Workspace
from batch.errors import SettingsError
from batch.jobs.preflight import Preflight, ask_server
from tests.support.answering import Answering

pytestmark = pytest.mark.anyio

WORKSPACES = {"data": [{"_id": "w1", "name": "Acme"}, {"_id": "w2", "name": "Beta"}]}
TAGS = {"data": [{"name": "Interested"}, {"name": "Not now"}]}


class Clock:
    """A clock that only sleeping and answers move.

    slept_s: each sleep since it was asked for by us. answers_s: what the next answers take.
    """

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.answers_s: list[float] = []
        self.slept_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.slept_s.append(seconds)


def waiting(seconds: int, *, status: int = 429) -> httpx.Response:
    return httpx.Response(status, headers={"Retry-After": str(seconds)}, json={"error": "later"})


async def ask(
    *,
    clock: Clock | None = None,
    workspaces: httpx.Response | None = None,
    tags: httpx.Response | None = None,
    workspace_id: str | None = None,
    tag_check: bool = True,
) -> tuple[Preflight, list[str]]:
    """What came of asking, and the paths that were asked for."""
    asked: list[str] = []
    ticking = clock or Clock()
    answers = {
        "/v1/workspaces": workspaces or httpx.Response(200, json=WORKSPACES),
        "/v1/tags": tags or httpx.Response(200, json=TAGS),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        ticking.now_s += ticking.answers_s.pop(0) if ticking.answers_s else 0.0
        return answers[request.url.path]

    access = Access(
        base_url="https://api.sendkit.ai", api_key=SecretStr("sk_x"), workspace_id=workspace_id
    )
    async with SendKit(
        access,
        timeouts=Timeouts(connect_s=1, write_s=1, read_s=1, attempt_s=1),
        transport=Answering(answer),
        sleep=ticking.sleep,
    ) as api:
        preflight = await ask_server(
            api, workspace_id=workspace_id, tag_check=tag_check, clock=ticking, sleep=ticking.sleep
        )
    return preflight, asked


async def test_a_workspace_key_has_the_workspace_that_it_sees() -> None:
    preflight, _ = await ask()
    assert preflight == Preflight(
        workspace=Workspace(id="w1", name="Acme"), labels=("Interested", "Not now")
    )


async def test_the_quickest_answer_tells_the_latency() -> None:
    clock = Clock()
    clock.answers_s = [0.9, 0.2]  # the first one has to connect
    preflight, _ = await ask(clock=clock)
    assert preflight.latency_s == pytest.approx(0.2)


async def test_a_platform_key_works_in_the_workspace_of_its_id() -> None:
    preflight, _ = await ask(workspace_id="w2")
    assert preflight.workspace == Workspace(id="w2", name="Beta")


async def test_a_platform_key_that_does_not_see_its_workspace_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        await ask(workspace_id="w3")
    assert str(caught.value) == (
        "The key does not see the workspace w3; it sees Acme (w1), Beta (w2)."
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


@pytest.mark.parametrize("status", [408, 429, 503, 522])
async def test_a_wait_asked_for_with_the_labels_is_kept_for_what_is_sent(status: int) -> None:
    preflight, _ = await ask(tags=waiting(40, status=status))
    assert preflight.held_until == 1040.0
    assert preflight.hold_why == f"HTTP {status}, Retry-After 40 s"
    assert preflight.labels_failed


@pytest.mark.parametrize("status", [302, 403, 404, 501])
async def test_a_wait_with_a_final_refusal_is_no_order(status: int) -> None:
    clock = Clock()
    preflight, asked = await ask(workspaces=waiting(40, status=status), clock=clock)
    assert (asked, clock.slept_s) == (["/v1/workspaces", "/v1/tags"], [])
    assert preflight.held_until is None


async def test_the_last_of_three_waits_counts_from_the_last_answer_on() -> None:
    clock = Clock()
    preflight, asked = await ask(tags=waiting(20), clock=clock)
    assert asked.count("/v1/tags") == 3
    assert clock.slept_s == [20.0, 20.0]
    assert preflight.held_until == 1060.0


async def test_a_wait_asked_for_with_the_workspace_holds_the_labels_back() -> None:
    clock = Clock()
    preflight, asked = await ask(workspaces=waiting(30, status=503), clock=clock)
    assert clock.slept_s == [30.0, 30.0, 30.0]
    assert asked == ["/v1/workspaces"] * 3 + ["/v1/tags"]
    assert preflight.labels == ("Interested", "Not now")
    assert (preflight.held_until, preflight.hold_why) == (None, "")


async def test_labels_are_not_asked_for_where_the_workspace_asks_to_wait_too_long() -> None:
    clock = Clock()
    preflight, asked = await ask(workspaces=waiting(31), clock=clock)
    assert (asked, clock.slept_s) == (["/v1/workspaces"], [])
    assert preflight == Preflight(
        workspace=None,
        labels=None,
        labels_failed=True,
        notes=(
            "The workspace could not be read: GET /v1/workspaces: answered 429 (later).",
            (
                "The workspace's labels could not be read, tags are not checked: "
                "not asked for, since the server asks to wait (HTTP 429, Retry-After 31 s)."
            ),
        ),
        held_until=1031.0,
        hold_why="HTTP 429, Retry-After 31 s",
    )


async def test_of_two_waits_the_later_end_counts() -> None:
    clock = Clock()
    preflight, _ = await ask(
        workspaces=waiting(25, status=503), tags=waiting(1, status=429), clock=clock
    )
    # three times 25 s for the workspaces, and three times 1 s for the labels, the last still open
    assert clock.slept_s == [25.0, 25.0, 25.0, 1.0, 1.0]
    assert (preflight.held_until, preflight.hold_why) == (1078.0, "HTTP 429, Retry-After 1 s")
    preflight, _ = await ask(workspaces=waiting(600), tag_check=False)
    assert (preflight.held_until, preflight.hold_why) == (1600.0, "HTTP 429, Retry-After 600 s")


@pytest.mark.parametrize("failed", [httpx.Response(429), waiting(0)])
async def test_a_failure_without_a_wait_holds_nothing_back(failed: httpx.Response) -> None:
    preflight, _ = await ask(tags=failed)
    assert (preflight.held_until, preflight.hold_why) == (None, "")
