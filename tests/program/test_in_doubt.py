"""What went out without a known answer: every later outcome of the row, and undo, go by it.

In the test's own process, against a server that says in its log what it did.
"""

import signal
from pathlib import Path

import pytest

from batch.sending.retry import MAY_BE_APPLIED
from tests.support.deaths import Death
from tests.support.lead_server import (
    APPLIED_AND_LOST,
    AWAY,
    LOST,
    SERVED,
    Act,
    Lead,
    LeadServer,
    refused,
    words,
)
from tests.support.program import read_rows
from tests.support.shell import Shell
from tests.support.wired import CAMPAIGN, lead_id, write_leads

FAST = ("--rate", "1000", "--yes")
SETTINGS = {
    "RETRY_BACKOFF_BASE_S": "0.001",
    "RETRY_BACKOFF_MAX_S": "0.002",
    "RETRY_MAX_OUTAGE_S": "0.02",
}


@pytest.fixture
def quick(shell: Shell) -> Shell:
    """A shell in which nothing is waited for for long."""
    for name, value in SETTINGS.items():
        shell.monkeypatch.setenv(f"SENDKIT_BATCH_{name}", value)
    return shell


def server_of(count: int) -> LeadServer:
    return LeadServer(leads={lead_id(n): Lead() for n in range(1, count + 1)})


def pausing(shell: Shell, count: int) -> Path:
    rows = [(CAMPAIGN, lead_id(n), "paused", "Hot") for n in range(1, count + 1)]
    return write_leads(shell.cwd / "leads.csv", rows)


def results(folder: str) -> list[tuple[str, str]]:
    return [(row["reason"], row["attempts"]) for row in read_rows(Path(folder) / "results.csv")]


def messages(folder: str) -> list[str]:
    return [row["message"] for row in read_rows(Path(folder) / "results.csv")]


def changed(server: LeadServer) -> set[str]:
    return {lead for lead, now in server.leads.items() if now != Lead()}


FEW = 3  # so that each has left before their failures are an outage


def test_rows_in_flight_stay_so_while_a_resume_reaches_nobody(quick: Shell) -> None:
    server = server_of(FEW)
    server.otherwise = APPLIED_AND_LOST
    run = ("run", pausing(quick, FEW), "--keep-before", "--out", "first", "--concurrency", str(FEW))
    assert words(quick, server, *run, *FAST) == 3
    assert {reason for reason, _ in results("first")} == {"in_flight"}
    before = [int(attempts) for _, attempts in results("first")]
    server.otherwise = AWAY
    assert words(quick, server, "resume", "first", *FAST) == 3
    assert {reason for reason, _ in results("first")} == {"in_flight"}
    after = [int(attempts) for _, attempts in results("first")]
    assert sum(after) == len(server.log) + len(server.refused)
    assert all(now >= then for now, then in zip(after, before, strict=True))
    server.otherwise = SERVED
    assert len(changed(server)) == FEW
    assert words(quick, server, "undo", "first", *FAST) == 0
    assert not changed(server)
    assert (
        "3 leads may have been changed by requests without a clear answer: each is set back if it "
        "holds what the run asked for."
    ) in quick.err


def test_leads_that_may_have_been_changed_and_were_not_read_are_named(quick: Shell) -> None:
    server = server_of(FEW)
    server.otherwise = APPLIED_AND_LOST
    run = ("run", pausing(quick, FEW), "--out", "first", "--concurrency", str(FEW))
    assert words(quick, server, *run, *FAST) == 3
    server.otherwise = SERVED
    assert words(quick, server, "undo", "first", "--out", "undone", *FAST) == 1
    assert (
        "3 leads of first can't be set back: what they were before was not read (lines 2 to 4)."
    ) in quick.err
    assert words(quick, server, "resume", "undone", *FAST) == 1
    assert words(quick, server, "retry", "undone", "--out", "again", *FAST) == 1
    for name in ("undone", "again"):
        rows = read_rows(Path(name, "results.csv"))
        assert [(row["undoes_line"], row["reason"], row["message"]) for row in rows] == [
            (
                str(line),
                "before_unknown",
                "what the lead was before was not read, so it can't be set back.",
            )
            for line in range(2, 5)
        ]


