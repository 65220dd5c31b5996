"""What a job at work shows: written by the job's thread, read by the page's event loop."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from batch.advice import Passing
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question


class Stage(StrEnum):
    """How far a job is. Nothing is sent before SENDING."""

    PREPARING = "preparing"  # reading and judging the file, asking the server whose key it is
    READING = "reading"  # what the leads are now
    QUESTION = "question"  # waiting for a yes or a no
    SENDING = "sending"
    ENDED = "ended"


class Kind(StrEnum):
    """What a job does."""

    PLAN = "plan"
    RUN = "run"
    APPLY = "apply"
    RESUME = "resume"
    RETRY = "retry"
    UNDO = "undo"
    VERIFY = "verify"


KIND_WORDS: Mapping[Kind, str] = {
    Kind.PLAN: "Looking at what would change",
    Kind.RUN: "Sending",
    Kind.APPLY: "Sending the plan",
    Kind.RESUME: "Going on",
    Kind.RETRY: "Trying the failed rows again",
    Kind.UNDO: "Undoing",
    Kind.VERIFY: "Verifying",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One moment of a job.

    name: of the file or the run that it is about. where: workspace and address, once known.
    number: of the job, counted from 1. run_id: of the run that it ended with; "" for none.
    told: how it ended, in a sentence. is_wrong: whether something has to be fixed.
    """

    number: int
    kind: Kind
    name: str
    is_practice: bool = False
    stage: Stage = Stage.PREPARING
    where: str = ""
    notes: tuple[str, ...] = ()
    reading: ReadingProgress | None = None
    question: Question | None = None
    moment: Moment | None = None
    is_stopping: bool = False
    run_id: str = ""
    told: str = ""
    is_wrong: bool = False

    @property
    def notes_gone(self) -> tuple[str, ...]:
        """Those of its notes that are true no more."""
        return tuple(
            str(note) for note in self.notes if isinstance(note, Passing) and not note.holds()
        )

    @property
    def notes_now(self) -> tuple[str, ...]:
        """Its notes without those that were true for a while only."""
        gone = self.notes_gone
        return tuple(str(note) for note in self.notes if note not in gone)


class Board:
    """The view of the latest job. version: rises with every change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: View | None = None
        self._version = 0

    def look(self) -> tuple[int, View | None]:
        """The version, and the view that it is of; None before the first job."""
        with self._lock:
            return self._version, self._view

    def begin(self, kind: Kind, name: str, *, is_practice: bool) -> None:
        """Show a new job."""
        with self._lock:
            number = self._view.number + 1 if self._view else 1
            self._view = View(number=number, kind=kind, name=name, is_practice=is_practice)
            self._version += 1

    def show(self, **changes: object) -> None:
        """Show what is different now."""
        with self._lock:
            if self._view is None:
                raise ValueError("no job has begun")
            self._view = replace(self._view, **changes)  # type: ignore[arg-type]  # fields of a View
            self._version += 1
