"""The mappings of columns that this user has confirmed, each for one exact set of headers.

They stand in the user's state folder, and count only if nobody else may write them: whoever could
would decide what is sent.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from batch.columns import Column, column_of
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.state import make_state_dir, read_own

MAPPINGS_NAME = "mappings.jsonl"  # a JSON object a line
_MOST = 200  # mappings; the oldest go
_LONGEST = 100_000  # characters of headers that are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownMapping:
    """A mapping that was confirmed.

    headers: of all columns, as they were read. columns: the header that stands for each column.
    since: UTC.
    """

    headers: tuple[str, ...]
    columns: Mapping[Column, str]
    since: str

    @property
    def id(self) -> str:
        """What a person calls it: some digits that follow from the headers."""
        return hashlib.sha256(json.dumps(self.headers).encode()).hexdigest()[:8]


def known_mappings(state_dir: Path) -> list[KnownMapping]:
    """Read all mappings, oldest first; none if others may write the file."""
    lines = (read_own(state_dir / MAPPINGS_NAME) or b"").splitlines()
    return [each for each in map(_read, lines) if each]


def mapping_of(state_dir: Path, headers: Sequence[str]) -> KnownMapping | None:
    """The mapping for exactly these headers, in this order."""
    every = known_mappings(state_dir)
    return next((each for each in every if each.headers == tuple(headers)), None)


def keep_mapping(state_dir: Path, headers: Sequence[str], columns: Mapping[Column, str]) -> None:
    """Keep a mapping for these headers. Raises RunError or SettingsError if it can't be kept."""
    if sum(map(len, headers)) > _LONGEST:
        return
    since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    new = KnownMapping(headers=tuple(headers), columns=columns, since=since)
    path = state_dir / MAPPINGS_NAME
    make_state_dir(state_dir)
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        others = [each for each in known_mappings(state_dir) if each.headers != new.headers]
        _write(path, [*others, new][-_MOST:])


def forget_mappings(state_dir: Path, mapping_id: str | None) -> int:
    """Remove one mapping by its id, or all. How many went. Raises RunError."""
    path = state_dir / MAPPINGS_NAME
    if not path.is_file():
        return 0
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        every = known_mappings(state_dir)
        left = [each for each in every if mapping_id not in {None, each.id}]
        _write(path, left)
    return len(every) - len(left)


def _read(line: bytes) -> KnownMapping | None:
    """A line as `_write` writes it; None for one of another version."""
    try:
        found = json.loads(line)
        columns = {column_of(name): header for name, header in found["columns"].items()}
        known = KnownMapping(headers=tuple(found["headers"]), columns=columns, since=found["since"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    texts = (known.since, *known.headers, *columns.values())
    if not columns or not all(isinstance(each, str) for each in texts):
        return None
    # what nobody can have said: the settings would refuse it
    is_sayable = all(header.strip() and header.isprintable() for header in columns.values())
    return known if is_sayable and len({*columns.values()}) == len(columns) else None


def _write(path: Path, kept: Sequence[KnownMapping]) -> None:
    with AtomicFile(path) as new_file:
        for each in kept:
            columns = {str(column): header for column, header in each.columns.items()}
            line = {"headers": each.headers, "columns": columns, "since": each.since}
            new_file.write(json.dumps(line).encode() + b"\n")
        new_file.publish()
