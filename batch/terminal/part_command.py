"""`part` in a terminal: one part of a run as a process of its own, for array jobs and xargs."""

import os
from collections.abc import Mapping
from pathlib import Path

from batch.errors import SettingsError
from batch.jobs.resume import resume
from batch.recording.locks import LockedError
from batch.recording.parts import read_part
from batch.recording.runfile import PARTS, RunState, read_record
from batch.settings.options import CliOptions
from batch.terminal import report_json
from batch.terminal.commands import past_run
from batch.terminal.console import Terminal
from batch.terminal.endings import ended, guarded, tell
from batch.terminal.last_lines import Next, counted
from batch.terminal.past import named_run
from batch.terminal.signals import Interrupts

AT_WORK = 4  # the exit code where another process is at it
_DIGITS = 6  # of a part's number
# What engines of array jobs call the number of a task, which they count from 0 unless told.
_VARIABLES = ("JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "AWS_BATCH_JOB_ARRAY_INDEX")


def part(options: CliOptions, interrupts: Interrupts) -> int:
    """`part`: send what is left of one part. Gives the exit code.

    0 once all its rows have an outcome, whatever it is; 3 where it can be run again; 2 where that
    can't help; 4 where another process is at it.
    """
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json, yes=True)

    def send_it() -> int:
        folder = _part_of(named_run(terminal, options, does="part"), options, os.environ)
        record = read_record(folder / "run.json")
        if record.state is RunState.FINISHED:
            end = counted(record.state, record.tally, results=None, then=Next())
            terminal.end(end, answer=report_json.done(folder, record))
            return 0
        try:
            outcome = resume(past_run(terminal, options, folder), terminal)
        except LockedError as error:
            return ended(terminal, error.advice, state="at_work", exit_code=AT_WORK)
        # Engines of array jobs call every code but 0 a failure, also that of a wrong row.
        return tell(terminal, outcome, options, has_wrong=0)

    return guarded(terminal, send_it)


def _part_of(whole: Path, options: CliOptions, environ: Mapping[str, str]) -> Path:
    """The folder of the part that is meant. Raises UsageError."""
    record = read_record(whole / "run.json")
    if not record.parts:
        raise SettingsError(f"{whole}: has no parts. `run FILE --on parts` makes them.")
    index, place = _index(options, environ)
    most = len(record.parts) - 1 + options.index_base
    if not options.index_base <= index <= most:
        raise SettingsError(
            f"{place}: found {index}; expected a part of {whole}, from {options.index_base} to "
            f"{most}."
        )
    part = record.parts[index - options.index_base]
    read_part(whole, record, part)
    return whole / PARTS / part.folder


def _index(options: CliOptions, environ: Mapping[str, str]) -> tuple[int, str]:
    """Which part, and where that is said."""
    said = {name: environ[name] for name in _VARIABLES if environ.get(name)}
    if options.index is not None:
        said = {"INDEX": options.index}
    wrong = next((name for name, text in said.items() if not _is_number(text)), None)
    if wrong:
        raise SettingsError(f"{wrong}: found {said[wrong]!r}; expected a whole number.")
    if len({int(text) for text in said.values()}) > 1:
        both = " and ".join(f"{name} {text}" for name, text in said.items())
        raise SettingsError(f"{both} disagree. Name the part: `part RUN INDEX`.")
    for name, text in said.items():
        return int(text), name
    raise SettingsError(
        f"INDEX: found none, and none of {', '.join(_VARIABLES)} in the environment; expected the "
        "number of a part."
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS
