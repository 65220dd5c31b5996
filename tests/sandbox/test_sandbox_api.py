from pathlib import Path
from typing import Any

import httpx
import pytest

from batch.sandbox.options import Options, SandboxError
from batch.sandbox.state import own_id
from batch.sandbox.world import make_world
from tests.support.sandbox_client import (
    CAMPAIGN,
    KEY,
    LEAD,
    PLATFORM,
    SECOND,
    URL,
    WORKSPACE,
    client_of,
)

pytestmark = pytest.mark.anyio

LABELS = ("Interested", "Keen", "Meeting booked", "Not now")
STATUSES = "pending, active, paused, completed, bounced, unsubscribed, replied, removed"
RULES = ("Interested=Warm leads", "Keen=Warm leads", "Meeting booked=Preparation")


def told(answer: httpx.Response) -> tuple[int, object]:
    body = answer.json()
    return answer.status_code, body.get("message", body.get("error"))


async def patch(client: httpx.AsyncClient, **body: object) -> Any:  # noqa: ANN401 - JSON
    answer = await client.patch(URL, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("key", [None, "", "sk_sandbox_1", f"{KEY}x", KEY[:-1], SECOND, "sk_ä"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sandbox/state"), ("GET", "/sandbox/leads.csv"), ("POST", "/sandbox/faults")],
)
async def test_what_it_holds_is_shown_to_its_key_alone(
    method: str, path: str, key: str | None
) -> None:
    headers = {} if key is None else {b"X-Api-Key": key.encode()}
    async with client_of(Options(workspaces=("One", "Two")), key=None) as client:
        answer = await client.request(method, path, content="[]", headers=headers)
    assert told(answer) == (401, "X-Api-Key is missing or not this sandbox's")


@pytest.mark.parametrize("key", [KEY, PLATFORM])
async def test_what_it_holds_is_shown_to_its_keys(key: str) -> None:
    async with client_of(key=key) as client:
        answers = [await client.get("/sandbox/state"), await client.get("/sandbox/leads.csv")]
        answers.append(await client.post("/sandbox/faults", json=[]))
    assert [answer.status_code for answer in answers] == [200, 200, 200]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("", 400),
        ("attacker.example", 400),
        ("127.0.0.1.attacker.example", 400),
        ("www.localhost", 400),
        ("127.0.0.1@attacker.example", 400),
        ("169.254.169.254", 400),
    ],
)
async def test_it_answers_only_to_names_of_this_machine(host: str, status: int) -> None:
    async with client_of() as client:
        for path in ("/sandbox/state", "/v1/tags"):
            assert (await client.get(path, headers={"Host": host})).status_code == status


@pytest.mark.parametrize("key", ["", "mine", "sk_user_mine", "sk_a b", "sk_", "sk_" + "a" * 201])
def test_a_fixed_key_looks_like_one_of_a_workspace(key: str) -> None:
    with pytest.raises(SandboxError) as caught:
        make_world(Options(key=key))
    assert str(caught.value) == (
        "--key: found what is no practice key (not shown); expected sk_ and up to 200 letters, "
        "digits, hyphens and underscores, not beginning with sk_user_."
    )


async def test_a_patch_answers_with_the_whole_record_as_it_is_now() -> None:
    async with client_of(Options(labels=LABELS)) as client:
        answer = await patch(client, status="paused", aiTag="Not now")
    assert answer == {
        "success": True,
        "data": {
            "_id": LEAD,
            "campaignId": CAMPAIGN,
            "leadId": {
                "_id": own_id(LEAD),
                "email": "bruno.1.1@example.com",
                "firstName": "Bruno",
                "lastName": "Example-1",
                "companyName": "Borealis",
            },
            "status": "paused",
            "aiTag": "Not now",
            "currentSequenceStep": 1,
            "replied": False,
            "addedAt": "2026-01-05T09:00:00.000Z",
        },
    }


