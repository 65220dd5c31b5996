import json

import pytest

from batch.api.excerpt import Redactor
from batch.api.lists import Page, parse_campaign_names, parse_campaigns, parse_leads, parse_webhooks
from batch.model import Campaign, CampaignLead, Webhook

KEY = "sk_0123456789abcdef"
REDACTOR = Redactor(KEY)
LEAD = {
    "_id": "65a2d1b86f9c8e3a00000001",
    "campaignId": "64f1c0a95e8b7d2f3a6c9e01",
    "leadId": {
        "_id": "aa00",
        "email": "ann@example.com",
        "firstName": "Ann",
        "lastName": "Lee",
        "companyName": "Acme",
    },
    "status": "active",
    "aiTag": "Interested",
    "currentSequenceStep": 2,
}


def body(*records: object, **more: object) -> bytes:
    return json.dumps({"success": True, "data": records, **more}).encode()


def cursor_of(*records: object, **more: object) -> str | None:
    return parse_leads(body(*records, **more), REDACTOR).next_cursor


def test_a_lead_keeps_what_people_know_it_by_and_what_can_be_changed() -> None:
    assert parse_leads(body(LEAD, nextCursor=None), REDACTOR) == Page(
        records=(
            CampaignLead(
                campaign_lead_id="65a2d1b86f9c8e3a00000001",
                lead_id="aa00",
                email="ann@example.com",
                first_name="Ann",
                last_name="Lee",
                company="Acme",
                status="active",
                ai_tag="Interested",
            ),
        ),
        ids=("65a2d1b86f9c8e3a00000001",),
        next_cursor=None,
    )


@pytest.mark.parametrize("person", [None, "aa00", {}, {"_id": "aa00", "email": None}])
def test_a_lead_without_a_persons_details_is_one_all_the_same(person: object) -> None:
    bare = {"_id": "b1", "leadId": person, "status": "paused"}
    (lead,) = parse_leads(body(bare), REDACTOR).records
    assert lead.lead_id == ("aa00" if person in ("aa00", {"_id": "aa00", "email": None}) else "")
    assert (lead.email, lead.company, lead.status, lead.ai_tag) == ("", "", "paused", None)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"pagination": {"nextCursor": "c1", "hasMore": True}}, "c1"),
        ({"nextCursor": "c1"}, "c1"),
        ({"meta": {"nextCursor": "c1"}}, "c1"),
        ({"pagination": {"nextCursor": None, "hasMore": False}}, None),
        ({"nextCursor": None}, None),
        ({"nextCursor": ""}, None),
        ({"meta": {"nextCursor": None}}, None),
        ({"hasMore": False}, None),
        ({"hasMore": True}, LEAD["_id"]),
        ({"pagination": {"page": 1}, "hasMore": True}, LEAD["_id"]),
        ({"nextCursor": None, "hasMore": True}, LEAD["_id"]),
        ({"pagination": {"nextCursor": None}, "meta": {"nextCursor": "c2"}}, "c2"),
        ({}, LEAD["_id"]),  # nothing is said: until a page is empty
    ],
)
def test_the_next_cursor_is_found_wherever_a_page_names_it(
    more: dict[str, object], expected: str | None
) -> None:
    assert cursor_of(LEAD, **more) == expected


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"nextCursor": "c1"}, True),
        ({"nextCursor": None}, True),
        ({"hasMore": False}, True),
        ({"hasMore": True}, False),
        ({}, False),
        ({"pagination": {"page": 1, "limit": 100, "total": 250, "pages": 3}}, False),
    ],
)
def test_a_page_says_whether_its_cursor_is_the_servers_word(
    more: dict[str, object], *, named: bool
) -> None:
    assert parse_leads(body(LEAD, **more), REDACTOR).is_named is named


