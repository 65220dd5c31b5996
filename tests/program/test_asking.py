"""The number that a yes is about is the number of leads that are changed; judged by the sandbox."""

import random
import re
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.sandbox.process import Sandbox
from batch.terminal.command_line import run_command_line
from tests.support.live_world import HEADER, random_changes, random_leads, served
from tests.support.program import access, received, write_rows
from tests.support.sampling import examples
from tests.support.shell import Shell, shell_in

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


@examples(12)
@given(seed=st.integers(0, 1 << 30))
def test_the_number_is_that_of_the_leads_that_are_changed(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        check_numbers(shell_in(Path(folder), patch), random.Random(seed))  # noqa: S311 - to be drawn again
