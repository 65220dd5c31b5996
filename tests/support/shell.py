"""A shell in the test's own process: what a command prints, asks and answers there."""

import io
import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from batch.settings.options import CliOptions
from batch.terminal import checking, commands, past
from batch.terminal.command_line import run_command_line
from batch.terminal.signals import INTERRUPTS, Interrupts
from batch.terminal.streams import lasting_streams
from tests.support.wired import (
    CAMPAIGN,
    KEY,
    Api,
    served_by,
    write_leads,
)

BAD = (CAMPAIGN, "bad", "paused", "")
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
both = pytest.mark.parametrize("number", INTERRUPTS)


class Stream(io.StringIO):
    """What is printed; each of `before_text` happens once, when its text is about to be printed."""

    def __init__(self, before_text: dict[str, Callable[[], object]]) -> None:
        super().__init__()
        self.is_terminal = False
        self._before_text = before_text

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        for awaited in [each for each in self._before_text if each in text]:
            self._before_text.pop(awaited)()
        return super().write(text)


class Stdin:
    """Standard input: bytes to read first, then a line that somebody types."""

    def __init__(self, content: io.BytesIO, type_line: Callable[[], str] | None = None) -> None:
        self.buffer = content
        self.is_terminal = type_line is not None
        self.readline = type_line or (lambda: "")

    def isatty(self) -> bool:
        return self.is_terminal

    def fileno(self) -> int:
        raise io.UnsupportedOperation


@dataclass
class Shell:
    """A shell in `cwd` with the API behind it, and what the last command in it printed.

    streams: other ones than usual, as sys has them.
    """

    cwd: Path
    monkeypatch: pytest.MonkeyPatch
    api: Api = field(default_factory=Api)
    streams: dict[str, object] = field(default_factory=dict)
    before_text: dict[str, Callable[[], object]] = field(default_factory=dict)
    printed: dict[str, Stream] = field(default_factory=dict)

    def typing_lines(self, *lines: str) -> None:
        """Somebody sits at a terminal and will type these lines, one at each question."""
        self.typing(iter(lines).__next__)

    def typing(self, line: str | Callable[[], str], content: bytes = b"") -> None:
        """Somebody sits at a terminal and will type this line."""
        type_line = line if callable(line) else lambda: line
        self.streams["stdin"] = Stdin(io.BytesIO(content), type_line)

    def do(self, command: Callable[[Interrupts], int], *, api: Api | None = None) -> int:
        self.printed = {name: Stream(self.before_text) for name in ("stdout", "stderr")}
        streams = {"stdin": Stdin(io.BytesIO()), **self.printed, **self.streams}
        stdin = streams["stdin"]
        self.printed["stderr"].is_terminal = isinstance(stdin, Stdin) and stdin.is_terminal
        for name, stream in streams.items():
            self.monkeypatch.setattr(sys, name, stream)
        interrupts = Interrupts()
        with (
            served_by(api) if api else nullcontext(),
            interrupts.caught(),
            lasting_streams(),
        ):
            return command(interrupts)

    def leads(self, rows: Sequence[tuple[str, ...]], *, name: str = "leads.csv") -> str:
        write_leads(self.cwd / name, rows)
        return name

    def run(self, file: str, **options: Any) -> int:  # noqa: ANN401 - the fields of CliOptions
        given = CliOptions(file=file, rate="1000", **options)
        return self.do(lambda it: commands.run(given, it), api=None if given.sandbox else self.api)

    def resume(self, run: str, **options: Any) -> int:  # noqa: ANN401 - the fields of CliOptions
        given = CliOptions(run=run, **{"rate": "1000", **options})
        return self.do(lambda it: commands.resume(given, it), api=self.api)

    def retry(self, run: str, **options: Any) -> int:  # noqa: ANN401 - the fields of CliOptions
        given = CliOptions(run=run, **{"rate": "1000", **options})
        return self.do(lambda it: commands.retry(given, it), api=self.api)

    def results(self, run: str, **options: Any) -> int:  # noqa: ANN401 - the fields of CliOptions
        given = CliOptions(run=run, **options)
        return self.do(lambda it: past.results(given, it))

    def words(self, *words: str) -> int:
        """Whole words of a command line, behind the command's name."""
        self.monkeypatch.setattr(sys, "argv", ["sendkit-batch", *words])
        return self.do(run_command_line, api=self.api)

    def check(self, file: str, **options: Any) -> int:  # noqa: ANN401 - the fields of CliOptions
        return self.do(lambda it: checking.check(CliOptions(file=file, **options), it))

    @property
    def out(self) -> str:
        return self.printed["stdout"].getvalue()

    @property
    def err(self) -> str:
        return self.printed["stderr"].getvalue()

    @property
    def last_line(self) -> str:
        assert self.err.endswith("\n")
        return self.err.splitlines()[-1]

    @property
    def answer(self) -> dict[str, Any]:
        """Standard output as one JSON object and nothing else."""
        assert self.out.count("\n") == 1
        answer: dict[str, Any] = json.loads(self.out)
        return answer


def shell_in(cwd: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell there, with a key and nothing else of this machine's settings."""
    monkeypatch.chdir(cwd)
    monkeypatch.setenv("SENDKIT_API_KEY", KEY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(cwd / ".config"))
    monkeypatch.setenv("TERM", "dumb")  # log lines, also on a terminal
    for name in ("SENDKIT_WORKSPACE_ID", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    return Shell(cwd, monkeypatch)


def rise(error: BaseException) -> Callable[[], Any]:
    def fails() -> None:
        raise error

    return fails


def rise_always(error: BaseException) -> Callable[..., Any]:
    """In place of any function."""

    def fails(*_: object, **__: object) -> None:
        raise error

    return fails


def refused(message: str, *, declined: bool = False) -> list[str]:
    """The end of standard error where nothing was sent. declined: there is nothing to fix."""
    fix = "" if declined else "fix what is said above, and "
    return [
        message,
        (f"refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: {fix}run it again"),
    ]
