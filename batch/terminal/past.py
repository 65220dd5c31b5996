"""`results`, `report` and `runs` in a terminal: earlier runs, to which nothing is sent."""

import json
import os
from pathlib import Path

from batch.errors import (
    DeclinedError,
    RunError,
    SettingsError,
    UnaskedError,
    UsageError,
)
from batch.jobs.plan import check_no_plan
from batch.jobs.report import remake_report
from batch.jobs.request import command
from batch.jobs.results import remake_results, remake_with_retries
from batch.jobs.runs import (
    CHANGING,
    LATEST,
    ListedRun,
    Runs,
    describe_run,
    find_run,
    is_named,
    latest_run,
    list_runs,
    parse_age,
    prunable,
    remove_runs,
)
from batch.recording.atomic_file import disk_errors
from batch.recording.history import read_run
from batch.recording.run_list import list_fault
from batch.recording.runfile import read_record
from batch.recording.state import default_state_dir
from batch.settings.load import default_config_dir, load_settings
from batch.settings.options import CliOptions
from batch.terminal import run_table
from batch.terminal.browser import open_page
from batch.terminal.console import Terminal, somebody_is_there
from batch.terminal.endings import guarded, tell
from batch.terminal.last_lines import End, Next
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of, size_of
from batch.wording.questions import Question


def results(options: CliOptions, interrupts: Interrupts) -> int:
    """`results`: make the results of an earlier run again. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def remake_them() -> int:
        if options.with_retries and options.attempts:
            raise UsageError(
                "--attempts: found --with-retries, too; expected one of the two. Each run and each "
                "retry has attempts of its own: name that one."
            )
        folder = named_run(terminal, options, does="results")
        check_no_plan(folder, read_record(folder / "run.json"), so="there are no results")
        into = _folder_for_files("results", folder, options.out)
        state_dir = default_state_dir()
        if options.with_retries:
            remade = remake_with_retries(folder, state_dir=state_dir, into=into)
        else:
            remade = remake_results(
                folder, state_dir=state_dir, into=into, attempts=options.attempts
            )
        for note in remade.notes:
            terminal.note(note)
        return tell(terminal, remade.outcome, options)

    return guarded(terminal, remake_them)


def report(options: CliOptions, interrupts: Interrupts) -> int:
    """`report`: write the report of a run, or of a plan, again. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def write_it() -> int:
        folder = named_run(terminal, options, does="report")
        into = _folder_for_files("report", folder, options.out)
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
        end = End(
            state="reported",
            came=rows,
            where=f"report: {remade.path}",
            headline=f"The report of {rows} was written.",
            files={"Report": str(remade.path)},
        )
        terminal.end(end, answer=json.dumps(answer))
        return 0

    return guarded(terminal, write_it)


def runs(options: CliOptions, interrupts: Interrupts) -> int:
    """`runs`: all earlier runs. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def list_them() -> int:
        known = list_runs(default_state_dir(), _runs_dir())
        if known.own and not (options.as_json or options.quiet):
            run_table.print_runs(terminal.out, known.own)
        if known.newer and not (options.as_json or options.quiet):
            run_table.print_newer(terminal.out, known.newer)
        if known.others and not (options.as_json or options.quiet):
            run_table.print_others(terminal.out, known.others)
        if fault := list_fault(default_state_dir()):
            terminal.note(fault)
        count = count_of(len(known.own), "run")
        then = Next()
        if known.own:
            newest = run_table.shown_folder(known.own[0].folder)
            then = Next(command=command("runs", newest), does="shows the newest")
        headline = "" if known.own else "There are no runs yet."
        end = End(state="listed", came=count, next=then, headline=headline)
        terminal.end(end, answer=_answer("listed", known.own, known))
        return 0

    return guarded(terminal, list_them)


def show(options: CliOptions, interrupts: Interrupts) -> int:
    """`runs RUN`: the details of one. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def show_it() -> int:
        folder = named_run(terminal, options, does="runs")
        record = read_run(folder).record
        run = describe_run(folder, record, state_dir=default_state_dir())
        known = list_runs(default_state_dir(), _runs_dir(options.config)).own
        if not (options.as_json or options.quiet):
            run_table.print_run(terminal.out, run)
        end = End(state=run.state, came=str(folder), next=run_table.next_of(run, known))
        terminal.end(end, answer=json.dumps(_as_json(run)))
        return 0

    return guarded(terminal, show_it)


