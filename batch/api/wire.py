"""What goes over the wire: a change as a request, and the response to it. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from batch.model import Change, Reason

_ID = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why there is no response, or no body; message is one line.

    reason: NOT_CONNECTED or NO_ANSWER; for a body NO_ANSWER or OVERSIZED_ANSWER.
    """

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A response with its head. headers: a mapping that ignores case, or names in lower case."""

    http_status: int
    headers: Mapping[str, str]
    body: bytes | Fault


def lead_path(change: Change) -> str:
    """The path of the change's campaign lead.

    Raises ValueError for an id with a character that could lead to another address; the rules
    refuse such ids long before. Other ids need no percent-encoding.
    """
    for name, value in (
        ("campaignId", change.campaign_id),
        ("campaignLeadId", change.campaign_lead_id),
    ):
        if not _ID.fullmatch(value):
            raise ValueError(f"{name}: found {value!r}; expected letters, digits, - and _ only")
    return f"/v1/campaigns/{change.campaign_id}/leads/{change.campaign_lead_id}"


def change_body(change: Change) -> bytes:
    """The change as compact JSON, all ASCII: the fields to set, null for a tag to clear.

    The server leaves an absent field as it is.
    """
    return _body(
        change.status, change.ai_tag, sets_tag=change.ai_tag is not None or change.clear_tag
    )


@lru_cache(maxsize=1024)  # a job has few different ones
def _body(status: str | None, ai_tag: str | None, *, sets_tag: bool) -> bytes:
    fields = {} if status is None else {"status": status}
    tag = {"aiTag": ai_tag} if sets_tag else {}
    return json.dumps({**fields, **tag}, separators=(",", ":")).encode("ascii")
