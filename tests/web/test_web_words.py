import pytest

from batch.recording.runfile import RunState
from batch.web.board import Kind
from batch.web.words import KINDS, STATES, on_the_page


def test_everything_that_is_counted_has_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(RunState) < set(STATES)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (
            'Nearest is "Camp"; name it with --map campaignId="Camp".',
            'Nearest is "Camp": choose it under Columns.',
        ),
        (
            "no row of this lead is sent. Keep one value, or use --on-conflict last-wins.",
            "no row of this lead is sent. Keep one value.",
        ),
        (
            "a --map; to send the valid rows all the same, use --allow-invalid.",
            "a --map.",
        ),
        ('--rate: found "x"', 'Pace: found "x"'),
        ("Nothing to say.", "Nothing to say."),
    ],
)
def test_a_message_names_no_option_where_the_page_has_its_own_way(told: str, shown: str) -> None:
    assert on_the_page(told) == shown
