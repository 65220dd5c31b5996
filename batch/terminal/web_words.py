"""The words of `web`: the local page. Heavy imports are inside, so that `--help` is instant."""

from typing import Annotated

import typer

from batch.terminal import options as opt

Port = Annotated[
    int, typer.Option(min=0, max=65535, help="The page's port on this machine; 0: a free one.")
]
NoOpen = Annotated[
    bool, typer.Option("--no-open", help="Print the address, don't open the browser.")
]


def web(
    context: typer.Context,
    *,
    config: opt.Config = None,
    base_url: opt.BaseUrl = None,
    rate: opt.Rate = None,
    port: Port = 0,
    no_open: NoOpen = False,
) -> None:
    """Open a page on this machine that goes the whole way, for people who would rather look."""
    from batch.terminal import serving  # noqa: PLC0415

    asked = serving.Asked(config=config, base_url=base_url, rate=rate, port=port, opens=not no_open)
    raise typer.Exit(serving.serve(asked, context.obj))
