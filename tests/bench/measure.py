"""Runs a command on some cores, and measures what it took: time, CPU and memory. Linux only."""

import os
import resource
import statistics
import subprocess
import threading
import time
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CLIENT_CORE = "0"
ALL_CORES = f"0-{(os.cpu_count() or 1) - 1}"
SAMPLE_EVERY_S = 0.1
LONGEST_S = 1800  # a run that takes longer has gone wrong

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a tree of processes had come to at one time: memory resident at once, CPU so far."""

    unix_s: float
    resident_bytes: int
    cpu_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a command took from its start to its end.

    cpu_s: of its whole tree, user and system. samples: in order of time; there is one at least.
    """

    wall_s: float
    cpu_s: float
    samples: Sequence[Sample]

    @property
    def peak_bytes(self) -> int:
        """The most memory that was resident at once."""
        return max(sample.resident_bytes for sample in self.samples)

    def at(self, unix_s: float) -> Sample:
        """What was seen at that time, or last before."""
        later = bisect(self.samples, unix_s, key=lambda sample: sample.unix_s)
        return self.samples[max(later - 1, 0)]


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    output: Path,
    cores: str = CLIENT_CORE,
    exit_codes: Sequence[int] = (0, 1),
) -> Cost:
    """Run the command on these cores. Raises SystemExit, with its output, if it fails.

    exit_codes: what it may end with; 1 is what this program says when rows are wrong, as some are.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with output.open("wb") as out:
        process = subprocess.Popen(
            ["taskset", "-c", cores, *command],  # noqa: S607 - wherever it is
            env=dict(environment),
            cwd=cwd,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        watch = _Watch(process.pid)
        with watch:
            exit_code = process.wait(LONGEST_S)
    wall_s = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if exit_code not in exit_codes:
        raise SystemExit(f"{' '.join(command)} gave {exit_code}:\n{output.read_text()[-3000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s=wall_s, cpu_s=cpu, samples=watch.samples)


class _Watch:
    """Samples a process and its descendants while they run."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.samples = [self._now()]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY_S):
            self.samples.append(self._now())

    def _now(self) -> Sample:
        tree = _tree(self._pid)
        return Sample(
            unix_s=time.time(),
            resident_bytes=sum(map(_resident, tree)),
            cpu_s=sum(map(cpu_s, tree)),
        )


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
    """Seconds of CPU that a running process has used; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
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
