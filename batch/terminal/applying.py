"""`apply` in a terminal: a reviewed plan, sent as far as its leads still are what it read."""

import os
from dataclasses import replace

from batch.jobs.planning import check_plan, check_same_workspace
from batch.recording.runfile import RunState, read_record
from batch.terminal.console import Terminal, guarded
from batch.terminal.given import Given, expected_changes
from batch.terminal.going_on import go_on, request_again
from batch.terminal.naming import named_run
from batch.terminal.sending import asks_before_sending
from batch.terminal.signals import Interrupts


def apply(given: Given, interrupts: Interrupts) -> int:
    """`apply`: send a plan, or go on with sending it. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=given.quiet, as_json=given.as_json)
    return guarded(terminal, lambda: _apply(terminal, given))


def _apply(terminal: Terminal, given: Given) -> int:
    folder = named_run(given.file)
    record = read_record(folder / "run.json")
    asks = asks_before_sending(given, practice=record.sandbox)
    request = request_again(terminal, given, folder, os.environ)
    check_plan(folder, record, request)
    if record.state is not RunState.PLANNED:
        terminal.note(f"{folder}: was begun before; going on with it.")
    request = replace(
        request,
        force=given.force,
        canary=given.canary_size,
        allow_clears=given.allow_clears,
        expect_changes=expected_changes(given.expect_changes),
    )
    return go_on(
        terminal,
        given,
        folder,
        request,
        asks=asks,
        check=lambda preflight: check_same_workspace(record, preflight),
    )
