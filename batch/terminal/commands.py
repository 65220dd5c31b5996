"""The commands that ask a server: their options in, a use case, its last line and exit code out."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from batch.api.sendkit import Access
from batch.jobs.apply import apply as apply_plan
from batch.jobs.export import Wanted, check_wanted
from batch.jobs.export import export as export_leads
from batch.jobs.frontend import Frontend
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun
from batch.jobs.plan import plan as make_plan
from batch.jobs.request import NamedAccess, Request, command
from batch.jobs.requesting import asked_again, changed_by, guardrails_of, load_with, request_of
from batch.jobs.resume import resume as resume_run
from batch.jobs.retry import retry as retry_run
from batch.jobs.run import IfUnfinished
from batch.jobs.run import run as run_job
from batch.jobs.undo import undo as undo_run
from batch.jobs.verify import verify as verify_run
from batch.recording.state import default_state_dir
from batch.settings.declarations import Repeat
from batch.settings.load import LoadedSettings, default_config_dir
from batch.settings.options import CliOptions
from batch.terminal import report_json
from batch.terminal.checking import dry_run, load
from batch.terminal.console import Terminal, somebody_is_there, typed_command
from batch.terminal.endings import guarded, tell, tell_parts
from batch.terminal.gate import key_of, keys_of, open_gate, open_gates, tell_foreign
from batch.terminal.last_lines import End, Next, counted
from batch.terminal.past import named_run
from batch.terminal.plan_view import print_differences, print_plan
from batch.terminal.signals import Interrupts
from batch.wording.amounts import count_of
from batch.wording.runs import verify_headline


def run(options: CliOptions, interrupts: Interrupts) -> int:
    """`run`: the whole way. Gives the exit code."""
    if options.dry_run:
        return dry_run(options, interrupts)
    terminal = _terminal(options, interrupts, or_else=", or --dry-run to see what would be sent")
    return guarded(terminal, lambda: _run(terminal, options, load(terminal, options), os.environ))


def plan(options: CliOptions, interrupts: Interrupts) -> int:
    """`plan`: what a spreadsheet would change of what is there now. Gives the exit code."""
    terminal = _terminal(options, interrupts)

    def plan_it() -> int:
        loaded = load(terminal, options)
        credentials = keys_of(terminal, loaded, os.environ)
        access, workspaces = open_gates(terminal, loaded, credentials, os.environ)
        request = request_of(
            options, loaded, access, workspaces=workspaces, is_watched=somebody_is_there()
        )
        planned = make_plan(_typed(request), terminal)
        if not (options.as_json or options.quiet):
            print_plan(terminal.out, planned)
        is_to_fix = planned.tally.error and not planned.preview.effect().requests
        end = counted(
            "planned",
            planned.tally,
            results=planned.sheet,
            then=Next(
                first="fix the problems" if is_to_fix else "", command=planned.next_command or ""
            ),
            headline="Nothing was sent.",
        )
        terminal.end(end, answer=report_json.planned(planned))
        return planned.exit_code

    return guarded(terminal, plan_it)


def apply(options: CliOptions, interrupts: Interrupts) -> int:
    """`apply`: send a plan, or go on with sending it. Gives the exit code."""
    return _go_back("apply", apply_plan, options, interrupts)


def resume(options: CliOptions, interrupts: Interrupts) -> int:
    """`resume`: go on with an earlier run. Gives the exit code."""
    return _go_back("resume", resume_run, options, interrupts)


def retry(options: CliOptions, interrupts: Interrupts) -> int:
    """`retry`: try once more what was error or unsent in an earlier run. Gives the exit code."""
    return _go_back("retry", retry_run, options, interrupts)


def undo(options: CliOptions, interrupts: Interrupts) -> int:
    """`undo`: set the leads of an earlier run back. Gives the exit code."""
    return _go_back("undo", undo_run, options, interrupts)


def verify(options: CliOptions, interrupts: Interrupts) -> int:
    """`verify`: whether the leads are what a run made them. Gives the exit code."""
    terminal = _terminal(options, interrupts)

    def verify_it() -> int:
        folder = named_run(terminal, options, does="verify")
        past = past_run(terminal, options, folder)
        verified = verify_run(past, terminal)
        exit_code = int(verified.holding < verified.rows)
        if exit_code and not (options.quiet or options.as_json):
            print_differences(terminal.err, verified)
        holding = f"{verified.holding:,} of {count_of(verified.rows, 'row')} hold what was set"
        next_step = f"see which do not, in {verified.path}" if exit_code else ""
        answer = {
            "state": "verified",
            "exit_code": exit_code,
            "run": str(folder),
            "rows": verified.rows,
            "holding": verified.holding,
            "file": str(verified.path),
            "requests": verified.requests,
        }
        end = End(
            state="verified",
            came=holding,
            where=f"file: {verified.path}",
            next=Next(first=next_step, is_obvious=True),
            headline=verify_headline(holding=verified.holding, rows=verified.rows),
            style="bold yellow" if exit_code else "bold green",
            files={"File": str(verified.path)} if exit_code else {},
        )
        terminal.end(end, answer=json.dumps(answer))
        return exit_code

    return guarded(terminal, verify_it)


def export(options: CliOptions, interrupts: Interrupts) -> int:
    """`export`: campaigns' leads as a spreadsheet. Gives the exit code."""
    terminal = _terminal(options, interrupts)

    def export_them() -> int:
        loaded = load(terminal, options)
        clear_word = loaded.settings.input.clear_word
        untagged = options.tag is not None and options.tag.lower() == clear_word.lower()
        wanted = Wanted(
            campaigns=options.campaigns,
            status=options.status.lower() if options.status else None,
            tag="" if untagged else options.tag,
            out=options.out or Path(f"leads-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.csv"),
        )
        check_wanted(wanted)  # before anybody is asked about the key
        access = open_gate(terminal, loaded, key_of(terminal, loaded, os.environ))
        exported = export_leads(
            wanted, loaded.settings, access, terminal, state_dir=default_state_dir()
        )
        what = f"{count_of(exported.leads, 'lead')} of {count_of(exported.campaigns, 'campaign')}"
        answer = {
            "state": "exported",
            "exit_code": 0,
            "file": str(exported.path),
            "leads": exported.leads,
            "campaigns": exported.campaigns,
            "requests": exported.requests,
        }
        words = options.repeated(Repeat.ALWAYS, taken_by="plan")
        next_command = command("plan", str(exported.path), *words)
        end = End(
            state="exported",
            came=what,
            where=f"file: {exported.path}",
            next=Next(first="edit it", command=next_command),
            headline=f"Exported {what}.",
            files={"File": str(exported.path)},
        )
        terminal.end(end, answer=json.dumps(answer))
        return 0

    return guarded(terminal, export_them)


