"""How a command ends, whatever ends it: its sentence, its last line and its exit code.

The last lines of standard error always say how it ended.
"""

import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from batch.advice import Advice
from batch.errors import BatchError, DeclinedError, QuotaUsedError, UnaskedError, UsageError
from batch.jobs.outcome import RunOutcome, error_sentence, without_key
from batch.model import Tally
from batch.recording.runfile import RunState
from batch.settings.options import CliOptions
from batch.terminal import report_json, summary
from batch.terminal.browser import open_page
from batch.terminal.console import Terminal
from batch.terminal.last_lines import End, Next, counted
from batch.terminal.prose import print_whole
from batch.terminal.remedies import in_terminal
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of
from batch.wording.runs import outcome_headline

REFUSED, FAILED, INTERRUPTED = "refused", "failed", "interrupted"


def guarded(terminal: Terminal, command: Callable[[], int]) -> int:
    """Run a command; whatever ends it gets its sentence, its last line and its exit code."""
    try:
        with (
            terminal.interrupts.raised(last_words=lambda: _ended_by_force(terminal)),
            terminal.until_told,
        ):
            return command()
    except KeyboardInterrupt:
        return _interrupted(terminal)
    except Exception as error:  # noqa: BLE001 - told, and exit 2 or 3
        if terminal.outcome:
            return _broken_after_sending(terminal, terminal.outcome, error)
        if terminal.interrupts.came:  # what it broke off may have called it something else
            return _interrupted(terminal)
        return _refused(terminal, error)


def refuse(message: str, interrupts: Interrupts, *, quiet: bool, as_json: bool) -> int:
    """Words that are no command. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=quiet, as_json=as_json)
    return ended(terminal, message, state=REFUSED, exit_code=2)


def ended(
    terminal: Terminal,
    message: str,
    *,
    state: str,
    exit_code: int,
    declined: bool = False,
    go_on_at: datetime | None = None,
) -> int:
    """A command that sent nothing ends with this message. Gives the exit code.

    declined: whether somebody only said no, so that there is nothing to fix.
    go_on_at: when it may go on, so that there is nothing to fix either.
    """
    terminal.say(message, style="red")
    fix = "" if declined or exit_code != 2 else "fix what is said above, and "
    then = Next(first=f"{fix}run it again", is_obvious=True)
    if go_on_at:
        again = shlex.join(["sendkit-batch", *sys.argv[1:]])
        then = Next(first=_wait_until(go_on_at), command=again)
    end = counted(state, Tally(), results=None, then=then)
    said = in_terminal(message)
    answer = report_json.refused(said, state=state, exit_code=exit_code, go_on_at=go_on_at)
    terminal.end(end, answer=answer)
    return exit_code


def _wait_until(at: datetime) -> str:
    return f"wait until {at:%Y-%m-%d %H:%M}"


def end_of_run(terminal: Terminal, outcome: RunOutcome, *, headline: str = "") -> int:
    """The last lines of a run. Gives the exit code. headline: where none was printed before."""
    first = f"fix the rows in {outcome.to_mend.name}" if outcome.to_mend else ""
    if outcome.go_on_at:
        first = _wait_until(outcome.go_on_at)
    end = counted(
        outcome.state,
        outcome.tally,
        results=outcome.files.results if outcome.files else None,
        then=Next(first=first, command=outcome.next_command or ""),
        headline=headline,
    )
    end = replace(end, files=summary.shown_files(outcome))
    terminal.end(end, answer=report_json.reported(outcome))
    return outcome.exit_code


def tell(
    terminal: Terminal, outcome: RunOutcome, options: CliOptions, *, has_wrong: int = 1
) -> int:
    """Tell how a run ended, and show its report if that is wanted. Gives the exit code.

    has_wrong: the code of a run all of whose rows have an outcome, some of them an error.
    """
    if outcome.exit_code == 1:
        outcome = replace(outcome, exit_code=has_wrong)
    if terminal.is_read_by_person:
        summary.print_outcome(terminal.err, outcome)
    elif not options.quiet:
        summary.log_outcome(terminal.err, outcome)
    if options.opens and outcome.report:
        open_page(terminal, outcome.report)
    return end_of_run(terminal, outcome)


def tell_parts(terminal: Terminal, outcome: RunOutcome, options: CliOptions) -> int:
    """Tell that a run's parts were made, their number alone on standard output."""
    if not options.as_json:
        print_whole(terminal.out, str(len(outcome.parts)))
    made = count_of(len(outcome.parts), "part")
    end = End(
        state="prepared",
        came=made,
        where=str(outcome.folder),
        next=Next(command=outcome.next_command or "", does="sends the first"),
        headline=f"Made {made}. Nothing was sent.",
    )
    terminal.end(end, answer=report_json.reported(outcome))
    return outcome.exit_code


def _interrupted(terminal: Terminal) -> int:
    if terminal.interrupts.came == signal.SIGTERM:
        return ended(terminal, "Ended before sending.", state=INTERRUPTED, exit_code=143)
    return ended(terminal, "Interrupted before sending.", state=INTERRUPTED, exit_code=130)


def _ended_by_force(terminal: Terminal) -> None:
    """Said by another thread while the command still hangs, perhaps with a screen of its own."""
    terminal.err.show_cursor()
    _interrupted(terminal)


def _refused(terminal: Terminal, error: Exception) -> int:
    if isinstance(error, UsageError):
        message = error.advice
        declined = isinstance(error, DeclinedError) and not isinstance(error, UnaskedError)
        go_on_at = None
        if isinstance(error, QuotaUsedError):
            message, go_on_at = Advice("Nothing was sent.", error.advice), error.go_on_at
        return ended(
            terminal,
            message,
            state=REFUSED,
            exit_code=2,
            declined=declined,
            go_on_at=go_on_at,
        )
    if isinstance(error, BatchError):
        return ended(terminal, in_terminal(error), state=FAILED, exit_code=3)
    text = "".join(traceback.format_exception(error))
    terminal.say(*without_key(terminal.key, text))
    unexpected = "Unexpected error; nothing was sent. Please report what stands above."
    return ended(terminal, unexpected, state=FAILED, exit_code=3)


def _broken_after_sending(terminal: Terminal, outcome: RunOutcome, error: Exception) -> int:
    """What came of the rows is recorded and told; that something broke after that is told too."""
    reason = error_sentence(error, outcome.folder, terminal.key)
    terminal.say(f"The sending had ended before this happened. {reason}", style="red")
    outcome = replace(outcome, state=RunState.FAILED, exit_code=3, reason=reason)
    headline = outcome_headline(outcome.state, outcome.tally, is_undo=outcome.is_undo)
    return end_of_run(terminal, outcome, headline=headline)
