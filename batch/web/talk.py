"""The talk between a job's thread and the page: what the job asks, and what the page orders."""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlsplit

import anyio

from batch.api.sendkit import Access
from batch.errors import DeclinedError
from batch.jobs.frontend import Order, Rest
from batch.jobs.outcome import RunOutcome
from batch.sending.stops import Stop, StopCause
from batch.web.board import Board, Stage
from batch.web.remedies import on_page
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question

STOPPED = Stop(cause=StopCause.INTERRUPTED, message="Stopped on the page.")
_LOOK_EVERY_S = 0.1

_T = TypeVar("_T")


class StoppedError(DeclinedError):
    """Somebody stopped a job before anything was sent."""


class Talk:
    """The front end of one job, as `jobs.frontend.Frontend`.

    The job's thread calls the first half of it, the page's the second.
    outcome: how the run ended, once it did.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.outcome: RunOutcome | None = None
        self._orders: deque[Order] = deque()
        self._deliver_soon: Callable[[], object] | None = None
        self._is_stopped = False
        self._changed = threading.Condition()
        self._question: Question | None = None
        self._answer: bool | None = None

    # The job's half

    def note(self, *sentences: str) -> None:
        """Show sentences that people should see, each once."""
        _, view = self.board.look()
        if view:
            self.board.show(notes=tuple(dict.fromkeys((*view.notes, *map(on_page, sentences)))))

    def warn(self, *sentences: str) -> None:
        """Show sentences that people must see: the page leaves none out."""
        self.note(*sentences)

    def asks(self, *, practice: bool) -> bool:  # noqa: ARG002 - the page asks about either
        """Whether a question is put before sending: there is somebody at the page."""
        return True

    def check(self) -> None:
        """Raise StoppedError once somebody has said stop."""
        with self._changed:
            if self._is_stopped:
                raise StoppedError("Stopped. Nothing was sent.")

    def run(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Run something that waits for a server, and that a stop ends. Raises StoppedError."""

        async def watched() -> _T:
            async with anyio.create_task_group() as beside:
                beside.start_soon(self._watch, beside.cancel_scope)
                result = await call()
                beside.cancel_scope.cancel()
                return result
            raise StoppedError("Stopped. Nothing was sent.")

        self.check()
        try:
            return anyio.run(watched)
        except BaseExceptionGroup as group:
            raise _single(group) from group

    def ask(self, question: Question) -> bool:
        """Put a question and wait for the answer. Raises StoppedError."""
        self.board.show(stage=Stage.QUESTION, question=question)
        with self._changed:
            self._question, self._answer = question, None
            self._changed.wait_for(lambda: self._answer is not None or self._is_stopped)
            self._question = None
            answer = bool(self._answer)
        self.check()
        return answer

    def show_target(self, access: Access, workspace: str | None) -> None:
        """Show where requests go."""
        host = urlsplit(access.base_url).netloc
        self.board.show(where=f"{workspace or 'an unknown workspace'} ({host})")

    @contextmanager
    def reading(self) -> Iterator[Callable[[ReadingProgress], None]]:
        """Show how far the reading of leads is."""
        yield lambda reading: self.board.show(stage=Stage.READING, reading=reading)

    @contextmanager
    def sending(self) -> Iterator[Callable[[Moment], None]]:
        """Show how far the sending is."""
        self.board.show(stage=Stage.PREPARING, question=None)  # the first moment is about to come
        yield lambda moment: self.board.show(stage=Stage.SENDING, moment=moment)

    def ended(self, outcome: RunOutcome) -> None:
        """Keep how the run ended."""
        self.outcome = outcome

    @contextmanager
    def told_to(self, listener: Callable[[Order], None]) -> Iterator[None]:
        """Within it, each order is a call of the listener on the running loop."""
        loop = asyncio.get_running_loop()

        def deliver() -> None:
            while self._orders:
                listener(self._orders.popleft())

        self._deliver_soon = lambda: loop.call_soon_threadsafe(deliver)
        deliver()
        try:
            yield
        finally:
            self._deliver_soon = None

    # The page's half

    def stop(self, stop: Stop = STOPPED) -> None:
        """Stop: before anything is sent at once; then as the first and the second Ctrl-C do."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self.board.show(is_stopping=True)
        self._order(stop)

    def rest(self, *, on: bool) -> None:
        """Let nothing out any more, or go on."""
        self._order(Rest(on=on))

    def answer(self, *, yes: bool, number: str = "") -> bool:
        """Answer the question that is put; whether it could be.

        number: what was typed, where a number must be.
        """
        with self._changed:
            asked = self._question
            if asked is None or self._answer is not None:
                return False
            typed = number.strip().replace(",", "").replace(" ", "")
            if yes and asked.typed_number is not None and typed != str(asked.typed_number):
                return False
            self._answer = yes
            self._changed.notify_all()
            return True

    def _order(self, order: Order) -> None:
        self._orders.append(order)
        deliver = self._deliver_soon
        if deliver:
            try:
                deliver()
            except RuntimeError:  # the loop has just ended, and with it what could be ordered
                self._orders.clear()

    async def _watch(self, scope: anyio.CancelScope) -> None:
        while not self._is_stopped:  # noqa: ASYNC110 - another thread sets it
            await anyio.sleep(_LOOK_EVERY_S)
        scope.cancel()


def _single(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error in groups of them, as task groups wrap them."""
    first = group.exceptions[0]
    return _single(first) if isinstance(first, BaseExceptionGroup) else first
