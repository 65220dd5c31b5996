"""Each deliberately broken build of tests/broken_builds.py is caught by exactly its test."""

import ast
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.broken_builds import (
    BUILDS,
    ROOT,
    Broken,
    Verdict,
    alter,
    copy_program,
    environment_of,
    file_of,
    run_tests,
)

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


@each_build
def test_the_line_is_there_exactly_once_and_the_test_exists(build: Broken) -> None:
    text = (ROOT / "batch" / build.file).read_text("utf-8")
    assert text.count(build.line) == 1
    altered = text.replace(build.line, build.instead)
    assert meaning_of(altered) != meaning_of(text)
    name = build.caught_by.partition("::")[2].partition("[")[0]
    assert name in functions_of(ROOT / file_of(build.caught_by))


def test_every_build_breaks_something_else() -> None:
    assert len({each.guarantee for each in BUILDS}) == len(BUILDS)
    assert len({(each.file, each.line, each.instead) for each in BUILDS}) == len(BUILDS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    copy_program(folder)
    return folder


@pytest.fixture(scope="module")
def unaltered(copy: Path) -> Verdict:
    return run_tests([each.caught_by for each in BUILDS], copy)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_unaltered_all_of_them_pass(unaltered: Verdict) -> None:
    assert unaltered.passed, unaltered.output
    assert (unaltered.failures, unaltered.errors) == ((), ()), unaltered.output


@pytest.mark.slow
def test_the_copy_is_what_is_imported_in_processes_of_processes_too(copy: Path) -> None:
    program = (
        "import subprocess, sys, batch, tests, batch.sandbox.process as process;"
        "from tests.support.program import environment; from pathlib import Path;"
        "inner = [sys.executable, '-P', '-c', 'import batch; print(batch.__file__)'];"
        "print(batch.__file__, tests.__file__, flush=True);"
        "subprocess.run(inner, env=environment(Path()), check=True)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env=environment_of(copy),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == [
        f"{copy}/batch/__init__.py",
        f"{copy}/tests/__init__.py",
        f"{copy}/batch/__init__.py",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@each_build
def test_the_broken_build_is_caught(
    build: Broken, copy: Path, unaltered: Verdict, tmp_path: Path
) -> None:
    assert not unaltered.failures, "it must pass as long as nothing is broken"
    shutil.copytree(copy, tmp_path / "broken", ignore=shutil.ignore_patterns("report.xml"))
    alter(build, tmp_path / "broken")
    verdict = run_tests([build.caught_by], tmp_path / "broken")
    assert verdict.is_caught, verdict.output
