import gzip
import json
import logging
import time
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import anyio
import httpx
import pytest
import respx
from pydantic import SecretStr

from batch import __version__
from batch.api.answer import MAX_BODY_BYTES
from batch.api.excerpt import Redactor
from batch.api.exchange import Exchange
from batch.api.sendkit import (
    MAX_LIST_BYTES,
    Access,
    KeyRefusedError,
    ReadFailedError,
    SendKit,
    Timeouts,
    Workspace,
)
from batch.errors import BatchError, SettingsError
from batch.model import Answer, Budget, Change, Reason, Status
from batch.statuses import may_pass
from tests.support.answering import Answering

pytestmark = pytest.mark.anyio

BASE = "https://api.sendkit.test"
KEY = "sk_0123456789abcdefghij"
LEAD_URL = f"{BASE}/v1/campaigns/65a0/leads/65b0"
CHANGE = Change(
    lines=(2,),
    campaign_id="65a0",
    campaign_lead_id="65b0",
    status=Status.PAUSED,
    ai_tag="Interested",
)
TIMEOUTS = Timeouts(connect_s=1, write_s=2, read_s=3, attempt_s=5)
CONFIRMED = {"success": True, "data": {"_id": "65b0", "status": "paused", "aiTag": "Interested"}}

Handle = Callable[[httpx.Request], httpx.Response]


class Naps:
    """A sleep that only keeps how long it was asked to."""

    def __init__(self) -> None:
        self.taken_s: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken_s.append(seconds)


def api_over(
    transport: httpx.AsyncBaseTransport | Handle,
    *,
    base_url: str = BASE,
    key: str = KEY,
    workspace_id: str | None = None,
    timeouts: Timeouts = TIMEOUTS,
    naps: Naps | None = None,
) -> SendKit:
    if not isinstance(transport, httpx.AsyncBaseTransport):
        transport = Answering(transport)
    access = Access(base_url=base_url, api_key=SecretStr(key), workspace_id=workspace_id)
    return SendKit(access, timeouts=timeouts, transport=transport, sleep=naps or Naps())


def raising(error: Exception) -> Handle:
    def handle(_: httpx.Request) -> httpx.Response:
        raise error

    return handle


def answering(response: httpx.Response) -> Handle:
    return lambda _: response


class Chunks(httpx.AsyncByteStream):
    """A body that comes in pieces and counts them; it may break off."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks, self.error = chunks, error
        self.read, self.closed = 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.read += 1
            yield chunk
        if self.error:
            raise self.error

    async def aclose(self) -> None:
        self.closed = True


class Endless(Chunks):
    """A body that begins and then hangs."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()


async def test_a_change_is_one_patch_with_the_key_and_a_compact_body() -> None:
    router = respx.MockRouter()
    route = router.patch(LEAD_URL).respond(json=CONFIRMED)
    async with api_over(Answering(router.async_handler)) as api:
        answer = await api.send_change(CHANGE)
    assert answer.reason is Reason.APPLIED
    assert (answer.http_status, answer.server_ai_tag) == (200, "Interested")
    request = route.calls.last.request
    assert request.content == b'{"status":"paused","aiTag":"Interested"}'
    assert dict(request.headers) == {
        "host": "api.sendkit.test",
        "user-agent": f"sendkit-batch/{__version__}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": "40",
        "x-api-key": KEY,
    }


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (replace(CHANGE, ai_tag=None), {"status": "paused"}),
        (replace(CHANGE, status=None), {"aiTag": "Interested"}),
        (replace(CHANGE, status=None, ai_tag=None, clear_tag=True), {"aiTag": None}),
        (replace(CHANGE, ai_tag="Déjà vu\ud800"), {"status": "paused", "aiTag": "Déjà vu\ud800"}),
    ],
)
async def test_only_the_fields_to_change_are_sent(change: Change, body: object) -> None:
    bodies = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return httpx.Response(200, json={"success": True})

    async with api_over(handle) as api:
        await api.send_change(change)
    assert [json.loads(sent) for sent in bodies] == [body]


