"""The real command, ended by SIGKILL at the n-th pass of a named point.

`python -m tests.kill_points POINT N -- run leads.csv …` runs in its own process what stands after
the dashes. The points are put round the program's functions from here: the program has no hooks.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import httpx

from batch.api.sendkit import SendKit
from batch.api.transport import WorkerTransport
from batch.cli import main as sendkit_batch
from batch.model import Claim, Entry, Outcome
from batch.recording.atomic_file import AtomicFile
from batch.recording.folder import RunFolder
from batch.recording.journal import Journal
from batch.recording.runfile import RunFile, RunRecord, RunState
from batch.recording.spill import Spill

Pass = Callable[[], None]
When = Callable[..., bool]
Put = Callable[[Pass], None]


def _always(*_: object, **__: object) -> bool:
    return True


def _before(owner: object, name: str, when: When = _always) -> Put:
    """Passed when this function is called so."""

    def put(passed: Pass) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def function(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of any function
            if when(*args, **kwargs):
                passed()
            return real(*args, **kwargs)

        setattr(owner, name, function)

    return put


def _after(owner: object, name: str, when: When = _always) -> Put:
    """Passed when this function, called so, has done its work and not yet returned."""

    def put(passed: Pass) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def function(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - of any function
            result = real(*args, **kwargs)
            if when(*args, **kwargs):
                passed()
            return result

        setattr(owner, name, function)

    return put


def _after_the_head_of_an_answer(passed: Pass) -> None:
    real = WorkerTransport.handle_async_request

    async def handle(transport: WorkerTransport, request: httpx.Request) -> httpx.Response:
        response = await real(transport, request)
        if request.method == "PATCH":
            passed()
        return response

    WorkerTransport.handle_async_request = handle  # type: ignore[assignment, method-assign]  # the point of it


def _sql(words: str) -> Put:
    """Passed before a statement with these words is executed, maybe within a transaction."""

    def put(passed: Pass) -> None:
        class Watched(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401 - sqlite3's own
                if words in sql:
                    passed()
                return super().execute(sql, *parameters)

        real = sqlite3.connect
        sqlite3.connect = lambda *args, **kwargs: real(*args, factory=Watched, **kwargs)  # type: ignore[assignment]  # the point of it

    return put


def _sent(_: Journal, entries: Iterable[Entry]) -> bool:
    return any(isinstance(each, Outcome) and each.attempts for each in _kept(entries))


def _judged(_: Journal, entries: Iterable[Entry]) -> bool:
    return any(isinstance(each, Outcome) and not each.attempts for each in _kept(entries))


def _claims(_: Journal, entries: Iterable[Entry]) -> bool:
    return any(isinstance(each, Claim) for each in _kept(entries))


def _kept(entries: Iterable[Entry]) -> Iterable[Entry]:
    assert isinstance(entries, list), "an iterator would be used up by looking at it"
    return entries


def _named(name: str) -> When:
    return lambda _source, target, *_, **__: Path(target).name == name


def _last_record(source: str | Path, target: str | Path, *_: object, **__: object) -> bool:
    return Path(target).name == "run.json" and b'"running"' not in Path(source).read_bytes()


def _ended(_: RunFile, record: RunRecord) -> bool:
    return record.state is not RunState.RUNNING


def _of_the_plan(new_file: AtomicFile, _data: bytes) -> bool:
    return ".plan.parquet-" in new_file.file.name


def _of_results(new_file: AtomicFile, _data: bytes) -> bool:
    return ".results.csv-" in new_file.file.name


POINTS: dict[str, Put] = {
    # starting up
    "copied": _after(RunFolder, "copy_input"),
    "in what is kept of judging": _after(Spill, "put"),
    "in plan.parquet": _after(AtomicFile, "write", _of_the_plan),
    "before the rename of plan.parquet": _before(os, "replace", _named("plan.parquet")),
    "after the rename of plan.parquet": _after(os, "replace", _named("plan.parquet")),
    "before the journal is laid out": _before(Journal, "_lay_out"),
    "journal half laid out": _sql("CREATE TABLE IF NOT EXISTS note"),
    "before judged rows": _before(Journal, "record", _judged),
    "after judged rows": _after(Journal, "record", _judged),
    "before the note that all are judged": _before(Journal, "keep", lambda *a: a[1] == "judged"),
    # sending
    "before a claim": _before(Journal, "record", _claims),
    "after a claim": _after(Journal, "record", _claims),
    "before send": _before(SendKit, "send_change"),
    "after send": _after_the_head_of_an_answer,
    "before commit": _before(Journal, "record", _sent),
    "after commit": _after(Journal, "record", _sent),
    # ending
    "before claims are dropped": _before(Journal, "drop_claims"),
    "in results.csv": _after(AtomicFile, "write", _of_results),
    "before the rename of results.csv": _before(os, "replace", _named("results.csv")),
    "after the rename of results.csv": _after(os, "replace", _named("results.csv")),
    "before the rename of run.json": _before(os, "replace", _named("run.json")),
    "after the rename of run.json": _after(os, "replace", _named("run.json")),
    "before the rename of the last run.json": _before(os, "replace", _last_record),
    "just before the end": _after(RunFile, "write", _ended),
    # going on
    "before claims are settled": _before(Journal, "settle_claims"),
    "claims half settled": _sql("DELETE FROM claim"),
    "after claims are settled": _after(Journal, "settle_claims"),
}


def main() -> None:
    """Put the point in place, then be the command."""
    point, number, dashes, *command = sys.argv[1:]
    if dashes != "--":
        raise SystemExit("usage: python -m tests.kill_points POINT N -- COMMAND …")
    left = int(number)

    def passed() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    POINTS[point](passed)
    sys.argv[1:] = command
    sendkit_batch()


if __name__ == "__main__":
    main()
