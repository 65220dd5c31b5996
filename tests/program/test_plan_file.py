"""plan.parquet: rows are judged once a run, and whatever comes later goes by what is written."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from batch.judging import from_cells, rules
from batch.judging.rules import Rules
from batch.reading import encoding, head, table
from batch.reading.table import Table
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import start_sandbox
from tests.support.later_rules import changed_rules
from tests.support.live_world import HEADER, ask_here, served
from tests.support.program import CAMPAIGN, lead_id, state, write_rows
from tests.support.shell import Shell

COUNT = 30
LEADS = [(CAMPAIGN, lead_id(n), "active", "Cold") for n in range(1, COUNT + 1)]
ROWS = [
    *((CAMPAIGN, lead_id(n), "paused" if n % 2 else "", "Hot") for n in range(1, COUNT)),
    (CAMPAIGN, lead_id(3), "", "Hot"),  # a lead that is named again is another pass over the rows
    (CAMPAIGN, "no id", "paused", ""),
]


class Passes:
    """How often each row is judged and parsed, counted while commands run in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: Counter[str] = Counter()
        judge, frames = rules.judge, Table._frames  # noqa: SLF001 - every reading goes by it

        def judge_counted(cells: pl.DataFrame, by: Rules) -> pl.DataFrame:
            self.rows["judged"] += cells.height
            return judge(cells, by)

        def frames_counted(read: Table) -> Iterator[pl.DataFrame]:
            for frame in frames(read):
                self.rows["parsed"] += frame.height
                yield frame

        monkeypatch.setattr(from_cells, "judge", judge_counted)
        monkeypatch.setattr(Table, "_frames", frames_counted)

    def taken(self) -> tuple[float, float]:
        """Judgings and parsings of a row since the last time."""
        judged, parsed = self.rows["judged"], self.rows["parsed"]
        self.rows.clear()
        return judged / len(ROWS), parsed / len(ROWS)


