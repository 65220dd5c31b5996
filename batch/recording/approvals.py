"""The addresses that this user has approved, each for one key, in the user's state folder.

An approval keeps no key: a keyed hash says of which key and address it is, so that a line that was
changed, or comes from another state folder, approves nothing. Nor does a file that others may
write.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from pydantic import SecretStr

from batch.api.address import Address
from batch.recording.draft import Draft, disk_errors
from batch.recording.state import keyed_hash, make_state_dir, read_own

APPROVALS_NAME = "approvals.jsonl"  # a JSON object a line


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
    path = state_dir / APPROVALS_NAME
    make_state_dir(state_dir)
    with disk_errors(path), FileLock(path.with_suffix(".lock")):
        marks = {_mark_of(state_dir, key, address, each) for each in ((), also)}
        since = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        kept = [each for each in approvals(state_dir) if each.mark not in marks]
        new = [Approval(address=str(address), since=since, mark=mark) for mark in sorted(marks)]
        _write(path, [*kept, *new])


def approvals(state_dir: Path) -> list[Approval]:
    """Every yes that is kept, in the order of their giving; none where others may write them."""
    found = []
    for line in (read_own(state_dir / APPROVALS_NAME) or b"").splitlines():
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
    with Draft(path) as draft:
        for each in kept:
            line = {"address": each.address, "since": each.since, "mark": each.mark}
            draft.write(json.dumps(line).encode() + b"\n")
        draft.publish()