async def test_the_workspace_id_goes_with_changes_and_labels_but_not_with_workspaces() -> None:
    seen = {}

    def handle(request: httpx.Request) -> httpx.Response:
        seen[request.method, request.url.path] = request.headers.get("x-workspace-id")
        return httpx.Response(200, json={"success": True, "data": []})

    async with api_over(handle, workspace_id="66c0") as api:
        await api.send_change(CHANGE)
        await api.read_labels()
        await api.read_workspaces()
    assert seen == {
        ("PATCH", "/v1/campaigns/65a0/leads/65b0"): "66c0",
        ("GET", "/v1/tags"): "66c0",
        ("GET", "/v1/workspaces"): None,
    }


async def test_a_base_address_with_a_path_keeps_it() -> None:
    urls = []

    def handle(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={"success": True})

    async with api_over(handle, base_url="https://gate.test:8443/sendkit/") as api:
        await api.send_change(CHANGE)
    assert urls == ["https://gate.test:8443/sendkit/v1/campaigns/65a0/leads/65b0"]


@pytest.mark.parametrize(
    "bad_id",
    ["", "..", ".", "a/b", "a%2Fb", "a?b", "a#b", "a\\b", "a b", "a\n", "a\x00", "é", "٣"],
)
@pytest.mark.parametrize("field", ["campaign_id", "campaign_lead_id"])
async def test_an_id_that_could_lead_elsewhere_never_leaves(field: str, bad_id: str) -> None:
    calls: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200)

    change = Change(**{**_fields(CHANGE), field: bad_id})  # type: ignore[arg-type]  # a mixed dict
    name = "campaignId" if field == "campaign_id" else "campaignLeadId"
    async with api_over(handle) as api:
        with pytest.raises(ValueError, match=f"^{name}: found .* letters, digits, - and _ only$"):
            await api.send_change(change)
    assert calls == []


def _fields(change: Change) -> dict[str, object]:
    return {name: getattr(change, name) for name in Change.__slots__}


@pytest.mark.parametrize(
    ("error", "reason", "message"),
    [
        (
            httpx.ConnectError("All connection attempts failed"),
            Reason.NOT_CONNECTED,
            "no connection: All connection attempts failed",
        ),
        (
            httpx.ConnectTimeout(""),
            Reason.NOT_CONNECTED,
            "no connection within 1 s (connect_timeout_s)",
        ),
        (
            httpx.PoolTimeout(""),
            Reason.NOT_CONNECTED,
            "no connection became free within 1 s",
        ),
        (
            httpx.ProxyError("407 user:secret is not welcome"),
            Reason.NOT_CONNECTED,
            "the proxy could not connect: 407 Proxy Authentication Required",
        ),
        (
            httpx.ProxyError("599 secret"),
            Reason.NOT_CONNECTED,
            "the proxy could not connect: 599",
        ),
        (httpx.ProxyError("secret"), Reason.NOT_CONNECTED, "the proxy could not connect"),
        (
            httpx.UnsupportedProtocol("no ftp"),
            Reason.NOT_CONNECTED,
            "no connection: no ftp",
        ),
        (httpx.ReadTimeout(""), Reason.NO_ANSWER, "the server sent nothing for 3 s"),
        (httpx.WriteTimeout(""), Reason.NO_ANSWER, "the server accepted no data for 2 s"),
        (httpx.ReadError(""), Reason.NO_ANSWER, "the connection broke: ReadError"),
        (httpx.WriteError(""), Reason.NO_ANSWER, "the connection broke: WriteError"),
        (httpx.CloseError(""), Reason.NO_ANSWER, "the connection broke: CloseError"),
        (
            httpx.RemoteProtocolError("illegal\r\nstatus line"),
            Reason.NO_ANSWER,
            "the answer could not be read: illegal status line",
        ),
        (OSError(5, "TLS broke"), Reason.NO_ANSWER, "the connection broke: Input/output error"),
    ],
)
async def test_a_fault_is_not_connected_only_when_surely_nothing_left(
    error: Exception, reason: Reason, message: str
) -> None:
    async with api_over(raising(error)) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.message, answer.http_status) == (reason, message, None)