REFUSALS = [(404, "not_found"), (422, "bad_request"), (400, "bad_request"), (409, "rejected")]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("lost", [APPLIED_AND_LOST, Act(applies=True, status=500)])
@pytest.mark.parametrize(("status", "reason"), REFUSALS)
def test_a_refusal_after_a_lost_answer_hides_no_change(
    quick: Shell, lost: Act, status: int, reason: str
) -> None:
    server = server_of(3)
    server.acts = [SERVED, lost, refused(status)]
    run = ("run", pausing(quick, 2), "--keep-before", "--out", "first", "--concurrency", "1", *FAST)
    assert words(quick, server, *run) == 1
    assert results("first") == [("applied", "1"), (reason, "2")]
    assert messages("first")[1].endswith(f"; {MAY_BE_APPLIED}")
    assert words(quick, server, "undo", "first", *FAST) == 0
    assert not changed(server)


def test_a_lead_that_is_neither_what_it_was_nor_what_was_asked_for_is_named(quick: Shell) -> None:
    server = server_of(2)
    server.acts = [SERVED, APPLIED_AND_LOST, refused(404)]
    run = ("run", pausing(quick, 2), "--keep-before", "--out", "first", "--concurrency", "1", *FAST)
    words(quick, server, *run)
    server.leads[lead_id(2)] = Lead(status="paused", tag="Cold")
    assert words(quick, server, "undo", "first", "--out", "undone", *FAST) == 1
    (first, second) = read_rows(Path("undone/results.csv"))
    assert (first["reason"], second["reason"]) == ("applied", "changed_since")
    assert second["undoes_line"] == "3"
    assert second["message"] == (
        "left as it is: the run asked for status paused, aiTag Hot, and it reads status paused, "
        "aiTag Cold now."
    )


def test_a_row_that_gives_up_without_a_connection_tells_of_an_earlier_request(quick: Shell) -> None:
    quick.monkeypatch.setenv("SENDKIT_BATCH_RETRY_MAX_ATTEMPTS", "2")
    server = server_of(2)
    server.acts = [LOST, SERVED]
    server.before = lambda: signal.raise_signal(signal.SIGTERM)
    run = ("run", pausing(quick, 2), "--keep-before", "--out", "first", "--concurrency", "1")
    assert words(quick, server, *run, *FAST) == 143
    assert results("first") == [("in_flight", "1"), ("not_reached", "0")]
    server.acts, server.before = [AWAY, AWAY, SERVED], lambda: None
    assert words(quick, server, "resume", "first", *FAST) == 1
    assert results("first") == [("no_answer", "3"), ("applied", "1")]
    assert messages("first")[0] == (
        "gave up after 2 attempts: no connection: connection refused; sent again, since an answer "
        "was lost: the run ended before it came"
    )


def killed_in_flight(shell: Shell, server: LeadServer, *given: object, at: int = 2) -> None:
    """A command whose process dies once a request was served, and before that is known to it."""
    death = Death(shell.cwd, at=at)
    server.after = death.passed
    with death.awaited():
        words(shell, server, *given)
    assert death.is_dead
    server.after = lambda: None


def test_a_lead_that_moves_on_after_a_kill_stays_known_as_sent(quick: Shell) -> None:
    server = server_of(3)
    plan = ("plan", pausing(quick, 3), "--out", "first", "--rate", "1000")
    assert words(quick, server, *plan, "--concurrency", "1") == 0
    killed_in_flight(quick, server, "apply", "first", *FAST)
    server.leads[lead_id(2)] = Lead(status="paused", tag="Cold")
    assert words(quick, server, "resume", "first", *FAST) == 1
    reason, attempts = results("first")[1]
    assert (reason, attempts) == ("drifted", "1")
    assert messages("first")[1] == (
        "left as it is: it read status active, aiTag null when the plan was made, and reads status "
        f"paused, aiTag Cold now.; {MAY_BE_APPLIED}"
    )
    assert words(quick, server, "undo", "first", "--out", "undone", *FAST) == 1
    rows = read_rows(Path("undone/results.csv"))
    assert [(row["undoes_line"], row["reason"]) for row in rows] == [
        ("2", "applied"),
        ("3", "changed_since"),
        ("4", "applied"),
    ]


def test_a_refusal_after_a_kill_hides_no_change(quick: Shell) -> None:
    server = server_of(1)
    run = ("run", pausing(quick, 1), "--keep-before", "--out", "first", "--concurrency", "1")
    killed_in_flight(quick, server, *run, *FAST, at=1)
    assert words(quick, server, "results", "first") == 3
    assert results("first")[0] == ("in_flight", "1")
    server.acts = [refused(404)]
    assert words(quick, server, "resume", "first", *FAST) == 1
    assert results("first")[0] == ("not_found", "2")
    assert messages("first")[0].endswith(MAY_BE_APPLIED)
    assert words(quick, server, "undo", "first", *FAST) == 0
    assert not changed(server)
