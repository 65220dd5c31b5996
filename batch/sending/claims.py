"""The queue of changes: none is handed to a worker before its lines are claimed in the journal.

Lines are claimed in blocks, the next while the last is being sent, so that no worker waits for a
commit of its own.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

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
        self._ahead: deque[Change] = deque()  # fetched, and not yet claimed
        self._ready: deque[Change] = deque()
        self._is_claiming = False  # a block; a distant change has a claim of its own
        self._claims: deque[list[Change] | anyio.Event] = deque()  # not yet on disk
        self._exhausted = False
        self._news = anyio.Event()

    async def take(self) -> Change | None:
        """Wait for the next change whose lines are claimed; None at the end."""
        while not self._ready:
            self._claim_more()
            if not self._is_claiming:
                return None
            await self._news.wait()
        change = self._ready.popleft()
        if len(self._ready) < self._block:
            self._claim_more()
        return change

    async def take_distant(self, distance: int) -> Change | None:
        """Wait for a change out of its order, as many ahead as there are; None if none is left.

        distance: the most.
        """
        self._fetch(distance)
        if not self._ahead:
            return self._ready.pop() if self._ready else None
        place = min(distance, len(self._ahead)) - 1
        change = self._ahead[place]
        del self._ahead[place]
        is_on_disk = anyio.Event()
        self._claims.append(is_on_disk)
        self._put(Claim(lines=change.lines))
        await is_on_disk.wait()
        return change

    def give_back(self, changes: Iterable[Change]) -> None:
        """Put changes back in front, to be claimed and taken once more."""
        self._ahead.extendleft(reversed(list(changes)))
        self._exhausted = False

    def confirm(self) -> None:
        """Release the changes of the earliest claim: it is on disk now."""
        claimed = self._claims.popleft()
        if not isinstance(claimed, list):
            claimed.set()
            return
        self._is_claiming = False
        self._ready.extend(claimed)
        self._news.set()
        self._news = anyio.Event()

    def _claim_more(self) -> None:
        if self._is_claiming or self._exhausted:
            return
        self._fetch(self._block)
        block = [self._ahead.popleft() for _ in range(min(self._block, len(self._ahead)))]
        self._exhausted = len(block) < self._block
        if block:
            self._is_claiming = True
            self._claims.append(block)
            self._put(Claim(lines=tuple(line for change in block for line in change.lines)))

    def _fetch(self, count: int) -> None:
        self._ahead.extend(islice(self._changes, max(0, count - len(self._ahead))))
