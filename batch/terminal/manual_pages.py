"""Pages of the manual in a terminal, formatted by Rich."""

from collections.abc import Sequence
from typing import ClassVar

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from batch.manual import TOPICS, ManualPage, manual_page, topic_of

_WIDTH = 100  # columns; longer lines are hard to read
_LOOK = Theme({"markdown.code": "bold", "markdown.h2": "bold underline"})


class _PrintedBlock(CodeBlock):
    """What a command printed, as it printed it: no colours, no frame that takes columns away."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(str(self.text).rstrip())


class _ManualText(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _PrintedBlock,
    }


def list_topics(console: Console) -> None:
    """Print the topics, each with its sentence."""
    table = Table.grid(padding=(0, 2))
    for topic in TOPICS:
        table.add_row(topic, manual_page(topic).summary)
    console.print("The manual. sendkit-batch help TOPIC shows one of:\n")
    console.print(table)
    console.print("\nsendkit-batch COMMAND --help lists the options of a command.")


def print_page(console: Console, page: ManualPage) -> None:
    """A terminal gets the page formatted; a file or another program gets its Markdown."""
    if not console.file.isatty():
        console.file.write(page.text)
        return
    text = _ManualText(page.text, hyperlinks=False)
    for block in text.parsed:
        block.children = _with_commands(block.children or []) or None
    with console.use_theme(_LOOK):
        console.print(text, width=min(console.width, _WIDTH))


def _with_commands(tokens: Sequence[Token]) -> list[Token]:
    """A text whose links name the command that shows where they lead; others are mere words."""
    shown, is_topic = [], False
    for token in tokens:
        if token.type == "link_open":
            topic = topic_of(str(token.attrs["href"]))
            token.attrs["href"], is_topic = f"help {topic}", topic is not None
        if is_topic or token.type not in {"link_open", "link_close"}:
            shown.append(token)
    return shown
