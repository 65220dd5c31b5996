"""Where one command prints and asks, and how it ends whatever ends it.

Standard output is for what `check` found and for `--json`; all else goes to standard error, whose
last line always says how it ended.
"""

import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import TextIO

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from batch.errors import BatchError, DeclinedError, UnaskedError, UsageError
from batch.jobs.outcome import RunOutcome, error_sentence, without_key
from batch.model import Tally
from batch.recording.runfile import RunState
from batch.terminal import report_json, summary
from batch.terminal.prose import print_sentences, print_whole
from batch.terminal.remedies import in_terminal
from batch.terminal.signals import Interrupts
from batch.wording.questions import Question

PLAIN_WIDTH = 160  # columns where there is no terminal to measure
REFUSED, FAILED, INTERRUPTED = "refused", "failed", "interrupted"


class Terminal:
    """Where one command prints.

    key: what must never be printed, once it is known.
    report: how the run ended, once it did: whatever happens after that, the last line tells it.
    """

    def __init__(
        self, interrupts: Interrupts, *, quiet: bool = False, as_json: bool = False
    ) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self.interrupts = interrupts
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        self.key = SecretStr("")
        self.report: RunOutcome | None = None

    def note(self, text: str) -> None:
        """A sentence for a person; `--quiet` leaves it out."""
        if not self._quiet:
            self.say(text)

    def say(self, text: str, *, style: str = "") -> None:
        """Lines for a person."""
        print_sentences(self.err, text, style=style)

    def end(self, line: str, *, answer: str) -> None:
        """The last line, and with `--json` the one object on standard output.

        What it tells stays true: no signal changes how the process ends any more.
        """
        self.interrupts.ignore()
        if self._as_json:
            print_whole(self.out, answer)
        print_whole(self.err, line)

    def ask(self, question: Question) -> bool:
        """Put the question; a closed input is a no."""
        self.say(question.text)
        if question.typed_number is None:
            wanted, prompt = {"y", "yes"}, "Go on? [y/N] "
        else:
            number = question.typed_number
            self.say(question.why)
            wanted, prompt = {str(number)}, f"Type {number} to go on: "
        return self.answer(prompt).replace(",", "") in wanted

    def confirm(self, text: str, prompt: str) -> bool:
        """Put a question that is no run's; a closed input is a no."""
        self.say(text)
        return self.answer(f"{prompt} [y/N] ") in {"y", "yes"}

    def answer(self, prompt: str) -> str:
        """What somebody types behind a prompt, in small letters; "" for a closed input."""
        self.err.print(Text(prompt), end="")
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D left the line open
                self.err.print()
        return answer.strip().lower()


def somebody_is_there() -> bool:
    """Whether a question can be seen and answered; without standard input there is no file."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def guarded(terminal: Terminal, command: Callable[[], int]) -> int:
    """Run a command; whatever ends it gets its sentence, its last line and its exit code."""
    try:
        with terminal.interrupts.raised(last_words=lambda: _ended_by_force(terminal)):
            return command()
    except KeyboardInterrupt:
        return _interrupted(terminal)
    except Exception as error:  # noqa: BLE001 - told, and exit 2 or 3
        if terminal.report:
            return _broken_after_sending(terminal, terminal.report, error)
        if terminal.interrupts.came:  # what it broke off may have called it something else
            return _interrupted(terminal)
        return _refused(terminal, error)


def refuse(message: str, interrupts: Interrupts, *, as_json: bool) -> int:
    """Words that are no command. Gives the exit code."""
    return ended(Terminal(interrupts, as_json=as_json), message, state=REFUSED, exit_code=2)


def ended(
    terminal: Terminal, message: str, *, state: str, exit_code: int, declined: bool = False
) -> int:
    """A command that sent nothing ends with this message. Gives the exit code.

    declined: whether somebody only said no, so that there is nothing to mend.
    """
    terminal.say(message, style="red")
    mend = "mend what is said above, and " if exit_code == 2 and not declined else ""
    line = summary.last_line(state, Tally(), results=None, next_command=f"{mend}run it again")
    terminal.end(line, answer=report_json.refused(message, state=state, exit_code=exit_code))
    return exit_code


def end_of_run(terminal: Terminal, report: RunOutcome) -> int:
    """The last line of a run. Gives the exit code."""
    results = report.files.results if report.files else None
    line = summary.last_line(
        report.state, report.tally, results=results, next_command=summary.next_words(report)
    )
    terminal.end(line, answer=report_json.reported(report))
    return report.exit_code


def _interrupted(terminal: Terminal) -> int:
    if terminal.interrupts.came == signal.SIGTERM:
        return ended(terminal, "Ended before sending.", state=INTERRUPTED, exit_code=143)
    return ended(terminal, "Interrupted before sending.", state=INTERRUPTED, exit_code=130)


def _ended_by_force(terminal: Terminal) -> None:
    """Said by another thread while the command still hangs, perhaps with a screen of its own."""
    terminal.err.show_cursor()
    _interrupted(terminal)


def _refused(terminal: Terminal, error: Exception) -> int:
    if isinstance(error, UsageError):
        declined = isinstance(error, DeclinedError) and not isinstance(error, UnaskedError)
        return ended(terminal, in_terminal(error), state=REFUSED, exit_code=2, declined=declined)
    if isinstance(error, BatchError):
        return ended(terminal, in_terminal(error), state=FAILED, exit_code=3)
    text = "".join(traceback.format_exception(error))
    terminal.say(*without_key(terminal.key, text))
    message = "Unexpected error; nothing was sent. Please report what stands above."
    return ended(terminal, message, state=FAILED, exit_code=3)


def _broken_after_sending(terminal: Terminal, report: RunOutcome, error: Exception) -> int:
    """What came of the rows is recorded and told; that something broke after that is told too."""
    reason = error_sentence(error, report.folder, terminal.key)
    terminal.say(f"The sending had ended before this happened. {reason}", style="red")
    return end_of_run(terminal, replace(report, state=RunState.FAILED, exit_code=3, reason=reason))


def _console(stream: TextIO) -> Console:
    """A console that shows texts as they are."""
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
