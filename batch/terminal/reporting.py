"""`report` in a terminal: a run's page made again."""

import json

from batch.jobs.report import remake_report
from batch.recording.state import default_state_dir
from batch.settings.options import CliOptions
from batch.terminal.browser import open_page
from batch.terminal.console import Terminal
from batch.terminal.endings import guarded
from batch.terminal.naming import folder_for_files, named_run
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of


def report(options: CliOptions, interrupts: Interrupts) -> int:
    """`report`: write the report of a run, or of a plan, again. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def write_it() -> int:
        folder = named_run(options.run)
        into = folder_for_files("report", folder, options.out)
        remade = remake_report(folder, state_dir=default_state_dir(), into=into)
        if options.opens:
            open_page(terminal, remade.path)
        answer = {
            "state": "reported",
            "exit_code": 0,
            "run": str(folder),
            "rows": remade.rows,
            "files": {"report": str(remade.path)},
        }
        rows = count_of(remade.rows, "row")
        line = f"reported: {rows}; report: {remade.path}; next: nothing to do"
        terminal.end(line, answer=json.dumps(answer))
        return 0

    return guarded(terminal, write_it)
