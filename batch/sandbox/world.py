"""The sandbox's whole state, built from its options: workspaces, keys, rules and leads.

Leads come from a CSV file, or are made up.
"""

import csv
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from batch.sandbox.faults import parse_fault
from batch.sandbox.options import Options, SandboxError
from batch.sandbox.state import STATUSES, Campaign, Lead, SubsequenceRules, Webhook, Workspace

_REQUIRED = ("campaignId", "campaignLeadId")
_YES_OR_NO = {"yes": True, "no": False}
_FIRST_NAMES = ("Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farah", "Goran", "Hana")
_COMPANIES = ("Acme", "Borealis", "Cobalt", "Dovetail", "Elmwood")
# A workspace key: the client tells a platform key by its beginning.
_KEY = re.compile(r"sk_(?!user_)[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the API is about.

    workspaces: by id. by_key: the same, each by its own key. platform_key: sees every workspace.
    shifted: cursors whose pages have shifted, which each does once.
    """

    workspaces: Mapping[str, Workspace]
    by_key: Mapping[str, Workspace]
    platform_key: str
    rules: SubsequenceRules
    id_pattern: re.Pattern[str]
    shifted: set[str] = field(default_factory=set)

    @property
    def first(self) -> Workspace:
        """The workspace that has the leads where no others have any."""
        return next(iter(self.workspaces.values()))

    @property
    def with_leads(self) -> list[Workspace]:
        """The workspaces that have leads, and the first."""
        return [each for each in self.workspaces.values() if each.campaigns or each is self.first]

    def scope_of(self, api_key: str, workspace_id: str | None) -> Workspace | None:
        """The workspace that a request is about; None where it names none that is known."""
        if api_key == self.platform_key:
            return self.workspaces.get(workspace_id or "")
        return self.by_key.get(api_key)


def make_world(options: Options) -> World:
    """The state that these options ask for. SandboxError if an option is wrong."""
    try:
        id_pattern = re.compile(options.id_pattern)
    except re.error as error:
        raise SandboxError(
            f'--id-pattern: found "{options.id_pattern}"; expected a regular expression ({error}).'
        ) from error
    made = tuple(f"Workspace {number}" for number in range(1, options.made_workspaces + 1))
    leads = (
        read_leads(options.seed_csv, id_pattern=id_pattern)
        if options.seed_csv
        else make_leads(campaigns=options.campaigns, leads=options.leads, workspaces=made)
    )
    placed = place_leads(leads, made or options.workspaces)
    rules = _read_rules(options)
    shared, own = _read_labels(options), _read_workspace_labels(options, placed)
    key, webhooks = _read_key(options), _read_webhooks(options)
    workspaces: dict[str, Workspace] = {}
    for number, (name, campaigns) in enumerate(placed.items(), start=1):
        identity = f"a0{number:022x}"
        has_leads = bool(campaigns) or not workspaces
        labels = [*(shared if has_leads else ()), *own.get(name, ())]
        workspaces[identity] = Workspace(
            id=identity,
            name=name,
            api_key=f"{key}_{number}" if workspaces else key,
            labels=_settle_labels(campaigns.values(), labels, rules=rules),
            campaigns=campaigns,
            webhooks=webhooks if has_leads else {},
        )
    return World(
        workspaces=workspaces,
        by_key={workspace.api_key: workspace for workspace in workspaces.values()},
        platform_key=f"sk_user_{key.removeprefix('sk_')}",
        rules=rules,
        id_pattern=id_pattern,
    )


def _read_key(options: Options) -> str:
    """The first workspace's key, from which the others are made."""
    key = f"sk_sandbox_{secrets.token_hex(16)}" if options.key is None else options.key
    if not _KEY.fullmatch(key):
        raise SandboxError(
            "--key: found what is no practice key (not shown); expected sk_ and up to 200 letters, "
            "digits, hyphens and underscores, not beginning with sk_user_."
        )
    return key


def _read_rules(options: Options) -> SubsequenceRules:
    by_label = {}
    for rule in options.subsequences:
        label, equals, name = rule.rpartition("=")
        if not (label and equals and name):
            raise SandboxError(
                f'--subsequence: found "{rule}"; expected LABEL=NAME, as "Interested=Warm leads".'
            )
        by_label[label.casefold()] = name
    if options.moved_status not in {None, *STATUSES}:
        raise SandboxError(
            f'--moved-status: found "{options.moved_status}"; expected {", ".join(STATUSES)}.'
        )
    return SubsequenceRules(
        by_label=by_label,
        mails_at_once=options.skip_in_progress,
        moved_status=options.moved_status,
    )


def _read_webhooks(options: Options) -> dict[str, Webhook]:
    found = {}
    for number, word in enumerate(options.webhooks, start=1):
        name, equals, url = word.partition("=")
        if not (name and equals and url):
            raise SandboxError(
                f'--webhook: found "{word}"; expected NAME=URL, as "CRM=https://crm.example/in".'
            )
        identity = f"b0{number:022x}"
        found[identity] = Webhook(id=identity, name=name, url=url)
    return found


def _read_labels(options: Options) -> list[str]:
    """The labels of each workspace with leads, but for those of its leads' tags."""
    names = list(options.labels)
    if path := options.labels_file:
        try:
            names += filter(None, path.read_text(encoding="utf-8-sig").split("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise SandboxError(f"{path} can't be read as text in UTF-8: {error}.") from error
    return names + [rule.rpartition("=")[0] for rule in options.subsequences]


def _read_workspace_labels(options: Options, names: Iterable[str]) -> dict[str, list[str]]:
    """The labels of one workspace alone, by its name."""
    spelt = {name.casefold(): name for name in names}
    found: dict[str, list[str]] = {}
    for word in options.workspace_labels:
        name, equals, label = word.partition("=")
        if not (label and equals and name.casefold() in spelt):
            raise SandboxError(
                f'--workspace-label: found "{word}"; expected WORKSPACE=LABEL, as '
                f'"{next(iter(spelt.values()))}=Interested".'
            )
        found.setdefault(spelt[name.casefold()], []).append(label)
    return found


def _settle_labels(
    campaigns: Iterable[Campaign], names: Iterable[str], *, rules: SubsequenceRules
) -> AbstractSet[str]:
    """All labels, with those of the leads' tags, once each regardless of case.

    The first spelling of a label is the label, and leads with another spelling get it. A lead whose
    tag leads into a subsequence is in it from the start, unless its file says another.
    """
    labels: dict[str, str] = {}
    for label in names:
        labels.setdefault(label.casefold(), label)
    for campaign in campaigns:
        for lead in campaign.leads.values():
            if lead.ai_tag is not None:
                lead.ai_tag = labels.setdefault(lead.ai_tag.casefold(), lead.ai_tag)
                lead.subsequence = lead.subsequence or rules.entered_by(lead.ai_tag)
    return dict.fromkeys(labels.values()).keys()  # a set that keeps the order


def read_leads(path: Path, *, id_pattern: re.Pattern[str]) -> Iterator[Lead]:
    """The leads of a CSV file with a header, in UTF-8; unknown columns are ignored.

    Blank cells get a new lead's values; `null` in aiTag means no tag. SandboxError names the file
    and line of a cell that can't be used.
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


def _read_lead(row: dict[str, str], *, where: str, id_pattern: re.Pattern[str]) -> Lead:
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
    step = row.get("currentSequenceStep", "") or "1"
    if not step.isdecimal():
        raise SandboxError(
            f'{where}, column currentSequenceStep: found "{step}"; expected a whole number.'
        )
    mailed = row.get("subsequenceMailed", "").strip().lower() or "no"
    if mailed not in _YES_OR_NO:
        raise SandboxError(
            f'{where}, column subsequenceMailed: found "{mailed}"; expected yes or no.'
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
        step=int(step),
        subsequence=row.get("subsequence", "").strip() or None,
        is_mailed=_YES_OR_NO[mailed],
        fault=parse_fault(fault) if fault else None,
        campaign_name=row.get("campaignName", ""),
        workspace=row.get("workspace", "").strip(),
    )


def make_leads(*, campaigns: int, leads: int, workspaces: Sequence[str] = ()) -> Iterator[Lead]:
    """Made-up leads, the same at every start: ids that look like the API's, none with a tag.

    campaigns, leads: how many campaigns, and how many leads in each. workspaces: the names of those
    that have as many each; none for the first one alone.
    """
    for at, workspace in enumerate(workspaces or [""]):
        for campaign in range(at * campaigns + 1, (at + 1) * campaigns + 1):
            for number in range(1, leads + 1):
                first_name = _FIRST_NAMES[number % len(_FIRST_NAMES)]
                yield Lead(
                    id=f"1ead{campaign:08x}{number:012x}",
                    campaign_id=f"ca{campaign:022x}",
                    email=f"{first_name.lower()}.{campaign}.{number}@example.com",
                    first_name=first_name,
                    last_name=f"Example-{number}",
                    company_name=_COMPANIES[number % len(_COMPANIES)],
                    workspace=workspace,
                )


def place_leads(leads: Iterable[Lead], names: Sequence[str]) -> dict[str, dict[str, Campaign]]:
    """The campaigns of these leads by workspace: the named ones, then others that leads name."""
    placed: dict[str, dict[str, Campaign]] = {name: {} for name in names}
    spelt = {name.casefold(): name for name in reversed(names)} | {"": names[0]}
    for lead in leads:
        name = spelt.setdefault(lead.workspace.casefold(), lead.workspace)
        place_lead(lead, placed.setdefault(name, {}))
    return placed


def place_lead(lead: Lead, campaigns: dict[str, Campaign]) -> None:
    """Put a lead into its campaign; of a lead that comes twice the last one stays."""
    campaign = campaigns.get(lead.campaign_id)
    if campaign is None:
        name = lead.campaign_name or f"Campaign {len(campaigns) + 1}"
        campaign = campaigns[lead.campaign_id] = Campaign(id=lead.campaign_id, name=name)
    lead.campaign_id = campaign.id  # one string for all of them
    campaign.leads[lead.id] = lead
