"""The pace over real HTTP: whole runs against a sandbox that limits, judged by its log.

Slow limits are shown in virtual time, in test_pace.py. These take real time:
`python -m pytest -m measured -s tests/sending/pace/test_pace_http.py` prints the figures.
"""

import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from batch.sandbox.answers import Refusal
from batch.sandbox.options import Options
from batch.sandbox.process import start_sandbox
from tests.support.header_worlds import Told
from tests.support.program import CAMPAIGN, access, lead_id, received, sendkit_batch, write_rows

HEADROOM = 0.05
FIRST_WINDOW_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """What the server saw after the first window.

    share: of the limit less the headroom. refused: share of the requests. most: in any window.
    """

    share: float
    refused: float
    most: int


def paced(folder: Path, kind: str, per_s: int, headers: str, *, rows: int, from_s: float) -> Paced:
    """A whole run with its defaults; from_s: seconds from the first change on that don't count."""
    return judged(log_of(folder, f"{kind}:{per_s}/1s", headers, rows=rows), per_s, from_s)


def log_of(
    folder: Path, limiter: str, headers: str, *, rows: int, refusal: str = Refusal.STATUS
) -> list[tuple[float, bool]]:
    """When each request of a whole run came to the server, and whether it was served."""
    leads = [(CAMPAIGN, lead_id(n), "paused") for n in range(1, rows + 1)]
    path = write_rows(folder / "leads.csv", ("campaignId", "campaignLeadId", "status"), leads)
    options = Options(seed_csv=path, rate_limit=limiter, headers=headers, refusal=refusal)
    with start_sandbox(options) as sandbox:
        env, given = access(sandbox)
        # The sandbox has its leads from the same file, so that all of it is so already.
        given += ["--skip-unchanged", "never"]
        ran = sendkit_batch("run", path, *given, cwd=folder, env=env, timeout_s=900)
        log = received(sandbox)
    assert ran.exit_code == 0, ran.err
    assert {row["result"] for row in ran.results} == {"success"}
    return [
        (seconds(each["time"]), each["status"] == 200 and (each["applied"] or not each["body"]))
        for each in log
    ]


def seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def judged(log: list[tuple[float, bool]], per_s: float, from_s: float) -> Paced:
    """What the log shows from then on until a little before the last request."""
    log = sorted(log)
    start = log[0][0] + from_s
    counted = [(at, ok) for at, ok in log if at >= start]
    span_s = counted[-1][0] - start
    admitted = sum(ok for _, ok in counted)
    most, first = 0, 0
    for last, (at, _) in enumerate(counted):
        while counted[first][0] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return Paced(
        share=admitted / span_s / (per_s * (1 - HEADROOM)),
        refused=1 - admitted / len(counted),
        most=most,
    )


@pytest.mark.slow
@pytest.mark.timed
def test_a_run_keeps_the_pace_that_headers_tell_over_http(tmp_path: Path) -> None:
    seen = paced(tmp_path, "sliding", 50, "x-delta", rows=1000, from_s=FIRST_WINDOW_S)
    assert 0.95 <= seen.share <= 1.0 / (1 - HEADROOM)
    assert seen.refused <= 0.002
    assert seen.most <= 50


@pytest.mark.measured
@pytest.mark.parametrize("headers", ["ietf", "x-delta", "x-unix,retry-after-date"])
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize(("per_s", "rows"), [(5, 110), (50, 2100), (500, 10_500)])
def test_with_headers_a_run_keeps_within_3_percent_of_what_it_may(
    tmp_path: Path, kind: str, per_s: int, rows: int, headers: str
) -> None:
    seen = paced(tmp_path, kind, per_s, headers, rows=rows, from_s=FIRST_WINDOW_S)
    sys.stderr.write(f"\n{kind} {per_s}/s, {headers}: {seen}\n")
    assert seen.share >= 0.97
    assert seen.refused <= 0.002
    assert seen.most <= per_s


@pytest.mark.measured
@pytest.mark.timeout(900)
@pytest.mark.parametrize("headers", ["none", "retry-after"])
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
@pytest.mark.parametrize(("per_s", "rows"), [(5, 1200), (50, 12_000), (500, 120_000)])
def test_without_headers_a_run_finds_the_pace(
    tmp_path: Path, kind: str, per_s: int, rows: int, headers: str
) -> None:
    seen = paced(tmp_path, kind, per_s, headers, rows=rows, from_s=FIRST_WINDOW_S)
    sys.stderr.write(f"\n{kind} {per_s}/s, {headers}: {seen}\n")
    assert seen.share >= 0.85
    assert seen.refused <= 0.02


@pytest.mark.measured
@pytest.mark.timeout(900)
def test_refusals_at_random_do_not_slow_a_run(tmp_path: Path) -> None:
    log = sent_to(tmp_path, rows=20_000, faults=("status=429,share=0.00333", "slow=0.05"))
    start, end = log[0][0], log[-1][0]
    middle = (start + end) / 2
    paces = [outside_holds(log, start + 10, middle), outside_holds(log, middle, end)]
    sys.stderr.write(f"\none 429 in 300 at random: {paces} a second outside holds\n")
    assert paces[1] >= 0.9 * paces[0]


