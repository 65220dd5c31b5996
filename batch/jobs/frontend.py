"""What a use case knows of the person for whom it works.

A terminal, the page and a caller in Python each implement `Frontend`, and hold no use case. The use
cases know nothing else of people: no stream, no signal, no environment, no page.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from batch.api.sendkit import Access
from batch.jobs.outcome import RunOutcome
from batch.sending.stops import Stop
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Let nothing out any more, or go on. What is on its way is waited for as always."""

    on: bool


Order = Stop | Rest


class Orders(Protocol):
    """Where orders come from: the signals of a terminal, the buttons of a page."""

    def told_to(self, listener: Callable[[Order], None], /) -> AbstractContextManager[None]:
        """Within it, each order is a call of the listener on the running event loop.

        Of stops, the first waits for answers that are on their way, the second does not.
        """


class SharedOrders:
    """A person's orders, which all parts obey. Implements `Orders`."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Order], None]] = []
        self._came: list[Order] = []

    def tell(self, order: Order) -> None:
        """Pass on an order."""
        self._came.append(order)
        for listener in list(self._listeners):
            listener(order)

    @contextmanager
    def told_to(self, listener: Callable[[Order], None]) -> Iterator[None]:
        """As `Orders.told_to`; who begins to listen hears what came before."""
        for order in self._came:
            listener(order)
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


class Frontend(Orders, Protocol):
    """The person for whom a use case works. One for each command or job."""

    def note(self, *sentences: str) -> None:
        """Show sentences that should be read before anything is sent."""

    def warn(self, *sentences: str) -> None:
        """Show sentences that must be read; no `--quiet` leaves them out."""

    def asks(self, *, practice: bool) -> bool:
        """Whether a question is put before sending.

        Raises UnaskedError where one must be and nobody can answer it.
        """

    def ask(self, question: Question) -> bool:
        """Put a question and wait for the answer: True for a yes, or the number that was wanted."""

    def check(self) -> None:
        """Raise once somebody has stopped this before anything was sent."""

    def run(self, work: Callable[[], Awaitable[_T]], /) -> _T:
        """Run something that waits for a server; a stop ends it, and this raises as `check`."""

    def show_target(
        self, access: Access, workspace: str | None, *, is_of_several: bool = False
    ) -> None:
        """Say where requests go.

        workspace: its name, None where it could not be read, or rows are of several.
        """

    def reading(self) -> AbstractContextManager[Callable[[ReadingProgress], None]]:
        """Show how far the reading of leads is, by what is called after each page."""

    def sending(self) -> AbstractContextManager[Callable[[Moment], None]]:
        """Show how far the sending is, by what is called a few times a second.

        From its beginning on, a stop is an order and raises no more: results are complete.
        """

    def ended(self, outcome: RunOutcome) -> None:
        """Keep how a run ended. Whatever breaks after that does not undo what was sent."""
