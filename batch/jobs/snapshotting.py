"""Reading what campaigns' leads are now, several campaigns side by side at one pace."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import anyio.to_thread

from batch.jobs.paging import ListNotReadError, Paging
from batch.recording.snapshot import LeadRows, Snapshot
from batch.sending.gate import Pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far the reading is, for people to look at."""

    leads: int
    campaigns_read: int
    campaigns: int
    pace: Pace


async def take_snapshot(
    paging: Paging,
    campaign_ids: Sequence[str],
    *,
    into: Snapshot,
    at_once: int,
    on_reading: Callable[[Reading], None],
    status: str | None = None,
) -> tuple[str, ...]:
    """Keep the leads of these campaigns; those campaigns that the workspace does not have.

    at_once: campaigns that are read side by side. on_reading: called after each page.
    status: leads of that status alone; None for all.
    Raises ListNotReadError when one can't be read, which ends the others, and RunError when the
    disk fails.
    """
    reader = _Campaigns(paging, into, on_reading, total=len(campaign_ids))
    limiter = anyio.CapacityLimiter(at_once)
    try:
        async with anyio.create_task_group() as tasks:
            for campaign_id in campaign_ids:
                tasks.start_soon(reader.read, campaign_id, status, limiter)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return tuple(reader.unknown)


class _Campaigns:
    """What the campaigns that are read side by side have in common."""

    def __init__(
        self,
        paging: Paging,
        snapshot: Snapshot,
        on_reading: Callable[[Reading], None],
        *,
        total: int,
    ) -> None:
        self.unknown: list[str] = []
        self._paging = paging
        self._snapshot = snapshot
        self._on_reading = on_reading
        self._total = total
        self._leads = self._read = 0

    async def read(
        self, campaign_id: str, status: str | None, limiter: anyio.CapacityLimiter
    ) -> None:
        """Keep one campaign's leads, or note that there is no such campaign."""
        rows = LeadRows(campaign_id)
        async with limiter:
            try:
                async for page in self._paging.leads(campaign_id, status=status):
                    rows.add(page)
                    self._leads += len(page)
                    self._tell()
            except ListNotReadError as error:
                if not error.is_unknown:
                    raise
                self.unknown.append(campaign_id)
            else:
                await anyio.to_thread.run_sync(self._snapshot.put, campaign_id, rows.frame())
        self._read += 1
        self._tell()

    def _tell(self) -> None:
        self._on_reading(
            Reading(
                leads=self._leads,
                campaigns_read=self._read,
                campaigns=self._total,
                pace=self._paging.pace(),
            )
        )
