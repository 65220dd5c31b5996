"""`retry` and `results` by the real command; judged by the sandbox's log."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    sendkit_batch,
    started,
    wait_for,
    write_rows,
)

HEADER = ("campaignId", "campaignLeadId", "status", "aiTag", "note")
FAILING = (3, 5)  # leads whose first attempt is answered by a 500
NO_RETRIES = {"SENDKIT_BATCH_RETRY_MAX_ATTEMPTS": "1"}
RATE = ("--rate", "500")


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    rows = [(CAMPAIGN, lead_id(n)) for n in range(1, 41)]
    seed = write_rows(tmp_path / "seed.csv", ("campaignId", "campaignLeadId"), rows)
    which = ";".join(map(lead_id, FAILING))
    options = Options(
        seed_csv=seed,
        labels=("Interested",),
        faults=(f"status=500,leads={which},times=1", f"slow=0.2,leads={lead_id(40)}"),
    )
    with start_sandbox(options) as running:
        yield running


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    rows: list[tuple[str, ...]] = [
        (CAMPAIGN, lead_id(1), "paused", "", "fine"),
        (CAMPAIGN, "bad", "paused", "", "bad"),
        (CAMPAIGN, lead_id(3), "paused", "", "fails once"),
        (CAMPAIGN, lead_id(3), "", "Interested", "joined with it"),
        (CAMPAIGN, lead_id(1), "paused", "", "duplicate"),
        (CAMPAIGN, lead_id(5), "paused", "", "fails once"),
    ]
    return write_rows(tmp_path / "leads.csv", HEADER, rows)


def first_run(leads: Path, sandbox: Sandbox, *more: str) -> Ran:
    env, options = access(sandbox)
    words = (*options, *RATE, "--out", "first", *more)
    return sendkit_batch("run", leads, *words, cwd=leads.parent, env={**env, **NO_RETRIES})


def retried(cwd: Path, sandbox: Sandbox, *more: str) -> Ran:
    env, _ = access(sandbox)
    return sendkit_batch("retry", "first", "--out", "second", "--yes", *more, cwd=cwd, env=env)


def reasons(path: Path) -> dict[str, str]:
    return {row["line"]: row["reason"] for row in read_rows(path)}


def record(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "run.json").read_text("utf-8"))
    return content


def test_a_retry_is_a_run_about_the_rows_without_success(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    ran = first_run(leads, sandbox)
    assert ran.exit_code == 1
    assert "then sendkit-batch retry first" in ran.last_line
    before = len(received(sandbox))

    ran = retried(cwd, sandbox)
    assert ran.exit_code == 1
    assert ran.last_line.startswith("finished: 3 success, 1 error, 0 skipped, 0 unsent; second/")
    assert reasons(cwd / "second" / "results.csv") == {
        "3": "bad_id", "4": "applied", "5": "applied", "7": "applied",
    }  # fmt: skip
    sent = [request["body"] for request in received(sandbox)[before:]]
    assert sorted(sent, key=len) == [
        {"status": "paused"},
        {"status": "paused", "aiTag": "Interested"},
    ]
    assert (cwd / "second" / "input.csv").read_bytes() == leads.read_bytes()
    first, second = record(cwd / "first"), record(cwd / "second")
    assert second["rows"] == 4
    assert second["settings"] == first["settings"]
    assert second["input"] == first["input"]
    link = second["retry_of"]
    assert isinstance(link, dict)
    assert (link["id"], link["folder"]) == (first["id"], str(cwd / "first"))
    assert reasons(cwd / "first" / "results.csv")["4"] == "server_error"  # stays what it was


def test_results_with_retries_are_the_latest_outcome_of_every_row(
    leads: Path, sandbox: Sandbox
) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    retried(cwd, sandbox)
    for name in ("first", "second"):
        ran = sendkit_batch("results", name, "--with-retries", cwd=cwd)
        assert ran.exit_code == 1
        assert "The run first; its retries: second." in ran.err.replace(f"{cwd}/", "")
        assert reasons(cwd / "first" / "results-with-retries.csv") == {
            "2": "applied", "3": "bad_id", "4": "applied", "5": "applied", "6": "duplicate",
            "7": "applied",
        }  # fmt: skip
        (failed,) = read_rows(cwd / "first" / "failed-with-retries.csv")
        assert (failed["line"], failed["note"]) == ("3", "bad")
        shutil.rmtree(cwd / "first" / "results-with-retries.csv", ignore_errors=True)


def test_results_are_made_again_from_the_run_alone(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    results = cwd / "first" / "results.csv"
    before = results.read_bytes()
    results.unlink()
    leads.unlink()
    requests = len(received(sandbox, operation=None))
    ran = sendkit_batch("results", "first", cwd=cwd)
    assert ran.exit_code == 1
    assert results.read_bytes() == before
    assert len(received(sandbox, operation=None)) == requests


def test_results_of_a_retry_are_made_again_of_its_rows_only(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    retried(cwd, sandbox)
    before = (cwd / "second" / "results.csv").read_bytes()
    sendkit_batch("results", "second", cwd=cwd)
    assert (cwd / "second" / "results.csv").read_bytes() == before


def test_a_retry_can_be_retried(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    retried(cwd, sandbox)
    env, _ = access(sandbox)
    ran = sendkit_batch("retry", "second", "--out", "third", "--yes", cwd=cwd, env=env)
    assert reasons(cwd / "third" / "results.csv") == {"3": "bad_id"}
    assert ran.exit_code == 1
    sendkit_batch("results", "third", "--with-retries", cwd=cwd)
    assert len(reasons(cwd / "first" / "results-with-retries.csv")) == 6


def test_a_retry_of_a_run_without_failures_has_no_rows(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    write_rows(leads, HEADER, [(CAMPAIGN, lead_id(1), "paused", "", "fine")])
    first_run(leads, sandbox)
    before = len(received(sandbox))
    ran = retried(cwd, sandbox)
    assert ran.exit_code == 0
    assert "first: no row is error or unsent, so none is tried again." in ran.err
    assert ran.last_line.startswith("finished: 0 success, 0 error, 0 skipped, 0 unsent;")
    assert read_rows(cwd / "second" / "results.csv") == []
    assert len(received(sandbox)) == before


def test_settings_of_a_retry_are_those_of_the_run(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    (cwd / "sendkit-batch.toml").write_text('[api]\nbase_url = "https://example.com"\n')
    env, _ = access(sandbox)
    ran = sendkit_batch(
        "retry", "first", "--out", "second", "--yes", "--rate", "77", "--concurrency", "3",
        "--max-errors", "9", cwd=cwd, env={**env, "SENDKIT_BATCH_RETRY_MAX_ATTEMPTS": "4"},
    )  # fmt: skip
    assert ran.exit_code == 1
    second = record(cwd / "second")
    settings = second["settings"]
    assert isinstance(settings, dict)
    assert second["base_url"] == sandbox.base_url
    assert settings["retry"]["max_attempts"] == 1
    assert settings["pace"]["rate"] == 77
    assert settings["pace"]["concurrency"] == 3
    assert settings["run"]["max_errors"] == 9


def test_a_retry_of_a_damaged_copy_is_refused_and_leaves_no_trace(
    leads: Path, sandbox: Sandbox
) -> None:
    cwd = leads.parent
    first_run(leads, sandbox)
    with (cwd / "first" / "input.csv").open("a") as copy:
        copy.write("x,y,z,,\n")
    ran = retried(cwd, sandbox)
    assert ran.exit_code == 2
    assert "the run's own copy of the input was changed since it began" in ran.err
    assert not (cwd / "second").exists()


def test_rows_that_a_killed_run_left_are_retried_and_told_before(
    leads: Path, sandbox: Sandbox
) -> None:
    cwd = leads.parent
    rows = [(CAMPAIGN, lead_id(n), "paused", "", "") for n in (1, 2, *range(6, 41))]
    write_rows(leads, HEADER, rows)
    env, options = access(sandbox)
    words = (*options, "--rate", "20", "--concurrency", "2", "--out", "first")
    with started("run", leads, *words, cwd=cwd, env=env) as process:
        wait_for(sandbox, 10)
        process.send_signal(signal.SIGKILL)
        ended(process, cwd=cwd)

    ran = sendkit_batch("results", "first", cwd=cwd)
    assert ran.exit_code == 3
    assert ran.last_line.endswith("next: sendkit-batch resume first")
    told = reasons(cwd / "first" / "results.csv")
    assert len(told) == len(rows)
    assert set(told.values()) <= {"applied", "in_flight", "not_reached"}
    assert record(cwd / "first")["state"] == "failed"

    done = {line for line, reason in told.items() if reason == "applied"}
    ran = retried(cwd, sandbox, *RATE)
    assert ran.exit_code == 0
    assert set(reasons(cwd / "second" / "results.csv")) == set(told) - done
    sendkit_batch("results", "first", "--with-retries", cwd=cwd)
    latest = reasons(cwd / "first" / "results-with-retries.csv")
    assert set(latest.values()) == {"applied"}
    assert len(latest) == len(rows)


def test_a_retry_that_was_killed_is_resumed_about_its_own_rows(
    leads: Path, sandbox: Sandbox
) -> None:
    cwd = leads.parent
    rows = [(CAMPAIGN, lead_id(n), "", "Interested", "") for n in range(1, 31)]
    write_rows(leads, HEADER, rows)
    env, options = access(sandbox)
    words = (*options, *RATE, "--out", "first")
    # A key that is taken back in mid-run leaves rows behind.
    with started("run", leads, *words, "--rate", "20", cwd=cwd, env=env) as process:
        wait_for(sandbox, 5)
        process.send_signal(signal.SIGTERM)
        assert ended(process, cwd=cwd).exit_code == 143
    left = {row["line"] for row in read_rows(cwd / "first" / "failed.csv")}
    before = len(received(sandbox))
    words = ("--rate", "10", "--concurrency", "2", "--out", "second", "--yes")
    with started("retry", "first", *words, cwd=cwd, env=env) as process:
        wait_for(sandbox, before + 4)
        process.send_signal(signal.SIGKILL)
        ended(process, cwd=cwd)
    shutil.rmtree(cwd / "first")
    ran = sendkit_batch("resume", "second", "--yes", *RATE, cwd=cwd, env=env)
    assert ran.exit_code == 0
    assert set(reasons(cwd / "second" / "results.csv")) == left
    assert set(reasons(cwd / "second" / "results.csv").values()) == {"applied"}


def test_practice_is_retried_in_a_sandbox_of_its_own_without_a_key(leads: Path) -> None:
    cwd = leads.parent
    words = ("--sandbox", *RATE, "--out", "first")
    assert sendkit_batch("run", leads, *words, cwd=cwd).exit_code == 1
    ran = sendkit_batch("retry", "first", "--out", "second", cwd=cwd)
    assert ran.exit_code == 1
    assert reasons(cwd / "second" / "results.csv") == {"3": "bad_id"}


def test_results_of_a_run_that_is_at_work_are_refused(leads: Path, sandbox: Sandbox) -> None:
    cwd = leads.parent
    rows = [(CAMPAIGN, lead_id(n), "paused", "", "") for n in (1, 2, *range(6, 41))]
    write_rows(leads, HEADER, rows)
    env, options = access(sandbox)
    words = (*options, "--rate", "1", "--out", "first")
    with started("run", leads, *words, cwd=cwd, env=env) as process:
        wait_for(sandbox, 1)
        ran = sendkit_batch("results", "first", cwd=cwd)
        assert ran.exit_code == 2
        assert (
            f"first: another process is at work on this run: process {process.pid}, since 20"
            in ran.err
        )
        again = retried(cwd, sandbox)
        assert again.exit_code == 2
        assert f"Another process is sending this input to {sandbox.base_url}: " in again.err
        assert f"process {process.pid}, since 20" in again.err
        process.send_signal(signal.SIGKILL)
