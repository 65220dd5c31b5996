"""The workspaces that keys reach, as the last command saw them that asked a server.

A file in the state folder, so that `check`, which asks no server, can judge whose rows are whose.
What can't be read is unknown, and what can't be written is not kept. Keys are not in it.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock
from pydantic import AwareDatetime, BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError

from batch.errors import RunError, SettingsError
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.state import keyed_hash, read_own

SEEN_NAME = "workspaces.json"
KEPT = timedelta(days=30)  # workspaces come and go
_MOST = 100  # combinations of keys; the oldest go
_PATIENCE_S = 1.0  # two commands that end together


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenWorkspaces:
    """The workspaces that rows may name.

    names: of each, by its id; None if no command has asked for them yet. at: when one did.
    default: the id of the one whose rows name none; None if each has to.
    """

    names: Mapping[str, tuple[str, ...]] | None = None
    at: datetime | None = None
    default: str | None = None


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True)

    names: Mapping[str, tuple[str, ...]]
    at: AwareDatetime


_Memory = TypeAdapter(dict[str, _Seen])


def _now() -> datetime:
    return datetime.now(UTC)


def seen_workspaces(
    state_dir: Path,
    *,
    base_url: str,
    key: SecretStr | None,
    sections: Collection[str] = (),
    now: Callable[[], datetime] = _now,
) -> SeenWorkspaces:
    """What these keys were seen to reach in the last 30 days. Writes nothing.

    key: of all; None where only workspaces have keys. sections: those, by their names in the
    settings.
    """
    kept = _read(state_dir / SEEN_NAME)
    with suppress(SettingsError):
        found = kept and kept.get(_name(state_dir, base_url, key, sections))
        if found and found.at >= now() - KEPT:
            return SeenWorkspaces(names=found.names, at=found.at)
    return SeenWorkspaces()


def keep_workspaces(
    state_dir: Path,
    names: Mapping[str, tuple[str, ...]],
    *,
    base_url: str,
    key: SecretStr | None,
    sections: Collection[str] = (),
    now: Callable[[], datetime] = _now,
) -> None:
    """Remember what these keys reach, all of it. A disk that fails raises nothing."""
    path = state_dir / SEEN_NAME
    with suppress(RunError, SettingsError), disk_errors(path):
        name = _name(state_dir, base_url, key, sections)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE_S):
            kept = {**_read(path), name: _Seen(names=names, at=now())}
            newest = sorted(kept, key=lambda each: kept[each].at)[-_MOST:]
            with AtomicFile(path) as new_file:
                new_file.write(_Memory.dump_json({each: kept[each] for each in newest}))
                new_file.publish()


def _read(path: Path) -> dict[str, _Seen]:
    try:
        return _Memory.validate_json(read_own(path) or b"{}")
    except ValidationError:
        return {}


def _name(state_dir: Path, base_url: str, key: SecretStr | None, sections: Collection[str]) -> str:
    """By a secret of this folder, so that nobody can try keys against the file."""
    secret = key.get_secret_value() if key else ""
    return keyed_hash(state_dir, "\n".join(["workspaces", base_url, secret, *sorted(sections)]))