async def test_a_field_that_is_absent_stays_and_null_clears_the_tag() -> None:
    async with client_of(Options(labels=LABELS)) as client:
        await patch(client, status="paused", aiTag="Not now")
        kept = (await patch(client, status="active"))["data"]
        cleared = (await patch(client, aiTag=None))["data"]
    assert (kept["status"], kept["aiTag"]) == ("active", "Not now")
    assert (cleared["status"], cleared["aiTag"]) == ("active", None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"status": "done"}', (422, "status must be active or paused")),
        (b'{"status": null}', (422, "status must be active or paused")),
        (b'{"status": ["active"]}', (422, "status must be active or paused")),
        (b'{"aiTag": "not now"}', (422, "aiTag must be null or a label of this workspace")),
        (b'{"aiTag": "\\ud800"}', (422, "aiTag must be null or a label of this workspace")),
        (b'{"aiTag": ["Not now"]}', (422, "aiTag must be null or a label of this workspace")),
        (b'{"aiTag": ""}', (422, "aiTag must be null or a label of this workspace")),
        (b'{"tag": "Not now"}', (400, "The body may only have aiTag and status")),
        (b'{"status": "active", "x": 1}', (400, "The body may only have aiTag and status")),
        (b"{}", (400, "The body must be a JSON object that is not empty")),
        (b"[1]", (400, "The body must be a JSON object that is not empty")),
        (b"", (400, "The body is not valid JSON")),
        (b'{"status": NaN}', (400, "The body is not valid JSON")),
        (b'{"status": "\xff"}', (400, "The body is not valid JSON")),
        (b"[" * 100_000, (400, "The body is not valid JSON")),
    ],
)
async def test_a_body_that_the_api_does_not_document_is_refused(
    body: bytes, expected: tuple[int, str]
) -> None:
    async with client_of(Options(labels=LABELS)) as client:
        headers = {"Content-Type": "application/json"}
        assert told(await client.patch(URL, content=body, headers=headers)) == expected
        assert '"paused"' not in (await client.get("/sandbox/state")).text


async def test_only_json_is_taken_with_or_without_a_charset() -> None:
    async with client_of() as client:
        codes = [
            (
                await client.patch(
                    URL, content=b'{"status": "paused"}', headers={"Content-Type": kind}
                )
            ).status_code
            for kind in ("application/json", "Application/JSON; charset=utf-8", "text/plain")
        ]
    assert codes == [200, 200, 415]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL.replace(LEAD, own_id(LEAD)), (404, "Campaign lead not found")),
        (URL.replace(CAMPAIGN, "ca0000000000000000000002"), (404, "Campaign lead not found")),
        (URL.replace(CAMPAIGN, "0" * 24), (404, "Campaign not found")),
        (URL.replace(LEAD, LEAD.upper()), (400, "lead_id in the path is not a valid id")),
        (URL.replace(CAMPAIGN, "x"), (400, "campaign_id in the path is not a valid id")),
        (URL + "/", (404, "No such call")),
        (URL.replace(LEAD, f"{LEAD}%2Fx"), (404, "No such call")),
    ],
)
async def test_an_address_that_names_no_lead_of_the_campaign_is_refused(
    url: str, expected: tuple[int, str]
) -> None:
    async with client_of() as client:
        assert told(await client.patch(url, json={"status": "paused"})) == expected


async def test_other_methods_and_paths_are_no_calls() -> None:
    async with client_of() as client:
        for method, path in (("PUT", URL), ("GET", URL), ("DELETE", "/v1/tags"), ("GET", "/")):
            assert told(await client.request(method, path)) == (404, "No such call")


Moves = list[tuple[str, str] | None]

WARM, PREPARED = "Warm leads", "Preparation"


@pytest.mark.parametrize(
    ("tags", "moves", "end"),
    [
        # each with the rules Interested -> Warm leads, Meeting booked -> Preparation
        (["Not now", None], [None, None], ("active", None)),
        (["Interested"], [("enrolled", WARM)], ("active", WARM)),
        (["Interested", "Interested"], [("enrolled", WARM), None], ("active", WARM)),
        (["Interested", "Keen"], [("enrolled", WARM), None], ("active", WARM)),
        (["Interested", "Not now"], [("enrolled", WARM), ("exited", WARM)], ("completed", None)),
        (["Interested", None], [("enrolled", WARM), ("exited", WARM)], ("completed", None)),
        (
            ["Interested", "Meeting booked"],
            [("enrolled", WARM), ("switched", PREPARED)],
            ("active", PREPARED),
        ),
        (
            ["Interested", None, None, "Interested"],
            [("enrolled", WARM), ("exited", WARM), None, ("enrolled", WARM)],
            ("completed", WARM),
        ),
    ],
)
async def test_a_tag_that_really_changes_moves_the_lead_as_documented(
    tags: list[str | None], moves: Moves, end: tuple[str, str | None]
) -> None:
    assert await moves_of(tags, Options(labels=LABELS, subsequences=RULES)) == (moves, end)


