import pytest

from batch.reading.sheet import boolean_text, date_text, has_date, number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (123.0, "123"),
        (-5.25, "-5.25"),
        (-0.0, "0"),
        (0.1 + 0.2, "0.3"),
        (999_999_999_999_999.0, "999999999999999"),
        (1e15, "1E+15"),
        (6.5e23, "6.5E+23"),
        (1.23456789012345678e17, "1.23456789012346E+17"),
        (0.0000001, "1E-07"),
    ],
)
def test_numbers_read_as_typed_and_damaged_ids_show_their_exponent(value: float, text: str) -> None:
    assert number_text(value) == text


def test_booleans_read_as_spreadsheets_show_them() -> None:
    assert (boolean_text(1), boolean_text(0)) == ("TRUE", "FALSE")


@pytest.mark.parametrize(
    ("number_format", "shows_date"),
    [
        ("yyyy-mm-dd", True),
        ("[$-409]d mmm yy;@", True),
        ("[h]:mm", True),
        ("hh:mm AM/PM", True),
        ("General", False),
        ("#,##0.00", False),
        ('0 "days"', False),
        ("[Red]0.00;[Blue]-0.00", False),
        (r"0\d", False),
        ('0.00_);"days"', False),
    ],
)
def test_a_format_is_a_dates_by_its_units_not_its_literals(
    number_format: str, *, shows_date: bool
) -> None:
    assert has_date(number_format) is shows_date


@pytest.mark.parametrize(
    ("serial", "number_format", "text"),
    [
        (46024, "yyyy-mm-dd", "2026-01-02"),
        (46024.5, "yyyy-mm-dd", "2026-01-02 12:00:00"),
        (46024.12783564815, "yyyy-mm-dd hh:mm", "2026-01-02 03:04:05"),
        (46024.123456789, "yyyy-mm-dd", "2026-01-02 02:57:46.667"),
        (0.0430555555555556, "hh:mm", "01:02:00"),
        (1.5, "[h]:mm", "36:00:00"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (2958465, "yyyy-mm-dd", "9999-12-31"),
        (2958466, "yyyy-mm-dd", "2958466"),
        (-1, "yyyy-mm-dd", "-1"),
    ],
)
def test_dates_read_as_iso_with_the_parts_that_they_have(
    serial: float, number_format: str, text: str
) -> None:
    assert date_text(serial, number_format, from_1904=False) == text


def test_dates_of_workbooks_that_count_from_1904_are_moved() -> None:
    assert date_text(0, "yyyy-mm-dd", from_1904=True) == "1904-01-01"
