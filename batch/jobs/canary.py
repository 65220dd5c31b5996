"""The first changes of a job sent alone, and read back before the others follow.

One runner sends both, and its workers wait in between: so the tally, the budget of retries, what
was learnt of the pace, a hold-back and a stop are those of one job, with nothing to carry over from
one sending to the next.
"""

from collections.abc import Callable, Iterable
from contextlib import aclosing

import anyio
import polars as pl

from batch.errors import QuotaUsedError
from batch.jobs.paging import ListNotReadError, Paging
from batch.judging.leads import REQUESTS
from batch.judging.live import MISSING, answered, find_differences, with_expected_status
from batch.model import Change, Outcome, Result
from batch.recording.snapshot import SCHEMA, LeadRows
from batch.sending.claims import Claims
from batch.sending.gate import Gate
from batch.sending.stops import Stop, StopCause, quota_stop, with_full_stop

_GO_ON = (
    "Nothing else was sent. Look at these leads before you go on: resume sends the rest without "
    "another look back."
)
# Of an outcome, what says what its lead is expected to be.
_TOLD = {
    "line": pl.UInt32,
    "reason": pl.String,
    "server_status": pl.String,
    "subsequence": pl.String,
}


class Canary:
    """The changes of a job, one after another: the first ones, then nothing until they hold.

    first: those that go alone. others: what follows them. size: how many go alone.
    gate: what the job's attempts leave by. stop: stops the job. paging: reads back, by that gate.
    clear_word: what a tag reads that is none.
    read_back: leads that were read back so far.
    """

    def __init__(
        self,
        first: Claims,
        others: Claims,
        *,
        size: int,
        gate: Gate,
        stop: Callable[[Stop], None],
        paging: Paging,
        clear_word: str,
    ) -> None:
        self._claims, self._others = first, others
        self.size = size
        self.read_back = 0
        self._gate = gate
        self._stop = stop
        self._paging = paging
        self._clear_word = clear_word
        self._sent: dict[int, Change] = {}
        self._outcomes: list[Outcome] = []
        self._all_sent, self._holds = anyio.Event(), anyio.Event()

    @property
    def is_sent(self) -> bool:
        """Whether all of the first ones are a success."""
        return self._all_sent.is_set()

    @property
    def holds(self) -> bool:
        """Whether they also read back as set, so that the others follow."""
        return self._holds.is_set()

    async def take(self) -> Change | None:
        """The next change, as `Claims.take`; None also when the job stops while this waits."""
        change = await self._claims.take()
        if self._claims is self._others:
            return change
        if change is not None:
            self._sent[change.lines[0]] = change
            return change
        await self._gate.wait(self._holds.wait)
        if not self._holds.is_set():
            return None
        self._claims = self._others
        return await self._claims.take()

    async def take_distant(self, distance: int) -> Change | None:
        """A change far ahead, as `Claims.take_distant`; none before the first ones hold."""
        return await self._others.take_distant(distance) if self._holds.is_set() else None

    def give_back(self, changes: Iterable[Change]) -> None:
        """Take changes back, as `Claims.give_back`."""
        self._claims.give_back(changes)

    def confirm(self) -> None:
        """The claim that was handed over is on disk, as `Claims.confirm`."""
        self._claims.confirm()

    def came_to(self, outcome: Outcome) -> None:
        """Look at an outcome that is on disk: the first ones must all be a success."""
        if self._holds.is_set():
            return
        if outcome.reason.result is not Result.SUCCESS:
            why = f": {outcome.message}" if outcome.message else ""
            self._fail(f"line {outcome.lines[0]} ended {outcome.reason}{why}")
            return
        self._outcomes.append(outcome)
        if len(self._outcomes) == self.size:
            self._all_sent.set()

    async def run(self) -> None:
        """Read back what was sent, once all of it has an outcome; to be run beside the workers."""
        await self._gate.wait(self._look_back)

    async def _look_back(self) -> None:
        await self._all_sent.wait()
        try:
            leads = await self._leads()
        except ListNotReadError as error:
            self._fail(f"it could not be read back: {error}")
            return
        except QuotaUsedError as error:
            self._stop(quota_stop(error))
            return
        found = find_differences(self._requests(), leads, clear_word=self._clear_word)
        if len(found):
            self._fail(_told(found))
            return
        self._holds.set()

    async def _leads(self) -> pl.DataFrame:
        """What the leads that were sent are now."""
        sent: dict[str, set[str]] = {}
        for change in self._sent.values():
            sent.setdefault(change.campaign_id, set()).add(change.campaign_lead_id)
        parts = [await self._leads_of(campaign, leads) for campaign, leads in sent.items()]
        return pl.concat([pl.DataFrame(schema=SCHEMA), *parts])

    async def _leads_of(self, campaign_id: str, lead_ids: Iterable[str]) -> pl.DataFrame:
        """These leads of a campaign, read until all of them were seen."""
        rows, left = LeadRows(campaign_id), set(lead_ids)
        async with aclosing(self._paging.leads(campaign_id)) as pages:
            async for page in pages:
                seen = [lead for lead in page.records if lead.campaign_lead_id in left]
                rows.add(seen, read_at_ms=0)
                self.read_back += len(seen)
                left.difference_update(lead.campaign_lead_id for lead in seen)
                if not left:
                    break
        return rows.frame()

    def _requests(self) -> pl.DataFrame:
        """What must be there now."""
        told = [
            (one.lines[0], one.reason, one.server_status, one.subsequence) for one in self._outcomes
        ]
        return with_expected_status(
            pl.DataFrame(map(_row, self._sent.values()), schema=REQUESTS, orient="row"),
            answered(pl.DataFrame(told, schema=_TOLD, orient="row")),
        )

    def _fail(self, found: str) -> None:
        message = f"The canary does not hold: {with_full_stop(found)} {_GO_ON}"
        self._stop(Stop(cause=StopCause.CANARY, message=message))


def _row(change: Change) -> tuple[object, ...]:
    """A change as one of `REQUESTS`."""
    return (
        change.lines[0],
        list(change.lines),
        change.campaign_id,
        change.campaign_lead_id,
        change.status,
        change.ai_tag,
        change.clear_tag,
    )


def _told(found: pl.DataFrame) -> str:
    """The first value that is not there, and how many more there are."""
    first = found.row(0, named=True)
    text = f"{first['column']} was set to {first['wanted']} and reads {first['found']}"
    if first["found"] == MISSING:
        text = "the lead was changed and is not among its campaign's leads"
    more = len(found) - 1
    others = f", and {more:,} more {'value is' if more == 1 else 'values are'} not there"
    return f"line {first['line']}: {text}{others if more else ''}"
