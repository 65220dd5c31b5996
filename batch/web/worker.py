"""The one job at work, in a thread of its own, so that no page that is closed ends it."""

import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch.errors import BatchError, DeclinedError, UsageError
from batch.jobs.outcome import RunOutcome
from batch.recording.runfile import read_record
from batch.sending.stops import Stop
from batch.visible import visible_lines
from batch.web.board import Board, Kind, Stage, View
from batch.web.remedies import on_page
from batch.web.talk import STOPPED, Talk
from batch.wording.questions import Question


class BusyError(UsageError):
    """Another job is at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a job ended. run_id: of the run that it is about. is_wrong: whether to look at it.

    question: what would be asked about a plan.
    """

    run_id: str
    told: str = ""
    is_wrong: bool = False
    question: Question | None = None


def done_by(outcome: RunOutcome, *, broken_by: str = "") -> Done:
    """How a job ended that has sent. broken_by: what broke after that; "" for nothing."""
    note = outcome.files.note if outcome.files else ""
    return Done(
        run_id=run_id_of(outcome.folder),
        told=" ".join(filter(None, (outcome.reason, note, broken_by))),
        is_wrong=bool(broken_by) or outcome.exit_code not in {0, 1},
    )


def run_id_of(folder: Path) -> str:
    """The id of the run in a folder."""
    return read_record(folder / "run.json").id


class Worker:
    """Does one job after another. hide: takes out of a text what must not be shown."""

    def __init__(self, *, hide: Callable[[str], str]) -> None:
        self.board = Board()
        self._hide = hide
        self._lock = threading.Lock()
        self._talk: Talk | None = None
        self._thread: threading.Thread | None = None

    @property
    def talk(self) -> Talk | None:
        """With the job at work; None if there is none."""
        return self._talk if self.is_busy else None

    @property
    def is_busy(self) -> bool:
        """Whether a job is at work."""
        return self._thread is not None and self._thread.is_alive()

    def start(
        self, kind: Kind, name: str, work: Callable[[Talk], Done], *, is_practice: bool = False
    ) -> None:
        """Begin a job. Raises BusyError while another one is at work."""
        with self._lock:
            if self.is_busy:
                raise BusyError(
                    "Another job is under way. Wait until it has ended, or stop it first."
                )
            self.board.begin(kind, name, is_practice=is_practice)
            self._talk = Talk(self.board)
            # No daemon: whatever ends the page, a run that is sending gets its results.
            self._thread = threading.Thread(target=self._do, args=(work, self._talk), name=kind)
            self._thread.start()

    def stop(self, stop: Stop = STOPPED) -> None:
        """Stop the job at work, if there is one; twice does not wait for answers."""
        if talk := self.talk:
            talk.stop(stop)

    def wait(self) -> View | None:
        """Wait until no job is at work. Gives the last view."""
        if self._thread:
            self._thread.join()
        return self.board.look()[1]

    def _do(self, work: Callable[[Talk], Done], talk: Talk) -> None:
        try:
            done = work(talk)
        except DeclinedError as error:
            done = Done(run_id="", told=on_page(error))
        except BatchError as error:
            done = self._broken(talk, on_page(error))
        except Exception as error:  # noqa: BLE001 - told, with its traceback in the terminal
            text = "".join(traceback.format_exception(error))
            sys.stderr.write(visible_lines(self._hide(text)))
            told = "Unexpected error. Please report what the terminal shows."
            done = self._broken(talk, told)
        self.board.show(
            stage=Stage.ENDED,
            run_id=done.run_id,
            told=self._hide(on_page(done.told)),
            is_wrong=done.is_wrong,
            question=done.question,
        )

    def _broken(self, talk: Talk, why: str) -> Done:
        """What broke a job, after how its run ended if it had."""
        if talk.outcome is None:
            return Done(run_id="", told=why, is_wrong=True)
        return done_by(talk.outcome, broken_by=why)
