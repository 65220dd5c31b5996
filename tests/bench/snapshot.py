"""`python -m tests.bench.snapshot`: what reading 200,000 leads and comparing them costs.

A sandbox on the other core has the leads, and pages come as fast as it gives them: what counts is
this process's own CPU. Half of the leads are asked for, one in fifty of them to be changed.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import polars as pl
from pydantic import SecretStr

from batch.api.sendkit import Access
from batch.jobs.gate import make_client
from batch.jobs.paging import Paging
from batch.jobs.snapshotting import take_snapshot
from batch.judging.live import find_differences
from batch.judging.worth import Worth
from batch.recording.snapshot import Snapshot
from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox, start_sandbox
from batch.settings.model import Settings
from tests.bench.machine import machine

_BLOCK = 50_000  # requests in a frame, as a plan gives them
_SETTINGS = Settings.model_validate({"pace": {"rate": 1_000_000}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step took. peak_mb: the most that this process had in memory up to its end."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float


class Steps:
    """Measures one step after another."""

    def __init__(self) -> None:
        self.taken: list[Step] = []
        self._now()

    def _now(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def end(self, name: str) -> None:
        """Say that a step is over; the next begins."""
        self.taken.append(
            Step(
                name=name,
                wall_s=time.perf_counter() - self._wall_s,
                cpu_s=time.process_time() - self._cpu_s,
                peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
            )
        )
        self._now()


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        print(machine(Path(folder)), flush=True)
        served = Options(campaigns=options.campaigns, leads=options.leads)
        with start_sandbox(served) as sandbox:
            steps = _measured(sandbox, options.campaigns, options.leads, Path(folder))
    print(table(steps))


def _measured(sandbox: Sandbox, campaigns: int, leads: int, folder: Path) -> list[Step]:
    requests = list(_requests(campaigns, leads))
    steps = Steps()
    worth = Worth(requests)
    steps.end("to know what is asked")
    ids = worth.campaign_ids()
    anyio.run(_read, sandbox, ids, Snapshot(folder / "whole"), None)
    steps.end("to read all leads")
    anyio.run(_read, sandbox, ids, Snapshot(folder / "worth"), worth)
    steps.end("as long as it pays")
    snapshot = pl.concat(Snapshot(folder / "whole").leads_of(ids))
    steps.end("to open the snapshot")
    found = [find_differences(part, snapshot, clear_word="null") for part in requests]
    steps.end("to compare")
    expected = sum(frame.height for frame in requests) // 50
    if len(pl.concat(found)) != expected or len(snapshot) != campaigns * leads:
        raise SystemExit(f"found {len(pl.concat(found))} differences, expected {expected}")
    return steps.taken


async def _read(
    sandbox: Sandbox, campaign_ids: list[str], into: Snapshot, worth: Worth | None
) -> None:
    access = Access(base_url=sandbox.base_url, api_key=SecretStr(sandbox.api_key))
    at_once = _SETTINGS.pace.concurrency
    async with make_client(access, _SETTINGS, connections=at_once, quota=None) as api:
        await take_snapshot(
            Paging(api, _SETTINGS),
            campaign_ids,
            into=into,
            at_once=at_once,
            on_reading=lambda _: None,
            goes_on=worth.goes_on if worth else None,
        )


def _requests(campaigns: int, leads: int) -> Iterator[pl.DataFrame]:
    """Requests about every other lead; as the sandbox has them, all are active already.

    One in fifty asks for something else.
    """
    count = campaigns * leads // 2
    for start in range(0, count, _BLOCK):
        line = pl.int_range(start, min(start + _BLOCK, count), dtype=pl.UInt32, eager=True)
        campaign, number = line % campaigns + 1, line // campaigns * 2 + 1
        yield pl.DataFrame(
            {
                "line": line + 2,
                "lines": pl.Series([None] * len(line), dtype=pl.List(pl.UInt32)),
                "campaign_id": [f"ca{n:022x}" for n in campaign],
                "campaign_lead_id": [
                    f"1ead{c:08x}{n:012x}" for c, n in zip(campaign, number, strict=True)
                ],
                "status": ["paused" if n // campaigns % 50 == 0 else "active" for n in line],
                "ai_tag": pl.Series([None] * len(line), dtype=pl.String),
                "clear_tag": [False] * len(line),
            }
        )


def table(steps: list[Step]) -> str:
    """A line for each step."""
    head = f"{'':<24} {'s':>6} {'CPU s':>6} {'peak MB':>8}"
    lines = [
        f"{each.name:<24} {each.wall_s:>6.2f} {each.cpu_s:>6.2f} {each.peak_mb:>8.0f}"
        for each in steps
    ]
    return "\n".join([head, *lines])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.snapshot", description=__doc__)
    parser.add_argument("--campaigns", type=int, default=100)
    parser.add_argument("--leads", type=int, default=2000, help="in each of them")
    return parser.parse_args()


if __name__ == "__main__":
    main()
