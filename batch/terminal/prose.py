"""Sentences in a terminal: broken between words there, and one line each anywhere else.

Names, cells and the server's words are shown as they are: no markup, no control character in them
has a meaning.
"""

from rich.console import Console
from rich.text import Text

from batch.terminal.remedies import in_terminal
from batch.visible import visible, visible_lines

COMMAND = ": sendkit-batch "  # before a command that ends a sentence


def print_sentences(console: Console, text: str, *, style: str = "") -> None:
    """Print lines for a person to read: a terminal's width breaks them between words.

    A command that ends a line stands in one of its own there, whole, to be copied. What can be
    done about a problem is said with it.
    """
    # Not console.is_terminal, which FORCE_COLOR sets for a log file too.
    is_terminal = console.file.isatty()
    for line in visible_lines(in_terminal(text)).split("\n"):
        words, colon, command = line.rpartition(COMMAND)
        if not (is_terminal and colon):
            console.print(Text(line, style=style), soft_wrap=not is_terminal)
            continue
        console.print(Text(f"{words}:", style=style))
        console.print(Text(f"{COMMAND[2:]}{command}", style=style), soft_wrap=True)


def print_whole(console: Console, text: str) -> None:
    """Print one line for a person to copy, or a program to read: nothing of ours breaks it."""
    console.print(Text(visible(text)), soft_wrap=True)
