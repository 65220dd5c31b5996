"""Each deliberately broken build of tests/broken_builds.py is caught by exactly its test."""

import ast
import importlib.util
import py_compile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.broken_builds import (
    BUILDS,
    ROOT,
    Broken,
    broken,
    copy_program,
    file_of,
    run_tests,
)
from tests.support.forked_pytest import Stem, stem

each_build = pytest.mark.parametrize("build", BUILDS, ids=[each.guarantee for each in BUILDS])


@cache
def meaning_of(text: str) -> str:
    """The code of a file without its comments and spaces."""
    return ast.dump(ast.parse(text))


@cache
def functions_of(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    module = ast.parse(path.read_text("utf-8"))
    return {each.name for each in ast.walk(module) if isinstance(each, functions)}


def test_each_line_is_there_exactly_once_and_each_test_exists() -> None:
    for build in BUILDS:
        text = (ROOT / "batch" / build.file).read_text("utf-8")
        assert text.count(build.line) == 1, build
        altered = text.replace(build.line, build.instead)
        assert meaning_of(altered) != meaning_of(text), build
        name = build.caught_by.partition("::")[2].partition("[")[0]
        assert name in functions_of(ROOT / file_of(build.caught_by)), build


def test_every_build_breaks_something_else() -> None:
    assert len({each.guarantee for each in BUILDS}) == len(BUILDS)
    assert len({(each.file, each.line, each.instead) for each in BUILDS}) == len(BUILDS)


def test_no_build_is_run_by_the_bytecode_of_another(tmp_path: Path) -> None:
    path = tmp_path / "batch" / "answer.py"
    path.parent.mkdir()
    path.write_text("ANSWER = 1", "utf-8")
    for answer in (2, 3):
        build = Broken(
            guarantee="", file=path.name, line="1", instead=str(answer), caught_by="test.py::test"
        )
        with broken(build, tmp_path):
            spec = importlib.util.spec_from_file_location("answer", path)
            assert spec
            assert spec.loader
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            assert answer == module.ANSWER
            py_compile.compile(str(path))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_program(folder)
    return folder


@pytest.fixture(scope="module")
def forking() -> Iterator[Stem]:
    with stem() as it:
        yield it


PROBE = """
import subprocess, sys
from pathlib import Path
import batch, tests, batch.sandbox.process
from tests.support.program import environment

def test_what_is_imported(tmp_path):
    inner = [sys.executable, "-P", "-c", "import batch; print(batch.__file__)"]
    found = subprocess.run(inner, env=environment(tmp_path), check=True, capture_output=True)
    folder = str(Path(__file__).parents[1])
    assert batch.__file__ == f"{folder}/batch/__init__.py"
    assert tests.__file__ == f"{folder}/tests/__init__.py"
    assert found.stdout.decode() == f"{folder}/batch/__init__.py\\n"
"""


@pytest.mark.slow
def test_the_copy_is_what_is_imported_in_processes_of_processes_too(
    copy: Path, forking: Stem
) -> None:
    (copy / "tests" / "test_probe.py").write_text(PROBE, "utf-8")
    said = forking.pytest(["-q", "tests/test_probe.py"], copy)
    assert "1 passed" in said, said


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_build
def test_the_broken_build_is_caught(build: Broken, copy: Path, forking: Stem) -> None:
    with broken(build, copy):
        verdict = run_tests([build.caught_by], copy, forking)
    assert verdict.is_caught, verdict.output


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", sorted({str(file_of(each.caught_by)) for each in BUILDS}))
def test_unaltered_all_of_them_pass(file: str, copy: Path, forking: Stem) -> None:
    tests = [each.caught_by for each in BUILDS if str(file_of(each.caught_by)) == file]
    verdict = run_tests(tests, copy, forking)
    assert verdict.passed, verdict.output
    assert (verdict.failures, verdict.errors) == ((), ()), verdict.output
