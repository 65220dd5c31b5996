from batch.recording.runfile import RunState
from batch.web.board import Kind
from batch.web.words import KINDS, STATES


def test_everything_that_is_counted_has_words() -> None:
    assert set(KINDS) == set(Kind)
    assert set(RunState) < set(STATES)
