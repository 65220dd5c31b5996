"""Sentences in a terminal: broken between words there, and one line each anywhere else.

Names, cells and the server's words are shown as they are: no markup, no control character in them
has a meaning.
"""

from rich.console import Console
from rich.text import Text

from batch.visible import visible, visible_lines


def print_sentences(console: Console, text: str, *, style: str = "") -> None:
    """Print lines for a person to read: a terminal's width breaks them between words."""
    shown = visible_lines(text)
    # Not console.is_terminal, which FORCE_COLOR sets for a log file too.
    console.print(Text(shown, style=style), soft_wrap=not console.file.isatty())


def print_whole(console: Console, text: str) -> None:
    """Print one line for a person to copy, or a program to read: nothing of ours breaks it."""
    console.print(Text(visible(text)), soft_wrap=True)
