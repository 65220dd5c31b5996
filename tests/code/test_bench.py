"""The bench itself: its input is what it says, and its figures are worked out right."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from batch.judging.from_cells import make_plan
from batch.judging.rules import Rules
from batch.model import Reason
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.settings.values import OnConflict
from tests.bench import snapshot
from tests.bench.answers import ANSWERS, CHANGED
from tests.bench.contenders import sent_at
from tests.bench.measure import Cost, Sample
from tests.bench.rows import LABELS, Rows, write_rows
from tests.bench.scale import check
from tests.bench.scale_report import Figure, Growth, figures_of, growth_table, table


@pytest.mark.parametrize("count", [10, 1000, 2500])
def test_the_input_has_the_problems_and_duplicates_that_it_says(tmp_path: Path, count: int) -> None:
    rows = write_rows(tmp_path / "rows.csv", count)
    rules = Rules(name="rows.csv", labels=LABELS)
    with open_table(rows.path, TableOptions()) as table:
        plan = make_plan(table.cells, rules, on_conflict=OnConflict.ERROR)
    assert (plan.rows, plan.requests) == (count, rows.success)
    assert plan.tally.get(Reason.BAD_STATUS, 0) == rows.error == count // 100
    assert plan.tally.get(Reason.DUPLICATE, 0) == rows.skipped == count // 1000


def test_the_answers_are_as_long_as_the_apis_and_break_no_quotes() -> None:
    assert len(CHANGED) == 253
    assert all(b"'" not in body for body in (CHANGED, *ANSWERS.values()))


def grown(
    rows: int, *, sent_at: Sequence[float], samples: Sequence[tuple[float, int, float]]
) -> Growth:
    seen = [Sample(unix_s=at, resident_bytes=mb * 10**6, cpu_s=cpu) for at, mb, cpu in samples]
    return Growth(rows=rows, cost=Cost(wall_s=10, cpu_s=9, samples=seen), sent_at=sent_at)


# 1,000 rows sent in 8 s of 10, with 100 MB, and with 120 MB from half of them on; 250 ms of CPU
# for the 500 in the middle
SMALL = grown(
    1000,
    sent_at=[2 + 8 * row / 999 for row in range(1000)],
    samples=[(0, 100, 0), (4, 100, 1.5), (6, 120, 1.6), (8, 120, 1.75), (10.1, 110, 5)],
)
# 2,000 rows sent in 10 s, with 100 MB but for the time after the last one; 499.5 ms of CPU for 999
LARGE = grown(
    2000,
    sent_at=[10 * row / 1999 for row in range(2000)],
    samples=[(0, 100, 0.1), (5, 100, 0.5995), (10.1, 500, 5)],
)


def test_what_was_seen_at_a_time_is_what_was_seen_last_before() -> None:
    seen = [Sample(unix_s=at, resident_bytes=at * 10, cpu_s=0) for at in (5, 7, 6)]
    cost = Cost(wall_s=1, cpu_s=1, samples=[seen[0], seen[2], seen[1]])
    assert cost.peak_bytes == 70
    assert [cost.at(unix_s).unix_s for unix_s in (4, 5, 5.9, 6, 6.1, 9)] == [5, 5, 5, 6, 6, 7]


def test_growth_is_told_by_what_was_seen_while_each_quarter_was_sent() -> None:
    assert SMALL.bytes_by_quarter == [10**8, 10**8, 12 * 10**7, 12 * 10**7]
    assert growth_table([LARGE, SMALL]).splitlines() == [
        "      rows       s  rows/s  sent/s  CPU µs/sent  peak MB  MB at 25 %   50 %   75 %  100 %",
        "     1,000    10.0     100     125          500      120         100    100    120    120",
        "     2,000    10.0     200     200          500      500         100    100    100    100",
    ]


def test_figures_of_runs_are_about_the_largest_and_about_all_rates() -> None:
    assert table(figures_of([LARGE, SMALL])).splitlines() == [
        "run of 2,000 rows, peak MB                             500.00  at most 400, MISSED",
        "run of 2,000 rows, memory after all ÷ after 25 %         1.00  at most 1.1",
        "sent/s, most ÷ least                                     1.60  at most 1.1, MISSED",
        "CPU µs/sent, most ÷ least                                1.00  at most 1.1",
    ]


@pytest.mark.parametrize(("value", "is_met"), [(0.29, True), (0.3, True), (0.31, False)])
def test_a_figure_meets_its_limit_or_misses_it(value: float, *, is_met: bool) -> None:
    assert Figure(name="--help, s", value=value, limit=0.3).is_met is is_met


def test_the_times_of_sending_are_read_from_the_results(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.csv").write_text(
        "line,sent_at\n2,1970-01-01T00:00:07.250Z\n3,\n4,1970-01-01T00:00:07.125Z\n"
    )
    assert sent_at(tmp_path) == [7.125, 7.25]


@pytest.mark.skipif(sys.platform != "linux", reason="the bench measures on Linux only")
def test_a_check_is_measured_only_if_it_finds_what_is_in_the_rows(tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.csv", 100)
    cost = check(rows, tmp_path)
    assert 0.01 < cost.cpu_s <= 2 * cost.wall_s + 1
    assert cost.peak_bytes > 10**7
    wrong = Rows(path=rows.path, count=100, success=100, error=0, skipped=0)
    with pytest.raises(SystemExit) as caught:
        check(wrong, tmp_path)
    assert str(caught.value) == (
        "check of 100 rows: expected 0 error, 0 skipped, 100 unsent; found checked: 0 success, "
        "1 error, 0 skipped, 99 unsent; no results; next: fix the problems, then "
        f"sendkit-batch run {rows.path}"
    )


def test_reading_and_comparing_leads_finds_what_is_to_change(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # It ends with an error unless it finds as many differences as it put there.
    monkeypatch.setattr(sys, "argv", ["snapshot", "--campaigns", "2", "--leads", "100"])
    snapshot.main()
    assert [line[:24].rstrip() for line in capsys.readouterr().out.splitlines()[1:]] == [
        "",
        "to know what is asked",
        "to read all leads",
        "as long as it pays",
        "to open the snapshot",
        "to compare",
    ]
