"""The commands in a terminal: what they print where, what they ask, and their exit codes.

Standard output is for what `check` found and for `--json`; all else goes to standard error, whose
last line always says how it ended.
"""

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import anyio
from pydantic import SecretStr
from rich.console import Console
from rich.text import Text

from batch import demo as demo_input
from batch import execution, job, summary
from batch.credentials import read_credentials
from batch.ending import Report
from batch.errors import BatchError, DeclinedError, UsageError
from batch.given import Given
from batch.model import Tally
from batch.problem_list import write_problems
from batch.question import Question
from batch.request import command
from batch.resuming import reopen_run, request_of
from batch.runfile import read_record
from batch.screen import make_screen
from batch.settings import LoadedSettings, default_config_dir
from batch.signals import Interrupts, TerminatedError, exit_on_sigterm

PLAIN_WIDTH = 160  # columns where there is no terminal to measure
NOT_STARTED = "refused"


class Terminal:
    """Where one command prints.

    key: what must never be printed, once it is known.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self._quiet = quiet
        self._as_json = as_json
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        self.key = SecretStr("")

    def note(self, text: str) -> None:
        """A sentence for a person; `--quiet` leaves it out."""
        if not self._quiet:
            self.say(text)

    def say(self, text: str, *, style: str = "") -> None:
        """Lines for a person."""
        shown = "\n".join(map(summary.visible, text.split("\n")))
        self.err.print(Text(shown, style=style), soft_wrap=True)

    def end(self, line: str, *, answer: str) -> None:
        """The last line, and with `--json` the one object on standard output."""
        if self._as_json:
            self.out.print(Text(answer), soft_wrap=True)
        self.say(line)

    def ask(self, question: Question) -> bool:
        """Put the question; a closed input is a no."""
        self.say(question.text)
        if question.typed_number is None:
            wanted, prompt = {"y", "yes"}, "Go on? [y/N] "
        else:
            number = question.typed_number
            wanted, prompt = {str(number)}, f"Most rows clear the tag. Type {number} to go on: "
        self.err.print(Text(prompt), end="")
        answer = ""
        try:
            answer = sys.stdin.readline()
        finally:
            if not answer.endswith("\n"):  # Ctrl-C or Ctrl-D left the line open
                self.err.print()
        return answer.strip().lower().replace(",", "") in wanted


def run(given: Given) -> int:
    """`run`: the whole way. Gives the exit code."""
    terminal = _terminal(given)
    if given.dry_run:
        return _guarded(terminal, lambda: _dry_run(terminal, given))
    return _guarded(terminal, lambda: _run(terminal, given, _load(terminal, given), os.environ))


def resume(given: Given) -> int:
    """`resume`: go on with an earlier run, whose folder `file` is. Gives the exit code."""
    terminal = _terminal(given)
    return _guarded(terminal, lambda: _resume(terminal, given, os.environ))


def demo(*, rate: str | None, quiet: bool) -> int:
    """`demo`: an input of its own against a sandbox of its own. Gives the exit code."""
    terminal = Terminal(quiet=quiet)

    def run_demo() -> int:
        with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as folder:
            path = demo_input.write_demo(Path(folder))
            given = Given(file=str(path), rate=rate, quiet=quiet, sandbox=True)
            # No settings file, no environment: the demo needs nothing but the program.
            loaded = given.load({}, cwd=path.parent, config_dir=None)
            return _run(terminal, given, loaded, {})

    return _guarded(terminal, run_demo)


def check(given: Given) -> int:
    """`check`: judge, show and write nothing but what was asked for. Gives the exit code."""
    terminal = _terminal(given)
    return _guarded(terminal, lambda: _check(terminal, given))


def refuse(message: str, *, as_json: bool) -> int:
    """A command line that is no command. Gives the exit code."""
    return _ended(Terminal(as_json=as_json), message, state=NOT_STARTED, exit_code=2)


def _run(
    terminal: Terminal, given: Given, loaded: LoadedSettings, environ: Mapping[str, str]
) -> int:
    credentials = given.credentials(loaded, environ)
    if credentials:
        terminal.key = credentials.api_key
        for note in credentials.notes:
            terminal.note(note)
    asks = not (given.sandbox or given.yes)
    if asks and not _somebody_is_there():
        raise DeclinedError(
            "Nothing was sent: there is no terminal to ask. Add --yes to send without asking, "
            "or --dry-run to see what would be sent."
        )
    screen = make_screen(terminal.err, quiet=given.quiet)
    interrupts = Interrupts()
    with ExitStack() as ending, job.open_run(given.request(loaded, credentials)) as opened:
        ready = _make_ready(terminal, opened, asks=asks)
        if asks and ready.plan.requests and not terminal.ask(ready.question):
            raise DeclinedError("Nothing was sent: the question was not answered with yes.")
        # Until all is tidied up: whoever interrupts now gets the run's results, not less.
        ending.enter_context(interrupts.caught())
        with screen:
            report = anyio.run(
                lambda: execution.execute(ready, on_moment=screen.show, interrupts=interrupts)
            )
    _tell(terminal, report, quiet=given.quiet)
    return report.exit_code


def _resume(terminal: Terminal, given: Given, environ: Mapping[str, str]) -> int:
    folder = Path(given.file)
    record = read_record(folder / "run.json")
    request = request_of(folder, record)
    request = replace(request, settings=given.replaced(request.settings))
    if not request.sandbox:
        credentials = read_credentials(request.settings, environ)
        terminal.key = credentials.api_key
        request = replace(
            request, api_key=credentials.api_key, workspace_id=credentials.workspace_id
        )
    asks = not (request.sandbox or given.yes)
    if asks and not _somebody_is_there():
        raise DeclinedError(
            "Nothing was sent: there is no terminal to ask. Add --yes to go on without asking."
        )
    screen = make_screen(terminal.err, quiet=given.quiet)
    interrupts = Interrupts()
    with ExitStack() as ending, reopen_run(folder, request) as reopened:
        for note in reopened.notes:
            terminal.note(note)
        preflight = anyio.run(reopened.opened.ask)
        for note in preflight.notes:
            terminal.note(note)
        ready = reopened.judge(preflight)
        if not asks or not ready.work.requests:
            terminal.note(ready.question.text)
        elif not terminal.ask(ready.question):
            raise DeclinedError("Nothing was sent: the question was not answered with yes.")
        ending.enter_context(interrupts.caught())
        with screen:
            report = anyio.run(
                lambda: execution.execute(ready, on_moment=screen.show, interrupts=interrupts)
            )
    _tell(terminal, report, quiet=given.quiet)
    return report.exit_code


def _make_ready(terminal: Terminal, opened: job.OpenRun, *, asks: bool) -> job.ReadyRun:
    """Ask the server and judge the file, telling what should be known before anything is sent."""
    for note in opened.table.notes:
        terminal.note(note)
    preflight = anyio.run(opened.ask)
    for note in preflight.notes:
        terminal.note(note)
    ready = opened.judge(preflight, can_ask=asks)
    if not ready.plan.rows:
        terminal.note(f"{opened.request.source.name} has a header and no rows.")
    if not asks or not ready.plan.requests:
        terminal.note(ready.question.text)
    return ready


def _tell(terminal: Terminal, report: Report, *, quiet: bool) -> None:
    if not quiet:
        with suppress(KeyboardInterrupt):  # the run has ended, and the last line says how
            summary.print_report(terminal.err, report)
    results = report.files.results if report.files else None
    line = summary.last_line(
        report.state, report.tally, results=results, next_command=report.next_command
    )
    terminal.end(line, answer=summary.report_json(report))


def _terminal(given: Given) -> Terminal:
    return Terminal(quiet=given.quiet, as_json=given.as_json)


def _somebody_is_there() -> bool:
    """Whether a question can be seen and answered; without standard input there is no file."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def _load(terminal: Terminal, given: Given) -> LoadedSettings:
    loaded = given.load(os.environ, cwd=Path.cwd(), config_dir=default_config_dir())
    if loaded.source:
        terminal.note(f"Settings: {loaded.source}")
    return loaded


