"""An earlier run opened again to be gone on with: all but the key comes from its own folder.

Its settings, base address and workspace are those of run.json, its input is the copy, its labels
are those that its rows were judged by. Only how fast it goes can be changed.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from batch.advice import Fix, Remedy
from batch.errors import InputError, SettingsError
from batch.jobs.cells import about_missing_columns
from batch.jobs.frontend import Frontend
from batch.jobs.judged_again import judge_again
from batch.jobs.opening import OpenRun, access_of, found_of, take_locks
from batch.jobs.preflight import Preflight, hold_of
from batch.jobs.ready import JudgedRun, ReadyRun
from batch.jobs.recorded import leads_before, open_recorded_table, reopened_journal
from batch.jobs.request import Request, refusal_of
from batch.jobs.steps import read_leads, read_names
from batch.jobs.unfinished import retried_note
from batch.jobs.work import LeadsDiff, remaining_work
from batch.judging.explain import quoted
from batch.judging.rules import check_clear_word
from batch.lines import only_lines
from batch.reading.table import Table
from batch.recording.atomic_file import clear_partial_files
from batch.recording.baseline import read_baseline
from batch.recording.folder import RunFolder, sha256_of
from batch.recording.journal import JUDGED_NOTE, Journal
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import KeptPlan
from batch.recording.plan_input import check_against_journal
from batch.recording.run_list import find_listed
from batch.recording.runfile import RunRecord, RunState, RunWorkspace, read_record
from batch.settings.values import FinalStates


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """An earlier run that can be gone on with. plan: None of a run of before there were files."""

    opened: OpenRun
    record: RunRecord
    journal: Journal
    plan: KeptPlan | None

    @property
    def has_begun(self) -> bool:
        """Whether something may have been sent: until then it is judged, and looked at, anew."""
        return self.journal.kept(JUDGED_NOTE) is not None

    @property
    def looks(self) -> bool:
        """Whether what the leads are now counts."""
        return not self.has_begun or self.opened.baseline is not None

    def judge(self, preflight: Preflight) -> JudgedRun:
        """See what the run was to do.

        Raises SettingsError when the key is of another workspace than the run, and InputError when
        the request is strict and a row is invalid.
        """
        check_workspace(self.record, preflight)
        request = self.opened.request
        if not self.has_begun:
            check_clear_word(request.rules(labels=preflight.labels))
        if self.record.is_unreached:
            self._check_tags(preflight)
        else:  # the guardrails were passed when the run began
            passed = replace(request.guardrails, allow_invalid=True)
            if self.record.state is RunState.PLANNED:
                self._check_tags(preflight)
            else:
                passed = replace(passed, allow_clears=True, is_confirmed=True)
            request = replace(request, guardrails=passed)
        opened, plan = replace(self.opened, request=request), self.plan
        if plan is None:
            folder = opened.folder.path
            plan = judge_again(
                folder, self.record, request, self.journal, into=folder, labels=preflight.labels
            )
        if refusal := refusal_of(plan, request):
            raise InputError(refusal)
        return JudgedRun(
            opened=opened,
            preflight=preflight,
            plan=plan,
            hold=hold_of(preflight, request.settings),
            missing=about_missing_columns(opened.table, labels=preflight.labels),
            record=self.record,
            journal=self.journal,
        )

    def _check_tags(self, preflight: Preflight) -> None:
        """Raise InputError unless all tags of a plan that has sent nothing are labels by now."""
        if preflight.labels is None or self.plan is None:
            return
        why = "is no label of the workspace now. Nothing was sent. Make a new plan of the file."
        if self.record.is_unreached:
            why = (
                "is no label as the workspace spells them, which could not be read when the run "
                "began. Nothing was sent. Send the rows of failed.csv as a new run: it reads them."
            )
        is_other = pl.col("ai_tag").is_not_null() & ~pl.col("ai_tag").is_in(list(preflight.labels))
        for requests in self.plan.all_requests():
            for line, tag in requests.filter(is_other).select("line", "ai_tag").head(1).iter_rows():
                name = self.opened.request.source.name
                raise InputError(f"{name} line {line}: {quoted(tag)} {why}")

    def ready(self, judged: JudgedRun, diff: LeadsDiff | None = None, *, asks: bool) -> ReadyRun:
        """See what is left to send. diff: what its leads are by now, if it was looked.

        asks: whether a question is put before sending.
        """
        if not self.has_begun:
            return judged.ready(diff, can_ask=asks)
        plan, opened = judged.kept_plan, self.opened
        settings, preview = opened.request.settings, diff.preview if diff else None
        known = leads_before(plan, self.journal)
        leaves = settings.run.final_states is FinalStates.LEAVE
        work = remaining_work(plan, self.journal, preview, was=known if leaves else None)
        if preview:
            now = preview.before(sent_only=False)
            known = pl.concat([known, now], how="diagonal").unique("line", keep="last").sort("line")
        return replace(judged, opened=opened).asking(plan, work, known, diff=diff, is_shown=asks)


def ready_again(
    frontend: Frontend,
    reopened: Reopened,
    preflight: Preflight,
    *,
    asks: bool,
) -> ReadyRun:
    """See what is left to send of an earlier run, and of what its leads are now."""
    judged = reopened.judge(preflight)
    diff = read_leads(frontend, judged) if reopened.looks else None
    judged = read_names(frontend, judged, diff, asks=asks)
    return reopened.ready(judged, diff, asks=asks)


@contextmanager
def reopen_run(
    folder: Path, request: Request, *, within: Table | None = None
) -> Iterator[Reopened]:
    """Open an earlier run to go on with it.

    request: as `recorded.request_of` gives it, with the key, and with what is to go otherwise.
    within: the input of the run of several workspaces that is gone on with, whose part this is.
    Raises InputError when the folder is no run, or its copy of the input is damaged, and
    LockedError while another process is at work on it.
    """
    record = read_record(folder / "run.json")
    with ExitStack() as resources:
        warnings = resources.enter_context(
            take_locks(
                request,
                sha256=record.input.sha256,
                run=folder,
                part=record.workspace.id if record.part_of and record.workspace else "",
                shares_key=within is None,
            )
        )
        # Read again: until the lock was had, another process may have gone on with it.
        record = read_record(folder / "run.json")
        plan = open_plan(folder, record) if record.plan_sha256 else None
        if within is not None and plan is not None:
            table = part_of_table(within, plan.source.lines())
        else:
            table = resources.enter_context(open_recorded_table(folder, record, request, plan))
        journal = resources.enter_context(
            reopened_journal(folder, record, state_dir=request.session.state_dir)
        )
        if plan and find_listed(request.session.state_dir, folder, record) is None:
            check_against_journal(folder, plan, journal)
        clear_partial_files(folder)  # what a killed process had read of the leads is out of date
        begun = journal.kept(JUDGED_NOTE) is not None
        # Nothing was sent before the judged rows were recorded: then they are judged anew.
        no_tag_check = request.guardrails.no_tag_check or begun
        request = replace(
            request, guardrails=replace(request.guardrails, no_tag_check=no_tag_check)
        )
        opened = OpenRun(
            request=request,
            folder=RunFolder.of_run(folder),
            input=record.input.model_copy(update={"found": found_of(table)}),
            table=table,
            access=resources.enter_context(access_of(request, table)),
            started_at=record.started_at,
            notes=(
                *table.notes,
                *_changed_note(folder, record, request),
                *_retried_note(folder, record, request),
                *warnings,
            ),
            retry_of=record.retry_of,
            undo_of=record.undo_of,
            baseline=_baseline_of(folder, record, plan),
            part_of=record.part_of,
        )
        yield Reopened(opened=opened, record=record, journal=journal, plan=plan)


def part_of_table(whole: Table, lines: pl.Series) -> Table:
    """These lines of a table (UInt32, rising), found each time that they are read."""
    return whole.part(lambda: (only_lines(frame, lines) for frame in whole.frames()))


def _baseline_of(folder: Path, record: RunRecord, plan: KeptPlan | None) -> pl.DataFrame | None:
    """What the leads are expected to be; None to expect nothing."""
    if not record.has_baseline:
        return None
    return plan.source.baseline() if plan else read_baseline(folder)


def check_workspace(record: RunRecord, preflight: Preflight) -> None:
    """Raise SettingsError when the key is of another workspace than an earlier run."""
    before, now = proven_workspace(record), preflight.workspace
    if before is None or now is None or before.id == now.id:
        return
    raise SettingsError(
        f"The run belongs to the workspace {before.name} ({before.id}), the key to {now.name} "
        f"({now.id}). Use a key of {before.name}."
    )


def proven_workspace(record: RunRecord) -> RunWorkspace | None:
    """The workspace of a run; None if its key was never proven, and only settings named it."""
    workspace = record.workspace
    return None if workspace and workspace.id == record.section else workspace


def check_known_workspace(record: RunRecord, preflight: Preflight) -> None:
    """Raise SettingsError unless a run is known to belong to the workspace of the key."""
    check_workspace(record, preflight)
    if proven_workspace(record) is None or preflight.workspace is None:
        raise SettingsError(
            "The run is not in your list of runs, and its workspace, or the key's, is not known: "
            "nobody can say whether they are the same. Nothing was sent.",
            Remedy(Fix.NAME_FOLDER),
            "Or go on with that run by `sendkit-batch resume`.",
        )


def _retried_note(folder: Path, record: RunRecord, request: Request) -> tuple[str, ...]:
    if record.state is RunState.FINISHED:  # then nothing is sent
        return ()
    return retried_note(
        folder, record, state_dir=request.session.state_dir, options=request.key_options
    )


def _changed_note(folder: Path, record: RunRecord, request: Request) -> tuple[str, ...]:
    original = record.input.original
    if original is None or find_listed(request.session.state_dir, folder, record) is None:
        return ()  # what somebody else's record names is not read
    if not Path(original).is_file():
        return ()
    if sha256_of(Path(original)) == record.input.sha256:
        return ()
    return (f"{original} has changed since the run began; it goes on with its own copy of then.",)