def prune(options: CliOptions, interrupts: Interrupts) -> int:
    """`runs prune`: take finished runs away that ended long ago. Gives the exit code."""
    terminal = Terminal(interrupts, quiet=options.quiet, as_json=options.as_json)

    def prune_them() -> int:
        age, state_dir = parse_age(options.older_than), default_state_dir()
        known = list_runs(state_dir, _runs_dir())
        for folder in known.others:
            terminal.note(
                f"{run_table.shown_folder(folder)}: is not in your list of runs; it stays."
            )
        for newer in known.newer:
            terminal.note(f"{newer.refusal} It stays.")
        old = prunable(known.own, older_than=age)
        if old and not (options.as_json or (options.quiet and options.yes)):
            run_table.print_runs(terminal.out, old)
        if old and not options.yes:
            _ask(terminal, old, options.older_than)
        gone, failed = [], 0
        for removal in remove_runs(old, state_dir=state_dir):
            if removal.is_removed:
                gone.append(removal.run)
                if removal.note:
                    terminal.note(removal.note)
            else:
                terminal.say(removal.note, style="red")
                failed += 1
        left = f", {count_of(failed, 'run')} could not be removed" if failed else ""
        came = f"{count_of(len(gone), 'run')}{left}"
        headline = (
            f"Removed {came}." if old else f"No run ended more than {options.older_than} ago."
        )
        end = End(state="pruned", came=came, headline=headline)
        exit_code = 3 if failed else 0
        answer = _answer("pruned", gone, known, exit_code=exit_code)
        terminal.end(end, answer=answer)
        return exit_code

    return guarded(terminal, prune_them)


def named_run(terminal: Terminal, options: CliOptions, *, does: str) -> Path:
    """The folder of the run with this path, or this name, or of the latest. Raises UsageError.

    does: the command, which has to make sense for the latest.
    """
    name = options.run
    if Path(name, "run.json").is_file():
        return Path(name)
    state_dir, runs_dir = default_state_dir(), _runs_dir(options.config)
    if name != LATEST or is_named(name, state_dir=state_dir, runs_dir=runs_dir):
        return find_run(name, state_dir=state_dir, runs_dir=runs_dir)
    changes_leads = does in CHANGING
    if changes_leads and not somebody_is_there():
        raise UsageError(
            f"{LATEST}: found no terminal, where somebody can see which run that is; expected the "
            "run's name. `sendkit-batch runs` lists them."
        )
    run = latest_run(does, state_dir=state_dir, runs_dir=runs_dir)
    tell = terminal.warn if changes_leads else terminal.note
    tell(
        f"The latest run: {run_table.shown_folder(run.folder)}, begun on "
        f"{run.record.started_at:%Y-%m-%d %H:%M} UTC."
    )
    return Path(run_table.shown_folder(run.folder))


def _folder_for_files(command_name: str, folder: Path, out: Path | None) -> Path | None:
    """The folder of `--out` for files that are made again, created if needed; None for the run's.

    Raises SettingsError if a file stands in its place, or if the run's folder can't be written,
    naming a command for another one.
    """
    if out is not None:
        try:
            with disk_errors(out):
                out.mkdir(mode=0o700, parents=True, exist_ok=True)
        except RunError as error:
            if isinstance(error.__cause__, FileExistsError | NotADirectoryError):
                raise SettingsError(
                    f"--out: {out} is, or is below, a file; expected a folder. Name another one."
                ) from error
            raise
        return out
    if not os.access(folder, os.W_OK):
        instead = command(command_name, str(folder), "--out", f"{command_name}-{folder.name}")
        raise SettingsError(
            f"{folder}: can't be written, and the files belong there. To have them elsewhere: "
            f"{instead}"
        )
    return None


def _runs_dir(config: Path | None = None) -> Path:
    """The folder of runs by the present settings, whose file is not named to anybody."""
    loaded = load_settings(config, {}, os.environ, Path.cwd(), default_config_dir())
    return Path(loaded.settings.run.runs_dir)


def _ask(terminal: Terminal, old: list[ListedRun], older_than: str) -> None:
    if not somebody_is_there():
        raise UnaskedError(
            "Nothing was removed: there is no terminal to ask. Add --yes to remove without asking."
        )
    size = size_of(sum(run.size_bytes for run in old))
    text = (
        f"Remove {count_of(len(old), 'finished run')} older than {older_than} ({size}), with "
        "results and input copies. This can't be undone."
    )
    if not terminal.ask(Question(text=text)):
        raise DeclinedError("Nothing was removed: the question was not answered with yes.")


def _answer(state: str, runs: list[ListedRun], known: Runs, *, exit_code: int = 0) -> str:
    """As one JSON object. known: all runs; of others nothing is told but where they are."""
    return json.dumps(
        {
            "state": state,
            "exit_code": exit_code,
            "runs": [_as_json(run) for run in runs],
            "newer": [{"run": str(each.folder), "message": each.refusal} for each in known.newer],
            "not_yours": [str(folder) for folder in known.others],
        }
    )


def _as_json(run: ListedRun) -> dict[str, object]:
    record = run.record
    return {
        "run": str(run.folder),
        "state": run.state,
        "kind": str(run.kind),
        "exit_code": record.exit_code,
        "input": record.input.name,
        "base_url": record.base_url,
        "workspace": record.workspace.name if record.workspace else None,
        "sandbox": record.sandbox,
        "retry_of": record.retry_of.folder if record.retry_of else None,
        "undo_of": record.undo_of.folder if record.undo_of else None,
        "started_at": record.started_at.isoformat(),
        "ended_at": record.ended_at.isoformat() if record.ended_at else None,
        "worked_s": record.worked_s,
        "rows": record.rows,
        **{str(result): count for result, count in run.counts.items()},
        "size_bytes": run.size_bytes,
    }
