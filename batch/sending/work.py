"""What is left to send of a plan: all of it for a new run, the rest of it for a resumed one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from batch.judging.plan import Plan
from batch.model import Change, Reason, Result, Tally
from batch.recording.journal import Journal

BLOCK = 5_000  # changes that the journal is asked about at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The changes to send, and what is known already.

    changes: gives them from the first, each time it is called. requests: how many they are.
    before: the rows that have a final outcome already, by reason, judged ones too.
    tried: attempts of earlier times by line, and when the first began (Unix ms).
    """

    changes: Callable[[], Iterator[Change]]
    requests: int
    before: Tally
    tried: Mapping[int, tuple[int, int | None]] = field(default_factory=dict)


def whole_work(plan: Plan) -> Work:
    """All of a plan."""
    return Work(changes=plan.changes, requests=plan.requests, before=Tally(plan.tally))


def remaining_work(plan: Plan, journal: Journal) -> Work:
    """What of a plan has no final outcome in its journal; reads the whole plan once."""

    def changes() -> Iterator[Change]:
        return _without_final(plan.changes(), journal)

    before = Tally(
        {
            Reason(reason): rows
            for reason, rows in journal.tally().items()
            if reason.result is not Result.UNSENT
        }
    )
    requests = sum(1 for _ in changes())
    return Work(changes=changes, requests=requests, before=before, tried=journal.tried())


def _without_final(changes: Iterator[Change], journal: Journal) -> Iterator[Change]:
    while block := list(islice(changes, BLOCK)):
        final = journal.final_lines(block[0].lines[0], block[-1].lines[0])
        yield from (change for change in block if change.lines[0] not in final)
