"""The use case `report`: a page about a run, from what its folder holds. Asks no server."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from batch.jobs.recorded import leads_before, plan_of_run, recorded_journal, request_of
from batch.judging.plan import Plan
from batch.model import FinalStates, Reason, Result, Tally
from batch.recording.atomic_file import AtomicFile
from batch.recording.journal import Journal
from batch.recording.runfile import RunRecord, RunState, read_record
from batch.recording.timeline import read_timeline
from batch.reporting.digest import EXAMPLES, FAILED_ROWS, Digest, Findings
from batch.reporting.pace_history import pace_history

REPORT_NAME = "report.html"
_BLOCK_ROWS = 50_000  # of the journal at once: some tens of MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """A report that was made again. rows: of the run."""

    path: Path
    rows: int


def remake_report(folder: Path, *, state_dir: Path, into: Path | None = None) -> Remade:
    """Write report.html of an earlier run, or of a plan, again; into: another folder than its own.

    Raises InputError when the folder is no run or its copy is damaged, LockedError while a process
    is at work on it, and RunError when the disk fails.
    """
    record = read_record(folder / "run.json")
    request = request_of(folder, record, state_dir=state_dir)
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        # Read once the journal is ours: until then, another process may have ended the run.
        record = read_record(folder / "run.json")
        path = write_report(folder, record, plan, journal, into=into)
    return Remade(path=path, rows=plan.rows)


def write_report(
    folder: Path, record: RunRecord, plan: Plan, journal: Journal, *, into: Path | None = None
) -> Path:
    """Write report.html into a run's folder, by what its journal holds. Gives its path.

    record: as the run stands. into: another folder for it. Raises RunError when the disk fails;
    one from before is gone then, so that nobody takes it for the present one.
    """
    # What draws and writes pages takes 80 ms to load.
    from batch.reporting.page import render  # noqa: PLC0415

    path = (into or folder) / REPORT_NAME
    try:
        page = render(find(folder, record, plan, journal))
        with AtomicFile(path) as draft:
            draft.write(page.encode("utf-8", "replace"))  # a file's name may hold lone surrogates
            return draft.publish()
    except BaseException:
        with suppress(OSError):  # the disk fails altogether: what went wrong first is told
            path.unlink(missing_ok=True)
        raise


def find(folder: Path, record: RunRecord, plan: Plan, journal: Journal) -> Findings:
    """What a report tells, counted in bounded memory."""
    is_planned = record.state is RunState.PLANNED
    tally = journal.tally()
    tally[Reason.NOT_REACHED] += plan.rows - tally.total()
    failed = _failed_rows(journal, tally)
    run = record.settings.get("run")
    leaves = isinstance(run, dict) and run.get("final_states") == FinalStates.LEAVE
    digest = Digest(is_planned=is_planned, named=failed["line"], leaves_final=leaves)
    for block in _blocks(plan):
        digest.add(_with_outcomes(block, plan, journal, sent_only=not is_planned))
    return Findings(
        record=record,
        effect=plan,
        rows=plan.rows,
        tally=Tally({reason: rows for reason, rows in tally.items() if rows}),
        examples={reason: _examples(journal, reason) for reason in tally},
        failed=failed,
        digest=digest,
        history=pace_history(digest.seconds.in_order(), read_timeline(folder)),
        is_planned=is_planned,
    )


def _failed_rows(journal: Journal, tally: Tally) -> pl.DataFrame:
    """The first rows that ended in error, in line order."""
    reasons = [reason for reason in tally if tally[reason] and reason.result is Result.ERROR]
    parts = [journal.first(reason, FAILED_ROWS) for reason in reasons]
    none = journal.first(Reason.APPLIED, 0)
    return pl.concat([none, *parts]).sort("line").head(FAILED_ROWS)


def _examples(journal: Journal, reason: Reason) -> list[tuple[int, str]]:
    return journal.first(reason, EXAMPLES).select("line", "message").rows()


def _blocks(plan: Plan) -> Iterator[pl.DataFrame]:
    for requests in plan.all_requests():
        yield from (part for part in requests.iter_slices(_BLOCK_ROWS) if part.height)


def _with_outcomes(
    requests: pl.DataFrame, plan: Plan, journal: Journal, *, sent_only: bool
) -> pl.DataFrame:
    """Requests with their outcomes, and with what their leads were before, beside them."""
    first, last = requests["line"][0], requests["line"][-1]
    before = leads_before(plan, journal, first, last, sent_only=sent_only)
    return requests.join(
        journal.rows(first, last), on="line", how="left", maintain_order="left"
    ).join(
        before.select("line", before_status="status", before_tag="ai_tag"),
        on="line",
        how="left",
        maintain_order="left",
    )