async def test_an_answer_whose_body_breaks_off_is_no_answer() -> None:
    body = Chunks(b'{"success"', error=httpx.ReadError(""))
    async with api_over(lambda _: httpx.Response(200, stream=body)) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.http_status) == (Reason.NO_ANSWER, None)
    assert body.closed


@pytest.mark.parametrize("status", [307, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504])
async def test_an_error_whose_body_breaks_off_keeps_its_status_and_its_wait(status: int) -> None:
    body = Chunks(b'{"error"', error=httpx.ReadError(""))
    response = httpx.Response(status, headers={"Retry-After": "7"}, stream=body)
    async with api_over(answering(response)) as api:
        answer = await api.send_change(CHANGE)
    async with api_over(answering(httpx.Response(status))) as api:
        whole = await api.send_change(CHANGE)
    assert (answer.reason, answer.http_status) == (whole.reason, status)
    assert answer.retry_after_s == (7.0 if may_pass(status) else None)
    assert body.closed


async def test_an_error_whose_body_never_ends_keeps_its_status_and_its_wait() -> None:
    body = Endless()
    response = httpx.Response(429, headers={"Retry-After": "7"}, stream=body)
    timeouts = replace(TIMEOUTS, attempt_s=0.05)
    async with api_over(answering(response), timeouts=timeouts) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.retry_after_s) == (Reason.RATE_LIMITED, 7.0)
    assert answer.message == "Too Many Requests; no complete answer within 0.05 s"
    assert body.closed


async def test_head_and_body_share_the_time_of_an_attempt() -> None:
    async def handle(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.3)
        return httpx.Response(429, stream=Endless())

    timeouts = replace(TIMEOUTS, attempt_s=0.5)
    async with api_over(Answering(handle), timeouts=timeouts) as api:
        answer = await api.send_change(CHANGE)
    assert answer.reason is Reason.RATE_LIMITED
    assert 500 <= answer.elapsed_ms < 750


@pytest.mark.parametrize("status", [200, 404, 429, 503])
async def test_an_answer_that_is_too_long_keeps_its_wait(status: int) -> None:
    content = b" " * (MAX_BODY_BYTES + 1)
    response = httpx.Response(status, headers={"Retry-After": "7"}, content=content)
    async with api_over(answering(response)) as api:
        answer = await api.send_change(CHANGE)
    assert answer.http_status == status
    assert answer.retry_after_s == (7.0 if may_pass(status) else None)


