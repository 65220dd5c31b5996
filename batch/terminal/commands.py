"""The commands in a terminal: which use cases they call, what they show, and their exit codes."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import anyio

from batch.errors import DeclinedError
from batch.jobs import execution, job
from batch.jobs.ending import Report
from batch.jobs.preflight import Preflight
from batch.jobs.request import command
from batch.jobs.resuming import reopen_run, request_of
from batch.recording.runfile import read_record
from batch.settings.credentials import read_credentials
from batch.settings.load import LoadedSettings, default_config_dir
from batch.terminal import demo as demo_input
from batch.terminal import summary
from batch.terminal.console import NOT_STARTED, Terminal, ended, guarded, somebody_is_there
from batch.terminal.given import Given
from batch.terminal.problem_list import write_problems
from batch.terminal.screen import make_screen
from batch.terminal.signals import Interrupts


def run(given: Given) -> int:
    """`run`: the whole way. Gives the exit code."""
    terminal = _terminal(given)
    if given.dry_run:
        return guarded(terminal, lambda: _dry_run(terminal, given))
    return guarded(terminal, lambda: _run(terminal, given, _load(terminal, given), os.environ))


def resume(given: Given) -> int:
    """`resume`: go on with an earlier run, whose folder `file` is. Gives the exit code."""
    terminal = _terminal(given)
    return guarded(terminal, lambda: _resume(terminal, given, os.environ))


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

    return guarded(terminal, run_demo)


def check(given: Given) -> int:
    """`check`: judge, show and write nothing but what was asked for. Gives the exit code."""
    terminal = _terminal(given)
    return guarded(terminal, lambda: _check(terminal, given))


def refuse(message: str, *, as_json: bool, exit_code: int) -> int:
    """A command line that is no command, or one that did not begin. Gives the exit code."""
    state = NOT_STARTED if exit_code == 2 else "interrupted"
    return ended(Terminal(as_json=as_json), message, state=state, exit_code=exit_code)


def _run(
    terminal: Terminal, given: Given, loaded: LoadedSettings, environ: Mapping[str, str]
) -> int:
    credentials = given.credentials(loaded, environ)
    if credentials:
        terminal.key = credentials.api_key
        for note in credentials.notes:
            terminal.note(note)
    asks = _asks(given, practice=given.sandbox, or_else=", or --dry-run to see what would be sent")
    interrupts = Interrupts()
    with ExitStack() as tidied, job.open_run(given.request(loaded, credentials)) as opened:
        preflight = _ask_server(terminal, opened, opened.table.notes)
        ready = opened.judge(preflight, can_ask=asks)
        for note in opened.table.warnings:
            terminal.note(note)
        if not ready.plan.rows:
            terminal.note(header_only(opened.request.source.name))
        _confirm(terminal, ready, asks=asks)
        # Until all is tidied up: whoever interrupts now gets the run's results, not less.
        tidied.enter_context(interrupts.caught())
        report = _execute(terminal, given, ready, interrupts)
    return _tell(terminal, report, quiet=given.quiet)


def _resume(terminal: Terminal, given: Given, environ: Mapping[str, str]) -> int:
    folder = Path(given.file)
    request = request_of(folder, read_record(folder / "run.json"))
    request = replace(request, settings=given.replaced(request.settings))
    if not request.sandbox:
        credentials = read_credentials(request.settings, environ)
        terminal.key = credentials.api_key
        request = replace(
            request, api_key=credentials.api_key, workspace_id=credentials.workspace_id
        )
    asks = _asks(given, practice=request.sandbox)
    interrupts = Interrupts()
    with ExitStack() as tidied, reopen_run(folder, request) as reopened:
        preflight = _ask_server(terminal, reopened.opened, reopened.notes)
        ready = reopened.judge(preflight)
        _confirm(terminal, ready, asks=asks)
        tidied.enter_context(interrupts.caught())
        report = _execute(terminal, given, ready, interrupts)
    return _tell(terminal, report, quiet=given.quiet)


def _asks(given: Given, *, practice: bool, or_else: str = "") -> bool:
    """Whether a question is put before sending. Raises DeclinedError when nobody can answer it."""
    if practice or given.yes:
        return False
    if not somebody_is_there():
        raise DeclinedError(
            "Nothing was sent: there is no terminal to ask. Add --yes to send without asking"
            f"{or_else}."
        )
    return True


def _ask_server(terminal: Terminal, opened: job.OpenRun, notes: Sequence[str]) -> Preflight:
    """Ask the server, telling what should be known before anything is sent."""
    for note in notes:
        terminal.note(note)
    preflight = anyio.run(opened.ask)
    for note in preflight.notes:
        terminal.note(note)
    return preflight


def _confirm(terminal: Terminal, ready: job.ReadyRun, *, asks: bool) -> None:
    """Put the question, or only tell it. Raises DeclinedError unless the answer is yes."""
    if not asks or not ready.work.requests:
        terminal.note(ready.question.text)
        return
    if not terminal.ask(ready.question):
        raise DeclinedError("Nothing was sent: the question was not answered with yes.")


def _execute(
    terminal: Terminal, given: Given, ready: job.ReadyRun, interrupts: Interrupts
) -> Report:
    with make_screen(terminal.err, quiet=given.quiet) as screen:
        return anyio.run(
            lambda: execution.execute(ready, on_moment=screen.show, interrupts=interrupts)
        )


def _tell(terminal: Terminal, report: Report, *, quiet: bool) -> int:
    """Tell how the run ended. Gives the exit code."""
    if not quiet:
        with suppress(KeyboardInterrupt):  # the run has ended, and the last line says how
            summary.print_report(terminal.err, report)
    results = report.files.results if report.files else None
    line = summary.last_line(
        report.state, report.tally, results=results, next_command=summary.next_words(report)
    )
    terminal.end(line, answer=summary.report_json(report))
    return report.exit_code


def _terminal(given: Given) -> Terminal:
    return Terminal(quiet=given.quiet, as_json=given.as_json)


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
    for note in (*checked.table.notes, *checked.table.warnings):
        terminal.note(note)
    if not checked.plan.rows:
        terminal.note(header_only(checked.request.source.name))
    if not (given.as_json or given.quiet):
        option = "--problems FILE"
        all_problems = f"check {option}" if given.dry_run else option
        summary.print_check(terminal.out, checked, name=given.file, all_problems=all_problems)
    line = summary.last_line(
        state,
        summary.judged_tally(checked.plan),
        results=None,
        next_command=_next_of(checked),
    )
    terminal.end(line, answer=summary.judged_json(checked, state=state, exit_code=exit_code))


def _next_of(checked: job.Checked) -> str:
    """The run that a check leads to, and what stands in its way."""
    request = checked.request
    words = (request.source.argument, *request.reading_options, *request.repeated_options)
    if checked.plan.tally.error:
        return f"mend the problems, then {command('run', *words)}"
    return command("run", *words, *(["--allow-clears"] if checked.refusal else []))


def header_only(name: str) -> str:
    """What is said of a file without rows."""
    return f"{name} has a header and no rows."
