"""Keeping a plan: a run's folder that says what would be sent, and sends nothing before `apply`."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import polars as pl

from batch.columns import Naming
from batch.errors import SettingsError
from batch.jobs.check import header_only
from batch.jobs.diff_leads import whole_look
from batch.jobs.frontend import Frontend
from batch.jobs.known_pace import keep_learnt
from batch.jobs.opening import OpenRun, open_run
from batch.jobs.part_steps import ready_parts, split_by_workspace
from batch.jobs.parts import ReadyParts
from batch.jobs.planned import Planned, PlannedPart
from batch.jobs.preflight import Preflight
from batch.jobs.ready import ReadyRun, judge
from batch.jobs.request import Request, command
from batch.jobs.run_record import first_record
from batch.jobs.steps import (
    ask_server,
    look_up_leads,
    read_all_leads,
    read_campaign_names,
)
from batch.jobs.whole import first_record_of, journal_of, new_journal
from batch.jobs.work import LeadsDiff
from batch.jobs.workspaces import in_one_workspace
from batch.judging.preview import Preview, no_verdicts, with_partly_sent
from batch.model import Reason, Tally
from batch.recording.atomic_file import clear_partial_files
from batch.recording.journal import Journal
from batch.recording.parts import JoinedOutcomes, PartRows
from batch.recording.plan_sheet import PLAN_NAME, write_plan_sheet
from batch.recording.run_list import remember
from batch.recording.runfile import RunFile, RunRecord, RunState
from batch.wording.amounts import duration
from batch.wording.parts import tallies_together


def plan(request: Request, frontend: Frontend) -> Planned:
    """Hold a spreadsheet against what its leads are now, and keep that; nothing is sent."""
    with open_run(replace(request, is_planned=True)) as opened:
        if Naming.WORKSPACE in opened.table.fields:
            return _plan_several(frontend, opened)
        opened = in_one_workspace(frontend, opened)  # noqa: PLW2901
        preflight = ask_server(frontend, opened)
        look_up_leads(frontend, opened, preflight)
        judged = judge(opened, preflight)
        diff = read_all_leads(frontend, judged, whole_look(request.settings))
        judged = read_campaign_names(frontend, judged, diff)
        ready = judged.ready(diff, can_ask=True)
        frontend.note(*ready.question.warnings)
        if not ready.plan.rows:
            frontend.note(header_only(request.source.name))
        frontend.check()
        return keep_plan(ready, diff)


def _plan_several(frontend: Frontend, opened: OpenRun) -> Planned:
    """The same of a file whose rows name their workspaces: a plan of each, kept as one.

    Where one workspace is refused, or can't be reached, nothing is kept.
    """
    all_ = replace(opened.request.guardrails, skip_failed_workspaces=False)
    opened = replace(opened, request=replace(opened.request, guardrails=all_))
    with split_by_workspace(frontend, opened) as split:
        ready = ready_parts(frontend, split, asks=True, is_plan=True)
        frontend.note(*ready.own.question.warnings)
        if not ready.own.asked.decision.rows:
            frontend.note(header_only(opened.request.source.name))
        frontend.check()
        return _keep_parts(ready)


def keep_plan(ready: ReadyRun, diff: LeadsDiff) -> Planned:
    """Write what would be sent, and what the leads were, into the run's folder.

    The folder counts as a run once this is done. Raises RunError when the disk fails.
    """
    opened, folder, preview = ready.opened, ready.opened.folder, diff.preview
    folder.will_hold(folder.path / PLAN_NAME)
    with closing(_judged_journal(ready)) as journal:
        told = with_partly_sent(preview.told(), ready.plan.partly_sent())
        sheet = write_plan_sheet(opened.table, told, journal, folder.path)
    planned = Planned(
        ready=ready,
        preview=preview,
        reading=diff.requests,
        sheet=sheet,
        tally=_tally_of(ready),
    )
    record = _as_planned(first_record(ready), planned.tally, diff.requests)
    keep_learnt(opened.request, ready.workspace.id if ready.workspace else None, diff.pace_estimate)
    clear_partial_files(folder.path)
    remember(opened.request.session.state_dir, folder.path, record)
    RunFile(folder.path / "run.json").write(record)
    folder.keep()
    return planned


def _keep_parts(run: ReadyParts) -> Planned:
    """The same of several workspaces: a folder of each, and one plan.csv."""
    whole, sharing = run.own.opened, Counter(part.pacer for part in run.split.parts)
    clear_word = whole.request.settings.input.clear_word
    nothing = Preview(verdicts=no_verdicts(), clear_word=clear_word)
    previews = [ready.diff.preview if ready.diff else nothing for ready in run.parts]
    verdicts = pl.concat([no_verdicts(), *(each.verdicts for each in previews)])
    preview = Preview(verdicts=verdicts.sort("line"), clear_word=clear_word)
    sheet, reading = _write_sheet(run, preview), 0
    for part, ready in zip(run.split.parts, run.parts, strict=True):
        opened, requests = ready.opened, ready.diff.requests if ready.diff else 0
        if ready.diff and sharing[part.pacer] == 1:
            keep_learnt(opened.request, part.target.workspace.id, ready.diff.pace_estimate)
        clear_partial_files(opened.folder.path)
        record = _as_planned(first_record(ready), _tally_of(ready), requests)
        RunFile(opened.folder.path / "run.json").write(record)
        reading += requests
    tally = tallies_together(run.own.plan.tally, *map(_tally_of, run.parts))
    record = _as_planned(first_record_of(run), tally, reading)
    remember(whole.request.session.state_dir, whole.folder.path, record)
    RunFile(whole.folder.path / "run.json").write(record)
    for folder in (whole.folder, *(ready.opened.folder for ready in run.parts)):
        folder.keep()
    each = zip(run.split.parts, run.parts, previews, strict=True)
    return Planned(
        ready=run.own,
        preview=preview,
        reading=reading,
        sheet=sheet,
        tally=tally,
        parts=tuple(
            PlannedPart(part=part, plan=ready.plan, preview=its) for part, ready, its in each
        ),
    )


def _write_sheet(run: ReadyParts, preview: Preview) -> Path:
    """Write plan.csv of several workspaces, and the journals of all. preview: of all leads."""
    folder, plans = run.own.opened.folder, [run.own.plan, *(part.plan for part in run.parts)]
    folder.will_hold(folder.path / PLAN_NAME)
    with ExitStack() as held:
        journals = [
            held.enter_context(closing(journal_of(run))),
            *(held.enter_context(closing(_judged_journal(part))) for part in run.parts),
        ]
        rows = [
            PartRows(journal=journal, plan=plan.source, rows=plan.rows)
            for journal, plan in zip(journals, plans, strict=True)
        ]
        partly = sorted(chain.from_iterable(plan.partly_sent() for plan in plans))
        told = with_partly_sent(preview.told(), partly)
        return write_plan_sheet(run.own.opened.table, told, JoinedOutcomes(rows), folder.path)


def _judged_journal(ready: ReadyRun) -> Journal:
    """A new journal with what is wrong with rows by themselves."""
    journal = new_journal(ready.opened.folder)
    for outcomes in ready.plan.judged():
        journal.record(outcomes)
    return journal


def _tally_of(ready: ReadyRun) -> Tally:
    tally = Tally(ready.work.before)
    tally[Reason.NOT_REACHED] += ready.plan.rows - tally.total()
    return tally


def _as_planned(record: RunRecord, tally: Tally, requests: int) -> RunRecord:
    now = datetime.now(UTC)
    return record.model_copy(
        update={
            "state": RunState.PLANNED,
            "planned_at": now,
            "ended_at": now,
            "exit_code": int(bool(tally.error)),
            "requests": requests,
        }
    )


def check_no_plan(
    folder: Path, record: RunRecord, *, so: str = "", options: Sequence[str] = ()
) -> None:
    """Raise SettingsError for a mere plan.

    so: what follows from its having sent nothing. options: what finds the key. A part of a plan is
    sent with the whole, of which nobody could say any more whether something was sent.
    """
    if record.state is RunState.PLANNED:
        what, whole = "a plan", folder
        if record.part_of is not None:
            has_names = len(folder.parts) > 2 and ".." not in folder.parts
            what = "a part of a plan"
            whole = (folder if has_names else folder.resolve()).parent.parent
        raise SettingsError(
            f"{folder}: is {what}, of which nothing was sent yet{so and f', so {so}'}. To send it: "
            f"{command('apply', str(whole), *options)}"
        )


def check_plan(folder: Path, record: RunRecord, request: Request) -> None:
    """Raise SettingsError unless a run is a plan that can be applied, or gone on with.

    request: as `recorded.request_of` gives it.
    """
    plan_age_s = request.settings.run.plan_age.seconds
    if record.planned_at is None:
        raise SettingsError(f"{folder}: is no plan. `sendkit-batch plan FILE` makes one.")
    if record.state is RunState.FINISHED:
        raise SettingsError(f"{folder}: was applied already. Make a new plan of what is left.")
    age = datetime.now(UTC) - record.planned_at
    if record.state is RunState.PLANNED and age > timedelta(seconds=plan_age_s):
        options = (*request.reading_options, *request.options_for("plan"))
        again = command("plan", record.input.original or "-", *options)
        raise SettingsError(
            f"{folder}: the plan was made {duration(age.total_seconds())} ago, longer than "
            f"{duration(plan_age_s)} ([run] plan_age). Leads change: make a new one: {again}"
        )


def check_same_workspace(record: RunRecord, preflight: Preflight) -> None:
    """Raise SettingsError unless both the plan's workspace and the key's are known.

    That they are the same is seen to wherever an earlier run is gone on with.
    """
    if record.workspace is None or preflight.workspace is None:
        raise SettingsError(
            "The key's workspace could not be read, so that nobody can say whether it is the "
            "plan's. Nothing was sent: try again later."
        )
