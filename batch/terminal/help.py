"""`help` in a terminal: the pages of the manual. Heavy imports are inside."""

from typing import TYPE_CHECKING, Annotated

import typer

from batch.errors import UsageError
from batch.manual import TOPICS, ManualPage, manual_page, topic_of
from batch.near_names import NearNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token
    from rich.console import Console

_WIDTH = 100  # columns; longer lines are hard to read

Topic = Annotated[
    str | None, typer.Argument(metavar="[TOPIC]", help="A page of the manual, as `help` lists it.")
]


def show_help(context: typer.Context, topic: Topic = None) -> None:
    """Show a page of the manual; without a topic, list them."""
    from batch.terminal.console import Terminal, guarded  # noqa: PLC0415

    terminal = Terminal(context.obj)

    def do() -> int:
        if topic is None:
            _list_topics(terminal.out)
        else:
            _print_page(terminal.out, _page_of(topic))
        return 0

    raise typer.Exit(guarded(terminal, do))


def _page_of(topic: str) -> ManualPage:
    if topic in TOPICS:
        return manual_page(topic)
    near = NearNames().nearest(topic.lower(), TOPICS)
    hint = (
        f'Did you mean "{near}"?'
        if near
        else "sendkit-batch help lists the topics, sendkit-batch --help the commands."
    )
    raise UsageError(f'help: "{topic}" is not a topic of the manual. {hint}')


def _list_topics(console: "Console") -> None:
    from rich.table import Table  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    for topic in TOPICS:
        table.add_row(topic, manual_page(topic).summary)
    console.print("The manual. sendkit-batch help TOPIC shows one of:\n")
    console.print(table)
    console.print("\nsendkit-batch COMMAND --help lists the options of a command.")


def _print_page(console: "Console", page: ManualPage) -> None:
    """A terminal gets the page formatted; a file or another program gets its Markdown."""
    if not console.file.isatty():
        console.file.write(page.text)
        return
    from rich.markdown import Markdown  # noqa: PLC0415
    from rich.theme import Theme  # noqa: PLC0415

    markdown = Markdown(page.text, code_theme="bw", hyperlinks=False)
    for block in markdown.parsed:
        block.children = _with_commands(block.children or []) or None
    with console.use_theme(Theme({"markdown.code": "bold", "markdown.h2": "bold underline"})):
        console.print(markdown, width=min(console.width, _WIDTH))


def _with_commands(tokens: "Sequence[Token]") -> "list[Token]":
    """A text whose links name the command that shows where they lead; others are mere words."""
    shown, is_topic = [], False
    for token in tokens:
        if token.type == "link_open":
            topic = topic_of(str(token.attrs["href"]))
            token.attrs["href"], is_topic = f"help {topic}", topic is not None
        if is_topic or token.type not in {"link_open", "link_close"}:
            shown.append(token)
    return shown
