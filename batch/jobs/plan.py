"""Keeping a plan: a run's folder that says what would be sent, and sends nothing before `apply`."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from batch.advice import Fix, Remedy
from batch.columns import Naming
from batch.errors import SettingsError
from batch.jobs.check import header_only
from batch.jobs.diff_leads import whole_look
from batch.jobs.frontend import Frontend
from batch.jobs.known_pace import keep_learnt
from batch.jobs.opening import open_run
from batch.jobs.preflight import Preflight
from batch.jobs.ready import ReadyRun, judge
from batch.jobs.request import Request, command
from batch.jobs.run_record import first_record
from batch.jobs.steps import ask_server, look_up_leads, read_all_leads, read_campaign_names
from batch.jobs.work import LeadsDiff
from batch.jobs.workspaces import in_one_workspace
from batch.judging.diff import Verdict
from batch.judging.explain import quoted
from batch.judging.explain_leads import LeadRow
from batch.judging.leads import REQUESTS
from batch.judging.plan import Problem
from batch.judging.preview import with_partly_sent
from batch.model import Field, Reason, Tally
from batch.recording.atomic_file import clear_partial_files
from batch.recording.journal import JOURNAL_NAME, Journal
from batch.recording.plan_sheet import PLAN_NAME, write_plan_sheet
from batch.recording.run_list import remember
from batch.recording.runfile import RunFile, RunRecord, RunState
from batch.wording.amounts import duration

# Endings of the journal's files: SQLite leaves those beside it behind where the disk is full.
_OF_JOURNAL = ("", "-wal", "-shm", "-journal")


# Verdicts on rows that have to be mended: the column at fault, and what a request calls it.
_WRONG = {
    Verdict.UNKNOWN_LEAD: (Field.CAMPAIGN_LEAD_ID, "campaign_lead_id"),
    Verdict.OWN_ID: (Field.CAMPAIGN_LEAD_ID, "campaign_lead_id"),
    Verdict.UNKNOWN_CAMPAIGN: (Field.CAMPAIGN_ID, "campaign_id"),
    Verdict.BAD_STATUS: (Field.STATUS, "status"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that is kept. tally: every input row, those that would be sent as not reached."""

    ready: ReadyRun
    diff: LeadsDiff
    sheet: Path
    tally: Tally
    exit_code: int

    @property
    def next_command(self) -> str | None:
        """What applies it, or plans it again once its rows are mended; None for neither."""
        opened = self.ready.opened
        request = opened.request
        if self.ready.work.requests:
            return command("apply", str(opened.folder.path), *request.key_options)
        words = (*request.reading_options, *request.options_for("plan"))
        return command("plan", request.source.argument, *words) if self.tally.error else None

    def first_wrong(self, most: int) -> list[Problem]:
        """The first rows that have to be mended, by what they say or by what their leads are."""
        verdicts = self.diff.preview.verdicts
        wrong = verdicts.filter(pl.col("verdict").cast(pl.String).is_in(list(_WRONG))).head(most)
        requests = pl.concat(
            [pl.DataFrame(schema=REQUESTS), *self.ready.plan.requests_of(wrong["line"])]
        )
        problems = list(self.ready.plan.first_problems)
        rows = wrong.select("line", *LeadRow._fields).iter_rows()
        for (line, *seen), asked in zip(rows, requests.iter_rows(named=True), strict=True):
            reason, message = self.diff.preview.left_out_by(*seen)
            column, named = _WRONG[seen[0]]
            found = "" if reason is Reason.BAD_STATUS else f"found {quoted(asked[named])}; "
            problems.append(
                Problem(
                    line=line,
                    column=column,
                    reason=reason,
                    found=asked[named],
                    message=f"{found}{message}",
                )
            )
        return sorted(problems, key=lambda problem: problem.line)[:most]


def plan(request: Request, frontend: Frontend) -> Planned:
    """Hold a spreadsheet against what its leads are now, and keep that; nothing is sent."""
    with open_run(replace(request, is_planned=True)) as opened:
        if Naming.WORKSPACE in opened.table.fields:
            raise SettingsError(
                f"{request.source.name}: has rows of several workspaces, of which no plan can be "
                "kept yet.",
                Remedy(Fix.RUN_UNPLANNED, command("run", request.source.argument)),
            )
        opened = in_one_workspace(frontend, opened)  # noqa: PLW2901
        preflight = ask_server(frontend, opened)
        look_up_leads(frontend, opened, preflight)
        judged = judge(opened, preflight)
        diff = read_all_leads(frontend, judged, whole_look(request.settings))
        judged = read_campaign_names(frontend, judged, diff)
        ready = judged.ready(diff, can_ask=True)
        frontend.note(*ready.question.warnings)
        if not judged.plan.rows:
            frontend.note(header_only(request.source.name))
        frontend.check()
        return keep_plan(ready, diff)


def keep_plan(ready: ReadyRun, diff: LeadsDiff) -> Planned:
    """Write what would be sent, and what the leads were, into the run's folder.

    The folder counts as a run once this is done. Raises RunError when the disk fails.
    """
    opened, folder, preview = ready.opened, ready.opened.folder, diff.preview
    path = folder.path / JOURNAL_NAME
    folder.will_hold(*(path.with_name(path.name + more) for more in _OF_JOURNAL))
    folder.will_hold(folder.path / PLAN_NAME)
    with closing(Journal.create(path)) as journal:
        for outcomes in ready.plan.judged():
            journal.record(outcomes)
        told = with_partly_sent(preview.told(), ready.plan.partly_sent())
        sheet = write_plan_sheet(opened.table, told, journal, folder.path)
    tally = Tally(ready.work.before)
    tally[Reason.NOT_REACHED] += ready.plan.rows - tally.total()
    exit_code = int(bool(tally.error))
    now = datetime.now(UTC)
    record = first_record(ready).model_copy(
        update={
            "state": RunState.PLANNED,
            "planned_at": now,
            "ended_at": now,
            "exit_code": exit_code,
            "requests": diff.requests,
        }
    )
    keep_learnt(opened.request, ready.workspace.id if ready.workspace else None, diff.pace_estimate)
    clear_partial_files(folder.path)
    remember(opened.request.session.state_dir, folder.path, record)
    RunFile(folder.path / "run.json").write(record)
    folder.keep()
    return Planned(ready=ready, diff=diff, sheet=sheet, tally=tally, exit_code=exit_code)


def check_no_plan(
    folder: Path, record: RunRecord, *, so: str = "", options: Sequence[str] = ()
) -> None:
    """Raise SettingsError for a mere plan.

    so: what follows from its having sent nothing. options: what finds the key.
    """
    if record.state is RunState.PLANNED:
        raise SettingsError(
            f"{folder}: is a plan, of which nothing was sent yet{so and f', so {so}'}. To send it: "
            f"{command('apply', str(folder), *options)}"
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
