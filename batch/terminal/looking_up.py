"""Looking up leads by their e-mail addresses in a terminal: what is said and shown of it."""

from batch.jobs.opening import OpenRun
from batch.jobs.preflight import Preflight
from batch.jobs.resolving import is_needed, resolve
from batch.jobs.snapshotting import Reading
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal
from batch.terminal.reading_screen import ReadingScreen
from batch.wording.amounts import count_of


def look_up_leads(
    terminal: Terminal, options: CliOptions, opened: OpenRun, preflight: Preflight
) -> None:
    """Look up the leads of a run that names them by e-mail address; nothing for any other run."""
    if not is_needed(opened):
        return
    last: list[Reading] = []
    with ReadingScreen(terminal, shown=not options.quiet) as screen:

        def show(reading: Reading) -> None:
            last[:] = [reading]
            screen.show(reading)

        terminal.interrupts.run(lambda: resolve(opened, preflight, on_reading=show))
    for reading in last:
        leads = count_of(reading.leads, "lead")
        campaigns = count_of(reading.campaigns, "campaign")
        terminal.note(f"Looked up by e-mail address among {leads} of {campaigns}.")
