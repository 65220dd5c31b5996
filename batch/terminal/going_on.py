"""`resume` and `retry` in a terminal: everything but the key comes from the earlier run."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from batch.jobs.planning import check_no_plan
from batch.jobs.preflight import Preflight
from batch.jobs.recorded import request_of
from batch.jobs.request import Request
from batch.jobs.requesting import canary_size, changed_by, load_with
from batch.jobs.resuming import check_workspace, reopen_run
from batch.jobs.retrying import open_retry
from batch.jobs.run_settings import is_confirmed_by, settings_of_run
from batch.recording.run_list import listed
from batch.recording.runfile import read_record
from batch.recording.state import default_state_dir
from batch.settings.load import default_config_dir
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal, guarded
from batch.terminal.gate import key_of, open_gate, tell_foreign
from batch.terminal.looking import look
from batch.terminal.looking_up import look_up_leads
from batch.terminal.naming import named_run
from batch.terminal.sending import ask_server, asks_before_sending, confirm, execute, tell
from batch.terminal.signals import Interrupts


def resume(options: CliOptions, interrupts: Interrupts) -> int:
    """`resume`: go on with an earlier run, which `run` names. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: resume_run(terminal, options, named_run(options.run)))


def retry(options: CliOptions, interrupts: Interrupts) -> int:
    """`retry`: try once more what was error or unsent in an earlier run. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _retry(terminal, options, named_run(options.run)))


def resume_run(
    terminal: Terminal,
    options: CliOptions,
    folder: Path,
    *,
    check: Callable[[Preflight], None] = lambda _: None,
) -> int:
    """Go on with the run in a folder. Gives the exit code. Raises UsageError for a mere plan.

    check: raises UsageError where nothing may be sent.
    """
    record = read_record(folder / "run.json")
    check_no_plan(folder, record, options=options.key_options)
    asks = asks_before_sending(options, practice=record.sandbox)
    request = request_again(terminal, options, folder, os.environ)
    guardrails = replace(
        request.guardrails, strict=options.strict, canary=canary_size(options.canary)
    )
    request = replace(request, guardrails=guardrails)
    return go_on(terminal, options, folder, request, asks=asks, check=check)


def go_on(
    terminal: Terminal,
    options: CliOptions,
    folder: Path,
    request: Request,
    *,
    asks: bool,
    check: Callable[[Preflight], None] = lambda _: None,
) -> int:
    """Send what is left of the run in a folder. Gives the exit code.

    request: as `request_again` gives it. asks: whether a question is put before sending.
    check: raises UsageError where nothing may be sent.
    """
    with ExitStack() as sent:
        with reopen_run(folder, request) as reopened:
            preflight = ask_server(terminal, reopened.opened)
            check(preflight)
            judged = reopened.judge(preflight)
            if reopened.has_begun:
                expects = reopened.opened.baseline is not None
                seen = look(terminal, judged, quiet=options.quiet) if expects else None
                ready = reopened.ready(judged, seen)
            else:
                seen = look(terminal, judged, quiet=options.quiet)
                ready = judged.ready(seen, can_ask=asks)
            confirm(terminal, ready, asks=asks)
            if not ready.work.requests:  # said in any case: it is the journal's word alone
                terminal.say("Nothing was sent by this command: no row is left to send.")
            # To the end: whoever interrupts from now on gets the run's results, not less.
            sent.enter_context(terminal.interrupts.caught())
            report = execute(terminal, options, ready)
        return tell(terminal, report, options)


def _retry(terminal: Terminal, options: CliOptions, folder: Path) -> int:
    record = read_record(folder / "run.json")
    check_no_plan(folder, record, so="nothing can be tried again", options=options.key_options)
    asks = asks_before_sending(options, practice=record.sandbox)
    request = request_again(terminal, options, folder, os.environ)
    request = replace(request, session=replace(request.session, out=options.out))
    with ExitStack() as sent:
        with open_retry(folder, request) as again:
            preflight = ask_server(terminal, again.opened)
            check_workspace(again.record, preflight)
            look_up_leads(terminal, options, again.opened, preflight)
            judged = again.judge(preflight)
            ready = judged.ready(look(terminal, judged, quiet=options.quiet), can_ask=asks)
            confirm(terminal, ready, asks=asks)
            sent.enter_context(terminal.interrupts.caught())
            report = execute(terminal, options, ready)
        return tell(terminal, report, options)


def request_again(
    terminal: Terminal, options: CliOptions, folder: Path, environ: Mapping[str, str]
) -> Request:
    """What was asked of an earlier run, with the options that may change it, and the key.

    Raises DeclinedError where the run may be anybody's, and nobody says that its address is right.
    """
    record = read_record(folder / "run.json")
    request = request_of(folder, record, state_dir=default_state_dir())
    if options.config:
        request = replace(request, options=replace(request.options, config=options.config))
    settings = changed_by(options, request.settings)
    if request.session.sandbox:
        return replace(request, settings=settings)
    own = load_with(
        options, environ, cwd=Path.cwd(), config_dir=default_config_dir(), heeds_folder=False
    )
    is_listed = listed(request.session.state_dir, folder, record) is not None
    loaded = settings_of_run(
        folder,
        record,
        settings,
        own=own,
        is_listed=is_listed,
        is_confirmed=is_confirmed_by(own, folder, record),
    )
    tell_foreign(terminal, loaded)
    access = open_gate(terminal, loaded, key_of(terminal, loaded, environ))
    session = replace(request.session, access=access)
    return replace(request, settings=loaded.settings, session=session)
