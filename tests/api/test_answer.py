import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.answer import MAX_BODY_BYTES, read_answer
from batch.api.excerpt import MAX_LENGTH, Redactor
from batch.api.headers import LONGEST_WAIT_S
from batch.api.lists import parse_leads, read_page
from batch.api.wire import Fault, Reply
from batch.model import Answer, Change, Reason, Status
from batch.sending.retry import is_hold
from batch.statuses import may_pass
from tests.support.sampling import examples

KEY = "key-0123456789"
NOW = datetime(2026, 11, 24, 20, 19, 0, tzinfo=UTC)
LEAD = "65b000000000000000000abc"
CAMPAIGN = "65a000000000000000000def"
PAUSE_AND_TAG = Change(
    lines=(2,),
    campaign_id=CAMPAIGN,
    campaign_lead_id=LEAD,
    status=Status.PAUSED,
    ai_tag="Interested",
)
CLEAR = replace(PAUSE_AND_TAG, status=None, ai_tag=None, clear_tag=True)
OVERSIZED = Fault(reason=Reason.OVERSIZED_ANSWER, message="the answer is longer than 64 KiB")
BROKEN = Fault(reason=Reason.NO_ANSWER, message="the connection broke: Connection reset by peer")
DATA = {"_id": LEAD, "campaignId": CAMPAIGN, "status": "paused", "aiTag": "Interested"}


def answer_to(
    body: object,
    *,
    status: int = 200,
    change: Change = PAUSE_AND_TAG,
    headers: dict[str, str] | None = None,
) -> Answer:
    raw = body if isinstance(body, bytes | Fault) else json.dumps(body).encode()
    return read_answer(
        change,
        Reply(http_status=status, headers=headers or {}, body=raw),
        redactor=Redactor(KEY),
        elapsed_ms=52,
        sent_at_ms=1_795_551_540_000,
        now=NOW,
    )


def test_a_confirmed_change_is_applied_and_says_what_the_server_holds() -> None:
    assert answer_to({"success": True, "data": DATA}) == Answer(
        reason=Reason.APPLIED,
        http_status=200,
        elapsed_ms=52,
        sent_at_ms=1_795_551_540_000,
        server_status="paused",
        server_ai_tag="Interested",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"success": True},
        {"success": True, "data": None},
        {"data": DATA},
        {"data": {}},
        {"success": True, "data": {**DATA, "_id": LEAD.upper(), "aiTag": "iNTERESTED"}},
        {"success": True, "data": {"replied": False}},
    ],
)
def test_success_needs_success_true_or_an_object_data(body: object) -> None:
    assert answer_to(body).reason is Reason.APPLIED
    assert answer_to(body).message == ""


def test_a_cleared_tag_is_confirmed_by_null_alone() -> None:
    confirmed = answer_to({"success": True, "data": {"aiTag": None}}, change=CLEAR)
    assert (confirmed.reason, confirmed.server_ai_tag) == (Reason.APPLIED, "null")
    for tag in ("Interested", "null", ""):
        kept = answer_to({"success": True, "data": {"aiTag": tag}}, change=CLEAR)
        assert kept.reason is Reason.NOT_APPLIED
        assert kept.message == f'aiTag is "{tag}", not null'
        assert kept.server_ai_tag == tag


def test_a_field_that_was_not_asked_for_may_have_any_value() -> None:
    data = {"status": "completed", "aiTag": None}
    assert answer_to({"success": True, "data": data}, change=CLEAR).reason is Reason.APPLIED


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"_id": "65b0"}, f'_id is "65b0", not "{LEAD}"'),
        ({"campaignId": None}, f'campaignId is null, not "{CAMPAIGN}"'),
        ({"status": "active"}, 'status is "active", not "paused"'),
        ({"status": "PAUSED"}, 'status is "PAUSED", not "paused"'),
        ({"aiTag": None}, 'aiTag is null, not "Interested"'),
        ({"aiTag": {"name": "Interested"}}, 'aiTag is an object, not "Interested"'),
        ({"aiTag": ["Interested"]}, 'aiTag is a list, not "Interested"'),
        (
            {"status": True, "aiTag": 7},
            'status is true, not "paused"; aiTag is 7, not "Interested"',
        ),
    ],
)
def test_data_that_disagrees_is_not_applied(data: dict[str, object], message: str) -> None:
    answer = answer_to({"success": True, "data": {**DATA, **data}})
    assert (answer.reason, answer.message) == (Reason.NOT_APPLIED, message)


