import pytest

from batch.wording.amounts import count_of, duration, join_words


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


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (4120, "4,120 rows")]
)
def test_counts_agree_with_their_noun(number: int, text: str) -> None:
    assert count_of(number, "row") == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [(["one"], "one"), (["one", "two"], "one and two"), (["1", "2", "3"], "1, 2 and 3")],
)
def test_the_last_of_a_list_follows_and(parts: list[str], text: str) -> None:
    assert join_words(parts) == text
