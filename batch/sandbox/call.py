"""One request as the API sees it, and the checks that calls share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from batch.sandbox.options import Options, choose
from batch.sandbox.state import Campaign, Workspace
from batch.sandbox.world import World


class ApiError(Exception):
    """An answer other than 200: its status and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class KeyKind(StrEnum):
    """What sort of key it is, in the log's words."""

    WORKSPACE = "workspace"
    PLATFORM = "platform"
    UNKNOWN = "unknown"
    MISSING = "missing"


class NextCursor(StrEnum):
    """Where a page names the next; the documentation does not say which one SendKit uses."""

    PAGINATION = "pagination"  # pagination.nextCursor
    TOP = "top"  # nextCursor
    META = "meta"  # meta.nextCursor
    HAS_MORE = "has-more"  # only whether there is more
    NONE = "none"  # nothing: go on until a page is empty
    IGNORED = "ignored"  # nothing, and no cursor is known: each page is the first one


class Enrollment(StrEnum):
    """Where `subsequenceEnrollment` stands in an answer; the documentation leaves both open."""

    DATA = "data"  # beside aiTag
    TOP = "top"  # beside data


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknowns:
    """What the API's documentation leaves open, as this sandbox does it."""

    enrollment: Enrollment
    next_cursor: NextCursor
    page_total: bool
    max_page: int
    page_shift: int
    max_action: int


def make_unknowns(options: Options) -> Unknowns:
    """What these options choose. SandboxError if one is wrong."""
    return Unknowns(
        enrollment=choose("--enrollment", options.enrollment, Enrollment),
        next_cursor=choose("--next-cursor", options.next_cursor, NextCursor),
        page_total=options.page_total,
        max_page=options.max_page,
        page_shift=options.page_shift,
        max_action=options.max_action,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    workspace_id: the X-Workspace-Id header; None without one.
    path, query: parts of the address, by name.
    applying: False if the request is to be answered without taking effect.
    """

    world: World
    unknowns: Unknowns
    api_key: str
    workspace_id: str | None
    path: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    body: bytes
    applying: bool


def key_kind(api_key: str | None, world: World) -> KeyKind:
    """What sort of key this is."""
    if not api_key:
        return KeyKind.MISSING
    if api_key == world.platform_key:
        return KeyKind.PLATFORM
    return KeyKind.WORKSPACE if api_key in world.by_key else KeyKind.UNKNOWN


def workspaces_of(call: Call) -> list[Workspace]:
    """The workspaces that the key may see. A workspace key must not name one."""
    if call.api_key == call.world.platform_key:
        return list(call.world.workspaces.values())
    if call.workspace_id is not None:
        raise ApiError(400, "X-Workspace-Id must not be sent with a workspace key")
    return [call.world.by_key[call.api_key]]


def workspace_of(call: Call) -> Workspace:
    """The workspace of the call: the key's own, or the one named with a platform key."""
    visible = workspaces_of(call)
    if call.api_key != call.world.platform_key:
        return visible[0]
    if call.workspace_id is None:
        raise ApiError(400, "X-Workspace-Id is required with a platform key")
    workspace = call.world.workspaces.get(call.workspace_id)
    if workspace is None:
        raise ApiError(404, "Workspace not found")
    return workspace


def campaign_of(call: Call) -> Campaign:
    """The campaign in the address."""
    workspace = workspace_of(call)
    campaign = workspace.campaigns.get(id_in_path(call, "campaign_id"))
    if campaign is None:
        raise ApiError(404, "Campaign not found")
    return campaign


def id_in_path(call: Call, name: str) -> str:
    """The id of this name in the address."""
    value = call.path[name]
    if not call.world.id_pattern.fullmatch(value):
        raise ApiError(400, f"{name} in the path is not a valid id")
    return value


def body_of(call: Call, *, allowed: frozenset[str]) -> dict[str, object]:
    """The body's JSON object, which has at least one key and only allowed ones."""
    if call.content_type.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(415, "Content-Type must be application/json")
    try:
        body = json.loads(call.body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "The body is not valid JSON") from error
    if not isinstance(body, dict) or not body:
        raise ApiError(400, "The body must be a JSON object that is not empty")
    if not body.keys() <= allowed:
        raise ApiError(400, f"The body may only have {' and '.join(sorted(allowed))}")
    return body


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python would read though JSON has none."""
    raise ValueError(name)


def check_query(call: Call, *, allowed: frozenset[str]) -> None:
    """Refuse a query with other names than these."""
    if not call.query.keys() <= allowed:
        raise ApiError(400, f"The query may only have {', '.join(sorted(allowed))}")
