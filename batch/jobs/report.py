"""The use case `report`: a page about a run, from what its folder holds. Asks no server."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from batch.jobs.joined import PartAtHand, open_parts
from batch.jobs.recorded import leads_before, plan_of_run, recorded_journal, request_of
from batch.jobs.request import command
from batch.judging.plan import Plan
from batch.model import Reason, Tally
from batch.recording.atomic_file import AtomicFile
from batch.recording.folder import sha256_of
from batch.recording.history import EarlierRun, own_runs
from batch.recording.journal import Journal
from batch.recording.parts import JoinedOutcomes
from batch.recording.plain_file import newest
from batch.recording.plan_check import open_plan
from batch.recording.plan_sheet import PLAN_NAME
from batch.recording.runfile import RunRecord, RunState, read_record
from batch.recording.timeline import read_timeline
from batch.reporting.digest import EXAMPLES, MOST_CAUSES, Digest, Findings, WorkspaceRow
from batch.reporting.pace_history import pace_history
from batch.settings.values import FinalStates
from batch.wording.amounts import count_of
from batch.wording.parts import effect_of_all

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
    if record.is_of_several:
        return _remake_of_parts(folder, state_dir=state_dir, into=into)
    request = request_of(folder, record, state_dir=state_dir)
    with (
        recorded_journal(folder, record) as journal,
        plan_of_run(folder, record, request, journal) as plan,
    ):
        # Read once the journal is ours: until then, another process may have ended the run.
        record = read_record(folder / "run.json")
        path = write_report(folder, record, plan, journal, into=into, state_dir=state_dir)
    return Remade(path=path, rows=plan.rows)


def _remake_of_parts(folder: Path, *, state_dir: Path, into: Path | None) -> Remade:
    with (
        recorded_journal(folder, read_record(folder / "run.json")) as journal,
        open_parts(
            folder, record := read_record(folder / "run.json"), journal, state_dir=state_dir
        ) as (_, parts),
    ):
        path = write_report_of_parts(folder, record, journal, parts, into=into, state_dir=state_dir)
    return Remade(path=path, rows=record.rows)


def write_report(
    folder: Path,
    record: RunRecord,
    plan: Plan,
    journal: Journal,
    *,
    into: Path | None = None,
    state_dir: Path | None = None,
) -> Path:
    """Write report.html into a run's folder, by what its journal holds. Gives its path.

    record: as the run stands. into: another folder for it. state_dir: to tell which of the
    user's runs went back to it since; None where none can have done so. Raises RunError when the
    disk fails; one from before is gone then, so that nobody takes it for the present one.
    """
    return _write(into or folder, lambda: find(folder, record, plan, journal, state_dir=state_dir))


def write_report_of_parts(
    folder: Path,
    record: RunRecord,
    journal: Journal,
    parts: Sequence[PartAtHand],
    *,
    into: Path | None = None,
    state_dir: Path | None = None,
) -> Path:
    """The same of a run of several workspaces, whose parts are open. journal: the whole's own."""

    def findings() -> Findings:
        own = (open_plan(folder, record), journal)
        sources = [own, *((part.plan, part.rows.journal) for part in parts)]
        workspaces = tuple(
            WorkspaceRow(
                name=part.part.workspace.name,
                folder=part.part.folder,
                tally=JoinedOutcomes([part.rows]).tally(),
                stop_reason=part.record.stop_reason,
            )
            for part in parts
        )
        found = find_in(folder, record, sources, state_dir=state_dir)
        return replace(found, workspaces=workspaces)

    return _write(into or folder, findings)


def _write(folder: Path, findings: Callable[[], Findings]) -> Path:
    # What draws and writes pages takes 80 ms to load.
    from batch.reporting.page import render  # noqa: PLC0415

    path = folder / REPORT_NAME
    try:
        page = render(findings())
        with AtomicFile(path) as draft:
            draft.write(page.encode("utf-8", "replace"))  # a file's name may hold lone surrogates
            return draft.publish()
    except BaseException:
        with suppress(OSError):  # the disk fails altogether: what went wrong first is told
            path.unlink(missing_ok=True)
        raise


def find(
    folder: Path,
    record: RunRecord,
    plan: Plan,
    journal: Journal,
    *,
    state_dir: Path | None = None,
) -> Findings:
    """What a report of one workspace tells. Takes what `write_report` does."""
    return find_in(folder, record, [(plan, journal)], state_dir=state_dir)


