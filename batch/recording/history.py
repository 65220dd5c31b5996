"""Which runs there are: a list in the user's state folder, and what each run's record says.

The list holds nothing but folders; what a run is stands in its own run.json.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from batch.errors import InputError
from batch.recording.draft import Draft, disk_errors, private
from batch.recording.runfile import RunRecord, RunState, read_record

LIST_NAME = "runs.jsonl"  # a JSON text a line, since a path may hold a line break


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


def remember(state_dir: Path, folder: Path) -> None:
    """Add a run's folder to the list. Raises RunError when that can't be written."""
    path = state_dir / LIST_NAME
    with disk_errors(path):
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")), open(path, "ab", opener=private) as file:
            if folder.resolve() not in _listed(state_dir):
                file.write(_line_of(folder.resolve()))


def forget(state_dir: Path, folder: Path) -> None:
    """Take a run's folder off the list. Raises RunError when that can't be written."""
    path = state_dir / LIST_NAME
    if not path.is_file():
        return
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        gone = folder.resolve()
        kept = [each for each in _listed(state_dir) if each != gone]
        with Draft(path) as draft:
            draft.write(b"".join(map(_line_of, kept)))
            draft.publish()


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
    yield from _listed(state_dir)


def _listed(state_dir: Path) -> Iterator[Path]:
    try:
        lines = (state_dir / LIST_NAME).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        try:
            folder = json.loads(line)
        except ValueError:  # a line that was cut off when the disk was full
            continue
        if isinstance(folder, str):
            yield Path(folder)


def _line_of(folder: Path) -> bytes:
    return json.dumps(str(folder)).encode() + b"\n"
