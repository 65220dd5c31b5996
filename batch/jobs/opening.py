"""A run from its folder and its copy of the input to what the server says of its key.

A run is made ready in four steps, so that a use case can ask a person between them: `open_run`
(folder, copy, table, target) or `resume.reopen_run`; `OpenRun.ask` (the server);
`ready.judge` (plan; `diff_leads` may then read what the leads are now); and `JudgedRun.ready`
(guardrails, question). `execution.execute` then sends it. A new run that is not executed leaves no
trace. Shows nothing.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from batch.api.sendkit import Access, KeyRefusedError, SendKit, Workspace
from batch.jobs.cells import Lookup, named_of
from batch.jobs.gate import daily_quota, make_client
from batch.jobs.preflight import Preflight, ask_server
from batch.jobs.remembered import as_if_given, options_with_remembered
from batch.jobs.request import Request
from batch.judging.rules import check_rules
from batch.reading.mended import MENDS_NAME, mends_sha256, to_csv
from batch.reading.table import Table, open_table
from batch.recording.atomic_file import AtomicFile
from batch.recording.daily_quota import DailyQuota, QuotaLeft
from batch.recording.folder import InputCopy, RunFolder, input_stem
from batch.recording.locks import lock_input, share_key
from batch.recording.runfile import RunFound, RunInput, RunLink, RunUndone, RunWorkspace
from batch.recording.spill import Spill


class Stopwatch:
    """How long a process is at work on a run."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def seconds(self) -> float:
        """The time at work so far."""
        return time.monotonic() - self._began_s

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Don't count this block's time: a person is asked in it."""
        paused_s = time.monotonic()
        yield
        self._began_s += time.monotonic() - paused_s


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run whose input is copied and can be read; nothing is judged yet.

    notes: sentences for the user. retry_of: the run whose rows are tried once more.
    undo_of: the run whose changes are taken back.
    baseline: what its leads are expected to be, as `judge_live` takes it; None to expect nothing.
    spill: keeps its rows as they are judged, until its plan file is written.
    lookup: by which its rows' e-mail addresses become ids when they are judged.
    part_of: the id of the run of several workspaces of which it is a part; None for any other.
    """

    request: Request
    folder: RunFolder
    input: RunInput
    table: Table
    access: Access
    started_at: datetime
    notes: tuple[str, ...]
    retry_of: RunLink | None = None
    undo_of: RunUndone | None = None
    baseline: pl.DataFrame | None = None
    spill: Spill | None = None
    lookup: Lookup = field(default_factory=Lookup)
    watch: Stopwatch = field(default_factory=Stopwatch)
    part_of: str | None = None

    async def ask(self, known: Workspace | None = None) -> Preflight:
        """Ask the server whose key it is, and for its labels. Raises UsageError if refused.

        known: the key's workspace, if that is proven already.
        """
        try:
            async with self.client(connections=1) as api:
                return await ask_server(
                    api,
                    workspace_id=self.access.workspace_id,
                    tag_check=not self.request.guardrails.no_tag_check,
                    known=known,
                )
        except KeyRefusedError as error:
            if place := self.request.session.key_place:  # the usual remedy is about another key
                raise KeyRefusedError(f"{place}: {error}") from error
            raise

    def client(self, *, connections: int, quota: DailyQuota | None = None) -> SendKit:
        """A client of the API with as many connections; to be entered.

        quota: by which its requests are counted; by default one of its own.
        """
        return make_client(
            self.access,
            self.request.settings,
            connections=connections,
            quota=quota or self.quota(None),
        )

    def quota(self, workspace: RunWorkspace | None) -> DailyQuota | None:
        """A new count of the day's requests; None for practice. workspace: the key's, if known."""
        session = self.request.session
        if session.sandbox:
            return None
        quota = daily_quota(self.access, self.request.settings, session.state_dir)
        if workspace:
            quota.know_workspace(workspace.id)
        return quota

    def quota_left(self, preflight: Preflight) -> QuotaLeft | None:
        """What is left of the day's quota; None where there is none."""
        quota = self.quota(as_recorded(preflight))
        return quota.left() if quota else None


