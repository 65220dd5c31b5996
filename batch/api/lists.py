"""The API's lists: their paths, and their records. Pure: bytes to values.

Workspaces and labels come whole, campaigns and their leads a page at a time. The API doesn't
document where a page names the next one: every likely place is tried, and where none does, the last
record's id is the cursor, until a page brings nothing new.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from pydantic import BaseModel, BeforeValidator, FailFast, Field, ValidationError

from batch.api.answer import asked_wait_s, is_success, read_refusal, refuses_pace
from batch.api.excerpt import Redactor, read_error, read_object
from batch.api.wire import Fault, Reply
from batch.model import Answer, Campaign, CampaignLead, Reason, Webhook

MAX_DIGITS = 18
WEBHOOKS_PATH = "/v1/webhooks"
TAG_CHANGED = "lead.tag_changed"  # the event
MOST_A_PAGE = 100  # the largest page is not documented; a server that takes less says 400

_Value = TypeVar("_Value")
_Record = TypeVar("_Record", bound=BaseModel)
_Model = TypeVar("_Model", bound=BaseModel)


def leads_path(
    campaign_id: str, *, cursor: str | None, limit: int | None, status: str | None = None
) -> str:
    """The path of a page of a campaign's leads.

    cursor: None for the first page. status: for leads of that status alone; None for all.
    """
    path = f"/v1/campaigns/{quote(campaign_id, safe='')}/leads"
    return _with_query(path, status=status, cursor=cursor, limit=limit)


def campaigns_path(*, cursor: str | None, limit: int | None) -> str:
    """The path of a page of the workspace's campaigns."""
    return _with_query("/v1/campaigns", cursor=cursor, limit=limit)


def _with_query(path: str, **parameters: str | int | None) -> str:
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{path}?{query}" if query else path


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace that the key can see. name: fit to be shown; the id where it has no name."""

    id: str
    name: str


class _WorkspaceRecord(BaseModel):
    id: str = Field(alias="_id")
    name: str | None = None


class _LabelRecord(BaseModel):
    name: str


class _List(BaseModel, Generic[_Record]):
    success: Literal[True] = True
    # The first wrong record says enough: a list of a million of them took 7 s and 1 GB.
    data: Annotated[list[_Record], FailFast()]


def parse_workspaces(body: bytes, redactor: Redactor) -> tuple[Workspace, ...]:
    """The workspaces of a list; raises ValueError saying what is wrong with it."""
    records = read_model(_List[_WorkspaceRecord], body, redactor).data
    return tuple(
        Workspace(
            id=(id_ := redactor.one_line(record.id)),
            name=redactor.name(record.name or "") or id_,
        )
        for record in records
    )


def parse_labels(body: bytes, redactor: Redactor) -> tuple[str, ...]:
    """The labels' names, exactly as the API spells them; raises ValueError as above."""
    records = read_model(_List[_LabelRecord], body, redactor).data
    return tuple(redactor.without_key(record.name) for record in records)


def read_model(model: type[_Model], body: bytes, redactor: Redactor) -> _Model:
    """A body as this model; raises ValueError saying where it differs, and how."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the body"
        raise ValueError(redactor.one_line(f"{place}: {first['msg']}")) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[_Value]):
    """A page of a list.

    ids: of its records. next_cursor: of the next page; None at the end of the list.
    is_named: whether the page names the cursor or the end itself; the server may not know a cursor
    that it didn't name. has_more: whether the page says that more follows. total, pages: of the
    whole list, where the page says.
    """

    records: tuple[_Value, ...]
    ids: tuple[str, ...] = ()
    next_cursor: str | None
    is_named: bool = True
    has_more: bool = False
    total: int | None = None
    pages: int | None = None

    def pages_left(self, read: int) -> int | None:
        """How many pages of this size follow after `read` records; None if the page doesn't say."""
        if self.total is None or not self.ids:
            return None
        return math.ceil(max(0, self.total - read) / len(self.ids))


def _count(value: object) -> int | None:
    """A count, also one in quotes; None for anything else, so that it spoils no page."""
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


Count = Annotated[int | None, BeforeValidator(_count)]


class _Onward(BaseModel):
    """What one place of a page says about the next page, and about the whole list."""

    next_cursor: str | None = Field(None, alias="nextCursor")
    has_more: bool | None = Field(None, alias="hasMore")
    total: Count = None
    pages: Count = None


class _PersonRecord(BaseModel):
    id: str = Field("", alias="_id")
    email: str | None = None
    first_name: str | None = Field(None, alias="firstName")
    last_name: str | None = Field(None, alias="lastName")
    company: str | None = Field(None, alias="companyName")


class _LeadRecord(BaseModel):
    id: str = Field(alias="_id")
    person: _PersonRecord | str | None = Field(None, alias="leadId")
    status: str
    ai_tag: str | None = Field(None, alias="aiTag")


class _CampaignRecord(BaseModel):
    id: str = Field(alias="_id")
    name: str | None = None
    status: str = ""


class _WebhookRecord(BaseModel):
    id: str = Field("", alias="_id")
    name: str | None = None
    url: str = ""
    events: list[str] = []
    status: str = ""


_PagedRecord = TypeVar("_PagedRecord", _LeadRecord, _CampaignRecord, _WebhookRecord)


