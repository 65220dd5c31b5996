"""Which runs there are: those in the user's own list, and what else lies about."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch.errors import InputError, NewerFormatError
from batch.recording.journal import JOURNAL_NAME
from batch.recording.journal_file import refuse_newer
from batch.recording.run_list import ListEntry, entry_of, list_entries
from batch.recording.runfile import NewerRecordError, RunRecord, RunState, read_record


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
class NewerRun:
    """A run of the user's that a newer version of this program made or went on with.

    told: the sentence that a command on it is refused with. sha256: of its input; None if unknown.
    """

    folder: Path
    told: str
    sha256: str | None

    def may_be_of(self, sha256: str) -> bool:
        """Whether its input may be the one with this hash."""
        return self.sha256 in {None, sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """All runs that are there, each kind the newest first.

    own: those in the user's list, wherever they are. newer: those of them that only a newer version
    of this program can read, by their folders. others: what merely lies in the folders of runs, or
    says another address than the list has: it may come from anybody.
    """

    own: list[EarlierRun]
    others: list[EarlierRun]
    newer: list[NewerRun]


def read_run(folder: Path) -> EarlierRun:
    """The run in a folder. Raises InputError when there is none that this version can read."""
    run = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
    _refuse_newer_journal(run)
    return run


def _refuse_newer_journal(run: EarlierRun) -> None:
    # To look into the file that this very process writes could let go of its lock.
    if run.record.state is not RunState.RUNNING or run.record.pid != os.getpid():
        refuse_newer(run.folder / JOURNAL_NAME)


def known_runs(state_dir: Path, *runs_dirs: Path) -> KnownRuns:
    """All runs in the list and in these folders that are still there.

    A folder whose record is none of this version, or can't be read, is left out.
    """
    entries = list_entries(state_dir)
    of_id: dict[str, list[ListEntry]] = {}
    for entry in entries:
        of_id.setdefault(entry.id, []).append(entry)
    listed_folders = {entry.folder for entry in entries}
    own: dict[Path, EarlierRun] = {}
    others: dict[Path, EarlierRun] = {}
    newer: dict[Path, NewerRun] = {}
    for folder in (*_folders_in(runs_dirs), *(entry.folder for entry in entries)):
        with suppress(OSError, InputError):
            whole = folder.resolve()
            if whole in own or whole in others or whole in newer:
                continue
            run, is_own = _look(folder, of_id)
            if isinstance(run, EarlierRun):
                (own if is_own else others)[whole] = run
            elif is_own or whole in listed_folders:
                newer[whole] = run
    return KnownRuns(
        own=_newest_first(own), others=_newest_first(others), newer=list(newer.values())
    )


def own_runs(state_dir: Path, *runs_dirs: Path) -> list[EarlierRun]:
    """The user's own runs, the newest first; in these folders those are found that were moved."""
    return known_runs(state_dir, *runs_dirs).own


def _look(folder: Path, of_id: Mapping[str, list[ListEntry]]) -> tuple[EarlierRun | NewerRun, bool]:
    """The run in a folder, and whether its record is one that the user's list has."""
    try:
        run = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
    except NewerRecordError as error:
        return NewerRun(folder=folder, told=str(error), sha256=error.sha256), False
    is_own = _is_own(run, of_id.get(run.record.id, []))
    if is_own:  # no other's journal is looked into
        try:
            _refuse_newer_journal(run)
        except NewerFormatError as error:
            sha256 = run.record.input.sha256
            return NewerRun(folder=folder, told=str(error), sha256=sha256), True
    return run, is_own


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