async def test_an_attempt_that_takes_too_long_as_a_whole_is_no_answer() -> None:
    async def handle(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    timeouts = replace(TIMEOUTS, attempt_s=0.05)
    async with api_over(Answering(handle), timeouts=timeouts) as api:
        answer = await api.send_change(CHANGE)
    assert answer.reason is Reason.NO_ANSWER
    assert answer.message == "no complete answer within 0.05 s"
    assert 50 <= answer.elapsed_ms < 1000


async def test_a_cancellation_passes_through() -> None:
    async def handle(_: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    answered = False
    async with api_over(Answering(handle)) as api:
        with anyio.move_on_after(0.05) as scope:
            await api.send_change(CHANGE)
            answered = True
    assert scope.cancelled_caught
    assert not answered


async def test_a_body_of_the_limit_is_read_and_a_longer_one_is_left() -> None:
    padded = json.dumps(CONFIRMED).encode().ljust(MAX_BODY_BYTES)
    body = Chunks(padded, b" ", b" " * MAX_BODY_BYTES)
    async with api_over(lambda _: httpx.Response(200, content=padded)) as api:
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED
    async with api_over(lambda _: httpx.Response(200, stream=body)) as api:
        assert (await api.send_change(CHANGE)).reason is Reason.OVERSIZED_ANSWER
    assert (body.read, body.closed) == (2, True)


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate"])
async def test_a_packed_body_is_unpacked_but_no_further_than_the_limit(coding: str) -> None:
    pack = zlib.compress if coding == "deflate" else gzip.compress
    small = pack(json.dumps(CONFIRMED).encode())
    bomb = pack(b" " * 50_000_000)
    headers = {"Content-Encoding": coding}
    for packed, reason in ((small, Reason.APPLIED), (bomb, Reason.OVERSIZED_ANSWER)):
        body = Chunks(packed)
        async with api_over(answering(httpx.Response(200, headers=headers, stream=body))) as api:
            assert (await api.send_change(CHANGE)).reason is reason


async def test_a_body_that_is_not_packed_as_its_header_says_is_read_as_it_came() -> None:
    body = Chunks(json.dumps(CONFIRMED).encode())
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=body)
    async with api_over(lambda _: response) as api:
        assert (await api.send_change(CHANGE)).reason is Reason.APPLIED


@pytest.mark.parametrize("location", ["https://elsewhere.test/v1", "/v2", "https://[::1", "//:x"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(status: int, location: str) -> None:
    requests = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, headers={"Location": location})

    async with api_over(handle) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.http_status) == (Reason.REDIRECTED, status)
    assert len(requests) == 1
    assert ("elsewhere.test" in answer.message) == ("elsewhere" in location)


async def test_cookies_are_neither_kept_nor_sent() -> None:
    cookies = []

    def handle(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("cookie"))
        return httpx.Response(200, json=CONFIRMED, headers={"Set-Cookie": "a=1; Path=/"})

    transport = Answering(handle)
    async with Exchange(
        BASE, timeouts=TIMEOUTS, transport=transport, redactor=Redactor(KEY)
    ) as exchange:
        for _ in range(2):
            await exchange.send("GET", "/v1/tags", headers=(), max_bytes=MAX_BODY_BYTES)
    assert cookies == [None, None]


@pytest.mark.parametrize("key", [KEY, "no-prefix-0123456789", 'a"b\\c/d&e<f>g', "a/b+"])
@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_the_key_is_never_repeated(
    status: int, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = f"{'x' * 190} {key}"
    bodies: list[object] = [
        {"success": False, "error": f"bad key {key}"},
        {"success": False, "error": text},
        {"success": True, "data": {"status": key, "aiTag": key}},
        {"success": True, "data": {"subsequenceEnrollment": {"action": key}}},
    ]
    for body in bodies:
        async with api_over(answering(httpx.Response(status, json=body)), key=key) as api:
            answer = await api.send_change(CHANGE)
            assert not _holds(answer, key[:12])
            assert key not in repr(api)
    assert key not in caplog.text


def _holds(answer: Answer, key: str) -> bool:
    return any(key in str(getattr(answer, name)) for name in Answer.__slots__)


async def test_a_key_that_is_a_common_word_does_not_make_success_an_error() -> None:
    async with api_over(lambda _: httpx.Response(200, json=CONFIRMED), key="paused") as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.server_status) == (Reason.APPLIED, "[key]")


@pytest.mark.parametrize("key", [KEY, "no-prefix-0123456789"])
async def test_a_fault_does_not_repeat_the_key(key: str) -> None:
    async with api_over(raising(httpx.ReadError(f"at {key}")), key=key) as api:
        assert (await api.send_change(CHANGE)).message == "the connection broke: at [key]"


async def test_no_list_repeats_the_key() -> None:
    key = "no-prefix-0123456789"
    data = [{"_id": key, "name": f"of {key}"}, {"_id": "66c0", "name": key}]
    async with api_over(lambda _: httpx.Response(200, json={"data": data}), key=key) as api:
        assert await api.read_labels() == ("of [key]", "[key]")
        assert await api.read_workspaces() == (
            Workspace(id="[key]", name="of [key]"),
            Workspace(id="66c0", name="[key]"),
        )
    for status in (401, 404, 503):
        refusal = httpx.Response(status, json={"error": {"code": key, "message": f"no {key}"}})
        async with api_over(answering(refusal), key=key) as api:
            with pytest.raises(BatchError) as caught:
                await api.read_labels()
        assert "[key]: no [key]" in str(caught.value)
        assert key not in str(caught.value)


async def test_the_attempt_carries_its_start_and_length() -> None:
    async def handle(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(0.03)
        return httpx.Response(429, headers={"Retry-After": "7"})

    async with api_over(Answering(handle)) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.retry_after_s) == (Reason.RATE_LIMITED, 7.0)
    assert 30 <= answer.elapsed_ms < 1000
    assert answer.sent_at_ms > 1_700_000_000_000


async def test_workspaces_are_read_by_id_and_name() -> None:
    data = [
        {"_id": "66c0", "name": "Acme\x1b", "plan": "pro"},
        {"_id": "66c1", "name": ""},
        {"_id": "66c2"},
    ]
    async with api_over(lambda _: httpx.Response(200, json={"success": True, "data": data})) as api:
        assert await api.read_workspaces() == (
            Workspace(id="66c0", name="Acme\\x1b"),  # spelt out, as everywhere
            Workspace(id="66c1", name="66c1"),
            Workspace(id="66c2", name="66c2"),
        )


async def test_labels_are_read_exactly_as_they_are_spelled() -> None:
    data = [{"name": " Interested ", "color": "#fff"}, {"name": "Déjà vu"}]
    async with api_over(lambda _: httpx.Response(200, json={"data": data})) as api:
        assert await api.read_labels() == (" Interested ", "Déjà vu")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"success": false, "data": []}', "success: Input should be True"),
        (b'{"success": true}', "data: Field required"),
        (b'{"data": [{"title": "x"}]}', "data.0.name: Field required"),
        (
            b"<html>",
            "the body: Invalid JSON: expected value at line 1 column 1",
        ),
    ],
)
async def test_a_list_of_another_shape_is_refused_and_not_read_again(
    body: bytes, found: str
) -> None:
    naps = Naps()
    async with api_over(lambda _: httpx.Response(200, content=body), naps=naps) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    assert str(caught.value) == f"GET /v1/tags: expected a list, found {found}."
    assert naps.taken_s == []


