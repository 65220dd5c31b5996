"""Print earlier runs: a table of all, and the details of one."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.jobs.request import command
from batch.jobs.runs import ListedRun
from batch.model import Reason, Result
from batch.recording.history import NewerRun
from batch.recording.runfile import RunState
from batch.terminal.last_lines import Next
from batch.terminal.prose import print_whole
from batch.visible import visible
from batch.wording.amounts import duration, size_of
from batch.wording.runs import BROKE_OFF

_STYLES = {RunState.FINISHED.value: "green", RunState.RUNNING.value: "cyan"}


def print_runs(console: Console, runs: Iterable[ListedRun]) -> None:
    """Print two lines for each run: its state and counts, and its folder, unbroken to be copied."""
    # With one space between columns, counts of six digits and a long run still fit in 80.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for heading in ("Started (UTC)", "State"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Success", "Error", "Skipped", "Unsent", "Took", "Size"):
        table.add_column(heading, justify="right", no_wrap=True)
    folders = []
    for run in runs:
        record = run.record
        table.add_row(
            _shown(record.started_at, "%Y-%m-%d %H:%M"),
            Text(run.state, _STYLES.get(run.state, "red" if run.state == BROKE_OFF else "yellow")),
            *(f"{count:,}" for count in run.counts.values()),
            _took(run),
            size_of(run.size_bytes),
        )
        folders.append(" ".join(["  ", shown_folder(run.folder), *_remarks(run)]))
    with console.capture() as captured:
        console.print(table)
    heading, *lines = captured.get().splitlines()
    print_ready(console, heading)
    for line, folder in zip(lines, folders, strict=True):
        print_ready(console, line)
        print_whole(console, folder)


def print_newer(console: Console, runs: Iterable[NewerRun]) -> None:
    """Print the user's runs that this version can't read, each with what to do."""
    print_whole(console, "Made by a newer version of this program:")
    for run in runs:
        print_whole(console, f"   {run.refusal}")


def print_others(console: Console, folders: Iterable[Path]) -> None:
    """Print the folders among the runs that are not in the user's list, by their paths alone."""
    print_whole(console, "Not yours (not in your list of runs):")
    for folder in folders:
        print_whole(console, f"   {shown_folder(folder)}")


def print_ready(console: Console, line: str) -> None:
    """Print a line that already contains its colours."""
    console.print(Text.from_ansi(line), soft_wrap=True)


def print_run(console: Console, run: ListedRun) -> None:
    """Print the details of one run, a line each."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _details(run):
        if value:
            table.add_row(name, Text(visible(value)))
    console.print(table)


def next_of(run: ListedRun) -> Next:
    """What to do next; nothing while the run is at work."""
    folder = shown_folder(run.folder)
    if run.state == RunState.RUNNING:
        return Next()
    if run.state == RunState.PLANNED:
        to_send = run.counts[Result.UNSENT]
        return Next(command=command("apply", folder)) if to_send else Next()
    if run.state != RunState.FINISHED:
        return Next(command=command("resume", folder))
    if any(run.record.reasons.get(reason) for reason in Reason if reason.may_pass):
        return Next(command=command("retry", folder))
    if not run.counts[Result.ERROR] or run.record.undo_of:  # of whose rows nobody wrote one
        return Next()
    return Next(
        first=f"fix the rows in {shown_folder(run.folder / 'failed.csv')}, and run that file"
    )


def shown_folder(folder: Path) -> str:
    """A folder's shortest path that a command finds from here."""
    here = Path.cwd()
    whole = folder.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)


def _details(run: ListedRun) -> Iterator[tuple[str, str]]:
    record = run.record
    yield "Run", shown_folder(run.folder)
    yield "State", ": ".join(filter(None, (run.state, record.stop_reason)))
    yield "Exit code", "" if record.exit_code is None else str(record.exit_code)
    yield "Input", f"{record.input.name} ({size_of(record.input.size_bytes)})"
    yield "", record.input.original or ""
    yield "sha256", record.input.sha256
    yield "Sent to", "a practice sandbox" if record.sandbox else record.base_url
    yield (
        "Workspace",
        f"{record.workspace.name} ({record.workspace.id})" if record.workspace else "",
    )
    yield "Retry of", record.retry_of.folder if record.retry_of else ""
    yield "Undo of", record.undo_of.folder if record.undo_of else ""
    yield "Started", _shown(record.started_at, "%Y-%m-%d %H:%M:%S UTC")
    yield "Ended", _shown(record.ended_at, "%Y-%m-%d %H:%M:%S UTC") if record.ended_at else ""
    yield "Resumed", {0: "", 1: "once"}.get(record.resumed, f"{record.resumed} times")
    yield "Process", str(record.pid) if run.state == RunState.RUNNING else ""
    yield "Requests", f"{record.requests:,}"
    yield "Pace", record.pace
    yield "Rows", f"{record.rows:,}"
    for result, count in run.counts.items():
        yield f"  {result}", f"{count:,}"
    for reason, count in record.reasons.items():
        yield f"    {reason}", f"{count:,}"
    yield "Size", size_of(run.size_bytes)
    yield "Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())


def _remarks(run: ListedRun) -> Iterator[str]:
    if run.record.sandbox:
        yield "(practice)"
    if run.record.undo_of:
        yield f"(undo of {Path(run.record.undo_of.folder).name})"
    if run.record.retry_of:
        yield f"(retry of {Path(run.record.retry_of.folder).name})"


def _took(run: ListedRun) -> str:
    record = run.record
    if record.ended_at is None:
        return ""
    return duration(max(0.0, (record.ended_at - record.started_at).total_seconds()))


def _shown(at: datetime, pattern: str) -> str:
    return at.strftime(pattern)
