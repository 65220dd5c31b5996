"""The person at a terminal, for whom a command works: what is printed, shown and asked there.

Standard output is for what `check` found and for `--json`; all else goes to standard error.
"""

import shlex
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TextIO, TypeVar

from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from batch.api.sendkit import Access
from batch.errors import UnaskedError
from batch.jobs.frontend import Order
from batch.jobs.outcome import RunOutcome
from batch.terminal.decision_view import print_question
from batch.terminal.last_lines import End, print_end
from batch.terminal.prose import print_sentences, print_whole
from batch.terminal.screen import ReadingScreen, can_redraw, make_screen
from batch.terminal.signals import Interrupts
from batch.terminal.streams import drop_typed_ahead
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question

PLAIN_WIDTH = 160  # columns where there is no terminal to measure

_T = TypeVar("_T")


class Terminal:
    """The front end of one command, as `jobs.frontend.Frontend`.

    quiet, as_json, yes: its options. or_else: what else can be done where nobody can be asked.
    key: what must never be printed, once it is known.
    outcome: how the run ended, once it did: whatever happens after that, the last line tells it.
    until_told: what holds until the last line is told.
    """

    def __init__(
        self,
        interrupts: Interrupts,
        *,
        quiet: bool = False,
        as_json: bool = False,
        yes: bool = False,
        or_else: str = "",
    ) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self._yes = yes
        self._or_else = or_else
        self._has_said = False  # whether lines stand above what is printed next
        self.interrupts = interrupts
        self.until_told = ExitStack()
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        self.key = SecretStr("")
        self.outcome: RunOutcome | None = None

    def note(self, *sentences: str) -> None:
        """Sentences for a person; `--quiet` leaves them out."""
        if not self._quiet:
            self.warn(*sentences)

    def warn(self, *sentences: str) -> None:
        """Sentences for a person, whatever the options are."""
        for sentence in sentences:
            self.say(sentence)

    def say(self, text: str, *, style: str = "") -> None:
        """Lines for a person."""
        print_sentences(self.err, text, style=style)
        self._has_said = True

    @property
    def is_read_by_person(self) -> bool:
        """True if the last lines are for a person; programs are promised one last line."""
        return not (self._quiet or self._as_json) and can_redraw(self.err)

    def end(self, end: End, *, answer: str) -> None:
        """The last lines, and with `--json` the one object on standard output.

        What they tell stays true: no signal changes how the process ends any more.
        """
        self.interrupts.ignore()
        if self._as_json:
            print_whole(self.out, answer)
        if self.is_read_by_person:
            print_end(self.err, end)
        else:
            print_whole(self.err, end.line)

    def asks(self, *, practice: bool) -> bool:
        """Whether a question is put before sending. Raises UnaskedError if nobody can answer it."""
        if practice or self._yes:
            return False
        if not somebody_is_there():
            raise UnaskedError(
                "Nothing was sent: there is no terminal to ask. Add --yes to send without asking"
                f"{self._or_else}."
            )
        return True

    def ask(self, question: Question) -> bool:
        """Put the question; a closed input is a no."""
        if question.answer:
            if self._has_said:
                self.err.print()
            print_question(self.err, question)
        else:
            self.say(question.text)
        if question.typed_number is None:
            wanted, prompt = {"y", "yes"}, f"{question.answer or 'Go on'}? [y/N] "
        else:
            number = question.typed_number
            self.say(question.why)
            what = f"{question.answer[:1].lower()}{question.answer[1:]}"
            wanted, prompt = {str(number)}, f"Type {number} to {what}: "
        return self.answer(prompt).replace(",", "") in wanted

    def confirm(self, text: str, prompt: str) -> bool:
        """Put a question that is no run's; a closed input is a no."""
        self.say(text)
        return self.answer(f"{prompt} [y/N] ") in {"y", "yes"}

    def answer(self, prompt: str) -> str:
        """What somebody types behind a prompt, in small letters; "" for a closed input."""
        drop_typed_ahead()
        self.err.print(Text(prompt), end="")
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D left the line open
                self.err.print()
        return answer.strip().lower()

    def check(self) -> None:
        """Raise InterruptedProgramError if a signal has come."""
        self.interrupts.check()

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run something that waits for a server, and that a signal ends."""
        return self.interrupts.run(work)

    def told_to(self, listener: Callable[[Order], None]) -> AbstractContextManager[None]:
        """Within it, each signal is a call of the listener on the running event loop."""
        return self.interrupts.told_to(listener)

    def show_target(
        self,
        access: Access,
        workspace: str | None,  # noqa: ARG002 - asked
        *,
        is_of_several: bool = False,  # noqa: ARG002 - asked
    ) -> None:
        """Keep the key from being printed; where it goes stands in the question."""
        self.key = access.api_key

    @contextmanager
    def reading(self) -> Iterator[Callable[[ReadingProgress], None]]:
        """Show how far the reading of leads is."""
        with ReadingScreen(self.err, self.note, shown=not self._quiet) as screen:
            yield screen.show

    @contextmanager
    def sending(self) -> Iterator[Callable[[Moment], None]]:
        """Show how far the sending is."""
        # To the end: whoever interrupts from now on gets the run's results, not less.
        self.until_told.enter_context(self.interrupts.caught())
        self.check()
        with make_screen(self.err, quiet=self._quiet) as screen:
            yield screen.show

    def ended(self, outcome: RunOutcome) -> None:
        """Keep how the run ended for the last line."""
        self.outcome = outcome


def somebody_is_there() -> bool:
    """Whether a question can be seen and answered; without standard input there is no file."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def typed_command() -> str:
    """The command as it was typed, for records and reports: of a path its last part alone."""
    return typed(sys.argv[1:])


def typed(words: Sequence[str]) -> str:
    """A command of these words, without the folders of its paths."""
    told = []
    for before, word in zip(("", *words), words, strict=False):
        option, equals, value = word.rpartition("=") if word[:2] == "--" else ("", "", word)
        is_path = {"/", "\\"} & {*value} and "://" not in value
        is_rate = "--rate" in {before, option}  # 60/min
        name = value.replace("\\", "/").rstrip("/").rpartition("/")[2]
        told.append(f"{option}{equals}{name}" if is_path and not is_rate else word)
    return shlex.join(["sendkit-batch", *told])


def _console(stream: TextIO) -> Console:
    """A console that shows texts as they are."""
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
