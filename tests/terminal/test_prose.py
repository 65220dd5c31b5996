import io

import pytest
from rich.console import Console

from batch.advice import Advice, map_columns
from batch.columns import Column
from batch.model import Field
from batch.terminal.prose import print_sentences, print_whole
from batch.visible import visible

SENTENCE = "The server asks to wait, so that nothing is sent for a while."


class Screen(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def console(*, is_terminal: bool) -> tuple[Console, Screen]:
    screen = Screen(is_terminal=is_terminal)
    return Console(file=screen, width=30, color_system=None, force_terminal=is_terminal), screen


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain [red] é", "plain [red] é"), ("a\tb", "a\\tb"), ("\u202eabc", "\\u202eabc")],
)
def test_what_cant_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_sentences_are_broken_between_words_on_a_terminal() -> None:
    where, screen = console(is_terminal=True)
    print_sentences(where, SENTENCE)
    assert screen.getvalue().splitlines() == [
        "The server asks to wait, so ",
        "that nothing is sent for a ",
        "while.",
    ]


def test_a_word_that_is_wider_than_the_terminal_is_not_broken() -> None:
    where, screen = console(is_terminal=True)
    path = f"{'a-long-folder/' * 4}leads.csv"
    print_sentences(where, f"{path}: the file can't be read. Check its name.")
    assert screen.getvalue().splitlines() == [
        f"{path}:",
        "the file can't be read. Check",
        "its name.",
    ]


def test_sentences_are_one_line_each_anywhere_else() -> None:
    where, screen = console(is_terminal=False)
    print_sentences(where, f"{SENTENCE}\n{SENTENCE} [bold]\x1b[2J")
    assert screen.getvalue().splitlines() == [SENTENCE, f"{SENTENCE} [bold]\\x1b[2J"]


def test_colours_alone_make_no_terminal_of_a_log() -> None:
    screen = Screen(is_terminal=False)
    print_sentences(
        Console(file=screen, width=30, color_system=None, force_terminal=True), SENTENCE
    )
    assert screen.getvalue().splitlines() == [SENTENCE]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_is_to_be_copied_is_never_broken(*, is_terminal: bool) -> None:
    where, screen = console(is_terminal=is_terminal)
    print_whole(where, f"results: {'x' * 50}/a b\n[red]")
    assert screen.getvalue() == f"results: {'x' * 50}/a b\\n[red]\n"


def test_options_that_advice_ends_with_are_printed_unbroken_on_a_terminal() -> None:
    columns: dict[Column, str] = {Field.CAMPAIGN_ID: "Kampagne des Jahres", Field.STATUS: "$x"}
    advice = Advice("Columns are missing.", map_columns(columns))
    options = "--map campaignId=\"Kampagne des Jahres\" --map status='$x'"
    where, screen = console(is_terminal=True)
    print_sentences(where, advice)
    assert screen.getvalue().splitlines() == ["Columns are missing. Use:", options]
    where, screen = console(is_terminal=False)
    print_sentences(where, advice)
    assert screen.getvalue() == f"Columns are missing. Use {options}\n"
