"""The number that a yes is about is the number of leads that are changed; judged by the sandbox."""

import random
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from batch.terminal.command_line import run_command_line
from tests.support.in_process import start_sandbox
from tests.support.live_world import HEADER, random_changes, random_leads, served
from tests.support.program import CAMPAIGN, access, lead_id, received, write_rows
from tests.support.sampling import examples
from tests.support.shell import Shell, Stream, shell_in

_ASKED = re.compile(r"(?:Send|Set) ([\d,]+) (?:change|changes|lead back|leads back)\? \[y/N\]")


def asked_and_changed(shell: Shell, sandbox: Sandbox, *words: str) -> tuple[int, int]:
    """The number of the question that a command puts, and to how many leads a request went.

    0 where nothing is asked. Somebody answers each question with a yes.
    """
    before = len(received(sandbox))
    shell.typing("y\n")
    shell.monkeypatch.setattr(sys, "argv", ["sendkit-batch", *words, "--rate", "1000"])
    shell.do(run_command_line)
    numbers = [int(number.replace(",", "")) for number in _ASKED.findall(shell.err)]
    sent = received(sandbox)[before:]
    leads = {(each["campaignId"], each["campaignLeadId"]) for each in sent}
    assert len(leads) == len(sent), "no lead is changed twice"
    return sum(numbers), len(leads)


def options(draw: random.Random) -> list[str]:
    """Ways in which more or fewer of the leads are read, and rows joined or refused."""
    return [
        "--allow-invalid",
        "--allow-clears",
        *("--skip-unchanged", draw.choice(("auto", "always", "never"))),
        *("--on-conflict", draw.choice(("error", "last-wins"))),
        *("--final-states", draw.choice(("leave", "send"))),
        *draw.choice(((), ("--keep-before",))),
    ]


def check_numbers(shell: Shell, draw: random.Random) -> None:
    """A random file: planned or not, stopped by a quota, gone on with, tried again, undone."""
    leads = random_leads(draw, 40)
    path = write_rows(shell.cwd / "leads.csv", HEADER, random_changes(draw, leads, 60))
    with served(shell.cwd, leads) as sandbox:
        environ, (_, base_url, _) = access(sandbox)
        shell.monkeypatch.setenv("SENDKIT_API_KEY", environ["SENDKIT_API_KEY"])
        at = ("--base-url", base_url)
        first = ("run", str(path), "--out", "first", *at, *options(draw))
        if draw.random() < 0.3:
            asked_and_changed(
                shell, sandbox, "plan", str(path), "--allow-invalid", "--out", "first", *at
            )
            first = ("apply", "first", "--allow-clears")
        quota = draw.randint(1, 40)
        number, changed = asked_and_changed(shell, sandbox, *first, "--daily", str(quota))
        assert changed <= number
        if number and (shell.cwd / "first").exists():
            left, more = asked_and_changed(shell, sandbox, "resume", "first", "--daily", "9999")
            assert (left, more) == (number - changed, number - changed)
        for again in ("retry", "undo"):
            number, changed = asked_and_changed(shell, sandbox, again, "first", "--out", again)
            assert number == changed, again