@pytest.mark.parametrize(
    ("tags", "moves", "end"),
    [
        (["Interested", "Keen"], [("enrolled", WARM), None], WARM),
        (
            ["Interested", "Meeting booked"],
            [("enrolled", WARM), ("skippedInProgress", PREPARED)],
            WARM,
        ),
        (["Interested", "Not now"], [("enrolled", WARM), ("skippedInProgress", WARM)], WARM),
        (["Interested", None, None], [("enrolled", WARM), ("skippedInProgress", WARM), None], WARM),
    ],
)
async def test_a_lead_that_its_subsequence_has_mailed_stays_in_it(
    tags: list[str | None], moves: Moves, end: str
) -> None:
    options = Options(labels=LABELS, subsequences=RULES, skip_in_progress=True)
    assert await moves_of(tags, options) == (moves, ("active", end))


async def moves_of(
    tags: list[str | None], options: Options
) -> tuple[Moves, tuple[str, str | None]]:
    """How tags that are set one after another move a lead, and its status and subsequence then."""
    async with client_of(options) as client:
        found = [(await patch(client, aiTag=tag))["data"] for tag in tags]
        lead = (await client.get("/sandbox/state")).json()[CAMPAIGN][LEAD]
    assert lead["aiTag"] == tags[-1]
    moves = [data.get("subsequenceEnrollment") for data in found]
    told = [move and (move["action"], move["subsequenceName"]) for move in moves]
    return told, (lead["status"], lead["subsequence"])


async def test_a_lead_that_is_taken_out_is_completed_whatever_status_was_asked_for() -> None:
    """Asked once more, the tag changes nothing and the status is set."""
    async with client_of(Options(labels=LABELS, subsequences=RULES)) as client:
        await patch(client, aiTag="Interested")
        first = (await patch(client, status="active", aiTag="Not now"))["data"]
        again = (await patch(client, status="active", aiTag="Not now"))["data"]
    assert (first["status"], first["subsequenceEnrollment"]["action"]) == ("completed", "exited")
    assert (again["status"], "subsequenceEnrollment" in again) == ("active", False)


async def test_a_file_says_which_subsequence_a_lead_is_in_and_whether_it_was_mailed(
    tmp_path: Path,
) -> None:
    seed = tmp_path / "seed.csv"
    seed.write_text(
        "campaignId,campaignLeadId,aiTag,subsequence,subsequenceMailed\n"
        f"{CAMPAIGN},{'1' * 24},Interested,,yes\n{CAMPAIGN},{'2' * 24},Interested,Old,no\n"
    )
    async with client_of(Options(seed_csv=seed, labels=LABELS, subsequences=RULES)) as client:
        found = [
            (await client.patch(URL.replace(LEAD, lead), json={"aiTag": None})).json()["data"]
            for lead in ("1" * 24, "2" * 24)
        ]
    assert [data["subsequenceEnrollment"] for data in found] == [
        {"action": "skippedInProgress", "subsequenceName": WARM},
        {"action": "exited", "subsequenceName": "Old"},
    ]


async def test_a_move_may_change_the_status_that_was_asked_for() -> None:
    options = Options(subsequences=RULES, moved_status="completed", enrollment="top")
    async with client_of(options) as client:
        answer = await patch(client, status="active", aiTag="Interested")
    assert answer["data"]["status"] == "completed"
    assert answer["subsequenceEnrollment"]["action"] == "enrolled"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (401, "X-Api-Key is missing or not valid")),
        ({"X-Api-Key": "sk_other"}, (401, "X-Api-Key is missing or not valid")),
        ({"X-Api-Key": KEY}, (200, None)),
        (
            {"X-Api-Key": KEY, "X-Workspace-Id": WORKSPACE},
            (400, "X-Workspace-Id must not be sent with a workspace key"),
        ),
        ({"X-Api-Key": PLATFORM}, (400, "X-Workspace-Id is required with a platform key")),
        ({"X-Api-Key": PLATFORM, "X-Workspace-Id": WORKSPACE}, (200, None)),
        ({"X-Api-Key": PLATFORM, "X-Workspace-Id": "a" * 24}, (404, "Workspace not found")),
        ({"X-Api-Key": SECOND}, (404, "Campaign not found")),
    ],
)
async def test_each_kind_of_key_is_held_to_its_own_rule(
    headers: dict[str, str], expected: tuple[int, str | None]
) -> None:
    async with client_of(Options(workspaces=("Acme", "Borealis")), key=None) as client:
        answer = await client.patch(URL, json={"status": "paused"}, headers=headers)
        lists = [await client.get(f"/v1/campaigns/{CAMPAIGN}/leads", headers=headers)]
    assert told(answer) == expected
    assert [told(one) for one in lists] == [expected]


