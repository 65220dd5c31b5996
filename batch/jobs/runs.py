"""Earlier runs: which there are, how they stand, and which may be taken away."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from batch.errors import BatchError, InputError, RunError, SettingsError, UsageError
from batch.jobs.outcome import TRACEBACK_NAME
from batch.jobs.report import REPORT_NAME
from batch.jobs.results import RETRIES_SUFFIX
from batch.jobs.verify import VERIFY_NAME
from batch.model import Result
from batch.reading.mended import MENDS_NAME
from batch.recording.attempts_file import HISTORY_NAME
from batch.recording.baseline import BASELINE_NAME
from batch.recording.folder import remove_files
from batch.recording.history import EarlierRun, KnownRuns, NewerRun, known_runs
from batch.recording.journal import JOURNAL_NAME
from batch.recording.journal_file import ROLLBACK, SHM, WAL
from batch.recording.locks import find_holder
from batch.recording.parts import read_part
from batch.recording.plan_file import PLAN_FILE
from batch.recording.plan_sheet import PLAN_NAME
from batch.recording.resolved import RESOLVED_NAME
from batch.recording.run_list import forget
from batch.recording.runfile import PARTS, RunRecord, RunState
from batch.recording.scope import SCOPE_NAME
from batch.recording.timeline import TIMELINE_NAME
from batch.wording.runs import BROKE_OFF, Standing, standing_of

_SILENT_AFTER = timedelta(minutes=1)  # a run that is at work writes its record every second
_OURS = (  # what a run's folder holds of ours beside its copy of the input, run.json and drafts
    PLAN_FILE, SCOPE_NAME, BASELINE_NAME, RESOLVED_NAME, PLAN_NAME, VERIFY_NAME, MENDS_NAME,
    HISTORY_NAME, REPORT_NAME, TIMELINE_NAME, TRACEBACK_NAME,
    *(f"{JOURNAL_NAME}{more}" for more in ("", WAL, SHM, ROLLBACK)),
    *(
        f"{name}{of}{again}.{kind}"
        for name, kind in (("results", "csv"), ("failed", "csv"), ("failed", "xlsx"))
        for of in ("", RETRIES_SUFFIX)
        for again in ("", "-2")
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """All runs that are known. own: the user's, the newest first.

    newer: those of the user's that only a newer version of this program can read.
    others: folders of what lies in the folder of runs but is not in the user's list.
    """

    own: list["ListedRun"]
    newer: tuple[NewerRun, ...]
    others: tuple[Path, ...]


class Kind(StrEnum):
    """What a run was."""

    RUN = "run"
    PLAN = "plan"  # that was not sent
    RETRY = "retry"
    UNDO = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """An earlier run as it stands. state: in a word or two. size_bytes: of its folder."""

    folder: Path
    record: RunRecord
    state: str
    size_bytes: int

    @property
    def counts(self) -> Mapping[Result, int]:
        """Its rows by result. What it did not get to is unsent, also while it is at work."""
        told = {result: self.record.counts.get(result, 0) for result in Result}
        left = self.record.rows - sum(told.values())
        return {**told, Result.UNSENT: told[Result.UNSENT] + left}

    @property
    def kind(self) -> Kind:
        """What it was; a retry of an undo is a retry."""
        if self.record.retry_of:
            return Kind.RETRY
        if self.record.undo_of:
            return Kind.UNDO
        return Kind.PLAN if self.state == RunState.PLANNED else Kind.RUN

    @property
    def origin_id(self) -> str:
        """The id of the run that it tries again or undoes; "" for none."""
        origin = self.record.retry_of or self.record.undo_of
        return origin.id if origin else ""

    @property
    def standing(self) -> Standing:
        """What came of it."""
        return standing_of(self.state, self.counts)


def list_runs(state_dir: Path, runs_dir: Path) -> Runs:
    """All runs that are known."""
    known = known_runs(state_dir, runs_dir)
    return Runs(
        own=[_listed(run, state_dir) for run in known.own],
        newer=tuple(known.newer),
        others=tuple(run.folder for run in known.others),
    )


def find_run(name: str, *, state_dir: Path, runs_dir: Path) -> Path:
    """The folder of a run that is named by its path, or by its folder's name alone.

    A name alone is that of one of the user's own runs.
    Raises UsageError when there is none, or more than one.
    """
    path = Path(name)
    if path.exists() or len(path.parts) != 1:
        return path
    known = known_runs(state_dir, runs_dir)
    found = _of_name(name, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{name}: found {len(found)} runs of that name; expected one. Name its folder with its "
            f"whole path: {', '.join(map(str, found))}"
        )
    if others := [run.folder for run in known.others if run.folder.name == path.name]:
        raise UsageError(
            f"{name}: found no run of that name in your list of runs. If you mean {others[0]}, "
            "which is not in it, name it by that path."
        )
    raise UsageError(
        f"{name}: found no run; expected the folder of an earlier one. `sendkit-batch runs` lists "
        "them."
    )


def is_named(name: str, *, state_dir: Path, runs_dir: Path) -> bool:
    """True if there is a folder of this name, here or among the user's own runs."""
    return Path(name).is_dir() or bool(_of_name(name, known_runs(state_dir, runs_dir)))


