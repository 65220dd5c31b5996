"""Large proofs of runs of several workspaces, by the real command and killed processes."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from batch.recording.runfile import RunState, read_record
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.support.program import (
    command,
    ended,
    environment,
    lead_id,
    read_rows,
    received,
    sendkit_batch,
    started,
    wait_for,
    write_rows,
)

pytestmark = pytest.mark.slow

HEADER = ("workspace", "campaignId", "campaignLeadId", "status", "aiTag")
MOST_REPEATS = 64  # twice as many rows as there are workers, for each kill


def campaign(number: int) -> str:
    return f"64f1c0a95e8b7d2f3a6c{number:04x}"


@contextmanager
def world(
    folder: Path, *, workspaces: int, rows: int, known: int | None = None, **options: object
) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """leads.csv with the rows of so many workspaces in turn, their sandbox, and an environment."""
    names = [f"Work {number}" for number in range(workspaces)]

    def leads(count: int, status: str) -> Iterator[tuple[str, ...]]:
        for n in range(count):
            k = n % workspaces
            yield names[k], campaign(k), lead_id(n), status, ""

    write_rows(folder / "leads.csv", HEADER, [*leads(rows, "paused")])
    seed = write_rows(folder / "seed.csv", HEADER, [*leads(min(rows, known or rows), "active")])
    with start_sandbox(
        Options(seed_csv=seed, workspaces=tuple(names), log=folder / "log.jsonl", **options)  # type: ignore[arg-type] # fields of Options
    ) as sandbox:
        env = {
            "SENDKIT_API_KEY": sandbox.platform_key,
            "SENDKIT_BATCH_API_BASE_URL": sandbox.base_url,
            "SENDKIT_BATCH_RUN_SKIP_UNCHANGED": "never",
            "SENDKIT_BATCH_PACE_BUDGET": "workspace",
        }
        yield sandbox, env


def repeats(sandbox: Sandbox) -> int:
    """How many changes were applied more than once."""
    applied = Counter(each["campaignLeadId"] for each in received(sandbox) if each["applied"])
    return sum(applied.values()) - len(applied)


def every_row_once(folder: Path, rows: int) -> None:
    results = read_rows(folder / "results.csv")
    assert [int(row["line"]) for row in results] == list(range(2, rows + 2))
    assert Counter(row["reason"] for row in results) == {"applied": rows}


@pytest.mark.parametrize("word", ["run", "retry"])
def test_a_killed_run_of_several_is_gone_on_with_and_every_row_is_there_once(
    tmp_path: Path, word: str
) -> None:
    with world(tmp_path, workspaces=5, rows=2000, faults=("slow=0.02",)) as (sandbox, env):
        env |= {"SENDKIT_BATCH_PACE_RATE": "60"}
        words: tuple[str, ...] = ("run", "leads.csv", "--yes", "--out", "out")
        if word == "retry":  # of a run that sent nothing
            first = ("run", "leads.csv", "--yes", "--on", "parts", "--out", "first")
            assert sendkit_batch(*first, cwd=tmp_path, env=env).exit_code == 0
            words = ("retry", "first", "--yes", "--out", "out")
        for kill, until in enumerate((300, 900), 1):
            with started(*words, cwd=tmp_path, env=env) as process:
                wait_for(sandbox, until)
                process.kill()
                process.wait()
            results = sendkit_batch("results", "out", cwd=tmp_path, env=env)
            assert results.exit_code == 3
            assert len(read_rows(tmp_path / "out/results.csv")) == 2000
            assert repeats(sandbox) <= kill * 5 * MOST_REPEATS
            words = ("resume", "out", "--yes")
        assert sendkit_batch(*words, cwd=tmp_path, env=env).exit_code == 0
        every_row_once(tmp_path / "out", 2000)


def test_parts_through_xargs_with_killed_processes(tmp_path: Path) -> None:
    with world(tmp_path, workspaces=8, rows=2400, faults=("slow=0.02",)) as (sandbox, env):
        env |= {"SENDKIT_BATCH_PACE_RATE": "60"}
        made = sendkit_batch(
            *("run", "leads.csv", "--yes", "--on", "parts", "--out", "out"), cwd=tmp_path, env=env
        )
        assert (made.exit_code, made.out) == (0, "8\n")
        part = " ".join([*command("part", "out", "{}"), "--quiet"])
        line = ["sh", "-c", f"seq 0 7 | xargs -P 4 -I{{}} sh -c '{part} || true'"]
        kills = 0
        with subprocess.Popen(
            line, cwd=tmp_path, env=environment(tmp_path, env), start_new_session=True
        ) as all_parts:
            while all_parts.poll() is None and kills < 6:
                time.sleep(1.5)
                kills += kill_one(tmp_path / "out/parts")
            all_parts.wait()
        assert kills >= 3
        again = subprocess.run(line, cwd=tmp_path, env=environment(tmp_path, env), check=False)
        assert again.returncode == 0
        assert sendkit_batch("results", "out", cwd=tmp_path, env=env).exit_code == 0
        every_row_once(tmp_path / "out", 2400)
        assert repeats(sandbox) <= kills * MOST_REPEATS


def kill_one(parts: Path) -> int:
    """Kill the process of one part that is at work; how many were."""
    for folder in sorted(parts.iterdir()):
        record = read_record(folder / "run.json")
        if record.state is RunState.RUNNING:
            with suppress(ProcessLookupError):
                os.kill(record.pid, signal.SIGKILL)
                return 1
    return 0


def test_one_away_one_slow_and_one_revoked_slow_none_of_the_others(tmp_path: Path) -> None:
    faults = (
        "status=401,workspace=Work 3,after=20",
        "stall,workspace=Work 5",
        "slow=5,workspace=Work 7",
    )
    with world(tmp_path, workspaces=20, rows=4000, faults=faults) as (sandbox, env):
        env |= {
            "SENDKIT_BATCH_PACE_RATE": "10",
            "SENDKIT_BATCH_RETRY_MAX_OUTAGE_S": "20",
            "SENDKIT_BATCH_HTTP_ATTEMPT_TIMEOUT_S": "8",
        }
        words = ("run", "leads.csv", "--yes", "--out", "out")
        with started(*words, cwd=tmp_path, env=env) as process:
            ran = ended(process, cwd=tmp_path, timeout_s=240)
        assert ran.exit_code == 3
        times: dict[str, list[float]] = {}
        for each in received(sandbox):
            at = datetime.fromisoformat(each["time"]).timestamp()
            times.setdefault(each["campaignId"], []).append(at)
        others = [campaign(n) for n in range(20) if n not in {3, 5, 7}]
        took = [max(times[each]) - min(times[each]) for each in others]
        assert max(took) < 1.1 * 200 / 10  # 200 rows at 10 a second
        results = read_rows(tmp_path / "out/results.csv")
        came = Counter((row["workspace"], row["result"]) for row in results)
        assert all(came[f"Work {n}", "success"] == 200 for n in range(20) if n not in {3, 5})
        assert came["Work 3", "unsent"] > 0
        assert came["Work 5", "unsent"] == 200


@pytest.mark.timed
@pytest.mark.timeout(400)
def test_a_hundred_workspaces_use_their_budgets_in_little_memory(tmp_path: Path) -> None:
    with world(
        tmp_path,
        workspaces=100,
        rows=1_000_000,
        known=50_000,
        rate_limit="fixed:50/10s",
        limit_by="workspace",
    ) as (sandbox, env):
        with started("run", "leads.csv", "--yes", "--out", "out", cwd=tmp_path, env=env) as process:
            wait_for(sandbox, 1, within_s=120)
            time.sleep(60)
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
            process.send_signal(signal.SIGINT)
            ended(process, cwd=tmp_path, timeout_s=60)
        peak_kb = next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM"))
        assert peak_kb < 400 * 1024
        patches = received(sandbox)
        refused = sum(each["status"] == 429 for each in patches)
        assert refused <= 0.01 * len(patches)
        times = sorted(datetime.fromisoformat(each["time"]).timestamp() for each in patches)
        first, last = times[0] + 15, times[0] + 55
        served = sum(first <= at < last for at in times)
        assert served / (last - first) >= 0.97 * 0.95 * 100 * 5
        assert all(before <= after for before, after in pairwise(times))
