from difflib import SequenceMatcher, get_close_matches

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch import near_names
from batch.near_names import NearNames

NAMES = st.text(st.sampled_from("abcAB 1"), max_size=8)


@given(word=NAMES, names=st.lists(NAMES, max_size=8), cutoff=st.sampled_from([0.4, 0.6, 0.85]))
def test_the_nearest_name_is_the_one_that_difflib_finds(
    word: str, names: list[str], cutoff: float
) -> None:
    near = get_close_matches(word, names, n=1, cutoff=cutoff)
    assert NearNames().nearest(word, names, cutoff=cutoff) == (near[0] if near else None)


def test_long_texts_are_no_slips_of_a_name() -> None:
    assert NearNames().nearest("a" * 100, ["a" * 99]) == "a" * 99
    assert NearNames().nearest("a" * 101, ["a" * 101]) is None
    assert NearNames().nearest("a" * 99, ["a" * 101, "b"]) is None


def test_looking_ends_when_it_has_cost_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    class Matcher(SequenceMatcher[str]):
        def ratio(self) -> float:
            nonlocal compared
            compared += 1
            return 0.7

    monkeypatch.setattr(near_names, "SequenceMatcher", Matcher)
    looking = NearNames(pairs=1_000_000)
    alike = [f"{'a' * 98}{n:02}" for n in range(100)]
    for _ in range(10):
        looking.nearest("a" * 100, alike)
    assert compared <= 1_000_000 / 100**2
    assert looking.nearest("a", ["a"]) is None


def test_a_million_other_names_end_it_too() -> None:
    looking = NearNames(pairs=1000)
    assert looking.nearest("Interested", ["x"] * 500) is None
    assert looking.nearest("Interested", ["Interested"]) is None
