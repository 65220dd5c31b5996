"""The addresses that this user has approved, each for one key, in the user's state folder.

An approval has no key in it: a keyed hash names key and address, so that a line that was changed,
or comes from another state folder, approves nothing. Nor does a file that others may write.
Addresses typed on the page are kept in the same way but approve nothing: they are for the key that
was typed with them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import SecretStr

from batch.api.address import Address
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.state import keyed_hash, make_state_dir, read_own

APPROVALS_NAME = "approvals.jsonl"  # a JSON object a line
TYPED_NAME = "typed.jsonl"  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approval. address: as `Address` spells it. since: UTC. mark: the keyed hash."""

    address: str
    since: str
    mark: str


def is_approved(
    state_dir: Path, *, key: SecretStr, address: Address, also: Sequence[str] = ()
) -> bool:
    """True if the user approved this key, this address and `also`, the settings asked about."""
    kept = {each.mark for each in approvals(state_dir)}
    return bool(kept) and _mark_of(state_dir, key, address, also) in kept


def approve(state_dir: Path, *, key: SecretStr, address: Address, also: Sequence[str] = ()) -> None:
    """Keep an approval. Raises RunError or SettingsError if it can't be kept.

    also: settings asked about as well; approving them approves the address by itself, too.
    """
    marks = {_mark_of(state_dir, key, address, each) for each in ((), also)}
    _keep(state_dir / APPROVALS_NAME, address, marks)


def keep_typed(state_dir: Path, *, key: SecretStr, address: Address) -> None:
    """Keep an address that was only typed on the page, with this key. Raises as `approve`."""
    _keep(state_dir / TYPED_NAME, address, {_mark_of(state_dir, key, address, ())})


def is_for_another_key(state_dir: Path, *, key: SecretStr, address: Address) -> bool:
    """True if the address was typed on the page, but never with this key."""
    marks = {each.mark for each in _read(state_dir / TYPED_NAME) if each.address == str(address)}
    return bool(marks) and _mark_of(state_dir, key, address, ()) not in marks


def approvals(state_dir: Path) -> list[Approval]:
    """Read all approvals, oldest first; none if others may write the file."""
    return _read(state_dir / APPROVALS_NAME)


def _keep(path: Path, address: Address, marks: set[str]) -> None:
    make_state_dir(path.parent)
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        kept = [each for each in _read(path) if each.mark not in marks]
        new = [Approval(address=str(address), since=since, mark=mark) for mark in sorted(marks)]
        _write(path, [*kept, *new])


def _read(path: Path) -> list[Approval]:
    found = []
    for line in (read_own(path) or b"").splitlines():
        try:
            approval = Approval(**json.loads(line))
        except (ValueError, TypeError):  # of another version
            continue
        if all(isinstance(each, str) for each in (approval.address, approval.since, approval.mark)):
            found.append(approval)
    return found


def withdraw(state_dir: Path, address: str | None) -> int:
    """Remove the approvals of one address, or all. Number of addresses. Raises RunError."""
    path = state_dir / APPROVALS_NAME
    if not path.is_file():
        return 0
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        kept = approvals(state_dir)
        gone = [each for each in kept if address in {None, each.address}]
        _write(path, [each for each in kept if each not in gone])
    return len({each.address for each in gone})


def _mark_of(state_dir: Path, key: SecretStr, address: Address, also: Sequence[str]) -> str:
    said = json.dumps(["approval", key.get_secret_value(), str(address), *also])
    return keyed_hash(state_dir, said)


def _write(path: Path, kept: Sequence[Approval]) -> None:
    with AtomicFile(path) as new_file:
        for each in kept:
            line = {"address": each.address, "since": each.since, "mark": each.mark}
            new_file.write(json.dumps(line).encode() + b"\n")
        new_file.publish()
