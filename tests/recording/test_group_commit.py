import threading
from collections.abc import Sequence
from importlib.util import find_spec

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from batch.errors import RunError
from batch.model import Outcome, Reason
from batch.recording.group_commit import GroupCommit

pytestmark = pytest.mark.anyio


@pytest.fixture(
    params=[
        "asyncio",
        pytest.param(
            "trio", marks=pytest.mark.skipif(find_spec("trio") is None, reason="needs trio")
        ),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def outcome(line: int) -> Outcome:
    return Outcome(lines=(line,), reason=Reason.APPLIED)


class SlowDisk:
    """Commits only when the test lets it, in the thread that it is called from."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.committed: list[int] = []
        self.threads: set[threading.Thread] = set()
        self.error: Exception | None = None
        self._begun = threading.Semaphore(0)
        self._permits = threading.Semaphore(0)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        group = [line for outcome in outcomes for line in outcome.lines]
        self.groups.append(group)
        self.threads.add(threading.current_thread())
        self._begun.release()
        assert self._permits.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        self.committed += group

    async def begun(self) -> None:
        """Return when the next commit has begun."""
        assert await anyio.to_thread.run_sync(self._begun.acquire, True, 10)

    def permit(self, commits: int = 1) -> None:
        self._permits.release(commits)


class Durable:
    """Keeps what was reported durable, and checks that the disk really had it by then."""

    def __init__(self, disk: SlowDisk) -> None:
        self.lines: list[int] = []
        self._disk = disk
        self._loop_thread = threading.current_thread()

    def __call__(self, outcome: Outcome) -> None:
        assert threading.current_thread() is self._loop_thread
        assert outcome.lines[0] in self._disk.committed
        self.lines += outcome.lines

    async def reaches(self, count: int) -> None:
        with anyio.fail_after(10):
            while len(self.lines) < count:
                await checkpoint()


async def test_what_is_put_while_a_commit_runs_goes_into_the_next_one() -> None:
    disk = SlowDisk()
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        commits.put(outcome(2))
        await disk.begun()
        for line in range(3, 53):
            commits.put(outcome(line))
        disk.permit()
        await disk.begun()
        commits.put(outcome(53))
        disk.permit(2)
        await durable.reaches(52)
        commits.close()

    assert disk.groups == [[2], list(range(3, 53)), [53]]


async def test_an_outcome_is_durable_only_after_its_commit_and_in_order_of_put() -> None:
    disk = SlowDisk()
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        for line in (4, 2, 3):
            commits.put(outcome(line))
        await disk.begun()
        for _ in range(10):
            await checkpoint()
        assert durable.lines == []
        disk.permit()
        await durable.reaches(3)
        assert durable.lines == [4, 2, 3]
        commits.close()


async def test_commits_leave_the_event_loop_free() -> None:
    disk = SlowDisk()
    commits = GroupCommit(disk.record, on_durable=Durable(disk))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        commits.put(outcome(2))
        await disk.begun()  # the commit hangs, and this line is reached
        disk.permit()
        commits.close()

    assert threading.current_thread() not in disk.threads


async def test_close_commits_all_that_was_put_before_run_returns() -> None:
    disk = SlowDisk()
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)
    disk.permit(2)
    commits.put(outcome(2))
    commits.put(outcome(3))
    commits.close()

    await commits.run()

    assert durable.lines == [2, 3]
    assert disk.groups == [[2, 3]]


async def test_close_without_any_outcome_commits_nothing() -> None:
    disk = SlowDisk()
    commits = GroupCommit(disk.record, on_durable=Durable(disk))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        await checkpoint()
        commits.close()

    assert disk.groups == []


async def test_a_disk_error_comes_out_of_run_and_its_group_is_not_called_durable() -> None:
    disk = SlowDisk()
    disk.error = RunError("journal.sqlite: the disk is full.")
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)
    commits.put(outcome(2))
    disk.permit()

    with pytest.raises(RunError, match=r"^journal\.sqlite: the disk is full\.$"):
        await commits.run()

    assert durable.lines == []


async def test_a_disk_error_ends_the_tasks_beside_it() -> None:
    disk = SlowDisk()
    disk.error = RunError("journal.sqlite: the disk is full.")
    commits = GroupCommit(disk.record, on_durable=Durable(disk))
    disk.permit()

    with pytest.RaisesGroup(RunError):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(commits.run)
            try:
                commits.put(outcome(2))
                await anyio.sleep_forever()
            finally:
                commits.close()


async def test_cancellation_loses_nothing_that_was_put_before_or_during_it() -> None:
    disk = SlowDisk()
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        try:
            commits.put(outcome(2))
            await disk.begun()
            commits.put(outcome(3))
            tasks.cancel_scope.cancel()
            await anyio.sleep_forever()
        finally:
            commits.put(outcome(4))  # a worker that is being cancelled says how far it came
            commits.close()
            disk.permit(2)

    assert disk.groups == [[2], [3, 4]]
    assert durable.lines == [2, 3, 4]


async def test_cancellation_while_nothing_waits_ends_with_close() -> None:
    disk = SlowDisk()
    durable = Durable(disk)
    commits = GroupCommit(disk.record, on_durable=durable)
    disk.permit()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commits.run)
        await checkpoint()
        tasks.cancel_scope.cancel()
        try:
            await anyio.sleep_forever()
        finally:
            commits.put(outcome(2))
            commits.close()

    assert durable.lines == [2]
