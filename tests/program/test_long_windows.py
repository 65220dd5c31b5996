"""Runs whose server allows so many requests a day, by the real command."""

from pathlib import Path

from batch.sandbox.options import Options
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import access, lead_id, read_rows, received, write_rows

CAMPAIGN = "c" * 24
HEADER = ("campaignId", "campaignLeadId", "status")


def options_of(tmp_path: Path, *, rows: int, rate_limit: str) -> tuple[Path, Options]:
    """A spreadsheet, and a server with its leads that tells its limit."""
    leads = [(CAMPAIGN, lead_id(number)) for number in range(rows)]
    seed = write_rows(tmp_path / "seed.csv", HEADER, [(*each, "active") for each in leads])
    path = write_rows(tmp_path / "leads.csv", HEADER, [(*each, "paused") for each in leads])
    return path, Options(seed_csv=seed, rate_limit=rate_limit, headers="ietf")


def test_a_run_that_fits_into_a_day_takes_seconds(tmp_path: Path) -> None:
    path, options = options_of(tmp_path, rows=20, rate_limit="fixed:60/d")
    with start_sandbox(options) as sandbox:
        env, given = access(sandbox)
        # With the default it looks at its leads first, which must not be stretched, either.
        ran = sendkit_batch("run", path, *given, "--rate", "1000", cwd=tmp_path, env=env)
        assert len(received(sandbox)) == 20
    assert ran.exit_code == 0, ran.err


def test_a_run_that_does_not_fit_sends_what_does_and_stops_with_the_time(tmp_path: Path) -> None:
    path, options = options_of(tmp_path, rows=60, rate_limit="fixed:40/d")
    words = ("--rate", "1000", "--skip-unchanged", "never")
    with start_sandbox(options) as sandbox:
        env, given = access(sandbox)
        ran = sendkit_batch("run", path, *given, *words, cwd=tmp_path, env=env)
        sent = len(received(sandbox))
    assert ran.exit_code == 3, ran.err
    assert "The server allows 40 requests in 1 d, of which 36 are left for" in ran.err
    assert "The server allows no more requests before " in ran.err
    assert "With --wait the run waits." in ran.err
    [results] = tmp_path.glob("runs/*/results.csv")
    rows = read_rows(results)
    assert [row["result"] for row in rows] == ["success"] * sent + ["unsent"] * (60 - sent)
    assert sent == 36  # the headroom of 2, and the preflight's 2, are left
