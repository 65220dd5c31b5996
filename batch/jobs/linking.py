"""Which runs are retries of which, by what their records say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.jobs.request import command
from batch.model import Result
from batch.recording.history import EarlierRun, known_runs, own_runs
from batch.recording.run_list import listed
from batch.recording.runfile import RunRecord, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRuns:
    """A run and all retries that go back to it, as they came. notes: of those that are gone."""

    runs: tuple[EarlierRun, ...]
    notes: tuple[str, ...]


def linked_runs(folder: Path, *, state_dir: Path) -> LinkedRuns:
    """The run that a run goes back to (or itself), and all retries of it that are known.

    Only runs in the user's own list are linked: a run that is not stands alone, since any other
    may say that it belongs to it. Raises InputError when the folder is no run.
    """
    record = read_record(folder / "run.json")
    this = EarlierRun(folder=folder, record=record)
    if listed(state_dir, folder, record) is None:
        note = f"{folder} is not in your list of runs, so it is told without its retries."
        return LinkedRuns(runs=(this,), notes=(note,))
    known = {run.record.id: run for run in own_runs(state_dir, folder.resolve().parent)}
    known[record.id] = this
    newer = newer_note(folder, record, state_dir=state_dir, so="what it did is not told")
    runs = [run for run in known.values() if first_of(run.record) == first_of(record)]
    runs.sort(key=lambda run: run.record.started_at)
    return LinkedRuns(runs=tuple(runs), notes=(*_gone(runs), *newer))


def retries_of(record: RunRecord, runs: Iterable[EarlierRun]) -> list[EarlierRun]:
    """Those of the runs that tried rows of this very one again."""
    return [run for run in runs if run.record.retry_of and run.record.retry_of.id == record.id]


def retried_note(
    folder: Path, record: RunRecord, *, state_dir: Path, options: Sequence[str] = ()
) -> tuple[str, ...]:
    """What to say to who sends rows of a run that was tried again before; nothing if it wasn't.

    options: what finds the key.
    """
    retries = retries_of(record, own_runs(state_dir, folder.resolve().parent))
    newer = newer_note(folder, record, state_dir=state_dir, so="what it has done is sent once more")
    if not retries:
        return newer
    last = retries[0]  # the newest comes first
    told = f"{folder} was tried again by {last.folder}: what that has done is sent once more."
    if last.is_finished and not last.record.counts.get(Result.ERROR):
        return (told, *newer)
    word = "retry" if last.is_finished else "resume"
    instead = command(word, str(last.folder), *options)
    return (f"{told} To go on from there instead: {instead}", *newer)


def newer_note(folder: Path, record: RunRecord, *, state_dir: Path, so: str) -> tuple[str, ...]:
    """What to say of runs that this version can't read, of which each may be a retry of a run.

    so: what that means.
    """
    known = known_runs(state_dir, folder.resolve().parent)
    return tuple(
        f"{run.told} If that run is a retry of {folder}, {so}."
        for run in known.newer
        if run.may_be_of(record.input.sha256) and run.folder.resolve() != folder.resolve()
    )


def first_of(record: RunRecord) -> str:
    """The id of the run that a run goes back to: its own, unless it is a retry."""
    return record.retry_of.first if record.retry_of else record.id


def _gone(runs: list[EarlierRun]) -> list[str]:
    there = {run.record.id for run in runs}
    gone = {
        run.record.retry_of.folder: run.folder
        for run in runs
        if run.record.retry_of and run.record.retry_of.id not in there
    }
    return [
        f"{folder} is gone, of which {retry} is a retry: what only that run knew is not told."
        for folder, retry in gone.items()
    ]
