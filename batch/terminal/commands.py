"""`run` and `demo` in a terminal: which use cases they call, and their exit codes."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from batch.errors import DeclinedError, SettingsError
from batch.jobs import opening
from batch.jobs.gate import BUILT_IN
from batch.jobs.preflight import Preflight
from batch.jobs.request import command
from batch.jobs.requesting import load_with, request_of
from batch.jobs.resuming import check_known_workspace, check_workspace
from batch.jobs.unfinished import (
    Unfinished,
    find_unfinished,
    newer_notes,
    unfinished_in,
    unfinished_of_others,
)
from batch.settings.load import LoadedSettings
from batch.settings.model import Settings
from batch.settings.options import CliOptions
from batch.terminal import demo as demo_input
from batch.terminal.checking import dry_run, load
from batch.terminal.console import Terminal, guarded, somebody_is_there
from batch.terminal.gate import key_of, open_gate
from batch.terminal.going_on import resume_run
from batch.terminal.looking import look
from batch.terminal.looking_up import look_up_leads
from batch.terminal.sending import ask_server, asks_before_sending, confirm, execute, tell
from batch.terminal.signals import Interrupts
from batch.wording.questions import Question


def run(options: CliOptions, interrupts: Interrupts) -> int:
    """`run`: the whole way. Gives the exit code."""
    if options.dry_run:
        return dry_run(options, interrupts)
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _run(terminal, options, load(terminal, options), os.environ))


def demo(options: CliOptions, interrupts: Interrupts) -> int:
    """`demo`: an input of its own against a sandbox of its own. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet)

    def run_demo() -> int:
        # What can't be tidied up is no matter once the last line has been told.
        with tempfile.TemporaryDirectory(
            prefix="sendkit-batch-", ignore_cleanup_errors=True
        ) as folder:
            path = demo_input.write_demo(Path(folder))
            demo_options = replace(options, file=str(path), sandbox=True, new=True)
            # No settings file, no environment: the demo needs nothing but the program.
            loaded = load_with(demo_options, {}, cwd=path.parent, config_dir=None)
            return _run(terminal, demo_options, loaded, {})

    return guarded(terminal, run_demo)


def _run(
    terminal: Terminal, options: CliOptions, loaded: LoadedSettings, environ: Mapping[str, str]
) -> int:
    credentials = None if options.sandbox else key_of(terminal, loaded, environ)
    asks = asks_before_sending(
        options, practice=options.sandbox, or_else=", or --dry-run to see what would be sent"
    )
    access = open_gate(terminal, loaded, credentials) if credentials else None
    request = request_of(options, loaded, access)
    there = unfinished_in(request.session.out, request) if request.session.out else None
    if there:
        _check_goes_on_there(terminal, options, request.settings, there)
        check = check_workspace if there.is_own else check_known_workspace
        return resume_run(
            terminal, options, there.run.folder, check=partial(check, there.run.record)
        )
    with ExitStack() as sent:
        with opening.open_run(request) as opened:
            preflight = ask_server(terminal, opened)
            earlier = _to_go_on_with(terminal, options, opened, preflight)
            if earlier is None:
                look_up_leads(terminal, options, opened, preflight)
                judged = opened.judge(preflight)
                ready = judged.ready(look(terminal, judged, quiet=options.quiet), can_ask=asks)
                confirm(terminal, ready, asks=asks)
                # To the end: whoever interrupts from now on gets the run's results, not less.
                sent.enter_context(terminal.interrupts.caught())
                report = execute(terminal, options, ready)
        if earlier is None:
            return tell(terminal, report, options)
    return resume_run(terminal, options, earlier)  # the new folder is gone again


def _to_go_on_with(
    terminal: Terminal, options: CliOptions, opened: opening.OpenRun, preflight: Preflight
) -> Path | None:
    """The unfinished run to go on with instead of a new one; None if there is none, or not wanted.

    A terminal is asked. Where nobody is, one that stopped lately is gone on with.
    """
    if options.new:
        return None
    for note in newer_notes(opened):
        terminal.note(note)
    found = find_unfinished(opened, preflight)
    if found is None:
        if others := unfinished_of_others(opened):
            _tell_of_others(terminal, options, others)
        return None
    folder, settings = found.run.folder, opened.request.settings
    if opened.request.session.out:
        resume = command("resume", str(folder), *options.key_options)
        terminal.note(f"There is {found}. This is a new run; to go on with that one: {resume}")
        return None
    if not options.yes and somebody_is_there():
        text = f"There is {found}. Yes goes on with it; no starts a new run."
        return folder if terminal.ask(Question(text=text)) else None
    if not found.is_recent(settings):
        terminal.note(f"There is {found}, {_too_long_ago(settings)}. This is a new run.")
        return None
    terminal.note(f"Going on with {found}. --new would start anew.")
    return folder


def _tell_of_others(terminal: Terminal, options: CliOptions, found: Unfinished) -> None:
    base_url = found.run.record.base_url
    is_known = options.sandbox or base_url == BUILT_IN
    address = () if is_known else ("--base-url", base_url)  # it is the one that is asked for now
    resume = command("resume", str(found.run.folder), *options.key_options, *address)
    terminal.note(
        f"There is {found}. It is not in your list of runs, so this is a new run; to go on with "
        f"that one: {resume}"
    )


def _check_goes_on_there(
    terminal: Terminal, options: CliOptions, settings: Settings, found: Unfinished
) -> None:
    """Raise UsageError unless the run in the folder that `--out` names is to be gone on with."""
    another = "Name another --out for a new run."
    if options.new:
        raise SettingsError(f"--new: there is {found}. {another}")
    if not options.yes and somebody_is_there():
        if not terminal.ask(Question(text=f"There is {found}. Yes goes on with it.")):
            raise DeclinedError(f"Nothing was sent: that run is not gone on with. {another}")
    elif not found.is_recent(settings):
        resume = command("resume", str(found.run.folder), *options.key_options)
        raise SettingsError(
            f"There is {found}, {_too_long_ago(settings)}. {another} To go on with it: {resume}"
        )
    else:
        terminal.note(f"Going on with {found}.")


def _too_long_ago(settings: Settings) -> str:
    return f"longer ago than {settings.run.resume_within_h:g} h ([run] resume_within_h)"