def _of_name(name: str, known: KnownRuns) -> list[Path]:
    mine = [run.folder for run in known.own] + [run.folder for run in known.newer]
    return [folder for folder in mine if folder.name == name]


LATEST = "latest"  # a name for the newest run; a folder of that name wins
# Commands that change leads, and the runs on which each makes sense.
_SUITS: Mapping[str, Callable[["ListedRun"], bool]] = {
    "undo": lambda run: (
        not (run.record.undo_of or run.kind is Kind.PLAN or run.standing is Standing.NOTHING)
    ),
    "apply": lambda run: bool(run.record.planned_at) and run.state != RunState.FINISHED,
    "retry": lambda run: (
        run.kind is not Kind.PLAN and bool(run.counts[Result.UNSENT] or run.record.tally.may_pass)
    ),
    "resume": lambda run: (
        run.kind is not Kind.PLAN and run.state not in {RunState.FINISHED, RunState.RUNNING}
    ),
}
CHANGING = frozenset(_SUITS)


def latest_run(command_name: str, *, state_dir: Path, runs_dir: Path) -> "ListedRun":
    """The user's newest run that was begun in this folder of runs, practice left out.

    For a command that changes leads, the newest on which it makes sense.
    Raises UsageError when there is none.
    """
    suits, runs = _SUITS.get(command_name), list_runs(state_dir, runs_dir).own
    if command_name == "retry":  # what was tried again may be done by now: that retry counts
        tried = {run.origin_id for run in runs if run.kind is Kind.RETRY and run.origin_id}
        runs = [run for run in runs if run.record.id not in tried]
    for run in runs:
        is_here = run.folder.resolve().parent == runs_dir.resolve()
        if is_here and not run.record.sandbox and (suits is None or suits(run)):
            return run
    to_do = f" to {command_name}" if command_name in CHANGING else ""
    raise UsageError(
        f"{LATEST}: found no run{to_do} in {runs_dir}, practice left out; expected one. "
        "`sendkit-batch runs` lists them."
    )


def later_runs(run: ListedRun, runs: Iterable[ListedRun]) -> list[ListedRun]:
    """The runs that tried a run's rows again or undid it, the oldest first.

    runs: all, the newest first.
    """
    run_id = run.record.id
    return [each for each in reversed([*runs]) if run_id and each.origin_id == run_id]


def settled_by(run: ListedRun, runs: Sequence[ListedRun]) -> ListedRun | None:
    """The retry, or the retry of one, after which none of a run's rows is left failed.

    runs: all, the newest first.
    """
    tried = {run.record.id}
    for each in reversed(runs):
        if each.kind is Kind.RETRY and each.origin_id and each.origin_id in tried:
            if each.standing in {Standing.WELL, Standing.NOTHING}:
                return each
            tried.add(each.record.id)
    return None


def describe_run(folder: Path, record: RunRecord, *, state_dir: Path) -> ListedRun:
    """One run as it stands."""
    return _listed(EarlierRun(folder=folder, record=record), state_dir)


