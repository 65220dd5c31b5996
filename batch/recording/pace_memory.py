"""The pace that went well with a server before, by base address and workspace.

A file in the state folder. It only spares a later run some searching: what can't be read is
unknown, and what can't be written is not kept.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from batch.errors import RunError
from batch.recording.atomic_file import AtomicFile, disk_errors

MEMORY_NAME = "pace.json"
KEPT = timedelta(days=30)  # plans and limits change
_PATIENCE_S = 1.0  # two runs that end together


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)

    per_s: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    at: AwareDatetime


_Memory = TypeAdapter(dict[str, _Kept])


def _now() -> datetime:
    return datetime.now(UTC)


def good_pace(
    state_dir: Path, *, base_url: str, workspace_id: str, now: Callable[[], datetime] = _now
) -> float | None:
    """Requests a second that went well there in the last 30 days; None if unknown."""
    kept = _read(state_dir / MEMORY_NAME, since=now() - KEPT)
    found = kept.get(_name(base_url, workspace_id))
    return found.per_s if found else None


def keep_pace(
    state_dir: Path,
    per_s: float,
    *,
    base_url: str,
    workspace_id: str,
    now: Callable[[], datetime] = _now,
) -> None:
    """Remember a pace that went well there. A disk that fails raises nothing."""
    path = state_dir / MEMORY_NAME
    with suppress(RunError), disk_errors(path):
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE_S):
            kept = _read(path, since=now() - KEPT)
            kept[_name(base_url, workspace_id)] = _Kept(per_s=per_s, at=now())
            with AtomicFile(path) as new_file:
                new_file.write(_Memory.dump_json(kept))
                new_file.publish()


def _read(path: Path, *, since: datetime) -> dict[str, _Kept]:
    try:
        kept = _Memory.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}
    return {name: each for name, each in kept.items() if each.at >= since}


def _name(base_url: str, workspace_id: str) -> str:
    """A hash, so that the file has no address and no id in it."""
    return hashlib.sha256(f"{base_url}\n{workspace_id}".encode()).hexdigest()
