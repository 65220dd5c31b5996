"""Runs of pytest in a copy: with coverage, for one mutant, or for one after another."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import coverage
import hypothesis
import pytest

from tests.mutate.copied import Copy
from tests.mutate.swap import swap

_QUIET = ("-q", "-p", "no:xdist", "-p", "no:cacheprovider", "-o", "addopts=")
_REPEATABLE = ("--hypothesis-seed=0", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_EVERYDAY = ("-m", "not slow and not measured and not browser")
_ARGUMENTS = (*_QUIET, *_REPEATABLE, *_EVERYDAY)
_NOT_SWAPPED = 75  # an exit code

Lines = Mapping[str, Mapping[int, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A mutant to try.

    tests: the seconds that each takes. in_function: whether its place is.
    """

    name: str
    path: str
    text: str
    tests: Mapping[str, float]
    in_function: bool


def covered(
    copy: Copy, tests: Sequence[str], paths: Sequence[str]
) -> tuple[Mapping[str, float], Lines]:
    """Run tests; return the seconds of each that passes, and which of them runs each line."""

    def measure() -> int:
        places = {path: str(copy.folder / path) for path in paths}
        measured = coverage.Coverage(data_file=None, config_file=False, include=[*places.values()])
        seen = _Seen(measured)
        measured.start()
        code = pytest.main([*_ARGUMENTS, *tests], plugins=[seen])
        measured.stop()
        data = measured.get_data()
        lines = {path: data.contexts_by_lineno(place) for path, place in places.items()}
        copy.answer.write_text(json.dumps([seen.passed, lines]), "utf-8")
        return int(code)

    copy.in_child(measure, allowed_s=600)
    if not copy.answer.exists():
        raise RuntimeError(copy.out())
    passed, lines = json.loads(copy.answer.read_text("utf-8"))
    return passed, {
        path: {int(line): [each for each in names if each in passed] for line, names in of.items()}
        for path, of in lines.items()
    }


def noticed(copy: Copy, trial: Trial) -> str | None:
    """Run a mutant's tests until one fails; return it, `time`, `import`, or None if all pass."""
    files = dict.fromkeys(each.partition("::")[0] for each in trial.tests)

    def attempt() -> int:
        chosen = _Chosen(trial.tests, copy.answer)
        return int(pytest.main([*_ARGUMENTS, "-x", *files], plugins=[chosen]))

    with copy.holding(trial.path, trial.text):
        code = copy.in_child(attempt, allowed_s=sum(trial.tests.values()))
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise RuntimeError(copy.out())
    return _verdict(copy, code)


def noticed_at_once(
    copy: Copy, tests: Sequence[str], trials: Sequence[Trial]
) -> Iterator[tuple[str, str | None]]:
    """Try mutants in a session that has loaded all tests; yield the name and `noticed` of each.

    Those that can't be put into what is loaded are left out.
    """

    def serve(writing: int) -> int:
        with os.fdopen(writing, "w") as answers:
            loop = _Loop(copy, trials, answers)
            return int(pytest.main([*_ARGUMENTS, "-s", *tests], plugins=[loop]))

    for line in copy.lines_of_child(serve):
        name, by = json.loads(line)
        yield name, by


class _Seen:
    """Tells coverage which test is running, and keeps which have passed, in how many seconds."""

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
    """Runs the chosen tests alone, the quickest first, and keeps the first that fails."""

    def __init__(self, tests: Mapping[str, float], answer: Path) -> None:
        self._tests = tests
        self._answer = answer

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        _search_little()
        items[:] = _in_order(items, self._tests)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self._answer.exists():
            self._answer.write_text(report.nodeid, "utf-8")


class _Loop:
    """In place of the run of all tests: forks for each mutant, and runs its tests there."""

    def __init__(self, copy: Copy, trials: Sequence[Trial], answers: TextIO) -> None:
        self._copy = copy
        self._trials = trials
        self._answers = answers

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        _search_little()
        threads = [each.read_text("utf-8") for each in Path("/proc/self/task").glob("*/comm")]
        if any(re.match(r"polars-[0-9]", each) for each in threads):
            raise RuntimeError("Polars has worked at the import of a test: no fork takes its pool.")
        for trial in self._trials:
            code = self._try(trial, session.items)
            if code != _NOT_SWAPPED:
                self._answers.write(json.dumps([trial.name, _verdict(self._copy, code)]) + "\n")
                self._answers.flush()
        return True

    def _try(self, trial: Trial, items: Sequence[pytest.Item]) -> int:
        with self._copy.holding(trial.path, trial.text) as before:

            def attempt() -> int:
                if not swap(str(self._copy.folder / trial.path), before, trial.text):
                    return _NOT_SWAPPED
                chosen = _in_order(items, trial.tests)
                for item, following in zip(chosen, [*chosen[1:], None], strict=True):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                    if self._copy.answer.exists():
                        return 1
                return 0

            allowed_s = sum(trial.tests.values())
            return self._copy.in_child(attempt, allowed_s=allowed_s, fresh=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._copy.answer.write_text(report.nodeid, "utf-8")


def _verdict(copy: Copy, code: int) -> str | None:
    if code == 0:
        return None
    if copy.answer.exists():
        return copy.answer.read_text("utf-8")
    return "time" if code < 0 else "import"


def _search_little() -> None:
    """Let Hypothesis fail as soon as it can, and not search for the smallest example."""
    phases = hypothesis.Phase.explicit, hypothesis.Phase.generate
    hypothesis.settings.register_profile("mutants", deadline=None, database=None, phases=phases)
    hypothesis.settings.load_profile("mutants")


def _in_order(items: Sequence[pytest.Item], tests: Mapping[str, float]) -> list[pytest.Item]:
    """The chosen tests, the quickest first, but file by file, since fixtures are a file's."""
    first: dict[str, float] = {}
    chosen = []
    for item in items:
        file = item.nodeid.partition("::")[0]
        takes = tests.get(item.nodeid, tests.get(file))
        if takes is not None:
            first[file] = min(takes, first.get(file, takes))
            item.add_marker(pytest.mark.timeout(30 + 20 * takes))
            chosen.append((file, takes, item))
    chosen.sort(key=lambda each: (first[each[0]], *each[:2]))
    return [item for *_, item in chosen]
