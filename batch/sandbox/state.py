"""The sandbox's records, in memory: workspaces, their labels, campaigns and campaign leads.

They change here and nowhere else. Nothing here knows HTTP.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from batch.sandbox.faults import Fault

STATUSES = (
    "pending",
    "active",
    "paused",
    "completed",
    "bounced",
    "unsubscribed",
    "replied",
    "removed",
)
_ADDED_AT = "2026-01-05T09:00:00.000Z"


@dataclass(slots=True, kw_only=True)
class Lead:
    """A campaign lead. `id` is the campaign-lead record's, never the lead's own.

    fault: met by every PATCH of this lead, if any. campaign_name: names its campaign if this is
    the first lead of it; empty for a made-up name. subsequence: the one that the lead is in.
    is_mailed: whether that one has sent it an e-mail. workspace: its name; "" for the first one.
    """

    id: str
    campaign_id: str
    status: str = "active"
    ai_tag: str | None = None
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    step: int = 1
    subsequence: str | None = None
    is_mailed: bool = False
    fault: Fault | None = None
    campaign_name: str = ""
    workspace: str = ""

    def record(self) -> dict[str, object]:
        """The lead as the API shows it."""
        return {
            "_id": self.id,
            "campaignId": self.campaign_id,
            "leadId": {
                "_id": own_id(self.id),
                "email": self.email or f"lead-{self.id[-8:]}@example.com",
                "firstName": self.first_name,
                "lastName": self.last_name,
                "companyName": self.company_name,
            },
            "status": self.status,
            "aiTag": self.ai_tag,
            "currentSequenceStep": self.step,
            "replied": self.status == "replied",
            "addedAt": _ADDED_AT,
        }


def own_id(campaign_lead_id: str) -> str:
    """The id of the lead behind a campaign lead, which people mistake for the campaign lead's."""
    return hashlib.sha256(campaign_lead_id.encode()).hexdigest()[:24]


@dataclass(kw_only=True)
class Campaign:
    """A campaign and its leads by campaignLeadId; none is added once it is served."""

    id: str
    name: str
    status: str = "active"
    leads: dict[str, Lead] = field(default_factory=dict)

    @cached_property
    def lead_ids(self) -> list[str]:
        """The leads' ids in the order of pages."""
        return sorted(self.leads)

    def record(self) -> dict[str, object]:
        """The campaign as the API shows it."""
        counts = Counter(lead.status for lead in self.leads.values())
        return {
            "_id": self.id,
            "name": self.name,
            "status": self.status,
            "leadCounts": {"total": len(self.leads), **counts},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Somebody who hears of what happens."""

    id: str
    name: str
    url: str
    events: tuple[str, ...] = ("lead.tag_changed",)
    status: str = "active"

    def record(self) -> dict[str, object]:
        """The webhook as the API shows it."""
        events = list(self.events)
        return {
            "_id": self.id,
            "name": self.name,
            "url": self.url,
            "events": events,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace, its key, and its campaigns and webhooks by id."""

    id: str
    name: str
    api_key: str
    labels: AbstractSet[str]
    campaigns: Mapping[str, Campaign]
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """The workspace as the API shows it."""
        return {"_id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubsequenceRules:
    """Which tags move a lead.

    by_label: the subsequence that each label leads into; labels case-folded.
    mails_at_once: a subsequence sends its e-mail as soon as a lead is in it.
    moved_status: the status of a lead that enters one; None leaves it as it is.
    """

    by_label: Mapping[str, str] = field(default_factory=dict)
    mails_at_once: bool = False
    moved_status: str | None = None

    def entered_by(self, tag: str | None) -> str | None:
        """The subsequence that this tag leads into, if any."""
        return self.by_label.get((tag or "").casefold())


def set_tag(lead: Lead, tag: str | None, rules: SubsequenceRules) -> dict[str, str] | None:
    """Set the tag; the `subsequenceEnrollment` if that moved the lead, or should have.

    Setting the tag that it already has changes nothing.
    Source: the API's reference page of PATCH /v1/campaigns/{id}/leads/{id}.
    """
    if tag == lead.ai_tag:
        return None
    lead.ai_tag = tag
    old, new = lead.subsequence, rules.entered_by(tag)
    if new == old:
        return None
    if old is not None and (lead.is_mailed or rules.mails_at_once):
        return {"action": "skippedInProgress", "subsequenceName": new or old}
    lead.subsequence, lead.is_mailed = new, False
    if new is None:
        lead.status = "completed"
        return {"action": "exited", "subsequenceName": str(old)}
    lead.status = rules.moved_status or lead.status
    return {"action": "switched" if old else "enrolled", "subsequenceName": new}


def take_page(
    ids: Sequence[str],
    *,
    after: str,
    limit: int,
    wanted: Callable[[str], bool],
    sparse: bool,
) -> tuple[list[str], str | None]:
    """The wanted ids that follow `after` in sorted ids, and the cursor of the next page.

    sparse: look at `limit` ids only, so that a page may be short or empty while more follow;
    else fill the page. The cursor is None when nothing follows.
    """
    found: list[str] = []
    start = end = bisect_right(ids, after)
    while end < len(ids) and len(found) < limit and not (sparse and end - start == limit):
        if wanted(ids[end]):
            found.append(ids[end])
        end += 1
    return found, ids[end - 1] if end < len(ids) else None
