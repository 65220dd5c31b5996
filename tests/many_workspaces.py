"""Send a file of many workspaces, in one process or in parts, and judge it by the sandbox's log.

As a script: `python -m tests.many_workspaces --rows 10000 --how one --troubled --kill-every 20`
sends 20 times 10,000 rows and prints what came of it; `--how 4` sends its parts by `xargs -P 4`.
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from batch.recording.runfile import RunState, read_record
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from tests.support.program import (
    command,
    environment,
    lead_id,
    read_rows,
    received,
    sendkit_batch,
    write_rows,
)

HEADER = ("workspace", "campaignId", "campaignLeadId", "status", "aiTag")
PER_S = 50  # requests a second of each budget
TROUBLED = {3: "revoked", 4: "revoked later", 5: "away", 7: "slow"}
MOST_REPEATS = 64  # of one workspace, for each kill: twice as many as there are workers
OPTIONS: Mapping[str, str] = {
    "SENDKIT_BATCH_RUN_SKIP_UNCHANGED": "never",
    "SENDKIT_BATCH_RETRY_MAX_OUTAGE_S": "20",
    "SENDKIT_BATCH_HTTP_ATTEMPT_TIMEOUT_S": "8",
}


def campaign(number: int) -> str:
    return f"64f1c0a95e8b7d2f3a6c{number:04x}"


def faults(rows: int) -> tuple[str, ...]:
    """One workspace that never answers, a slow one, two whose keys are revoked: at once, later."""
    return (
        "status=401,workspace=Work 3",
        f"status=401,workspace=Work 4,after={rows // 2}",
        "stall,workspace=Work 5",
        "slow=2,on=any,workspace=Work 7",
    )


@dataclass(slots=True, kw_only=True)
class World:
    """leads.csv with as many rows of each workspace, a sandbox that knows them, and a folder."""

    cwd: Path
    sandbox: Sandbox
    env: Mapping[str, str]
    workspaces: int
    rows: int
    kills: list[int] = field(default_factory=list)  # workspaces that were at work at each kill
    peak_kb: int = 0
    cpu_s: float = 0.0

    @property
    def out(self) -> Path:
        return self.cwd / "out"

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        with (self.cwd / "told.txt").open("ab") as told:
            return subprocess.Popen(
                command(*words),
                cwd=self.cwd,
                env=environment(self.cwd, self.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=told,
            )

    def send(self, *, kill_every_s: float | None = None, most_kills: int = 10_000) -> int:
        """Send all in one process, killed and resumed as often; its last exit code."""
        words: tuple[str, ...] = ("run", "leads.csv", "--yes", "--out", "out")
        killed_at = time.monotonic()
        while True:
            process = self.start(*words)
            code = None
            while code is None:
                time.sleep(0.1)
                code = process.poll()
                is_due = kill_every_s and time.monotonic() > killed_at + kill_every_s
                is_due = is_due and len(self.kills) < most_kills
                if code is None and is_due and (self.out / "run.json").exists():
                    self.peak_kb = max(self.peak_kb, peak_kb(process.pid))
                    process.kill()
                    killed_at = time.monotonic()
                    self.kills.append(self.workspaces)
                elif code is None:
                    self.peak_kb = max(self.peak_kb, peak_kb(process.pid))
            if code != -signal.SIGKILL:
                return code
            words = ("resume", "out", "--yes")

    def send_parts(
        self, at_once: int, *, kill_every_s: float | None = None, most_kills: int = 10_000
    ) -> int:
        """Send the parts by xargs until none is left to run again; the exit code of the whole."""
        made = sendkit_batch(
            *("run", "leads.csv", "--yes", "--on", "parts", "--out", "out"),
            cwd=self.cwd,
            env=self.env,
            timeout_s=300,
        )
        assert (made.exit_code, made.out) == (0, f"{self.workspaces}\n"), made.err
        part = " ".join([*command("part", "out", "{}"), "--quiet"])
        each = f"seq 0 {self.workspaces - 1} | xargs -P {at_once} -I{{}}"
        for times in range(50):
            with (
                (self.cwd / "told.txt").open("ab") as told,
                subprocess.Popen(
                    ["/bin/sh", "-c", f"{each} sh -c '{part} || true'"],
                    cwd=self.cwd,
                    env=environment(self.cwd, self.env),
                    stderr=told,
                ) as all_parts,
            ):
                killed_at, kills = time.monotonic(), len(self.kills)
                while all_parts.poll() is None:
                    time.sleep(0.1)
                    is_due = kill_every_s and time.monotonic() > killed_at + kill_every_s
                    if is_due and len(self.kills) < most_kills:
                        killed_at = time.monotonic()
                        self.kills += [1] * kill_one(self.out / "parts", times)
            if len(self.kills) == kills:
                break
        return sendkit_batch("results", "out", cwd=self.cwd, env=self.env).exit_code


def kill_one(parts: Path, seed: int) -> int:
    """Kill the process of a part that is at work; how many were."""
    records = [read_record(folder / "run.json") for folder in sorted(parts.iterdir())]
    pids = [record.pid for record in records if record.state is RunState.RUNNING]
    random.Random(seed).shuffle(pids)  # noqa: S311 - which one does not matter
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return 1
    return 0


def peak_kb(pid: int) -> int:
    """The peak of a process' resident memory; 0 of one that has ended."""
    with suppress(OSError, StopIteration):
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM"))
    return 0


