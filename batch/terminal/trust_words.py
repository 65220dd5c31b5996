"""The words of `trust`: the addresses that were approved. Heavy imports are inside."""

from typing import Annotated

import typer

from batch.terminal import options as opt

ApprovedAddress = Annotated[
    str | None, typer.Argument(metavar="[ADDRESS]", help="With --forget: only this address.")
]
Forget = Annotated[
    bool, typer.Option("--forget", help="Withdraw the approvals of ADDRESS, or all of them.")
]


def trust(
    context: typer.Context,
    address: ApprovedAddress = None,
    *,
    forget: Forget = False,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
) -> None:
    """List the addresses that you have approved for a key, or withdraw them."""
    from batch.terminal import trusting  # noqa: PLC0415

    raise typer.Exit(
        trusting.trust(address, context.obj, forget=forget, as_json=as_json, quiet=quiet)
    )
