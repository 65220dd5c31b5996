"""Trying an earlier run's rows once more: a run of its own, about the rows without success.

Its folder holds the same copy of the input, and its plan says which of its lines are meant. Its
settings, base address and workspace are those of the earlier run; its rows are judged anew, by the
labels that the workspace has now. What a plan or an undo expects of its leads, a retry of it does.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from batch.jobs.frontend import Frontend
from batch.jobs.opening import OpenRun, access_of, found_of, new_folder, take_locks, write_mends
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.plan import check_no_plan
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, judge
from batch.jobs.recorded import check_copy, plan_of_run, recorded_journal
from batch.jobs.reopening import check_workspace
from batch.jobs.request import Request, parts_only
from batch.jobs.steps import ask_server, confirm, look_up_leads, read_leads, read_names, send
from batch.jobs.unfinished import first_of, retried_note
from batch.reading.table import open_table
from batch.recording.runfile import RunLink, RunRecord, read_record
from batch.recording.spill import Spill


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A run about the rows of an earlier one that were error or unsent. record: of that one."""

    opened: OpenRun
    record: RunRecord

    def judge(self, preflight: Preflight) -> JudgedRun:
        """Judge those rows. Raises SettingsError when the key is of another workspace."""
        check_workspace(self.record, preflight)
        return judge(self.opened, preflight)


def retry(past: PastRun, frontend: Frontend) -> RunOutcome:
    """Try once more what was error or unsent, as a new run. Raises UsageError for a mere plan."""
    record = past.record()
    if record.is_of_several:
        raise parts_only("retry", past.folder, record)
    check_no_plan(past.folder, record, so="nothing can be tried again", options=past.key_options)
    asks = frontend.asks(practice=record.sandbox)
    with open_retry(past.folder, past.request()) as again:
        preflight = ask_server(frontend, again.opened)
        check_workspace(again.record, preflight)
        look_up_leads(frontend, again.opened, preflight)
        judged = again.judge(preflight)
        diff = read_leads(frontend, judged)
        judged = read_names(frontend, judged, diff, asks=asks)
        ready = judged.ready(diff, can_ask=asks)
        ready = confirm(frontend, ready, asks=asks)
        return send(frontend, ready)


@contextmanager
def open_retry(folder: Path, request: Request) -> Iterator[Retry]:
    """Make the folder of a run that tries once more what was error or unsent in an earlier one.

    request: as `recorded.request_of` gives it, with the key, and with what is to go otherwise.
    Raises InputError when the folder is no run, or its copy of the input is damaged, and
    LockedError while another process is at work on the same input.
    """
    started_at = datetime.now(UTC)
    record = read_record(folder / "run.json")
    # The guardrails were passed by the earlier run, of which these are the rows that went wrong.
    passed = replace(request.guardrails, allow_invalid=True, allow_clears=True, is_confirmed=True)
    request = replace(request, guardrails=passed)
    made = new_folder(request, now=started_at)
    with ExitStack() as resources:
        resources.callback(made.discard_unless_kept)
        warnings = resources.enter_context(
            take_locks(request, sha256=record.input.sha256, run=made.path)
        )
        source = folder / record.input.copy_name
        copy = made.copy_input(source, name=record.input.copy_name)
        check_copy(source, copy.sha256, record.input)
        write_mends(made, request)
        lines, baseline = _to_retry(folder, record, request)
        link = RunLink(id=record.id, folder=str(folder.resolve()), first=first_of(record))
        spill = Spill(made.path)
        resources.callback(spill.close)
        table = resources.enter_context(
            open_table(copy.path, request.table_options, name=record.input.name, lines=lines)
        )
        opened = OpenRun(
            request=request,
            folder=made,
            input=record.input.model_copy(
                update={"copy_name": copy.path.name, "found": found_of(table)}
            ),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=started_at,
            notes=(
                *table.notes,
                *_notes(folder, record, lines, request),
                *warnings,
            ),
            retry_of=link,
            undo_of=record.undo_of,
            baseline=baseline,
            spill=spill,
        )
        yield Retry(opened=opened, record=record)


def _to_retry(
    folder: Path, record: RunRecord, request: Request
) -> tuple[pl.Series, pl.DataFrame | None]:
    """The lines of an earlier run that are neither success nor skipped, and its baseline."""
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        lines = plan.source.lines()
        baseline = plan.source.baseline() if record.has_baseline else None
        return lines.filter(~lines.is_in(journal.done_lines().implode())), baseline


def _notes(folder: Path, record: RunRecord, lines: pl.Series, request: Request) -> tuple[str, ...]:
    if not len(lines):
        return (f"{folder}: no row is error or unsent, so none is tried again.",)
    return retried_note(
        folder, record, state_dir=request.session.state_dir, options=request.key_options
    )