@contextmanager
def world(
    folder: Path,
    *,
    workspaces: int,
    rows: int,
    known: int | None = None,
    budget: str = "workspace",
    rate_limit: str = f"sliding:{PER_S}/1s",
    faults: tuple[str, ...] = (),
) -> Iterator[World]:
    """A file of many workspaces, and the sandbox that has them.

    rows: of each workspace. known: as many of them are leads of the sandbox; None for all.
    budget: whose it is, as sandbox and settings name it.
    """
    names = [f"Work {number}" for number in range(workspaces)]
    leads = [
        (names[n % workspaces], campaign(n % workspaces), lead_id(n), "paused", "")
        for n in range(workspaces * rows)
    ]
    write_rows(folder / "leads.csv", HEADER, leads)
    seed = write_rows(
        folder / "seed.csv",
        HEADER,
        [(*lead[:3], "active", "") for lead in leads[: workspaces * (known or rows)]],
    )
    with start_sandbox(
        Options(
            seed_csv=seed,
            workspaces=tuple(names),
            log=folder / "log.jsonl",
            rate_limit=rate_limit,
            limit_by=budget,
            faults=faults,
        )
    ) as sandbox:
        env = {
            **OPTIONS,
            "SENDKIT_API_KEY": sandbox.platform_key,
            "SENDKIT_BATCH_API_BASE_URL": sandbox.base_url,
            "SENDKIT_BATCH_PACE_BUDGET": budget,
        }
        yield World(cwd=folder, sandbox=sandbox, env=env, workspaces=workspaces, rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run came to.

    requests, refused, most_in_1_s: of the budget that had the most, by arrival. repeats: changes
    that were made more than once. took_s: by workspace, from its first change to its last.
    results: by workspace and result.
    """

    requests: int
    refused: int
    most_in_1_s: int
    repeats: int
    took_s: Mapping[int, float]
    results: Counter[tuple[int, str]]
    is_each_row_once: bool
    never_sent: int


def judge(of: World, budget: str) -> Figures:
    """Compare the results with what the sandbox has seen."""
    patches = received(of.sandbox)
    at: dict[str, list[float]] = {}
    by_budget: dict[str, list[float]] = {}
    owner = {"workspace": "workspaceId", "key": "key"}.get(budget)
    for each in patches:
        when = datetime.fromisoformat(each["time"]).timestamp()
        at.setdefault(each["campaignId"], []).append(when)
        by_budget.setdefault(each[owner] if owner else "", []).append(when)
    applied = Counter(each["campaignLeadId"] for each in patches if each["applied"])
    results = read_rows(of.out / "results.csv")
    succeeded = {row["campaignLeadId"] for row in results if row["result"] == "success"}
    return Figures(
        requests=len(patches),
        refused=sum(each["status"] == 429 for each in patches),
        most_in_1_s=max(most_in_1_s(sorted(times)) for times in by_budget.values()),
        repeats=applied.total() - len(applied),
        took_s={
            n: max(at[campaign(n)]) - min(at[campaign(n)])
            for n in range(of.workspaces)
            if campaign(n) in at
        },
        results=Counter((int(row["workspace"][5:]), row["result"]) for row in results),
        is_each_row_once=[int(row["line"]) for row in results]
        == list(range(2, of.workspaces * of.rows + 2)),
        never_sent=len(succeeded - applied.keys()),
    )


def most_in_1_s(times: list[float]) -> int:
    return max(bisect_right(times, at + 0.999) - number for number, at in enumerate(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=20)
    parser.add_argument("--rows", type=int, default=10_000, help="of each workspace")
    parser.add_argument("--how", default="one", help="one (process), or as many parts at once")
    parser.add_argument("--budget", default="workspace", choices=("workspace", "key", "all"))
    parser.add_argument("--told", help="what the settings say of the budget, if not the truth")
    parser.add_argument("--troubled", action="store_true", help="one away, one slow, two revoked")
    parser.add_argument("--kill-every", type=float, help="seconds")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        world(
            Path(folder),
            workspaces=given.workspaces,
            rows=given.rows,
            budget=given.budget,
            faults=faults(given.rows) if given.troubled else (),
        ) as it,
    ):
        if given.told:
            it.env = {**it.env, "SENDKIT_BATCH_PACE_BUDGET": given.told}
        began = time.monotonic()
        if given.how == "one":
            code = it.send(kill_every_s=given.kill_every)
        else:
            code = it.send_parts(int(given.how), kill_every_s=given.kill_every)
        took_s = time.monotonic() - began
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
        found = judge(it, given.budget)
        told = (it.cwd / "told.txt").read_text("utf-8")[-2_000:]
    write = sys.stdout.write
    write(f"{told}\nexit code {code}, {took_s:.1f} s, {len(it.kills)} kills\n")
    write(f"peak {it.peak_kb / 1024:.0f} MB; CPU {cpu.ru_utime + cpu.ru_stime:.1f} s\n")
    share = found.refused / max(1, found.requests)
    write(f"{found.requests:,} requests, {found.refused:,} refused ({share:.2%}), ")
    write(f"{found.repeats} repeats, at most {found.most_in_1_s} in a second of one budget\n")
    write(f"each row once: {found.is_each_row_once}; never sent: {found.never_sent}\n")
    for number in range(it.workspaces):
        came = {result: count for (of, result), count in found.results.items() if of == number}
        seconds = found.took_s.get(number, 0.0)
        write(f"Work {number}: {seconds:.1f} s {came} {TROUBLED.get(number, '')}\n")


if __name__ == "__main__":
    main()
