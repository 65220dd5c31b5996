"""A sandbox whose leads are known, what somebody else does to them, and commands against it."""

import json
import random
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batch.sandbox.process import Sandbox
from batch.terminal.command_line import run_command_line
from tests.support.in_process import seeded, sendkit_batch
from tests.support.program import CAMPAIGN, Ran, access, lead_id
from tests.support.shell import Shell

OTHER = "64f1c0a95e8b7d2f3a6c9e02"
CAMPAIGNS = (CAMPAIGN, OTHER)
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")
STATUSES = ("active", "paused", "completed", "replied", "pending")
TAGS = ("", "Hot", "Cold")

Row = tuple[str, str, str, str]


@contextmanager
def served(folder: Path, leads: Sequence[Sequence[str]], **options: object) -> Iterator[Sandbox]:
    """A sandbox that has these leads, as HEADER, with the labels Hot, Cold and Warm."""
    with seeded(folder, HEADER, leads, labels=("Hot", "Cold", "Warm"), **options) as sandbox:
        yield sandbox


def ask(sandbox: Sandbox, folder: Path, *words: str | Path, rate: str = "1000") -> Ran:
    """A command that asks the sandbox; the address and the yes are added where they are needed."""
    env, given = access(sandbox)
    more = {"run": given, "plan": given[:2]}
    return sendkit_batch(
        *words, *more.get(str(words[0]), ["--yes"]), "--rate", rate, cwd=folder, env=env
    )  # fmt: skip


def ask_here(shell: Shell, sandbox: Sandbox, *words: str | Path) -> int:
    """A command in this process, as `ask`, also about runs that are not in the user's list."""
    environ, given = access(sandbox)
    for name, value in environ.items():
        shell.monkeypatch.setenv(name, value)
    pace = ["--rate", "1000"]
    nothing: list[str] = []
    asking = [*given[:2], *pace]
    more = {"plan": asking, "verify": asking, "report": nothing, "results": nothing}
    typed = (*map(str, words), *more.get(str(words[0]), [*given, *pace]))
    shell.monkeypatch.setattr(sys, "argv", ["sendkit-batch", *typed])
    return shell.do(run_command_line)


def change(sandbox: Sandbox, lead: str, campaign: str = CAMPAIGN, **fields: object) -> None:
    """Somebody else changes a lead."""
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        f"{sandbox.base_url}/v1/campaigns/{campaign}/leads/{lead}",
        data=json.dumps(fields).encode(),
        headers={"X-Api-Key": sandbox.api_key, "Content-Type": "application/json"},
        method="PATCH",
    )
    urllib.request.urlopen(request).close()  # noqa: S310 - the same


def random_leads(draw: random.Random, count: int) -> list[Row]:
    """Leads of two campaigns, as HEADER."""
    return [
        (draw.choice(CAMPAIGNS), lead_id(n), draw.choice(STATUSES), draw.choice(TAGS))
        for n in range(1, count + 1)
    ]


def random_changes(draw: random.Random, leads: Sequence[Row], count: int) -> list[Row]:
    """Rows that change some of the leads, leave others, and are wrong in most ways."""
    rows: list[Row] = []
    for campaign, lead, *_ in draw.choices(leads, k=count):
        status = draw.choice(("", "active", "paused", "completed", "sleeping"))
        tag = draw.choice(("", "hot", "Cold", "null", "Nowhere"))
        a_lead = draw.choices((lead, lead_id(9999), "bad"), weights=(20, 1, 1))[0]
        a_campaign = draw.choices((campaign, OTHER, "f" * 24), weights=(20, 1, 1))[0]
        rows.append((a_campaign, a_lead, status, tag))
    return rows


def planned(ran: Ran) -> dict[str, Any]:
    """The one object of `plan --json`."""
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


Leads = Mapping[tuple[str, str], Mapping[str, Any]]


def changes(before: Leads, after: Leads, field: str) -> dict[tuple[str, str], int]:
    """How many leads' field went from one value to another."""
    found: dict[tuple[str, str], int] = {}
    for lead, was in before.items():
        pair = (was[field] or "null", after[lead][field] or "null")
        if pair[0] != pair[1]:
            found[pair] = found.get(pair, 0) + 1
    return found


def told(changed: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """The same, as a plan tells it."""
    return {(each["before"], each["after"]): each["leads"] for each in changed}
