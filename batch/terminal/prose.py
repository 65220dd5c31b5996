"""Print sentences: wrapped between words on a terminal, one line each anywhere else.

Names, cells and the server's words are printed literally: markup and control characters in them
have no effect.
"""

from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from batch.terminal.remedies import in_terminal, split_options
from batch.visible import visible, visible_lines

COMMAND = ": sendkit-batch "  # before a command that ends a sentence


def print_sentences(console: Console, text: str, *, style: str = "") -> None:
    """Print lines for a person, wrapped to the terminal's width.

    On a terminal, a command at the end of a line, and the options that advice ends with, are
    printed on a line of their own, unbroken, to be copied. No word is broken. Advice is spelled as
    options.
    """
    # Not console.is_terminal, which FORCE_COLOR sets for a log file too.
    is_terminal = console.file.isatty()
    sentences, options = split_options(text) if is_terminal else (in_terminal(text), "")
    for line in visible_lines(sentences).split("\n"):
        words, colon, command = line.rpartition(COMMAND)
        if not (is_terminal and colon):
            _print_line(console, line, style=style, wraps=is_terminal)
            continue
        _print_line(console, f"{words}:", style=style, wraps=True)
        console.print(Text(f"{COMMAND[2:]}{command}", style=style), soft_wrap=True)
    if options:
        console.print(Text(visible(options), style=style), soft_wrap=True)


def _print_line(console: Console, line: str, *, style: str, wraps: bool) -> None:
    parts = [line]
    if wraps and any(cell_len(word) > console.width for word in line.split()):
        # Rich would break the word, and a path could not be copied.
        parts = wrap(line, console.width, break_long_words=False, break_on_hyphens=False)
        wraps = False
    for part in parts:
        console.print(Text(part, style=style), soft_wrap=not wraps)


def print_whole(console: Console, text: str) -> None:
    """Print one unbroken line, for a person to copy or a program to read."""
    console.print(Text(visible(text)), soft_wrap=True)
