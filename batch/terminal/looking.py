"""Reading the leads of a run in a terminal, before it is asked whether to send."""

from batch.jobs import diff_leads
from batch.jobs.diff_leads import LeadsNotReadError, Look
from batch.jobs.opening import JudgedRun, LeadsDiff
from batch.terminal.console import Terminal
from batch.terminal.reading_screen import ReadingScreen


def look(terminal: Terminal, judged: JudgedRun, *, quiet: bool) -> LeadsDiff | None:
    """What the leads of a run are now, as far as it is to look at them; None if it is not."""
    how = diff_leads.look_of(judged.opened)
    if how is None or not judged.plan.requests:
        return None
    if not how.pays:
        return look_whole(terminal, judged, how, quiet=quiet)
    try:
        with ReadingScreen(terminal, shown=not quiet) as screen:
            return terminal.interrupts.run(
                lambda: diff_leads.look(judged, how, on_reading=screen.show)
            )
    except LeadsNotReadError as error:  # reading was to spare requests; it is no condition
        terminal.note(f"{error} So no row is left out for being so already.")
        return None


def look_whole(terminal: Terminal, judged: JudgedRun, how: Look, *, quiet: bool) -> LeadsDiff:
    """What all leads of a run are now. Raises LeadsNotReadError."""
    with ReadingScreen(terminal, shown=not quiet) as screen:
        seen = terminal.interrupts.run(lambda: diff_leads.look(judged, how, on_reading=screen.show))
    if seen is None:
        raise ValueError("leads that must be read were not")
    return seen
