"""What every command that sends does in a terminal: ask the server, ask the person, send, tell."""

from collections.abc import Sequence

import anyio

from batch.errors import DeclinedError, UnaskedError, UsageError
from batch.jobs import execution, opening
from batch.jobs.outcome import RunOutcome
from batch.jobs.preflight import Preflight
from batch.settings.options import CliOptions
from batch.terminal import summary
from batch.terminal.browser import open_page
from batch.terminal.checking import header_only
from batch.terminal.console import Terminal, end_of_run, somebody_is_there
from batch.terminal.screen import make_screen


def asks_before_sending(options: CliOptions, *, practice: bool, or_else: str = "") -> bool:
    """Whether a question is put before sending. Raises UnaskedError when nobody can answer it."""
    if practice or options.yes:
        return False
    if not somebody_is_there():
        raise UnaskedError(
            "Nothing was sent: there is no terminal to ask. Add --yes to send without asking"
            f"{or_else}."
        )
    return True


def ask_server(terminal: Terminal, opened: opening.OpenRun) -> Preflight:
    """Ask the server, telling what should be known before anything is sent."""
    terminal.key = opened.access.api_key
    _note_all(terminal, opened.notes)
    preflight = terminal.interrupts.run(opened.ask)
    _note_all(terminal, preflight.notes)
    return preflight


def confirm(terminal: Terminal, ready: opening.ReadyRun, *, asks: bool) -> None:
    """Put the question, or only tell it. Raises DeclinedError unless the answer is yes."""
    if not (ready.plan.rows or ready.opened.retry_of or ready.opened.undo_of):
        terminal.note(header_only(ready.opened.request.source.name))
    terminal.interrupts.check()
    if not asks or not ready.work.requests:
        terminal.note(ready.question.text)
        return
    if not terminal.ask(ready.question):
        wanted = ready.question.typed_number or "yes"
        raise DeclinedError(f"Nothing was sent: the question was not answered with {wanted}.")


def execute(terminal: Terminal, options: CliOptions, ready: opening.ReadyRun) -> RunOutcome:
    """Send, showing how far it is."""
    if ready.diff and not ready.diff.is_fresh(ready.opened.request.settings.run.snapshot_age):
        raise UsageError(
            "Nothing was sent: the leads were read longer ago than [run] snapshot_age. "
            "Run it again."
        )
    terminal.interrupts.check()  # nothing is sent by a run that somebody has ended
    with make_screen(terminal.err, quiet=options.quiet) as screen:
        report = terminal.report = anyio.run(
            lambda: execution.execute(ready, on_moment=screen.show, orders=terminal.interrupts)
        )
    return report


def tell(terminal: Terminal, report: RunOutcome, options: CliOptions) -> int:
    """Tell how the run ended. Gives the exit code."""
    if not options.quiet:
        summary.print_report(terminal.err, report)
    if options.opens and report.page:
        open_page(terminal, report.page)
    return end_of_run(terminal, report)


def _note_all(terminal: Terminal, notes: Sequence[str]) -> None:
    for note in notes:
        terminal.note(note)
