"""A caller in Python as a front end: events for a callback, a question for another.

A use case works in a thread of its own. Callbacks are called on the caller's event loop.
"""

import os
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypedDict, TypeVar, get_type_hints

import anyio
from anyio import CapacityLimiter, create_task_group, get_cancelled_exc_class
from anyio.from_thread import BlockingPortal
from anyio.to_thread import run_sync
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.errors import BatchError, UnaskedError
from batch.jobs.outcome import RunOutcome
from batch.jobs.request import Guardrails, Reading
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
    """Where requests go.

    workspace: its name; None where it could not be read, or rows are of several.
    """

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
    on_event: a plain callback for notes, for where requests go, and for progress; an async one,
        which nobody would wait for, is refused.
    Both are called on the caller's event loop; in a blocking form, in the thread of the call.
    """

    yes: bool
    ask: Ask
    on_event: Callable[[Event], object]


_OF_READING = get_type_hints(Reading)
# What an argument must be, and that in words.
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "api_key": (lambda it: isinstance(it, str | SecretStr), "a text or a SecretStr"),
    "config": (lambda it: isinstance(it, str | os.PathLike), "a path"),
    "settings": (
        lambda it: (
            isinstance(it, Mapping) and all(isinstance(each, Mapping) for each in it.values())
        ),
        'sections of keys, as {"pace": {"rate": 5}}',
    ),
    "yes": (lambda it: isinstance(it, bool), "True or False"),
    "ask": (callable, "a callback"),
    "on_event": (
        lambda it: callable(it) and not iscoroutinefunction(it),
        "a plain callback, not an async one",
    ),
    "reading": (
        lambda it: (
            isinstance(it, Reading)
            and all(isinstance(getattr(it, name), kind) for name, kind in _OF_READING.items())
        ),
        "a Reading with values of its types",
    ),
    "guardrails": (lambda it: isinstance(it, Guardrails), "a Guardrails"),
}


def check_arguments(call: Mapping[str, object], known: type[Place]) -> None:
    """Raise TypeError for what a call can't take.

    Also for a keyword that it does not know, which may be a guardrail, misspelt.
    """
    names = get_type_hints(known)
    if unknown := call.keys() - names:
        raise TypeError(
            f"{', '.join(sorted(unknown))}: no argument of this function. Besides its own, it "
            f"takes {', '.join(names)}. Nothing was sent."
        )
    check_kinds(**{name: value for name, value in call.items() if value is not None})


def check_kinds(**arguments: object) -> None:
    """Raise TypeError for an argument that is of another kind than it must be."""
    for name, value in arguments.items():
        fits, wanted = _KINDS[name]
        if not fits(value):  # the value itself may be a key
            raise TypeError(
                f"{name}: found a value of type {type(value).__name__}; expected {wanted}. Nothing "
                "was sent."
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
        self.broken_by: BaseException | None = None

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
            answer = self._portal.call(self._answer, self._ask, question)
        except CancelledError:
            self.check()
            raise
        if isinstance(answer, Failure):
            raise answer.error
        if question.typed_number is None:
            return answer is True
        return answer is not True and answer == question.typed_number

    @staticmethod
    async def _answer(ask: Ask, question: Question) -> "bool | int | Failure":
        """Call it on the caller's loop, which an error such as KeyboardInterrupt would end."""
        try:
            answer = ask(question)
            return await answer if isawaitable(answer) else answer
        except get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 - raised where it was asked
            return Failure(error)

    def show_target(
        self,
        access: Access,
        workspace: str | None,
        *,
        is_of_several: bool = False,  # noqa: ARG002 - the event has a name or none
    ) -> None:
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
                _refuse_coroutine(self._on_event(event))
            except get_cancelled_exc_class():
                raise
            except BaseException as error:  # noqa: BLE001 - raised once the work has ended
                self.broken_by = error
                self.stop(_STOPPED)

    def _tell(self, *events: Event) -> None:
        self._events.extend(events)
        self._portal.start_task_soon(self.deliver)


def _refuse_coroutine(given: object) -> None:
    if isinstance(given, Coroutine):
        given.close()
        raise TypeError("on_event: found an async callback; expected a plain one.")


async def in_own_thread(work: Callable[[Caller], _T], call: Call) -> _T:
    """Run a use case in a thread of its own; events reach the caller's loop meanwhile.

    Whoever is cancelled stops it as Ctrl-C does: it waits for answers that are on their way, and
    its results are complete. An exception of `on_event`, KeyboardInterrupt too, does the same, and
    is raised after that.
    """
    check_arguments(call, Call)
    ended: list[_T | Failure] = []
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
    if isinstance(end, Failure):
        raise end.error
    return end


@dataclass(frozen=True, slots=True)
class Failure:
    """What was raised, as a value: task groups would wrap it, or end the loop by it."""

    error: BaseException


def _end_of(work: Callable[[Caller], _T], caller: Caller) -> _T | Failure:
    try:
        return work(caller)
    except BatchError as error:
        error.args = (in_python(error),)
        return Failure(error)
    except BaseException as error:  # noqa: BLE001 - raised in the caller's task
        return Failure(error)
