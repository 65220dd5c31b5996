"""A caller in Python as a front end: events for a callback, a question for another.

A use case works in a thread of its own. Callbacks are called on the caller's event loop.
"""

import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypedDict, TypeVar, get_type_hints

import anyio
from anyio import CapacityLimiter, create_task_group, get_cancelled_exc_class
from anyio.from_thread import BlockingPortal
from anyio.to_thread import run_sync
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import BatchError, UnaskedError
from batch.jobs.outcome import RunOutcome
from batch.jobs.stopping import Stoppable
from batch.library.remedies import in_python
from batch.sending.stops import Stop, StopCause
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question

_STOPPED = Stop(cause=StopCause.INTERRUPTED, message="Stopped by its caller.")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence that should be read. is_warning: that must be."""

    text: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where requests go. workspace: its name; None where it could not be read."""

    base_url: str
    workspace: str | None


Event = Note | Target | ReadingProgress | Moment
Ask = Callable[[Question], bool | int | Awaitable[bool | int]]


Sections = Mapping[str, Mapping[str, object]]


class Place(TypedDict, total=False):
    """Where settings and key come from.

    api_key: else `SENDKIT_API_KEY`, or the key file of your own settings.
    config: the settings file; else `sendkit-batch.toml` here, or that of your configuration.
    settings: sections of keys as in that file, over all others: `{"pace": {"rate": 5}}`.
    """

    api_key: str | SecretStr
    config: str | os.PathLike[str]
    settings: Sections


class Call(Place, total=False):
    """What every function that asks a server takes.

    yes: send without asking. ask: a callback, plain or async, that answers the question: True, or
        the number that it demands (`Question.typed_number`).
    on_event: a callback for notes, for where requests go, and for progress.
    Both are called on the caller's event loop; in a blocking form, in the thread of the call.
    """

    yes: bool
    ask: Ask
    on_event: Callable[[Event], object]


def refuse_unknown(call: Mapping[str, object], known: type[Place]) -> None:
    """Raise TypeError for a keyword that no call takes: it may be a guardrail, misspelt."""
    names = get_type_hints(known)
    if unknown := call.keys() - names:
        raise TypeError(
            f"{', '.join(sorted(unknown))}: no argument of this function. Besides its own, it "
            f"takes {', '.join(names)}. Nothing was sent."
        )


class Caller(Stoppable):
    """The front end of one call, as `jobs.frontend.Frontend`.

    portal: to the caller's event loop. broken_by: what the callback for events raised.
    """

    def __init__(self, portal: BlockingPortal, call: Call) -> None:
        super().__init__()
        self._portal = portal
        self._yes = call.get("yes", False)
        self._ask = call.get("ask")
        self._on_event = call.get("on_event")
        self._events: deque[Event] = deque()
        self.broken_by: Exception | None = None

    def note(self, *sentences: str) -> None:
        """Tell the caller sentences."""
        self._tell(*(Note(text=in_python(each)) for each in sentences))

    def warn(self, *sentences: str) -> None:
        """Tell the caller sentences that must be read."""
        self._tell(*(Note(text=in_python(each), is_warning=True) for each in sentences))

    def asks(self, *, practice: bool) -> bool:
        """Whether a question is put before sending. Raises UnaskedError if nobody answers one."""
        if practice or self._yes:
            return False
        if self._ask is None:
            raise UnaskedError(
                "Nothing was sent: nobody was asked. Call it with yes=True, or with a callback "
                "ask= that answers the question."
            )
        return True

    def ask(self, question: Question) -> bool:
        """Put a question to the callback. Raises what the callback raises."""
        if self._ask is None:
            return False
        try:
            answer = self._portal.call(self._ask, question)
        except CancelledError:
            self.check()
            raise
        if question.typed_number is None:
            return answer is True
        return answer is not True and answer == question.typed_number

    def show_target(self, access: Access, workspace: str | None) -> None:
        """Tell the caller where requests go."""
        self._tell(Target(base_url=access.base_url, workspace=workspace))

    @contextmanager
    def reading(self) -> Iterator[Callable[[ReadingProgress], None]]:
        """Tell the caller how far the reading of leads is."""
        yield self._tell

    @contextmanager
    def sending(self) -> Iterator[Callable[[Moment], None]]:
        """Tell the caller how far the sending is."""
        yield self._tell

    def ended(self, outcome: RunOutcome) -> None:
        """Nothing is kept: the call gives it."""

    def deliver(self) -> None:
        """Call the callback with what waits for it; on the caller's event loop."""
        while self._events:
            event = self._events.popleft()
            if self._on_event is None or self.broken_by is not None:
                continue
            try:
                self._on_event(event)
            except Exception as error:  # noqa: BLE001 - raised once the work has ended
                self.broken_by = error
                self.stop(_STOPPED)

    def _tell(self, *events: Event) -> None:
        self._events.extend(events)
        self._portal.start_task_soon(self.deliver)


async def in_own_thread(work: Callable[[Caller], _T], call: Call) -> _T:
    """Run a use case in a thread of its own; events reach the caller's loop meanwhile.

    Whoever is cancelled stops it as Ctrl-C does: it waits for answers that are on their way, and
    its results are complete. An exception of `on_event` does the same, and is raised after that.
    """
    refuse_unknown(call, Call)
    ended: list[_T | _Failure] = []
    finished = anyio.Event()
    async with BlockingPortal() as portal:
        caller = Caller(portal, call)

        async def work_there() -> None:
            try:
                ended.append(
                    await run_sync(partial(_end_of, work, caller), limiter=CapacityLimiter(1))
                )
            finally:
                finished.set()

        async with create_task_group() as beside:
            beside.start_soon(work_there)
            try:
                await finished.wait()
            except get_cancelled_exc_class():
                caller.stop(_STOPPED)  # the group waits for the end
                raise
            finally:
                caller.deliver()
    # Raised here: task groups would wrap it.
    if caller.broken_by is not None:
        raise caller.broken_by
    (end,) = ended
    if isinstance(end, _Failure):
        raise end.error
    return end


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a use case raised."""

    error: Exception


def _end_of(work: Callable[[Caller], _T], caller: Caller) -> _T | _Failure:
    try:
        return work(caller)
    except BatchError as error:
        error.args = (in_python(error),)
        return _Failure(error)
    except Exception as error:  # noqa: BLE001 - raised in the caller's task
        return _Failure(error)
