import io
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from batch.model import Tally
from batch.terminal.last_lines import End, Next, counted, has_links, print_end
from tests.support.reports import FILES, TALLY
from tests.support.shell import BAD, Shell
from tests.support.wired import pausing

LONG = f"runs/{'a-long-name-' * 12}/results.csv"
COMMAND = f"sendkit-batch run {LONG} --rate 500"


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(end: End, *, width: int = 80) -> list[str]:
    screen = Screen()
    print_end(Console(file=screen, width=width, force_terminal=True), end)
    return screen.getvalue().splitlines()


@pytest.fixture
def person(shell: Shell) -> Shell:
    """A shell with somebody at its terminal, which can do more than print."""
    shell.monkeypatch.setenv("TERM", "xterm")
    shell.typing("y\n")
    return shell


def plain(printed: str) -> list[str]:
    return [Text.from_ansi(line).plain.rstrip() for line in printed.splitlines()]


def test_the_one_line_has_the_state_the_counts_the_results_and_the_next_command() -> None:
    then = Next(command="sendkit-batch run x")
    assert counted("stopped", TALLY, results=FILES.results, then=then).line == (
        "stopped: 4118 success, 1 error, 3 skipped, 2 unsent; "
        "runs/x/results.csv; next: sendkit-batch run x"
    )


def test_the_one_line_says_when_there_is_nothing() -> None:
    assert counted("finished", Tally(), results=None, then=Next()).line == (
        "finished: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: nothing to do"
    )


def test_the_one_line_is_one_line_whatever_is_in_a_path() -> None:
    results = Path("a\nb\x1b[31m\u2028\udcff/results.csv")
    line = counted("finished", Tally(), results=results, then=Next(command="run 'c\r\nd'")).line
    assert line.splitlines() == [line]
    assert "a\\nb\\x1b[31m\\u2028\\udcff/results.csv; next: run 'c\\r\\nd'" in line


@pytest.mark.parametrize("width", [20, 80, 120])
def test_on_a_terminal_no_path_and_no_command_is_broken(width: int) -> None:
    end = End(
        state="finished",
        came="all",
        headline="Finished.",
        files={"Results": LONG, "Failed rows": "x\x1b[2J.csv"},
        next=Next(first="fix the rows in failed.csv", command=COMMAND),
    )
    lines = printed(end, width=width)
    assert f"Results:     {LONG}" in map(str.rstrip, plain("\n".join(lines)))
    assert lines[-1] == COMMAND
    assert "x\\x1b[2J.csv" in "".join(lines)


def test_a_command_that_says_what_it_does_is_introduced_by_that() -> None:
    end = End(state="listed", came="2 runs", next=Next(command="run x", does="shows the newest"))
    assert end.line == "listed: 2 runs; next: run x shows the newest"
    assert "This shows the newest:" in "".join(printed(end))


@pytest.mark.parametrize(
    ("environ", "has"),
    [
        ({}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4600"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
        ({"WT_SESSION": "1"}, True),
        ({"TERM": "xterm-kitty", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "VTE_VERSION": "7600"}, False),
        ({"TERM": "tmux-256color", "VTE_VERSION": "7600"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600", "TMUX": "x,1,0"}, False),
        ({"TERM": "xterm-kitty", "SSH_CONNECTION": "::1"}, False),
    ],
)
def test_links_are_for_terminals_that_are_known_to_have_them(
    environ: dict[str, str], *, has: bool
) -> None:
    assert has_links(environ) is has


def test_a_path_is_a_link_to_its_file(shell: Shell) -> None:
    end = End(state="finished", came="all", files={"Results": "a b/results.csv"})
    assert "\x1b]8;" not in "".join(printed(end))
    for name in ("NO_COLOR", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY"):
        shell.monkeypatch.delenv(name, raising=False)
    shell.monkeypatch.setenv("TERM", "xterm-kitty")
    assert f";{(shell.cwd / 'a b/results.csv').as_uri()}\x1b\\" in "".join(printed(end))


def test_a_person_gets_a_headline_and_the_next_command_on_a_line_of_its_own(person: Shell) -> None:
    assert person.run(person.leads([*pausing(1), BAD]), out=Path("out")) == 1
    _, headline, rest = person.err.partition("Finished: ")
    assert plain(headline + rest) == [
        "Finished: of 2 rows, 1 was applied and 1 failed.",
        "",
        "Rows  Result   Reason   For example",
        "   1  success  applied  line 2",
        '   1  error    bad_id   line 3: found "bad", 3 hexadecimal digits; expected 24.',
        "",
        "Results:     out/results.csv",
        "Failed rows: out/failed.csv",
        "Report:      out/report.html",
        "",
        "Next, fix the rows in failed.csv, then:",
        "sendkit-batch run out/failed.csv --rate 1000",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run leads.csv --zzz", "No such option: --zzz. Add --help to see what there is."),
        ("check nosuch.csv", "nosuch.csv: the file can't be read: No such file or directory."),
    ],
)
def test_at_a_usage_error_a_person_gets_its_sentence_and_no_counts(
    person: Shell, words: str, message: str
) -> None:
    assert person.words(*words.split()) == 2
    assert message in " ".join(plain(person.err))
    assert "success" not in person.err
    assert "next" not in person.err.lower()


@pytest.mark.parametrize("words", ["--quiet", "-q", "--json", "TERM=dumb", "no terminal"])
def test_programs_get_the_one_line_also_at_a_usage_error(person: Shell, words: str) -> None:
    line = "refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; next: fix what is said"
    if words == "TERM=dumb":
        person.monkeypatch.setenv("TERM", "dumb")
    if words == "no terminal":
        person.streams.clear()
    more = [words] if words.startswith("-") else []
    for command in (["check", "nosuch.csv", *more], ["run", "--nope", *more]):
        assert person.words(*command) == 2
        assert person.last_line.startswith(line)
    assert person.words("check", person.leads(pausing(1)), *more) == 0
    assert person.last_line.startswith("checked: 0 success, 0 error, 0 skipped, 1 unsent; ")
