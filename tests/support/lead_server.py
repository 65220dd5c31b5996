"""An API within the test's own process: leads that change, and what happens to each request.

It says nothing of the program's: what a request did is in its own log.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

import httpx

from batch.jobs import gate
from batch.terminal.command_line import run_command_line
from tests.support.answering import Answering
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN

HOT = "Hot"
LABELS = (HOT, "Cold", "Warm")


@dataclass(frozen=True, slots=True)
class Act:
    """What happens to one change: whether it is made, and what is answered.

    status: None for no answer at all; 0 where no connection is made either.
    """

    applies: bool
    status: int | None


SERVED = Act(applies=True, status=200)
AWAY = Act(applies=False, status=0)
LOST = Act(applies=False, status=None)  # before it got there
APPLIED_AND_LOST = Act(applies=True, status=None)


def refused(status: int) -> Act:
    return Act(applies=False, status=status)


@dataclass(slots=True, kw_only=True)
class Lead:
    """What a lead is; tag None is none. is_enrolled: whether it is in the subsequence of HOT."""

    status: str = "active"
    tag: str | None = None
    email: str = ""
    is_enrolled: bool = False

    def values(self) -> dict[str, str | None]:
        return {"status": self.status, "aiTag": self.tag}

    def change(self, body: dict[str, str | None]) -> None:
        self.status = body.get("status") or self.status
        self.tag = body.get("aiTag", self.tag)

    def move(self) -> dict[str, str] | None:
        """Enrol it by its tag, or take it out, as documented: what the answer says of it."""
        if self.is_enrolled == (self.tag == HOT):
            return None
        self.is_enrolled = not self.is_enrolled
        if self.is_enrolled:
            return {"action": "enrolled", "subsequenceName": "Nurture"}
        self.status = "completed"
        return {"action": "exited", "subsequenceName": "Nurture"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A change that was asked for. was: what the lead was. act: what happened to it.

    moved: how it moved the lead; "" if it did not.
    """

    lead: str
    body: dict[str, str | None]
    was: dict[str, str | None]
    act: Act
    moved: str = ""


@dataclass(kw_only=True)
class LeadServer:
    """acts: what happens to the changes that come, in order; then all meet `otherwise`.

    log: the changes that came. refused: how many connections of changes were refused, by lead.
    before, after: called when a change has come, and before its answer goes.
    moves: whether the tag HOT enrols a lead in a subsequence, and another takes it out.
    written: called with the id of a lead that a request has set, to whatever it was or not.
    """

    leads: dict[str, Lead]
    acts: list[Act] = field(default_factory=list)
    otherwise: Act = SERVED
    moves: bool = False
    log: list[Received] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    written: Callable[[str], None] = lambda _: None

    @property
    def is_away(self) -> bool:
        """Whether nothing connects any more."""
        return not self.acts and self.otherwise == AWAY

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "GET" and self.is_away:
            raise httpx.ConnectError("connection refused")
        if path == "/v1/workspaces":
            return _data([{"_id": "w1", "name": "Acme"}])
        if path == "/v1/tags":
            return _data([{"name": name} for name in LABELS])
        if request.method == "GET":
            return _data([self._listed(lead) for lead in self.leads] if CAMPAIGN in path else [])
        return self._change(path.rsplit("/", 1)[-1], json.loads(request.content))

    def _change(self, lead: str, body: dict[str, str | None]) -> httpx.Response:
        act = self.acts.pop(0) if self.acts else self.otherwise
        if act.status == 0:
            self.refused.append(lead)
            raise httpx.ConnectError("connection refused")
        self.before()
        found = self.leads.get(lead)
        if found is None and act.status is not None:
            act = refused(404)
        was, moved = found.values() if found else {}, None
        if found and act.applies:
            found.change(body)
            moved = found.move() if self.moves else None
        action = moved["action"] if moved else ""
        self.log.append(Received(lead=lead, body=body, was=was, act=act, moved=action))
        if found and act.applies:
            self.written(lead)
        self.after()
        if act.status is None:
            raise httpx.ReadError("connection reset")
        if act.status != 200:
            return httpx.Response(act.status, json={"error": "Refused"})
        assert found is not None
        enrollment = {"subsequenceEnrollment": moved} if moved else {}
        return _data({"_id": lead, "campaignId": CAMPAIGN, **found.values(), **enrollment})

    def _listed(self, lead: str) -> dict[str, object]:
        found = self.leads[lead]
        whose = {"_id": f"f{lead[1:]}", "email": found.email}
        return {"_id": lead, "leadId": whose, **found.values()}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Within it, this is what answers, and nothing else does."""

        def make_transport(**_: object) -> httpx.AsyncBaseTransport:
            return Answering(self.answer)

        with mock.patch.object(gate, "make_transport", make_transport):
            yield


def _data(data: object) -> httpx.Response:
    """An answer; where it is a list, its only page."""
    whole = {"success": True, "data": data, "pagination": {"hasMore": False}}
    return httpx.Response(200, json=whole)


def words(shell: Shell, server: LeadServer, *given: object) -> int:
    """A command of the command line, behind the command's name; gives its exit code."""
    shell.monkeypatch.setattr("sys.argv", ["sendkit-batch", *map(str, given)])
    with server.serving():
        return shell.do(run_command_line)
