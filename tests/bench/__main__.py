"""`python -m tests.bench`: all contenders in turn, several times each, and the medians of each.

The client has one core and the server another. rows/s are the input's rows over the whole time
from the start of the process to its end; the target's load shows that it was not what limited.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from tests.bench.contenders import Contender, environment, everybody, this_program
from tests.bench.machine import machine
from tests.bench.measure import run
from tests.bench.report import Round, table
from tests.bench.rows import Rows, write_rows
from tests.bench.target import Target, nginx, slow_server

LATENCY_S = 0.05
SLOW_ROWS_PER_WORKER = 100  # about five seconds, however many workers there are


def main() -> None:
    """Run what was chosen and print it."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        scratch = Path(folder)
        print(machine(scratch), flush=True)
        for kind in options.targets.split(","):
            {"plain": _plain, "tls": _tls, "slow": _slow}[kind](scratch, options)


def _plain(scratch: Path, options: argparse.Namespace) -> None:
    everyone = everybody(options.scratch)
    chosen = [everyone[word] for word in options.only.split(",")] if options.only else None
    rows = write_rows(scratch / "plain.csv", options.rows)
    server = nginx(scratch / "plain", tls=False)
    _measure("plain HTTP", server, rows, chosen or list(everyone.values()), options.times, scratch)


def _tls(scratch: Path, options: argparse.Namespace) -> None:
    everyone = everybody(options.scratch)
    rows = write_rows(scratch / "tls.csv", options.rows)
    chosen = [everyone[word] for word in ("ours", "aiohttp")]
    _measure("TLS", nginx(scratch / "tls", tls=True), rows, chosen, options.times, scratch)


def _slow(scratch: Path, options: argparse.Namespace) -> None:
    for workers in (32, 100, 200):
        rows = write_rows(scratch / f"slow-{workers}.csv", workers * SLOW_ROWS_PER_WORKER)
        ours = this_program(f"sendkit-batch, {workers} workers", "--concurrency", str(workers))
        title = f"{LATENCY_S * 1000:g} ms latency: at most {workers / LATENCY_S:,.0f} requests/s"
        _measure(title, slow_server(LATENCY_S), rows, [ours], options.times, scratch)


def _measure(
    title: str,
    server: AbstractContextManager[Target],
    rows: Rows,
    contenders: Sequence[Contender],
    times: int,
    scratch: Path,
) -> None:
    rounds: dict[str, list[Round]] = {each.name: [] for each in contenders}
    with server as target:
        for _ in range(times):
            for each in contenders:
                rounds[each.name].append(_run_once(each, rows, target, scratch))
    print(f"\n{title}, {rows.count:,} rows, medians of {times}", flush=True)
    print(table(rounds, rows), flush=True)


def _run_once(contender: Contender, rows: Rows, target: Target, scratch: Path) -> Round:
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        served = target.cpu_s()
        cost = run(
            contender.command(rows, target, folder),
            environment=environment(folder, target),
            cwd=folder,
            output=scratch / "output.txt",
        )
        served = target.cpu_s() - served
        contender.check(rows, folder)
        sent_per_s = contender.sent_per_s(folder)
    return Round(cost=cost, target_load=served / cost.wall_s, sent_per_s=sent_per_s)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--targets", default="plain,tls,slow")
    parser.add_argument("--only", help="ours, aiohttp, threads, httpx, csv2http: several by commas")
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()))
    return parser.parse_args()


if __name__ == "__main__":
    main()
