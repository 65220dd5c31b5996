"""Runs in a terminal: which use cases they call, what they show and ask, and their exit codes."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import anyio

from batch.errors import DeclinedError
from batch.jobs import execution, job
from batch.jobs.ending import Report
from batch.jobs.preflight import Preflight
from batch.jobs.resuming import reopen_run, request_of
from batch.recording.runfile import read_record
from batch.settings.credentials import read_credentials
from batch.settings.load import LoadedSettings
from batch.terminal import demo as demo_input
from batch.terminal import summary
from batch.terminal.checking import dry_run, header_only, load
from batch.terminal.console import Terminal, end_of_run, guarded, somebody_is_there
from batch.terminal.given import Given
from batch.terminal.screen import make_screen
from batch.terminal.signals import Interrupts


def run(given: Given, interrupts: Interrupts) -> int:
    """`run`: the whole way. Gives the exit code."""
    if given.dry_run:
        return dry_run(given, interrupts)
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)
    return guarded(terminal, lambda: _run(terminal, given, load(terminal, given), os.environ))


def resume(given: Given, interrupts: Interrupts) -> int:
    """`resume`: go on with an earlier run, whose folder `file` is. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)
    return guarded(terminal, lambda: _resume(terminal, given, os.environ))


def demo(interrupts: Interrupts, *, rate: str | None, quiet: bool) -> int:
    """`demo`: an input of its own against a sandbox of its own. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=quiet)

    def run_demo() -> int:
        # What can't be tidied up is no matter once the last line has been told.
        with tempfile.TemporaryDirectory(
            prefix="sendkit-batch-", ignore_cleanup_errors=True
        ) as folder:
            path = demo_input.write_demo(Path(folder))
            given = Given(file=str(path), rate=rate, quiet=quiet, sandbox=True)
            # No settings file, no environment: the demo needs nothing but the program.
            loaded = given.load({}, cwd=path.parent, config_dir=None)
            return _run(terminal, given, loaded, {})

    return guarded(terminal, run_demo)


def _run(
    terminal: Terminal, given: Given, loaded: LoadedSettings, environ: Mapping[str, str]
) -> int:
    credentials = given.credentials(loaded, environ)
    if credentials:
        terminal.key = credentials.api_key
        for note in credentials.notes:
            terminal.note(note)
    asks = _asks(given, practice=given.sandbox, or_else=", or --dry-run to see what would be sent")
    with ExitStack() as sent:
        with job.open_run(given.request(loaded, credentials)) as opened:
            preflight = _ask_server(terminal, opened, opened.table.notes)
            ready = opened.judge(preflight, can_ask=asks)
            for note in opened.table.warnings:
                terminal.note(note)
            if not ready.plan.rows:
                terminal.note(header_only(opened.request.source.name))
            _confirm(terminal, ready, asks=asks)
            # To the end: whoever interrupts from now on gets the run's results, not less.
            sent.enter_context(terminal.interrupts.caught())
            report = _execute(terminal, given, ready)
        return _tell(terminal, report, quiet=given.quiet)


def _resume(terminal: Terminal, given: Given, environ: Mapping[str, str]) -> int:
    folder = Path(given.file)
    request = request_of(folder, read_record(folder / "run.json"))
    request = replace(request, settings=given.replaced(request.settings))
    if not request.sandbox:
        credentials = read_credentials(request.settings, environ)
        terminal.key = credentials.api_key
        request = replace(
            request, api_key=credentials.api_key, workspace_id=credentials.workspace_id
        )
    asks = _asks(given, practice=request.sandbox)
    with ExitStack() as sent:
        with reopen_run(folder, request) as reopened:
            preflight = _ask_server(terminal, reopened.opened, reopened.notes)
            ready = reopened.judge(preflight)
            _confirm(terminal, ready, asks=asks)
            sent.enter_context(terminal.interrupts.caught())
            report = _execute(terminal, given, ready)
        return _tell(terminal, report, quiet=given.quiet)


def _asks(given: Given, *, practice: bool, or_else: str = "") -> bool:
    """Whether a question is put before sending. Raises DeclinedError when nobody can answer it."""
    if practice or given.yes:
        return False
    if not somebody_is_there():
        raise DeclinedError(
            "Nothing was sent: there is no terminal to ask. Add --yes to send without asking"
            f"{or_else}."
        )
    return True


def _ask_server(terminal: Terminal, opened: job.OpenRun, notes: Sequence[str]) -> Preflight:
    """Ask the server, telling what should be known before anything is sent."""
    terminal.key = opened.access.api_key
    for note in notes:
        terminal.note(note)
    preflight = anyio.run(opened.ask)
    for note in preflight.notes:
        terminal.note(note)
    return preflight


def _confirm(terminal: Terminal, ready: job.ReadyRun, *, asks: bool) -> None:
    """Put the question, or only tell it. Raises DeclinedError unless the answer is yes."""
    terminal.interrupts.check()
    if not asks or not ready.work.requests:
        terminal.note(ready.question.text)
        return
    if not terminal.ask(ready.question):
        raise DeclinedError("Nothing was sent: the question was not answered with yes.")


def _execute(terminal: Terminal, given: Given, ready: job.ReadyRun) -> Report:
    terminal.interrupts.check()  # nothing is sent by a run that somebody has ended
    with make_screen(terminal.err, quiet=given.quiet) as screen:
        report = terminal.report = anyio.run(
            lambda: execution.execute(ready, on_moment=screen.show, interrupts=terminal.interrupts)
        )
    return report


def _tell(terminal: Terminal, report: Report, *, quiet: bool) -> int:
    """Tell how the run ended. Gives the exit code."""
    if not quiet:
        summary.print_report(terminal.err, report)
    return end_of_run(terminal, report)
