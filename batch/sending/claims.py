"""Changes handed to the workers only after their lines are claimed in the journal.

Claims go in blocks, and the next block is claimed while the last one is being sent, so that no
worker waits for a commit of its own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

import anyio

from batch.model import Change, Claim


class Claims:
    """The changes of a job, one after another, to many workers.

    block: changes that are claimed at once; up to twice as many are claimed and not yet taken.
    put: hands a claim over to be made durable; call `confirm` once it is.
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
        """The next change, whose lines are claimed; None when there are no more."""
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
        """Take changes back, to be claimed and taken once more before those that are left."""
        self._changes = chain(changes, self._changes)
        self._exhausted = False

    def confirm(self) -> None:
        """The claim that was handed over is on disk: its changes may leave."""
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
