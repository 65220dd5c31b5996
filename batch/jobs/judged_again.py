"""A run of before there were plan files, judged once more as it was judged then."""

import json
from contextlib import ExitStack
from pathlib import Path

from batch.jobs.opening import plan_of
from batch.jobs.request import Request
from batch.judging.planned import with_leads_now
from batch.reading.table import Table, open_table
from batch.recording.baseline import read_baseline
from batch.recording.journal import LABELS_NOTE, Journal
from batch.recording.plan_file import PLAN_FILE, KeptPlan, keep_plan
from batch.recording.resolved import RESOLVED_NAME, Resolved
from batch.recording.runfile import RunRecord
from batch.recording.scope import read_scope


def judge_again(
    folder: Path,
    record: RunRecord,
    request: Request,
    journal: Journal,
    *,
    into: Path,
    labels: tuple[str, ...] | None = None,
) -> KeptPlan:
    """Write the plan of a run of format 1 into a folder; gives it.

    request: as `recorded.request_of` gives it. labels: of the workspace now, which count where
    nothing was judged yet. Raises InputError when the run's copy of its input,
    or what says which of its lines or leads are meant, is damaged.
    """
    kept = journal.kept(LABELS_NOTE)
    labels = tuple(json.loads(kept)) if kept else labels
    with open_old_table(folder, record, request) as table:
        plan = plan_of(request, table, request.rules(labels=labels))
        baseline = read_baseline(folder) if record.has_baseline else None
        rows = with_leads_now(plan.source.planned(), None, baseline)
        return keep_plan(plan, rows, into / PLAN_FILE)


def open_old_table(folder: Path, record: RunRecord, request: Request) -> Table:
    """The rows that a run of format 1 is about; to be closed. Raises as `judge_again` does."""
    link = record.retry_of
    lines = read_scope(folder, sha256=link.lines_sha256 or "") if link else None
    path = folder / record.input.copy_name
    table = open_table(path, request.table_options, name=record.input.name, lines=lines)
    with ExitStack() as if_it_fails:
        if_it_fails.callback(table.close)
        if table.is_by_email:
            table.ids = Resolved(folder / RESOLVED_NAME)
        if_it_fails.pop_all()
    return table
