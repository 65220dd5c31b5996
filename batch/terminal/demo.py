"""`demo`: one small run with what people fear, each explained when it happens.

A row that is wrong, a refusal that is waited for, a stop, and the rest by `resume`. The spreadsheet
and the server are its own: no key, no settings file, nothing real.
"""

import csv
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from batch.jobs.frontend import Order
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.request import command
from batch.jobs.requesting import load_with, request_of
from batch.jobs.resume import resume
from batch.jobs.run import IfUnfinished, run
from batch.model import Reason
from batch.recording.runfile import RunState
from batch.recording.state import default_state_dir
from batch.sending.stops import Stop, StopCause
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal, typed_command
from batch.terminal.endings import guarded, tell
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of
from batch.wording.progress import Moment

NAME = "demo.csv"
WAIT_S = 3.0  # what the first refusal asks for
_LONG_WAIT_S = 60  # what the second one asks for, which nobody waits for here
_SPARED = 8  # requests before each refusal
_CAMPAIGNS = ("64f1c0a95e8b7d2f3a6c9e01", "64f1c0a95e8b7d2f3a6c9e02")
_CHANGES = (
    ("", "Interested"),
    ("paused", ""),
    ("", "Meeting booked"),
    ("active", "Interested"),
    ("", "null"),
)
_ROWS = 24
_WRONG = 5
_STOP = Stop(cause=StopCause.INTERRUPTED, message="Stopped by the demo, as by Ctrl-C.")


def demo(options: CliOptions, interrupts: Interrupts) -> int:
    """`demo`: an input of its own against a sandbox of its own. Gives the exit code."""
    guide = _Guide(interrupts, quiet=options.quiet)
    return guarded(guide, lambda: _demo(guide, options))


def write_demo(folder: Path) -> Path:
    """Write the demo's input into a folder and name the file."""
    path = folder / NAME
    with path.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["campaignId", "campaignLeadId", "status", "aiTag", "email"])
        for number in range(1, _ROWS + 1):
            status, tag = _CHANGES[number % len(_CHANGES)]
            lead = f"65a2d1b86f9c8e3a4b7d{number:04x}"
            email = f"person{number}@example.com"
            wrong = "puased" if number == _WRONG else status
            rows.writerow([_CAMPAIGNS[number % 2], lead, wrong, tag, email])
    return path


class _Guide(Terminal):
    """Explains what happens, and stops the run at the second refusal.

    is_waiting: whether the first refusal was explained. has_stopped: whether it has stopped the
    run, which a person does not do twice.
    """

    def __init__(self, interrupts: Interrupts, *, quiet: bool) -> None:
        super().__init__(interrupts, quiet=quiet)
        self.is_waiting = self.has_stopped = False
        self._stop: Callable[[Order], None] = lambda _: None

    def explain(self, *sentences: str) -> None:
        """What a person should know of what follows, set off from what every run says."""
        if not self._quiet:
            for sentence in sentences:
                self.say(sentence, style="bold")

    def told_to(self, listener: Callable[[Order], None]) -> AbstractContextManager[None]:
        """As a terminal's, and the demo's own stop."""
        self._stop = listener
        return super().told_to(listener)

    @contextmanager
    def sending(self) -> Iterator[Callable[[Moment], None]]:
        """Show how far the sending is, and what is remarkable of it."""
        with super().sending() as show:

            def show_and_explain(moment: Moment) -> None:
                show(moment)
                self._look_at(moment)

            yield show_and_explain

    def _look_at(self, moment: Moment) -> None:
        if moment.hold is None or self.has_stopped or moment.stop:
            return
        if not self.is_waiting:
            self.is_waiting = True
            self.explain(
                f"2. The server refuses a request (429) and asks to wait {WAIT_S:g} s. Nothing "
                "leaves until then, and the refused row is sent again."
            )
        elif moment.hold_left_s > WAIT_S:
            self.has_stopped = True
            self.explain(
                "3. Now it asks to wait a minute. The demo stops the run here, as Ctrl-C would."
            )
            self._stop(_STOP)


def _demo(guide: _Guide, options: CliOptions) -> int:
    # What can't be tidied up is no matter once the last line has been told.
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-", ignore_cleanup_errors=True) as folder:
        guide.explain(
            f"The demo sends a spreadsheet of {_ROWS} rows to an imitation of SendKit on this "
            "machine. No key is needed, nothing is real.",
            "1. The whole file is judged before anything is sent. One status is misspelt: its row "
            "is left out, and failed.csv says why.",
        )
        outcome = _sent(guide, options, Path(folder))
        if guide.has_stopped:
            outcome = _resumed(guide, outcome)
        if outcome.report:
            guide.explain(
                "5. Below is what came of the rows. The report has all of it on one page: "
                f"{command('report', str(outcome.folder), '--open')}"
            )
        exit_code = tell(guide, outcome, options)
    is_as_meant = outcome.state is RunState.FINISHED and outcome.tally.error == 1
    return 0 if is_as_meant and outcome.tally[Reason.BAD_STATUS] == 1 else exit_code


def _sent(guide: _Guide, options: CliOptions, folder: Path) -> RunOutcome:
    """The run, until it is stopped."""
    path = write_demo(folder)
    options = replace(options, file=str(path), sandbox=True, new=True)
    # No settings file, no environment: the demo needs nothing but the program.
    loaded = load_with(options, {}, cwd=folder, config_dir=None)
    request = request_of(options, loaded, None, is_watched=False)
    faults = (
        f"status=429,after={_SPARED},total=1,retry_after={WAIT_S:g}",
        f"status=429,after={2 * _SPARED},total=1,retry_after={_LONG_WAIT_S}",
    )
    request = replace(
        request, session=replace(request.session, faults=faults, command=typed_command())
    )
    return run(request, guide, if_unfinished=IfUnfinished.IGNORE, past_run=_past_run)


def _resumed(guide: _Guide, stopped: RunOutcome) -> RunOutcome:
    sent = count_of(stopped.tally.success, "row")
    guide.explain(
        f"{sent} were sent, {stopped.tally.unsent:,} are left, and each is accounted for on disk: "
        "a crash or a power cut ends no worse.",
        "4. This command sends the rest, and nothing twice; the demo runs it now: "
        f"{command('resume', str(stopped.folder))}",
    )
    return resume(_past_run(stopped.folder), guide)


def _past_run(folder: Path) -> PastRun:
    def nothing_real(*_: object) -> NoReturn:
        raise ValueError("a demo has no key")

    return PastRun(
        folder=folder,
        state_dir=default_state_dir(),
        load_own=nothing_real,
        open_gate=nothing_real,
        change=lambda request: request,
    )