@pytest.mark.parametrize(
    ("told", "total", "pages"),
    [
        ({"total": 250, "pages": 3}, 250, 3),
        ({"total": "250"}, 250, None),
        ({"total": 0}, 0, None),
        ({"total": -1, "pages": True}, None, None),
        ({"total": None, "pages": 1.5}, None, None),
        ({"total": "many", "pages": [3]}, None, None),
        ({"total": "9" * 5000}, None, None),
    ],
)
def test_what_a_page_tells_of_the_whole_list_is_read_where_it_is_a_count(
    told: dict[str, object], total: int | None, pages: int | None
) -> None:
    page = parse_leads(body(LEAD, pagination=told), REDACTOR)
    assert (page.total, page.pages) == (total, pages)
    top = parse_leads(body(LEAD, **told), REDACTOR)
    assert (top.total, top.pages) == (total, pages)


def test_an_empty_page_is_the_end_unless_it_names_a_cursor() -> None:
    assert cursor_of() is None
    assert cursor_of(hasMore=False) is None
    assert cursor_of(pagination={"nextCursor": "c9", "hasMore": True}) == "c9"
    with pytest.raises(
        ValueError, match=r"^an empty page says that more follows, but not from where$"
    ):
        cursor_of(hasMore=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[]", "the body: "),
        (b'{"success": false, "data": []}', "success: "),
        (b'{"data": [{"status": "active"}]}', "data.0._id: Field required"),
        (b'{"data": [{"_id": "a"}]}', "data.0.status: Field required"),
        (b"<html>", "the body: Invalid JSON"),
    ],
)
def test_a_page_that_is_none_is_said_where(text: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        parse_leads(text, REDACTOR)


def test_campaigns_have_a_name_to_be_shown_or_their_id() -> None:
    page = parse_campaigns(
        body(
            {"_id": "c1", "name": "Spring\n sale", "status": "active", "leadCounts": {"total": 3}},
            {"_id": "c2", "status": "draft"},
            nextCursor="c2",
        ),
        REDACTOR,
    )
    assert page == Page(
        records=(
            Campaign(id="c1", name="Spring sale", status="active"),
            Campaign(id="c2", name="c2", status="draft"),
        ),
        ids=("c1", "c2"),
        next_cursor="c2",
    )


def test_a_campaigns_name_to_be_told_apart_hides_nothing() -> None:
    page = parse_campaign_names(
        body(
            {"_id": "c1", "name": "Gamma\u202eevil", "status": "draft"},
            {"_id": "c2", "name": None, "status": "draft"},
        ),
        REDACTOR,
    )
    assert page.records == (("c1", r"Gamma\u202eevil"), ("c2", ""))


HOOK = {"name": "CRM", "url": "https://u:p@crm.example/in?k=1", "events": ["lead.tag_changed"]}


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({**HOOK, "status": "active"}, Webhook(name="CRM", host="crm.example")),
        ({**HOOK, "status": "Active", "name": None}, Webhook(name="", host="crm.example")),
        ({**HOOK, "status": "active", "url": "no address"}, Webhook(name="CRM", host="")),
        ({**HOOK, "status": "active", "url": "http://[x"}, Webhook(name="CRM", host="")),
        ({**HOOK, "status": "active", "name": f"a\n{KEY}"},
         Webhook(name="a [key]", host="crm.example")),
        ({**HOOK, "status": "paused"}, None),
        (HOOK, None),  # nobody knows whether it is active
        ({**HOOK, "status": "active", "events": ["lead.replied"]}, None),
    ],
)  # fmt: skip
def test_a_webhook_counts_if_it_is_active_and_hears_of_changed_tags(
    record: dict[str, object], found: Webhook | None
) -> None:
    assert parse_webhooks(body(record), REDACTOR).records == (found,)


def test_no_text_of_a_lead_brings_the_key_back() -> None:
    (lead,) = parse_leads(body({**LEAD, "aiTag": f"x {KEY}", "status": KEY}), REDACTOR).records
    assert (lead.ai_tag, lead.status) == ("x [key]", "[key]")
