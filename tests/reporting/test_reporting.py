"""`report.html` as runs leave it behind, compared with what their journals are known to hold."""

import json
import os
import re
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from batch.jobs import report as reporting
from batch.jobs.report import remake_report
from batch.judging.plan import Plan
from batch.model import Outcome, Reason
from batch.recording.folder import sha256_of
from batch.recording.journal import Journal
from batch.recording.runfile import RunFile, RunInput, RunRecord, RunState, read_record
from batch.recording.timeline import TIMELINE_NAME, Span
from batch.reporting import run_facts
from batch.reporting.digest import Findings
from tests.program.test_planning import LEADS, ROWS
from tests.reporting.test_page import Outline
from tests.support.findings import a_record, findings
from tests.support.live_world import HEADER, OTHER, ask, served
from tests.support.program import CAMPAIGN, lead_id, write_rows
from tests.support.shell import BAD, Shell, refused, rise_always
from tests.support.wired import pausing

MB = 1_000_000


def page_of(folder: Path) -> Outline:
    return Outline((folder / "report.html").read_text("utf-8"))


def words_of(folder: Path) -> str:
    return " ".join(page_of(folder).text.split())


def test_a_run_leaves_its_report_and_says_where(shell: Shell) -> None:
    assert shell.run(shell.leads([*pausing(3), BAD]), yes=True, out=Path("out")) == 1
    assert "report: out/report.html" in shell.err.splitlines()
    text = words_of(Path("out"))
    assert (
        "leads.csv asked to change 3 leads in workspace Acme (3 paused); of its 4 rows, 3 were "
        "applied and 1 failed."
    ) in text
    assert "3 success + 1 error + 0 skipped + 0 unsent = 4 of 4 rows" in text
    assert 'line 5: found "bad", 3 hexadecimal digits; expected 24.' in text
    assert (Path("out") / "report.html").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("said", "record"),
    [
        ("against the workspace's labels", {}),
        ("no", {"tag_check": False}),
        ("no: the workspace's labels could not be read", {"labels_failed": True}),
        ("no: practice takes the file's own tags for its labels", {"sandbox": True}),
    ],
)
def test_what_is_said_of_tags_that_were_checked(said: str, record: dict[str, Any]) -> None:
    assert dict(run_facts.details(findings({}, **record)))["Tags checked"] == said


def test_quiet_names_no_report_and_json_does(shell: Shell) -> None:
    file = shell.leads(pausing(1))
    assert shell.run(file, yes=True, out=Path("out"), quiet=True) == 0
    assert shell.err.count("\n") == 1
    assert shell.run(file, yes=True, new=True, out=Path("again"), as_json=True) == 0
    assert shell.answer["files"]["report"] == "again/report.html"


def test_a_report_made_again_is_the_same(shell: Shell) -> None:
    shell.run(shell.leads([*pausing(5), BAD]), yes=True, out=Path("runs/out"))
    first = (Path("runs/out") / "report.html").read_bytes()
    Path("runs/out/report.html").unlink()
    assert shell.words("report", "out") == 0
    assert shell.err == ("reported: 6 rows; report: runs/out/report.html; next: nothing to do\n")
    assert Path("runs/out/report.html").read_bytes() == first
    assert shell.words("report", "out", "--json") == 0
    assert shell.answer == {
        "state": "reported",
        "exit_code": 0,
        "run": "runs/out",
        "rows": 6,
        "files": {"report": "runs/out/report.html"},
    }


def test_no_secret_and_no_other_column_is_in_it(shell: Shell) -> None:
    Path("leads.csv").write_text(
        f"campaignId,campaignLeadId,status,owner\n{CAMPAIGN},{lead_id(1)},paused,Ann Secret\n"
        f"{CAMPAIGN},ann@example.com,paused,Ann Secret\n"
    )
    assert shell.run("leads.csv", yes=True, out=Path("out")) == 1
    page = (Path("out") / "report.html").read_text("utf-8")
    assert "(an e-mail address)" in page
    for hidden in ("Ann Secret", "ann@example.com", "sk_0123456789", str(Path.cwd())):
        assert hidden not in page