def _dry_run(terminal: Terminal, given: Given) -> int:
    with job.check(given.request(_load(terminal, given), None)) as checked:
        exit_code = 2 if checked.refusal else int(bool(checked.plan.tally.error))
        _show_checked(terminal, given, checked, state="dry_run", exit_code=exit_code)
    return exit_code


def _check(terminal: Terminal, given: Given) -> int:
    with job.check(given.request(_load(terminal, given), None)) as checked:
        exit_code = 2 if checked.plan.tally.error else 0
        if given.problems:
            write_problems(checked.plan.problems(), given.problems, read_from=given.path)
            terminal.note(f"All problems are in {given.problems}")
        _show_checked(terminal, given, checked, state="checked", exit_code=exit_code)
    return exit_code


def _show_checked(
    terminal: Terminal, given: Given, checked: job.Checked, *, state: str, exit_code: int
) -> None:
    for note in checked.table.notes:
        terminal.note(note)
    if not (given.as_json or given.quiet):
        option = "--problems FILE"
        all_problems = f"check {option}" if given.dry_run else option
        summary.print_check(terminal.out, checked, name=given.file, all_problems=all_problems)
    request = checked.request
    next_command = command(
        "run", request.source.argument, *request.reading_options, *request.repeated_options
    )
    if exit_code != 0:
        next_command = f"mend the problems, then {next_command}"
    line = summary.last_line(
        state, summary.judged_tally(checked.plan), results=None, next_command=next_command
    )
    terminal.end(line, answer=summary.judged_json(checked, state=state, exit_code=exit_code))


def _guarded(terminal: Terminal, command: Callable[[], int]) -> int:
    """Run a command; whatever ends it gets its sentence, its last line and its exit code."""
    try:
        with exit_on_sigterm():
            return command()
    except UsageError as error:
        return _ended(terminal, str(error), state=NOT_STARTED, exit_code=2)
    except BatchError as error:
        return _ended(terminal, str(error), state="failed", exit_code=3)
    except TerminatedError:
        return _ended(terminal, "Ended before sending.", state="interrupted", exit_code=143)
    except KeyboardInterrupt:
        return _ended(terminal, "Interrupted before sending.", state="interrupted", exit_code=130)
    except Exception as error:  # noqa: BLE001 - shown whole, and exit 3
        text = "".join(traceback.format_exception(error))
        key = terminal.key.get_secret_value()
        terminal.say(text.replace(key, "***") if key else text)
        message = "Unexpected error; nothing was sent. Please report what stands above."
        return _ended(terminal, message, state="failed", exit_code=3)


def _ended(terminal: Terminal, message: str, *, state: str, exit_code: int) -> int:
    terminal.say(message, style="red")
    mend = "mend what is said above, and " if exit_code == 2 else ""
    line = summary.last_line(state, Tally(), results=None, next_command=f"{mend}run it again")
    terminal.end(line, answer=summary.refused_json(message, state=state, exit_code=exit_code))
    return exit_code


class _Console(Console):
    """A console whose reader may leave: a run goes on unseen."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), self.file.fileno())


def _console(stream: TextIO | None) -> Console:
    """A console that shows texts as they are; a stream that is closed takes them to nowhere."""
    stream = stream or io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")  # a name may not fit the console's encoding
    width = None if stream.isatty() else PLAIN_WIDTH
    return _Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
