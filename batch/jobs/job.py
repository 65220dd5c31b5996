"""The use case up to the first request: make a run ready.

A run goes in four steps, so that a command line and a page can put their own question between
them: `open_run` (folder, copy, table, target) or `resuming.reopen_run`, `ask` (the server),
`judge` (plan, brakes, question), and `execution.execute`. A new run that is not executed leaves no
trace. Shows nothing.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch.api.sendkit import Access, SendKit
from batch.errors import InputError, UsageError
from batch.jobs.forecast import duration, forecast_s
from batch.jobs.holding import held
from batch.jobs.known_pace import KnownPace, known_pace
from batch.jobs.preflight import Preflight, ask_server
from batch.jobs.question import Question, ask_about
from batch.jobs.reaching import access_of, make_client
from batch.jobs.request import Request
from batch.judging.brakes import (
    too_many_clears,
    too_many_invalid,
    too_many_tag_changes,
    unexpected_changes,
)
from batch.judging.plan import Plan, make_plan
from batch.judging.rules import Rules, check_rules
from batch.reading.table import Table, open_table
from batch.recording.folder import InputCopy, RunFolder, input_stem
from batch.recording.journal import Journal
from batch.recording.runfile import RunInput, RunLink, RunRecord, RunWorkspace
from batch.sending.work import Work, whole_work
from batch.settings.model import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run whose input is copied and can be read; nothing is judged yet.

    notes: sentences for the user. retry_of: the run whose rows are tried once more.
    """

    request: Request
    folder: RunFolder
    input: RunInput
    table: Table
    access: Access
    started_at: datetime
    notes: tuple[str, ...]
    retry_of: RunLink | None = None

    async def ask(self) -> Preflight:
        """Ask the server whose key it is, and for its labels. Raises UsageError if refused."""
        async with self.client(connections=1) as api:
            return await ask_server(
                api, workspace_id=self.access.workspace_id, tag_check=self.request.tag_check
            )

    def client(self, *, connections: int) -> SendKit:
        """A client of the API with as many connections; to be entered."""
        request = self.request
        return make_client(
            self.access, request.settings.http, connections=connections, practice=request.sandbox
        )

    def judge(self, preflight: Preflight, *, can_ask: bool) -> "ReadyRun":
        """Judge the whole file. Raises UsageError when a brake of the contract holds it back.

        can_ask: whether somebody can type the number that a brake asks for.
        """
        request = self.request
        hold = hold_of(preflight, request.settings)
        pace = known_pace(request, preflight)
        rate_per_s = pace.expected_per_s(request.settings)
        plan = plan_of(request, self.table, request.rules(labels=preflight.labels))
        if refusal := refusal_of(plan, request):
            raise InputError(refusal)
        brakes = brakes_of(plan, request)
        if brakes and not can_ask:
            raise InputError(" ".join(brakes))
        warnings = (
            ("The labels could not be read: tags are not checked.",)
            if preflight.labels_failed and plan.tags_set
            else ()
        )
        question = ask_about(
            plan,
            workspace=preflight.workspace.name if preflight.workspace else None,
            base_url=self.access.base_url,
            forecast_s=forecast_s(plan.requests, rate_per_s=rate_per_s),
            warnings=warnings,
            brakes=brakes,
            typed_number=_typed_number(plan, request) if brakes else None,
        )
        return ReadyRun(
            opened=self,
            workspace=_as_recorded(preflight),
            labels=preflight.labels,
            plan=plan,
            work=whole_work(plan),
            question=question,
            pace=pace,
            hold=hold,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyRun:
    """A run that only waits for a yes.

    labels: those that its tags were checked against; None if they weren't.
    pace: what is known of the pace that the server allows.
    hold: until when (seconds of time.monotonic()) nothing may be sent, and why; None if it may.
    record, journal: of the earlier run that this goes on with; None for a new one.
    """

    opened: OpenRun
    workspace: RunWorkspace | None
    labels: tuple[str, ...] | None
    plan: Plan
    work: Work
    question: Question
    pace: KnownPace
    hold: tuple[float, str] | None = None
    record: RunRecord | None = None
    journal: Journal | None = None


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
        copy = folder.copy_input(request.source.bytes_from, name=request.source.name)
        warnings = resources.enter_context(held(request, sha256=copy.sha256, run=folder.path))
        table = resources.enter_context(
            open_table(copy.path, request.table_options, name=request.source.name)
        )
        yield OpenRun(
            request=request,
            folder=folder,
            input=_input_of(request, copy),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(*table.notes, *warnings),
        )


def new_folder(request: Request, *, now: datetime) -> RunFolder:
    """The folder of a new run: the one that was asked for, or one below the folder of runs."""
    return RunFolder.create(
        request.out,
        runs_dir=Path(request.settings.run.runs_dir),
        stem=input_stem(request.source.name),
        now=now,
    )


def plan_of(request: Request, table: Table, rules: Rules) -> Plan:
    """The table judged by rules that are checked first."""
    check_rules(rules)
    return make_plan(table.cells, rules, on_conflict=request.settings.input.on_conflict)


def refusal_of(plan: Plan, request: Request) -> str | None:
    """Why nothing of this plan may be sent; None if it may."""
    if request.strict and plan.tally.error:
        rows = "1 row is" if plan.tally.error == 1 else f"{plan.tally.error:,} rows are"
        first = plan.first_problems[0].sentence(request.source.name)
        return f"{rows} invalid, and with --strict nothing is sent then. The first: {first}"
    if unexpected := unexpected_changes(plan, request.expect_changes):
        return unexpected
    return None if request.allow_invalid else too_many_invalid(plan)


def brakes_of(plan: Plan, request: Request) -> tuple[str, ...]:
    """Why somebody should type a number before this is sent."""
    limit = request.settings.run.tag_change_limit
    is_expected = request.expect_changes is not None or request.is_confirmed
    brakes = (
        None if request.allow_clears else too_many_clears(plan),
        None if is_expected else too_many_tag_changes(plan, limit=limit),
    )
    return tuple(filter(None, brakes))


def _typed_number(plan: Plan, request: Request) -> int:
    """The number that shows that the brakes were understood: the larger one's, if there are two."""
    is_expected = request.expect_changes is not None or request.is_confirmed
    limit = request.settings.run.tag_change_limit
    if not is_expected and too_many_tag_changes(plan, limit=limit):
        return plan.tag_changes
    return plan.clears_rows


def hold_of(preflight: Preflight, settings: Settings) -> tuple[float, str] | None:
    """What the server asked to wait before anything is sent.

    Raises UsageError when that is longer than is waited for.
    """
    if preflight.held_until is None:
        return None
    left_s = preflight.held_until - time.monotonic()
    if left_s > settings.pace.max_wait_s:
        raise UsageError(
            f"Nothing was sent: the server asks to wait {duration(left_s)} "
            f"({preflight.hold_why}), and at most {duration(settings.pace.max_wait_s)} are waited "
            "for ([pace] max_wait_s). Run it again later."
        )
    return preflight.held_until, preflight.hold_why


def _input_of(request: Request, copy: InputCopy) -> RunInput:
    return RunInput(
        name=request.source.name,
        sha256=copy.sha256,
        size_bytes=copy.size_bytes,
        copy_name=copy.path.name,
        original=str(request.source.path.absolute()) if request.source.path else None,
        sheet=request.sheet,
        encoding=request.encoding,
        delimiter=request.delimiter,
    )


def _as_recorded(preflight: Preflight) -> RunWorkspace | None:
    workspace = preflight.workspace
    return RunWorkspace(id=workspace.id, name=workspace.name) if workspace else None