@contextmanager
def open_run(request: Request) -> Iterator[OpenRun]:
    """Make the run's folder with its copy of the input, and find out where to send.

    Raises UsageError when that can't be done. At the end the table is closed, a practice sandbox
    is ended, and the folder is taken away again unless the run was executed.
    """
    started_at = datetime.now(UTC)
    folder = new_folder(request, now=started_at)
    with ExitStack() as resources:
        resources.callback(folder.discard_unless_kept)
        spill = Spill(folder.path)
        resources.callback(spill.close)
        copy = folder.copy_input(request.source.bytes_from, name=request.source.name)
        write_mends(folder, request)
        warnings = resources.enter_context(take_locks(request, sha256=copy.sha256, run=folder.path))
        options = options_with_remembered(request)
        table = resources.enter_context(open_table(copy.path, options, name=request.source.name))
        request = as_if_given(request, table)
        yield OpenRun(
            request=request,
            folder=folder,
            input=input_of(request, copy, table),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(*table.notes, *warnings),
            spill=spill,
        )


def new_folder(request: Request, *, now: datetime) -> RunFolder:
    """The folder of a new run: the one that was asked for, or one below the folder of runs."""
    return RunFolder.create(
        request.session.out,
        runs_dir=Path(request.settings.run.runs_dir),
        stem=input_stem(request.source.name),
        now=now,
    )


def write_mends(folder: RunFolder, request: Request) -> None:
    """Put the mended cells beside the copy of the input, if there are any."""
    if not request.mended:
        return
    path = folder.path / MENDS_NAME
    folder.will_hold(path)
    with AtomicFile(path) as new_file:
        new_file.write(to_csv(request.mended))
        new_file.publish()


def input_of(request: Request, copy: InputCopy, table: Table) -> RunInput:
    """The input as run.json has it, and how it was read."""
    return RunInput(
        name=request.source.name,
        sha256=copy.sha256,
        size_bytes=copy.size_bytes,
        copy_name=copy.path.name,
        original=str(request.source.path.absolute()) if request.source.path else None,
        found=found_of(table),
        mends_sha256=mends_sha256(request.mended),
        **asdict(request.reading),
    )


def found_of(table: Table) -> RunFound:
    """How a table is read, as run.json has it."""
    found = asdict(table.found)
    return RunFound(**{**found, "columns": {str(name): at for name, at in table.fields.items()}})


def as_recorded(preflight: Preflight) -> RunWorkspace | None:
    """The workspace as run.json has it."""
    workspace = preflight.workspace
    return RunWorkspace(id=workspace.id, name=workspace.name) if workspace else None


@contextmanager
def access_of(request: Request, table: Table) -> Iterator[Access]:
    """The real API with the real key, or a practice sandbox that knows the table's leads."""
    if request.session.sandbox:
        from batch.jobs.practice import practice_access  # noqa: PLC0415 - 8 ms to load

        check_rules(request.rules())
        named, faults = named_of(request, table), request.session.faults
        sandbox = practice_access(table, request.rules(), named, faults=faults)
        if ground := request.session.practice:
            yield ground.open(sandbox)
            return
        with sandbox as access:
            yield access
        return
    if request.session.access is None:
        raise ValueError("a run that is no practice needs a key")
    yield request.session.access


@contextmanager
def take_locks(
    request: Request, *, sha256: str, run: Path, part: str = "", shares_key: bool = True
) -> Iterator[tuple[str, ...]]:
    """Hold the input for its base address, and take part in the key's budget; gives warnings.

    sha256: of the input. part: the id of the workspace whose rows alone are held; "" for all.
    shares_key: False where this very process takes part in it already.
    Practice needs none of it: each has a server and a key of its own.
    Raises LockedError, naming who is at work, and SettingsError when no lock can be made.
    """
    if request.session.sandbox or request.session.access is None:
        yield ()
        return
    access, state_dir = request.session.access, request.session.state_dir
    held = f"{sha256} {part}".rstrip()
    with ExitStack() as locks:
        locks.enter_context(lock_input(state_dir, sha256=held, base_url=access.base_url, run=run))
        if not shares_key:
            yield ()
            return
        key = share_key(state_dir, key=access.api_key, base_url=access.base_url, run=run)
        yield locks.enter_context(key)
