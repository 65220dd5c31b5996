"""The words of `help`: the pages of the manual. Heavy imports are inside."""

from typing import Annotated

import typer

from batch.errors import UsageError
from batch.manual import TOPICS, manual_page
from batch.near_names import NearNames

Topic = Annotated[
    str | None, typer.Argument(metavar="[TOPIC]", help="A page of the manual, as `help` lists it.")
]


def show_help(context: typer.Context, topic: Topic = None) -> None:
    """Show a page of the manual; without a topic, list them."""
    from batch.terminal.console import Terminal  # noqa: PLC0415
    from batch.terminal.endings import guarded  # noqa: PLC0415
    from batch.terminal.manual_pages import list_topics, print_page  # noqa: PLC0415

    terminal = Terminal(context.obj)

    def do() -> int:
        if topic is None:
            list_topics(terminal.out)
        else:
            print_page(terminal.out, manual_page(_known(topic)))
        return 0

    raise typer.Exit(guarded(terminal, do))


def _known(topic: str) -> str:
    if topic in TOPICS:
        return topic
    near = NearNames().nearest(topic.lower(), TOPICS)
    hint = (
        f'Did you mean "{near}"?'
        if near
        else "sendkit-batch help lists the topics, sendkit-batch --help the commands."
    )
    raise UsageError(f'help: "{topic}" is not a topic of the manual. {hint}')
