import json
import math

import pytest
from hypothesis import given, strategies

from batch.settings.values import MaxErrors, Rate, parse_max_errors, parse_rate
from tests.support.sampling import examples


class TestRates:
    @pytest.mark.parametrize(
        ("value", "per_s"),
        [
            (5, 5),
            (0.5, 0.5),
            (1e-7, 1e-7),
            ("5", 5),
            (" 0.5 ", 0.5),
            ("60/min", 1),  # 60 / 60 s
            ("60 / Minute", 1),
            ("90/min", 1.5),  # 90 / 60 s
            ("2/s", 2),
            ("2/sec", 2),
            ("2/second", 2),
            ("1800/h", 0.5),  # 1800 / 3600 s
            ("1800/hour", 0.5),
            ("AUTO", None),
            (Rate.AUTO, None),
        ],
    )
    def test_a_rate_is_a_number_a_second(self, value: object, per_s: float | None) -> None:
        assert parse_rate(value) == Rate(per_s=per_s)

    @pytest.mark.parametrize(
        "value",
        [
            *(0, -1, 0.0, -0.5, math.inf, math.nan, 10**400, True, None, []),
            *("0", "0/min", "-5", "+5", "1e3", "1_0", "5,5", ".5", "\N{ARABIC-INDIC DIGIT FIVE}"),
            *("", "fast", "inf", "60/day", "60/", "/min", "60min", "60/min/min", "9" * 400),
        ],
    )
    def test_anything_else_is_no_rate(self, value: object) -> None:
        with pytest.raises(ValueError, match="not"):
            parse_rate(value)

    @pytest.mark.parametrize(
        "text", ["auto", "5", "0.25", "2.5", "100/min", "8.5/min", "500/h", "1.23457", "10000000"]
    )
    def test_a_rate_is_shown_as_a_person_writes_it(self, text: str) -> None:
        assert str(parse_rate(text)) == text

    @given(strategies.floats(min_value=0, exclude_min=True, allow_infinity=False))
    @examples(50)
    def test_a_rate_survives_being_written_down(self, per_s: float) -> None:
        rate = Rate(per_s=per_s)
        assert parse_rate(json.loads(json.dumps(rate.as_setting()))) == rate


class TestMaxErrors:
    @pytest.mark.parametrize(
        ("value", "limit"),
        [
            (0, MaxErrors(count=0)),
            (100, MaxErrors(count=100)),
            ("100", MaxErrors(count=100)),
            ("50%", MaxErrors(share=0.5)),
            (" 2.5 % ", MaxErrors(share=0.025)),
            ("0%", MaxErrors(share=0)),
            ("100%", MaxErrors(share=1)),
            (MaxErrors(count=1), MaxErrors(count=1)),
        ],
    )
    def test_a_limit_is_a_number_of_rows_or_a_percentage(
        self, value: object, limit: MaxErrors
    ) -> None:
        assert parse_max_errors(value) == limit

    @given(strategies.integers(0, 10**12 - 1) | strategies.decimals(0, 100, places=2))
    @examples(50)
    def test_a_limit_survives_being_written_down(self, number: object) -> None:
        limit = parse_max_errors(number if isinstance(number, int) else f"{number}%")
        assert parse_max_errors(json.loads(json.dumps(limit.as_setting()))) == limit
