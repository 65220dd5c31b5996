"""The user's own list of runs, in the state folder: which runs count as this user's.

It keeps what must not depend on a run's folder: its id, its place, and where its requests go;
run.json has to agree. The list counts only if nobody else can have written it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from batch.errors import (
    InputError,
    NewerFormatError,
    RunError,
    SettingsError,
    UsageError,
)
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.runfile import PARTS, RunRecord, read_record
from batch.recording.state import check_own, is_own, make_state_dir, read_own

LIST_NAME = "runs.jsonl"  # a JSON text a line, since a path may hold a line break


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A run as the list has it.

    id: of the run, wherever its folder is moved; "" for runs from before there were ids.
    folder: absolute, without links. base_url: "" for practice, whose server is another each time.
    workspace_id: "" if it could not be read; of several workspaces a hash of which has which part.
    """

    id: str
    folder: Path
    base_url: str
    workspace_id: str

    @classmethod
    def of(cls, folder: Path, record: RunRecord) -> "ListEntry":
        """What the list keeps of a run."""
        return cls(
            id=record.id,
            folder=folder.resolve(),
            base_url="" if record.sandbox else record.base_url,
            workspace_id=record.workspace.id if record.workspace else _hash_of_parts(record),
        )


def remember(state_dir: Path, folder: Path, record: RunRecord) -> None:
    """Add a run to the list, replacing entries of the same folder, and its own from before a move.

    Raises RunError if the list can't be written, SettingsError if others may write it.
    """
    entry = ListEntry.of(folder, record)
    make_state_dir(state_dir)
    with _locked(state_dir):
        known = _complete(_read(state_dir))
        if entry not in known:
            _write(state_dir, [*(each for each in known if not _is_replaced(each, entry)), entry])


def forget(state_dir: Path, folder: Path, record: RunRecord) -> None:
    """Remove a run from the list. Raises RunError if the list can't be written."""
    if not (state_dir / LIST_NAME).is_file():
        return
    with _locked(state_dir):
        gone = ListEntry.of(folder, record)
        known = _complete(_read(state_dir))
        _write(state_dir, [each for each in known if not _is_replaced(each, gone)])


def list_entries(state_dir: Path) -> list[ListEntry]:
    """Read the list, in the order of `remember`; nothing if others may write it.

    Lines of earlier versions, which have only a folder, are completed from the folder if nobody
    else can have written there.
    """
    known = _read(state_dir)
    if any(isinstance(each, Path) for each in known):
        with suppress(RunError, UsageError), _locked(state_dir):
            known = _read(state_dir)
            if known != (completed := _complete(known)):
                _write(state_dir, completed)
                known = completed
        known = _complete(known)  # also where the list can't be written
    return [each for each in known if isinstance(each, ListEntry)]


def list_fault(state_dir: Path) -> str:
    """Why the list does not count and what to do, as a sentence; "" if it counts or is missing."""
    try:
        check_own(state_dir)
        check_own(state_dir / LIST_NAME)
    except SettingsError as error:
        return str(error)
    return ""


def find_listed(state_dir: Path, folder: Path, record: RunRecord) -> ListEntry | None:
    """The list's entry of the run in a folder; None if it isn't in the list.

    record: of the folder's run.json. A moved run is found by its id; a copy of a run that is still
    in its place is not in the list.
    A part is in it if the run of several workspaces is whose record names it.
    Raises InputError if the list has the run with another address or workspace.
    """
    if record.part_of is None:
        return entry_of(list_entries(state_dir), folder, record)
    said = ListEntry.of(folder, record)
    whole = said.folder.parent.parent
    try:
        of_whole = read_record(whole / "run.json")
    except InputError:
        return None
    has_it = said.folder == whole / PARTS / said.folder.name and any(
        (part.folder, part.workspace) == (said.folder.name, record.workspace)
        for part in of_whole.parts
    )
    where = ListEntry.of(whole, of_whole)
    is_named = has_it and (where.id, where.base_url) == (record.part_of, said.base_url)
    return said if is_named and find_listed(state_dir, whole, of_whole) else None