async def test_a_workspace_key_sees_its_own_workspace_and_a_platform_key_all() -> None:
    options = Options(workspaces=("Acme", "Borealis"))
    async with client_of(options, key=None) as client:
        seen = [
            [one["name"] for one in (await client.get("/v1/workspaces", headers=h)).json()["data"]]
            for h in (
                {"X-Api-Key": KEY},
                {"X-Api-Key": SECOND},
                {"X-Api-Key": PLATFORM},
                {"X-Api-Key": PLATFORM, "X-Workspace-Id": "a" * 24},
            )
        ]
    assert seen == [["Acme"], ["Borealis"], ["Acme", "Borealis"], ["Acme", "Borealis"]]


async def test_the_account_is_for_platform_keys_only() -> None:
    async with client_of(key=None) as client:
        refused = await client.get("/v1/account", headers={"X-Api-Key": KEY})
        shown = await client.get("/v1/account", headers={"X-Api-Key": PLATFORM})
    assert told(refused) == (403, "This call needs a platform key")
    assert shown.json()["success"] is True


async def test_tags_are_the_workspace_s_labels_with_description_and_color() -> None:
    async with client_of(Options(labels=LABELS)) as client:
        tags = (await client.get("/v1/tags")).json()
    assert [tag["name"] for tag in tags["data"]] == [*LABELS]
    assert {*tags["data"][0]} == {"name", "description", "color"}


async def test_campaigns_are_found_by_status_and_name_and_shown_with_counts() -> None:
    async with client_of(Options(campaigns=12, leads=2)) as client:
        found = (await client.get("/v1/campaigns?search=campaign 1&status=active")).json()
        none = (await client.get("/v1/campaigns?status=draft")).json()
        await patch(client, status="paused")
        one = (await client.get(f"/v1/campaigns/{CAMPAIGN}")).json()
    assert [campaign["name"] for campaign in found["data"]] == [
        *["Campaign 1", "Campaign 10", "Campaign 11", "Campaign 12"]
    ]
    assert none["data"] == []
    assert one["data"] == {
        "_id": CAMPAIGN,
        "name": "Campaign 1",
        "status": "active",
        "leadCounts": {"total": 2, "active": 1, "paused": 1},
    }


def cursor_of(page: Any, where: str) -> str | None:  # noqa: ANN401 - JSON
    """The cursor of the next page, looked for where this spelling puts it; None at the end."""
    last: str | None = page["data"][-1]["_id"] if page["data"] else None
    match where:
        case "pagination" | "meta":
            assert page[where]["hasMore"] is (page[where]["nextCursor"] is not None)
            cursor: str | None = page[where]["nextCursor"]
            return cursor
        case "top":
            return page["nextCursor"]  # type: ignore[no-any-return]  # JSON
        case "has-more":
            return last if page["hasMore"] else None
        case _:
            assert page.keys() == {"success", "data"}
            return last


@pytest.mark.parametrize("where", ["pagination", "top", "meta", "has-more", "none"])
@pytest.mark.parametrize("limit", [1, 3, 5, 6, 10])
async def test_pages_bring_every_lead_of_a_status_once_however_they_name_the_next(
    where: str, limit: int
) -> None:
    paused = [f"1ead00000001{n:012x}" for n in (1, 2, 10)]
    async with client_of(Options(leads=10, next_cursor=where)) as client:
        for one in paused:
            await client.patch(URL.replace(LEAD, one), json={"status": "paused"})
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            query: dict[str, str | int] = {"status": "paused", "limit": limit, "cursor": cursor}
            page = (await client.get(f"/v1/campaigns/{CAMPAIGN}/leads", params=query)).json()
            found += [lead["_id"] for lead in page["data"]]
            cursor = cursor_of(page, where)
    assert found == paused


async def test_a_page_may_be_empty_while_more_follow() -> None:
    async with client_of(Options(leads=10)) as client:
        last = URL.replace(LEAD, f"1ead00000001{10:012x}")
        await client.patch(last, json={"status": "paused"})
        url = f"/v1/campaigns/{CAMPAIGN}/leads?status=paused&limit=5"
        page = (await client.get(url)).json()
    assert page["data"] == []
    assert page["pagination"]["hasMore"] is True


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("limit=0", "limit must be a whole number from 1 to 100"),
        ("limit=101", "limit must be a whole number from 1 to 100"),
        ("limit=x", "limit must be a whole number from 1 to 100"),
        ("cursor=x", "cursor is not valid"),
        ("page=2", "The query may only have cursor, limit, status"),
        (
            "status=done",
            f"status must be one of {STATUSES}",
        ),
    ],
)
async def test_a_query_that_the_api_does_not_document_is_refused(query: str, error: str) -> None:
    async with client_of() as client:
        answer = await client.get(f"/v1/campaigns/{CAMPAIGN}/leads?{query}")
    assert told(answer) == (400, error)