async def test_a_list_may_be_longer_than_an_answer_but_not_endless() -> None:
    name = "x" * (2 * MAX_BODY_BYTES)
    async with api_over(lambda _: httpx.Response(200, json={"data": [{"name": name}]})) as api:
        assert await api.read_labels() == (name,)
    endless = Chunks(*[b" " * MAX_LIST_BYTES] * 3)
    async with api_over(lambda _: httpx.Response(200, stream=endless)) as api:
        with pytest.raises(ReadFailedError, match=r"^GET /v1/tags: .* longer than 4,096 KiB\.$"):
            await api.read_labels()
    assert endless.read == 2


async def test_of_a_refusal_no_megabytes_are_read() -> None:
    for status in (500, 404):
        endless = Chunks(*[b"x" * MAX_BODY_BYTES] * 60)
        async with api_over(lambda _: httpx.Response(status, stream=endless)) as api:  # noqa: B023
            with pytest.raises(ReadFailedError, match=r"the answer is longer than 64 KiB"):
                await api.read_labels()
        assert endless.read == (6 if status == 500 else 2)  # in three tries, or one


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    ("record", "found"),
    [
        (b"{}", "data.0.name: Field required"),
        (b'{"name": "&amp;%41\\u0041 and some more"}', ""),
        (b'{"name": "L"}', ""),
    ],
)
async def test_a_long_list_of_labels_costs_bounded_time(record: bytes, found: str) -> None:
    count = (MAX_LIST_BYTES - 20) // (len(record) + 1)
    body = b'{"data": [' + b",".join([record] * count) + b"]}"
    async with api_over(lambda _: httpx.Response(200, content=body)) as api:
        started_s = time.process_time()
        if found:
            with pytest.raises(ReadFailedError, match=found):
                await api.read_labels()
        else:
            assert len(await api.read_labels()) == count
        assert time.process_time() - started_s < 10


