"""`verify` in a terminal: what it asks the server, and what it attests."""

import json
import os

from rich.table import Table

from batch.jobs.planning import check_no_plan
from batch.jobs.verifying import Verified, open_applied, verify
from batch.recording.runfile import read_record
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal, guarded
from batch.terminal.going_on import request_again
from batch.terminal.naming import named_run
from batch.terminal.reading_screen import ReadingScreen
from batch.terminal.signals import Interrupts
from batch.visible import visible
from batch.wording.amounts import count_of

FIRST = 20  # differences that are shown


def verify_run(options: CliOptions, interrupts: Interrupts) -> int:
    """`verify`: whether the leads are what a run made them. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def do() -> int:
        folder = named_run(options.run)
        record = read_record(folder / "run.json")
        check_no_plan(folder, record, so="nothing can be verified", options=options.key_options)
        request = request_again(terminal, options, folder, os.environ)
        with (
            open_applied(folder, record, request) as applied,
            ReadingScreen(terminal, shown=not options.quiet) as screen,
        ):
            verified = terminal.interrupts.run(lambda: verify(applied, on_reading=screen.show))
        return _tell(terminal, verified, run=str(folder), quiet=options.quiet or options.as_json)

    return guarded(terminal, do)


def _tell(terminal: Terminal, verified: Verified, *, run: str, quiet: bool) -> int:
    exit_code = int(verified.holding < verified.rows)
    if exit_code and not quiet:
        _print_first(terminal, verified)
    holding = f"{verified.holding:,} of {count_of(verified.rows, 'row')} hold what was set"
    next_step = f"see which do not, in {verified.path}" if exit_code else "nothing to do"
    answer = {
        "state": "verified",
        "exit_code": exit_code,
        "run": run,
        "rows": verified.rows,
        "holding": verified.holding,
        "file": str(verified.path),
        "requests": verified.requests,
    }
    line = f"verified: {holding}; file: {verified.path}; next: {next_step}"
    terminal.end(line, answer=json.dumps(answer))
    return exit_code


def _print_first(terminal: Terminal, verified: Verified) -> None:
    """The first values that are not there, as a table."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("Line", "Column", "Set by the run", "Now"):
        table.add_column(name, justify="right" if name == "Line" else "left", overflow="fold")
    for line, _, _, column, wanted, found in verified.different.head(FIRST).iter_rows():
        table.add_row(f"{line:,}", column, visible(wanted), visible(found))
    terminal.err.print(table)
    left = len(verified.different) - FIRST
    if left > 0:
        terminal.say(f"… and {left:,} more in {verified.path}")
