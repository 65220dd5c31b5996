"""The same person before each front end: what is said and asked there, and what is answered."""

import io
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import anyio
import pytest

from batch.api.sendkit import Access
from batch.errors import DeclinedError
from batch.jobs.frontend import Frontend, Order
from batch.jobs.outcome import RunOutcome
from batch.sending.stops import Stop, StopCause
from batch.terminal.console import Terminal
from batch.terminal.signals import Interrupts
from batch.web.board import Board, Kind
from batch.web.talk import Talk
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question
from tests.support.shell import Stdin, Stream

_T = TypeVar("_T")
_LOOK_EVERY_S = 0.002


class Person(Protocol):
    """Somebody before a front end. answers: what is answered to the questions that come."""

    answers: list[str]

    @property
    def frontend(self) -> Frontend:
        """For the next use case."""

    @property
    def said(self) -> str:
        """All that was shown, questions too, with single spaces between the words."""

    def stop(self) -> None:
        """End what is under way, as a person does there."""


class Recorder:
    """The plainest front end: it keeps what it is told."""

    def __init__(self, answers: list[str]) -> None:
        self.sentences: list[str] = []
        self.outcome: RunOutcome | None = None
        self._answers = answers
        self._listener: Callable[[Order], None] | None = None
        self._stopped = False

    def note(self, *sentences: str) -> None:
        self.sentences += sentences

    warn = note

    def asks(self, *, practice: bool) -> bool:  # noqa: ARG002 - it asks always
        return True

    def ask(self, question: Question) -> bool:
        self.note(question.text)
        return self._answers.pop(0) == str(question.typed_number or "yes")

    def check(self) -> None:
        if self._stopped:
            raise DeclinedError("Stopped.")

    def run(self, work: Callable[[], Awaitable[_T]]) -> _T:
        async def do() -> _T:
            return await work()

        return anyio.run(do)

    def show_target(
        self, access: Access, workspace: str | None, *, is_of_several: bool = False
    ) -> None:
        where = "several workspaces" if is_of_several else workspace
        self.note(f"{where} ({access.base_url})")

    @contextmanager
    def reading(self) -> Iterator[Callable[[ReadingProgress], None]]:
        yield lambda _: None

    @contextmanager
    def sending(self) -> Iterator[Callable[[Moment], None]]:
        yield lambda _: None

    @contextmanager
    def told_to(self, listener: Callable[[Order], None]) -> Iterator[None]:
        self._listener = listener
        yield
        self._listener = None

    def ended(self, outcome: RunOutcome) -> None:
        self.outcome = outcome

    def stop(self) -> None:
        self._stopped = True
        if self._listener:
            self._listener(Stop(cause=StopCause.INTERRUPTED, message="Stopped."))


class BeforeRecorder:
    """Gives answers and orders as they are."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self._recorders: list[Recorder] = []

    @property
    def frontend(self) -> Frontend:
        self._recorders.append(Recorder(self.answers))
        return self._recorders[-1]

    @property
    def said(self) -> str:
        return " ".join(each for one in self._recorders for each in one.sentences)

    def stop(self) -> None:
        self._recorders[-1].stop()


class BeforeTerminal:
    """Types lines, and presses Ctrl-C."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: list[str] = []
        self._printed = Stream({})
        self._printed.is_terminal = True
        monkeypatch.setenv("TERM", "dumb")
        self._monkeypatch = monkeypatch
        self._terminals: list[Terminal] = []

    @property
    def frontend(self) -> Frontend:
        self.close()
        stdin = Stdin(io.BytesIO(), lambda: f"{self.answers.pop(0)}\n")
        self._monkeypatch.setattr(sys, "stderr", self._printed)
        self._monkeypatch.setattr(sys, "stdin", stdin)
        self._terminals.append(Terminal(Interrupts()))
        return self._terminals[-1]

    @property
    def said(self) -> str:
        return " ".join(self._printed.getvalue().split())

    def stop(self) -> None:
        signal.raise_signal(signal.SIGINT)

    def close(self) -> None:
        """What held until the last line was told is over."""
        for terminal in self._terminals:
            terminal.until_told.close()


class BeforePage:
    """Presses buttons, in a thread of its own, as the page's requests come."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self._asked: list[str] = []
        self._notes: list[str] = []
        self._board = Board()
        self._talk: Talk | None = None
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    @property
    def frontend(self) -> Frontend:
        self._keep_notes()
        self._board.begin(Kind.RUN, "leads.csv", is_practice=False)
        self._talk = Talk(self._board)
        return self._talk

    @property
    def said(self) -> str:
        self._keep_notes()
        return " ".join((*self._notes, *self._asked))

    def stop(self) -> None:
        assert self._talk is not None
        self._talk.stop()

    def close(self) -> None:
        self._is_closed.set()
        self._thread.join()

    def _keep_notes(self) -> None:
        _, view = self._board.look()
        if view:
            self._notes += [*view.notes, view.where]

    def _answer(self) -> None:
        while not self._is_closed.is_set():
            time.sleep(_LOOK_EVERY_S)
            _, view = self._board.look()
            if not (self._talk and self.answers and view and view.question):
                continue
            answer = self.answers[0]
            if self._talk.answer(yes=answer != "no", number=answer):
                self._asked.append(view.question.text)
                del self.answers[0]


@contextmanager
def before(front_end: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Somebody before the terminal, the page, or the plainest front end that there can be."""
    if front_end == "plain":
        yield BeforeRecorder()
        return
    person = BeforeTerminal(monkeypatch) if front_end == "terminal" else BeforePage()
    try:
        yield person
    finally:
        person.close()
