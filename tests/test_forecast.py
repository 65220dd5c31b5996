import pytest

from batch.jobs.forecast import duration, forecast_s


def test_a_forecast_is_the_requests_over_the_rate() -> None:
    assert forecast_s(4_120, rate_per_s=5) == 824.0  # 4,120 / 5


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (90, "90 s"),
        (90.5, "2 min"),  # 1.51 min
        (824, "14 min"),  # 13.73 min
        (3_540, "59 min"),
        (3_541, "1 h"),  # 59.02 min
        (7_500, "2 h 5 min"),
        (86_399, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_duration_is_said_in_at_most_two_units_rounded_up(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
