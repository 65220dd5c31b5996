import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from batch.sandbox.faults import Fault, Faults, Kind, Operation, parse_fault
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.process import Sandbox
from tests.support.in_process import start_sandbox
from tests.support.sandbox_client import CAMPAIGN, LEAD, URL, client_of

LABELS = ("Interested", "Not now")
OTHER = "1ead00000001000000000002"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox(Options(labels=LABELS, leads=2)) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"X-Api-Key": sandbox.api_key}
    with httpx.Client(base_url=sandbox.base_url, headers=headers, trust_env=False) as made:
        meet(made)
        made.patch(URL, json={"status": "active", "aiTag": None})
        yield made


def meet(client: httpx.Client, *specs: str) -> None:
    answer = client.post("/sandbox/faults", json=specs)
    assert answer.status_code == 200, answer.text


def pause(client: httpx.Client, spec: str) -> httpx.Response:
    """What a client sees that sets status and tag while this fault is there."""
    meet(client, spec)
    return client.patch(URL, json={"status": "paused", "aiTag": "Interested"}, timeout=0.3)


def is_paused(client: httpx.Client) -> bool:
    state = client.get("/sandbox/state").json()[CAMPAIGN][LEAD]
    assert (state["status"] == "paused") is (state["aiTag"] == "Interested")
    return bool(state["status"] == "paused")


def documented(error: str, status: int) -> str:
    return f'{{"error":"{error}","message":"Sandbox fault: {error}","code":{status}}}'


def last_line(sandbox: Sandbox) -> Any:  # noqa: ANN401 - JSON
    return json.loads(sandbox.log_path.read_text().splitlines()[-1])


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize(
    ("spec", "status", "body"),
    [
        ("status=503", 503, documented("Service Unavailable", 503)),
        ("status=418", 418, documented("I'm a Teapot", 418)),
        *(
            (f"status={status}", status, documented("Error", status))
            for status in (*range(520, 528), 529, 530, 598)  # as gateways answer
        ),
        ("status=599", 599, documented("Error", 599)),
        ("success-false", 200, '{"success":false,"error":"Sandbox fault"}'),
        ("empty", 200, ""),
    ],
)
def test_an_answer_may_be_wrong_whether_or_not_the_change_was_applied(
    client: httpx.Client, spec: str, status: int, body: str, *, applied: bool
) -> None:
    answer = pause(client, f"{spec},applied=yes" if applied else spec)
    assert (answer.status_code, answer.text) == (status, body)
    assert is_paused(client) is applied


def test_garbage_says_that_it_is_json(client: httpx.Client) -> None:
    answer = pause(client, "garbage")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content.decode("latin-1"))


def test_html_is_a_proxy_s_page(client: httpx.Client) -> None:
    answer = pause(client, "html")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert "<h1>502 Bad Gateway</h1>" in answer.text
    assert pause(client, "html=200").status_code == 200


def test_oversized_is_the_right_record_with_padding(client: httpx.Client) -> None:
    answer = pause(client, "oversized=100000,applied=yes")
    assert len(answer.content) > 100_000
    assert answer.json()["data"]["status"] == "paused"


def test_a_redirect_points_elsewhere_and_a_client_that_follows_it_shows_in_the_log(
    client: httpx.Client, sandbox: Sandbox
) -> None:
    answer = pause(client, "redirect=308")
    assert (answer.status_code, answer.headers["location"]) == (308, "/elsewhere")
    assert last_line(sandbox)["path"] == URL
    client.patch(URL, json={"status": "paused"}, follow_redirects=True)
    assert last_line(sandbox)["path"] == "/elsewhere"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_id", "f" * 24),
        ("campaignId", "f" * 24),
        ("status", "active"),
        ("aiTag", "Some other label"),
    ],
)
def test_wrong_data_is_another_s_value_in_one_field(
    client: httpx.Client, field: str, value: str
) -> None:
    answer = pause(client, f"wrong-data={field}").json()["data"]
    right = {"_id": LEAD, "campaignId": CAMPAIGN, "status": "paused", "aiTag": "Interested"}
    assert {name: answer[name] for name in right} == right | {field: value}
    assert is_paused(client)


def test_wrong_data_leaves_an_error_as_it_is(client: httpx.Client) -> None:
    meet(client, "wrong-data=status")
    assert codes(client, "0" * 24) == [404]


