"""`help` in a terminal: pages of the manual, formatted by Rich."""

from collections.abc import Sequence
from typing import ClassVar

from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from batch.errors import UsageError
from batch.manual import TOPICS, ManualPage, manual_page, topic_of
from batch.near_names import NearNames
from batch.settings.options import CliOptions
from batch.terminal.console import Terminal
from batch.terminal.endings import guarded
from batch.terminal.signals import Interrupts

_WIDTH = 100  # columns; wider text is hard to read
_LOOK = Theme({"markdown.code": "bold", "markdown.h2": "bold underline"})


class _PrintedBlock(CodeBlock):
    """The output of a command as it was printed: no colours, and no frame that costs columns."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(str(self.text).rstrip())


class _ManualText(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "fence": _PrintedBlock,
    }


def show_manual(options: CliOptions, interrupts: Interrupts) -> int:
    """`help`: show a page of the manual, or list them. Gives the exit code."""
    terminal, topic = Terminal(interrupts), options.topic

    def do() -> int:
        if topic is None:
            _list_topics(terminal.out)
        elif topic in TOPICS:
            _print_page(terminal.out, manual_page(topic))
        else:
            near = NearNames().nearest(topic.lower(), TOPICS)
            hint = (
                f'Did you mean "{near}"?'
                if near
                else "sendkit-batch help lists the topics, sendkit-batch --help the commands."
            )
            raise UsageError(f'help: "{topic}" is not a topic of the manual. {hint}')
        return 0

    return guarded(terminal, do)


def _list_topics(console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for topic in TOPICS:
        table.add_row(topic, manual_page(topic).summary)
    console.print("The manual. sendkit-batch help TOPIC shows one of:\n")
    console.print(table)
    console.print("\nsendkit-batch COMMAND --help lists the options of a command.")


def _print_page(console: Console, page: ManualPage) -> None:
    """Print a page: formatted on a terminal, as Markdown to a file or another program."""
    if not console.file.isatty():
        console.file.write(page.text)
        return
    text = _ManualText(page.text, hyperlinks=False)
    for block in text.parsed:
        block.children = _with_commands(block.children or []) or None
    with console.use_theme(_LOOK):
        console.print(text, width=min(console.width, _WIDTH))


def _with_commands(tokens: Sequence[Token]) -> list[Token]:
    """Make links show the `help` command for the page they lead to; other links become text."""
    shown, is_topic = [], False
    for token in tokens:
        if token.type == "link_open":
            topic = topic_of(str(token.attrs["href"]))
            token.attrs["href"], is_topic = f"help {topic}", topic is not None
        if is_topic or token.type not in {"link_open", "link_close"}:
            shown.append(token)
    return shown
