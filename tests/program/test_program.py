"""The real command against the sandbox, each in a process of its own."""

import io
import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pexpect
import pytest

from batch.columns import ADDED_COLUMNS
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import (
    CAMPAIGN,
    access,
    command,
    ended,
    environment,
    lead_id,
    read_rows,
    received,
    started,
    state,
    wait_for,
    write_rows,
)

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "note")
FAST = ("--rate", "1000")
ROWS = [
    (CAMPAIGN, lead_id(1), "paused", "", "first"),
    (CAMPAIGN, lead_id(2), "", "Interested", "=1+1"),
    (CAMPAIGN, lead_id(3), "Active", "null", 'say "hi", twice'),
]


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "leads.csv", HEADER, ROWS)


def seed(tmp_path: Path, count: int, **columns: str) -> Path:
    header = ["campaignId", "campaignLeadId", *columns]
    rows = [[CAMPAIGN, lead_id(n), *columns.values()] for n in range(1, count + 1)]
    return write_rows(tmp_path / "seed.csv", header, rows)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox with 300 leads."""
    options = Options(seed_csv=seed(tmp_path, 300), labels=("Interested", "Not now"))
    with start_sandbox(options) as running:
        yield running


def test_a_run_applies_every_row_and_says_so(tmp_path: Path, leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    ran = sendkit_batch("run", leads, *options, *FAST, cwd=tmp_path, env=env)
    assert ran.exit_code == 0
    assert [row["result"] for row in ran.results] == ["success"] * 3
    assert [row["note"] for row in ran.results] == ["first", "'=1+1", 'say "hi", twice']
    now = state(sandbox)
    assert now[CAMPAIGN, lead_id(1)]["status"] == "paused"
    assert now[CAMPAIGN, lead_id(2)]["aiTag"] == "Interested"
    assert now[CAMPAIGN, lead_id(3)]["aiTag"] is None
    # Three workers send them side by side.
    assert {request["campaignLeadId"]: request["body"] for request in received(sandbox)} == {
        lead_id(1): {"status": "paused"},
        lead_id(2): {"aiTag": "Interested"},
        lead_id(3): {"status": "active", "aiTag": None},
    }
    assert ran.out == ""
    assert ran.last_line == (
        "finished: 3 success, 0 error, 0 skipped, 0 unsent; "
        f"{ran.folder.relative_to(tmp_path)}/results.csv; next: nothing to do"
    )


def test_the_run_folder_holds_what_the_contract_names(tmp_path: Path, leads: Path) -> None:
    ran = sendkit_batch("run", leads, "--sandbox", *FAST, cwd=tmp_path)
    names = {path.name for path in ran.folder.iterdir()}
    assert names == {
        "run.json", "input.csv", "plan.parquet", "journal.sqlite", "timeline.jsonl", "results.csv",
        "failed.csv",
        "report.html",
    }  # fmt: skip
    assert ran.folder.stat().st_mode & 0o777 == 0o700
    assert (ran.folder / "input.csv").read_bytes() == leads.read_bytes()
    header = (ran.folder / "results.csv").read_text("utf-8-sig").splitlines()[0].split(",")
    assert tuple(header) == (*HEADER, *ADDED_COLUMNS)
    record = ran.record
    assert (record["state"], record["exit_code"], record["rows"]) == ("finished", 0, 3)
    assert record["counts"] == {"success": 3, "error": 0, "skipped": 0, "unsent": 0}
    assert "base_url" not in record["settings"]["api"]  # it has its own place, and no other
    assert record["base_url"].startswith("http://127.0.0.1:")


def test_json_is_one_object_and_nothing_else_on_standard_output(
    tmp_path: Path, leads: Path
) -> None:
    ran = sendkit_batch("run", leads, "--sandbox", "--json", *FAST, cwd=tmp_path)
    answer = json.loads(ran.out)
    folder = str(ran.folder.relative_to(tmp_path))
    assert answer == {
        "run": folder,
        "state": "finished",
        "exit_code": 0,
        "rows": 3,
        "success": 3,
        "error": 0,
        "skipped": 0,
        "unsent": 0,
        "reasons": {"applied": 3},
        "input": {"sheet": None, "header_line": 1, "passed_over": []},
        "files": {
            "results": f"{folder}/results.csv",
            "failed": f"{folder}/failed.csv",
            "report": f"{folder}/report.html",
        },
        "next_command": None,
        "message": "",
        "moves": [],
    }


def test_quiet_leaves_the_last_line_alone(tmp_path: Path, leads: Path) -> None:
    ran = sendkit_batch("run", leads, "--sandbox", "--quiet", *FAST, cwd=tmp_path)
    assert ran.err.count("\n") == 1
    assert ran.last_line.startswith("finished: 3 success, 0 error, 0 skipped, 0 unsent; runs/")


def test_standard_input_is_read(tmp_path: Path, leads: Path) -> None:
    content = leads.read_bytes()
    ran = sendkit_batch("run", "-", "--sandbox", *FAST, cwd=tmp_path, stdin=content)
    assert ran.exit_code == 0
    assert ran.folder.name.startswith("stdin-")
    assert [row["result"] for row in ran.results] == ["success"] * 3


def test_failed_rows_can_be_fed_back_in(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [*ROWS, (CAMPAIGN, lead_id(999), "paused", "", "=danger"), (CAMPAIGN, "", "", "x", "")]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, options = access(sandbox)
    ran = sendkit_batch("run", leads, *options, *FAST, "--out", "first", cwd=tmp_path, env=env)
    assert ran.exit_code == 1
    failed = read_rows(tmp_path / "first" / "failed.csv")
    assert [(row["line"], row["reason"]) for row in failed] == [
        ("5", "not_found"),
        ("6", "missing_id"),
    ]
    assert ran.last_line.endswith(
        "next: fix the rows in failed.csv, then sendkit-batch run first/failed.csv "
        f"--base-url {sandbox.base_url} --rate 1000"
    )
    again = sendkit_batch(
        "run", "first/failed.csv", *options, *FAST, "--out", "second", cwd=tmp_path, env=env
    )
    assert again.exit_code == 1
    header = (tmp_path / "second" / "results.csv").read_text("utf-8-sig").splitlines()[0]
    assert tuple(header.split(",")) == (*HEADER, *ADDED_COLUMNS)
    assert read_rows(tmp_path / "second" / "results.csv")[0]["note"] == "'=danger"
    assert len(received(sandbox)) == 5


def test_a_missing_key_is_exit_2_and_sends_nothing(tmp_path: Path, leads: Path) -> None:
    ran = sendkit_batch("run", leads, "--yes", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "No API key: set SENDKIT_API_KEY" in ran.err
    assert ran.last_line == (
        "refused: 0 success, 0 error, 0 skipped, 0 unsent; no results; "
        "next: fix what is said above, and run it again"
    )
    assert not (tmp_path / "runs").exists()


def test_a_wrong_key_is_exit_2_before_any_change(
    tmp_path: Path, leads: Path, sandbox: Sandbox
) -> None:
    _, options = access(sandbox)
    env = {"SENDKIT_API_KEY": "sk_wrong_key"}
    ran = sendkit_batch("run", leads, *options, cwd=tmp_path, env=env)
    assert ran.exit_code == 2
    assert received(sandbox) == []
    assert not (tmp_path / "runs").exists()
    assert "sk_wrong_key" not in ran.err


def test_a_platform_key_works_in_its_workspace_and_refuses_another(
    tmp_path: Path, leads: Path, sandbox: Sandbox
) -> None:
    _, options = access(sandbox)
    env = {"SENDKIT_API_KEY": sandbox.platform_key, "SENDKIT_WORKSPACE_ID": sandbox.workspace_id}
    ran = sendkit_batch("run", leads, *options, *FAST, cwd=tmp_path, env=env)
    assert ran.exit_code == 0
    assert {request["key"] for request in received(sandbox)} == {"platform"}
    env["SENDKIT_WORKSPACE_ID"] = "nosuchworkspace"
    other = sendkit_batch("run", leads, *options, "--out", "o", cwd=tmp_path, env=env)
    assert other.exit_code == 2
    assert "The key does not see the workspace nosuchworkspace; it sees Sandbox" in other.err
    assert not (tmp_path / "o").exists()


def test_without_a_terminal_and_without_yes_nothing_is_sent(
    tmp_path: Path, leads: Path, sandbox: Sandbox
) -> None:
    env, _ = access(sandbox)
    ran = sendkit_batch("run", leads, "--base-url", sandbox.base_url, cwd=tmp_path, env=env)
    assert ran.exit_code == 2
    assert "there is no terminal to ask. Add --yes" in ran.err
    assert received(sandbox, operation=None) == []
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(("typed", "exit_code", "sent"), [("y", 0, 3), ("", 2, 0), ("no", 2, 0)])
def test_the_question_is_asked_in_a_terminal(
    tmp_path: Path, leads: Path, sandbox: Sandbox, typed: str, exit_code: int, sent: int
) -> None:
    env, _ = access(sandbox)
    with pexpect.spawn(
        sys.executable,
        ["-m", "batch", "run", str(leads), "--base-url", sandbox.base_url, *FAST],
        cwd=tmp_path,
        env=environment(tmp_path, env),
        dimensions=(40, 200),
        timeout=20,
    ) as child:
        child.expect("Tag changes can start or stop e-mails.")
        child.expect("About 1 s.")
        child.expect(r"Change 3 leads in workspace Sandbox \(127\.0\.0\.1:\d+\): ")
        child.expect("1 tag set, 1 tag cleared, 1 paused, 1 set active.")
        child.expect_exact("Send 3 changes? [y/N] ")
        child.sendline(typed)
        child.expect(pexpect.EOF)
    assert child.wait() == exit_code
    assert len(received(sandbox)) == sent
    assert (tmp_path / "runs").exists() is (exit_code == 0)


def test_a_dry_run_needs_no_key_and_writes_nothing(tmp_path: Path, leads: Path) -> None:
    before = set(tmp_path.iterdir())
    ran = sendkit_batch("run", leads, "--dry-run", cwd=tmp_path)
    assert ran.exit_code == 0
    assert set(tmp_path.iterdir()) == before
    assert "3  rows to send, as 3 requests" in ran.out


def test_check_shows_problems_and_writes_all_of_them_on_request(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, f"bad{n}", "paused", "", "") for n in range(25)]
    rows += [(CAMPAIGN, lead_id(n), "paused", "", "") for n in range(30)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    ran = sendkit_batch("check", leads, "--problems", "all.csv", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "… and 5 more; --problems FILE writes all of them." in ran.out
    problems = read_rows(tmp_path / "all.csv")
    assert len(problems) == 25
    assert problems[0] == {
        "line": "2",
        "column": "campaignLeadId",
        "reason": "bad_id",
        "found": "bad0",
        "message": 'found "bad0", 4 hexadecimal digits; expected 24.',
    }


def test_a_check_of_a_header_alone_says_so(tmp_path: Path) -> None:
    leads = write_rows(tmp_path / "leads.csv", HEADER, [])
    ran = sendkit_batch("check", leads, cwd=tmp_path)
    assert ran.exit_code == 0
    assert "leads.csv has a header and no rows." in ran.err


def test_a_dry_run_of_mostly_clears_names_the_option(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "null", "") for n in range(21)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    ran = sendkit_batch("run", leads, "--dry-run", cwd=tmp_path)
    assert ran.exit_code == 2
    assert ran.last_line.endswith(f"next: sendkit-batch run {leads} --allow-clears")


def test_of_a_row_in_which_a_quote_swallowed_others_nothing_is_sent(tmp_path: Path) -> None:
    lines = [",".join(HEADER)]
    lines += [f"{CAMPAIGN},{lead_id(n)},paused,,n{n}" for n in range(40)]
    lines[1] = lines[1].replace("n0", '"big screen')
    lines[38] = lines[38].replace("n37", 'screen 12"')
    (tmp_path / "leads.csv").write_text("\n".join(lines) + "\n")
    ran = sendkit_batch("run", "leads.csv", "--sandbox", *FAST, cwd=tmp_path)
    assert ran.exit_code == 1
    rows = read_rows(next((tmp_path / "runs").iterdir()) / "results.csv")
    assert [row["reason"] for row in rows] == ["bad_cell", "applied", "applied"]
    assert "seems to hold lines 3 to 39 as well" in rows[0]["message"]


@pytest.mark.parametrize("stream", ["out", "err"])
def test_a_stream_that_cant_be_written_does_not_decide_how_a_run_ends(
    tmp_path: Path, leads: Path, stream: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("run", leads, "--sandbox", "--json", *FAST),
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=full if stream == "out" else subprocess.PIPE,
            stderr=full if stream == "err" else subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert [row["result"] for row in read_rows(folder / "results.csv")] == ["success"] * 3


def test_failed_rows_with_a_delimiter_that_is_not_found_can_be_fed_back_as_printed(
    tmp_path: Path,
) -> None:
    text = (
        "sep=|\n"
        + "|".join(HEADER)
        + f"\n{CAMPAIGN}|{lead_id(1)}|paused||a\n{CAMPAIGN}|bad|paused||b\n"
    )
    (tmp_path / "leads.csv").write_text(text)
    ran = sendkit_batch("run", "leads.csv", "--sandbox", *FAST, cwd=tmp_path)
    words = shlex.split(ran.last_line.rpartition("then ")[2])
    again = sendkit_batch(*words[1:], "--out", "again", cwd=tmp_path)
    assert again.exit_code == 1
    assert len(read_rows(tmp_path / "again" / "results.csv", delimiter="|")) == 1


def test_failed_rows_under_an_added_name_can_be_fed_back_as_printed(tmp_path: Path) -> None:
    header = ("line", "campaignLeadId", "reason", "aiTag")
    rows = [(CAMPAIGN, lead_id(1), "paused", ""), (CAMPAIGN, "bad", "paused", "")]
    write_rows(tmp_path / "leads.csv", header, rows)
    mapped = ("--map", "campaignId=line", "--map", "status=reason")
    ran = sendkit_batch("run", "leads.csv", "--sandbox", *FAST, *mapped, cwd=tmp_path)
    words = shlex.split(ran.last_line.rpartition("then ")[2])
    assert words[3:7] == ["--map", "campaignId=input_line", "--map", "status=input_reason"]
    again = sendkit_batch(*words[1:], "--out", "again", cwd=tmp_path)
    assert again.exit_code == 1
    assert [row["reason"] for row in read_rows(tmp_path / "again" / "results.csv")] == ["bad_id"]


def test_check_without_errors_is_exit_0(tmp_path: Path, leads: Path) -> None:
    assert sendkit_batch("check", leads, cwd=tmp_path).exit_code == 0


@pytest.mark.parametrize("options", [["--strict"], []])
def test_strict_sends_nothing_if_a_row_is_invalid(
    tmp_path: Path, sandbox: Sandbox, options: list[str]
) -> None:
    leads = write_rows(tmp_path / "leads.csv", HEADER, [*ROWS, (CAMPAIGN, "x", "paused", "", "")])
    env, access_options = access(sandbox)
    ran = sendkit_batch("run", leads, *access_options, *FAST, *options, cwd=tmp_path, env=env)
    assert ran.exit_code == (2 if options else 1)
    assert len(received(sandbox)) == (0 if options else 3)


def test_mostly_invalid_rows_are_refused_unless_allowed(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, "x", "paused", "", "")] * 22 + ROWS
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    refused = sendkit_batch("run", leads, "--sandbox", *FAST, cwd=tmp_path)
    assert refused.exit_code == 2
    assert "22 of 25 rows are invalid, more than half" in refused.err
    allowed = sendkit_batch("run", leads, "--sandbox", "--allow-invalid", *FAST, cwd=tmp_path)
    assert allowed.exit_code == 1
    assert len(allowed.results) == 25


def test_mostly_clears_are_refused_unless_allowed(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "NULL", "") for n in range(21)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    refused = sendkit_batch("run", leads, "--sandbox", *FAST, cwd=tmp_path)
    assert refused.exit_code == 2
    assert "21 of the 21 rows to send clear the tag, more than half" in refused.err
    allowed = sendkit_batch("run", leads, "--sandbox", "--allow-clears", *FAST, cwd=tmp_path)
    assert allowed.exit_code == 0


def test_the_number_of_clears_can_be_typed_instead(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [(CAMPAIGN, lead_id(n), "", "null", "") for n in range(1, 22)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, _ = access(sandbox)
    with pexpect.spawn(
        sys.executable,
        [
            "-m",
            "batch",
            "run",
            str(leads),
            "--base-url",
            sandbox.base_url,
            *FAST,
            "--skip-unchanged",
            "never",
        ],
        cwd=tmp_path,
        env=environment(tmp_path, env),
        dimensions=(40, 200),
        timeout=20,
    ) as child:
        child.expect_exact("Type 21 to send 21 changes: ")
        child.sendline("21")
        child.expect(pexpect.EOF)
    assert child.wait() == 0
    assert len(received(sandbox)) == 21


def test_unknown_tags_are_errors_with_the_nearest_label(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [(CAMPAIGN, lead_id(1), "", "Intrested", ""), (CAMPAIGN, lead_id(2), "", "NOT NOW", "")]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, options = access(sandbox)
    ran = sendkit_batch("run", leads, *options, *FAST, cwd=tmp_path, env=env)
    assert ran.exit_code == 1
    assert [(row["reason"], row["message"]) for row in ran.results] == [
        (
            "unknown_tag",
            '"Intrested" is not a label of this workspace. Did you mean "Interested"?',
        ),
        ("applied", ""),
    ]
    assert received(sandbox)[0]["body"] == {"aiTag": "Not now"}


def test_a_header_and_no_rows_is_a_finished_run(tmp_path: Path) -> None:
    leads = write_rows(tmp_path / "leads.csv", HEADER, [])
    ran = sendkit_batch("run", leads, "--sandbox", cwd=tmp_path)
    assert ran.exit_code == 0
    assert "leads.csv has a header and no rows." in ran.err
    assert (ran.folder / "results.csv").read_text("utf-8-sig").startswith("campaignId,")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").touch()
    ran = sendkit_batch("run", "leads.csv", "--sandbox", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "leads.csv: is empty (0 bytes)." in ran.err
    assert not (tmp_path / "runs").exists()


def test_an_out_folder_that_is_not_empty_is_refused_and_left_as_it_was(
    tmp_path: Path, leads: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    ran = sendkit_batch("run", leads, "--sandbox", "--out", "mine", cwd=tmp_path)
    assert ran.exit_code == 2
    assert "mine: found a folder that is not empty" in ran.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_an_out_folder_of_a_refused_run_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    leads = write_rows(tmp_path / "leads.csv", ("campaignId", "note"), [("a", "b")])
    ran = sendkit_batch("run", leads, "--sandbox", "--out", "mine", cwd=tmp_path)
    assert ran.exit_code == 2
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"]
)
def test_an_interrupted_run_leaves_complete_results(
    tmp_path: Path, sandbox: Sandbox, number: signal.Signals, exit_code: int
) -> None:
    rows = [(CAMPAIGN, lead_id(n), "paused", "", "") for n in range(1, 301)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, options = access(sandbox)
    with started("run", leads, *options, "--rate", "50", cwd=tmp_path, env=env) as process:
        wait_for(sandbox, 10)
        process.send_signal(number)
        ran = ended(process, cwd=tmp_path)
    assert ran.exit_code == exit_code
    results = ran.results
    assert [row["line"] for row in results] == [str(line) for line in range(2, 302)]
    sent = {request["campaignLeadId"] for request in received(sandbox)}
    told = {row["campaignLeadId"] for row in results if row["result"] == "success"}
    assert told == sent
    assert {row["reason"] for row in results} == {"applied", "not_reached"}
    assert ran.last_line.startswith(f"interrupted: {len(sent)} success, 0 error, 0 skipped, ")
    assert "next: sendkit-batch resume runs/leads-" in ran.last_line
    assert ran.record["state"] == "interrupted"


def test_a_second_interrupt_does_not_wait_for_answers(tmp_path: Path, leads: Path) -> None:
    options = Options(seed_csv=seed(tmp_path, 5), labels=("Interested",), faults=("stall",))
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        with started("run", leads, *access_options, *FAST, cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 3)
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.send_signal(signal.SIGINT)
            ran = ended(process, cwd=tmp_path, timeout_s=5)
    assert ran.exit_code == 130
    assert {row["reason"] for row in ran.results} == {"in_flight"}


def test_a_401_in_mid_run_stops_and_is_resumable(tmp_path: Path) -> None:
    rows = [(CAMPAIGN, lead_id(n), "paused", "", "") for n in range(1, 101)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    options = Options(seed_csv=seed(tmp_path, 100), faults=("status=401,after=20",))
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch(
            "run", leads, *access_options, "--rate", "200", "--concurrency", "4",
            cwd=tmp_path, env=env,
        )  # fmt: skip
    assert ran.exit_code == 3
    counts = ran.record["counts"]
    assert counts["success"] == 20
    assert counts["error"] == 0
    assert counts["unsent"] == 80
    assert "The server no longer accepts the key (401)." in ran.err


@pytest.mark.timeout(50)  # less than a single Retry-After
def test_one_worker_goes_through_an_outage_of_a_gateway_and_past_a_retry_after_on_each_answer(
    tmp_path: Path,
) -> None:
    rows = [(CAMPAIGN, lead_id(n), "paused", "", "") for n in range(1, 6)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    faults = ("status=522,total=12", "slow=0,retry_after=60")
    with start_sandbox(Options(seed_csv=seed(tmp_path, 5), faults=faults)) as sandbox:
        env, options = access(sandbox)
        ran = sendkit_batch(
            "run", leads, *options, *FAST, "--concurrency", "1", "--skip-unchanged", "never",
            cwd=tmp_path, env=env | {"SENDKIT_BATCH_RETRY_BACKOFF_BASE_S": "0.05"},
        )  # fmt: skip
        log = received(sandbox)
    assert ran.exit_code == 0, ran.err
    assert ran.record["counts"]["success"] == 5
    assert len(log) == 12 + 5
    assert sum(int(row["attempts"]) for row in ran.results) == len(log)
    assert "The server has been away for" in ran.err


def test_too_many_errors_stop_the_run(tmp_path: Path, sandbox: Sandbox) -> None:
    rows = [(CAMPAIGN, lead_id(1000 + n), "paused", "", "") for n in range(100)]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, options = access(sandbox)
    ran = sendkit_batch(
        "run", leads, *options, *FAST, "--max-errors", "5", "--concurrency", "2",
        cwd=tmp_path, env=env,
    )  # fmt: skip
    assert ran.exit_code == 3
    assert ran.record["counts"]["error"] in {6, 7}
    assert "rows that were sent ended in error; [run] max_errors allows 5." in ran.err


@pytest.mark.parametrize(
    ("retry_after_s", "exit_code", "sent"),
    [pytest.param(32, 0, 3, marks=pytest.mark.slow), (4000, 2, 0)],
)
def test_a_retry_after_before_sending_holds_back_what_is_sent(
    tmp_path: Path, leads: Path, retry_after_s: int, exit_code: int, sent: int
) -> None:
    fault = f"status=429,retry_after={retry_after_s},on=tags"
    options = Options(seed_csv=seed(tmp_path, 5), labels=("Interested",), faults=(fault,))
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch("run", leads, *access_options, *FAST, cwd=tmp_path, env=env)
        log = received(sandbox, operation=None)
    assert ran.exit_code == exit_code
    times = [datetime.fromisoformat(each["time"]) for each in log]
    assert len([each for each in log if each["operation"] == "patch"]) == sent
    if sent:
        refused_at = max(
            time for time, each in zip(times, log, strict=True) if each["operation"] == "tags"
        )
        first = next(
            time for time, each in zip(times, log, strict=True) if each["operation"] == "patch"
        )
        assert (first - refused_at).total_seconds() >= retry_after_s - 0.01
    else:
        assert "Nothing was sent: the server asks to wait" in ran.err


def test_a_redirect_is_not_followed(tmp_path: Path, leads: Path) -> None:
    options = Options(seed_csv=seed(tmp_path, 5), labels=("Interested",), faults=("redirect=307",))
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch("run", leads, *access_options, *FAST, cwd=tmp_path, env=env)
        assert len(received(sandbox, operation=None)) == 6
    assert {row["reason"] for row in ran.results} == {"redirected"}


def test_practice_never_sees_the_real_key_address_or_proxy(tmp_path: Path, leads: Path) -> None:
    (tmp_path / "sendkit-batch.toml").write_text(
        '[api]\nbase_url = "https://real.example.com"\napi_key_file = "nosuchfile"\n'
    )
    env = {"SENDKIT_API_KEY": "sk_real_key", "HTTP_PROXY": "http://127.0.0.1:1"}
    ran = sendkit_batch("run", leads, "--sandbox", *FAST, cwd=tmp_path, env=env)
    assert ran.exit_code == 0
    written = b"".join(path.read_bytes() for path in ran.folder.iterdir())
    assert b"real" not in written
    assert f"Settings: {tmp_path}/sendkit-batch.toml" in ran.err


def test_the_key_is_in_no_file_and_no_output(tmp_path: Path, leads: Path, sandbox: Sandbox) -> None:
    env, options = access(sandbox)
    ran = sendkit_batch("run", leads, *options, *FAST, cwd=tmp_path, env=env)
    written = b"".join(path.read_bytes() for path in ran.folder.iterdir())
    assert sandbox.api_key.encode() not in written
    assert sandbox.api_key not in ran.out + ran.err


def test_a_workbook_leaves_a_workbook_of_failed_rows(tmp_path: Path) -> None:
    import openpyxl  # noqa: PLC0415

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [HEADER, *ROWS, (CAMPAIGN, "6.5E+23", "paused", None, "broken")]:
        sheet.append(row)
    book.save(tmp_path / "leads.xlsx")
    ran = sendkit_batch("run", "leads.xlsx", "--sandbox", *FAST, cwd=tmp_path)
    assert ran.exit_code == 1
    content = io.BytesIO((ran.folder / "failed.xlsx").read_bytes())
    (header, failed) = openpyxl.load_workbook(content).worksheets[0].iter_rows(values_only=True)
    assert header == (*HEADER, *ADDED_COLUMNS)
    assert failed[1] == "6.5E+23"
    assert "failed.xlsx --rate 1000 --sandbox" in ran.last_line


def test_last_wins_sends_the_last_value_and_tells_who_lost(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    rows = [
        (CAMPAIGN, lead_id(1), "paused", "Interested", ""),
        (CAMPAIGN, lead_id(1), "", "Not now", ""),
        (CAMPAIGN, lead_id(2), "", "Interested", ""),
        (CAMPAIGN, lead_id(2), "", "Not now", ""),
    ]
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    env, options = access(sandbox)
    ran = sendkit_batch(
        "run", leads, *options, *FAST, "--on-conflict", "last-wins", cwd=tmp_path, env=env
    )
    assert ran.exit_code == 0
    assert [row["reason"] for row in ran.results] == [
        "applied", "applied", "superseded", "applied",
    ]  # fmt: skip
    assert [request["body"] for request in received(sandbox)] == [
        {"status": "paused", "aiTag": "Not now"},
        {"aiTag": "Not now"},
    ]
    assert "line 3" in ran.results[0]["message"]


@pytest.mark.parametrize(
    "fault", ["status=500", pytest.param("stall", marks=[pytest.mark.slow, pytest.mark.timed])]
)
def test_neighbouring_leads_that_always_fail_are_errors_and_the_rest_is_sent(
    tmp_path: Path, fault: str
) -> None:
    failing = range(50, 90)
    leads = ";".join(lead_id(number) for number in failing)
    options = Options(seed_csv=seed(tmp_path, 300), faults=(f"{fault},leads={leads}",))
    rows = [(CAMPAIGN, lead_id(number), "paused", "", "") for number in range(1, 301)]
    path = write_rows(tmp_path / "many.csv", HEADER, rows)
    with start_sandbox(options) as sandbox:
        env, to = access(sandbox)
        env["SENDKIT_BATCH_RETRY_BACKOFF_BASE_S"] = "0.05"
        env["SENDKIT_BATCH_RETRY_BUDGET_FLOOR"] = "200"
        env["SENDKIT_BATCH_HTTP_READ_TIMEOUT_S"] = "0.4"
        run = sendkit_batch(
            "run", path, *to, "--rate", "2000", "--concurrency", "16", "--out", "out",
            "--skip-unchanged", "never", cwd=tmp_path, env=env,
        )  # fmt: skip
        sent = len(received(sandbox))
    assert run.exit_code == 1
    assert run.last_line.startswith("finished: 260 success, 40 error, 0 skipped, 0 unsent; ")
    results = read_rows(tmp_path / "out" / "results.csv")
    failed = [row for row in results if row["result"] == "error"]
    assert [row["campaignLeadId"] for row in failed] == [lead_id(number) for number in failing]
    assert {row["attempts"] for row in failed} == {"5"}
    assert sent == sum(int(row["attempts"]) for row in results)
