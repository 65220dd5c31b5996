"""A check and a dry run in a terminal: what they show of a judged spreadsheet, and exit codes."""

import os
from dataclasses import replace
from pathlib import Path

from batch.jobs.check import Checked, header_only, seen_by, write_problems
from batch.jobs.check import check as check_table
from batch.jobs.request import Request, command
from batch.jobs.requesting import load_with, request_of
from batch.judging.guardrails import too_many_clears
from batch.settings.credentials import key_at_hand
from batch.settings.load import LoadedSettings, default_config_dir
from batch.settings.options import CliOptions
from batch.terminal import report_json, summary
from batch.terminal.console import Terminal, somebody_is_there
from batch.terminal.endings import guarded
from batch.terminal.gate import tell_foreign
from batch.terminal.last_lines import Next, counted
from batch.terminal.signals import Interrupts
from batch.wording.runs import check_headline


def check(options: CliOptions, interrupts: Interrupts) -> int:
    """`check`: judge, show and write nothing but what was asked for. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _check(terminal, options))


def dry_run(options: CliOptions, interrupts: Interrupts) -> int:
    """`run --dry-run`: judge and forecast as the run would. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)
    return guarded(terminal, lambda: _dry_run(terminal, options))


def load(terminal: Terminal, options: CliOptions) -> LoadedSettings:
    """The settings, and a note that names their file. Raises SettingsError."""
    loaded = load_with(options, os.environ, cwd=Path.cwd(), config_dir=default_config_dir())
    if loaded.source:
        terminal.note(f"Settings: {loaded.source}")
    tell_foreign(terminal, loaded)
    return loaded


def _request_of(terminal: Terminal, options: CliOptions) -> Request:
    loaded = load(terminal, options)
    request = request_of(options, loaded, None, is_watched=somebody_is_there())
    key = None if options.sandbox else key_at_hand(loaded, os.environ)
    seen = None if options.sandbox else seen_by(loaded.settings, key, request.session.state_dir)
    return replace(request, session=replace(request.session, seen=seen))


def _check(terminal: Terminal, options: CliOptions) -> int:
    with check_table(_request_of(terminal, options)) as checked:
        exit_code = 2 if checked.plan.tally.error else 0
        if options.problems:
            write_problems(checked.plan.problems(), options.problems, read_from=options.path)
            terminal.note(f"All problems are in {options.problems}")
        _show(terminal, options, checked, all_problems="--problems FILE")
        return _end(terminal, checked, state="checked", exit_code=exit_code)


def _dry_run(terminal: Terminal, options: CliOptions) -> int:
    with check_table(_request_of(terminal, options)) as checked:
        exit_code = 2 if checked.refusal else int(bool(checked.plan.tally.error))
        _show(terminal, options, checked, all_problems="check --problems FILE")
        return _end(terminal, checked, state="dry_run", exit_code=exit_code)


def _show(terminal: Terminal, options: CliOptions, checked: Checked, *, all_problems: str) -> None:
    terminal.interrupts.check()
    for note in (*checked.table.notes, *checked.missing):
        terminal.note(note)
    if checked.table.is_by_email:
        terminal.note("Leads are named by e-mail address: their ids are looked up in a run.")
    if not checked.plan.rows:
        terminal.note(header_only(checked.request.source.name))
    if not (options.as_json or options.quiet):
        summary.print_check(terminal.out, checked, name=options.file, all_problems=all_problems)


def _end(terminal: Terminal, checked: Checked, *, state: str, exit_code: int) -> int:
    next_command = _next_command(checked)
    fix = "fix the problems" if checked.plan.tally.error else ""
    end = counted(
        state,
        summary.judged_tally(checked.plan),
        results=None,
        then=Next(first=fix, command=next_command),
        headline=check_headline(checked.plan.rows, checked.plan.tally),
    )
    answer = report_json.judged(
        checked, state=state, exit_code=exit_code, next_command=next_command
    )
    terminal.end(end, answer=answer)
    return exit_code


def _next_command(checked: Checked) -> str:
    """The run that a check leads to."""
    request = checked.request
    out = ("--out", str(request.session.out)) if request.session.out else ()
    words = (
        request.source.argument,
        *request.reading_options,
        *request.options_for("run"),
        *out,
    )
    is_held = checked.refusal is not None and not checked.plan.tally.error
    is_clears = is_held and too_many_clears(checked.plan) is not None
    return command("run", *words, *(["--allow-clears"] if is_clears else []))
