"""Reads one HTTP response into an Answer. Pure: it never sends, waits or looks at a clock."""

from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from batch.api.excerpt import MAX_LENGTH, Redactor, describe_value, read_error, read_object
from batch.api.headers import read_wait_s, retry_after_s
from batch.api.wire import Fault, Reply
from batch.model import MOVES, Answer, Budget, Change, Reason
from batch.statuses import may_pass

MAX_BODY_BYTES = 64 * 1024  # a confirmation has some 300 bytes; more is not read

_REASONS = {
    400: Reason.BAD_REQUEST,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    408: Reason.SERVER_ERROR,
    410: Reason.NOT_FOUND,
    422: Reason.BAD_REQUEST,
    425: Reason.SERVER_ERROR,
    429: Reason.RATE_LIMITED,
}
_HINTS = {
    401: "check SENDKIT_API_KEY, or the file that api_key_file names",
    403: "does the key belong to the workspace of this campaign?",
    404: "is campaignLeadId perhaps the lead's own id?",
}


# What says "too many requests" where a status doesn't: the whole of a code, without its signs and
# capitals. Never a part of a sentence: a final error that was taken for this would be tried again.
_PACE_CODES = frozenset(
    {"429", "ratelimit", "ratelimited", "ratelimitexceeded", "ratelimitreached", "toomanyrequests"}
)
_CODE_NAMES = ("code", "statusCode", "type")
_WAIT_NAMES = {
    "retry_after": 1.0,
    "retryAfter": 1.0,
    "retry_after_ms": 0.001,
    "retryAfterMs": 0.001,
}
# How servers, gateways and clouds name what they have logged a request by; the first that is there
# counts. Of a server's own before those of what stands before it.
_REQUEST_IDS = (
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-trace-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-ms-request-id",
    "cf-ray",
)
_ID_NAMES = frozenset(_REQUEST_IDS)
_LONGEST_ID = 100  # characters


class _Verdict(NamedTuple):
    """What a response says about the change; the texts as the server wrote them."""

    reason: Reason
    message: str = ""
    server_status: str | None = None
    server_ai_tag: str | None = None
    subsequence: str | None = None


def read_answer(
    change: Change,
    reply: Reply,
    *,
    redactor: Redactor,
    elapsed_ms: int,
    sent_at_ms: int,
    now: datetime,
    budgets: tuple[Budget, ...] = (),
) -> Answer:
    """The answer to a change, from the server's response.

    A 2xx is judged by its body, and is no success without a whole one; any other status by itself.
    Every text of the server's becomes one line without the key, here and nowhere else.
    now: aware UTC time of the response's arrival; used only for a Retry-After date.
    budgets: the server's budgets by the response's headers.
    """
    if is_success(reply):
        verdict = _read_confirmation(change, reply.body, redactor)
    else:
        reason, message = read_refusal(reply, redactor=redactor)
        if hint := _HINTS.get(reply.http_status):
            message = redactor.one_line(message, limit=MAX_LENGTH - len(hint) - 2)
            message = f"{message.rstrip('.')}; {hint}"
        verdict = _Verdict(reason, message)
    return Answer(
        reason=verdict.reason,
        http_status=None if verdict.reason is Reason.NO_ANSWER else reply.http_status,
        elapsed_ms=elapsed_ms,
        sent_at_ms=sent_at_ms,
        retry_after_s=asked_wait_s(reply, verdict.reason, now=now),
        budgets=budgets,
        message=verdict.message and redactor.one_line(verdict.message),
        server_status=verdict.server_status and redactor.one_line(verdict.server_status),
        server_ai_tag=verdict.server_ai_tag and redactor.one_line(verdict.server_ai_tag),
        subsequence=verdict.subsequence and redactor.one_line(verdict.subsequence),
        request_id=_request_id(reply, redactor),
    )


def _request_id(reply: Reply, redactor: Redactor) -> str:
    if _ID_NAMES.isdisjoint(reply.headers):  # a third of the time of looking for each
        return ""
    found = next(reply.headers[name] for name in _REQUEST_IDS if name in reply.headers)
    return redactor.one_line(found, limit=_LONGEST_ID)


def is_success(reply: Reply) -> bool:
    """Whether the status is a 2xx."""
    return HTTPStatus.OK <= reply.http_status < HTTPStatus.MULTIPLE_CHOICES


def asked_wait_s(reply: Reply, reason: Reason, *, now: datetime) -> float | None:
    """Seconds that a response tells us to wait, by its header, else by its body; None without.

    reason: what the response was judged to be. Only one that is worth another try counts: on a
    served one (2xx, or a final refusal) `Retry-After` is no order, and some servers send it with
    each. Otherwise as `retry_after_s`. Sources: RFC 9110 section 10.2.3, RFC 6585 section 4.
    """
    if not (may_pass(reply.http_status) or reason is Reason.RATE_LIMITED):
        return None
    asked_s = retry_after_s(reply.headers, now=now)
    if asked_s is not None or isinstance(reply.body, Fault):
        return asked_s
    document = read_object(reply.body) or {}
    for place in (document, _object_at(document, "error")):
        for name, seconds in _WAIT_NAMES.items():
            value = place.get(name)
            wait_s = read_wait_s(str(value)) if isinstance(value, str | int | float) else None
            if wait_s is not None:
                return wait_s * seconds
    return None


