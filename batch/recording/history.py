"""Which runs there are: those in the user's own list, and what else lies about."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch.errors import InputError
from batch.recording.run_list import ListEntry, entry_of, list_entries
from batch.recording.runfile import RunRecord, RunState, read_record


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRun:
    """A run's folder and its record."""

    folder: Path
    record: RunRecord

    @property
    def is_finished(self) -> bool:
        """Whether every row has its final outcome."""
        return self.record.state is RunState.FINISHED

    @property
    def stopped_at(self) -> datetime:
        """When it ended; of a run that was killed, when its record was last written."""
        if self.record.ended_at is not None:
            return self.record.ended_at
        return datetime.fromtimestamp((self.folder / "run.json").stat().st_mtime, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """All runs that are there, each kind the newest first.

    own: those in the user's list, wherever they are. others: what merely lies in the folders of
    runs, or says another address than the list has: it may come from anybody.
    """

    own: list[EarlierRun]
    others: list[EarlierRun]


def known_runs(state_dir: Path, *runs_dirs: Path) -> KnownRuns:
    """All runs in the list and in these folders that are still there.

    A folder whose record is none of this version, or can't be read, is left out.
    """
    entries = list_entries(state_dir)
    of_id: dict[str, list[ListEntry]] = {}
    for entry in entries:
        of_id.setdefault(entry.id, []).append(entry)
    own: dict[Path, EarlierRun] = {}
    others: dict[Path, EarlierRun] = {}
    for folder in (*_folders_in(runs_dirs), *(entry.folder for entry in entries)):
        with suppress(OSError, InputError):
            whole = folder.resolve()
            if whole not in own and whole not in others:
                run = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
                is_own = _is_own(run, of_id.get(run.record.id, []))
                (own if is_own else others)[whole] = run
    return KnownRuns(own=_newest_first(own), others=_newest_first(others))


def own_runs(state_dir: Path, *runs_dirs: Path) -> list[EarlierRun]:
    """The user's own runs, the newest first; in these folders those are found that were moved."""
    return known_runs(state_dir, *runs_dirs).own


def _is_own(run: EarlierRun, entries: list[ListEntry]) -> bool:
    try:
        return entry_of(entries, run.folder, run.record) is not None
    except InputError:
        return False


def _newest_first(runs: dict[Path, EarlierRun]) -> list[EarlierRun]:
    return sorted(runs.values(), key=lambda run: run.record.started_at, reverse=True)


def _folders_in(runs_dirs: tuple[Path, ...]) -> Iterator[Path]:
    for runs_dir in runs_dirs:
        with suppress(OSError):  # it may not be there yet
            yield from sorted(runs_dir.iterdir())
