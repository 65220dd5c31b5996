"""The last lines of a command: how it ended, what it left, and what to run next.

Programs read one line, always the last one of standard error. A person at a terminal gets a
headline, and below it each path and the next command on a line of its own, to be copied.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.style import Style
from rich.text import Text

from batch.model import Result, Tally
from batch.terminal.prose import print_sentences, print_whole
from batch.visible import visible

NOTHING_TO_DO = "nothing to do"
_NEW_VTE = 5000  # 0.50, the first without a fault in links
_PROGRAMS_WITH_LINKS = {"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"}
_TERMS_WITH_LINKS = {
    "xterm-kitty",
    "xterm-ghostty",
    "alacritty",
    "foot",
    "wezterm",
    "contour",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What to do next. Nothing if all is empty.

    first: what a person does before the command. command: as a shell takes it; "" where there is
    none. does: what the command does, behind its name, such as "shows the newest".
    is_obvious: whether only a program must be told.
    """

    first: str = ""
    command: str = ""
    does: str = ""
    is_obvious: bool = False

    @property
    def line(self) -> str:
        """In one line."""
        command = f"{self.command} {self.does}".strip()
        return ", then ".join(filter(None, (self.first, command))) or NOTHING_TO_DO


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a command ended.

    state: in a word. came: what came of it. where: what is said of its files in one line.
    headline: the state and what came of it, for a person; "" if that has been said.
    files: what it left, by what each file is called.
    """

    state: str
    came: str
    where: str = ""
    next: Next = Next()
    headline: str = ""
    style: str = "bold"
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """For programs."""
        parts = (f"{self.state}: {self.came}", self.where, f"next: {self.next.line}")
        return visible("; ".join(filter(None, parts)))


def counted(
    state: str, tally: Tally, *, results: Path | None, then: Next, headline: str = ""
) -> End:
    """The end of a command that is about rows."""
    return End(
        state=state,
        came=", ".join(f"{tally.of(result)} {result}" for result in Result),
        where=str(results) if results else "no results",
        next=then,
        headline=headline,
    )


def print_end(console: Console, end: End) -> None:
    """Print it for a person."""
    if end.headline:
        console.print()
        print_sentences(console, end.headline, style=end.style)
    if end.files:
        width = max(map(len, end.files)) + 2
        for name, path in end.files.items():
            label = (f"{name}:".ljust(width), "dim")
            console.print(Text.assemble(label, _linked(path)), soft_wrap=True)
    then = end.next
    if then.is_obvious or not (then.first or then.command):
        return
    console.print()
    if not then.command:
        print_sentences(console, f"Next: {then.first}.", style="bold")
        return
    before = f"Next, {then.first}, then" if then.first else "Next"
    print_sentences(console, f"This {then.does}:" if then.does else f"{before}:", style="bold")
    print_whole(console, then.command)


def _linked(path: str) -> Text:
    """A path, as a link to its file where the terminal has links."""
    style = Style(link=Path(path).absolute().as_uri()) if has_links(os.environ) else ""
    return Text(visible(path), style=style)


def has_links(environ: Mapping[str, str]) -> bool:
    """True for a terminal on this machine that is known to show links (OSC 8) as links.

    Another one might print their addresses. In tmux, screen or behind SSH nobody knows which
    terminal it is, or the file is on another machine.
    """
    term = environ.get("TERM", "")
    is_inside = environ.keys() & {"NO_COLOR", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY"}
    if is_inside or term == "dumb" or term.startswith(("screen", "tmux")):
        return False
    vte = environ.get("VTE_VERSION", "")
    return (
        term in _TERMS_WITH_LINKS
        or environ.get("TERM_PROGRAM") in _PROGRAMS_WITH_LINKS
        or bool(environ.keys() & {"WT_SESSION", "KONSOLE_VERSION", "KITTY_WINDOW_ID"})
        or (vte.isascii() and vte.isdigit() and int(vte) >= _NEW_VTE)
    )