def refuses_pace(document: dict[str, object]) -> bool:
    """Whether the body of a 2xx says that there were too many requests: not served, by a code.

    The code stands in `code`, `statusCode`, `type` or `error`, of the body or of its `error`.
    """
    if document.get("success", False) is not False:
        return False
    if "success" not in document and "data" in document:
        return False
    error = _object_at(document, "error")
    codes = [place.get(name) for place in (document, error) for name in _CODE_NAMES]
    return any(
        isinstance(code, str | int) and _plain(str(code)) in _PACE_CODES
        for code in (*codes, document.get("error"))
    )


def _plain(code: str) -> str:
    return "".join(filter(str.isalnum, code[:MAX_LENGTH])).lower()


def read_refusal(reply: Reply, *, redactor: Redactor) -> tuple[Reason, str]:
    """The reason and the message of a response other than 2xx, to any request."""
    status = reply.http_status
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        try:  # the host alone: a path or query may hold what is not ours to repeat
            host = urlsplit(reply.headers.get("location", "")).hostname
        except ValueError:
            host = None
        target = f" to {host}" if host else ""
        message = f"redirected{target}; redirects are not followed, so check base_url"
        return Reason.REDIRECTED, redactor.one_line(message)
    other = Reason.SERVER_ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    reason = _REASONS.get(status, other or Reason.REJECTED)
    if isinstance(reply.body, Fault):
        return reason, redactor.one_line(f"{_phrase(status)}; {reply.body.message}")
    document = read_object(reply.body)
    error = read_error(document) if document else ""
    return reason, redactor.one_line(error or redactor.read_text(reply.body)) or _phrase(status)


def _read_confirmation(change: Change, body: bytes | Fault, redactor: Redactor) -> _Verdict:
    if isinstance(body, Fault):
        return _Verdict(body.reason, body.message)
    if not body.strip():
        return _Verdict(Reason.EMPTY_ANSWER, "the answer has no body; expected a JSON object")
    document = read_object(body)
    if document is None:
        found = redactor.read_text(body)
        return _Verdict(Reason.NOT_JSON, f"expected a JSON object, found: {found}")
    if refuses_pace(document):
        return _Verdict(Reason.RATE_LIMITED, read_error(document))
    return _judge(change, document)


def _judge(change: Change, document: dict[str, object]) -> _Verdict:
    """The success rule, for a 2xx that is a JSON object."""
    data = _object_at(document, "data")
    # the API leaves open where this object stands
    enrollment = _object_at(data, "subsequenceEnrollment")
    enrollment = enrollment or _object_at(document, "subsequenceEnrollment")
    move, name = _text_at(enrollment, "action"), _text_at(enrollment, "subsequenceName")
    subsequence = f"{move}: {name}" if move is not None and name else move
    verdict = _Verdict(
        Reason.APPLIED,
        server_status=_text_at(data, "status"),
        server_ai_tag="null" if data.get("aiTag", "") is None else _text_at(data, "aiTag"),
        subsequence=subsequence,
    )
    if "success" in document and document["success"] is not True:
        found = f"success is {describe_value(document['success'])}; expected true"
        message = read_error(document) or found
        return verdict._replace(reason=Reason.SUCCESS_FALSE, message=message)
    if "success" not in document and not isinstance(document.get("data"), dict):
        message = "the answer has neither success nor an object data; expected success true"
        return verdict._replace(reason=Reason.EMPTY_ANSWER, message=message)
    differences = _find_differences(change, data)
    moved_status = differences.pop("status", "") if move in MOVES else ""
    if differences:
        message = "; ".join(differences.values())
        return verdict._replace(reason=Reason.NOT_APPLIED, message=message)
    if moved_status:
        return verdict._replace(message=f"the lead was moved ({subsequence}), so {moved_status}")
    return verdict


def _find_differences(change: Change, data: dict[str, object]) -> dict[str, str]:
    """A sentence for each field whose value is not the one asked for; a missing one is fine."""
    expected: dict[str, str | None] = {
        "_id": change.campaign_lead_id,
        "campaignId": change.campaign_id,
    }
    if change.status is not None:
        expected["status"] = change.status
    if change.ai_tag is not None or change.clear_tag:
        expected["aiTag"] = change.ai_tag
    differences = {}
    for name, value in expected.items():
        found = data.get(name, value)
        if isinstance(found, str) and value is not None and name != "status":
            agrees = found.casefold() == value.casefold()
        else:
            agrees = found == value
        if not agrees:
            differences[name] = f"{name} is {describe_value(found)}, not {describe_value(value)}"
    return differences


def _object_at(parent: dict[str, object], name: str) -> dict[str, object]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _text_at(parent: dict[str, object], name: str) -> str | None:
    value = parent.get(name)
    return value if isinstance(value, str) else None


def _phrase(http_status: int) -> str:
    try:
        return HTTPStatus(http_status).phrase
    except ValueError:
        return f"HTTP {http_status}"
