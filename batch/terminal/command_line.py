"""The words of the command line: each command with its options, handed to what does it.

Holds no logic of its own. Heavy imports are inside the commands, so that `--help` is instant.
"""

import sys
from typing import Annotated

import typer

from batch import __version__
from batch.terminal import options as opt
from batch.terminal.help import show_help
from batch.terminal.live_words import export, verify
from batch.terminal.plan_words import apply, plan, undo
from batch.terminal.run_words import runs_app
from batch.terminal.signals import Interrupts
from batch.terminal.trust_words import trust
from batch.terminal.web_words import web

app = typer.Typer(
    name="sendkit-batch",
    help="Apply a spreadsheet of changes to SendKit campaign leads, with an answer for every row.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run_command_line(interrupts: Interrupts) -> int:
    """Do what the words of this process ask for. Gives the exit code."""
    try:
        code: int = app(standalone_mode=False, obj=interrupts)
    except typer.TyperException as error:
        return _refuse(error.format_message(), interrupts)
    return code


def _refuse(message: str, interrupts: Interrupts) -> int:
    if not message:  # without any argument the help was shown instead
        return 2
    from batch.terminal.console import refuse  # noqa: PLC0415

    end = "" if message.endswith(("?", ".")) else "."
    message = f"{message}{end} Add --help to see what there is."
    return refuse(message, interrupts, as_json="--json" in sys.argv)


def _print_version(value: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if value:
        typer.echo(f"sendkit-batch {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    pass


@app.command()
def run(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    file: opt.File,
    *,
    config: opt.Config = None,
    base_url: opt.BaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    out: opt.Out = None,
    new: opt.New = False,
    yes: opt.Yes = False,
    dry_run: opt.DryRun = False,
    strict: opt.Strict = False,
    on_conflict: opt.OnConflict = None,
    allow_invalid: opt.AllowInvalid = False,
    allow_clears: opt.AllowClears = False,
    expect_changes: opt.ExpectChanges = None,
    canary: opt.Canary = None,
    max_errors: opt.MaxErrors = None,
    skip_unchanged: opt.SkipUnchanged = None,
    keep_before: opt.KeepBefore = False,
    mapping: opt.Map = None,
    sheet: opt.Sheet = None,
    encoding: opt.Encoding = None,
    delimiter: opt.Delimiter = None,
    campaign: opt.Campaign = None,
    no_tag_check: opt.NoTagCheck = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    open_: opt.Open = False,
    sandbox: opt.Sandbox = False,
) -> None:
    """Send the changes of a spreadsheet, and record what came of every row."""
    from batch.terminal import commands  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=file,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        out=out,
        new=new,
        yes=yes,
        dry_run=dry_run,
        strict=strict,
        on_conflict=on_conflict,
        allow_invalid=allow_invalid,
        allow_clears=allow_clears,
        expect_changes=expect_changes,
        canary=canary,
        max_errors=max_errors,
        skip_unchanged=skip_unchanged,
        keep_before=keep_before,
        mapping=tuple(mapping or ()),
        sheet=sheet,
        encoding=encoding,
        delimiter=delimiter,
        campaign=campaign,
        no_tag_check=no_tag_check,
        as_json=as_json,
        quiet=quiet,
        opens=open_,
        sandbox=sandbox,
    )
    raise typer.Exit(commands.run(options, context.obj))


@app.command()
def check(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    file: opt.File,
    *,
    config: opt.Config = None,
    rate: opt.Rate = None,
    strict: opt.Strict = False,
    on_conflict: opt.OnConflict = None,
    allow_invalid: opt.AllowInvalid = False,
    allow_clears: opt.AllowClears = False,
    mapping: opt.Map = None,
    sheet: opt.Sheet = None,
    encoding: opt.Encoding = None,
    delimiter: opt.Delimiter = None,
    campaign: opt.Campaign = None,
    problems: opt.Problems = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Judge a spreadsheet without asking a server: exit 0 without errors, else 2."""
    from batch.terminal import checking  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=file,
        config=config,
        rate=rate,
        strict=strict,
        on_conflict=on_conflict,
        allow_invalid=allow_invalid,
        allow_clears=allow_clears,
        mapping=tuple(mapping or ()),
        sheet=sheet,
        encoding=encoding,
        delimiter=delimiter,
        campaign=campaign,
        problems=problems,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(checking.check(options, context.obj))


@app.command()
def resume(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    run: opt.Run,
    *,
    config: opt.RunConfig = None,
    base_url: opt.RunBaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    max_errors: opt.MaxErrors = None,
    yes: opt.Yes = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    open_: opt.Open = False,
) -> None:
    """Go on with a run that broke off: send what has no final outcome yet."""
    from batch.terminal import going_on  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=run,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        max_errors=max_errors,
        yes=yes,
        as_json=as_json,
        quiet=quiet,
        opens=open_,
    )
    raise typer.Exit(going_on.resume(options, context.obj))


@app.command()
def retry(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    run: opt.Run,
    *,
    config: opt.RunConfig = None,
    base_url: opt.RunBaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    max_errors: opt.MaxErrors = None,
    out: opt.Out = None,
    yes: opt.Yes = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    open_: opt.Open = False,
) -> None:
    """Try once more, as a new run, the rows of an earlier one that are error or unsent."""
    from batch.terminal import going_on  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=run,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        max_errors=max_errors,
        out=out,
        yes=yes,
        as_json=as_json,
        quiet=quiet,
        opens=open_,
    )
    raise typer.Exit(going_on.retry(options, context.obj))


@app.command()
def results(
    context: typer.Context,
    run: opt.Run,
    *,
    with_retries: opt.WithRetries = False,
    out: opt.FilesOut = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Make the results of an earlier run again, from what its folder holds."""
    from batch.terminal import past  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(file=run, out=out, as_json=as_json, quiet=quiet)
    raise typer.Exit(past.results(options, context.obj, with_retries=with_retries))


@app.command()
def report(
    context: typer.Context,
    run: opt.Run,
    *,
    open_: opt.Open = False,
    out: opt.FilesOut = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Make the report of an earlier run, or of a plan, again: one page to read and pass on."""
    from batch.terminal import reporting  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(file=run, out=out, as_json=as_json, quiet=quiet, opens=open_)
    raise typer.Exit(reporting.report(options, context.obj))


app.command()(plan)
app.command()(apply)
app.command()(undo)
app.command()(export)
app.command()(verify)
app.command()(web)
app.command()(trust)
app.add_typer(runs_app)
app.command("help")(show_help)


@app.command()
def demo(context: typer.Context, *, rate: opt.Rate = None, quiet: opt.Quiet = False) -> None:
    """Try it: a small input of its own against a built-in sandbox. Needs no key."""
    from batch.terminal import commands  # noqa: PLC0415

    raise typer.Exit(commands.demo(context.obj, rate=rate, quiet=quiet))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def sandbox(context: typer.Context) -> None:
    """Serve an imitation of SendKit's API on this machine, with faults on demand."""
    from batch.sandbox.server import main as serve  # noqa: PLC0415

    interrupts: Interrupts = context.obj
    with interrupts.left_alone():  # the server has its own way with them
        code = serve(context.args, prog="sendkit-batch sandbox")
    raise typer.Exit(code)