@pytest.mark.parametrize(("spec", "applied"), [("bare", False), ("bare,applied=yes", True)])
def test_bare_says_success_and_nothing_else(
    client: httpx.Client, spec: str, *, applied: bool
) -> None:
    assert pause(client, spec).json() == {"success": True}
    assert is_paused(client) is applied


def test_unchanged_shows_the_record_as_it_was(client: httpx.Client) -> None:
    answer = pause(client, "unchanged").json()
    assert (answer["success"], answer["data"]["status"]) == (True, "active")
    assert not is_paused(client)


@pytest.mark.parametrize(
    ("spec", "error", "applied"),
    [
        ("drop", httpx.ReadError, False),
        ("close-before", httpx.RemoteProtocolError, False),
        ("close-after", httpx.RemoteProtocolError, True),
        ("stall", httpx.ReadTimeout, False),
        ("stall,applied=yes", httpx.ReadTimeout, True),
        ("cut", httpx.RemoteProtocolError, True),
        ("cut,applied=no", httpx.RemoteProtocolError, False),
        ("slow=5", httpx.ReadTimeout, True),
        ("slow=5,applied=no", httpx.ReadTimeout, False),
        ("drop,delay=5", httpx.ReadTimeout, False),
    ],
)
def test_a_connection_may_fail_before_or_after_the_change(
    client: httpx.Client, sandbox: Sandbox, spec: str, error: type[Exception], *, applied: bool
) -> None:
    with pytest.raises(error):
        pause(client, spec)
    line = last_line(sandbox)
    assert is_paused(client) is applied
    assert (line["fault"], line["applied"]) == (spec.partition(",")[0].partition("=")[0], applied)
    assert line["status"] == (200 if "slow" in spec or "cut" in spec else None)


@pytest.mark.anyio
async def test_without_a_server_a_connection_that_fails_is_an_error_of_the_app() -> None:
    async with client_of(Options(faults=("close-after",))) as local:
        with pytest.raises(ConnectionError, match="the sandbox hung up"):
            await local.patch(URL, json={"status": "paused"})


def test_cut_ends_in_the_middle_of_the_body(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        pause(client, "cut")
    assert str(caught.value).startswith("peer closed connection without sending complete message")


def test_slow_is_the_right_answer_later(client: httpx.Client) -> None:
    answer = pause(client, "slow=0.1")
    assert answer.json()["data"]["status"] == "paused"
    assert answer.elapsed.total_seconds() >= 0.1


def test_drip_is_the_right_answer_byte_by_byte(client: httpx.Client) -> None:
    meet(client, "drip=0.05")
    with client.stream("PATCH", URL, json={"status": "paused"}) as answer:
        chunks = answer.iter_raw()
        assert [next(chunks) for _ in range(3)] == [b"{", b'"', b"s"]
    assert pause(client, "drip=0").json()["data"]["status"] == "paused"


@pytest.mark.parametrize(
    ("words", "header"),
    [
        ("retry_after=7", "7"),
        ("retry_after=soon", "soon"),
        # 1,800,000,000 is 8:00:00
        ("retry_after=date:7", "Fri, 15 Jan 2027 08:00:07 GMT"),
    ],
)
@pytest.mark.anyio
async def test_retry_after_is_told_in_each_of_its_forms(words: str, header: str) -> None:
    async with client_of(Options(faults=(f"status=503,{words}",))) as local:
        answer = await local.patch(URL, json={"status": "paused"})
    assert answer.headers["retry-after"] == header


@pytest.mark.anyio
async def test_every_answer_tells_the_budget_but_a_proxy_s_page() -> None:
    faults = ("status=503,total=1", "slow=0.001,total=1", "html,total=1")
    async with client_of(Options(faults=faults, rate_limit="fixed:9/s")) as local:
        answers = [await local.patch(URL, json={"status": "paused"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 200, 502, 200]
    assert ["ratelimit" in answer.headers for answer in answers] == [True, True, False, True]


def test_the_log_names_the_status_of_an_answer_that_is_late(
    client: httpx.Client, sandbox: Sandbox
) -> None:
    assert pause(client, "status=503,delay=0.01").status_code == 503
    assert last_line(sandbox)["status"] == 503


def codes(client: httpx.Client, *lead_ids: str) -> list[int]:
    return [
        client.patch(URL.replace(LEAD, one), json={"status": "active"}).status_code
        for one in lead_ids
    ]


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["status=503,every=3"], [200, 200, 503, 200, 200, 503]),
        (["status=503,after=2"], [200, 200, 503, 503, 503, 503]),
        (["status=503,after=1,total=2"], [200, 503, 503, 200, 200, 200]),
        (["status=503,after=1,every=2"], [200, 200, 503, 200, 503, 200]),
        (["status=503,share=0"], [200] * 6),
        (["status=503,share=1"], [503] * 6),
        (["status=503,total=1", "status=429,total=2"], [503, 429, 429, 200, 200, 200]),
        # each lead meets it so many times: the leads take turns
        (["status=503,times=2"], [503, 503, 503, 503, 200, 200]),
        ([f"status=503,leads={OTHER}"], [200, 503, 200, 503, 200, 503]),
        ([f"status=503,leads={OTHER};{LEAD}"], [503] * 6),
        (["status=503,on=tags"], [200] * 6),
    ],
)
def test_a_fault_hits_the_requests_that_its_words_say(
    client: httpx.Client, specs: list[str], expected: list[int]
) -> None:
    meet(client, *specs)
    assert codes(client, *[LEAD, OTHER] * 3) == expected


