"""The sandbox's whole state, built from its options: workspaces, keys, rules."""

import re
import secrets
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from batch.sandbox.options import Options, SandboxError
from batch.sandbox.seed import group_by_campaign, make_leads, read_leads
from batch.sandbox.state import STATUSES, Campaign, SubsequenceRules, Workspace

# A workspace key: the client tells a platform key by its beginning.
_KEY = re.compile(r"sk_(?!user_)[A-Za-z0-9_-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the API is asked about. The first workspace has the campaigns, by their ids.

    platform_key: sees every workspace.
    """

    workspaces: Mapping[str, Workspace]
    platform_key: str
    rules: SubsequenceRules
    id_pattern: re.Pattern[str]
    shifted: set[str] = field(default_factory=set)  # cursors whose pages have shifted once

    @property
    def first(self) -> Workspace:
        """The workspace that has the leads."""
        return next(iter(self.workspaces.values()))

    @property
    def api_keys(self) -> list[str]:
        """Every key that is known here."""
        return [*(workspace.api_key for workspace in self.workspaces.values()), self.platform_key]


def make_world(options: Options) -> World:
    """The state that these options ask for. SandboxError if they ask for what can't be."""
    id_pattern = _compile(options.id_pattern)
    leads = (
        read_leads(options.seed_csv, id_pattern=id_pattern)
        if options.seed_csv
        else make_leads(campaigns=options.campaigns, leads=options.leads)
    )
    campaigns = group_by_campaign(leads)
    rules = _read_rules(options)
    moving = [rule.rpartition("=")[0] for rule in options.subsequences]
    named = [*options.labels, *_read_lines(options.labels_file), *moving]
    labels = _settle_labels(campaigns.values(), named, rules=rules)
    key = _key_of(options)
    return World(
        workspaces=_make_workspaces(
            options.workspaces, key=key, campaigns=campaigns, labels=labels
        ),
        platform_key=f"sk_user_{key.removeprefix('sk_')}",
        rules=rules,
        id_pattern=id_pattern,
    )


def _key_of(options: Options) -> str:
    """The first workspace's key: the one that was given, else one that nobody can guess."""
    key = options.key
    if key is not None and not _KEY.fullmatch(key):
        raise SandboxError(
            "--key: found what is no practice key (not shown); expected sk_ and up to 200 letters, "
            "digits, hyphens and underscores, not beginning with sk_user_."
        )
    return key or f"sk_sandbox_{secrets.token_hex(16)}"


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise SandboxError(
            f'--id-pattern: found "{pattern}"; expected a regular expression ({error}).'
        ) from error


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
        skip_in_progress=options.skip_in_progress,
        moved_status=options.moved_status,
    )


def _read_lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SandboxError(f"{path} can't be read as text in UTF-8: {error}.") from error
    return [line for line in lines if line]


def _settle_labels(
    campaigns: Iterable[Campaign], named: Iterable[str], *, rules: SubsequenceRules
) -> AbstractSet[str]:
    """All labels, those of the leads' tags too, once each regardless of case.

    The first spelling of a label is the label; leads with another spelling get it. A lead whose
    tag leads into a subsequence is in it from the start.
    """
    labels: dict[str, str] = {}
    for label in named:
        labels.setdefault(label.casefold(), label)
    for campaign in campaigns:
        for lead in campaign.leads.values():
            if lead.ai_tag is not None:
                lead.ai_tag = labels.setdefault(lead.ai_tag.casefold(), lead.ai_tag)
                lead.subsequence = rules.entered_by(lead.ai_tag)
    return dict.fromkeys(labels.values()).keys()  # a set that keeps the order


def _make_workspaces(
    names: Iterable[str], *, key: str, campaigns: Mapping[str, Campaign], labels: AbstractSet[str]
) -> dict[str, Workspace]:
    made: dict[str, Workspace] = {}
    for number, name in enumerate(names, start=1):
        identity = f"a0{number:022x}"
        made[identity] = Workspace(
            id=identity,
            name=name,
            api_key=f"{key}_{number}" if made else key,
            labels=set() if made else labels,
            campaigns={} if made else campaigns,
        )
    return made
