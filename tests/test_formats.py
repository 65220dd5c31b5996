"""What a newer version of the program has made, by whole command lines."""

import csv
from pathlib import Path

import pytest

from batch.columns import ADDED_COLUMNS
from batch.reading import layout
from tests.elsewhere import typed
from tests.shell import Shell
from tests.wired import interrupting, pausing

ROWS = 3
LONGER = (*ADDED_COLUMNS, "request_id")


def widen(path: Path, added: tuple[str, ...]) -> None:
    """Put these columns behind those of a spreadsheet, as a program of that format writes them."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*header, *added])
        writer.writerows([*row, *["x"] * len(added)] for row in rows)


@pytest.mark.parametrize("words", [("check",), ("run", "--yes"), ("plan",)])
def test_results_of_a_newer_version_are_refused_and_nothing_is_sent(
    shell: Shell, words: tuple[str, ...]
) -> None:
    shell.leads(pausing(ROWS))
    widen(Path("leads.csv"), LONGER)
    word, *options = words
    assert typed(shell, word, "leads.csv", *options) == (2, [])
    assert (
        'leads.csv: found the column "request_id" behind those that results add, as a newer '
        "version of this program writes"
    ) in " ".join(shell.err.split())


def test_a_run_whose_input_an_earlier_version_took_for_the_users_own_is_gone_on_with(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.leads(pausing(ROWS))
    widen(Path("leads.csv"), LONGER)
    with monkeypatch.context() as patch:
        patch.setattr(layout, "refuse_newer", lambda *_, **__: None)
        patch.setattr("tests.elsewhere.confirmed", interrupting(1))
        assert (
            typed(shell, "run", "leads.csv", "--yes", "--out", "a", "--concurrency", "1")[0] == 143
        )
    assert typed(shell, "resume", "a", "--yes")[0] == 0
    with Path("a/results.csv").open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file))
    assert header[-len(LONGER) :] == ["request_id", *ADDED_COLUMNS]
