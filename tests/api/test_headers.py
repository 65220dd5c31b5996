from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.headers import LONGEST_WAIT_S, read_date, retry_after_s, split_list
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
        ("0.853", 0.853),
        ("1,000", 1000.0),  # thousands, while a space parts two headers
        ("1,000, 20", 1000.0),
        ("10s", 10.0),
        ("10 seconds", 10.0),
        ("1 Second", 1.0),
        ("1500ms", 1.5),
        ("2 min", 120.0),
        ("1 hour", 3600.0),
        ("10 m", None),  # minutes or metres
        ("10 seconds or so", None),
        ("in 10 seconds", None),
        ("2026-11-24T20:20:30.500Z", 90.5),
        ("2026-11-24T21:20:30.5+01:00", 90.5),
        ("2026-11-24T20:20:30Z", 91.0),  # which may have dropped most of a second
        ("2026-11-24T20:20:30.5", None),  # in some zone
        ("2026-11-24", None),
        ("Tue Nov 24 2026 21:20:30 GMT+0100 (Central European Standard Time)", 91.0),
        ("Tue Nov 24 2026 20:20:30 GMT+0000", 91.0),
        ("Tue Nov 24 20:20:30 CET 2026", None),
        ("24 Nov 2026 20:20:30", None),
        ("Tue Nov 31 2026 20:20:30 GMT+0000", None),
        ("0001-01-01T00:00:00.0+14:00", None),
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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Tue, 24 Nov 2026 20:20:30 GMT", "2026-11-24T20:20:31"),  # may have dropped a part
        ("Tue Nov 24 20:20:30 2026", "2026-11-24T20:20:31"),
        ("2026-11-24T20:20:30.000Z", "2026-11-24T20:20:30"),
        ("2026-11-24T20:20:30.1234567Z", "2026-11-24T20:20:30.123456"),  # as .NET writes it
        ("2026-11-24 20:20:30+00:00", "2026-11-24T20:20:31"),
        ("20261124T202030Z", "2026-11-24T20:20:31"),
        ("Tue Nov 24 2026 09:20:30 GMT-1100 (Samoa Standard Time)", "2026-11-24T20:20:31"),
        ("2026-11-24T20:20:30", None),
        ("24/11/2026 20:20:30 GMT", None),
        ("9999-12-31T23:59:59Z", None),
        ("1795887730", None),
        ("", None),
        ("Tue Nov 24 2026 20:20:30 GMT+0000 (" + "x" * 100 + ")", None),
    ],
)
def test_a_date_text_names_a_moment_or_none(text: str, moment: str | None) -> None:
    expected = None if moment is None else datetime.fromisoformat(moment + "+00:00")
    assert read_date(text) == expected


@pytest.mark.parametrize(
    ("value", "members"),
    [
        ("1,200", ["1200"]),
        ("1,200,300", ["1200300"]),
        ("1'200", ["1200"]),
        ("1_200.5", ["1200.5"]),
        ("1,200, 60", ["1200", "60"]),
        ("60, 1,200", ["60", "1200"]),
        ("60,1200", ["60", "1200"]),
        ("60,120", ["60120"]),  # no telling from thousands, which are likelier without a space
        ("1,20", ["1", "20"]),
        ("1000,200", ["1000", "200"]),
        ("", [""]),
    ],
)
def test_a_comma_without_a_space_parts_thousands(value: str, members: list[str]) -> None:
    assert split_list(value) == members


@examples(500)
@given(st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1)), st.sampled_from(["", ".5"]))  # noqa: DTZ001 - in UTC, as a text
def test_every_moment_is_read_from_each_of_its_texts(moment: datetime, part: str) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    later = moment + timedelta(seconds=0.5 if part else 1)
    iso = moment.strftime("%Y-%m-%dT%H:%M:%S")
    assert read_date(f"{iso}{part}Z") == later
    assert read_date(f"{iso}{part}+00:00") == later
    if not part:
        assert read_date(moment.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Somewhere)")) == later
        assert read_date(moment.strftime("%a, %d %b %Y %H:%M:%S GMT")) == later


def test_retry_after_is_not_shortened_by_a_clock_of_ours_that_runs_ahead() -> None:
    headers = {
        "retry-after": "Tue, 24 Nov 2026 20:20:30 GMT",
        "date": "Tue, 24 Nov 2026 20:19:30 GMT",
    }
    assert retry_after_s(headers, now=NOW + timedelta(hours=1)) == 60.0


_NEARLY_DATES = st.lists(
    st.sampled_from(["Tue,", "24", "Nov", "0", "1", "9999", "9" * 5000, "20:19:00", "GMT", "+9999"])
    | st.sampled_from(
        ["2026-11-24T20:20:30", "GMT+0100", "Tue Nov 24 2026 20:20:30", "1,000", "ms"]
    )
    | st.text(max_size=5)
    | st.integers().map(str),
    max_size=8,
).map(" ".join)
_VALUES = st.text() | st.from_regex(r"[0-9., ]{0,600}", fullmatch=True) | _NEARLY_DATES


@examples(500)
@given(_VALUES)
def test_no_text_breaks_the_reading_of_dates_and_lists(text: str) -> None:
    moment = read_date(text)
    assert moment is None or moment.tzinfo is UTC
    assert split_list(text)


@examples(500)
@given(value=_VALUES, date=_VALUES)
def test_retry_after_raises_nothing_and_is_a_wait_that_a_clock_can_take(
    value: str, date: str
) -> None:
    seconds = retry_after_s({"retry-after": value, "date": date}, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT_S
