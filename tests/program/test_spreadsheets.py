"""Spreadsheets as people really have them, from the file to what the leads became."""

import gzip
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batch.sandbox.process import Sandbox
from tests.reading import test_exporters as slips
from tests.reading import test_merged
from tests.support.in_process import sendkit_batch
from tests.support.live_world import served
from tests.support.program import CAMPAIGN, Ran, access, lead_id, state

HEADER = ["campaignId", "campaignLeadId", "status", "aiTag", "company"]
Rows = list[list[str]]
BEFORE = ("active", None)
CASES: dict[str, Callable[[Rows], bytes]] = {
    "spaced": lambda rows: slips.spaced(rows, ",", "\r\n").encode(),
    "whole lines": lambda rows: slips.whole_lines(rows, ",", "\r\n").encode(),
    "protected": lambda rows: slips.protected(rows, ";", "\r\n").encode(),
    "end mark": lambda rows: slips.with_end_mark(rows, "\t", "\r\n").encode("utf-16"),
    "packed": lambda rows: gzip.compress(slips.spaced(rows, ";", "\n").encode()),
}


def rows_of(first: int) -> Rows:
    return [
        [CAMPAIGN, lead_id(first), "paused", "Hot", "Acme, Inc."],
        [CAMPAIGN, lead_id(first + 1), "paused", "", 'So "called"'],
        [CAMPAIGN, lead_id(first + 2), "", "Cold", "Zürich"],
    ]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    leads = [(CAMPAIGN, lead_id(n), "active", "") for n in range(1, 100)]
    with served(tmp_path_factory.mktemp("world"), leads) as sandbox:
        yield sandbox


def run(folder: Path, sandbox: Sandbox, *words: str, stdin: bytes = b"") -> Ran:
    env, given = access(sandbox)
    words = ("run", *words, *given, "--rate", "1000")
    return sendkit_batch(*words, cwd=folder, env=env, stdin=stdin)


def leads(sandbox: Sandbox, first: int) -> list[tuple[str, str | None]]:
    """What the three leads from this one on are now."""
    now = state(sandbox)
    three = (now[CAMPAIGN, lead_id(first + n)] for n in range(3))
    return [(each["status"], each["aiTag"]) for each in three]


CHANGED = [("paused", "Hot"), ("paused", None), ("active", "Cold")]


@pytest.mark.parametrize("number", range(len(CASES)), ids=CASES)
@pytest.mark.parametrize("source", ["file", "stdin"])
def test_what_exporters_write_is_sent_as_they_mean_it(
    number: int, source: str, tmp_path: Path, sandbox: Sandbox
) -> None:
    first = 10 * number + (6 if source == "stdin" else 1)
    content = list(CASES.values())[number]([HEADER, *rows_of(first)])
    name = "leads.csv.gz" if content.startswith(b"\x1f\x8b") else "leads.csv"
    (tmp_path / name).write_bytes(content)
    if source == "stdin":
        ran = run(tmp_path, sandbox, "-", stdin=content)
    else:
        ran = run(tmp_path, sandbox, name)
    assert ran.exit_code == 0, ran.err
    assert leads(sandbox, first) == CHANGED


def test_a_row_with_a_damaged_letter_sends_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [*rows_of(60), [CAMPAIGN, lead_id(63), "paused", "", "Café"]]
    text = slips.by_csv([HEADER, *rows], ",", "\n").encode()
    (tmp_path / "leads.csv").write_bytes(text.replace("é".encode(), b"\xe9"))
    ran = run(tmp_path, sandbox, "leads.csv")
    assert ran.exit_code == 2
    assert "text line 5 is not UTF-8" in ran.err
    assert leads(sandbox, 60) == [BEFORE] * 3


def test_of_rows_that_a_cell_has_swallowed_nothing_is_sent(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    header = ["campaignId", "campaignLeadId", "company", "status", "aiTag"]
    rows = [[CAMPAIGN, lead_id(70 + n), name, "paused", ""] for n, name in enumerate("ABC")]
    rows[0][2], rows[1][2] = '"A', 'B"'
    text = "".join(",".join(row) + "\n" for row in [header, *rows])
    (tmp_path / "leads.csv").write_text(text, "utf-8")
    assert run(tmp_path, sandbox, "leads.csv").exit_code == 1
    assert leads(sandbox, 70) == [BEFORE, BEFORE, ("paused", None)]


@pytest.mark.parametrize("write", test_merged.WRITES)
def test_of_merged_ids_the_row_that_holds_one_is_sent(
    write: test_merged.Write, tmp_path: Path, sandbox: Sandbox
) -> None:
    path = write(tmp_path, [HEADER, *rows_of(80)], [(1, 3, 0, 0)])
    ran = run(tmp_path, sandbox, path.name)
    assert ran.exit_code == 1
    assert "it belongs to the merged cells A2:A4" in " ".join(ran.err.split()) + ran.out + (
        ran.folder / "failed.csv"
    ).read_text("utf-8")
    assert leads(sandbox, 80) == [CHANGED[0], BEFORE, BEFORE]


def test_the_printed_mapping_is_typed_and_everything_is_sent(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    header = ["Kampagne $1", "", "Zu'stand", 'Ant"wort', "Firma"]
    (tmp_path / "leads.csv").write_text(slips.by_csv([header, *rows_of(90)], ",", "\n"), "utf-8")
    ran = run(tmp_path, sandbox, "leads.csv")
    assert ran.exit_code == 2
    (line,) = (each for each in ran.err.splitlines() if " Use --map " in each)
    options = shlex.split(line.rpartition(" Use ")[2])
    assert len(options) == 6
    ran = run(tmp_path, sandbox, "leads.csv", *options, "--map", 'aiTag=Ant"wort')
    assert ran.exit_code == 0, ran.err
    assert leads(sandbox, 90) == CHANGED