async def test_a_refused_key_is_told_at_once_and_never_shown() -> None:
    naps = Naps()
    response = httpx.Response(401, json={"error": f"unknown key {KEY}"})
    async with api_over(lambda _: response, naps=naps) as api:
        with pytest.raises(KeyRefusedError) as caught:
            await api.read_workspaces()
    assert str(caught.value) == (
        "https://api.sendkit.test refused the API key (401: unknown key [key])."
    )
    assert naps.taken_s == []


@pytest.mark.parametrize("status", [400, 403, 404, 302])
async def test_a_refused_list_is_not_asked_for_again(status: int) -> None:
    naps = Naps()
    async with api_over(lambda _: httpx.Response(status, json={"error": "no"}), naps=naps) as api:
        with pytest.raises(ReadFailedError, match=rf"^GET /v1/workspaces: answered {status} \("):
            await api.read_workspaces()
    assert naps.taken_s == []


@pytest.mark.parametrize("failure", [408, 425, 429, 500, 503, "fault"])
async def test_a_list_is_asked_for_three_times_when_the_failure_may_pass(
    failure: int | str,
) -> None:
    naps, tries = Naps(), 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if isinstance(failure, int):
            return httpx.Response(failure, json={"error": "later"})
        raise httpx.ReadTimeout("")

    async with api_over(handle, naps=naps) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    said = (
        f"answered {failure} (later)" if failure != "fault" else "the server sent nothing for 3 s"
    )
    assert str(caught.value) == f"GET /v1/tags: {said}."
    assert (tries, naps.taken_s) == (3, [0.5, 1.0])


async def test_a_list_refused_in_a_200_is_asked_for_again() -> None:
    refusal = {"success": False, "error": {"code": "rate_limited", "retry_after": 3}}
    replies = iter([{"json": refusal}, {"json": {"success": True, "data": [{"name": "Lead"}]}}])
    naps = Naps()
    async with api_over(lambda _: httpx.Response(200, **next(replies)), naps=naps) as api:  # type: ignore[arg-type]  # a body
        assert await api.read_labels() == ("Lead",)
    assert naps.taken_s == [3.0]


async def test_a_list_that_comes_at_the_third_try_is_taken() -> None:
    answers = iter(
        [httpx.Response(500), httpx.Response(429), httpx.Response(200, json={"data": []})]
    )
    async with api_over(lambda _: next(answers)) as api:
        assert await api.read_labels() == ()


@pytest.mark.parametrize(("asked", "naps_s"), [("30", [30.0, 30.0]), ("0", [0.5, 1.0]), ("31", [])])
async def test_a_wait_that_the_server_asks_for_is_kept_whole_or_not_begun(
    asked: str, naps_s: list[float]
) -> None:
    naps = Naps()
    response = httpx.Response(503, headers={"Retry-After": asked})
    async with api_over(lambda _: response, naps=naps) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    assert naps.taken_s == naps_s
    assert (caught.value.http_status, caught.value.retry_after_s) == (503, float(asked))


@pytest.mark.parametrize("status", [302, 400, 403, 404, 429, 501, 503, 522])
async def test_a_list_that_was_given_up_says_what_the_last_answer_ordered_to_wait(
    status: int,
) -> None:
    waits = iter(["3", "2", "1"])

    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Retry-After": next(waits)})

    async with api_over(handle) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    last = 1.0 if status in {429, 503, 522} else None
    assert (caught.value.http_status, caught.value.retry_after_s) == (status, last)


