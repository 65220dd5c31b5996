"""A copy of the tree that mutants are put into, and children that work in it.

Loading the libraries takes longer than most tests, so this process loads them once and forks. It
never loads the program itself: each child finds that in the copy, with a mutant in it or without.
POSIX only.
"""

import importlib
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from tests.mutate.rooms import ROOT

_WARM = ("anyio._backends._asyncio", "httpx", "hypothesis.strategies", "polars", "pydantic")
_WARM_TOO = ("respx", "rich.progress", "starlette.applications", "tenacity", "typer", "uvicorn")
_MEMORY = 8 << 30  # address space of a child: a mutant that never stops growing shall not take all


class Copy:
    """A copy of what is tested, in a folder that only this process uses.

    answer: a file in which a child may leave word; it is gone before the next begins.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answer = folder / "answer.txt"
        self._out = folder / "out.txt"
        for name in ("batch", "tests", "samples"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md")):
            shutil.copy2(path, folder)
        self._changed_at = int(time.time()) - 1_000_000
        for name in _WARM + _WARM_TOO:
            importlib.import_module(name)

    @contextmanager
    def holding(self, path: str, text: str) -> Iterator[str]:
        """Put another text into a file for as long as this lasts; yields the text before."""
        file = self.folder / path
        before = file.read_text("utf-8")
        self._write(file, text)
        try:
            yield before
        finally:
            self._write(file, before)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, "utf-8")
        self._changed_at += 2  # compiled files go by the time and size of their source
        os.utime(file, (self._changed_at, self._changed_at))

    def in_child(self, work: Callable[[], int], *, allowed_s: float, fresh: bool = True) -> int:
        """Do some work in a child; return its exit code, or the negative signal that ended it.

        allowed_s: what it should take. fresh: without any module of the program or of its tests.
        """
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        self.answer.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._work(work, cpu_s=20 + 4 * allowed_s, fresh=fresh)
        waiting = os.pidfd_open(child)
        try:
            ready, _, _ = select.select([waiting], [], [], 120 + 20 * allowed_s)
            if not ready:
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        finally:
            os.close(waiting)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # and what it has left behind
        return os.waitstatus_to_exitcode(status)

    def lines_of_child(self, work: Callable[[int], int]) -> Iterator[str]:
        """Do some work in a child of its own; yield the lines that it writes.

        work: is given the descriptor to write to.
        """
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._work(lambda: work(writing), cpu_s=36_000, fresh=True)
        os.close(writing)
        try:
            with os.fdopen(reading) as lines:
                yield from lines
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def out(self) -> str:
        """The end of what the last child has printed."""
        return self._out.read_text("utf-8", "replace")[-2000:]

    def _work(self, work: Callable[[], int], *, cpu_s: float, fresh: bool) -> NoReturn:
        code = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            out = os.open(self._out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            if fresh:
                self._begin_anew()
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _begin_anew(self) -> None:
        os.chdir(self.folder)
        os.environ["PYTHONPATH"] = str(self.folder)
        others = [each for each in sys.path if each not in ("", str(ROOT))]
        sys.path[:] = [str(self.folder), *others]
        for name in list(sys.modules):
            if name.split(".")[0] in ("tests", "batch"):
                del sys.modules[name]
