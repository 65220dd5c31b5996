"""Runs a command on one core, and measures what it took: time, CPU and memory. Linux only."""

import os
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLIENT_CORE = 0
SAMPLE_EVERY_S = 0.1
LONGEST_S = 600  # a run that takes longer has gone wrong

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took from its start to its end.

    cpu_s: of its whole tree, user and system. peak_bytes: resident, of the whole tree at once.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run(command: Sequence[str], *, environment: Mapping[str, str], cwd: Path, output: Path) -> Cost:
    """Run the command on the clients' core. Raises SystemExit, with its output, if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(CLIENT_CORE), *command],  # noqa: S607 - wherever it is
            env=dict(environment),
            cwd=cwd,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        peak = _Peak(process.pid)
        with peak:
            exit_code = process.wait(LONGEST_S)
    wall_s = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if exit_code not in {0, 1}:  # 1 is what this program says when rows are wrong, as some are
        raise SystemExit(f"{' '.join(command)} gave {exit_code}:\n{output.read_text()[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s=wall_s, cpu_s=cpu, peak_bytes=peak.bytes)


class _Peak:
    """Samples the memory of a process and its descendants while they run."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY_S):
            self.bytes = max(self.bytes, sum(map(_resident, _tree(self._pid))))


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def median_fsync_ms(folder: Path, *, times: int = 200) -> float:
    """What it takes here to append a page to a file and have it on disk."""
    spent = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - started)
    path.unlink()
    return statistics.median(spent) * 1000
