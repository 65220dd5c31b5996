"""What an earlier run's folder holds, opened again: what was asked, the copy, journal and plan.

Everything but the key comes from there, never from a settings file or the environment.
"""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from batch.columns import column_of
from batch.errors import InputError
from batch.jobs.judged_again import judge_again, open_old_table
from batch.jobs.request import Reading, Request, Session, Source
from batch.jobs.requesting import guardrails_of
from batch.judging.live import ANSWERED, answered
from batch.judging.plan import LAST_LINE, Plan
from batch.model import Reason
from batch.reading.mended import MENDS_NAME, Mend, from_csv
from batch.reading.spreadsheet import Found
from batch.reading.table import Table, open_table
from batch.recording.baseline import BASELINE_NAME
from batch.recording.folder import sha256_of
from batch.recording.journal import JOURNAL_NAME, Journal
from batch.recording.journal_file import is_locked
from batch.recording.locks import LockedError
from batch.recording.parts import plans_of_all
from batch.recording.plain_file import read_plain
from batch.recording.plan_check import open_plan
from batch.recording.plan_file import PLAN_FILE, KeptPlan, PlanFile
from batch.recording.plan_input import check_against_input, check_against_journal
from batch.recording.resolved import RESOLVED_NAME, Resolved
from batch.recording.run_list import find_listed
from batch.recording.runfile import RunInput, RunRecord
from batch.recording.scope import SCOPE_NAME
from batch.recording.sqlite_faults import JournalBusyError
from batch.settings.load import restore_settings
from batch.settings.model import Settings
from batch.settings.options import CliOptions
from batch.settings.values import FinalStates

_BLOCK_LINES = 50_000
_MOST_MENDED = 64 << 20  # bytes; a cell has 1 MB at most, and there are 1,000 mends
APPLIED = (Reason.APPLIED, Reason.APPLIED_IN_PART)


def request_of(folder: Path, record: RunRecord, *, state_dir: Path) -> Request:
    """What was asked of an earlier run; without its key.

    Raises InputError where a file that it is about leads elsewhere.
    """
    for name in (record.input.copy_name, SCOPE_NAME, BASELINE_NAME, RESOLVED_NAME, PLAN_FILE):
        _check_plain(folder / name)
    settings = recorded_settings(record, where=str(folder / "run.json"))
    reading = recorded_reading(record)
    options = CliOptions(
        **asdict(reading),
        mapping=tuple(f"{name}={header}" for name, header in settings.columns.names().items()),
        base_url=None if record.sandbox else record.base_url,
        no_tag_check=not record.tag_check,
        sandbox=record.sandbox,
    )
    return Request(
        source=Source(name=record.input.name, path=folder / record.input.copy_name),
        settings=settings,
        session=Session(state_dir=state_dir, sandbox=record.sandbox),
        reading=reading,
        guardrails=guardrails_of(options),
        options=options,
        is_planned=record.is_planned,
        is_recorded=True,
        found=found_in(record),
        mended=mends_in(folder, record),
        sets_back=record.undo_of is not None,
    )


def mends_in(folder: Path, record: RunRecord) -> tuple[Mend, ...]:
    """The mended cells of an earlier run. Raises InputError where they are not those of its record.

    They stand in a file beside the copy of its input.
    """
    if record.input.mends_sha256 is None:
        return ()
    path = folder / MENDS_NAME
    try:
        content = read_plain(path, most_bytes=_MOST_MENDED)
        if sha256(content).hexdigest() != record.input.mends_sha256:
            raise ValueError("another table")  # noqa: TRY301 - told as one that can't be read
        return from_csv(content)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: is not there, or was changed since the run began; expected its mended cells. "
            "Bring it back, or start a new run."
        ) from error


def found_in(record: RunRecord) -> Found | None:
    """How an earlier run's input was read; None where that was not written down."""
    found = record.input.found
    if found is None:
        return None
    columns = {column_of(name): position for name, position in found.columns.items()}
    return Found(**{**dict(found), "columns": columns})


