"""The proofs that the program is judged by: large runs, told by the sandbox's log and state."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

from batch.sandbox.options import Options
from batch.sandbox.process import start_sandbox
from tests.support.program import (
    CAMPAIGN,
    access,
    lead_id,
    received,
    sendkit_batch,
    state,
    write_rows,
)

HEADER = ("email", "campaignId", "campaignLeadId", "owner", "status", "aiTag", "note")
LABELS = ("Interested", "Not now", "Meeting booked")


def thousand(missing: range = range(0), conflicting: range = range(0)) -> list[tuple[str, ...]]:
    """Rows of 1,000 leads; each `conflicting` one twice, asking for different tags."""
    rows: list[tuple[str, ...]] = []
    for number in range(1, 1001):
        status = ("active", "paused", "")[number % 3]
        tag = LABELS[number % 3]
        row = (f"p{number}@example.com", CAMPAIGN, lead_id(number), "Team", status, tag, "x;y")
        rows.append(row)
        if number in conflicting:
            rows.append((*row[:5], LABELS[(number + 1) % 3], "second thoughts"))
    assert not set(missing) & set(conflicting)
    return rows


def seed_of(path: Path, numbers: range, *, skip: range = range(0)) -> Path:
    leads = [(CAMPAIGN, lead_id(n)) for n in numbers if n not in skip]
    return write_rows(path, ("campaignId", "campaignLeadId"), leads)


@pytest.mark.slow
def test_a_thousand_rows_are_applied_as_the_input_says(tmp_path: Path) -> None:
    rows = thousand()
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    options = Options(seed_csv=seed_of(tmp_path / "seed.csv", range(1, 1001)), labels=LABELS)
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch("run", leads, *access_options, "--rate", "500", cwd=tmp_path, env=env)
        now, log = state(sandbox), received(sandbox)
    assert ran.exit_code == 0
    assert {row["result"] for row in ran.results} == {"success"}
    assert len(ran.results) == len(log) == 1000
    for row, told in zip(rows, ran.results, strict=True):
        assert tuple(told[name] for name in HEADER) == row
        assert now[row[1], row[2]]["aiTag"] == row[5]
        assert now[row[1], row[2]]["status"] == (row[4] or "active")
    by_lead = {request["campaignLeadId"]: request["body"] for request in log}
    for _, _, lead, _, status, tag, _ in rows:
        assert by_lead[lead] == {"aiTag": tag, **({"status": status} if status else {})}


@pytest.mark.slow
def test_missing_leads_conflicts_and_429s_have_the_right_reasons(tmp_path: Path) -> None:
    # 5 % of the leads missing, 2 % in conflict (two rows each), a 429 in every ten answers
    missing, conflicting = range(1, 51), range(101, 121)
    rows = thousand(missing, conflicting)
    leads = write_rows(tmp_path / "leads.csv", HEADER, rows)
    seed = seed_of(tmp_path / "seed.csv", range(1, 1001), skip=missing)
    options = Options(seed_csv=seed, labels=LABELS, faults=("status=429,every=10",))
    with start_sandbox(options) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch(
            "run", leads, *access_options, "--rate", "500", cwd=tmp_path, env=env, timeout_s=110
        )
        log = received(sandbox)
    assert ran.exit_code == 1
    assert ran.record["reasons"] == {"applied": 930, "conflict": 40, "not_found": 50}
    assert ran.record["counts"] == {"success": 930, "error": 90, "skipped": 0, "unsent": 0}
    refused = [request for request in log if request["status"] == 429]
    assert len(refused) == len(log) // 10
    assert len(log) == 980 + len(refused)
    not_found = {request["campaignLeadId"] for request in log if request["status"] == 404}
    assert {row["campaignLeadId"] for row in ran.results if row["reason"] == "not_found"} == (
        not_found
    )
    attempts: dict[str, int] = {}
    for request in log:
        attempts[request["campaignLeadId"]] = attempts.get(request["campaignLeadId"], 0) + 1
    for row in ran.results:
        assert int(row["attempts"]) == attempts.get(row["campaignLeadId"], 0)


def answered_at_ms(row: dict[str, str]) -> float:
    sent_at = datetime.fromisoformat(row["sent_at"])
    return sent_at.timestamp() * 1000 + int(row["elapsed_ms"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_row_has_the_result_of_another_row(tmp_path: Path) -> None:
    count = 20_000
    rows = [(CAMPAIGN, lead_id(n), f"tag {n}") for n in range(count)]
    leads = write_rows(tmp_path / "leads.csv", ("campaignId", "campaignLeadId", "aiTag"), rows)
    # Of every 100 leads the first is answered last: 99 ms to 0 ms.
    seed = write_rows(
        tmp_path / "seed.csv",
        ("campaignId", "campaignLeadId", "fault"),
        [(CAMPAIGN, lead_id(n), f"slow={(99 - n % 100) / 1000}") for n in range(count)],
    )
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"tag {n}\n" for n in range(count)))
    with start_sandbox(Options(seed_csv=seed, labels_file=labels)) as sandbox:
        env, access_options = access(sandbox)
        ran = sendkit_batch(
            "run", leads, *access_options, "--rate", "5000", "--concurrency", "100",
            cwd=tmp_path, env=env, timeout_s=280,
        )  # fmt: skip
        log = received(sandbox)
    sys.stderr.write(f"\n{count} rows: {ran.record['requests']} requests\n")
    assert ran.exit_code == 0
    assert len(log) == count
    sent = {request["campaignLeadId"]: request["body"]["aiTag"] for request in log}
    assert len(sent) == count
    answered = [int(row["line"]) for row in sorted(ran.results, key=answered_at_ms)]
    assert answered != sorted(answered)
    for row in ran.results:
        assert row["result"] == "success"
        assert row["aiTag"] == row["server_ai_tag"] == sent[row["campaignLeadId"]]
