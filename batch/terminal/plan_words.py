"""The words of `plan`, `apply` and `undo`.

Holds no logic of its own. Heavy imports are inside the commands, so that `--help` is instant.
"""

import typer

from batch.terminal import options as opt


def plan(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    file: opt.File,
    *,
    config: opt.Config = None,
    base_url: opt.BaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    out: opt.Out = None,
    strict: opt.Strict = False,
    on_conflict: opt.OnConflict = None,
    allow_invalid: opt.AllowInvalid = False,
    mapping: opt.Map = None,
    campaign: opt.Campaign = None,
    sheet: opt.Sheet = None,
    encoding: opt.Encoding = None,
    delimiter: opt.Delimiter = None,
    no_tag_check: opt.NoTagCheck = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Hold a spreadsheet against what the leads are now; `apply` sends it once you have looked."""
    from batch.terminal import planning  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=file,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        out=out,
        strict=strict,
        on_conflict=on_conflict,
        allow_invalid=allow_invalid,
        mapping=tuple(mapping or ()),
        campaign=campaign,
        sheet=sheet,
        encoding=encoding,
        delimiter=delimiter,
        no_tag_check=no_tag_check,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(planning.plan(options, context.obj))


def apply(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    run: opt.Run,
    *,
    config: opt.RunConfig = None,
    base_url: opt.RunBaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    max_errors: opt.MaxErrors = None,
    force: opt.Force = False,
    allow_clears: opt.AllowClears = False,
    expect_changes: opt.ExpectChanges = None,
    canary: opt.Canary = None,
    yes: opt.Yes = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    open_: opt.Open = False,
) -> None:
    """Send a plan that you have looked at. Leads that have changed since are left out."""
    from batch.terminal import applying  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=run,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        max_errors=max_errors,
        force=force,
        allow_clears=allow_clears,
        expect_changes=expect_changes,
        canary=canary,
        yes=yes,
        as_json=as_json,
        quiet=quiet,
        opens=open_,
    )
    raise typer.Exit(applying.apply(options, context.obj))


def undo(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    run: opt.Run,
    *,
    config: opt.RunConfig = None,
    base_url: opt.RunBaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    max_errors: opt.MaxErrors = None,
    out: opt.Out = None,
    expect_changes: opt.ExpectChanges = None,
    canary: opt.Canary = None,
    yes: opt.Yes = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    open_: opt.Open = False,
) -> None:
    """Set the leads of a run back to what they were, where they still are what it made them."""
    from batch.terminal import undoing  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=run,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        max_errors=max_errors,
        out=out,
        expect_changes=expect_changes,
        canary=canary,
        yes=yes,
        as_json=as_json,
        quiet=quiet,
        opens=open_,
    )
    raise typer.Exit(undoing.undo(options, context.obj))
