"""`undo` in a terminal: what would be taken back, the question, and the run that does it."""

import os
from contextlib import ExitStack
from dataclasses import replace

from batch.errors import SettingsError
from batch.jobs.outcome import RunOutcome
from batch.jobs.requesting import guardrails_of
from batch.jobs.undoing import open_undo
from batch.recording.runfile import RunState, read_record
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal, guarded
from batch.terminal.going_on import request_again
from batch.terminal.looking import look
from batch.terminal.naming import named_run
from batch.terminal.sending import ask_server, asks_before_sending, confirm, execute, tell
from batch.terminal.signals import Interrupts


def undo(options: CliOptions, interrupts: Interrupts) -> int:
    """`undo`: set the leads of an earlier run back. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _undo(terminal, options))


def _undo(terminal: Terminal, options: CliOptions) -> int:
    folder = named_run(options.run)
    record = read_record(folder / "run.json")
    if record.state is RunState.PLANNED:
        raise SettingsError(f"{folder}: is a plan, of which nothing was sent. Nothing to undo.")
    asks = asks_before_sending(options, practice=record.sandbox)
    request = request_again(terminal, options, folder, os.environ)
    no_tag_check = request.guardrails.no_tag_check  # as the run did
    request = replace(
        request,
        session=replace(request.session, out=options.out),
        guardrails=replace(guardrails_of(options), no_tag_check=no_tag_check),
    )
    with ExitStack() as sent:
        with open_undo(folder, record, request) as undone:
            judged = undone.judge(ask_server(terminal, undone.opened))
            ready = judged.ready(look(terminal, judged, quiet=options.quiet), can_ask=asks)
            for note in filter(None, (*undone.notes, undone.unknown)):
                terminal.note(note)
            confirm(terminal, ready, asks=asks)
            sent.enter_context(terminal.interrupts.caught())
            report = _with_unknown(execute(terminal, options, ready), undone.unknown)
        return tell(terminal, report, options)


def _with_unknown(report: RunOutcome, unknown: str) -> RunOutcome:
    """Whoever reads no notes, as a script, must not take an undo for whole that can't be."""
    if not unknown or report.exit_code:
        return report
    return replace(report, exit_code=1, reason=unknown)