async def test_a_bulk_action_counts_only_the_leads_that_it_changed() -> None:
    ids = [f"1ead00000001{n:012x}" for n in (1, 2, 3)]
    async with client_of(Options(leads=10)) as client:
        await patch(client, status="paused")
        url = f"/v1/campaigns/{CAMPAIGN}/leads/action"
        body = {"action": "pause", "leadIds": [*ids, ids[2], "0" * 24]}
        paused = (await client.post(url, json=body)).json()
        resumed = (await client.post(url, json={"action": "resume", "leadIds": ids})).json()
    assert paused == {"success": True, "data": {"action": "pause", "modifiedCount": 2}}
    assert resumed == {"success": True, "data": {"action": "resume", "modifiedCount": 3}}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"action": "remove", "leadIds": [LEAD]},
            "action must be pause or resume; this sandbox refuses remove",
        ),
        ({"action": "pause", "leadIds": []}, "leadIds must be a list of 1 to 2 ids"),
        ({"action": "pause", "leadIds": [LEAD] * 3}, "leadIds must be a list of 1 to 2 ids"),
        ({"action": "pause", "leadIds": "x"}, "leadIds must be a list of 1 to 2 ids"),
        ({"action": "pause", "leadIds": ["x"]}, "leadIds has something that is not a valid id"),
        ({"action": "pause", "ids": []}, "The body may only have action and leadIds"),
    ],
)
async def test_a_bulk_action_out_of_bounds_is_refused(body: object, error: str) -> None:
    async with client_of(Options(max_action=2)) as client:
        answer = await client.post(f"/v1/campaigns/{CAMPAIGN}/leads/action", json=body)
    assert told(answer) == (400, error)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (None, {"error": "Not Found", "message": "Campaign not found", "code": 404}),
        ("text", {"success": False, "error": "Campaign not found"}),
        (
            "object",
            {"success": False, "error": {"code": "NOT_FOUND", "message": "Campaign not found"}},
        ),
        ("message", {"message": "Campaign not found"}),
    ],
)
async def test_errors_come_in_the_shape_that_is_asked_for(shape: str | None, body: object) -> None:
    options = Options() if shape is None else Options(error_body=shape)
    async with client_of(options) as client:
        answer = await client.get(f"/v1/campaigns/{'0' * 24}")
    assert answer.json() == body


async def test_errors_may_come_as_a_proxy_s_page() -> None:
    async with client_of(Options(error_body="html")) as client:
        answer = await client.get(f"/v1/campaigns/{'0' * 24}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>404 Not Found</h1>" in answer.text


async def test_ids_may_look_as_the_option_says() -> None:
    async with client_of(Options(id_pattern="[a-z0-9-]+")) as client:
        answer = await client.patch(URL.replace(LEAD, "lead-7"), json={"status": "paused"})
    assert told(answer) == (404, "Campaign lead not found")


async def test_leads_csv_lists_every_lead_as_it_is_now() -> None:
    async with client_of(Options(campaigns=1, leads=1)) as client:
        await patch(client, status="paused")
        text = (await client.get("/sandbox/leads.csv")).text
    assert text == (
        "campaignId,campaignLeadId,email,status,aiTag\n"
        f"{CAMPAIGN},{LEAD},bruno.1.1@example.com,paused,\n"
    )


async def test_state_shows_one_campaign_when_asked_for_one() -> None:
    async with client_of(Options(leads=1)) as client:
        state = (await client.get(f"/sandbox/state?campaignId={CAMPAIGN}")).json()
    assert state == {CAMPAIGN: {LEAD: {"status": "active", "aiTag": None, "subsequence": None}}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            Options(error_body="xml"),
            '--error-body: found "xml"; expected documented, text, object, message, html.',
        ),
        (
            Options(next_cursor="x"),
            '--next-cursor: found "x"; expected pagination, top, meta, has-more, none, ignored.',
        ),
        (Options(enrollment="x"), '--enrollment: found "x"; expected data, top.'),
        (
            Options(subsequences=("Warm",)),
            '--subsequence: found "Warm"; expected LABEL=NAME, as "Interested=Warm leads".',
        ),
        (
            Options(id_pattern="+"),
            (
                '--id-pattern: found "+"; expected a regular expression '
                "(nothing to repeat at position 0)."
            ),
        ),
        (
            Options(moved_status="gone"),
            f'--moved-status: found "gone"; expected {STATUSES}.',
        ),
    ],
)
def test_an_option_that_can_t_be_is_refused_with_what_could(options: Options, message: str) -> None:
    with pytest.raises(SandboxError) as caught:
        client_of(options)
    assert str(caught.value) == message
