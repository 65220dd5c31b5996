"""A run wired together within the test's own process: its input, its plan, and a fake API."""

import csv
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import respx
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.jobs import gate
from batch.jobs.request import Guardrails, Reading, Request, Session, Source
from batch.judging.from_cells import JudgedRows
from batch.judging.leads import no_leads
from batch.judging.plan import Plan, Problem
from batch.judging.rules import Rules
from batch.model import Tally
from batch.settings.model import Settings
from tests.support.answering import Answering

CAMPAIGN = "64f1c0a95e8b7d2f3a6c9e01"
KEY = "sk_0123456789abcdefghij"
HEADER = ("campaignId", "campaignLeadId", "status", "aiTag")

Answer = Callable[[httpx.Request], httpx.Response]


def lead_id(number: int) -> str:
    return f"65a2d1b86f9c8e3a{number:08x}"


def write_leads(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def pausing(count: int, *, first: int = 1) -> list[tuple[str, ...]]:
    """Rows that each pause a lead of their own."""
    return [(CAMPAIGN, lead_id(n), "paused", "") for n in range(first, first + count)]


def request_of(path: Path, **more: object) -> Request:
    """A request for a run into the folder `run` beside the file, at 1,000 a second."""
    given: dict[str, Any] = {
        "source": Source(name=path.name, path=path),
        "settings": Settings.model_validate({"pace": {"rate": 1000, "concurrency": 4}}),
        "state_dir": path.parent.with_name(f"{path.parent.name}-state"),
        "out": path.parent / "run",
        "access": Access(base_url="https://api.sendkit.ai", api_key=SecretStr(KEY)),
    } | more
    for group in (Session, Reading, Guardrails):
        names = given.keys() & {each.name for each in fields(group)}
        given[group.__name__.lower()] = group(**{name: given.pop(name) for name in names})
    return Request(**given)


def plan_of(
    *,
    rows: int = 0,
    tally: Tally | None = None,
    problems: tuple[Problem, ...] = (),
    **numbers: int,
) -> Plan:
    """A plan that is nothing but numbers."""
    names = (
        "requests", "sendable_rows", "to_active", "to_paused", "tags_set", "tags_cleared",
        "clears_rows",
    )  # fmt: skip
    counted = Counter(dict.fromkeys(names, 0) | numbers)
    return Plan(
        source=JudgedRows(lambda _: iter(()), no_leads(), Rules(name="leads.csv")),
        rows=rows,
        tally=tally or Tally(),
        first_problems=problems,
        **counted,
    )


def confirmed(request: httpx.Request) -> httpx.Response:
    """The API's answer to a change that it applied."""
    *_, campaign_id, _, lead = request.url.path.split("/")
    data = {"_id": lead, "campaignId": campaign_id, **json.loads(request.content)}
    return httpx.Response(200, json={"success": True, "data": data})


def interrupting(count: int, answer: Answer = confirmed) -> Answer:
    """Answers, and ends the process that asks by SIGTERM as its so manieth request comes."""
    left = count

    def interrupt(request: httpx.Request) -> httpx.Response:
        nonlocal left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)
        return answer(request)

    return interrupt


@dataclass
class Api:
    """What the fake API knows and answers; changes keeps what came, in order."""

    workspace: str = "Acme"
    workspace_id: str = "w1"
    labels: tuple[str, ...] = ("Interested",)
    refusal: int = 0  # the status of what is asked about the key; 0 to serve it
    answer: Answer = confirmed
    look_up: Callable[[], None] = lambda: None  # called when the workspace is asked for
    changes: list[str] = field(default_factory=list)

    def change(self, request: httpx.Request) -> httpx.Response:
        self.changes.append(request.url.path.rsplit("/", 1)[-1])
        return self.answer(request)

    def workspaces(self, _: httpx.Request) -> httpx.Response:
        self.look_up()
        if self.refusal:
            return httpx.Response(self.refusal, json={"error": "not this key"})
        return httpx.Response(
            200, json={"data": [{"_id": self.workspace_id, "name": self.workspace}]}
        )

    def tags(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [{"name": name} for name in self.labels]})


@contextmanager
def served_by(api: Api) -> Iterator[Api]:
    """Within it, this is what answers at api.sendkit.ai, and nothing else does."""
    router = respx.MockRouter(base_url="https://api.sendkit.ai")
    router.get("/v1/workspaces").mock(side_effect=api.workspaces)
    router.get("/v1/tags").mock(side_effect=api.tags)
    router.get("/v1/webhooks").respond(404)  # a server that has none
    router.get("/v1/campaigns").respond(404)
    # No campaign can be read, so nothing is left out as already set.
    router.get(path__regex=r"^/v1/campaigns/[^/]+/leads$").respond(404)
    router.patch(path__startswith="/v1/campaigns/").mock(side_effect=api.change)

    def make_transport(**_: object) -> httpx.AsyncBaseTransport:
        return Answering(router.async_handler)

    with mock.patch.object(gate, "make_transport", make_transport):
        yield api
