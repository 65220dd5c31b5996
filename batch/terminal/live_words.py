"""The words of the commands that read what leads are now: `export` and `verify`.

Holds no logic of its own. Heavy imports are inside the commands, so that `--help` is instant.
"""

import typer

from batch.terminal import options as opt


def export(  # noqa: PLR0913 - each argument is an option of the command
    context: typer.Context,
    campaigns: opt.Campaigns,
    *,
    status: opt.LeadStatus = None,
    tag: opt.LeadTag = None,
    out: opt.LeadFile = None,
    config: opt.Config = None,
    base_url: opt.BaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Read campaigns' leads into a spreadsheet that can be edited and run back."""
    from batch.terminal import exporting  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    asked = exporting.Asked(campaigns=tuple(campaigns), status=status, tag=tag, out=out)
    options = CliOptions(
        file="",
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(exporting.export_leads(asked, options, context.obj))


def verify(
    context: typer.Context,
    run: opt.Run,
    *,
    config: opt.RunConfig = None,
    base_url: opt.RunBaseUrl = None,
    rate: opt.Rate = None,
    concurrency: opt.Concurrency = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """Read the leads of a run again, and see whether they hold what it set."""
    from batch.terminal import verifying  # noqa: PLC0415
    from batch.terminal.cli_options import CliOptions  # noqa: PLC0415

    options = CliOptions(
        file=run,
        config=config,
        base_url=base_url,
        rate=rate,
        concurrency=concurrency,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(verifying.verify_run(options, context.obj))
