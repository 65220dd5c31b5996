"""The talk between a job's thread and the page: what the job asks, and what the page orders."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from batch.api.sendkit import Access
from batch.jobs.outcome import RunOutcome
from batch.jobs.stopping import Stoppable
from batch.sending.stops import Stop, StopCause
from batch.web.board import Board, Stage
from batch.web.remedies import on_page
from batch.wording.progress import Moment, ReadingProgress
from batch.wording.questions import Question, place_words

STOPPED = Stop(cause=StopCause.INTERRUPTED, message="Stopped on the page.")


class Talk(Stoppable):
    """The front end of one job, as `jobs.frontend.Frontend`.

    The job's thread calls the first half of it, the page's the second.
    outcome: how the run ended, once it did.
    """

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.board = board
        self.outcome: RunOutcome | None = None
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

    def show_target(
        self, access: Access, workspace: str | None, *, is_of_several: bool = False
    ) -> None:
        """Show where requests go."""
        where = place_words(workspace, access.base_url, is_of_several=is_of_several)
        self.board.show(where=where)

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

    # The page's half

    def stop(self, stop: Stop = STOPPED) -> None:
        """Stop: before anything is sent at once; then as the first and the second Ctrl-C do."""
        self.board.show(is_stopping=True)
        super().stop(stop)

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
