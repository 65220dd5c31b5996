"""`resume` and `retry` in a terminal: everything but the key comes from the earlier run."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from batch.jobs.recorded import request_of
from batch.jobs.request import Request
from batch.jobs.resuming import reopen_run
from batch.jobs.retrying import open_retry
from batch.recording.runfile import read_record
from batch.recording.state import default_state_dir
from batch.settings.credentials import read_credentials
from batch.terminal.console import Terminal, guarded
from batch.terminal.given import Given
from batch.terminal.naming import named_run
from batch.terminal.sending import ask_server, asks_before_sending, confirm, execute, tell
from batch.terminal.signals import Interrupts


def resume(given: Given, interrupts: Interrupts) -> int:
    """`resume`: go on with an earlier run, which `file` names. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)
    return guarded(terminal, lambda: resume_run(terminal, given, named_run(given.file)))


def retry(given: Given, interrupts: Interrupts) -> int:
    """`retry`: try once more what was error or unsent in an earlier run. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)
    return guarded(terminal, lambda: _retry(terminal, given, named_run(given.file)))


def resume_run(terminal: Terminal, given: Given, folder: Path) -> int:
    """Go on with the run in a folder. Gives the exit code."""
    request = replace(_request(terminal, given, folder, os.environ), strict=given.strict)
    asks = asks_before_sending(given, practice=request.sandbox)
    with ExitStack() as sent:
        with reopen_run(folder, request) as reopened:
            preflight = ask_server(terminal, reopened.opened)
            ready = reopened.judge(preflight)
            confirm(terminal, ready, asks=asks)
            # To the end: whoever interrupts from now on gets the run's results, not less.
            sent.enter_context(terminal.interrupts.caught())
            report = execute(terminal, given, ready)
        return tell(terminal, report, quiet=given.quiet)


def _retry(terminal: Terminal, given: Given, folder: Path) -> int:
    request = replace(_request(terminal, given, folder, os.environ), out=given.out)
    asks = asks_before_sending(given, practice=request.sandbox)
    with ExitStack() as sent:
        with open_retry(folder, request) as again:
            ready = again.judge(ask_server(terminal, again.opened))
            confirm(terminal, ready, asks=asks)
            sent.enter_context(terminal.interrupts.caught())
            report = execute(terminal, given, ready)
        return tell(terminal, report, quiet=given.quiet)


def _request(terminal: Terminal, given: Given, folder: Path, environ: Mapping[str, str]) -> Request:
    """What was asked of an earlier run, with the options that may change it, and the key."""
    record = read_record(folder / "run.json")
    request = request_of(folder, record, state_dir=default_state_dir())
    request = replace(request, settings=given.replaced(request.settings))
    if request.sandbox:
        return request
    credentials = read_credentials(request.settings, environ)
    terminal.key = credentials.api_key
    for note in credentials.notes:
        terminal.note(note)
    return replace(request, api_key=credentials.api_key, workspace_id=credentials.workspace_id)