def test_a_run_of_no_rows_has_a_report(shell: Shell) -> None:
    assert shell.run(shell.leads([]), yes=True, out=Path("out")) == 0
    assert "leads.csv has no rows: nothing was asked of workspace Acme" in words_of(Path("out"))


def test_a_report_that_cannot_be_written_spoils_no_run(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = rise_always(ValueError("a bug of ours"))
    monkeypatch.setattr(reporting, "find", failing)
    assert shell.run(shell.leads(pausing(2)), yes=True, out=Path("out")) == 0
    assert (
        "report.html was not written. Unexpected error: ValueError: a bug of ours. Its traceback "
        "is in out/error.txt; please report it."
    ) in shell.err.splitlines()
    assert "report: " not in shell.err.replace("please report", "")
    assert shell.last_line == (
        "finished: 2 success, 0 error, 0 skipped, 0 unsent; out/results.csv; next: nothing to do"
    )
    assert read_record(Path("out/run.json")).state is RunState.FINISHED


def test_a_disk_that_fails_takes_the_report_of_before_away(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run(shell.leads(pausing(2)), yes=True, out=Path("out"))
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("batch.recording.atomic_file.os.fsync", rise_always(full))
    assert shell.words("report", "out") == 3
    assert (
        "out/report.html: can't be written: No space left on device. Free some space on the disk."
    ) in shell.err
    assert not Path("out/report.html").exists()


def test_a_word_that_is_no_run_is_refused(shell: Shell) -> None:
    assert shell.words("report", "nope") == 2
    assert shell.err.splitlines() == refused(
        "nope: found no run; expected the folder of an earlier one. `sendkit-batch runs` lists "
        "them."
    )


def test_the_report_is_taken_away_with_its_run(shell: Shell) -> None:
    shell.run(shell.leads(pausing(1)), yes=True, out=Path("runs/out"))
    assert shell.words("runs", "prune", "--older-than", "0d", "--yes") == 0
    assert not Path("runs/out").exists()


def test_a_run_that_was_killed_has_broken_off(shell: Shell) -> None:
    shell.run(shell.leads(pausing(3)), yes=True, out=Path("out"))
    record = read_record(Path("out/run.json"))
    killed = {"state": RunState.RUNNING, "exit_code": None, "ended_at": None}
    RunFile(Path("out/run.json")).write(record.model_copy(update=killed))
    with closing(sqlite3.connect("out/journal.sqlite")) as journal, journal:
        journal.execute("DELETE FROM outcome WHERE line = 4")
        journal.execute("INSERT INTO claim VALUES (4)")
    assert shell.words("report", "out") == 0
    text = words_of(Path("out"))
    assert "Broke off, begun on " in text
    assert "2 success + 0 error + 0 skipped + 1 unsent = 3 of 3 rows" in text
    assert (
        "This sends the 1 row that was left unsent, and nothing twice: sendkit-batch resume out"
        in text
    )
    assert "Its last request has no known answer, so it may have been applied." in text


def test_a_report_names_who_ran_it_the_files_hashes_and_what_to_do_next(shell: Shell) -> None:
    shell.monkeypatch.setattr("sys.argv", ["sendkit-batch", "run", "/home/ann/leads.csv", "--yes"])
    shell.monkeypatch.setattr("getpass.getuser", lambda: "ann")
    shell.monkeypatch.setattr("platform.node", lambda: "laptop")
    shell.run(shell.leads([*pausing(3), BAD]), yes=True, out=Path("out"))
    text = words_of(Path("out"))
    assert "ann on laptop, " in text
    assert ": sendkit-batch run leads.csv --yes" in text
    assert f"SHA-256 of results.csv{sha256_of(Path('out/results.csv'))}" in text.replace(
        " SHA", "SHA"
    )
    assert "1 row won't pass as it is. Mend it in failed.csv, beside this page" in text


def test_a_report_that_is_made_again_says_what_became_of_the_run_since(shell: Shell) -> None:
    shell.run(shell.leads([*pausing(3), BAD]), yes=True, out=Path("runs/out"))
    assert "Since then" not in words_of(Path("runs/out"))
    shell.words("retry", "runs/out", "--yes")
    shell.words("undo", "runs/out", "--yes")
    shell.words("report", "out")
    text = words_of(Path("runs/out"))
    told = (
        r"Since then: tried again on [^;]* by leads-\S+ \(\w{16}\), finished, 0 of 1 row applied;"
    )
    assert re.search(told, text), text
    assert re.search(r"; undone on [^;]* by undo-\S+ \(\w{16}\), ", text), text


def test_a_retry_of_an_undo_tried_it_again_and_did_not_undo_it(shell: Shell) -> None:
    shell.run(shell.leads(pausing(3)), yes=True, out=Path("runs/out"))
    shell.words("undo", "runs/out", "--yes", "--out", "runs/back")
    shell.words("retry", "runs/back", "--yes")
    shell.words("report", "back")
    assert re.search(r"Since then: tried again on ", words_of(Path("runs/back")))


def test_a_run_that_could_not_write_its_results_is_to_be_ended(shell: Shell) -> None:
    shell.run(shell.leads(pausing(3)), yes=True, out=Path("runs/out"))
    path = Path("runs/out/run.json")
    RunFile(path).write(read_record(path).model_copy(update={"state": RunState.FAILED}))
    shell.words("report", "out")
    text = words_of(Path("runs/out"))
    assert "It did not end as it should. This ends it: sendkit-batch resume out" in text
    assert "0 rows" not in text.partition("Results by reason")[0]


def test_the_results_that_were_written_last_are_the_hashed_ones(shell: Shell) -> None:
    shell.run(shell.leads(pausing(1)), yes=True, out=Path("runs/out"))
    other = Path("runs/out/results-2.csv")
    other.write_bytes(b"line\n")
    os.utime(other, (2**31, 2**31))
    shell.words("report", "out")
    text = words_of(Path("runs/out"))
    assert f"SHA-256 of results-2.csv{sha256_of(other)}" in text.replace(" SHA", "SHA")
    assert "results-2.csv beside this page has every row" in text


@pytest.mark.browser
def test_a_hundred_failures_of_one_cause_are_four_printed_pages_at_most(shell: Shell) -> None:
    browsers = pytest.importorskip("tests.support.web_browser")
    gone = [(CAMPAIGN, f"gone{n}", "paused", "") for n in range(100)]
    shell.run(shell.leads([*pausing(150), *gone]), yes=True, out=Path("out"))
    with browsers.browser_page() as page:
        page.goto((Path("out") / "report.html").absolute().as_uri())
        printed = page.pdf(prefer_css_page_size=True)
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= 4


@pytest.mark.slow
def test_an_applied_plan_is_reported_by_what_it_changed(tmp_path: Path) -> None:
    leads = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    with served(tmp_path, LEADS) as sandbox:
        assert ask(sandbox, tmp_path, "plan", leads).exit_code == 1
        (folder,) = (tmp_path / "runs").iterdir()
        ran = ask(sandbox, tmp_path, "apply", folder)
        before = folder / "report.html"
        assert ran.exit_code == 1, ran.err
        applied = Outline(before.read_text("utf-8"))
    assert "Cold → Hot 1" in " ".join(applied.text.split())
    text = " ".join(applied.text.split())
    assert "Planned" in text
    assert "4 success" in text


def test_a_plan_that_was_not_applied_says_so_and_counts_as_the_plan_does(tmp_path: Path) -> None:
    leads = write_rows(tmp_path / "leads.csv", HEADER, ROWS)
    with served(tmp_path, LEADS) as sandbox:
        ask(sandbox, tmp_path, "plan", leads)
    (folder,) = (tmp_path / "runs").iterdir()
    found = findings_of(folder, tmp_path)
    assert found.digest.by_campaign().rows() == [  # as `plan --json` has them
        (CAMPAIGN, 3, 2, 2, 7),
        (OTHER, 1, 0, 0, 1),
        ("f" * 24, 0, 0, 1, 1),
    ]
    assert found.digest.statuses.most_frequent().rows() == [("active", "paused", 1)]
    assert sorted(found.digest.tags.most_frequent().rows()) == [
        ("Cold", "", 1),
        ("Cold", "Hot", 1),
        ("Hot", "Warm", 1),
    ]
    remake_report(folder, state_dir=tmp_path)
    text = words_of(folder)
    assert (
        "4 would change, 2 are already set and 3 can't be changed; nothing has been sent." in text
    )
    assert "report of a plan" in text
    assert "What would change" in text
    assert "Pace over time" not in text


def findings_of(folder: Path, state_dir: Path) -> Findings:
    """What a report of a run's folder tells."""
    found: list[Findings] = []
    real = reporting.find

    def find(
        folder: Path, record: RunRecord, plan: Plan, journal: Journal, *, state_dir: Path | None
    ) -> Findings:
        found.append(real(folder, record, plan, journal, state_dir=state_dir))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "find", find)
        remake_report(folder, state_dir=state_dir)
    return found[0]


REASONS = (Reason.APPLIED, Reason.NOT_FOUND, Reason.SERVER_ERROR, Reason.NO_ANSWER)


def big_run(folder: Path, rows: int) -> None:
    """A run's folder as if so many leads of 400 campaigns had been sent within hours."""
    folder.mkdir(parents=True)
    table = pl.DataFrame({"n": pl.int_range(rows, eager=True)}).select(
        campaignId=pl.format("64f1c0a95e8b7d2f3a6c{}", (pl.col("n") % 400 + 1000).cast(pl.String)),
        campaignLeadId=pl.format("65a2d1b86f9c8e3a{}", (pl.col("n") + 10_000_000).cast(pl.String)),
        aiTag=pl.format("Label {}", (pl.col("n") % 97).cast(pl.String)),
    )
    table.write_csv(folder / "input.csv")
    start_ms = 1_795_000_000_000
    with closing(Journal.create(folder / "journal.sqlite")) as journal:
        for first in range(0, rows, 50_000):
            journal.record(
                Outcome(
                    lines=(n + 2,),
                    reason=REASONS[0] if n % 10 else REASONS[n // 10 % 4],
                    message="" if n % 10 else "x" * 300,
                    http_status=200,
                    attempts=1 + n % 3,
                    elapsed_ms=n % 30_000,
                    sent_at_ms=start_ms + n * 20,
                )
                for n in range(first, min(rows, first + 50_000))
            )
    spans = (
        Span(at_ms=start_ms + n * 4000, ms=4000, requests=200, refused=n % 2, held_ms=900)
        for n in range(rows * 20 // 4000)
    )
    lines = (f"{json.dumps(asdict(span))}\n" for span in spans)
    (folder / TIMELINE_NAME).write_text("".join(lines))
    copy = folder / "input.csv"
    RunFile(folder / "run.json").write(
        a_record(
            rows=rows,
            tag_check=False,
            input=RunInput(name="big.csv", sha256=sha256_of(copy), size_bytes=copy.stat().st_size),
            ended_at=datetime.now(UTC) + timedelta(hours=6),
        )
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_report_of_a_million_rows_is_below_a_megabyte_and_takes_seconds(
    tmp_path: Path,
) -> None:
    rows = 1_000_000
    big_run(tmp_path / "big", rows)
    began_s = time.monotonic()
    found = findings_of(tmp_path / "big", tmp_path)
    took_s = time.monotonic() - began_s
    assert found.rows == rows == sum(found.digest.states().values())
    assert found.tally[Reason.NOT_FOUND] == rows // 40
    attempts = dict(found.digest.attempts.in_order().rows())
    assert attempts == {1: 333_334, 2: 333_333, 3: 333_333}
    assert (tmp_path / "big" / "report.html").stat().st_size < MB
    assert took_s < 60
