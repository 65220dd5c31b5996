"""Which runs there are: those in the user's own list, and others found in folders of runs."""

import os
from collections.abc import Mapping
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
        """True if every row has its final outcome."""
        return self.record.state is RunState.FINISHED

    @property
    def stopped_at(self) -> datetime:
        """When it ended; for a killed run, when its record was last written."""
        if self.record.ended_at is not None:
            return self.record.ended_at
        return datetime.fromtimestamp((self.folder / "run.json").stat().st_mtime, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewerRun:
    """A run of the user's that a newer version of this program made or resumed.

    refusal: why commands on it are refused, as a sentence. sha256: of its input, if known.
    """

    folder: Path
    refusal: str
    sha256: str | None

    def may_be_of(self, sha256: str) -> bool:
        """True if its input may be the one with this hash."""
        return self.sha256 in {None, sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """All runs that are there, newest first.

    own: runs in the user's list, wherever they are. newer: those of them that only a newer version
    of this program can read. others: runs that merely lie in the folders of runs, or name another
    address than the list: they may come from anybody.
    """

    own: list[EarlierRun]
    others: list[EarlierRun]
    newer: list[NewerRun]


def read_run(folder: Path) -> EarlierRun:
    """Read the run in a folder. Raises InputError if this version can't read one there."""
    run = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
    _refuse_newer_journal(run)
    return run


def _refuse_newer_journal(run: EarlierRun) -> None:
    # Opening the file that this very process writes could release its lock.
    if run.record.state is not RunState.RUNNING or run.record.pid != os.getpid():
        refuse_newer(run.folder / JOURNAL_NAME)


def known_runs(state_dir: Path, *runs_dirs: Path) -> KnownRuns:
    """Read all runs of the list and of these folders; those that can't be read are left out."""
    entries = list_entries(state_dir)
    of_id: dict[str, list[ListEntry]] = {}
    for entry in entries:
        of_id.setdefault(entry.id, []).append(entry)
    listed_folders = {entry.folder for entry in entries}
    own: dict[Path, EarlierRun] = {}
    others: dict[Path, EarlierRun] = {}
    newer: dict[Path, NewerRun] = {}
    folders: list[Path] = []
    for runs_dir in runs_dirs:
        with suppress(OSError):  # it may not exist yet
            folders += sorted(runs_dir.iterdir())
    for folder in (*folders, *(entry.folder for entry in entries)):
        with suppress(OSError, InputError):
            whole = folder.resolve()
            if whole in own or whole in others or whole in newer:
                continue
            run, is_own = _read_folder(folder, of_id)
            if isinstance(run, EarlierRun):
                (own if is_own else others)[whole] = run
            elif is_own or whole in listed_folders:
                newer[whole] = run
    return KnownRuns(
        own=_newest_first(own), others=_newest_first(others), newer=list(newer.values())
    )


def own_runs(state_dir: Path, *runs_dirs: Path) -> list[EarlierRun]:
    """The user's own runs, newest first. Moved ones are found in these folders."""
    return known_runs(state_dir, *runs_dirs).own


def _read_folder(
    folder: Path, of_id: Mapping[str, list[ListEntry]]
) -> tuple[EarlierRun | NewerRun, bool]:
    """The run in a folder, and whether the user's list has it."""
    try:
        run = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
    except NewerRecordError as error:
        return NewerRun(folder=folder, refusal=str(error), sha256=error.sha256), False
    try:
        is_own = entry_of(of_id.get(run.record.id, []), run.folder, run.record) is not None
    except InputError:
        is_own = False
    if is_own:  # nobody else's journal is opened
        try:
            _refuse_newer_journal(run)
        except NewerFormatError as error:
            sha256 = run.record.input.sha256
            return NewerRun(folder=folder, refusal=str(error), sha256=sha256), True
    return run, is_own


def _newest_first(runs: dict[Path, EarlierRun]) -> list[EarlierRun]:
    return sorted(runs.values(), key=lambda run: run.record.started_at, reverse=True)
