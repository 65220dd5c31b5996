"""Reading what campaigns' leads are now, several campaigns side by side at one pace."""

import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio
import anyio.to_thread
import polars as pl

from batch.jobs.paging import ListNotReadError, Paging
from batch.recording.snapshot import LeadRows, Snapshot
from batch.wording.progress import ReadingProgress

GoesOn = Callable[[str, pl.DataFrame, int | None], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a snapshot could not have.

    unknown: campaigns that the workspace does not have. partly: those that were not read to their
    end; what was read of them is kept, and a lead that is not in there may be in the campaign.
    """

    unknown: tuple[str, ...]
    partly: frozenset[str]


def to_read_again(lacking: pl.Series, leads: pl.DataFrame) -> list[str]:
    """Those of the campaigns that seem to lack a lead that had more than one page.

    Pages shift while others change a list, so that a lead may only have been passed over.
    lacking: ids of campaigns. leads: what was read, as a Snapshot has them.
    """
    ids = lacking.unique(maintain_order=True)
    pages = leads.group_by("campaign_id").agg(pages=pl.col("read_at_ms").n_unique())
    several = pages.filter(pl.col("pages") > 1)["campaign_id"]
    return ids.filter(ids.is_in(several.implode())).to_list()


async def take_snapshot(
    paging: Paging,
    campaign_ids: Sequence[str],
    *,
    into: Snapshot,
    at_once: int,
    on_reading: Callable[[ReadingProgress], None],
    status: str | None = None,
    goes_on: GoesOn | None = None,
    clock: Callable[[], float] = time.time,
) -> Taken:
    """Keep the leads of these campaigns, each whole or as long as it is to be read.

    at_once: campaigns that are read side by side. on_reading: called after each page.
    status: leads of that status alone; None for all.
    goes_on: asked, after each page but a campaign's last, with its id, the page's rows and how
        many pages are to come (None if that is not known), whether the next is to be read; None
        reads all.
    Raises ListNotReadError when one can't be read, which ends the others, and RunError when the
    disk fails.
    """
    reader = _Campaigns(paging, into, campaign_ids, on_reading, goes_on, clock)
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(min(at_once, len(campaign_ids))):
                tasks.start_soon(reader.read_on, status)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return Taken(unknown=tuple(reader.unknown), partly=frozenset(reader.partly))


class _Campaigns:
    """What the campaigns that are read side by side have in common."""

    def __init__(
        self,
        paging: Paging,
        snapshot: Snapshot,
        campaign_ids: Sequence[str],
        on_reading: Callable[[ReadingProgress], None],
        goes_on: GoesOn | None,
        clock: Callable[[], float],
    ) -> None:
        self.unknown: list[str] = []
        self.partly: list[str] = []
        self._paging = paging
        self._snapshot = snapshot
        self._left = iter(campaign_ids)
        self._on_reading = on_reading
        self._goes_on = goes_on
        self._clock = clock
        self._total = len(campaign_ids)
        self._leads = self._read = 0
        self._shares: dict[str, float] = {}  # of the campaigns that are being read
        self._began = clock()

    async def read_on(self, status: str | None) -> None:
        """Read one campaign after another, as long as there are some that nobody reads."""
        for campaign_id in self._left:
            try:
                rows = await self._rows(campaign_id, status)
            except ListNotReadError as error:
                if not error.is_unknown:
                    raise
                self.unknown.append(campaign_id)
            else:
                await anyio.to_thread.run_sync(self._keep, campaign_id, rows)
            self._read += 1
            self._shares.pop(campaign_id, None)
            self._tell()

    async def _rows(self, campaign_id: str, status: str | None) -> LeadRows:
        """A campaign's leads, as long as it is to be read."""
        rows, read = LeadRows(campaign_id), 0
        async with aclosing(self._paging.leads(campaign_id, status=status)) as pages:
            async for page in pages:
                frame = rows.add(page.records, read_at_ms=int(self._clock() * 1000))
                self._leads += len(frame)
                read += len(frame)
                if page.total:
                    self._shares[campaign_id] = min(1.0, read / page.total)
                self._tell()
                if self._goes_on is None or page.next_cursor is None:
                    continue
                if not self._goes_on(campaign_id, frame, page.pages_left(read)):
                    self.partly.append(campaign_id)
                    break
        return rows

    def _keep(self, campaign_id: str, rows: LeadRows) -> None:
        self._snapshot.put(campaign_id, rows.frame())

    def _tell(self) -> None:
        self._on_reading(
            ReadingProgress(
                leads=self._leads,
                campaigns_read=self._read,
                campaigns=self._total,
                pace=self._paging.pace(),
                share=(self._read + sum(self._shares.values())) / self._total,
                elapsed_s=self._clock() - self._began,
            )
        )