def test_a_run_judges_each_row_once_and_parses_it_at_most_three_times(
    shell: Shell, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    with served(tmp_path, LEADS) as sandbox:
        passes = Passes(shell.monkeypatch)
        assert ask_here(shell, sandbox, "plan", path, "--out", "planned") == 1
        assert passes.taken() == (1, 2)
        assert ask_here(shell, sandbox, "run", path, "--keep-before", "--out", "kept") == 1
        assert passes.taken() == (1, 2)
        assert ask_here(shell, sandbox, "run", path, "--out", "plain") == 1
        assert passes.taken() == (1, 2)
        assert ask_here(shell, sandbox, "apply", "planned") == 1
        assert passes.taken() == (0, 1)
        assert ask_here(shell, sandbox, "resume", "planned") == 1
        assert passes.taken() == (0, 1)
        shutil.copytree("planned", "somebody's")  # to be compared with its copy of the input
        assert ask_here(shell, sandbox, "resume", "somebody's") == 1
        assert passes.taken() == (0, 2)
        for words in (("results", "kept"), ("verify", "kept"), ("report", "kept")):
            assert ask_here(shell, sandbox, *words) in {0, 1}
        assert passes.taken() == (0, 1)


SPACED = [
    (CAMPAIGN, lead_id(1), "Paused", " Hot "),
    (CAMPAIGN, lead_id(2), "", " hot"),
    (CAMPAIGN, lead_id(3), "PAUSED", ""),
    (CAMPAIGN, lead_id(3), "", "Warm "),
]
SPACED_SET = {1: ("paused", "Hot"), 2: ("active", "Hot"), 3: ("paused", "Warm")}


def leads(sandbox: Sandbox) -> dict[int, tuple[str, str | None]]:
    """Status and tag of the leads of SPACED, by their numbers."""
    now = state(sandbox)
    found = {n: now[CAMPAIGN, lead_id(n)] for n in SPACED_SET}
    return {n: (each["status"], each["aiTag"]) for n, each in found.items()}


def test_a_later_version_with_other_rules_keeps_to_what_was_planned(
    shell: Shell, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, SPACED)
    with served(tmp_path, LEADS) as sandbox:
        before = leads(sandbox)
        assert ask_here(shell, sandbox, "plan", path, "--out", "planned") == 0
        changed_rules(shell)
        assert ask_here(shell, sandbox, "apply", "planned") == 0
        assert leads(sandbox) == SPACED_SET
        assert ask_here(shell, sandbox, "verify", "planned") == 0
        assert "4 rows" in shell.err
        assert ask_here(shell, sandbox, "undo", "planned", "--out", "undone") == 0
        assert leads(sandbox) == before


def test_a_later_version_goes_on_with_a_stopped_run_as_it_was_planned(
    shell: Shell, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "leads.csv", HEADER, SPACED)
    run = ("run", path, "--keep-before", "--out", "stopped", "--concurrency", "1")
    faults = (f"status=401,leads={lead_id(2)},total=1",)
    with served(tmp_path, LEADS, faults=faults) as sandbox:
        before = leads(sandbox)
        assert ask_here(shell, sandbox, *run) == 3
        assert leads(sandbox) != SPACED_SET
        changed_rules(shell)
        assert ask_here(shell, sandbox, "resume", "stopped") == 0
        assert leads(sandbox) == SPACED_SET
        assert ask_here(shell, sandbox, "undo", "stopped", "--out", "undone") == 0
        assert leads(sandbox) == before


TEXT = "\n;;\nName;campaignId;campaignLeadId;status\n" + "".join(
    f"Zo\xeb;{CAMPAIGN};{lead_id(n)};paused\n" for n in (1, 2)
)
FOUND = {
    "header_line": 3,
    "columns": {"campaignId": 1, "campaignLeadId": 2, "status": 3},
    "read_width": 4,
    "own_width": 4,
    "width": 4,
    "is_ours": False,
    "passed_over": [],
    "sheet": None,
    "encoding": "cp1252",
    "delimiter": ";",
    "mends": True,
}


def nothing_is_found(*_: object, **__: object) -> None:
    raise AssertionError("what was found once is found again")


def test_what_was_found_when_a_file_was_read_is_never_found_again(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_bytes(TEXT.encode("cp1252"))
    with served(tmp_path, LEADS) as sandbox:
        assert ask_here(shell, sandbox, "run", "leads.csv", "--out", "run") == 0
        assert json.loads(Path("run/run.json").read_text("utf-8"))["input"]["found"] == FOUND
        before = Path("run/results.csv").read_bytes()
        shell.monkeypatch.setattr(table, "find_layout", nothing_is_found)
        shell.monkeypatch.setattr(head, "_DELIMITERS", ("|",))
        shell.monkeypatch.setattr(encoding, "_is_utf8", nothing_is_found)
        assert ask_here(shell, sandbox, "results", "run") == 0
        assert Path("run/results.csv").read_bytes() == before
        assert ask_here(shell, sandbox, "resume", "run") == 0
        assert ask_here(shell, sandbox, "retry", "run", "--out", "again") == 0
        assert Path("run/results.csv").read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": {"campaignId": 9}},
        {"columns": {}},
        {"read_width": 5},
        {"own_width": 6},
        {"header_line": 99},
    ],
    ids=str,
)
def test_a_record_that_tells_of_another_header_is_refused(
    wrong: dict[str, object], shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "leads.csv").write_bytes(TEXT.encode("cp1252"))
    with served(tmp_path, LEADS) as sandbox:
        assert ask_here(shell, sandbox, "run", "leads.csv", "--out", "run") == 0
        record = json.loads(Path("run/run.json").read_text("utf-8"))
        record["input"]["found"] = {**FOUND, **wrong}
        Path("run/run.json").write_text(json.dumps(record), "utf-8")
        assert ask_here(shell, sandbox, "results", "run") == 2
        assert shell.err.startswith("leads.csv")
        assert "Traceback" not in shell.err


def test_addresses_are_looked_up_in_one_more_parsing(shell: Shell, tmp_path: Path) -> None:
    seed = [(*row, f"lead{n}@example.com") for n, row in enumerate(LEADS)]
    rows = [(f"lead{n}@example.com", "paused", "") for n in range(COUNT)]
    path = write_rows(tmp_path / "leads.csv", ("email", "status", "aiTag"), [*rows, rows[0]])
    options = Options(seed_csv=write_rows(tmp_path / "seed.csv", (*HEADER, "email"), seed))
    with start_sandbox(options) as sandbox:
        passes = Passes(shell.monkeypatch)
        run = ("run", path, "--campaign", CAMPAIGN, "--out", "run")
        assert ask_here(shell, sandbox, *run) == 0
        assert passes.taken() == (1, 3)  # nobody is asked, so no names are looked up
        assert ask_here(shell, sandbox, "resume", "run") == 0
        assert passes.taken() == (0, 1)