def web(options: CliOptions, interrupts: Interrupts) -> int:
    """`web`: serve the page until it is ended. Gives the exit code."""
    terminal = Terminal(interrupts)

    def serve_it() -> int:
        from batch.web.server import serve_page  # noqa: PLC0415 - only after errors can be told

        exit_code = serve_page(options, interrupts=interrupts)
        does = "lists what was done" if exit_code == 0 else ""
        end = End(
            state="ended",
            came="the page is closed",
            next=Next(command="sendkit-batch runs", does=does),
            headline="The page is closed.",
        )
        terminal.end(end, answer="")
        return exit_code

    return guarded(terminal, serve_it)


def _terminal(options: CliOptions, interrupts: Interrupts, *, or_else: str = "") -> Terminal:
    return Terminal(
        interrupts,
        quiet=options.quiet,
        as_json=options.as_json,
        yes=options.yes,
        or_else=or_else,
    )


def _run(
    terminal: Terminal, options: CliOptions, loaded: LoadedSettings, environ: Mapping[str, str]
) -> int:
    access, workspaces = None, tuple[NamedAccess, ...]()
    if not options.sandbox:
        credentials = keys_of(terminal, loaded, environ)
        terminal.asks(practice=False)  # before a question about the address is put
        access, workspaces = open_gates(terminal, loaded, credentials, environ)
    if options.new:
        if_unfinished = IfUnfinished.IGNORE
    else:
        can_ask = not options.yes and somebody_is_there()
        if_unfinished = IfUnfinished.ASK if can_ask else IfUnfinished.RESUME
    # The guardrails of `run` were passed when the unfinished run began, but for these.
    by_run = CliOptions(strict=options.strict, canary=options.canary, shown_rows=options.shown_rows)
    outcome = run_job(
        _typed(
            request_of(
                options, loaded, access, workspaces=workspaces, is_watched=somebody_is_there()
            )
        ),
        terminal,
        if_unfinished=if_unfinished,
        past_run=lambda folder: past_run(terminal, options, folder, asked=by_run),
    )
    if options.on:
        return tell_parts(terminal, outcome, options)
    return tell(terminal, outcome, options)


def _typed(request: Request) -> Request:
    return replace(request, session=replace(request.session, command=typed_command()))


def _go_back(
    name: str,
    use_case: Callable[[PastRun, Frontend], RunOutcome],
    options: CliOptions,
    interrupts: Interrupts,
) -> int:
    """A command that goes back to the run which `run` names. Gives the exit code."""
    terminal = _terminal(options, interrupts)

    def go_back() -> int:
        past = past_run(terminal, options, named_run(terminal, options, does=name))
        return tell(terminal, use_case(past, terminal), options)

    return guarded(terminal, go_back)


def past_run(
    terminal: Terminal, options: CliOptions, folder: Path, *, asked: CliOptions | None = None
) -> PastRun:
    """An earlier run, with the options of the command that goes back to it.

    asked: the options that say where and under which guardrails it is gone on with.
    """
    asked = asked or options

    def change(request: Request) -> Request:
        return asked_again(
            request,
            settings=changed_by(options, request.settings),
            guardrails=guardrails_of(asked),
            command=typed_command(),
            out=asked.out,
            shown_rows=asked.shown_rows,
            config=options.config,
        )

    def open_gate_of(loaded: LoadedSettings) -> Access:
        tell_foreign(terminal, loaded)
        return open_gate(terminal, loaded, key_of(terminal, loaded, os.environ))

    def open_gates_of(loaded: LoadedSettings) -> tuple[Access, tuple[NamedAccess, ...]]:
        tell_foreign(terminal, loaded)
        credentials = keys_of(terminal, loaded, os.environ)
        return open_gates(terminal, loaded, credentials, os.environ)

    return PastRun(
        folder=folder,
        state_dir=default_state_dir(),
        load_own=lambda: load_with(
            options,
            os.environ,
            cwd=Path.cwd(),
            config_dir=default_config_dir(),
            heeds_folder=False,
        ),
        open_gate=open_gate_of,
        open_gates=open_gates_of,
        change=change,
        has_options=True,
        key_options=options.key_options,
    )
