from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.headers import LONGEST_WAIT_S, retry_after_s
from tests.support.sampling import examples

NOW = datetime(2026, 11, 24, 20, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("31535999", 31_535_999.0),
        ("99999999999", LONGEST_WAIT_S),
        ("9" * 400, LONGEST_WAIT_S),  # more than a float can hold
        ("0." + "9" * 400, 1.0),
        ("1, 20,3", 20.0),  # the header given three times
        ("1, soon", None),
        (",", None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("١٢", None),  # digits, but none that HTTP knows
        ("1e3", None),
        ("Tue, 24 Nov 2026 20:20:30 GMT", 90.0),
        ("Tuesday, 24-Nov-26 20:20:30 GMT", 90.0),
        ("Tue Nov 24 20:20:30 2026", 90.0),
        ("Tue, 24 Nov 2026 20:18:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT_S),
        ("Tue, 24 Nov 99999 20:18:00 GMT", None),
    ],
)
def test_retry_after_is_whole_seconds_or_an_http_date(value: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": value}, now=NOW) == seconds


def test_retry_after_is_not_shortened_by_a_clock_of_ours_that_runs_ahead() -> None:
    headers = {
        "retry-after": "Tue, 24 Nov 2026 20:20:30 GMT",
        "date": "Tue, 24 Nov 2026 20:19:30 GMT",
    }
    assert retry_after_s(headers, now=NOW + timedelta(hours=1)) == 60.0


_NEARLY_DATES = st.lists(
    st.sampled_from(["Tue,", "24", "Nov", "0", "1", "9999", "9" * 5000, "20:19:00", "GMT", "+9999"])
    | st.text(max_size=5)
    | st.integers().map(str),
    max_size=8,
).map(" ".join)
_VALUES = st.text() | st.from_regex(r"[0-9., ]{0,600}", fullmatch=True) | _NEARLY_DATES


@examples(500)
@given(value=_VALUES, date=_VALUES)
def test_retry_after_raises_nothing_and_is_a_wait_that_a_clock_can_take(
    value: str, date: str
) -> None:
    seconds = retry_after_s({"retry-after": value, "date": date}, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT_S
