"""Who runs in the bench: each one's command, and the proof that it did its work."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench.rows import Rows
from tests.bench.target import Target

ROOT = Path(__file__).parents[2]
KEY = "sk_bench0123456789abcdef"
RATE = "1000000"  # requests a second: as good as no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to send the rows.

    command: given input, target and an empty folder. done: requests confirmed, read from there.
    wanted: how many there must be. sent_per_s: requests a second while it was sending, where it
    leaves behind when each one was sent.
    """

    name: str
    command: Callable[[Rows, Target, Path], Sequence[str]]
    done: Callable[[Path], int]
    wanted: Callable[[Rows], int]
    sent_per_s: Callable[[Path], float | None] = lambda _: None

    def check(self, rows: Rows, folder: Path) -> None:
        """Raises SystemExit unless every request was confirmed."""
        done, wanted = self.done(folder), self.wanted(rows)
        if done != wanted:
            raise SystemExit(f"{self.name}: {done:,} requests confirmed, {wanted:,} expected.")


def environment(folder: Path, target: Target) -> Mapping[str, str]:
    """Nothing of this machine's settings, keys or proxies, and Python as it comes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SENDKIT", "PYTHON")) and not name.lower().endswith("_proxy")
    }
    return {**kept, **target.environment, "HOME": str(folder), "SENDKIT_API_KEY": KEY}


def this_program(name: str = "sendkit-batch", *options: str) -> Contender:
    """The whole `run`: judged, journal, results, with its defaults but the pace."""

    def command(rows: Rows, target: Target, folder: Path) -> Sequence[str]:
        where = ["--base-url", target.base_url, "--out", str(folder / "run")]
        run = [sys.executable, "-m", "batch", "run", str(rows.path), "--yes", "--rate", RATE]
        return [*run, *where, *options]

    return Contender(
        name=name,
        command=command,
        done=lambda folder: sum(row["result"] == "success" for row in _results(folder)),
        wanted=lambda rows: rows.success,
        sent_per_s=_sent_per_s,
    )


def sent_at(folder: Path) -> list[float]:
    """When each row of this program's run was first sent: Unix seconds, rising."""
    texts = [row["sent_at"] for row in _results(folder) if row["sent_at"]]
    return sorted(datetime.fromisoformat(text).timestamp() for text in texts)


def _results(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "run" / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _sent_per_s(folder: Path) -> float:
    sent = sent_at(folder)
    return (len(sent) - 1) / (sent[-1] - sent[0])


def script(name: str, module: str) -> Contender:
    """A hand-written script, which sends every row as it stands."""

    def command(rows: Rows, target: Target, folder: Path) -> Sequence[str]:
        path = ROOT / "tests" / "bench" / "rivals" / f"{module}.py"
        return [sys.executable, str(path), str(rows.path), target.base_url, str(folder / "sent")]

    def done(folder: Path) -> int:
        with (folder / "sent").open(encoding="utf-8", newline="") as file:
            return sum(row[-1] == "200" for row in csv.reader(file))

    return Contender(name=name, command=command, done=done, wanted=lambda rows: rows.count)


def csv2http(scratch: Path) -> Contender:
    """csv2http as it comes: 25 at once, each row as JSON to one address, a log of the answers.

    It wants an httpx of 2022, so it gets an environment of its own.
    """
    home = scratch / "csv2http"
    if not home.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", "csv2http"], check=True)

    def command(rows: Rows, target: Target, _: Path) -> Sequence[str]:
        url = f"{target.base_url}/v1/campaigns/any/leads/any"
        return [str(home / "bin" / "csv2http"), str(rows.path), url, "--method", "PATCH"]

    def done(folder: Path) -> int:
        (log,) = folder.glob("*.log")
        return len(re.findall(r"^<Response \[200 OK\]>", log.read_text("utf-8"), re.MULTILINE))

    return Contender(name="csv2http", command=command, done=done, wanted=lambda rows: rows.count)


def everybody(scratch: Path) -> dict[str, Contender]:
    """All contenders by the word that chooses them."""
    return {
        "ours": this_program(),
        "aiohttp": script("aiohttp, 100 workers", "aiohttp_workers"),
        "threads": script("requests, 100 threads", "threads"),
        "httpx": script("httpx, semaphore of 100", "httpx_semaphore"),
        "csv2http": csv2http(scratch),
    }
