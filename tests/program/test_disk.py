"""The disk fails at the n-th write of the real command, for every n; judged by the sandbox's log.

Everyday tests take some n out of the phases of a run and of a resume; the slow ones take all.
"""

import errno
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count, cycle
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import pytest

from batch.sandbox.process import Sandbox
from tests.support.disk_faults import (
    ROWS,
    WHY_NOT,
    Call,
    Case,
    Fault,
    campaign_id,
    compiled,
    lasting,
    lead_id,
    once,
    wrong_after_fault,
    wrong_after_resume,
)
from tests.support.forked import Stem, stem
from tests.support.in_process import seeded
from tests.support.sampling import seed_of_the_day

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

CAMPAIGNS = 400  # that a sandbox knows: more than a test has cases
SIDE_BY_SIDE = min(4, os.cpu_count() or 1)
MARGIN = 10  # how many writes there are differs a little from run to run
BROKEN_OFF = lasting(90, errno.ENOSPC)  # while rows are being sent

T = TypeVar("T")
Judge = Callable[[Case, Fault], list[str]]


class Cases:
    """Cases side by side, each in a folder and a campaign of its own."""

    def __init__(self, folder: Path, sandbox: Sandbox, stems: Sequence[Stem]) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._numbers = count()
        self._free: SimpleQueue[Stem] = SimpleQueue()
        for each in stems:
            self._free.put(each)

    def one(self, do: Callable[[Case], T]) -> T:
        return self._do(next(self._numbers), do)

    def wrong(self, faults: Sequence[Fault], judge: Judge) -> list[str]:
        """What is wrong in any of the cases, one for each fault; and that there are any."""
        assert faults
        numbers = [next(self._numbers) for _ in faults]

        def judged(number: int, fault: Fault) -> list[str]:
            return self._do(number, lambda case: judge(case, fault))

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return [each for wrong in pool.map(judged, numbers, faults) for each in wrong]

    def _do(self, number: int, do: Callable[[Case], T]) -> T:
        cwd = self._folder / str(number)
        cwd.mkdir()
        own = self._free.get()
        case = Case(
            cwd=cwd,
            campaign=campaign_id(number),
            sandbox=self._sandbox,
            sendkit_batch=own.sendkit_batch,
        )
        case.write_input()
        try:
            return do(case)
        finally:
            self._free.put(own)


@pytest.fixture(scope="module")
def stems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stem]]:
    preload = {"LD_PRELOAD": str(compiled(tmp_path_factory.mktemp("library")))}
    with ExitStack() as resources:
        yield [resources.enter_context(stem(preload)) for _ in range(SIDE_BY_SIDE)]


@pytest.fixture
def cases(tmp_path: Path, stems: list[Stem]) -> Iterator[Cases]:
    rows = [(campaign_id(n), lead_id(lead)) for n in range(CAMPAIGNS) for lead in range(ROWS)]
    with seeded(tmp_path, ("campaignId", "campaignLeadId"), rows) as sandbox:
        yield Cases(tmp_path, sandbox, stems)


def calls_of_run(case: Case) -> list[Call]:
    _, calls = case.run()
    return calls


def calls_of_resume(case: Case) -> list[Call]:
    case.run(BROKEN_OFF)
    assert 0 < len(case.durable()) < ROWS
    _, calls = case.resume()
    return calls


def run_and_resume(case: Case, fault: Fault) -> list[str]:
    """A run whose disk fails so, gone on with on a sound disk."""
    ran, calls = case.run(fault)
    wrong = wrong_after_fault(case, ran, calls, fault)
    return [f"{fault}: {each}" for each in (*wrong, *resume_soundly(case))]


def resume_and_resume(case: Case, fault: Fault) -> list[str]:
    """A run that broke off, gone on with on a disk that fails so, then on a sound one."""
    case.run(BROKEN_OFF)
    ran, calls = case.resume(fault)
    wrong = wrong_after_fault(case, ran, calls, fault)
    return [f"resume, {fault}: {each}" for each in (*wrong, *resume_soundly(case))]


def resume_soundly(case: Case) -> list[str]:
    """What was begun is gone on with; what was not is begun again, beside what could not go."""
    durable, sent = case.durable(), Counter(lead for lead, _ in case.sent())
    is_begun = (case.folder / "run.json").exists()
    if not is_begun and case.folder.exists():
        case.folder.rename(case.cwd / "left-behind")
    ran, _ = case.resume() if is_begun else case.run()
    wrong = wrong_after_resume(case, ran, durable=durable, sent_before=sent)
    return [f"gone on with: {each}" for each in wrong]


def some_of(calls: Sequence[Call], step: int) -> list[Fault]:
    """Faults at the first of its kind on each file, every so many of them, of every sort by turns.

    Which is the first of them goes by the seed of the day.

    Where rows are being sent, two fifths and half of the way, there are two in any case.
    """
    first: dict[tuple[str, str], int] = {}
    for number, call in enumerate(calls, 1):
        if not call.path.parent.name.endswith(".part"):
            first.setdefault((call.name, call.path.name.split("-")[0]), number)
    sorts = [(once, errno.EIO), (lasting, errno.ENOSPC), (lasting, errno.EROFS)]
    start = random.Random(seed_of_the_day()).randrange(step)  # noqa: S311 - to be drawn again
    numbers = zip(list(first.values())[start::step], cycle(sorts), strict=False)
    return [
        once(2 * len(calls) // 5, errno.EIO),
        lasting(len(calls) // 2, errno.ENOSPC),
        *(fault(number, code) for number, (fault, code) in numbers),
    ]


def at_every_write(calls: Sequence[Call], *sorts: Callable[[int, int], Fault]) -> list[Fault]:
    """These sorts of fault by turns, on a disk that is broken and on one that is full."""
    turns = cycle((sort, code) for sort in sorts for code in (errno.EIO, errno.ENOSPC))
    numbers = range(1, len(calls) + MARGIN)
    return [sort(number, code) for number, (sort, code) in zip(numbers, turns, strict=False)]


def test_a_disk_that_fails_in_some_phase_of_a_run_costs_nothing(cases: Cases) -> None:
    faults = some_of(cases.one(calls_of_run), step=16)
    assert cases.wrong(faults, run_and_resume) == []


def test_a_disk_that_fails_in_some_phase_of_a_resume_costs_nothing(cases: Cases) -> None:
    faults = some_of(cases.one(calls_of_resume), step=24)
    assert cases.wrong(faults, resume_and_resume) == []


PARTS = range(4)  # of the writes, so that several workers share them


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("fault", [once, lasting])
def test_a_disk_that_fails_at_any_write_of_a_run_costs_nothing(
    cases: Cases, fault: Callable[[int, int], Fault], part: int
) -> None:
    faults = at_every_write(cases.one(calls_of_run), fault)
    assert cases.wrong(faults[part :: len(PARTS)], run_and_resume) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", PARTS)
def test_a_disk_that_fails_at_any_write_of_a_resume_costs_nothing(cases: Cases, part: int) -> None:
    faults = at_every_write(cases.one(calls_of_resume), once, lasting)
    assert cases.wrong(faults[part :: len(PARTS)], resume_and_resume) == []
