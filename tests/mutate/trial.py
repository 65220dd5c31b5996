"""Runs tests in a copy of the tree, each run in a child of this warm process.

Loading the libraries takes longer than most tests, so this process loads them once and forks. It
never loads the program itself: each child finds that in the copy, with a mutant in it or without.
POSIX only.
"""

import importlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import coverage
import hypothesis
import pytest

from tests.mutate.rooms import ROOT

_QUIET = ("--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_WARM = (
    "anyio._backends._asyncio",
    "httpx",
    "hypothesis.strategies",
    "polars",
    "pydantic",
    "respx",
)
_WARM_TOO = (
    "rich.console",
    "rich.progress",
    "starlette.applications",
    "tenacity",
    "typer",
    "uvicorn",
)
_ARGUMENTS = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=", *_QUIET)
_EVERYDAY = ("-m", "not slow and not measured and not browser")
_MEMORY = 8 << 30  # address space of a child: a mutant that never stops growing shall not take all


class Copy:
    """A copy of what is tested, in a folder that only this process uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("batch", "tests", "samples"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for path in (*ROOT.glob("*.toml"), *ROOT.glob("*.md")):
            shutil.copy2(path, folder)
        self._changes = int(time.time()) - 1_000_000
        for name in _WARM + _WARM_TOO:
            importlib.import_module(name)

    @contextmanager
    def holding(self, path: str, text: str) -> Iterator[None]:
        """Put another text into a file for as long as this lasts."""
        file = self.folder / path
        before = file.read_text("utf-8")
        self._write(file, text)
        try:
            yield
        finally:
            self._write(file, before)

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text, "utf-8")
        self._changes += 2  # compiled files go by the time and size of their source
        os.utime(file, (self._changes, self._changes))

    def covered(
        self, tests: Sequence[str], sources: Sequence[str]
    ) -> tuple[Mapping[str, float], Mapping[str, Mapping[int, Sequence[str]]]]:
        """Run tests; return the seconds of each that passes, and which of them runs each line."""
        answer = self.folder / "covered.json"
        answer.unlink(missing_ok=True)

        def measure() -> int:
            places = [str(self.folder / source) for source in sources]
            measured = coverage.Coverage(data_file=None, config_file=False, include=places)
            seen = _Seen(measured)
            measured.start()
            code = pytest.main([*_ARGUMENTS, *_EVERYDAY, *tests], plugins=[seen])
            measured.stop()
            data = measured.get_data()
            lines = {
                source: data.contexts_by_lineno(str(self.folder / source)) for source in sources
            }
            answer.write_text(json.dumps([seen.passed, lines]), "utf-8")
            return int(code)

        self._in_child(measure, cpu_s=3600, wall_s=3600)
        if not answer.exists():
            raise RuntimeError((self.folder / "out.txt").read_text("utf-8")[-2000:])
        passed, lines = json.loads(answer.read_text("utf-8"))
        return passed, {
            source: {
                int(line): [each for each in names if each in passed] for line, names in of.items()
            }
            for source, of in lines.items()
        }

    def noticed(self, tests: Mapping[str, float]) -> str | None:
        """Run tests until one fails; return that one, `time` or `crash`, or None if all pass.

        tests: the seconds that each takes; the files with the quickest come first.
        """
        answer = self.folder / "failed.txt"
        answer.unlink(missing_ok=True)
        files = dict.fromkeys(
            each.partition("::")[0] for each in sorted(tests, key=tests.__getitem__)
        )

        def attempt() -> int:
            chosen = _Chosen(tests, answer)
            limits = [f"--timeout={30 + 5 * max(tests.values()):.0f}", "-x"]
            return int(pytest.main([*_ARGUMENTS, *limits, *files], plugins=[chosen]))

        allowed = sum(tests.values())
        code = self._in_child(attempt, cpu_s=20 + 4 * allowed, wall_s=90 + 20 * allowed)
        if code == 0:
            return None
        if code == pytest.ExitCode.NO_TESTS_COLLECTED:
            raise RuntimeError((self.folder / "out.txt").read_text("utf-8")[-2000:])
        return answer.read_text("utf-8") if answer.exists() else "time" if code < 0 else "import"

    def _in_child(self, work: Callable[[], int], *, cpu_s: float, wall_s: float) -> int:
        """Do some work in a child; return its exit code, or the negative signal that ended it."""
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        child = os.fork()
        if child == 0:
            self._work(work, cpu_s)
        waiting = os.pidfd_open(child)
        try:
            ready, _, _ = select.select([waiting], [], [], wall_s)
            if not ready:
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        finally:
            os.close(waiting)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # and what it has left behind
        return os.waitstatus_to_exitcode(status)

    def _work(self, work: Callable[[], int], cpu_s: float) -> NoReturn:
        code = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (int(cpu_s), int(cpu_s) + 5))
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
            out = os.open(self.folder / "out.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.chdir(self.folder)
            os.environ["PYTHONPATH"] = str(self.folder)
            sys.path[:] = [
                str(self.folder),
                *(each for each in sys.path if each not in ("", str(ROOT))),
            ]
            for name in [each for each in sys.modules if each.split(".")[0] in ("tests", "batch")]:
                del sys.modules[name]
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


class _Seen:
    """A plugin that tells coverage which test is running, and keeps which have passed."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self.passed: dict[str, float] = {}
        self._measured = measured

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._measured.switch_context(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        del nodeid
        self._measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed[report.nodeid] = round(report.duration, 3)
        elif not report.passed:
            self.passed.pop(report.nodeid, None)


class _Chosen:
    """A plugin that runs the chosen tests alone, the quickest of a file first."""

    def __init__(self, tests: Mapping[str, float], answer: Path) -> None:
        self._tests = tests
        self._answer = answer

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        quick = hypothesis.Phase.explicit, hypothesis.Phase.generate  # no search for the smallest
        hypothesis.settings.register_profile("mutants", deadline=None, database=None, phases=quick)
        hypothesis.settings.load_profile("mutants")
        first: dict[str, float] = {}
        chosen = []
        for item in items:
            file = item.nodeid.partition("::")[0]
            takes = self._tests.get(item.nodeid, self._tests.get(file))
            if takes is not None:
                first[file] = min(takes, first.get(file, takes))
                chosen.append((file, takes, item))
        chosen.sort(key=lambda each: (first[each[0]], *each[:2]))
        items[:] = [item for _, _, item in chosen]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._answer.exists():
            self._answer.write_text(report.nodeid, "utf-8")
