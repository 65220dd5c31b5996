"""The commands of the command line, made from what `settings.options` declares.

Holds no logic of its own. Heavy imports are inside the commands, so that `--help` is instant.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperGroup

from batch import __version__
from batch.near_names import NearNames, did_you_mean
from batch.settings.declarations import Argument
from batch.settings.options import TAKEN_BY, CliOptions, declaration
from batch.terminal.signals import Interrupts
from batch.visible import visible

_LIBRARIES = ("polars", "httpx", "httptools", "anyio", "pydantic", "starlette", "typer", "rich")


class _Commands(TyperGroup):
    """Names the nearest command for a word that is none."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's types, of which Typer has its own copy
        word = args[0] if args else ""
        if word and word not in self.commands and not (ctx.resilient_parsing or word[0] == "-"):
            ctx.fail(f"No such command: {visible(word)}.{did_you_mean(word, self.commands)}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="sendkit-batch",
    cls=_Commands,
    help="Apply a spreadsheet of changes to SendKit campaign leads, with an answer for every row.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class _RunsGroup(TyperGroup):
    """A word that is no command is a run: `runs RUN` is `runs show RUN`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - click's types, of which Typer has its own copy
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)


runs_app = typer.Typer(
    name="runs",
    help="Earlier runs: a table of all; `runs RUN` shows one; `runs prune` takes old ones away.",
    cls=_RunsGroup,
    invoke_without_command=True,
    subcommand_metavar="[RUN | prune]",
)


def run_command_line(interrupts: Interrupts) -> int:
    """Do what the words of this process ask for. Gives the exit code."""
    try:
        code: int = app(prog_name="sendkit-batch", standalone_mode=False, obj=interrupts)
    except typer.TyperException as error:
        return _refuse(_message_of(error), interrupts)
    return code


def _message_of(error: typer.TyperException) -> str:
    """What is wrong with the words, naming the nearest option for one that there is not."""
    option, context = getattr(error, "option_name", ""), getattr(error, "ctx", None)
    if not (option and context and hasattr(error, "possibilities")):
        return error.format_message()
    # Without the hyphens, which make all options alike.
    taken = {flag.lstrip("-"): flag for each in context.command.params for flag in each.opts}
    near = NearNames().nearest(option.lstrip("-"), taken)
    return f"{error.message}.{f' Did you mean {taken[near]}?' if near else ''}"


def _refuse(message: str, interrupts: Interrupts) -> int:
    if not message:  # without any argument the help was shown instead
        return 2
    from batch.terminal.endings import refuse  # noqa: PLC0415

    end = "" if message.endswith(("?", ".")) else "."
    message = f"{message}{end} Add --help to see what there is."
    is_quiet = not {"--quiet", "-q"}.isdisjoint(sys.argv)
    return refuse(message, interrupts, quiet=is_quiet, as_json="--json" in sys.argv)


def _with_options(does: Callable[[CliOptions, Interrupts], int]) -> Callable[..., None]:
    """A command as Typer takes it: with a parameter for each option that TAKEN_BY gives it."""

    def call(context: typer.Context, **typed: Any) -> None:  # noqa: ANN401 - of each field's type
        if context.invoked_subcommand:
            return
        before = context.parent.params if context.parent else {}  # `runs --json RUN`
        typed = {name: value or before.get(name, value) for name, value in typed.items()}
        typed |= {name: tuple(typed[name] or ()) for name in _LISTS & typed.keys()}
        raise typer.Exit(does(CliOptions(**typed), context.obj))

    context = inspect.Parameter("context", _BY_NAME, annotation=typer.Context)
    parameters = [context, *_parameters(does.__name__.rstrip("_"))]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # inspect reads it
    call.__annotations__ = {each.name: each.annotation for each in parameters}
    call.__name__, call.__doc__ = does.__name__, does.__doc__
    return call


def _run_names(incomplete: str) -> list[str]:
    """The user's runs as a shell completes them, the newest first."""
    from batch.recording.run_list import list_entries  # noqa: PLC0415
    from batch.recording.state import default_state_dir  # noqa: PLC0415

    folders = [entry.folder for entry in list_entries(default_state_dir())]
    names = [folder.name for folder in reversed(folders) if folder.is_dir()]
    return [name for name in ("latest", *names) if name.startswith(incomplete)]


def _number_within(least: int, most: int, text: str | int) -> int:
    """A whole number as typed, or a default. Raises BadParameter."""
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if least <= number <= most:
        return number
    expected = f"expected a whole number from {least} to {most}"
    raise typer.BadParameter(f'found "{text}"; {expected}.')


_BY_NAME = inspect.Parameter.KEYWORD_ONLY
_DEFAULTS = CliOptions()
_TYPES = get_type_hints(CliOptions)
_LISTS = {name for name in _TYPES if getattr(_DEFAULTS, name) == ()}


def _parameters(command: str) -> Iterator[inspect.Parameter]:
    """What a command takes, as a function's parameters."""
    for name in TAKEN_BY[command]:
        declared, default = declaration(name, command), getattr(_DEFAULTS, name)
        info: Any
        if isinstance(declared, Argument):
            default = None if default is None else ...
            info = typer.Argument(
                default,
                metavar=declared.metavar,
                help=declared.help,
                autocompletion=_run_names if name == "run" else None,
            )
        else:
            info = typer.Option(
                default or None if name in _LISTS else default,
                *declared.flags_for(name),
                help=declared.help,
                metavar="" if default is False else declared.metavar,  # a flag has no value
                parser=partial(_number_within, *declared.bounds) if declared.bounds else None,
                rich_help_panel=declared.panel or None,
            )
        kind = list[str] if name in _LISTS else _TYPES[name]
        yield inspect.Parameter(name, _BY_NAME, default=info, annotation=kind)


def _print_version(value: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if value:
        import platform  # noqa: PLC0415 - with the next, 20 ms of every other start
        from importlib.metadata import version as version_of  # noqa: PLC0415

        typer.echo(f"sendkit-batch {__version__}")
        typer.echo(f"Python {platform.python_version()}, {platform.platform()}")
        for name in _LIBRARIES:
            typer.echo(f"{name} {version_of(name)}")
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="The versions."),
    ] = False,
) -> None:
    pass


