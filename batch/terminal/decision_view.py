"""What a yes means, as one screen of a terminal: facts, the first rows of the diff, the sum."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from batch.terminal.prose import COMMAND, print_sentences
from batch.terminal.remedies import in_terminal
from batch.visible import visible
from batch.wording.questions import Question

_MORE = 50  # rows to ask for next
# Columns of a terminal: for the names of leads and campaigns, and for all that stands beside them.
_NARROWEST_NAME, _WIDEST_NAME, _FOR_CHANGES = 8, 32, 48


def print_question(console: Console, question: Question) -> None:
    """The screen before an answer. The sum stands last, directly above what is asked."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for title, sentences in question.facts:
        words, colon, command = in_terminal(sentences).rpartition(COMMAND)
        text = f"{visible(words)}:\n{COMMAND[2:]}{visible(command)}" if colon else visible(command)
        table.add_row(title, Text(text))
    console.print(table)
    if question.diff:
        console.print()
        print_diff(console, question)
    console.print()
    print_sentences(console, question.headline, style="bold")


def print_diff(console: Console, question: Question) -> None:
    """The first rows of the diff, each on a line: of a name that does not fit the end is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Line", justify="right", no_wrap=True)
    # Names give way to what changes. Only a long label takes a second line.
    are_several = any(row.workspace for row in question.diff)
    titles = (*(["Workspace"] if are_several else []), "Who", "Campaign")
    room = (console.width - _FOR_CHANGES) // len(titles)
    names = min(_WIDEST_NAME, max(_NARROWEST_NAME, room))
    for title in titles:
        table.add_column(title, no_wrap=True, overflow="ellipsis", max_width=names)
    table.add_column("Status", no_wrap=True)
    table.add_column("aiTag", overflow="fold")
    for row in question.diff:
        who = (*([row.workspace] if are_several else []), row.who, row.campaign)
        texts = (*who, row.status, row.tag)
        # What stays as it is recedes.
        styles = (
            *("" for _ in who),
            *("" if " → " in text else "dim" for text in texts[len(who) :]),
        )
        cells = (Text(visible(text), style) for text, style in zip(texts, styles, strict=True))
        table.add_row(f"{row.line:,}", *cells)
    console.print(table)
    if question.more_rows:
        more = f"… and {question.more_rows:,} more; --show {_MORE} shows more"
        console.print(Text(more, style="dim"))