def recorded_reading(record: RunRecord) -> Reading:
    """How an earlier run's file is read."""
    names = {each.name for each in fields(Reading)}
    return Reading(**record.input.model_dump(include=names))


def recorded_settings(record: RunRecord, *, where: str) -> Settings:
    """The settings of an earlier run, with its address; where: the record's file in messages.

    A run that began before there was `final_states` goes on as it was begun: it sends every status.
    Raises SettingsError where they are none of this version.
    """
    public, run = dict(record.settings), record.settings.get("run", {})
    if isinstance(run, dict):
        public["run"] = {"final_states": FinalStates.SEND.value, **run}
    settings = restore_settings(public, where=where)
    if record.sandbox:
        return settings
    api = settings.api.model_copy(update={"base_url": record.base_url})
    return settings.model_copy(update={"api": api})


def _check_plain(path: Path) -> None:
    """Raise InputError for a link, a pipe and such; who needs a file that is not there says so."""
    with suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode):
            return
        raise InputError(
            f"{path}: is no regular file; expected one of the run's own. Bring it back, or start a "
            "new run."
        )


def at_work(folder: Path, record: RunRecord) -> LockedError:
    """Another process is at work on an earlier run."""
    since = record.working_since or record.started_at
    return LockedError(
        f"{folder}: another process is at work on this run: process {record.pid}, since "
        f"{since:%Y-%m-%d %H:%M:%S} UTC. Wait until it has ended, or stop it."
    )


def is_at_work(folder: Path) -> bool:
    """Whether a process has an earlier run's journal open just now."""
    return is_locked(folder / JOURNAL_NAME)


def open_recorded_table(
    folder: Path,
    record: RunRecord,
    request: Request,
    plan: KeptPlan | None = None,
    journal: Journal | None = None,
) -> Table:
    """The rows that an earlier run is about, from its own copy of the input; to be closed.

    plan, journal: the run's, if they were opened. Raises InputError when the copy, or what says
    which of its lines or leads are meant, is damaged, and, unless the run is in the user's list,
    when plan, copy and journal disagree.
    """
    path = folder / record.input.copy_name
    check_copy(path, sha256_of(path), record.input)
    if record.plan_sha256 is None:
        return open_old_table(folder, record, request)
    is_own = find_listed(request.session.state_dir, folder, record) is not None
    # Of a run of several workspaces, each part is held against its own lines.
    is_own = is_own or record.is_of_several
    has_some_lines = record.retry_of is not None or record.part_of is not None
    if plan is None and (has_some_lines or not is_own):
        plan = open_plan(folder, record)
    lines = plan.source.lines() if plan and has_some_lines else None
    if lines is not None and record.is_of_several:
        lines = pl.concat(each.lines() for each in plans_of_all(folder, record)).sort()
    table = open_table(path, request.table_options, name=record.input.name, lines=lines)
    with ExitStack() as if_it_fails:
        if_it_fails.callback(table.close)
        if plan and not is_own:
            columns = request.settings.columns.names()
            check_against_input(folder, plan, table, request.rules(), columns)
            if journal is not None:
                check_against_journal(folder, plan, journal)
        if table.is_by_email:
            table.ids = plan.source if plan else looked_up_ids(folder, record)
        if_it_fails.pop_all()
    return table


def looked_up_ids(folder: Path, record: RunRecord) -> PlanFile | Resolved:
    """The ids that an earlier run's rows got by their e-mail addresses. Raises InputError."""
    if record.plan_sha256 is None:
        return Resolved(folder / RESOLVED_NAME)
    return open_plan(folder, record).source


