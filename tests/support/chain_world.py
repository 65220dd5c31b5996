"""A small world for chains of commands: leads, what commands did, and whose request was whose.

All in the test's own process. What it keeps comes from the server's side and from what commands
left on the disk, nothing from what the program has in memory.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest

from batch.jobs import execution
from batch.recording.journal import Journal
from batch.recording.runfile import RunFile
from tests.support import deaths
from tests.support.deaths import Death
from tests.support.lead_server import SERVED, Act, Lead, LeadServer, Received, words
from tests.support.program import read_rows
from tests.support.shell import Shell, shell_in
from tests.support.wired import CAMPAIGN, lead_id, write_leads

SETTINGS = {  # nothing is waited for for long
    "RETRY_BACKOFF_BASE_S": "0.001",
    "RETRY_BACKOFF_MAX_S": "0.002",
    "RETRY_MAX_OUTAGE_S": "0.02",
    "RETRY_MAX_ATTEMPTS": "3",
}
LEADS = [
    Lead(status="active", tag="Cold"),
    Lead(status="paused", tag=None),
    Lead(status="active", tag="Warm"),
    Lead(status="paused", tag="Cold"),
    Lead(status="completed", tag=None),
]
# Where a process may die, beside its requests: before and after these have done their work.
PLACES: Mapping[str, tuple[type, str]] = {
    "commit": (Journal, "record"),
    "settling": (Journal, "settle_claims"),
    "dropping": (Journal, "drop_claims"),
    "run.json": (RunFile, "write"),
}
Values = dict[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process's part of a run: the changes that came from it, and how it ended.

    exit_code: None if it was killed. refused: leads to which it found no connection.
    """

    log: tuple[Received, ...]
    refused: tuple[str, ...]
    exit_code: int | None


@dataclass(slots=True, kw_only=True)
class Run:
    """A run's folder. since: what had been written when its first process began.

    undoes, retries: the run that it takes back, or tries again. reads: whether it reads all leads
    before it sends, and leaves the status of those that are through.
    """

    name: str
    since: int
    undoes: "Run | None" = None
    retries: "Run | None" = None
    reads: bool = False
    lives: list[Life] = field(default_factory=list)

    @property
    def is_there(self) -> bool:
        return Path(self.name, "run.json").is_file()

    @property
    def rows(self) -> list[dict[str, str]]:
        return read_rows(Path(self.name, "results.csv"))

    @property
    def was_killed(self) -> bool:
        return any(life.exit_code is None for life in self.lives)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value of a lead that came to be. by: the run whose request did it; None for others."""

    lead: str
    values: Values
    by: Run | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls a command: acts for its first changes, then for all others, and its end.

    end: where it is interrupted or dies; None for neither. at: at which pass.
    edit: what somebody else makes of a lead before the run is gone on with; None for nothing.
    """

    acts: tuple[Act, ...] = ()
    otherwise: Act = SERVED
    end: str | None = None
    at: int = 1
    edit: tuple[int, str, str | None] | None = None


class World:
    """Leads, runs, and the order in which leads came to be what they are."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.shell: Shell = shell_in(folder, patch)
        for name, value in SETTINGS.items():
            patch.setenv(f"SENDKIT_BATCH_{name}", value)
        patch.setattr(execution, "write_report", lambda *_: None)  # it tells no more than results
        ids = [lead_id(n) for n in range(1, len(LEADS) + 1)]
        leads = {
            each: Lead(status=lead.status, tag=lead.tag)
            for each, lead in zip(ids, LEADS, strict=True)
        }
        self.server = LeadServer(leads=leads)
        self.runs: list[Run] = []
        self._begun = 0
        self.written = [
            Written(lead=each, values=lead.values(), by=None) for each, lead in leads.items()
        ]
        self.err = ""

    def sheet(self, rows: list[tuple[int, str, str]]) -> Path:
        """A spreadsheet: for each row a lead's number, its status and its tag."""
        cells = [(CAMPAIGN, lead_id(n), status, tag) for n, status, tag in rows]
        return write_leads(self.shell.cwd / f"leads-{len(self.runs)}.csv", cells)

    def begin(
        self, *, undoes: Run | None = None, retries: Run | None = None, reads: bool = False
    ) -> Run:
        """A run that is about to have its first process."""
        self._begun += 1
        name = f"r{self._begun}"
        since = len(self.written)
        self.runs.append(Run(name=name, since=since, undoes=undoes, retries=retries, reads=reads))
        return self.runs[-1]

    def do(self, run: Run, *given: object, trouble: Trouble | None = None) -> int | None:
        """A process of a run; its exit code, or None if it was killed."""
        trouble, server = trouble or Trouble(), self.server
        first, first_refused = len(server.log), len(server.refused)
        server.acts, server.otherwise = list(trouble.acts), trouble.otherwise
        server.written = lambda lead: self._write(lead, run)
        exit_code: int | None = None
        with self._ended_by(trouble):
            exit_code = words(self.shell, server, *given)
        self.err = self.shell.err
        server.acts, server.otherwise = [], SERVED
        run.lives.append(
            Life(
                log=tuple(server.log[first:]),
                refused=tuple(server.refused[first_refused:]),
                exit_code=exit_code,
            )
        )
        return exit_code

    def edit(self, number: int, status: str, tag: str | None) -> None:
        """Somebody else changes a lead, which the server may move for it."""
        lead = lead_id(number)
        if found := self.server.leads.get(lead):
            found.change({"status": status, "aiTag": tag})
            if self.server.moves:
                found.move()
            self._write(lead, None)

    def remove(self, number: int) -> None:
        """Somebody else takes a lead out of the campaign."""
        self.server.leads.pop(lead_id(number), None)
        self._write(lead_id(number), None)

    def values(self, lead: str) -> Values:
        """What a lead is now; nothing if it is gone."""
        found = self.server.leads.get(lead)
        return found.values() if found else {}

    def _write(self, lead: str, by: Run | None) -> None:
        self.written.append(Written(lead=lead, values=self.values(lead), by=by))

    @contextmanager
    def _ended_by(self, trouble: Trouble) -> Iterator[None]:
        """Within it, a command is interrupted or dies where the trouble says."""
        server, end = self.server, trouble.end
        with ExitStack() as put:
            put.callback(setattr, server, "before", lambda: None)
            put.callback(setattr, server, "after", lambda: None)
            if end == "interrupt":
                server.after = _interrupting(trouble.at)
            elif end is not None:
                death = Death(self.shell.cwd, at=trouble.at)
                put.enter_context(death.awaited())
                self._lie_in_wait(put, end, death)
            yield

    def _lie_in_wait(self, put: ExitStack, end: str, death: Death) -> None:
        when, _, place = end.partition(" ")
        self.server.before = death.check
        if place == "request":
            setattr(self.server, when, death.passed)
            return
        owner, name = PLACES[place]
        wrap = deaths.before if when == "before" else deaths.after
        put.enter_context(mock.patch.object(owner, name, wrap(death.passed, getattr(owner, name))))


ENDS = [
    None,
    "interrupt",
    *(f"{when} {place}" for place in ("request", *PLACES) for when in ("before", "after")),
]


def _interrupting(at: int) -> Callable[[], None]:
    left = at

    def interrupt() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            signal.raise_signal(signal.SIGTERM)

    return interrupt
