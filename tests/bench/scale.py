"""`python -m tests.bench.scale`: what may not grow with the rows, each beside its limit.

Runs go to nginx as in `python -m tests.bench`: the client has one core, the target another. What
asks no server may use all cores. Exit 1 if a figure misses its limit.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.contenders import environment, sent_at, this_program
from tests.bench.machine import machine
from tests.bench.measure import ALL_CORES, Cost, run
from tests.bench.rows import Rows, write_rows
from tests.bench.scale_report import Figure, Growth, figures_of, growth_table, table
from tests.bench.target import Target, nginx

STARTS = 5  # of each command that is only started
REPEATED_ROWS = 300_000  # of one size in all; a larger one is run once
NOTHING = Target(base_url="", pid=0)  # for what asks no server


def main() -> int:
    """Measure and print; the exit code."""
    options = _options()
    sizes = [int(size) for size in options.rows.split(",")]
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        scratch = Path(folder)
        print(machine(scratch), flush=True)
        figures = [*_starts(scratch), *_large_check(scratch, options.check_rows)]
        print(f"{table(figures)}\n", flush=True)
        grown = _runs(scratch, sizes, times=options.times)
    figures += figures_of(grown)
    print(f"\n{growth_table(grown)}\n\n{table(figures)}", flush=True)
    return int(any(not figure.is_met for figure in figures))


def _starts(scratch: Path) -> list[Figure]:
    few = write_rows(scratch / "few.csv", 10)
    helped = [_asking_nobody(scratch, "--help").wall_s for _ in range(STARTS)]
    checked = [check(few, scratch).wall_s for _ in range(STARTS)]
    return [
        Figure(name="--help, s", value=statistics.median(helped), limit=0.3),
        Figure(name="check of 10 rows, s", value=statistics.median(checked), limit=1.0),
    ]


def _large_check(scratch: Path, count: int) -> list[Figure]:
    rows = write_rows(scratch / "many.csv", count)
    cost = check(rows, scratch)
    rows.path.unlink()
    name = f"check of {count:,} rows"
    return [
        Figure(name=f"{name}, s", value=cost.wall_s, limit=30),
        Figure(name=f"{name}, peak MB", value=cost.peak_bytes / 1e6, limit=600),
    ]


def check(rows: Rows, scratch: Path) -> Cost:
    """What `check` took. Raises SystemExit unless it found what is in the rows."""
    cost = _asking_nobody(scratch, "check", str(rows.path))
    last_line = (scratch / "output.txt").read_text().splitlines()[-1]
    found = f"{rows.error} error, {rows.skipped} skipped, {rows.success} unsent;"
    if found not in last_line:
        raise SystemExit(f"check of {rows.count:,} rows: expected {found} found {last_line}")
    return cost


def _asking_nobody(scratch: Path, *words: str) -> Cost:
    return run(
        [sys.executable, "-m", "batch", *words],
        environment=environment(scratch, NOTHING),
        cwd=scratch,
        output=scratch / "output.txt",
        cores=ALL_CORES,
        exit_codes=(0, 2),  # 2 is what check says when rows are wrong, as some are
    )


def _runs(scratch: Path, sizes: Sequence[int], *, times: int) -> list[Growth]:
    """Every size in turn, the small ones several times: before a large one and after it."""
    grown = []
    inputs = [write_rows(scratch / f"{size}.csv", size) for size in sizes]
    with nginx(scratch / "nginx", tls=False) as target:
        for time in range(times):
            for rows in inputs:
                if time and (time + 1) * rows.count > REPEATED_ROWS:
                    continue
                grown.append(_run_once(rows, target, scratch))
                print(growth_table(grown[-1:]), flush=True)
    return grown


def _run_once(rows: Rows, target: Target, scratch: Path) -> Growth:
    ours = this_program()
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        cost = run(
            ours.command(rows, target, folder),
            environment=environment(folder, target),
            cwd=folder,
            output=scratch / "output.txt",
        )
        ours.check(rows, folder)
        return Growth(rows=rows.count, cost=cost, sent_at=sent_at(folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--rows", default="10000,100000,1000000", help="of the runs, by commas")
    parser.add_argument("--times", type=int, default=5, help="at most, of the small runs")
    parser.add_argument("--check-rows", type=int, default=10_000_000)
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