async def test_a_list_that_was_given_up_for_a_fault_asks_for_no_wait() -> None:
    async with api_over(raising(httpx.ReadTimeout(""))) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    assert (caught.value.http_status, caught.value.retry_after_s) == (None, None)


async def test_a_list_that_breaks_off_is_asked_for_again_and_its_retry_after_is_no_order() -> None:
    naps = Naps()

    def handle(_: httpx.Request) -> httpx.Response:
        body = Chunks(b'{"data"', error=httpx.ReadError(""))
        return httpx.Response(200, headers={"Retry-After": "7"}, stream=body)

    async with api_over(handle, naps=naps) as api:
        with pytest.raises(ReadFailedError) as caught:
            await api.read_labels()
    assert str(caught.value) == "GET /v1/tags: the connection broke: ReadError."
    assert (naps.taken_s, caught.value.retry_after_s) == ([0.5, 1.0], None)


@pytest.mark.parametrize("key", ["", "sk_abc def", "sk_abc\n", "sk_äbc", "sk_abc\x7f"])
async def test_a_key_that_fits_no_header_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        api_over(lambda _: httpx.Response(200), key=key)
    assert str(caught.value) == (
        "The API key (not shown): found a space, a control character or a letter outside ASCII, "
        "or nothing at all; expected one word."
    )


async def test_a_workspace_id_that_fits_no_header_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^The workspace id"):
        api_over(lambda _: httpx.Response(200), workspace_id="66c0\r\nX-Evil: 1")


BUDGET_HEADERS = {"RateLimit-Policy": '"default";q=100;w=60', "RateLimit": '"default";r=50;t=30'}
BUDGET = Budget(name="ratelimit default", limit=100, remaining=50, reset_s=30.0, window_s=60.0)


@pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 503])
async def test_an_answer_carries_the_server_s_budgets_whatever_its_status(status: int) -> None:
    response = httpx.Response(status, headers=BUDGET_HEADERS, json=CONFIRMED)
    async with api_over(answering(response)) as api:
        assert (await api.send_change(CHANGE)).budgets == (BUDGET,)


async def test_an_answer_whose_body_breaks_off_still_carries_budgets() -> None:
    body = Chunks(b"{", error=httpx.ReadError(""))
    response = httpx.Response(200, headers=BUDGET_HEADERS, stream=body)
    async with api_over(answering(response)) as api:
        answer = await api.send_change(CHANGE)
    assert (answer.reason, answer.budgets) == (Reason.NO_ANSWER, (BUDGET,))


async def test_the_client_s_budgets_are_those_of_the_latest_answer_and_faults_change_none() -> None:
    left = ["50", "49", "fault", "none"]

    def handle(_: httpx.Request) -> httpx.Response:
        said = left.pop(0)
        if said == "fault":
            raise httpx.ReadError("")
        headers = {} if said == "none" else {**BUDGET_HEADERS, "RateLimit": f'"default";r={said}'}
        return httpx.Response(200, headers=headers, json=CONFIRMED)

    seen = []
    async with api_over(handle) as api:
        for _ in range(4):
            answer = await api.send_change(CHANGE)
            seen.append([answer.budgets, api.budgets])
    first = replace(BUDGET, reset_s=60.0)
    second = replace(first, remaining=49)
    assert seen == [[(first,)] * 2, [(second,)] * 2, [(), (second,)], [(), ()]]


@pytest.mark.parametrize("status", [200, 401])
async def test_a_list_tells_of_budgets_too(status: int) -> None:
    response = httpx.Response(status, headers=BUDGET_HEADERS, json={"data": []})
    async with api_over(answering(response)) as api:
        if status == 401:
            with pytest.raises(KeyRefusedError):
                await api.read_workspaces()
        else:
            await api.read_workspaces()
        assert api.budgets == (BUDGET,)


