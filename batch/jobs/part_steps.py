"""The steps up to the question of a run of several workspaces: all workspaces side by side.

Each keeps to the pace of its budget. What came of it is told in the order of the workspaces,
whoever was first, and all that are refused are named at once.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import anyio

from batch.errors import DeclinedError, QuotaUsedError, UsageError
from batch.jobs.diff_leads import look_as_wanted
from batch.jobs.frontend import Frontend
from batch.jobs.known_pace import at_one_pace
from batch.jobs.opening import OpenRun
from batch.jobs.paging import Beside, ListNotReadError
from batch.jobs.parts import OpenPart, ReadyParts, SplitRun, in_each, split_run
from batch.jobs.preflight import Preflight
from batch.jobs.ready import JudgedRun, ReadyRun, judge
from batch.jobs.reopening import Reopened
from batch.jobs.resolving import is_needed, resolve
from batch.jobs.steps import looked_up_line, name_for_plan, name_for_question
from batch.jobs.work import LeadsDiff
from batch.jobs.workspaces import default_workspace, find_targets, refuse_others
from batch.wording.parts import readings_together
from batch.wording.progress import ReadingProgress

AT_ONCE = 16  # workspaces that are asked at the same time
_Name = Callable[[JudgedRun, LeadsDiff | None, Beside], Awaitable[JudgedRun]]
_P = TypeVar("_P")
_T = TypeVar("_T")


async def side_by_side(
    of: Sequence[_P], do: Callable[[_P], Awaitable[_T]]
) -> list[_T | UsageError]:
    """Do something with each, some at a time: what it gave, or why it was refused, in their order.

    What is no refusal of one alone ends the others, and is raised.
    """
    came: dict[int, _T | UsageError] = {}
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def do_one(number: int, each: _P) -> None:
        async with limiter:
            try:
                came[number] = await do(each)
            except (DeclinedError, QuotaUsedError):
                raise
            except UsageError as error:
                came[number] = error

    try:
        async with anyio.create_task_group() as tasks:
            for number, each in enumerate(of):
                tasks.start_soon(do_one, number, each)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    return [came[number] for number in range(len(of))]


@contextmanager
def split_by_workspace(frontend: Frontend, opened: OpenRun) -> Iterator[SplitRun]:
    """Give the rows of each workspace that they name a run of their own.

    Raises UsageError where a workspace can't be reached, or the rows of none hold all of it back.
    """
    frontend.note(*opened.notes)
    frontend.show_target(opened.access, None, is_of_several=True)
    targets = frontend.run(partial(find_targets, opened.request))
    refuse_others(opened, targets)
    with split_run(opened, targets, default_workspace(opened.request, targets)) as split:
        split.check()
        yield split


def ready_parts(
    frontend: Frontend, split: SplitRun, *, asks: bool, is_plan: bool = False
) -> ReadyParts:
    """Judge each workspace's rows by its own rules, and make them ready for one question.

    is_plan: nothing is sent yet, so that nobody need hear who hears of changed tags.
    Raises InputError naming all workspaces that are refused.
    """
    names, asked = split.names, _ask(frontend, split)

    def skip(both: tuple[OpenPart, Preflight]) -> tuple[OpenPart, Preflight]:
        part, preflight = both
        part = part.skipping(preflight)
        return part, replace(preflight, labels=None) if part.failure else preflight

    parts = in_each(names, zip(split.parts, asked, strict=True), skip)
    split = replace(split, parts=tuple(part for part, _ in parts))
    split.check_lookups()
    looked_up = _look_up(frontend, split, [preflight for _, preflight in parts])

    def judge_part(number: int) -> JudgedRun:
        part, preflight = parts[number]
        _given(looked_up[number])
        return _at_pace(judge(part.opened, preflight), part, split)

    judged = in_each(names, range(len(parts)), judge_part)
    name = name_for_plan if is_plan else partial(name_for_question, asks=asks)
    read = _read(frontend, split, judged, looks=[True] * len(judged), name=name)

    def ready_part(number: int) -> ReadyRun:
        if parts[number][0].failure:  # nothing is sent there, so nothing holds it back
            return judged[number].ready(can_ask=True)
        now, diff = _given(read[number])
        return now.ready(diff, can_ask=asks)

    return split.ready(in_each(names, range(len(parts)), ready_part), can_ask=asks)


def ready_parts_again(
    frontend: Frontend, split: SplitRun, reopened: Sequence[Reopened], *, asks: bool
) -> ReadyParts:
    """See what is left to send in each workspace of an earlier run. Raises as `ready_parts` does.

    reopened: the parts of the split.
    """
    names, asked = split.names, _ask(frontend, split)

    def judge_part(number: int) -> JudgedRun:
        return _at_pace(reopened[number].judge(asked[number]), split.parts[number], split)

    judged = in_each(names, range(len(reopened)), judge_part)
    looks = [each.looks for each in reopened]
    name = partial(name_for_question, asks=asks)
    read = _read(frontend, split, judged, looks=looks, name=name)

    def ready_part(number: int) -> ReadyRun:
        now, diff = _given(read[number])
        return reopened[number].ready(now, diff, asks=asks)

    return split.ready(in_each(names, range(len(reopened)), ready_part), can_ask=asks)


def _given(came: _T | UsageError) -> _T:
    if isinstance(came, UsageError):
        raise came
    return came


def _ask(frontend: Frontend, split: SplitRun) -> list[Preflight]:
    """Ask for the labels of each workspace."""
    asked = frontend.run(partial(side_by_side, split.parts, OpenPart.ask))
    preflights = in_each(split.names, asked, _given)
    for part, preflight in zip(split.parts, preflights, strict=True):
        frontend.note(*(f"{part.name}: {note}" for note in preflight.notes))
    return preflights


def _at_pace(judged: JudgedRun, part: OpenPart, split: SplitRun) -> JudgedRun:
    """The same, at the pace of its budget."""
    sharing = sum(each.pacer is part.pacer for each in split.parts)
    return replace(judged, pacer=part.pacer, shares_pacer=sharing > 1)


@asynccontextmanager
async def _beside(split: SplitRun) -> AsyncIterator[Beside]:
    """What the workspaces have in common that are read side by side."""
    async with at_one_pace(split.meetings()) as shared:
        limiter = anyio.Semaphore(split.opened.request.settings.pace.concurrency)
        yield Beside(limiter=limiter, shared=shared)


class _Reading:
    """The reading in all workspaces, shown as one."""

    def __init__(self, split: SplitRun, show: Callable[[ReadingProgress], None]) -> None:
        self._show = show
        self._workspaces = len(split.parts)
        self._at_work: dict[int, ReadingProgress] = {}
        self._done: list[ReadingProgress | None] = []
        self._began = time.monotonic()

    @contextmanager
    def of(self, number: int) -> Iterator[Callable[[ReadingProgress], None]]:
        """Within it, what is given is called after each page that is read in one of them."""

        def tell(reading: ReadingProgress) -> None:
            self._at_work[number] = reading
            self._show(
                readings_together(
                    self._done,
                    list(self._at_work.values()),
                    workspaces=self._workspaces,
                    elapsed_s=time.monotonic() - self._began,
                )
            )

        try:
            yield tell
        finally:
            self._done.append(self._at_work.pop(number, None))


def _look_up(
    frontend: Frontend, split: SplitRun, preflights: Sequence[Preflight]
) -> list[UsageError | None]:
    """Look up the leads that are named by e-mail address."""
    last: list[ReadingProgress] = []
    if not any(is_needed(part.opened) for part in split.parts):
        return [None] * len(split.parts)

    def keep(reading: ReadingProgress) -> None:
        last[:] = [reading]
        show(reading)

    async def look_up() -> list[UsageError | None]:
        reading = _Reading(split, keep)

        async def of_one(number: int) -> None:
            part = split.parts[number]
            with reading.of(number) as tell:
                try:
                    await resolve(
                        part.opened,
                        preflights[number],
                        on_reading=tell,
                        pacer=part.pacer,
                        beside=beside,
                    )
                except ListNotReadError as error:
                    raise UsageError(str(error)) from error

        async with _beside(split) as beside:
            return await side_by_side(range(len(split.parts)), of_one)

    with frontend.reading() as show:
        came = frontend.run(look_up)
    frontend.note(*map(looked_up_line, last))
    return came


def _read(
    frontend: Frontend,
    split: SplitRun,
    judged: Sequence[JudgedRun],
    *,
    looks: Sequence[bool],
    name: _Name,
) -> list[tuple[JudgedRun, LeadsDiff | None] | UsageError]:
    """Read what the leads are now, as far as that is wanted, and what the question names.

    looks: whether what the leads of each workspace are now counts. name: reads the names.
    """
    notes: dict[int, str] = {}

    async def read() -> list[tuple[JudgedRun, LeadsDiff | None] | UsageError]:
        reading = _Reading(split, show)

        async def of_one(number: int) -> tuple[JudgedRun, LeadsDiff | None]:
            now, diff = judged[number], None
            if split.parts[number].failure:
                return now, diff
            with reading.of(number) as tell:
                if looks[number]:
                    diff, notes[number] = await look_as_wanted(now, on_reading=tell, beside=beside)
            return await name(now, diff, beside), diff

        async with _beside(split) as beside:
            return await side_by_side(range(len(judged)), of_one)

    with frontend.reading() as show:
        came = frontend.run(read)
    told = sorted((number, note) for number, note in notes.items() if note)
    frontend.note(*(f"{split.parts[number].name}: {note}" for number, note in told))
    return came
