"""Where the sandbox's leads come from: a CSV file, or made up."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import Pattern

from batch.sandbox.faults import parse_fault
from batch.sandbox.options import SandboxError
from batch.sandbox.state import STATUSES, Campaign, Lead

_REQUIRED = ("campaignId", "campaignLeadId")
_FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farah", "Goran", "Hana")
_COMPANIES = ("Acme", "Borealis", "Cobalt", "Dovetail", "Elmwood")


def read_leads(path: Path, *, id_pattern: Pattern[str]) -> Iterator[Lead]:
    """The leads of a CSV file with a header, UTF-8 with or without BOM; unknown columns are left.

    Blank cells get what a new lead has; `null` in aiTag is no tag. SandboxError names file and
    line of a cell that can't be used.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, restval="")
            missing = [name for name in _REQUIRED if name not in (rows.fieldnames or ())]
            if missing:
                raise SandboxError(
                    f"{path}: found no column {' or '.join(missing)}; expected a CSV file with a "
                    "header that has campaignId and campaignLeadId."
                )
            for row in rows:
                yield _read_lead(row, where=f"{path} line {rows.line_num}", id_pattern=id_pattern)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SandboxError(f"{path} can't be read as CSV in UTF-8: {error}.") from error


def _read_lead(row: dict[str, str], *, where: str, id_pattern: Pattern[str]) -> Lead:
    for name in _REQUIRED:
        if not id_pattern.fullmatch(row[name]):
            raise SandboxError(
                f'{where}, column {name}: found "{row[name]}"; expected {id_pattern.pattern}.'
            )
    status = row.get("status", "").strip().lower() or "active"
    if status not in STATUSES:
        raise SandboxError(
            f'{where}, column status: found "{status}"; expected {", ".join(STATUSES)}.'
        )
    tag = row.get("aiTag", "").strip()
    fault = row.get("fault", "")
    return Lead(
        id=row["campaignLeadId"],
        campaign_id=row["campaignId"],
        status=status,
        ai_tag=None if tag.lower() in {"", "null"} else tag,
        email=row.get("email", ""),
        first_name=row.get("firstName", ""),
        last_name=row.get("lastName", ""),
        company_name=row.get("companyName", ""),
        step=_read_step(row.get("currentSequenceStep", ""), where=where),
        fault=parse_fault(fault) if fault else None,
        campaign_name=row.get("campaignName", ""),
    )


def _read_step(text: str, *, where: str) -> int:
    if not text:
        return 1
    if not text.isdecimal():
        raise SandboxError(
            f'{where}, column currentSequenceStep: found "{text}"; expected a whole number.'
        )
    return int(text)


def make_leads(*, campaigns: int, leads: int) -> Iterator[Lead]:
    """Made-up leads, the same at every start: ids that look like the API's, none with a tag.

    campaigns, leads: how many campaigns, and how many leads in each.
    """
    for campaign in range(1, campaigns + 1):
        for number in range(1, leads + 1):
            first_name = _FIRST_NAMES[number % len(_FIRST_NAMES)]
            yield Lead(
                id=f"1ead{campaign:08x}{number:012x}",
                campaign_id=f"ca{campaign:022x}",
                email=f"{first_name.lower()}.{campaign}.{number}@example.com",
                first_name=first_name,
                last_name=f"Example-{number}",
                company_name=_COMPANIES[number % len(_COMPANIES)],
            )


def group_by_campaign(leads: Iterable[Lead]) -> dict[str, Campaign]:
    """The campaigns of these leads; of a lead that comes twice the last one stays."""
    campaigns: dict[str, Campaign] = {}
    for lead in leads:
        campaign = campaigns.get(lead.campaign_id)
        if campaign is None:
            name = lead.campaign_name or f"Campaign {len(campaigns) + 1}"
            campaign = Campaign(id=lead.campaign_id, name=name)
            campaigns[lead.campaign_id] = campaign
        lead.campaign_id = campaign.id  # one string for all of them
        campaign.leads[lead.id] = lead
    return campaigns
