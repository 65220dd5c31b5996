import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.judging.live import ANSWERED, statuses_left
from batch.judging.reverse import COLUMNS, reverse
from batch.judging.rules import NOT_READ
from batch.model import LEAD_STATUSES
from batch.recording.journal_sql import BEFORE_SCHEMA
from tests.support.leads_now import Asked, requests

Before = tuple[str, str]  # status, and tag or ""


def before(*were: Before) -> pl.DataFrame:
    """What the leads of requests at lines 2, 3, … were."""
    rows = [(line, *was, 0) for line, was in enumerate(were, start=2)]
    return pl.DataFrame(rows, schema=BEFORE_SCHEMA, orient="row")


NOTHING = pl.DataFrame(schema=ANSWERED)


@pytest.mark.parametrize(
    ("asked", "was", "rows", "expected"),
    [
        (
            ("a", "paused", None),
            ("active", "Hot"),
            [("c", "a", "active", None, 2, "paused", None)],
            [(2, "paused", None)],
        ),
        (
            ("a", "paused", "Hot"),
            ("paused", ""),  # only the tag changed
            [("c", "a", None, "null", 2, "paused", "Hot")],
            [(2, None, "Hot")],
        ),
        (
            ("a", None, ""),
            ("active", "Cold"),
            [("c", "a", None, "Cold", 2, None, "null")],
            [(2, None, "")],
        ),
        (("a", "paused", "hot"), ("paused", "Hot"), [], []),  # nothing changed
        (
            ("a", "paused", "Hot"),
            ("completed", "Cold"),  # that status can't be set, but the tag can
            [
                ("c", "a", None, "Cold", 2, "paused", "Hot"),
                ("c", "a", "completed", None, 2, "paused", "Hot"),
            ],
            [(2, None, "Hot"), (3, "paused", None)],
        ),
    ],
)
def test_a_change_is_taken_back_field_by_field(
    asked: Asked,
    was: Before,
    rows: list[tuple[object, ...]],
    expected: list[tuple[object, ...]],
) -> None:
    found = reverse(requests(asked), before(was), NOTHING, clear_word="null")
    assert found.rows.columns == list(COLUMNS)
    assert found.rows.rows() == rows
    assert found.baseline.rows() == expected


def test_a_lead_that_a_subsequence_moved_is_expected_to_be_what_was_answered() -> None:
    asked = requests(("a", "active", "Hot"), ("b", "active", "Hot"), ("c", None, "Hot"))
    moved = pl.DataFrame(
        {"line": [2, 4], "answered_status": ["completed"] * 2, "is_status_left": False},
        schema=ANSWERED,
    )
    was = before(("active", "Hot"), ("active", ""), ("active", ""))
    found = reverse(asked, was, moved, clear_word="null")
    told = found.rows.select("undoes_line", "status", "aiTag").rows()
    # The last is set active again though no status was asked for: the run's move completed it.
    assert told == [(2, "active", None), (3, None, "null"), (4, "active", "null")]
    assert found.baseline["base_status"].to_list() == ["completed", None, "completed"]


def test_a_status_that_was_left_out_is_not_set_back() -> None:
    asked = requests(("a", "active", "Hot"), ("b", "active", "Hot"), ("c", "active", "Hot"))
    was = before(("replied", "Cold"), ("completed", ""), ("active", ""))
    left = statuses_left(was)
    found = reverse(asked, was, left, clear_word="null")
    told = found.rows.select("undoes_line", "status", "aiTag").rows()
    assert told == [(2, None, "Cold"), (3, None, "null"), (4, None, "null")]
    assert (found.unsettable, found.baseline["base_status"].to_list()) == (0, [None] * 3)


def test_what_can_not_be_taken_back_is_counted() -> None:
    asked = requests(("a", "paused", None), ("b", "paused", None), ("c", "paused", None))
    found = reverse(asked, before(("completed", ""), ("active", "")), NOTHING, clear_word="null")
    assert (found.unknown.to_list(), found.unsettable) == ([4], 1)
    told = found.rows.select("undoes_line", "status", "aiTag").rows()
    assert told == [(2, "completed", None), (3, "active", None), (4, NOT_READ, None)]


tags = st.sampled_from(["", "Hot", "Cold"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "active", "paused"]),
            st.one_of(st.none(), tags),
            st.sampled_from(LEAD_STATUSES),
            tags,
        ),
        max_size=10,
    )
)
def test_what_is_set_back_is_what_was_there(
    changes: list[tuple[str | None, str | None, str, str]],
) -> None:
    asked = requests(*((f"l{n}", status, tag) for n, (status, tag, *_) in enumerate(changes)))
    found = reverse(asked, before(*(was[2:] for was in changes)), NOTHING, clear_word="null")
    now = {
        f"l{n}": [status or was_status, was_tag if tag is None else tag]
        for n, (status, tag, was_status, was_tag) in enumerate(changes)
    }
    for _, lead, status, tag, *_ in found.rows.iter_rows():
        if status in {"active", "paused"}:
            now[lead][0] = status
        if tag is not None:
            now[lead][1] = "" if tag == "null" else tag
    for n, (_, _, was_status, was_tag) in enumerate(changes):
        assert now[f"l{n}"][1] == was_tag
        assert now[f"l{n}"][0] == was_status or was_status not in {"active", "paused"}
