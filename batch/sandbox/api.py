"""What each call of the API does: strict in what it takes, exact in what it answers.

Each is a function of a `Call` that returns the JSON object of a 200, or raises an `ApiError`.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from batch.sandbox.call import (
    ApiError,
    Call,
    Enrollment,
    NextCursor,
    body_of,
    campaign_of,
    check_query,
    id_in_path,
    workspace_of,
    workspaces_of,
)
from batch.sandbox.faults import Operation
from batch.sandbox.state import STATUSES, set_tag, take_page

_SETTABLE = ("active", "paused")
_CAMPAIGN_STATUSES = ("draft", "active", "paused", "completed", "archived")
# From which status a bulk action takes a lead, and to which. "remove" is left out: it destroys.
_ACTIONS = {"pause": ("active", "paused"), "resume": ("paused", "active")}
_DEFAULT_LIMIT = 25
_NAMES_A_CURSOR = {NextCursor.PAGINATION, NextCursor.TOP, NextCursor.META}


def patch_lead(call: Call) -> dict[str, object]:
    """Set the status, the tag or both of one campaign lead."""
    campaign = campaign_of(call)
    lead_id = id_in_path(call, "lead_id")
    body = body_of(call, allowed=frozenset({"status", "aiTag"}))
    status, tag = body.get("status"), body.get("aiTag")
    if "status" in body and status not in _SETTABLE:
        raise ApiError(422, "status must be active or paused")
    if not (tag is None or (isinstance(tag, str) and tag in workspace_of(call).labels)):
        raise ApiError(422, "aiTag must be null or a label of this workspace")
    lead = campaign.leads.get(lead_id)
    if lead is None:
        raise ApiError(404, "Campaign lead not found")
    moved = None
    if call.applying:
        lead.status = status if isinstance(status, str) else lead.status
        moved = set_tag(lead, tag, call.world.rules) if "aiTag" in body else None
    data = lead.record()
    answer: dict[str, object] = {"success": True, "data": data}
    if moved:
        place = data if call.unknowns.enrollment is Enrollment.DATA else answer
        place["subsequenceEnrollment"] = moved
    return answer


def act_on_leads(call: Call) -> dict[str, object]:
    """Pause the active ones, or resume the paused ones, of many campaign leads."""
    campaign = campaign_of(call)
    body = body_of(call, allowed=frozenset({"action", "leadIds"}))
    action, lead_ids = body.get("action"), body.get("leadIds")
    if not isinstance(action, str) or action not in _ACTIONS:
        raise ApiError(400, "action must be pause or resume; this sandbox refuses remove")
    if not isinstance(lead_ids, list) or not 0 < len(lead_ids) <= call.unknowns.max_action:
        raise ApiError(400, f"leadIds must be a list of 1 to {call.unknowns.max_action} ids")
    is_id = call.world.id_pattern.fullmatch
    if not all(isinstance(one, str) and is_id(one) for one in lead_ids):
        raise ApiError(400, "leadIds has something that is not a valid id")
    before, after = _ACTIONS[action]
    leads = [campaign.leads[one] for one in set(lead_ids) if one in campaign.leads]
    changed = [lead for lead in leads if lead.status == before]
    for lead in changed if call.applying else ():
        lead.status = after
    return {"success": True, "data": {"action": action, "modifiedCount": len(changed)}}


def list_leads(call: Call) -> dict[str, object]:
    """A page of a campaign's leads."""
    campaign = campaign_of(call)
    status = call.query.get("status")
    return _read_page(
        call,
        campaign.lead_ids,
        wanted=lambda one: status is None or campaign.leads[one].status == status,
        record=lambda one: campaign.leads[one].record(),
        filters={"status": STATUSES},
    )


def list_campaigns(call: Call) -> dict[str, object]:
    """A page of the workspace's campaigns."""
    campaigns = workspace_of(call).campaigns
    status, search = call.query.get("status"), call.query.get("search", "").casefold()
    return _read_page(
        call,
        sorted(campaigns),
        wanted=lambda one: (
            status in {None, campaigns[one].status} and search in campaigns[one].name.casefold()
        ),
        record=lambda one: campaigns[one].record(),
        filters={"status": _CAMPAIGN_STATUSES, "search": ()},
    )


def show_campaign(call: Call) -> dict[str, object]:
    """One campaign."""
    check_query(call, allowed=frozenset())
    return {"success": True, "data": campaign_of(call).record()}


def list_tags(call: Call) -> dict[str, object]:
    """The workspace's labels."""
    check_query(call, allowed=frozenset())
    labels = workspace_of(call).labels
    return {
        "success": True,
        "data": [{"name": name, "description": "", "color": "#6b7280"} for name in labels],
    }


