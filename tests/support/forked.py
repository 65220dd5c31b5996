"""The real command many times over, each in a process of its own that begins with it loaded.

Loading takes longer than a small run. A stem loads the program once and forks for each command;
what it forks has its own arguments, environment, folder and streams, like any other process.
POSIX only. As a module it is the stem: a JSON line on standard input is a command to do, a line on
standard output its exit code.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from tests.support.program import Ran, environment

LOADED = (  # what takes long to load, and is first asked for when a command needs it
    "anyio._backends._asyncio",
    "batch.reading.workbook",
    "batch.reporting.page",
    "batch.terminal.command_line",
    "batch.terminal.commands",
    "httpcore",
    "jinja2.defaults",
    "stringprep",  # of host names
)
BROKEN = 70  # the exit code of what broke without one


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to do. program: the module that has its `main`. out, err: the files of its streams."""

    program: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """A process that has the program loaded. Does one command at a time.

    scratch: a folder for what the commands print.
    """

    process: subprocess.Popen[str]
    scratch: Path

    def sendkit_batch(
        self,
        *args: str,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        program: str = "batch.cli",
    ) -> Ran:
        """As `sendkit_batch` of tests.support.program, with nothing on standard input."""
        assert self.process.stdin
        assert self.process.stdout
        out, err = self.scratch / "stdout.txt", self.scratch / "stderr.txt"
        command = Command(
            program=program,
            argv=["sendkit-batch", *args],
            cwd=str(cwd),
            env=environment(cwd, env),
            out=str(out),
            err=str(err),
        )
        self.process.stdin.write(json.dumps(asdict(command)) + "\n")
        self.process.stdin.flush()
        exit_code = int(self.process.stdout.readline())
        return Ran(exit_code=exit_code, out=out.read_text(), err=err.read_text(), cwd=cwd)


@contextmanager
def stem(env: Mapping[str, str] | None = None) -> Iterator[Stem]:
    """A stem for as long as the block lasts. env: what its own process needs beside the usual."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked"],
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            yield Stem(process=process, scratch=Path(scratch))
        finally:
            assert process.stdin
            process.stdin.close()


def main() -> None:
    for name in LOADED:  # the threads that Polars has by now do nothing that a fork would miss
        importlib.import_module(name)
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of a fork beside threads
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(Command(**json.loads(line)))
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(command: Command) -> NoReturn:
    """Do the command, and end this process with its exit code."""
    exit_code = BROKEN
    try:
        for number, path in enumerate((os.devnull, command.out, command.err)):
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(path, flags, 0o600), number)
        sys.argv = command.argv
        os.environ.clear()
        os.environ.update(command.env)
        os.chdir(command.cwd)
        importlib.import_module(command.program).main()
    except SystemExit as end:
        exit_code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)


if __name__ == "__main__":
    main()