@pytest.mark.parametrize("place", ["data", "top"])
@pytest.mark.parametrize("action", ["enrolled", "switched", "exited"])
def test_a_status_that_differs_since_the_lead_was_moved_is_success(place: str, action: str) -> None:
    move = {"subsequenceEnrollment": {"action": action, "subsequenceName": "Warm leads"}}
    data = {**DATA, "status": "completed"}
    body = (
        {"success": True, "data": {**data, **move}}
        if place == "data"
        else {"success": True, "data": data, **move}
    )
    answer = answer_to(body)
    assert answer.reason is Reason.APPLIED
    assert answer.subsequence == f"{action}: Warm leads"
    assert answer.server_status == "completed"
    assert answer.message == (
        f'the lead was moved ({action}: Warm leads), so status is "completed", not "paused"'
    )


def test_a_move_excuses_the_status_only() -> None:
    data = {**DATA, "status": "active", "aiTag": None}
    enrollment = {"action": "enrolled"}
    answer = answer_to({"success": True, "data": {**data, "subsequenceEnrollment": enrollment}})
    assert (answer.reason, answer.subsequence) == (Reason.NOT_APPLIED, "enrolled")


def test_a_skipped_move_excuses_nothing() -> None:
    enrollment = {"action": "skippedInProgress", "subsequenceName": "Warm"}
    data = {**DATA, "status": "active", "subsequenceEnrollment": enrollment}
    answer = answer_to({"success": True, "data": data})
    assert answer.reason is Reason.NOT_APPLIED
    assert answer.subsequence == "skippedInProgress: Warm"


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        (
            {"success": False, "error": "locked"},
            Reason.SUCCESS_FALSE,
            "locked",
        ),
        ({"success": False, "data": DATA}, Reason.SUCCESS_FALSE, "success is false; expected true"),
        ({"success": "true"}, Reason.SUCCESS_FALSE, 'success is "true"; expected true'),
        ({"success": 1}, Reason.SUCCESS_FALSE, "success is 1; expected true"),
        (
            {},
            Reason.EMPTY_ANSWER,
            "the answer has neither success nor an object data; expected success true",
        ),
        (
            {"data": [DATA]},
            Reason.EMPTY_ANSWER,
            "the answer has neither success nor an object data; expected success true",
        ),
        (b"", Reason.EMPTY_ANSWER, "the answer has no body; expected a JSON object"),
        (b" \r\n", Reason.EMPTY_ANSWER, "the answer has no body; expected a JSON object"),
        (b"[1, 2]", Reason.NOT_JSON, "expected a JSON object, found: [1, 2]"),
        (b"OK", Reason.NOT_JSON, "expected a JSON object, found: OK"),
        (b'{"success": true', Reason.NOT_JSON, 'expected a JSON object, found: {"success": true'),
        (b"\xff\xfe\x00", Reason.NOT_JSON, "expected a JSON object, found: ��"),
        (
            b"<html><title>Log in</title><style>p{}</style><p>Wi-Fi &amp; more</p></html>",
            Reason.NOT_JSON,
            "expected a JSON object, found: Log in Wi-Fi & more",
        ),
        (OVERSIZED, Reason.OVERSIZED_ANSWER, "the answer is longer than 64 KiB"),
    ],
)
def test_any_other_2xx_is_an_error_with_its_own_reason(
    body: object, reason: Reason, message: str
) -> None:
    answer = answer_to(body, status=201)
    assert (answer.reason, answer.message, answer.http_status) == (reason, message, 201)