def test_a_share_is_the_same_at_every_start_and_near_what_was_asked() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(("status=503,share=0.2",), seed=seed)
        return [faults.pick(Operation.PATCH, LEAD, None) is not None for _ in range(1000)]

    assert hits(1) == hits(1) != hits(2)
    assert 150 < sum(hits(1)) < 250


def test_other_calls_meet_the_faults_that_name_them(client: httpx.Client) -> None:
    meet(client, "status=500,on=tags", "garbage,on=workspaces", "status=401,on=leads")
    assert client.get("/v1/tags").status_code == 500
    assert client.get("/v1/workspaces").content.startswith(b"\x00")
    assert client.get(f"/v1/campaigns/{CAMPAIGN}/leads").status_code == 401
    assert client.get("/v1/campaigns").status_code == 200


def test_a_bulk_action_that_meets_a_fault_is_not_applied(client: httpx.Client) -> None:
    meet(client, "status=500,on=action")
    url = f"/v1/campaigns/{CAMPAIGN}/leads/action"
    body = {"action": "pause", "leadIds": [LEAD]}
    assert client.post(url, json=body).status_code == 500
    assert client.get("/sandbox/state").json()[CAMPAIGN][LEAD]["status"] == "active"


def test_faults_spelt_wrong_leave_the_old_ones(client: httpx.Client) -> None:
    meet(client, "status=503")
    answer = client.post("/sandbox/faults", json=["status=503", "sloow=1"])
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('fault "sloow=1": found "sloow=1"; expected one of ')
    assert codes(client, LEAD) == [503]


@pytest.mark.parametrize(
    ("spec", "found", "expected"),
    [
        ("status", "status", r"status=[1-5]\d\d"),
        ("status=99", "status=99", r"status=[1-5]\d\d"),
        ("slow", "slow", r"slow=\d+(?:\.\d+)?"),
        ("drop=1", "drop=1", "drop alone"),
        ("wrong-data=email", "wrong-data=email", "wrong-data=_id|campaignId|status|aiTag"),
        ("stall,every=0", "every=0", r"every=[1-9]\d*"),
        ("stall,applied=maybe", "applied=maybe", "applied=yes|no"),
        (
            "drop,applied=yes",
            "applied",
            "nothing: drop says itself whether it is applied",
        ),
        (
            "stall,each=3",
            "each=3",
            (
                "one of on, leads, workspace, after, every, share, times, total, delay, applied, "
                "retry_after"
            ),
        ),
    ],
)
def test_a_fault_spelt_wrong_is_refused_with_what_is_right(
    spec: str, found: str, expected: str
) -> None:
    with pytest.raises(SandboxError) as caught:
        parse_fault(spec)
    assert str(caught.value) == f'fault "{spec}": found "{found}"; expected {expected}.'


def test_all_words_of_a_fault_are_read() -> None:
    spec = (
        "html=503,on=leads,leads=a;b,after=1,every=2,share=0.5,times=3,total=4,delay=0.5,"
        "applied=yes,retry_after=date:9"
    )
    assert parse_fault(spec) == Fault(
        kind=Kind.HTML,
        value="503",
        applied=True,
        delay_s=0.5,
        retry_after="date:9",
        on=Operation.LEADS,
        leads=frozenset("ab"),
        after=1,
        every=2,
        share=0.5,
        times=3,
        total=4,
    )
