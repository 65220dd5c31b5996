"""Which runs there are: those in the user's own list, and what each run's record says."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batch.errors import InputError
from batch.recording.run_list import list_entries
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


def earlier_runs(state_dir: Path, *runs_dirs: Path) -> list[EarlierRun]:
    """All runs in the list and in these folders that are still there, the newest first.

    A folder whose record is none of this version, or can't be read, is left out.
    """
    found: dict[Path, EarlierRun] = {}
    for folder in _folders(state_dir, runs_dirs):
        with suppress(OSError, InputError):
            whole = folder.resolve()
            if whole not in found and (folder / "run.json").is_file():
                found[whole] = EarlierRun(folder=folder, record=read_record(folder / "run.json"))
    return sorted(found.values(), key=lambda run: run.record.started_at, reverse=True)


def _folders(state_dir: Path, runs_dirs: tuple[Path, ...]) -> Iterator[Path]:
    for runs_dir in runs_dirs:
        with suppress(OSError):  # it may not be there yet
            yield from sorted(runs_dir.iterdir())
    yield from (entry.folder for entry in list_entries(state_dir))
