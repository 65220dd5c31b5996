"""`apply` in a terminal: a reviewed plan, sent as far as its leads still are what it read."""

import os
from dataclasses import replace

from batch.jobs.planning import check_plan, check_same_workspace
from batch.jobs.requesting import guardrails_of
from batch.recording.runfile import RunState, read_record
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal, guarded
from batch.terminal.going_on import go_on, request_again
from batch.terminal.naming import named_run
from batch.terminal.sending import asks_before_sending
from batch.terminal.signals import Interrupts


def apply(options: CliOptions, interrupts: Interrupts) -> int:
    """`apply`: send a plan, or go on with sending it. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _apply(terminal, options))


def _apply(terminal: Terminal, options: CliOptions) -> int:
    folder = named_run(options.run)
    record = read_record(folder / "run.json")
    asks = asks_before_sending(options, practice=record.sandbox)
    request = request_again(terminal, options, folder, os.environ)
    check_plan(folder, record, request)
    if record.state is not RunState.PLANNED:
        terminal.note(f"{folder}: was begun before; going on with it.")
    no_tag_check = request.guardrails.no_tag_check  # as planned
    guardrails = replace(guardrails_of(options), no_tag_check=no_tag_check)
    request = replace(request, guardrails=guardrails)
    return go_on(
        terminal,
        options,
        folder,
        request,
        asks=asks,
        check=lambda preflight: check_same_workspace(record, preflight),
    )