def find_in(
    folder: Path,
    record: RunRecord,
    sources: Sequence[tuple[Plan, Journal]],
    *,
    state_dir: Path | None = None,
) -> Findings:
    """What a report tells, counted in bounded memory. state_dir: as `write_report` has it.

    sources: the plan and the journal; of several workspaces, those of each.
    """
    is_planned = record.state is RunState.PLANNED
    names = (PLAN_NAME,) if is_planned else ("results.csv", "results-2.csv")
    results = newest(folder, *names) or folder / names[0]
    tally, rows = Tally(), sum(plan.rows for plan, _ in sources)
    for _, journal in sources:
        tally.update(journal.tally())
    tally[Reason.NOT_REACHED] += rows - tally.total()
    causes = _causes([journal for _, journal in sources])
    run = record.settings.get("run")
    leaves = isinstance(run, dict) and run.get("final_states") == FinalStates.LEAVE
    digest = Digest(is_planned=is_planned, named=causes["line"], leaves_final=leaves)
    for plan, journal in sources:
        for block in _blocks(plan):
            digest.add(_with_outcomes(block, plan, journal, sent_only=not is_planned))
    return Findings(
        record=record,
        effect=effect_of_all(plan for plan, _ in sources),
        rows=rows,
        tally=Tally({reason: rows for reason, rows in tally.items() if rows}),
        examples={reason: _examples([each for _, each in sources], reason) for reason in tally},
        causes=causes,
        digest=digest,
        history=pace_history(digest.seconds.in_order(), read_timeline(folder)),
        is_planned=is_planned,
        results_name=results.name,
        results_sha256=sha256_of(results) if results.is_file() else "",
        next_steps=tuple(_next_steps(folder, record, tally)),
        since=_since(folder, record, state_dir) if state_dir else (),
    )


def _causes(journals: Sequence[Journal]) -> pl.DataFrame:
    """The errors by reason and HTTP status, as `Journal.causes` gives them, in all journals."""
    found = pl.concat([journal.causes(MOST_CAUSES) for journal in journals])
    if len(journals) == 1:
        return found
    first = found.sort("line").unique(["reason", "http_status"], keep="first", maintain_order=True)
    counted = found.group_by("reason", "http_status").agg(pl.sum("rows"))
    return (
        first.drop("rows")
        .join(counted, on=["reason", "http_status"], nulls_equal=True)
        .sort("rows", "line", descending=[True, False])
        .head(MOST_CAUSES)
        .select(found.columns)
    )


def _next_steps(folder: Path, record: RunRecord, tally: Tally) -> Iterator[str]:
    """What to do about a run now. It is named by its folder alone: a report says no path."""
    name = folder.resolve().name
    if record.state is RunState.PLANNED:
        yield f"Nothing has been sent. This sends it: {command('apply', name)}"
    elif record.state is not RunState.FINISHED and not tally.unsent:
        yield f"It did not end as it should. This ends it: {command('resume', name)}"
    elif tally.unsent:
        were = "was" if tally.unsent == 1 else "were"
        sends = f"This sends the {count_of(tally.unsent, 'row')} that {were} left unsent"
        yield f"{sends}, and nothing twice: {command('resume', name)}"
    elif tally.may_pass:
        failed = f"{count_of(tally.may_pass, 'row')} failed for a reason that may pass."
        yield f"{failed} This tries again: {command('retry', name)}"
    to_mend = tally.to_mend
    if to_mend and record.undo_of is None and record.state is not RunState.PLANNED:
        it = "it" if to_mend == 1 else "them"
        yield (
            f"{count_of(to_mend, 'row')} won't pass as {'it is' if to_mend == 1 else 'they are'}. "
            f"Mend {it} in failed.csv, beside this page, and send that file as any other."
        )


def _since(folder: Path, record: RunRecord, state_dir: Path) -> tuple[EarlierRun, ...]:
    """The user's runs that went back to this one later, in their order."""
    return tuple(
        run
        for run in reversed(own_runs(state_dir, folder.resolve().parent))
        for link in (run.record.undo_of, run.record.retry_of)
        if link and link.id == record.id
    )


def _examples(journals: Sequence[Journal], reason: Reason) -> list[tuple[int, str]]:
    first = [journal.first(reason, EXAMPLES).select("line", "message") for journal in journals]
    return pl.concat(first).sort("line").head(EXAMPLES).rows()


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