def entry_of(entries: Iterable[ListEntry], folder: Path, record: RunRecord) -> ListEntry | None:
    """As `find_listed`, in entries that were read before."""
    said = ListEntry.of(folder, record)
    same = [each for each in entries if each.id == said.id]
    entry = next((each for each in same if each.folder == said.folder), None)
    if entry is None and said.id and is_own(said.folder):
        entry = next((each for each in same if not _is_in_its_place(each)), None)
    if entry is None:
        return None
    if (entry.base_url, entry.workspace_id) != (said.base_url, said.workspace_id):
        raise InputError(
            f"{folder / 'run.json'}: is no record of the run that it names: found "
            f"{_target_of(said)}; expected {_target_of(entry)}, as this user's list of runs has "
            "it. Somebody changed the file: bring it back, or start a new run."
        )
    return entry


def _hash_of_parts(record: RunRecord) -> str:
    """Of which workspace has which part; "" for a run without parts."""
    said = [[part.folder, part.workspace.id] for part in record.parts]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32] if said else ""


def _target_of(entry: ListEntry) -> str:
    where = entry.base_url or "a practice sandbox"
    return f"{where}, workspace {entry.workspace_id}" if entry.workspace_id else where


def _is_in_its_place(entry: ListEntry) -> bool:
    try:
        return read_record(entry.folder / "run.json").id == entry.id
    except NewerFormatError:  # a newer version has gone on with it
        return True
    except InputError:
        return False


def _is_replaced(known: ListEntry | Path, entry: ListEntry) -> bool:
    if isinstance(known, Path):
        return known == entry.folder
    has_its_id = bool(entry.id) and known.id == entry.id
    return known.folder == entry.folder or (has_its_id and not _is_in_its_place(known))


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """Lock the list for a change. Raises SettingsError if others may write it."""
    path = state_dir / LIST_NAME
    check_own(state_dir)
    check_own(path)
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        yield


def _read(state_dir: Path) -> list[ListEntry | Path]:
    """The list's lines; a Path for a line of an earlier version."""
    try:
        text = (read_own(state_dir / LIST_NAME) or b"").decode()
    except ValueError:
        return []
    return [known for line in text.splitlines() if (known := _read_line(line)) is not None]


def _read_line(line: str) -> ListEntry | Path | None:
    try:
        found = json.loads(line)
    except ValueError:  # a line that was cut off when the disk was full
        return None
    if isinstance(found, str):
        return Path(found)
    if not isinstance(found, dict):
        return None
    fields = [found.get(name) for name in ListEntry.__slots__]
    if not all(isinstance(each, str) for each in fields):
        return None
    run_id, folder, base_url, workspace_id = map(str, fields)
    return ListEntry(id=run_id, folder=Path(folder), base_url=base_url, workspace_id=workspace_id)


def _complete(known: Iterable[ListEntry | Path]) -> list[ListEntry | Path]:
    """Complete lines of earlier versions, where nobody else can have written what they name."""
    found: list[ListEntry | Path] = []
    for each in known:
        folder = each if isinstance(each, Path) else None
        if folder and folder.is_absolute() and is_own(folder) and is_own(folder / "run.json"):
            with suppress(OSError, InputError):
                found.append(ListEntry.of(folder, read_record(folder / "run.json")))
                continue
        found.append(each)
    return found


def _write(state_dir: Path, known: Iterable[ListEntry | Path]) -> None:
    with AtomicFile(state_dir / LIST_NAME) as new_file:
        for each in known:
            line = (
                str(each)
                if isinstance(each, Path)
                else {**asdict(each), "folder": str(each.folder)}
            )
            new_file.write(json.dumps(line).encode() + b"\n")
        new_file.publish()