async def test_a_reset_as_a_unix_time_is_measured_by_the_clock_of_the_server() -> None:
    headers = {
        "Date": "Sat, 28 Nov 2020 12:00:00 GMT",  # years behind ours
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "50",
        "X-RateLimit-Reset": "1606564830",  # 30 s later
    }
    async with api_over(lambda _: httpx.Response(200, headers=headers, json=CONFIRMED)) as api:
        (budget,) = (await api.send_change(CHANGE)).budgets
    assert budget.reset_at == 1_606_564_830.0
    assert 25 < budget.reset_s <= 30


async def test_headers_that_come_twice_are_read_as_one_list() -> None:
    headers = [
        ("RateLimit-Policy", '"default";q=100;w=60'),
        ("RateLimit-Policy", '"daily";q=1000;w=86400'),
        ("RateLimit", '"daily";r=900;t=7200'),
        ("ratelimit", '"default";r=50;t=30'),
    ]
    async with api_over(lambda _: httpx.Response(200, headers=headers, json=CONFIRMED)) as api:
        budgets = (await api.send_change(CHANGE)).budgets
    assert [(each.name, each.remaining) for each in budgets] == [
        ("ratelimit daily", 900),
        ("ratelimit default", 50),
    ]


async def test_budgets_of_an_unknown_unit_are_marked_and_not_the_client_s() -> None:
    headers = {
        "X-RateLimit-Limit": "20",
        "X-RateLimit-Remaining": "19",
        "X-RateLimit-Reset": "3600",
    }
    async with api_over(lambda _: httpx.Response(200, headers=headers, json=CONFIRMED)) as api:
        (budget,) = (await api.send_change(CHANGE)).budgets
        assert not budget.is_unit_known
        assert api.budgets == ()


async def test_the_name_of_a_budget_does_not_repeat_the_key() -> None:
    headers = {"RateLimit-Policy": f'"{KEY}";q=100;w=60', "RateLimit": f'"{KEY}";r=50;t=30'}
    async with api_over(lambda _: httpx.Response(200, headers=headers, json=CONFIRMED)) as api:
        assert not _holds(await api.send_change(CHANGE), KEY[:12])
        assert [each.name for each in api.budgets] == ["ratelimit [key]"]


class Metered:
    """Notes what a client tells its meter; one request may leave after each refill."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.left = 0

    def take(self) -> bool:
        if not self.left:
            return False
        self.told.append("take")
        self.left -= 1
        return True

    async def refill(self) -> None:
        self.told.append("refill")
        self.left += 1

    def give_back(self) -> None:
        self.told.append("give back")

    def know_workspace(self, workspace_id: str) -> None:
        self.told.append(workspace_id)

    def close(self) -> None:
        self.told.append("close")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (None, []),
        (httpx.ConnectError("refused"), ["give back"]),
        (httpx.ConnectTimeout("late"), ["give back"]),
        (httpx.ReadError("reset"), []),
        (httpx.ReadTimeout("late"), []),
    ],
)
async def test_every_request_is_metered_before_it_leaves(
    error: Exception | None, told: list[str]
) -> None:
    meter = Metered()

    def handle(request: httpx.Request) -> httpx.Response:
        meter.told.append(request.method)
        if error:
            raise error
        return httpx.Response(200, json=CONFIRMED)

    access = Access(base_url=BASE, api_key=SecretStr(KEY))
    async with SendKit(
        access, timeouts=TIMEOUTS, transport=Answering(handle), meter=meter, sleep=Naps()
    ) as api:
        await api.send_change(CHANGE)
        await api.probe()
        api.know_workspace("acme")
    first, second = (["refill", "take", method, *told] for method in ("PATCH", "GET"))
    assert meter.told == [*first, *second, "acme", "close"]