@pytest.mark.measured
@pytest.mark.parametrize("kind", ["fixed", "sliding", "bucket"])
def test_an_untold_100_a_second_is_reached_soon(tmp_path: Path, kind: str) -> None:
    log = sent_to(tmp_path, rows=3000, rate_limit=f"{kind}:100/1s", faults=("slow=0.05",))
    start = log[0][0]
    by_second = [sum(start + n <= at < start + n + 1 for at, _ in log) for n in range(12)]
    refused = sum(not ok for _, ok in log) / len(log)
    sys.stderr.write(f"\n{kind}, untold 100/s: {by_second}, {refused:.2%} refused\n")
    assert max(by_second[:7]) >= 80
    assert refused <= 0.02


def sent_to(
    folder: Path, *, rows: int, rate_limit: str | None = None, faults: tuple[str, ...] = ()
) -> list[tuple[float, bool]]:
    """A whole run against a sandbox that tells nothing: when requests came, and were admitted."""
    leads = [(CAMPAIGN, lead_id(n), "paused") for n in range(1, rows + 1)]
    path = write_rows(folder / "leads.csv", ("campaignId", "campaignLeadId", "status"), leads)
    options = Options(seed_csv=path, rate_limit=rate_limit, headers="none", faults=faults)
    with start_sandbox(options) as sandbox:
        env, given = access(sandbox)
        given += ["--skip-unchanged", "never"]
        ran = sendkit_batch("run", path, *given, cwd=folder, env=env, timeout_s=900)
        log = received(sandbox)
    assert ran.exit_code == 0, ran.err
    return sorted((seconds(each["time"]), each["status"] != 429) for each in log)


def outside_holds(log: list[tuple[float, bool]], start: float, end: float) -> float:
    """Requests a second in a span of time, without the pauses of more than 0.12 s."""
    times = [at for at, _ in log if start <= at < end]
    pauses = [later - at for at, later in pairwise(times) if later - at > 0.12]
    return len(times) / (end - start - sum(pauses))


# A world of each kind of tests/support/header_worlds.py that a real run of a minute can show.
OVER_HTTP = [
    ("sliding:50/1s", "x-no-reset,retry-after-fraction", Refusal.STATUS, 50.0, Told.EXACTLY),
    ("sliding:50/1s", "x-delta,retry-after-always", Refusal.STATUS, 50.0, Told.ROUGHLY),
    ("fixed:50/1s", "x-no-reset,retry-after-text", Refusal.STATUS, 50.0, Told.ROUGHLY),
    ("fixed:20/2s", "x-js,retry-after-fraction", Refusal.STATUS, 10.0, Told.ROUGHLY),
    ("sliding:20/2s", "x-unix-floor", Refusal.STATUS, 10.0, Told.ROUGHLY),
    ("fixed:20/2s", "x-unix", Refusal.STATUS, 10.0, Told.ROUGHLY),
    ("fixed:100/10s", "x-iso", Refusal.STATUS, 10.0, Told.EXACTLY),
    ("fixed:100/10s", "x-ms", Refusal.STATUS, 10.0, Told.ROUGHLY),
    ("fixed:1200/60s", "x-grouped", Refusal.STATUS, 20.0, Told.ROUGHLY),
    ("fixed:20/2s+fixed:300/60s", "x-delta", Refusal.STATUS, 5.0, Told.ROUGHLY),
    ("sliding:50/1s", "x-negative", Refusal.STATUS, 50.0, Told.ROUGHLY),
    ("sliding:50/1s", "none", Refusal.BODY, 50.0, Told.NOT),
    ("sliding:50/1s", "none", Refusal.NESTED, 50.0, Told.NOT),
    ("sliding:50/1s", "none", Refusal.PLAIN, 50.0, Told.NOT),
    ("sliding:50/1s", "none", Refusal.SERVED, 50.0, Told.NOT),
    ("sliding:50/1s", "retry-after-always", Refusal.STATUS, 50.0, Told.NOT),
]


@pytest.mark.measured
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("limiter", "headers", "refusal", "per_s", "told"), OVER_HTTP)
def test_the_pace_is_kept_however_a_server_tells_its_limit(
    tmp_path: Path, limiter: str, headers: str, refusal: Refusal, per_s: float, told: Told
) -> None:
    """Some 60 s each; the share is that after the first window, refusals are those of all."""
    log = log_of(tmp_path, limiter, headers, rows=int(60 * per_s), refusal=refusal)
    window_s = 60.0 if "/60s" in limiter else 10.0 if "/10s" in limiter else 2.0
    # Of a window of a minute no second one fits: then all of the run counts.
    share = judged(log, per_s, 2.0 if window_s > 10 else window_s).share
    refused = sum(not ok for _, ok in log)
    sys.stderr.write(f"\n{limiter} {headers} {refusal}: {share:.3f}, {refused} of {len(log)}\n")
    assert share >= told.least_share
    assert refused <= max(1, told.most_refused * len(log))
