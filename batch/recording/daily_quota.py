"""A person's own limit of requests a day for one workspace, over all runs of this machine.

Owns the counts in the state folder, which every process of this user shares. A request is counted
there before it leaves, in blocks: what a process has reserved and not used goes back when it ends,
and counts as used where it is killed. Requests are counted by quarters of an hour, in which every
time zone's days begin. A clock that is set back gives no second quota: what was counted for times
that are now ahead is counted for now instead.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from zoneinfo import ZoneInfo

import anyio
import anyio.to_thread
from filelock import FileLock
from pydantic import SecretStr

from batch.errors import QuotaUsedError, RunError, SettingsError
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.state import check_own, keyed_hash, make_state_dir, read_own

FOLDER = "daily"
SLOT_S = 900  # seconds of each count
KEPT_SLOTS = 300  # three days of them, and more where there were pauses
FIRST_BLOCK, LARGEST_BLOCK = 16, 1_000  # requests reserved at once
LEFT_SHARE = 20  # a block is no more than one part in so many of what is left: others want some
PATIENCE_S = 10.0  # a lock is held for milliseconds

_CANT_COUNT = "Requests of a day are counted there, since [pace] daily limits them."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLeft:
    """What is left of a day's quota. limit: of the whole day. next_day: when the next one begins.

    zone: the name of the time zone; "" for the machine's own.
    """

    limit: int
    left: int
    next_day: datetime
    zone: str

    @property
    def goes_on(self) -> str:
        """When it goes on, in words: "2026-12-01 00:00 (Europe/Berlin)"."""
        return f"{self.next_day:%Y-%m-%d %H:%M} ({self.zone or 'local time'})"


class DailyQuota:
    """Counts one client's requests, and limits them; closing it gives back what was not used.

    limit: requests a day; 0 only counts, and then a disk that fails disturbs nothing.
    zone: whose days count; None for the machine's own.
    workspace_id: None for a key of one workspace, until `know_workspace` tells it.
    clock: seconds since 1970.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        limit: int,
        zone: ZoneInfo | None,
        base_url: str,
        key: SecretStr,
        workspace_id: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state_dir = state_dir
        self._folder = state_dir / FOLDER
        self._limit = limit
        self._zone = zone
        self._base_url = base_url.lower()
        self._key = key
        self._workspace_id = workspace_id
        self._clock = clock
        self._refilling = anyio.Lock()
        self._left = 0  # of what is reserved
        self._expires_at = float("inf")  # when the day ends that it was reserved for
        self._slot = 0
        self._reserved = 0  # so far
        self._is_counting = True
        self._day: QuotaLeft | None = None

    def take(self) -> bool:
        """Take one of the requests that are reserved; False if none is."""
        if self._left <= 0 or self._clock() >= self._expires_at:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """Take back that a request left: no connection was made."""
        self._left += 1

    async def refill(self) -> None:
        """Reserve more. Raises QuotaUsedError, and SettingsError where nothing can be counted."""
        async with self._refilling:
            if self._left <= 0 or self._clock() >= self._expires_at:
                await anyio.to_thread.run_sync(self._reserve)

    def close(self) -> None:
        """Give back what was not used."""
        if self._left > 0 and self._is_counting:
            with self._tolerated(), self._counts() as counts:
                self._return_unused(counts)
        self._left = 0

    def know_workspace(self, workspace_id: str) -> None:
        """Count for a workspace, with all others who use it; what the key had used moves there."""
        if self._workspace_id is not None or not self._is_counting:
            return
        with self._tolerated():
            by_key = self._key_name()
            self._workspace_id = workspace_id
            with self._locked():
                if self._followed(by_key) == (name := self._name()):
                    return
                both = self._read(by_key) + self._read(name)
                self._write(name, {"requests": both})
                self._write(by_key, {"counted_as": name})

    def left(self) -> QuotaLeft | None:
        """What is left of today's quota; None where none is set. What is reserved counts as used.

        Raises SettingsError where the counts can't be read.
        """
        if not self._limit:
            return None
        now = self._clock()
        start, end = day_of(now, self._zone)
        used = _since(self._read(self._followed(self._name())), start)
        return self._left_of(end, max(0, self._limit - used))

    def _left_of(self, next_day: datetime, left: int) -> QuotaLeft:
        zone = self._zone.key if self._zone else ""
        return QuotaLeft(limit=self._limit, left=left, next_day=next_day, zone=zone)

    @property
    def latest(self) -> QuotaLeft | None:
        """What is left, as far as this process knows without looking; None before it looked."""
        return self._day and replace(self._day, left=self._day.left + self._left)

    def _reserve(self) -> None:
        with self._tolerated(), self._counts() as counts:
            now = self._clock()
            self._return_unused(counts)
            block = min(LARGEST_BLOCK, max(FIRST_BLOCK, self._reserved))
            if self._limit:
                start, end = day_of(now, self._zone)
                left = self._limit - _since(counts, start)
                if left <= 0:
                    raise self._used_up(end)
                block = max(1, min(block, left // LEFT_SHARE))
                self._expires_at = end.timestamp()
                self._day = self._left_of(end, left - block)
            self._slot = _slot_of(now)
            counts[self._slot] += block
            self._reserved += block
        self._left = block if self._is_counting else LARGEST_BLOCK

    def _return_unused(self, counts: Counter[int]) -> None:
        slot = self._slot if self._slot in counts else max(counts, default=0)
        counts[slot] -= min(self._left, counts[slot])
        self._left = 0

    def _used_up(self, next_day: datetime) -> QuotaUsedError:
        self._day = self._left_of(next_day, 0)
        return QuotaUsedError(
            f"Your daily quota of {self._limit:,} requests is used up ([pace] daily). "
            f"Go on from {self._day.goes_on}.",
            go_on_at=next_day,
        )

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        """A disk that fails ends the counting, unless a quota depends on it."""
        try:
            yield
        except (RunError, SettingsError) as error:
            if self._limit:
                if isinstance(error, SettingsError):
                    raise
                raise SettingsError(f"{error} {_CANT_COUNT}") from error
            self._is_counting = False

    @contextmanager
    def _counts(self) -> Iterator[Counter[int]]:
        """The counts by quarters of an hour, to be changed; nobody else changes them meanwhile."""
        with self._locked():
            name = self._followed(self._name())
            counts = self._read(name)
            now_slot = _slot_of(self._clock())
            for slot in [slot for slot in counts if slot > now_slot]:
                counts[now_slot] += counts.pop(slot)
            yield counts
            newest = dict(sorted(counts.items())[-KEPT_SLOTS:])
            self._write(name, {"requests": newest})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_state_dir(self._state_dir)
        with disk_errors(self._folder):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with FileLock(self._folder / "lock", timeout=PATIENCE_S, mode=0o600):
                yield

    def _name(self) -> str:
        """The file's name: a keyed hash, so that it tells no address and no id."""
        if self._workspace_id is None:
            return self._key_name()
        return keyed_hash(self._state_dir, f"workspace\n{self._base_url}\n{self._workspace_id}")

    def _key_name(self) -> str:
        key = self._key.get_secret_value()
        return keyed_hash(self._state_dir, f"key\n{self._base_url}\n{key}")

    def _followed(self, name: str) -> str:
        """Where that is counted by now: of a key whose workspace is known, with its workspace."""
        found = self._content(name).get("counted_as")
        return found if isinstance(found, str) else name

    def _read(self, name: str) -> Counter[int]:
        found = self._content(name).get("requests", {})
        if not isinstance(found, dict):
            raise self._unreadable(name)
        try:
            return Counter({int(slot): int(count) for slot, count in found.items()})
        except (TypeError, ValueError) as error:
            raise self._unreadable(name) from error

    def _content(self, name: str) -> dict[str, object]:
        path = self._folder / f"{name}.json"
        if not path.exists():
            return {}
        check_own(self._folder)
        check_own(path)
        try:
            found = json.loads(read_own(path) or b"")
        except ValueError as error:
            raise self._unreadable(name) from error
        if not isinstance(found, dict):
            raise self._unreadable(name)
        return found

    def _write(self, name: str, content: dict[str, object]) -> None:
        with AtomicFile(self._folder / f"{name}.json") as new_file:
            new_file.write(json.dumps(content).encode())
            new_file.publish()

    def _unreadable(self, name: str) -> SettingsError:
        path = self._folder / f"{name}.json"
        return SettingsError(f"{path}: can't be read. {_CANT_COUNT} Without it they begin at 0.")


def day_of(now: float, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """When the day of a time begins and ends; zone: None for the machine's own."""
    today = datetime.fromtimestamp(now, zone or UTC).astimezone(zone).date()
    return _midnight(today, zone), _midnight(today + timedelta(days=1), zone)


def _midnight(day: date, zone: ZoneInfo | None) -> datetime:
    """A day's first moment; where the clocks skip midnight, it has another name."""
    named = datetime.combine(day, time_of_day(), zone)
    return datetime.fromtimestamp(named.timestamp(), UTC).astimezone(zone)


def _slot_of(now: float) -> int:
    return int(now // SLOT_S) * SLOT_S


def _since(counts: Counter[int], start: datetime) -> int:
    """The requests since then, with those of times that are ahead."""
    return sum(count for slot, count in counts.items() if slot >= start.timestamp())