def prunable(runs: Iterable[ListedRun], *, older_than: timedelta) -> list[ListedRun]:
    """The finished runs, and the plans, that ended longer ago than this."""
    oldest = datetime.now(UTC) - older_than
    return [
        run
        for run in runs
        if run.state in {RunState.FINISHED, RunState.PLANNED}
        and (run.record.ended_at or datetime.now(UTC)) < oldest
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What came of removing a run. note: what is to be said of it; "" for nothing."""

    run: ListedRun
    is_removed: bool
    note: str = ""


def remove_runs(runs: Iterable[ListedRun], *, state_dir: Path) -> Iterator[Removal]:
    """Take the files of these runs away, one after another; one that must stay blocks no other.

    runs: the user's own. A folder that holds something else stays, and is told.
    """
    for run in runs:
        try:
            is_gone = remove_run(run, state_dir=state_dir)
        except BatchError as error:
            yield Removal(run=run, is_removed=False, note=error.advice)
        else:
            note = "" if is_gone else f"{run.folder}: its other files stay."
            yield Removal(run=run, is_removed=True, note=note)


def remove_run(run: ListedRun, *, state_dir: Path) -> bool:
    """Take a run's files away, and its folder unless it holds something else; whether it is gone.

    run: one of the user's own. Raises RunError when they can't be removed, or the folder is no
    longer that run's; the run then is still listed.
    """
    folder = run.folder.resolve()
    try:
        is_link = (folder / PARTS).is_symlink()  # what it leads to is nobody's to remove
        # First: without the whole, nobody knows whose they are.
        for part in () if is_link else run.record.parts:
            path = folder / PARTS / part.folder
            if path.is_dir():
                remove_files(path, read_part(folder, run.record, part), _OURS)
        if run.record.parts and not is_link:
            with suppress(OSError):  # something else is in it
                (folder / PARTS).rmdir()
        is_gone = remove_files(folder, run.record, _OURS)
    except OSError as error:
        raise RunError(
            f"{run.folder}: can't be removed: {error.strerror}. "
            "Close what has its files open, and run it again."
        ) from error
    except InputError as error:
        raise RunError(f"{run.folder}: was left as it is. {error}") from error
    forget(state_dir, folder, run.record)
    return is_gone


def parse_age(text: str) -> timedelta:
    """An age such as `90d`, `12w` or `36h`. Raises SettingsError for anything else."""
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    hours = {"h": 1, "d": 24, "w": 7 * 24}.get(unit)
    if hours is None or not number.isascii() or not number.isdigit() or len(number) > 5:
        raise SettingsError(
            f"--older-than: found {text!r}; expected a number of days, weeks or hours, as 90d, 12w "
            "or 36h."
        )
    return timedelta(hours=hours * int(number))


def _listed(run: EarlierRun, state_dir: Path) -> ListedRun:
    is_lost = run.record.state is RunState.RUNNING and not _is_at_work(run, state_dir)
    return ListedRun(
        folder=run.folder,
        record=run.record,
        state=BROKE_OFF if is_lost else run.record.state.value,
        size_bytes=_size_of(run.folder),
    )


def _size_of(folder: Path) -> int:
    """What a run's files take, those of its parts included; a copy that is linked counts once."""
    found: dict[tuple[int, int], int] = {}
    for path in (*folder.iterdir(), *folder.glob(f"{PARTS}/*/*")):
        with suppress(OSError):  # a run that is at work puts drafts there and takes them away
            if path.is_file():
                about = path.lstat()
                found[about.st_dev, about.st_ino] = about.st_size
    return sum(found.values())


def _is_at_work(run: EarlierRun, state_dir: Path) -> bool:
    """Whether a process is at work on a run that says it is running. Practice holds no lock."""
    record = run.record
    if record.sandbox:
        return datetime.now(UTC) - run.stopped_at < _SILENT_AFTER
    holder = find_holder(state_dir, sha256=record.input.sha256, base_url=record.base_url)
    return holder is not None and Path(holder.run) == run.folder.resolve()