def list_webhooks(call: Call) -> dict[str, object]:
    """A page of the workspace's webhooks."""
    webhooks = workspace_of(call).webhooks
    return _read_page(
        call,
        sorted(webhooks),
        wanted=lambda _: True,
        record=lambda one: webhooks[one].record(),
        filters={},
    )


def list_workspaces(call: Call) -> dict[str, object]:
    """The workspaces that the key may see; a platform key need not name one here."""
    check_query(call, allowed=frozenset())
    return {"success": True, "data": [workspace.record() for workspace in workspaces_of(call)]}


def show_account(call: Call) -> dict[str, object]:
    """The account behind a platform key."""
    check_query(call, allowed=frozenset())
    if call.api_key != call.world.platform_key:
        raise ApiError(403, "This call needs a platform key")
    return {"success": True, "data": {"_id": "ac" + "0" * 22, "name": "Sandbox account"}}


def refuse(_: Call) -> dict[str, object]:
    """Anything that is no call of the API."""
    raise ApiError(404, "No such call")


def _read_page(
    call: Call,
    ids: Sequence[str],
    *,
    wanted: Callable[[str], bool],
    record: Callable[[str], object],
    filters: Mapping[str, Sequence[str]],
) -> dict[str, object]:
    """The page of a list that the query asks for.

    ids: all of the list's, sorted. wanted: whether an id passes the query's filters.
    record: what the page shows of an id. filters: the query's other names, with the values that
    they may have; none listed means any.
    """
    unknowns = call.unknowns
    check_query(call, allowed=frozenset({"cursor", "limit", *filters}))
    for name, values in filters.items():
        if values and call.query.get(name, values[0]) not in values:
            raise ApiError(400, f"{name} must be one of {', '.join(values)}")
    text = call.query.get("limit", str(min(_DEFAULT_LIMIT, unknowns.max_page)))
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= unknowns.max_page):
        raise ApiError(400, f"limit must be a whole number from 1 to {unknowns.max_page}")
    after, limit = call.query.get("cursor", ""), int(text)
    if after and not call.world.id_pattern.fullmatch(after):
        raise ApiError(400, "cursor is not valid")
    if unknowns.next_cursor is NextCursor.IGNORED:
        after = ""
    elif unknowns.page_shift and after and after not in call.world.shifted:
        # Begin elsewhere, once, as if others had changed the list meanwhile.
        call.world.shifted.add(after)
        at = bisect_right(ids, after) - 1 + unknowns.page_shift
        after = ids[min(at, len(ids) - 1)] if at >= 0 else ""
    # A client that goes by records alone would take an empty page for the end.
    sparse = unknowns.next_cursor in _NAMES_A_CURSOR
    found, cursor = take_page(ids, after=after, limit=limit, wanted=wanted, sparse=sparse)
    answer = _next_page(unknowns.next_cursor, cursor)
    if unknowns.page_total:
        total = sum(map(wanted, ids))
        size = {"page": 1, "limit": limit, "total": total, "pages": math.ceil(total / limit)}
        answer["pagination"] = size | answer.get("pagination", {})
    return {"success": True, "data": [record(one) for one in found]} | answer


def _next_page(where: NextCursor, cursor: str | None) -> dict[str, Any]:
    """How a page says where the next one begins."""
    match where:
        case NextCursor.PAGINATION | NextCursor.META:
            return {where.value: {"nextCursor": cursor, "hasMore": cursor is not None}}
        case NextCursor.TOP:
            return {"nextCursor": cursor}
        case NextCursor.HAS_MORE:
            return {"hasMore": cursor is not None}
        case NextCursor.NONE | NextCursor.IGNORED:
            return {}


Act = Callable[[Call], dict[str, object]]

# Operation, method, path as Starlette spells it, and what it does.
CALLS: tuple[tuple[Operation, str, str, Act], ...] = (
    (Operation.PATCH, "PATCH", "/v1/campaigns/{campaign_id}/leads/{lead_id}", patch_lead),
    (Operation.ACTION, "POST", "/v1/campaigns/{campaign_id}/leads/action", act_on_leads),
    (Operation.LEADS, "GET", "/v1/campaigns/{campaign_id}/leads", list_leads),
    (Operation.CAMPAIGN, "GET", "/v1/campaigns/{campaign_id}", show_campaign),
    (Operation.CAMPAIGNS, "GET", "/v1/campaigns", list_campaigns),
    (Operation.TAGS, "GET", "/v1/tags", list_tags),
    (Operation.WEBHOOKS, "GET", "/v1/webhooks", list_webhooks),
    (Operation.WORKSPACES, "GET", "/v1/workspaces", list_workspaces),
    (Operation.ACCOUNT, "GET", "/v1/account", show_account),
)