@app.command()
@_with_options
def run(options: CliOptions, interrupts: Interrupts) -> int:
    """Send the changes of a spreadsheet, and record what came of every row."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.run(options, interrupts)


@app.command()
@_with_options
def check(options: CliOptions, interrupts: Interrupts) -> int:
    """Judge a spreadsheet without asking a server: exit 0 without errors, else 2."""
    from batch.terminal import checking  # noqa: PLC0415

    return checking.check(options, interrupts)


@app.command()
@_with_options
def resume(options: CliOptions, interrupts: Interrupts) -> int:
    """Go on with a run that broke off: send what has no final outcome yet."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.resume(options, interrupts)


@app.command()
@_with_options
def part(options: CliOptions, interrupts: Interrupts) -> int:
    """Send one workspace's part of a run, as a process of its own; see `run --on parts`."""
    from batch.terminal import part_command  # noqa: PLC0415

    return part_command.part(options, interrupts)


@app.command()
@_with_options
def retry(options: CliOptions, interrupts: Interrupts) -> int:
    """Try once more, as a new run, the rows of an earlier one that are error or unsent."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.retry(options, interrupts)


@app.command()
@_with_options
def results(options: CliOptions, interrupts: Interrupts) -> int:
    """Make the results of an earlier run again, from what its folder holds."""
    from batch.terminal import past  # noqa: PLC0415

    return past.results(options, interrupts)


@app.command()
@_with_options
def report(options: CliOptions, interrupts: Interrupts) -> int:
    """Make the report of an earlier run, or of a plan, again: one page to read and pass on."""
    from batch.terminal import past  # noqa: PLC0415

    return past.report(options, interrupts)


@app.command()
@_with_options
def plan(options: CliOptions, interrupts: Interrupts) -> int:
    """Hold a spreadsheet against what the leads are now; `apply` sends it once you have looked."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.plan(options, interrupts)


@app.command()
@_with_options
def apply(options: CliOptions, interrupts: Interrupts) -> int:
    """Send a plan that you have looked at. Leads that have changed since are left out."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.apply(options, interrupts)


@app.command()
@_with_options
def undo(options: CliOptions, interrupts: Interrupts) -> int:
    """Set the leads of a run back to what they were, where they still are what it made them."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.undo(options, interrupts)


@app.command()
@_with_options
def export(options: CliOptions, interrupts: Interrupts) -> int:
    """Read campaigns' leads into a spreadsheet that can be edited and run back."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.export(options, interrupts)


@app.command()
@_with_options
def verify(options: CliOptions, interrupts: Interrupts) -> int:
    """Read the leads of a run again, and see whether they hold what it set."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.verify(options, interrupts)


@app.command()
@_with_options
def web(options: CliOptions, interrupts: Interrupts) -> int:
    """Open a page on this machine that goes the whole way, for people who would rather look."""
    from batch.terminal import commands  # noqa: PLC0415

    return commands.web(options, interrupts)


@app.command()
@_with_options
def trust(options: CliOptions, interrupts: Interrupts) -> int:
    """List the addresses that you have approved for a key, or withdraw them."""
    from batch.terminal import trusting  # noqa: PLC0415

    return trusting.trust(options, interrupts)


@app.command()
@_with_options
def mappings(options: CliOptions, interrupts: Interrupts) -> int:
    """List the columns that you have confirmed for some headers, or forget them."""
    from batch.terminal import known_columns  # noqa: PLC0415

    return known_columns.mappings(options, interrupts)


@runs_app.callback()
@_with_options
def runs(options: CliOptions, interrupts: Interrupts) -> int:
    """List earlier runs; `runs RUN` shows one, `runs prune` takes old ones away."""
    from batch.terminal import past  # noqa: PLC0415

    return past.runs(options, interrupts)


@runs_app.command(hidden=True)
@_with_options
def show(options: CliOptions, interrupts: Interrupts) -> int:
    """Show one earlier run."""
    from batch.terminal import past  # noqa: PLC0415

    return past.show(options, interrupts)


@runs_app.command()
@_with_options
def prune(options: CliOptions, interrupts: Interrupts) -> int:
    """Remove finished runs that ended long ago: list them, ask, and take them away."""
    from batch.terminal import past  # noqa: PLC0415

    return past.prune(options, interrupts)


app.add_typer(runs_app)


@app.command("help")
@_with_options
def help_(options: CliOptions, interrupts: Interrupts) -> int:
    """Show a page of the manual; without a topic, list them."""
    from batch.terminal import manual_pages  # noqa: PLC0415

    return manual_pages.show_manual(options, interrupts)


@app.command()
@_with_options
def demo(options: CliOptions, interrupts: Interrupts) -> int:
    """Try it: a small run that goes wrong here and there, explained. Needs no key."""
    from batch.terminal.demo import demo as show_demo  # noqa: PLC0415

    return show_demo(options, interrupts)


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