class _PagedList(_Onward, Generic[_PagedRecord]):
    success: Literal[True] = True
    data: Annotated[list[_PagedRecord], FailFast()]  # the first that is wrong says enough
    pagination: _Onward | None = None
    meta: _Onward | None = None


def read_page(
    reply: Reply | Fault,
    parse: Callable[[bytes, Redactor], Page[_Value]],
    *,
    redactor: Redactor,
    now: datetime,
) -> tuple[Answer, Page[_Value] | None]:
    """The answer to a request for a page, and the page if the response has one.

    now: aware UTC time of the response's arrival; used only for a Retry-After date.
    """
    if isinstance(reply, Fault):
        return Answer(reason=reply.reason, message=reply.message), None
    page: Page[_Value] | None = None
    reason, message = Reason.APPLIED, ""
    if not is_success(reply):
        reason, message = read_refusal(reply, redactor=redactor)
    elif isinstance(reply.body, Fault):
        reason, message = reply.body.reason, reply.body.message
    else:
        try:
            page = parse(reply.body, redactor)
        except ValueError as error:
            reason, message = Reason.NOT_JSON, f"expected a page of a list, found {error}"
            document = read_object(reply.body)
            if document and refuses_pace(document):
                reason, message = Reason.RATE_LIMITED, redactor.one_line(read_error(document))
    answer = Answer(
        reason=reason,
        message=message,
        http_status=None if reason is Reason.NO_ANSWER else reply.http_status,
        retry_after_s=asked_wait_s(reply, reason, now=now),
    )
    return answer, page


def parse_leads(body: bytes, redactor: Redactor) -> Page[CampaignLead]:
    """A page of a campaign's leads; raises ValueError saying what is wrong with it.

    Texts are the server's, without the key.
    """
    clean = redactor.without_key

    def lead(record: _LeadRecord) -> CampaignLead:
        person = record.person
        if not isinstance(person, _PersonRecord):
            person = _PersonRecord(_id=person or "")
        return CampaignLead(
            campaign_lead_id=record.id,
            lead_id=person.id,
            email=clean(person.email or ""),
            first_name=clean(person.first_name or ""),
            last_name=clean(person.last_name or ""),
            company=clean(person.company or ""),
            status=clean(record.status),
            ai_tag=None if record.ai_tag is None else clean(record.ai_tag),
        )

    return _page(read_model(_PagedList[_LeadRecord], body, redactor), lead)


def parse_campaigns(body: bytes, redactor: Redactor) -> Page[Campaign]:
    """A page of the workspace's campaigns; raises ValueError as above."""

    def campaign(one: _CampaignRecord) -> Campaign:
        name = redactor.one_line(one.name or "")
        return Campaign(id=one.id, name=name or one.id, status=redactor.one_line(one.status))

    return _page(read_model(_PagedList[_CampaignRecord], body, redactor), campaign)


def parse_campaign_names(body: bytes, redactor: Redactor) -> Page[tuple[str, str]]:
    """What campaigns are called where a person tells them apart, each with its id before it.

    "" for one without a name.
    """

    def named(one: _CampaignRecord) -> tuple[str, str]:
        return one.id, redactor.name(one.name or "")

    return _page(read_model(_PagedList[_CampaignRecord], body, redactor), named)


def parse_webhooks(body: bytes, redactor: Redactor) -> Page[Webhook | None]:
    """A page of the workspace's webhooks; raises ValueError as above.

    None stands for one that is not active, or does not hear of changed tags. Of an address the host
    alone is kept: the rest may hold what opens it.
    """

    def webhook(one: _WebhookRecord) -> Webhook | None:
        if one.status.casefold() != "active" or TAG_CHANGED not in one.events:
            return None
        try:
            host = urlsplit(one.url).hostname or ""
        except ValueError:
            host = ""
        return Webhook(name=redactor.name(one.name or ""), host=redactor.one_line(host))

    return _page(read_model(_PagedList[_WebhookRecord], body, redactor), webhook)


def _page(
    listing: _PagedList[_PagedRecord], value: Callable[[_PagedRecord], _Value]
) -> Page[_Value]:
    places = [each for each in (listing.pagination, listing, listing.meta) if each is not None]
    next_cursor, is_named = _next_cursor(listing, places)
    return Page(
        records=tuple(map(value, listing.data)),
        ids=tuple(record.id for record in listing.data),
        next_cursor=next_cursor,
        is_named=is_named,
        has_more=any(each.has_more for each in places),
        total=next((each.total for each in places if each.total is not None), None),
        pages=next((each.pages for each in places if each.pages is not None), None),
    )


def _next_cursor(
    listing: _PagedList[_PagedRecord], places: Sequence[_Onward]
) -> tuple[str | None, bool]:
    """The cursor of the next page, None at the end, and whether the page names either."""
    cursors = [each.next_cursor for each in places if "next_cursor" in each.model_fields_set]
    named = next(filter(None, cursors), None)
    if named is not None:
        return named, True
    has_more = next((each.has_more for each in places if each.has_more is not None), None)
    if has_more is False or (cursors and not has_more):
        return None, True
    if listing.data:
        return listing.data[-1].id, False
    if has_more:
        raise ValueError("an empty page says that more follows, but not from where")
    return None, False