def test_json_that_is_nested_too_deep_is_no_json() -> None:
    assert answer_to(b"[" * MAX_BODY_BYTES).reason is Reason.NOT_JSON


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (300, Reason.REDIRECTED),
        (304, Reason.REDIRECTED),
        (399, Reason.REDIRECTED),
        (400, Reason.BAD_REQUEST),
        (401, Reason.REJECTED),
        (402, Reason.REJECTED),
        (403, Reason.FORBIDDEN),
        (404, Reason.NOT_FOUND),
        (405, Reason.REJECTED),
        (408, Reason.SERVER_ERROR),
        (409, Reason.REJECTED),
        (410, Reason.NOT_FOUND),
        (422, Reason.BAD_REQUEST),
        (425, Reason.SERVER_ERROR),
        (429, Reason.RATE_LIMITED),
        (499, Reason.REJECTED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
        (599, Reason.SERVER_ERROR),
    ],
)
def test_every_other_status_has_its_reason_even_if_the_body_says_success(
    status: int, reason: Reason
) -> None:
    answer = answer_to({"success": True, "data": DATA}, status=status)
    assert (answer.reason, answer.http_status) == (reason, status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"success": False, "error": "Bad tag"}, "Bad tag"),
        ({"error": {"code": "bad_tag", "message": "No such label"}}, "bad_tag: No such label"),
        ({"error": {"code": 17, "message": "No such label"}}, "No such label"),
        ({"message": "No such label"}, "No such label"),
        ({"error": "Bad Request", "message": "No such label"}, "Bad Request: No such label"),
        ({"error": "Same", "message": "Same"}, "Same"),
        ({"errors": ["No such label"]}, '{"errors": ["No such label"]}'),
        (b"<!doctype html><h1>400</h1>\n<p>Bad&nbsp;request", "400 Bad request"),
        (b"<script>if (a<b) {}", "Bad Request"),
        (b"plain words", "plain words"),
        (b"", "Bad Request"),
        (OVERSIZED, "Bad Request; the answer is longer than 64 KiB"),
        (BROKEN, "Bad Request; the connection broke: Connection reset by peer"),
    ],
)
def test_an_error_is_quoted_in_whatever_shape_it_comes(body: object, message: str) -> None:
    assert answer_to(body, status=400).message == message


def test_a_status_without_a_name_is_quoted_as_a_number() -> None:
    assert answer_to(b"", status=599).message == "HTTP 599"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "No.; check SENDKIT_API_KEY, or the file that api_key_file names"),
        (403, "No.; does the key belong to the workspace of this campaign?"),
        (404, "No.; is campaignLeadId perhaps the lead's own id?"),
        (410, "No."),
    ],
)
def test_the_usual_mistakes_are_hinted_at(status: int, message: str) -> None:
    assert answer_to({"error": "No."}, status=status).message == message.replace(".;", ";")


def test_a_long_error_is_cut_but_its_hint_is_kept() -> None:
    message = answer_to({"error": "words " * 100}, status=404).message
    assert len(message) <= MAX_LENGTH
    assert message.endswith("wor…; is campaignLeadId perhaps the lead's own id?")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://login.example/?token=sk_abc", " to login.example"),
        ("/v2/leads", ""),
        ("https://[::1", ""),
    ],
)
def test_a_redirect_names_the_host_alone(location: str, target: str) -> None:
    answer = answer_to(b"", status=307, headers={"location": location})
    assert answer.reason is Reason.REDIRECTED
    expected = f"redirected{target}; redirects are not followed, so check base_url"
    assert answer.message == expected


@pytest.mark.parametrize("status", [300, 401, 403, 404, 408, 425, 429, 500, 503, 599])
def test_a_status_decides_even_if_the_body_broke_off(status: int) -> None:
    whole = answer_to(b"", status=status)
    broken = answer_to(BROKEN, status=status, headers={"retry-after": "7"})
    assert (broken.reason, broken.http_status) == (whole.reason, status)
    assert broken.retry_after_s == (7.0 if may_pass(status) else None)


def test_a_2xx_whose_body_broke_off_is_no_answer() -> None:
    assert answer_to(BROKEN, headers={"retry-after": "7"}) == Answer(
        reason=Reason.NO_ANSWER,
        message="the connection broke: Connection reset by peer",
        elapsed_ms=52,
        sent_at_ms=1_795_551_540_000,
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"success": True, "data": {"status": KEY, "aiTag": KEY}}),
        (200, {"success": True, "data": {"_id": KEY, "campaignId": KEY, "aiTag": KEY}}),
        (
            200,
            {
                "success": True,
                "data": {**DATA, "status": "completed"},
                "subsequenceEnrollment": {"action": "enrolled", "subsequenceName": KEY},
            },
        ),
        (200, {"success": True, "data": {"subsequenceEnrollment": {"action": KEY}}}),
        (200, {"success": KEY}),
        (200, {"success": False, "error": {"code": KEY, "message": f"no {KEY}"}}),
        (200, KEY.encode()),
        (200, f"<p>{KEY}</p>".encode()),
        (400, {"message": f"{'x' * (MAX_LENGTH - 5)}{KEY}"}),
        (403, {"message": f"{'x' * 140} {KEY}"}),
        (404, {KEY: KEY}),
        (500, f"<p>{KEY}</p>".encode()),
        (500, f'{{"error": "{KEY}'.encode("utf-16")),
        (400, json.dumps({"error": KEY}).encode("utf-16")),
    ],
)
def test_no_text_of_an_answer_has_the_key(status: int, body: object) -> None:
    assert KEY[:8] not in repr(answer_to(body, status=status))


