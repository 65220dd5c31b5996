"""An earlier run's rows judged once more as they were judged then, beside its journal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batch.jobs.opening import plan_of
from batch.jobs.recorded import open_recorded_table, recorded_journal
from batch.jobs.request import Request
from batch.judging.plan import Plan
from batch.recording.journal import LABELS_NOTE, Journal
from batch.recording.runfile import RunRecord


@contextmanager
def judged_again(
    folder: Path, record: RunRecord, request: Request
) -> Iterator[tuple[Plan, Journal]]:
    """The plan and the journal of an earlier run, by its own folder and the labels of then.

    request: as `recorded.request_of` gives it. Raises InputError when the copy of the input is
    damaged, and LockedError while another process is at work on the run.
    """
    with (
        recorded_journal(folder, record) as journal,
        open_recorded_table(folder, record, request) as table,
    ):
        kept = journal.kept(LABELS_NOTE)
        labels = tuple(json.loads(kept)) if kept else None
        yield plan_of(request, table, request.rules(labels=labels)), journal
