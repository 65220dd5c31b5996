"""Outcomes and claims made durable in groups, off the event loop.

A commit costs the same for one entry as for fifty, so all that is handed over while one commit
runs goes into the next. Runs on asyncio and trio. It knows no disk: `record` does.
"""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import anyio
import anyio.to_thread

E = TypeVar("E")


class GroupCommit(Generic[E]):
    """One writer for many workers: they `put`, `run` records, `close` ends it.

    record: makes a group durable before it returns, in a worker thread, one call at a time.
    on_durable: called on the event loop for each entry that is durable now, in order of `put`.
    """

    def __init__(
        self,
        record: Callable[[Sequence[E]], None],
        *,
        on_durable: Callable[[E], None],
    ) -> None:
        self._record = record
        self._on_durable = on_durable
        self._waiting: list[E] = []
        self._wake = anyio.Event()
        self._closed = False

    def put(self, entry: E) -> None:
        """Hand an entry over; it goes into the next commit. From the event loop only."""
        self._waiting.append(entry)
        self._wake.set()

    def close(self) -> None:
        """Say that nothing more will be put; `run` returns once everything is durable."""
        self._closed = True
        self._wake.set()

    async def run(self) -> None:
        """Commit what is put, until `close`. To be run once, as a task beside the workers.

        Cancellation does not end it, since workers that are being cancelled still put entries:
        call `close` in a `finally`, or it waits for ever. Raises what `record` raises; the group
        that failed, and what is put later, is then not durable.
        """
        with anyio.CancelScope(shield=True):
            while self._waiting or not self._closed:
                await self._wake.wait()
                await self._commit()

    async def _commit(self) -> None:
        self._wake = anyio.Event()
        group, self._waiting = self._waiting, []
        if group:
            await anyio.to_thread.run_sync(self._record, group)
        for entry in group:
            self._on_durable(entry)
