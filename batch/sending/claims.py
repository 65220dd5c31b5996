"""The queue of changes: none is handed to a worker before its lines are claimed in the journal.

Lines are claimed in blocks, the next while the last is being sent, so that no worker waits for a
commit of its own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import anyio

from batch.model import Change, Claim


class Claims:
    """One job's changes, for all of its workers.

    block: changes claimed at once; at most twice as many are claimed and not yet taken.
    put: starts making a claim durable; call `confirm` once it is.
    """

    def __init__(
        self, changes: Iterator[Change], *, block: int, put: Callable[[Claim], None]
    ) -> None:
        self._changes = changes
        self._block = block
        self._put = put
        self._ready: deque[Change] = deque()
        self._claiming: list[Change] = []
        self._exhausted = False
        self._news = anyio.Event()

    async def take(self) -> Change | None:
        """Wait for the next change whose lines are claimed; None at the end."""
        while not self._ready:
            self._claim_more()
            if not self._claiming:
                return None
            await self._news.wait()
        change = self._ready.popleft()
        if len(self._ready) < self._block:
            self._claim_more()
        return change

    def give_back(self, changes: Iterable[Change]) -> None:
        """Put changes back in front, to be claimed and taken once more."""
        self._changes = chain(changes, self._changes)
        self._exhausted = False

    def confirm(self) -> None:
        """Release the changes of the last claim: it is on disk now."""
        self._ready.extend(self._claiming)
        self._claiming = []
        self._news.set()
        self._news = anyio.Event()

    def _claim_more(self) -> None:
        if self._claiming or self._exhausted:
            return
        self._claiming = list(islice(self._changes, self._block))
        self._exhausted = len(self._claiming) < self._block
        if self._claiming:
            lines = tuple(line for change in self._claiming for line in change.lines)
            self._put(Claim(lines=lines))