@examples(8)
@given(seed=st.integers(0, 1 << 30))
def test_the_number_is_that_of_the_leads_that_are_changed(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        check_numbers(shell_in(Path(folder), patch), random.Random(seed))  # noqa: S311 - to be drawn again


def test_the_number_is_that_of_a_file_that_was_counted_by_hand(shell: Shell) -> None:
    leads = [(CAMPAIGN, lead_id(n), "active", "Hot") for n in range(1, 7)]
    rows = [
        *((CAMPAIGN, lead_id(n), "paused", "") for n in (1, 2, 3)),
        (CAMPAIGN, lead_id(3), "", "Cold"),  # joins the row before it
        (CAMPAIGN, lead_id(4), "active", "Hot"),  # is so already
        (CAMPAIGN, "bad", "paused", ""),
    ]
    path = write_rows(shell.cwd / "leads.csv", HEADER, rows)
    with served(shell.cwd, leads) as sandbox:
        environ, (*at, _) = access(sandbox)
        shell.monkeypatch.setenv("SENDKIT_API_KEY", environ["SENDKIT_API_KEY"])
        first = ("run", str(path), "--out", "first", *at, "--skip-unchanged", "always")
        assert asked_and_changed(shell, sandbox, *first, "--daily", "99") == (3, 3)
        assert asked_and_changed(shell, sandbox, "undo", "first", "--out", "undo") == (3, 3)


PEOPLE = (  # HEADER, then what the server knows of them
    (CAMPAIGN, lead_id(1), "active", "Hot", "ann@example.com", "Ann", "Ray", "Summer sale"),
    (CAMPAIGN, lead_id(2), "active", "", "bob@example.com", "", "", "Summer sale"),
    (CAMPAIGN, lead_id(3), "paused", "Cold", "cleo@example.com", "Cleo", "Ito", "Summer sale"),
)
ROWS = (  # HEADER, then the user's own columns
    (CAMPAIGN, lead_id(1), "paused", "", "Spring sale", "A. Ray"),
    (CAMPAIGN, lead_id(2), "", "Hot", "Spring sale", "B.\x1b[31m\u202e"),
    (CAMPAIGN, lead_id(3), "active", "null", "", ""),
)

BY_MAIL = ("Summer sale", "ann@example.com", "paused")


@contextmanager
def serving_people(folder: Path, *faults: str) -> Iterator[Sandbox]:
    """A sandbox whose leads have names."""
    header = (*HEADER, "email", "firstName", "lastName", "campaignName")
    seed = write_rows(folder / "seed.csv", header, PEOPLE)
    with start_sandbox(Options(seed_csv=seed, labels=("Hot", "Cold"), faults=faults)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The same for tests whose answers change nobody."""
    with serving_people(tmp_path_factory.mktemp("people")) as sandbox:
        yield sandbox


def asked(shell: Shell, sandbox: Sandbox, *words: str, answer: str = "n\n") -> list[str]:
    """What a command about ROWS prints in a terminal, line by line."""
    write_rows(shell.cwd / "leads.csv", (*HEADER, "Campaign name", "Name"), ROWS)
    environ, (*at, _) = access(sandbox)
    shell.monkeypatch.setenv("SENDKIT_API_KEY", environ["SENDKIT_API_KEY"])
    shell.typing(answer)
    name, *options = words
    given = ["sendkit-batch", name, "leads.csv", *at, "--rate", "1000", *options]
    shell.monkeypatch.setattr(sys, "argv", given)
    shell.do(run_command_line)
    return [" ".join(line.split()) for line in shell.err.splitlines()]


def test_leads_that_were_read_are_shown_as_they_are_and_by_their_own_names(
    shell: Shell, people: Sandbox
) -> None:
    lines = asked(shell, people, "run", "--keep-before")
    first = lines.index("Line Who Campaign Status aiTag")
    assert lines[first + 1 : first + 4] == [
        "2 Ann Ray Summer sale active → paused Hot",
        "3 bob@example.com Summer sale active no tag → Hot",
        "4 Cleo Ito Summer sale paused → active Cold → no tag",
    ]
    assert "Undo It can be taken back, except for e-mails that went out." in " ".join(lines)


def test_names_of_campaigns_that_a_question_showed_are_in_the_report(shell: Shell) -> None:
    with serving_people(shell.cwd) as sandbox:
        asked(shell, sandbox, "run", "--out", "out", answer="y\n")
    report = (shell.cwd / "out" / "report.html").read_text("utf-8")
    assert f"Summer sale<br><code>{CAMPAIGN}</code>" in report
    assert "ann@example.com" not in report
    assert "Ann" not in report


def test_leads_that_were_not_read_are_shown_as_such_by_the_names_in_the_file(shell: Shell) -> None:
    with serving_people(shell.cwd, "status=500,on=campaigns") as sandbox:
        lines = asked(shell, sandbox, "run")
    first = lines.index("Line Who Campaign Status aiTag")
    assert lines[first + 1 : first + 4] == [
        "2 A. Ray Spring sale not read → paused",
        "3 B.\\x1b[31m\\u202e Spring sale not read → Hot",
        "4 …00000003 …3a6c9e01 not read → active not read → no tag",
    ]
    told = " ".join(lines)
    assert (
        "None of the 3 leads was read before, so this can't be taken back. "
        "A run with --keep-before reads all of them."
    ) in told


@pytest.mark.parametrize(("count", "more"), [(0, 0), (1, 2), (3, 0)])
def test_as_many_rows_are_shown_as_are_wanted(
    shell: Shell, people: Sandbox, count: int, more: int
) -> None:
    lines = asked(shell, people, "run", "--show", str(count))
    assert sum("not read →" in line for line in lines) == count
    assert (f"… and {more} more; --show 50 shows more" in lines) is bool(more)


def test_a_blank_line_parts_the_question_from_what_stands_above_it(
    shell: Shell, people: Sandbox
) -> None:
    shell.monkeypatch.setenv("TERM", "xterm")
    asked(shell, people, "run")
    assert shell.err.startswith("\x1b[1mTags set")
    shell.monkeypatch.setenv("SENDKIT_WORKSPACE_ID", "f" * 24)
    lines = asked(shell, people, "run")
    at = next(at for at, line in enumerate(lines) if "Tags set" in line)
    assert lines[at - 1] == ""
    assert "SENDKIT_WORKSPACE_ID" in " ".join(lines[: at - 1])
    assert lines[at - 2]


def test_a_plan_shows_them_on_a_screen(shell: Shell, people: Sandbox) -> None:
    screen = Stream({})
    screen.is_terminal = True
    shell.streams["stdout"] = screen
    asked(shell, people, "plan")
    assert "2  Ann Ray          Summer sale  active → paused  Hot" in screen.getvalue()
    assert "Summer sale            3           0      0" in screen.getvalue()
    write_rows(shell.cwd / "by_mail.csv", ("campaign", "email", "status"), [BY_MAIL])
    words = ["sendkit-batch", "plan", "by_mail.csv", *sys.argv[3:]]
    shell.monkeypatch.setattr(sys, "argv", words)
    shell.do(run_command_line)
    assert "Summer sale            1           0      0" in screen.getvalue()


def test_an_undo_of_leads_that_were_not_read_says_so_of_none_that_they_are_wrong(
    shell: Shell,
) -> None:
    with serving_people(shell.cwd) as sandbox:
        asked(shell, sandbox, "run", "--out", "first", answer="y\n")
        shell.monkeypatch.setattr(sys, "argv", ["sendkit-batch", "undo", "first", "--out", "back"])
        shell.monkeypatch.setenv("TERM", "xterm")
        shell.do(run_command_line)
    told = " ".join(shell.err.split())
    assert "3 of 3 rows can't be set back." in told
    assert "wrong" not in told
    assert "Finished: none of the 3 rows could be set back." in told
    assert "what the lead was before was not read, so it can't be set back." in told
    assert "expected active" not in told


def test_names_and_addresses_are_shown_and_kept_nowhere(shell: Shell, people: Sandbox) -> None:
    asked(shell, people, "plan", "--json", "--out", "planned")
    assert not named(shell.out)
    assert not named(shell.err)
    asked(shell, people, "plan", "--out", "again")  # what it prints is not printed on a screen
    assert "active → paused" in shell.out
    assert not named(shell.out)
    for path in Path("planned").iterdir():
        assert not named(text_of(path)), path
    with serving_people(shell.cwd) as others:
        asked(shell, others, "run", "--keep-before", "--yes", "--json", "--out", "run")
    assert not named(shell.out + shell.err)
    for path in Path("run").iterdir():
        assert not named(text_of(path)), path


def text_of(path: Path) -> str:
    """What stands in a file, also where that is packed."""
    if path.suffix == ".parquet":
        return str(pl.read_parquet(path).rows())
    return path.read_bytes().decode("latin-1")


def test_what_earlier_runs_there_know_of_subsequences_is_said(shell: Shell) -> None:
    leads = [row[:4] for row in PEOPLE]
    known = "In earlier runs Hot started Nurture."
    with served(shell.cwd, leads, subsequences=("Hot=Nurture",)) as sandbox:
        assert known not in " ".join(asked(shell, sandbox, "run", answer="y\n"))
        assert known in " ".join(asked(shell, sandbox, "run"))
    with served(shell.cwd, leads) as elsewhere:
        assert known not in " ".join(asked(shell, elsewhere, "run"))


def named(text: str) -> bool:
    """Whether it names a lead as the server does; the user's own columns are another matter."""
    return bool(re.search(r"Ann|Cleo|@example\.com", text))


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_fits_a_terminal_and_the_sum_stands_above_the_question(
    shell: Shell, people: Sandbox, width: int
) -> None:
    shell.monkeypatch.setenv("COLUMNS", str(width))
    asked(shell, people, "run", "--keep-before")
    lines = shell.err.partition(" [y/N]")[0].splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= width
    *_, headline, question = " ".join(" ".join(lines).split()).partition("Change 3 leads in ")
    assert question.endswith("1 tag set, 1 tag cleared, 1 paused, 1 set active. Send 3 changes?")
    assert headline
