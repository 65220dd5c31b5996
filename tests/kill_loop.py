"""Kill a run at random points and go on with it, over and over; judged by the sandbox's log.

As a script: `python -m tests.kill_loop --kills 500 --seed 7` prints what each kill cost.
"""

import argparse
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.support.program import (
    CAMPAIGN,
    access,
    lead_id,
    read_rows,
    received,
    sendkit_batch,
    started,
    write_rows,
)

WORKERS = 16
ROWS_PER_KILL = 180  # so that rows are left for the last one: 300 a second, for 0.6 s at most
HEADER = ("campaignId", "campaignLeadId", "status", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill. sent: leads received before it. durable: lines final in the journal after it.

    repeats: requests for leads that had been sent before, until the next kill or the end.
    """

    sent: int
    durable: int
    repeats: int
    in_flight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """What the loop came to: every kill, and what is wrong (nothing, it is hoped)."""

    kills: list[Kill]
    wrong: list[str]


def kill_loop(folder: Path, *, kills: int, seed: int) -> Loop:
    """A run with rows for every kill, killed at seeded random points, and judged at its end."""
    rows = kills * ROWS_PER_KILL
    draw = random.Random(seed)  # noqa: S311 - points in time, not secrets
    leads = write_rows(
        folder / "leads.csv",
        HEADER,
        [(CAMPAIGN, lead_id(n), "paused", f"n{n}") for n in range(rows)],
    )
    seed_csv = write_rows(
        folder / "seed.csv",
        HEADER[:2],
        [(CAMPAIGN, lead_id(n)) for n in range(rows)],
    )
    with start_sandbox(Options(seed_csv=seed_csv, faults=("slow=0.02",))) as sandbox:
        env, options = access(sandbox)
        rate = ("--rate", "300", "--concurrency", str(WORKERS))
        command = ["run", str(leads), *options, *rate, "--out", "run"]
        found: list[Kill] = []
        wrong: list[str] = []
        final: set[str] = set()
        for _ in range(kills):
            before = _sent(sandbox)
            _start_and_kill(command, folder, env, sandbox, after_s=draw.uniform(0.0, 0.6))
            now = _sent(sandbox)
            wrong += [f"{lead} was durable and sent again" for lead in final & set(now - before)]
            repeats = sum(((now - before) & before).values())
            if repeats > 2 * WORKERS:
                wrong.append(f"{repeats} repeats after one kill")
            lines = applied_lines(folder / "run" / "journal.sqlite")
            final = {lead_id(line - 2) for line in lines}
            flying = bool(set(now) - final)
            found.append(Kill(sent=len(now), durable=len(final), repeats=repeats, in_flight=flying))
            if (folder / "run" / "run.json").exists():
                command = ["resume", "run", "--yes"]
            else:
                shutil.rmtree(folder / "run", ignore_errors=True)
        ran = sendkit_batch(*command, cwd=folder, env=env, timeout_s=120)
        log = received(sandbox)
    if ran.exit_code != 0:
        wrong.append(f"the last run ended with {ran.exit_code}: {ran.err}")
    wrong += _judge(read_rows(folder / "run" / "results.csv"), log, rows=rows)
    return Loop(kills=found, wrong=wrong)


def _start_and_kill(
    command: list[str], folder: Path, env: dict[str, str], sandbox: Sandbox, *, after_s: float
) -> None:
    """Kill after the first new request and so many seconds more; or if it ends before."""
    sent = len(received(sandbox))
    with started(*command, cwd=folder, env=env) as process:
        while process.poll() is None and len(received(sandbox)) == sent:
            time.sleep(0.01)
        time.sleep(after_s)
        process.send_signal(signal.SIGKILL)


def _sent(sandbox: Sandbox) -> Counter[str]:
    return Counter(request["campaignLeadId"] for request in received(sandbox))


def applied_lines(journal: Path) -> set[int]:
    """The lines that a killed run left as applied, read in a copy: the journal stays as it is."""
    if not journal.exists():
        return set()
    with tempfile.TemporaryDirectory() as scratch:
        for suffix in ("", "-wal"):
            source = journal.with_name(journal.name + suffix)
            if source.exists():
                shutil.copy(source, scratch)
        db = sqlite3.connect(Path(scratch, journal.name))
        try:
            lines = db.execute("SELECT line FROM outcome WHERE reason = 'applied'").fetchall()
        except sqlite3.OperationalError:  # killed before it had a table
            return set()
        finally:
            db.close()
    return {line for (line,) in lines}


def _judge(results: list[dict[str, str]], log: list[dict[str, object]], *, rows: int) -> list[str]:
    wrong = []
    if [row["line"] for row in results] != [str(line) for line in range(2, rows + 2)]:
        wrong.append("results.csv has not every line once, in order")
    confirmed = {request["campaignLeadId"] for request in log if request["status"] == 200}
    for row in results:
        if row["result"] == "success" and row["campaignLeadId"] not in confirmed:
            wrong.append(f"{row['campaignLeadId']} is success, but was never confirmed")
        if row["result"] != "success":
            wrong.append(f"{row['campaignLeadId']} is {row['result']}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        loop = kill_loop(Path(folder), kills=given.kills, seed=given.seed)
    for number, kill in enumerate(loop.kills, 1):
        sys.stdout.write(
            f"kill {number}: {kill.sent} sent, {kill.durable} durable, {kill.repeats} repeats\n"
        )
    flying = sum(kill.in_flight for kill in loop.kills)
    sys.stdout.write(f"{flying} of {len(loop.kills)} kills fell while requests were in flight\n")
    sys.stdout.write("\n".join(loop.wrong or ["nothing is wrong"]) + "\n")
    raise SystemExit(bool(loop.wrong))


if __name__ == "__main__":
    main()
