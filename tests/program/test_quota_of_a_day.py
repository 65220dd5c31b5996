"""`[pace] daily`: what may leave in a day, by the log of a sandbox that several runs send to."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from batch.jobs import gate
from batch.recording.daily_quota import DailyQuota
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.live_world import HEADER, served
from tests.support.program import (
    CAMPAIGN,
    Ran,
    access,
    ended,
    lead_id,
    read_rows,
    received,
    started,
    wait_for,
    write_rows,
)

ROWS = 300


def leads(path: Path, numbers: range) -> Path:
    return write_rows(path, HEADER, [(CAMPAIGN, lead_id(n), "paused", "") for n in numbers])


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    leads(tmp_path / "leads.csv", range(ROWS))
    with served(tmp_path, [(CAMPAIGN, lead_id(n), "active", "") for n in range(ROWS)]) as running:
        yield running


def did(sandbox: Sandbox, folder: Path, *words: str | Path, **settings: str) -> Ran:
    """Do a command that sends to the sandbox; it may be in another process at the same time."""
    env, _ = access(sandbox)
    more = {f"SENDKIT_BATCH_{name}": value for name, value in settings.items()}
    return sendkit_batch(*words, cwd=folder, env={**env, **more})


def run(sandbox: Sandbox, folder: Path, *words: str | Path) -> Ran:
    to = ("--base-url", sandbox.base_url, "--yes", "--rate", "1000", "--skip-unchanged", "never")
    return did(sandbox, folder, "run", "leads.csv", *to, "--out", "run", *words)


def asked(sandbox: Sandbox) -> int:
    """All requests that the sandbox has seen, of whatever kind."""
    return len(received(sandbox, operation=None))


@pytest.fixture
def days_later(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """So many days later it is, by the clock of the counts."""
    days = [0]

    def clock() -> float:
        return (datetime.now().astimezone() + timedelta(days=days[0])).timestamp()

    monkeypatch.setattr(gate, "DailyQuota", partial(DailyQuota, clock=clock))
    return days


def test_what_does_not_fit_is_unsent_and_resume_goes_on_the_next_day(
    sandbox: Sandbox, tmp_path: Path, days_later: list[int]
) -> None:
    ran = run(sandbox, tmp_path, "--daily", "200", "--json")
    assert ran.exit_code == 3
    assert asked(sandbox) == 200
    answer = json.loads(ran.out)
    assert (answer["state"], answer["success"], answer["unsent"]) == ("stopped", 198, 102)
    assert answer["reasons"] == {"applied": 198, "not_reached": 102}
    tomorrow = (datetime.now().astimezone() + timedelta(days=1)).date()
    assert datetime.fromisoformat(answer["go_on_at"]).date() == tomorrow
    assert f"; next: wait until {tomorrow} 00:00, then sendkit-batch resume " in ran.last_line
    assert answer["message"] == (
        "Your daily quota of 200 requests is used up ([pace] daily). "
        f"Go on from {tomorrow} 00:00 (local time)."
    )
    assert "Your daily quota: 198 of 200 requests left today; the rest goes on from" in ran.err
    assert f"{tomorrow} 00:00" in (tmp_path / "run" / "report.html").read_text("utf-8")
    unsent = [row for row in read_rows(tmp_path / "run" / "results.csv") if row["attempts"] == "0"]
    assert len(unsent) == 102

    again = did(sandbox, tmp_path, "resume", "run", "--yes", "--json")
    assert again.exit_code == 2
    assert json.loads(again.out)["go_on_at"] == answer["go_on_at"]
    assert f"Go on from {tomorrow} 00:00" in again.err
    assert json.loads(again.out)["message"].startswith("Nothing was sent. Your daily quota of 200")
    command = "sendkit-batch resume run --yes --json"
    assert again.last_line.endswith(f"next: wait until {tomorrow} 00:00, then {command}")
    assert asked(sandbox) == 200

    days_later[0] = 1
    assert did(sandbox, tmp_path, *command.split()[1:]).exit_code == 0
    assert asked(sandbox) == 200 + 1 + 102


def test_reading_counts_and_stops_at_the_quota_too(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path).exit_code == 0
    before = asked(sandbox)  # without a quota, and counted all the same
    exported = did(
        sandbox, tmp_path, "export", CAMPAIGN, "--base-url", sandbox.base_url, "--out", "a.csv",
        "--daily", str(before + 2),
    )  # fmt: skip
    assert exported.exit_code == 2
    assert f"Your daily quota of {before + 2:,} requests is used up" in exported.err
    assert asked(sandbox) == before + 2
    for command in ("verify", "undo", "resume"):
        ran = did(sandbox, tmp_path, command, "run", PACE_DAILY="100")
        assert ran.exit_code in {0, 2}, ran.err
    plan = ("plan", "leads.csv", "--base-url", sandbox.base_url, "--daily", "100")
    assert did(sandbox, tmp_path, *plan).exit_code == 2
    assert asked(sandbox) == before + 2


def test_reading_that_uses_the_quota_up_leaves_a_run_that_can_be_gone_on_with(
    sandbox: Sandbox, tmp_path: Path, days_later: list[int]
) -> None:
    to = ("--base-url", sandbox.base_url, "--yes", "--rate", "1000")
    ran = did(sandbox, tmp_path, "run", "leads.csv", *to, "--out", "run", "--daily", "3")
    assert ran.exit_code == 3
    assert ran.last_line.startswith("stopped: 0 success, 0 error, 0 skipped, 300 unsent; ")
    assert asked(sandbox) == 3
    # What was read isn't read again, or a quota as small as that would never send anything.
    days_later[0] = 1
    again = did(sandbox, tmp_path, "resume", "run", "--yes", "--daily", "3")
    assert again.exit_code == 3
    assert again.last_line.startswith("stopped: 2 success, ")
    # Without anything left nothing is begun: no folder, and the same again on the next day.
    refused = did(sandbox, tmp_path, "run", "leads.csv", *to, "--out", "other", "--daily", "3")
    assert refused.exit_code == 2
    assert refused.last_line.startswith("refused: 0 success, ")
    assert "sendkit-batch run leads.csv --base-url" in refused.last_line
    assert not (tmp_path / "other").exists()


def test_practice_neither_counts_nor_obeys(sandbox: Sandbox, tmp_path: Path) -> None:
    ran = did(sandbox, tmp_path, "run", "leads.csv", "--sandbox", "--daily", "5", "--rate", "1000")
    assert ran.exit_code == 0
    assert run(sandbox, tmp_path, "--daily", "302").exit_code == 0


def test_a_quota_that_is_set_later_holds_for_earlier_runs_too(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    plan = ("plan", "leads.csv", "--base-url", sandbox.base_url, "--out", "plan")
    assert did(sandbox, tmp_path, *plan).exit_code == 0
    before = asked(sandbox)
    apply = ("apply", "plan", "--yes", "--rate", "1000")
    assert did(sandbox, tmp_path, *apply, PACE_DAILY=str(before)).exit_code == 2
    assert asked(sandbox) == before
    assert did(sandbox, tmp_path, *apply, PACE_DAILY="100").exit_code == 3
    assert did(sandbox, tmp_path, "resume", "plan", "--yes", "--daily", "150").exit_code == 3
    assert asked(sandbox) == 150
    assert did(sandbox, tmp_path, "resume", "plan", "--yes", "--daily", "0").exit_code == 0


def test_of_two_quotas_the_smaller_one_holds(sandbox: Sandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path, "--daily", "100").exit_code == 3
    assert did(sandbox, tmp_path, "resume", "run", "--yes", PACE_DAILY="150").exit_code == 2
    assert asked(sandbox) == 100


def test_a_time_zone_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    leads(tmp_path / "leads.csv", range(1))
    for wrong in ("Europe", "Mars/Olympus", "../etc/passwd", "/etc/passwd"):
        env = {"SENDKIT_BATCH_PACE_TIME_ZONE": wrong}
        ran = sendkit_batch("check", "leads.csv", cwd=tmp_path, env=env)
        assert ran.exit_code == 2
        assert f'found "{wrong}"; expected a time zone such as "Europe/Berlin"' in ran.err


def test_two_processes_and_one_that_is_killed_share_the_quota(tmp_path: Path) -> None:
    files = [leads(tmp_path / f"{n}.csv", range(n * 400, n * 400 + 400)) for n in range(3)]
    every = leads(tmp_path / "all.csv", range(1200))
    with start_sandbox(Options(seed_csv=every)) as sandbox, ExitStack() as processes:
        env, to = access(sandbox)
        words = [*to, "--daily", "400", "--rate", "200", "--skip-unchanged", "never"]
        killed, *others = [
            processes.enter_context(
                started("run", path, *words, "--out", path.stem, cwd=tmp_path, env=env)
            )
            for path in files
        ]
        wait_for(sandbox, 60)
        killed.kill()
        killed.wait()
        ran = [ended(process, cwd=tmp_path) for process in others]
        assert [each.exit_code for each in ran] == [3, 3]
        sent = asked(sandbox)
        assert sent <= 400
        assert sent >= 400 - 20  # the killed one had reserved a twentieth of what was left
        last = sendkit_batch("resume", "0", *words[:2], "--yes", cwd=tmp_path, env=env)
        assert last.exit_code == 2
        assert asked(sandbox) == sent
