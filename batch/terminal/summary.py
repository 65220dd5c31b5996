"""Print what came of the rows: of a run by reason, of a check with the first problems."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.columns import Naming
from batch.jobs.check import Checked
from batch.jobs.outcome import RunOutcome
from batch.judging.plan import Plan, Problem
from batch.model import Reason, Result, Tally
from batch.recording.runfile import RunState
from batch.terminal.prose import print_sentences, print_whole
from batch.visible import visible
from batch.wording.amounts import count_of, duration
from batch.wording.questions import what_changes
from batch.wording.runs import mend_later, move_words, outcome_headline, sum_line

_STYLE_OF = {
    Result.SUCCESS: "green",
    Result.ERROR: "red",
    Result.SKIPPED: "dim",
    Result.UNSENT: "yellow",
}


_FILE_WORDS = {
    "results": "Results",
    "failed": "Failed rows",
    "failed_sheet": "Failed rows as a workbook",
    "report": "Report",
}


def print_outcome(console: Console, outcome: RunOutcome) -> None:
    """Print what came of a run for a person: a headline, why it ended early, results by reason."""
    console.print()
    headline = outcome_headline(outcome.state, outcome.tally, is_undo=outcome.is_undo)
    print_sentences(console, headline, style=f"bold {_style_of(outcome)}")
    if outcome.reason:
        print_sentences(console, outcome.reason, style="yellow")
    console.print()
    if outcome.tally.total():
        console.print(_reason_table(outcome, told=outcome.reason))
        console.print()
    if outcome.tally.total() != outcome.rows:
        print_sentences(console, f"Sum: {sum_line(outcome.tally, outcome.rows)}", style="red")
    _print_notes(console, outcome)
    to_mend = outcome.tally.to_mend
    is_finished = outcome.state is RunState.FINISHED and not outcome.is_undo
    if to_mend and is_finished and not outcome.to_mend and outcome.next_command:
        print_sentences(console, mend_later(to_mend))


def log_outcome(console: Console, outcome: RunOutcome) -> None:
    """Print what came of a run for a log: results by reason, their sum, and the files."""
    if outcome.tally.total():
        console.print(_reason_table(outcome))
    print_sentences(console, f"Sum: {sum_line(outcome.tally, outcome.rows)}", style="dim")
    _print_notes(console, outcome, outcome.reason)
    for name, path in shown_files(outcome).items():
        print_whole(console, f"{name.lower()}: {path}")


def _print_notes(console: Console, outcome: RunOutcome, *reasons: str) -> None:
    if outcome.moves:
        print_sentences(console, f"Subsequences: {move_words(outcome.moves)}.")
    for reason in filter(None, reasons):
        print_sentences(console, reason, style="yellow")
    files_note = outcome.files.note if outcome.files else ""
    for note in (files_note, outcome.report_note, outcome.pace_note):
        if note:
            print_sentences(console, note)


def _reason_table(outcome: RunOutcome, *, told: str = "") -> Table:
    """The results by reason, each with an example, of which what has been told is left out."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Rows", "Result", "Reason", "For example"):
        table.add_column(heading, justify="right" if heading == "Rows" else "left", overflow="fold")
    for reason, count in _by_reason(outcome.tally):
        line, message = outcome.examples.get(reason, (0, ""))
        is_told = not message or (told and told in message)
        example = "" if not line else f"line {line}" if is_told else f"line {line}: {message}"
        table.add_row(f"{count:,}", _styled(reason.result), reason.value, Text(visible(example)))
    return table


def _style_of(outcome: RunOutcome) -> str:
    if outcome.state is RunState.FAILED:
        return "red"
    is_whole = outcome.state is RunState.FINISHED and not outcome.tally.error
    return "green" if is_whole else "yellow"


def shown_files(outcome: RunOutcome) -> dict[str, str]:
    """The files to look at, by what each is called: failed rows only where there are any."""
    has_failed_rows = outcome.tally.error or outcome.tally.unsent
    return {
        _FILE_WORDS[name]: path
        for name, path in outcome_files(outcome).items()
        if has_failed_rows or name in {"results", "report"}
    }


def outcome_files(outcome: RunOutcome) -> dict[str, str]:
    """A run's files by kind, as in `--json`."""
    files = outcome.files
    paths = {
        "results": files.results if files else None,
        "failed": files.failed if files else None,
        "failed_sheet": files.failed_sheet if files else None,
        "report": outcome.report,
    }
    return {name: str(path) for name, path in paths.items() if path}


def judged_tally(plan: Plan) -> Tally:
    """A plan's rows by reason; rows to send count as not reached."""
    return Tally(plan.tally + Tally({Reason.NOT_REACHED: plan.sendable_rows}))


def print_check(console: Console, checked: Checked, *, name: str, all_problems: str) -> None:
    """Print a summary of a checked spreadsheet, and its first problems as a table.

    all_problems: the option or command that writes all problems.
    """
    plan = checked.plan
    console.print(
        Text.assemble((visible(name), "bold"), f": {count_of(plan.rows, 'row')}"), soft_wrap=True
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    rows = "row" if plan.sendable_rows == 1 else "rows"
    requests = count_of(plan.requests, "request")
    table.add_row(f"{plan.sendable_rows:,}", f"{rows} to send, as {requests}")
    table.add_row("", what_changes(plan))
    for reason, count in _by_reason(plan.tally):
        table.add_row(f"{count:,}", Text.assemble(_styled(reason.result), f" {reason}"))
    console.print(table)
    if plan.first_problems:
        console.print()
        console.print(problem_table(plan.first_problems))
        left = plan.tally.error - len(plan.first_problems)
        if left > 0:
            print_sentences(console, f"… and {left:,} more; {all_problems} writes all of them.")
    # Which of two workspaces is meant is no question of the last one.
    if any(
        each.reason is Reason.CONFLICT and each.column is not Naming.WORKSPACE
        for each in plan.first_problems
    ):
        print_sentences(console, "To send the last of values in conflict: --on-conflict last-wins.")
    if plan.requests:
        forecast = duration(checked.forecast_s)
        pace = f"{checked.rate_per_s:,.4g} requests a second"
        unless = ", if the server allows no other pace" if checked.is_auto else ""
        print_sentences(console, f"\nSending takes about {forecast} at {pace}{unless}.")
    if checked.refusal:
        print_sentences(console, checked.refusal, style="yellow")


def _by_reason(tally: Tally) -> list[tuple[Reason, int]]:
    """The reasons that occur, with their counts, in the order of `Reason`."""
    return [(reason, count) for reason in Reason if (count := tally[reason])]


def _styled(result: Result) -> Text:
    return Text(result.value, style=_STYLE_OF[result])


def problem_table(problems: Iterable[Problem]) -> Table:
    """Rows that are wrong, by line: which cell, and what was found in it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Line", justify="right")
    for heading in ("Column", "Reason", "Found, and what to do"):
        table.add_column(heading, overflow="fold")  # a long word is broken, never cut
    for problem in problems:
        table.add_row(
            str(problem.line),
            str(problem.column or ""),
            str(problem.reason),
            Text(visible(problem.message)),
        )
    return table
