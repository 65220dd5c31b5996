"""Where one command prints and asks, and how it ends whatever ends it.

Standard output is for what `check` found and for `--json`; all else goes to standard error, whose
last line always says how it ended. A stream that can't be written never decides how a run ends.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO, cast

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from batch.errors import BatchError, UsageError
from batch.jobs.question import Question
from batch.model import Tally
from batch.terminal import summary
from batch.terminal.signals import TerminatedError, exit_on_sigterm

PLAIN_WIDTH = 160  # columns where there is no terminal to measure
NOT_STARTED = "refused"


class Terminal:
    """Where one command prints.

    key: what must never be printed, once it is known.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._has_ended = False
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        self.key = SecretStr("")

    def note(self, text: str) -> None:
        """A sentence for a person; `--quiet` leaves it out."""
        if not self._quiet:
            self.say(text)

    def say(self, text: str, *, style: str = "") -> None:
        """Lines for a person: broken between words on a terminal, left whole elsewhere."""
        shown = "\n".join(map(summary.visible, text.split("\n")))
        self.err.print(Text(shown, style=style), soft_wrap=not self.err.is_terminal)

    def end(self, line: str, *, answer: str) -> None:
        """The last line, and with `--json` the one object on standard output; only once."""
        if self._has_ended:
            return
        self._has_ended = True
        if self._as_json:
            self.out.print(Text(answer), soft_wrap=True)
        self.err.print(Text(summary.visible(line)), soft_wrap=True)

    def ask(self, question: Question) -> bool:
        """Put the question; a closed input is a no."""
        self.say(question.text)
        if question.typed_number is None:
            wanted, prompt = {"y", "yes"}, "Go on? [y/N] "
        else:
            number = question.typed_number
            wanted, prompt = {str(number)}, f"Most rows clear the tag. Type {number} to go on: "
        self.err.print(Text(prompt), end="")
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D left the line open
                self.err.print()
        return answer.strip().lower().replace(",", "") in wanted


def guarded(terminal: Terminal, command: Callable[[], int]) -> int:
    """Run a command; whatever ends it gets its sentence, its last line and its exit code."""
    try:
        with exit_on_sigterm():
            return command()
    except UsageError as error:
        return ended(terminal, str(error), state=NOT_STARTED, exit_code=2)
    except BatchError as error:
        return ended(terminal, str(error), state="failed", exit_code=3)
    except TerminatedError:
        return ended(terminal, "Ended before sending.", state="interrupted", exit_code=143)
    except KeyboardInterrupt:
        return ended(terminal, "Interrupted before sending.", state="interrupted", exit_code=130)
    except Exception as error:  # noqa: BLE001 - shown whole, and exit 3
        text = "".join(traceback.format_exception(error))
        key = terminal.key.get_secret_value()
        terminal.say(text.replace(key, "***") if key else text)
        message = "Unexpected error. Please report what stands above."
        return ended(terminal, message, state="failed", exit_code=3)


def ended(terminal: Terminal, message: str, *, state: str, exit_code: int) -> int:
    """A command that sent nothing ends with this message. Gives the exit code."""
    terminal.say(message, style="red")
    mend = "mend what is said above, and " if exit_code == 2 else ""
    line = summary.last_line(state, Tally(), results=None, next_command=f"{mend}run it again")
    terminal.end(line, answer=summary.refused_json(message, state=state, exit_code=exit_code))
    return exit_code


def somebody_is_there() -> bool:
    """Whether a question can be seen and answered; without standard input there is no file."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


class _Stream:
    """A stream whose reader may leave, or whose disk may be full: then it takes all to nowhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._lead_to_nowhere()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._lead_to_nowhere()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def _lead_to_nowhere(self) -> None:
        """What is still in the stream's buffer would be refused again when Python ends."""
        with suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


def _console(stream: TextIO | None) -> Console:
    """A console that shows texts as they are; a stream that is closed takes them to nowhere."""
    stream = stream or io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a name may not fit the console's encoding
    return Console(
        file=cast("IO[str]", _Stream(stream)),
        highlight=False,
        markup=False,
        emoji=False,
        width=None if stream.isatty() else PLAIN_WIDTH,
    )
