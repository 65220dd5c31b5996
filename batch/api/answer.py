"""Reads one HTTP response into an Answer. Pure: it never sends, waits or looks at a clock."""

from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from batch.api.excerpt import MAX_LENGTH, Redactor, read_error, read_object, shown
from batch.api.headers import asked_wait_s
from batch.api.wire import Fault, Reply
from batch.model import Answer, Budget, Change, Reason

MAX_BODY_BYTES = 64 * 1024  # a confirmation has some 300 bytes; more is not read

_MOVES = frozenset({"enrolled", "switched", "exited"})  # skippedInProgress left the lead in place
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


class _Said(NamedTuple):
    """What a response says of the change; the texts as the server wrote them."""

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
    """What the server's response makes of the change.

    A 2xx is judged by its body, and without a whole body is none; all else by its status. Every
    text of the server's is one line without the key: this is the one place that sees to it.
    now: aware UTC time of the response's arrival; used only for a Retry-After date.
    budgets: what the response's headers say of the server's budgets.
    """
    if is_success(reply):
        said = _read_confirmation(change, reply.body, redactor)
    else:
        reason, message = read_refusal(reply, redactor=redactor)
        if hint := _HINTS.get(reply.http_status, ""):
            message = redactor.one_line(message, limit=MAX_LENGTH - len(hint) - 2)
            message = f"{message.rstrip('.')}; {hint}"
        said = _Said(reason, message)
    return Answer(
        reason=said.reason,
        http_status=None if said.reason is Reason.NO_ANSWER else reply.http_status,
        elapsed_ms=elapsed_ms,
        sent_at_ms=sent_at_ms,
        retry_after_s=asked_wait_s(reply.http_status, reply.headers, now=now),
        budgets=budgets,
        message=said.message and redactor.one_line(said.message),
        server_status=said.server_status and redactor.one_line(said.server_status),
        server_ai_tag=said.server_ai_tag and redactor.one_line(said.server_ai_tag),
        subsequence=said.subsequence and redactor.one_line(said.subsequence),
    )


def is_success(reply: Reply) -> bool:
    """Whether the status is a 2xx."""
    return HTTPStatus.OK <= reply.http_status < HTTPStatus.MULTIPLE_CHOICES


def was_moved(subsequence: str | None) -> bool:
    """Whether what an answer told of a subsequence says that the lead was moved by the change."""
    return (subsequence or "").partition(":")[0] in _MOVES


def read_refusal(reply: Reply, *, redactor: Redactor) -> tuple[Reason, str]:
    """The reason and the message of a response that is no 2xx, to whatever request."""
    status = reply.http_status
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Reason.REDIRECTED, _read_redirect(reply.headers.get("location", ""), redactor)
    other = Reason.SERVER_ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    reason = _REASONS.get(status, other or Reason.REJECTED)
    if isinstance(reply.body, Fault):
        return reason, redactor.one_line(f"{_phrase(status)}; {reply.body.message}")
    document = read_object(reply.body)
    said = read_error(document) if document else ""
    return reason, redactor.one_line(said or redactor.read_text(reply.body)) or _phrase(status)


def _read_confirmation(change: Change, body: bytes | Fault, redactor: Redactor) -> _Said:
    if isinstance(body, Fault):
        return _Said(body.reason, body.message)
    if not body.strip():
        message = "the answer has no body; expected a JSON object"
        return _Said(Reason.EMPTY_ANSWER, message)
    document = read_object(body)
    if document is None:
        message = f"expected a JSON object, found: {redactor.read_text(body)}"
        return _Said(Reason.NOT_JSON, message)
    return _judge(change, document)


def _judge(change: Change, document: dict[str, object]) -> _Said:
    """The success rule, for a 2xx that is a JSON object."""
    data = _object_at(document, "data")
    move, subsequence = _read_enrollment(data, document)
    said = _Said(
        Reason.APPLIED,
        server_status=_read_word(data, "status"),
        server_ai_tag="null" if data.get("aiTag", "") is None else _read_word(data, "aiTag"),
        subsequence=subsequence,
    )
    if "success" in document and document["success"] is not True:
        found = f"success is {shown(document['success'])}; expected true"
        message = read_error(document) or found
        return said._replace(reason=Reason.SUCCESS_FALSE, message=message)
    if "success" not in document and not isinstance(document.get("data"), dict):
        message = "the answer has neither success nor an object data; expected success true"
        return said._replace(reason=Reason.EMPTY_ANSWER, message=message)
    differences = _find_differences(change, data)
    moved_status = differences.pop("status", "") if move in _MOVES else ""
    if differences:
        message = "; ".join(differences.values())
        return said._replace(reason=Reason.NOT_APPLIED, message=message)
    if moved_status:
        return said._replace(message=f"the lead was moved ({subsequence}), so {moved_status}")
    return said


def _find_differences(change: Change, data: dict[str, object]) -> dict[str, str]:
    """Where the answer disagrees with what was asked, by field; a field it leaves out agrees."""
    asked: dict[str, str | None] = {
        "_id": change.campaign_lead_id,
        "campaignId": change.campaign_id,
    }
    if change.status is not None:
        asked["status"] = change.status
    if change.ai_tag is not None or change.clear_tag:
        asked["aiTag"] = change.ai_tag
    return {
        name: f"{name} is {shown(data[name])}, not {shown(expected)}"
        for name, expected in asked.items()
        if name in data and not _agrees(name, data[name], expected)
    }


def _agrees(name: str, found: object, expected: str | None) -> bool:
    if isinstance(found, str) and expected is not None and name != "status":
        return found.casefold() == expected.casefold()
    return found == expected


def _read_enrollment(
    data: dict[str, object], document: dict[str, object]
) -> tuple[str, str | None]:
    """The subsequence's action and how it reads in results; the API leaves open where it stands."""
    enrollment = _object_at(data, "subsequenceEnrollment")
    enrollment = enrollment or _object_at(document, "subsequenceEnrollment")
    action = _read_word(enrollment, "action")
    if action is None:
        return "", None
    name = _read_word(enrollment, "subsequenceName")
    return action, f"{action}: {name}" if name else action


def _read_redirect(location: str, redactor: Redactor) -> str:
    """Names the host alone: a path or query may carry what is not ours to repeat."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = None
    target = f" to {host}" if host else ""
    message = f"redirected{target}; redirects are not followed, so check base_url"
    return redactor.one_line(message)


def _object_at(parent: dict[str, object], name: str) -> dict[str, object]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _read_word(parent: dict[str, object], name: str) -> str | None:
    value = parent.get(name)
    return value if isinstance(value, str) else None


def _phrase(http_status: int) -> str:
    try:
        return HTTPStatus(http_status).phrase
    except ValueError:
        return f"HTTP {http_status}"
