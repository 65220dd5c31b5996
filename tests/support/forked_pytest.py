"""pytest many times over, each in a process of its own, on copies of the program that differ.

Loading the libraries takes longer than most tests. A stem loads them once and forks for each run;
what it forks loads the program and its tests from the copy that it is given. POSIX only. As a
module it is the stem: a JSON line on standard input is a run, a line on standard output its end.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from tests.support.temporary import VARIABLE, root_of_its_own

LOADED = (
    "_hypothesis_pytestplugin",
    "anyio._backends._asyncio",
    "anyio.pytest_plugin",
    "filelock",
    "httpcore",
    "httpx",
    "hypothesis.strategies",
    "jinja2",
    "openpyxl",
    "polars",
    "pydantic.deprecated.class_validators",
    "pytest_timeout",
    "respx.plugin",
    "rich.progress",
    "starlette.applications",
    "tenacity",
    "typer",
    "unittest.mock",
    "uvicorn",
    "xdist.plugin",
    "xdist.scheduler",
    "xlsxwriter",
)
_OWN = {"batch", "tests"}
_ROOT = str(Path(__file__).parents[2])
_ALLOWED_S = 300  # each test has a time-out of its own, so this is never reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of pytest. folder: where it finds the program. out: the file that it prints to."""

    folder: str
    args: list[str]
    out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """A process that has the libraries loaded. Does one run at a time."""

    process: subprocess.Popen[str]

    def pytest(self, args: Sequence[str], folder: Path) -> str:
        """Run pytest in this folder; return what it printed."""
        assert self.process.stdin
        assert self.process.stdout
        out = folder / "out.txt"
        run = Run(folder=str(folder), args=list(args), out=str(out))
        self.process.stdin.write(json.dumps(asdict(run)) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ended\n"
        return out.read_text("utf-8", "replace")


@contextmanager
def stem() -> Iterator[Stem]:
    """A stem for as long as the block lasts."""
    # Bytecode is written, wherever that is off elsewhere: copies of a copy are loaded by it.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with (
        root_of_its_own() as root,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_pytest"],
            cwd=_ROOT,
            env={**kept, VARIABLE: str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Stem(process=process)
        finally:
            assert process.stdin
            process.stdin.close()


def main() -> None:
    for name in LOADED:
        importlib.import_module(name)
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(Run(**json.loads(line)))
        select.select([os.pidfd_open(pid)], [], [], _ALLOWED_S)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # and what the tests have left behind
        os.waitpid(pid, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


def _become(run: Run) -> NoReturn:
    """Run pytest, and end this process."""
    try:
        os.setsid()
        for number, path in enumerate((os.devnull, run.out, run.out)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600), number)
        os.chdir(run.folder)
        os.environ["PYTHONPATH"] = run.folder
        sys.path[:] = [run.folder, *(each for each in sys.path if each != _ROOT)]
        for name in [each for each in sys.modules if each.partition(".")[0] in _OWN]:
            del sys.modules[name]
        import pytest  # noqa: PLC0415 - loaded with its plugins

        pytest.main(["-W", "ignore::pytest.PytestAssertRewriteWarning", *run.args])
    except BaseException:  # noqa: BLE001 - whatever it is, this process must end here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
