"""The words of `runs`: a list of earlier runs, the details of one, and taking old ones away."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from batch.terminal import options as opt


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


@runs_app.callback()
def runs(context: typer.Context, *, as_json: opt.Json = False, quiet: opt.Quiet = False) -> None:
    """List earlier runs; `runs RUN` shows one, `runs prune` takes old ones away."""
    if context.invoked_subcommand:
        return
    from batch.terminal import past  # noqa: PLC0415

    raise typer.Exit(past.runs(context.obj, as_json=as_json, quiet=quiet))


@runs_app.command(hidden=True)
def show(
    context: typer.Context, run: opt.Run, *, as_json: opt.Json = False, quiet: opt.Quiet = False
) -> None:
    """Show one earlier run."""
    from batch.terminal import past  # noqa: PLC0415

    as_json, quiet = _also_before(context, as_json=as_json, quiet=quiet)
    raise typer.Exit(past.show(run, context.obj, as_json=as_json, quiet=quiet))


@runs_app.command()
def prune(
    context: typer.Context,
    *,
    older_than: opt.OlderThan = "90d",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking.")] = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Remove finished runs that ended long ago: list them, ask, and take them away."""
    from batch.terminal import past  # noqa: PLC0415

    as_json, quiet = _also_before(context, as_json=as_json, quiet=quiet)
    raise typer.Exit(past.prune(older_than, context.obj, yes=yes, as_json=as_json, quiet=quiet))


def _also_before(context: typer.Context, *, as_json: bool, quiet: bool) -> tuple[bool, bool]:
    """The two options wherever they stand: `runs --json RUN` means `runs RUN --json`."""
    before = context.parent.params if context.parent else {}
    return as_json or before.get("as_json", False), quiet or before.get("quiet", False)