@contextmanager
def plan_of_run(
    folder: Path, record: RunRecord, request: Request, journal: Journal
) -> Iterator[KeptPlan]:
    """What an earlier run was to do. Raises InputError when its folder does not say so any more.

    request: as `request_of` gives it. Raises as `open_recorded_table` does, too.
    """
    if record.plan_sha256 is not None:
        plan = open_plan(folder, record)
        if find_listed(request.session.state_dir, folder, record) is None:
            open_recorded_table(folder, record, request, plan, journal).close()
        yield plan
        return
    path = folder / record.input.copy_name
    check_copy(path, sha256_of(path), record.input)
    with TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        yield judge_again(folder, record, request, journal, into=Path(scratch))


def check_copy(path: Path, sha256: str, recorded: RunInput) -> None:
    """Raise InputError unless a run's copy of the input still is what was recorded."""
    if sha256 != recorded.sha256:
        raise InputError(
            f"{path}: the run's own copy of the input was changed since it began; expected the "
            f"content with sha256 {recorded.sha256[:12]}…. Bring it back, or start a new run."
        )


@contextmanager
def recorded_journal(folder: Path, record: RunRecord) -> Iterator[Journal]:
    """An earlier run's journal, only to look at: what was on its way when it died is in flight.

    Raises LockedError while another process is at work on the run, and InputError when it is no
    journal of ours.
    """
    try:
        opened = Journal.look(folder / JOURNAL_NAME)
    except JournalBusyError as error:
        raise at_work(folder, record) from error
    with closing(opened) as journal:
        yield journal


@contextmanager
def reopened_journal(folder: Path, record: RunRecord, *, state_dir: Path) -> Iterator[Journal]:
    """An earlier run's journal to go on with, what was on its way when it died settled.

    One that its process did not get to make, or to lay out, is made now, if the run is the user's
    own or practice: such a run has sent nothing. Raises as `recorded_journal` does.
    """
    path = folder / JOURNAL_NAME
    may_lay_out = record.sandbox or find_listed(state_dir, folder, record) is not None
    try:
        if os.path.lexists(path):
            opened = Journal.open(path, may_lay_out=may_lay_out)
        elif may_lay_out:
            opened = Journal.create(path)
        else:
            raise InputError(
                f"{path}: is not there, so that nobody knows what was sent. Bring it back from a "
                "backup, or start a new run."
            )
        with closing(opened) as journal:
            journal.settle_claims()
            yield journal
    except JournalBusyError as error:
        raise at_work(folder, record) from error


def leads_before(
    plan: Plan,
    journal: Journal,
    first_line: int = 0,
    last_line: int = LAST_LINE,
    *,
    sent_only: bool = True,
) -> pl.DataFrame:
    """What a run's leads were before their requests, as BEFORE, by line.

    The plan has what was read when it was made. What was read once more before it was sent is the
    journal's, and outranks that. sent_only: without those whose request was not to be sent.
    """
    planned = plan.before(first_line, last_line)
    if sent_only:
        planned = planned.filter(pl.col("reason").is_null())
    again = journal.before(first_line, last_line)
    kept = planned.join(again, on="line", how="anti", maintain_order="left")
    return pl.concat([kept, again], how="diagonal").sort("line")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedRows:
    """Rows that hold. lines: theirs (UInt32, rising). answered: as ANSWERED."""

    lines: pl.Series
    answered: pl.DataFrame


def applied_rows(journal: Journal, *, reasons: Collection[Reason] = APPLIED) -> AppliedRows:
    """The rows of a run with one of these reasons."""
    words = [reason.value for reason in reasons]
    lines = [pl.Series("line", [], dtype=pl.UInt32)]
    parts = [pl.DataFrame(schema=ANSWERED)]
    for part in journal.lines().sort().to_frame().iter_slices(_BLOCK_LINES):
        rows = journal.rows(part["line"][0], part["line"][-1])
        rows = rows.filter(pl.col("reason").is_in(words))
        lines.append(rows["line"])
        parts.append(answered(rows))
    return AppliedRows(lines=pl.concat(lines), answered=pl.concat(parts))
