"""Print earlier runs: a table of all, and the details of one."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.jobs.request import command
from batch.jobs.runs import ListedRun, settled_by
from batch.model import Result
from batch.recording.history import NewerRun
from batch.recording.runfile import RunState
from batch.terminal.last_lines import Next
from batch.terminal.prose import print_whole
from batch.visible import visible
from batch.wording.amounts import duration, join_words, size_of
from batch.wording.runs import Standing, result_words

_STYLES = {
    Standing.AT_WORK: "cyan",
    Standing.PLANNED: "",
    Standing.WELL: "green",
    Standing.NOTHING: "green",
    Standing.PARTLY: "yellow",
    Standing.FAILED: "red",
    Standing.OPEN: "yellow",
}
_WIDE = 100  # columns that have room for years
_LEAST_ROOM = 12  # columns for the name of another run; less says nothing


def print_runs(console: Console, runs: Sequence[ListedRun]) -> None:
    """Print one line for each run. Its name comes last and is never broken, to be copied."""
    rows = [
        (
            _when(run.record.started_at, is_short=console.width < _WIDE),
            "practice" if run.record.sandbox else run.kind,
            result_words(run.state, run.counts, is_undo=run.record.undo_of is not None),
            "" if run.record.took_s is None else duration(run.record.took_s),
        )
        for run in runs
    ]
    heading = ("Started (UTC)", "Kind", "Result", "Took")
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    took = widths[-1]
    names = [run.folder.name for run in runs]

    def line(*cells: str) -> str:
        *left, last = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return " ".join([*left, last.strip().rjust(took), ""])

    print_ready(console, Text(f"{line(*heading)}Run", style="bold"))
    for run, row in zip(runs, rows, strict=True):
        is_unique = names.count(run.folder.name) == 1 and not Path(run.folder.name).exists()
        name = run.folder.name if is_unique else shown_folder(run.folder)
        whole = f"{line(*row)}{visible(name)}"
        shown = Text(whole + _origin(run, room=console.width - cell_len(whole)))
        begin = sum(widths[:2]) + 2
        shown.stylize(_STYLES[run.standing], begin, begin + widths[2])
        print_ready(console, shown)


def _when(at: datetime, *, is_short: bool) -> str:
    if not is_short:
        return _shown(at, "%Y-%m-%d %H:%M")
    return _shown(at, "%d %b %H:%M" if at.year == datetime.now(UTC).year else "%Y-%m-%d")


def _origin(run: ListedRun, *, room: int) -> str:
    """Which run a retry or an undo goes back to, as far as there is room."""
    link = run.record.retry_of or run.record.undo_of
    if link is None:
        return ""
    words = f" of {visible(Path(link.folder).name)}"
    if cell_len(words) <= room:
        return words
    return f"{set_cell_size(words, room - 1).rstrip()}…" if room >= _LEAST_ROOM else ""


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


def print_ready(console: Console, line: Text) -> None:
    """Print one line with its colours, unbroken."""
    console.print(line, soft_wrap=True)


def print_run(console: Console, run: ListedRun) -> None:
    """Print the details of one run, a line each."""
    details = [(name, value) for name, value in _details(run) if value]
    width = max(len(name) for name, _ in details) + 2
    for name, value in details:
        if " " not in value:  # a path, an address or a hash, to be copied
            console.print(Text(name.ljust(width), "bold") + Text(visible(value)), soft_wrap=True)
            continue
        row = Table.grid()
        row.add_column(width=width, style="bold")
        row.add_row(name, Text(visible(value)))
        console.print(row)


def next_of(run: ListedRun, runs: Sequence[ListedRun]) -> Next:
    """What to do next; nothing while the run is at work. runs: all, the newest first."""
    folder = shown_folder(run.folder)
    if run.state == RunState.RUNNING:
        return Next()
    if run.state != RunState.FINISHED:
        word = "apply" if run.state == RunState.PLANNED else "resume"
        is_done = run.state == RunState.PLANNED and not run.counts[Result.UNSENT]
        return Next() if is_done else Next(command=command(word, folder))
    if run.counts[Result.ERROR] and (settled := settled_by(run, runs)):
        does = "shows the retry after which no row is left failed"
        return Next(command=command("runs", shown_folder(settled.folder)), does=does)
    if run.record.tally.may_pass:
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
    names = [f"{part.workspace.name} (parts/{part.folder})" for part in record.parts]
    yield "Workspaces", f"{len(names):,}: {join_words(names)}" if names else ""
    yield "Sent to", "a practice sandbox" if record.sandbox else record.base_url
    yield (
        "Workspace",
        f"{record.workspace.name} ({record.workspace.id})" if record.workspace else "",
    )
    yield "Retry of", record.retry_of.folder if record.retry_of else ""
    yield "Undo of", record.undo_of.folder if record.undo_of else ""
    yield "Started", _shown(record.started_at, "%Y-%m-%d %H:%M:%S UTC")
    yield "Ended", _shown(record.ended_at, "%Y-%m-%d %H:%M:%S UTC") if record.ended_at else ""
    yield "Took", "" if record.took_s is None else duration(record.took_s)
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


def _shown(at: datetime, pattern: str) -> str:
    return at.strftime(pattern)