def test_a_redirect_to_a_host_that_holds_the_key_does_not_repeat_it() -> None:
    answer = answer_to(b"", status=307, headers={"location": f"https://{KEY.upper()}.test/"})
    assert answer.message == (
        "redirected to [key].test; redirects are not followed, so check base_url"
    )


def test_what_the_key_hides_is_judged_as_it_was() -> None:
    change = replace(PAUSE_AND_TAG, ai_tag=KEY)
    answer = answer_to({"success": True, "data": {**DATA, "aiTag": KEY}}, change=change)
    assert (answer.reason, answer.server_ai_tag) == (Reason.APPLIED, "[key]")


def test_a_message_is_one_line() -> None:
    text = "a\r\n\tb\x1b[31mc\x85d\u202ee\u2028f\ud800g\u200bh key sk_user_0123abc, task_1"
    message = answer_to({"error": text}, status=400).message
    assert message == "a b [31mc d e f g h key [key], task_1"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, ""),
        ({"date": "now", "cf-ray": "8f1-FRA"}, "8f1-FRA"),
        ({"cf-ray": "8f1-FRA", "x-request-id": "req_1"}, "req_1"),  # the server's own first
        ({"x-amzn-requestid": "a\x1b[31mb"}, "a [31mb"),
        ({"x-request-id": f"{KEY}-1"}, "[key]-1"),
        ({"x-request-id": "x" * 101}, "x" * 99 + "…"),
    ],
)
@pytest.mark.parametrize("status", [200, 503])
def test_what_the_server_logged_a_request_by_is_kept(
    headers: dict[str, str], found: str, status: int
) -> None:
    assert answer_to({"data": DATA}, status=status, headers=headers).request_id == found


def test_what_the_server_holds_is_cleaned_too() -> None:
    data = {"status": "pau\nsed", "aiTag": "Inter\x00ested"}
    data["subsequenceEnrollment"] = {"action": "enrolled", "subsequenceName": "\u202eWarm\ud800"}  # type: ignore[assignment]  # a mixed document
    answer = answer_to({"success": True, "data": data})
    assert answer.server_status == "pau sed"
    assert answer.server_ai_tag == "Inter ested"
    assert answer.subsequence == "enrolled: Warm"


@examples(200)
@given(body=st.binary(max_size=300), status=st.integers(200, 599), location=st.text())
def test_no_body_can_break_a_row(body: bytes, status: int, location: str) -> None:
    answer = answer_to(body, status=status, headers={"location": location})
    assert len(answer.message) <= MAX_LENGTH
    assert answer.message.isprintable() or "�" in answer.message
    answer.message.encode()


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_NAMES = (
    *("success", "data", "error", "message", "_id", "status", "aiTag", "subsequenceEnrollment"),
    *("code", "type", "retry_after", "retryAfterMs"),
)


@examples(200)
@given(
    document=st.dictionaries(
        st.sampled_from(_NAMES), _JSON | st.dictionaries(st.sampled_from(_NAMES), _JSON)
    ),
    status=st.sampled_from([200, 400, 404, 429, 500]),
)
def test_no_document_can_break_a_row(document: dict[str, object], status: int) -> None:
    answer = answer_to(document, status=status)
    confirmed = document.get("success") is True or (
        "success" not in document and isinstance(document.get("data"), dict)
    )
    assert answer.reason is not Reason.APPLIED or (confirmed and status == 200)
    f"{answer.message}{answer.server_ai_tag}{answer.server_status}{answer.subsequence}".encode()


