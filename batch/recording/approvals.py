"""The addresses that this user has approved, each for one key, in the user's state folder.

An approval keeps no key: a keyed hash says of which key and address it is, so that a line that was
changed, or comes from another state folder, approves nothing. Nor does a file that others may
write. Addresses that were typed on the page are kept likewise, and approve nothing: a run that was
begun there is this user's own, but its address is for the key that was typed with it.
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
    """A yes that was given. address: as `Address` is spelled. since: UTC. mark: the keyed hash."""

    address: str
    since: str
    mark: str


def is_approved(
    state_dir: Path, *, key: SecretStr, address: Address, also: Sequence[str] = ()
) -> bool:
    """Whether a yes was given for this key, this address and `also`, the settings asked about."""
    kept = {each.mark for each in approvals(state_dir)}
    return bool(kept) and _mark_of(state_dir, key, address, also) in kept


def approve(state_dir: Path, *, key: SecretStr, address: Address, also: Sequence[str] = ()) -> None:
    """Keep a yes. Raises RunError or SettingsError when that can't be done.

    also: what else was asked about; a yes to that is a yes to the address by itself, too.
    """
    marks = {_mark_of(state_dir, key, address, each) for each in ((), also)}
    _keep(state_dir / APPROVALS_NAME, address, marks)


def keep_typed(state_dir: Path, *, key: SecretStr, address: Address) -> None:
    """Keep that an address was only typed on the page, with this key. Raises as `approve`."""
    _keep(state_dir / TYPED_NAME, address, {_mark_of(state_dir, key, address, ())})


def is_for_another_key(state_dir: Path, *, key: SecretStr, address: Address) -> bool:
    """Whether an address was typed on the page, but never with this key."""
    marks = {each.mark for each in _read(state_dir / TYPED_NAME) if each.address == str(address)}
    return bool(marks) and _mark_of(state_dir, key, address, ()) not in marks


def approvals(state_dir: Path) -> list[Approval]:
    """Every yes that is kept, in the order of their giving; none where others may write them."""
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
    """Forget the approvals of one address, or all; how many addresses. Raises RunError."""
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