@pytest.mark.parametrize("body", [b"", b"{}", OVERSIZED, BROKEN])
@pytest.mark.parametrize("status", [200, 204, 307, 400, 401, 403, 404, 429, 500, 503])
def test_retry_after_counts_where_the_answer_is_tried_again(
    status: int, body: bytes | Fault
) -> None:
    asked_s = answer_to(body, status=status, headers={"retry-after": "7"}).retry_after_s
    assert asked_s == (7.0 if may_pass(status) else None)
    assert answer_to(body, status=status).retry_after_s is None


TOO_MANY = [
    {"success": False, "error": {"code": "RATE_LIMIT_EXCEEDED", "message": "slow down"}},
    {"success": False, "error": {"type": "rate_limit", "message": "slow down"}},
    {"success": False, "error": {"code": 429, "message": "slow down"}},
    {"success": False, "error": {"statusCode": "429", "message": "slow down"}},
    {"success": False, "error": "rate_limited", "message": "slow down"},
    {"success": False, "error": "Too Many Requests"},
    {"success": False, "code": "rateLimited", "message": "slow down"},
    {"success": False, "code": 429, "data": None},
    {"error": "Too Many Requests", "message": "slow down", "code": 429},
]
OTHERS = [
    {"success": True, "code": 429, "data": DATA},
    {"success": None, "code": 429},
    {"code": 429, "data": DATA},
    {"success": False, "error": "rate_limited by the plan"},  # a sentence may mean anything
    {"success": False, "message": "Too many requests"},
    {"success": False, "error": {"message": "rate_limited"}},
    {"success": False, "error": {"code": "campaign_rate_limited"}},
    {"success": False, "error": {"code": 4290}},
    {"success": False, "error": {"code": True}},
    {"success": False, "error": {"code": ["429"]}},
    {"success": False, "data": {"code": 429}},
    {"success": False, "error": ["rate_limited"]},
]


@pytest.mark.parametrize("body", TOO_MANY)
def test_a_2xx_may_say_that_there_were_too_many_requests(body: dict[str, object]) -> None:
    answer = answer_to(body, headers={"retry-after": "7"})
    assert (answer.reason, answer.retry_after_s) == (Reason.RATE_LIMITED, 7.0)
    assert (answer.http_status, answer.in_doubt) == (200, False)
    assert is_hold(answer)
    assert "slow down" in answer.message or answer.message in {"Too Many Requests", ""}
    page, records = read_page(
        Reply(http_status=200, headers={}, body=json.dumps(body).encode()),
        parse_leads,
        redactor=Redactor(KEY),
        now=NOW,
    )
    assert (page.reason, records) == (Reason.RATE_LIMITED, None)


@pytest.mark.parametrize("body", OTHERS)
def test_nothing_less_than_a_code_says_that_there_were_too_many_requests(
    body: dict[str, object],
) -> None:
    answer = answer_to(body, headers={"retry-after": "7"})
    assert answer.reason is not Reason.RATE_LIMITED
    assert answer.retry_after_s is None


@pytest.mark.parametrize(
    ("body", "wait_s"),
    [
        ({"retry_after": 7}, 7.0),
        ({"retry_after": 0.5}, 0.5),
        ({"retry_after": "7"}, 7.0),
        ({"retryAfter": "7 seconds"}, 7.0),
        ({"retry_after_ms": 1500}, 1.5),
        ({"error": {"retry_after": 7}}, 7.0),
        ({"error": {"retryAfterMs": 1500}}, 1.5),
        ({"retry_after": 1, "error": {"retry_after": 7}}, 1.0),
        ({"retry_after": 10**12}, LONGEST_WAIT_S),
        ({"retry_after": -7}, None),
        ({"retry_after": True}, None),
        ({"retry_after": None}, None),
        ({"retry_after": [7]}, None),
        ({"retry_after": float("nan")}, None),
        ({"retry_after": float("inf")}, None),
        ({"retry_after": "9" * 5000}, None),
        ({"data": {"retry_after": 7}}, None),
        ({"retry": 7}, None),
        (["retry_after", 7], None),
        (b"retry_after: 7", None),
        (OVERSIZED, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_body_may_tell_how_long_to_wait(status: int, body: object, wait_s: float | None) -> None:
    assert answer_to(body, status=status).retry_after_s == wait_s
    assert answer_to(body, status=status, headers={"retry-after": "soon"}).retry_after_s == wait_s
    assert answer_to(body, status=status, headers={"retry-after": "3"}).retry_after_s == 3.0
    assert answer_to(body, status=404).retry_after_s is None
