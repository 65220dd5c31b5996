import polars as pl
import pytest

from batch.judging.leads import REQUESTS
from batch.judging.live import DIFFERENT, MISSING, find_differences
from batch.recording.snapshot import SCHEMA


def compared(
    status: str | None,
    tag: str | None,
    live: tuple[str, str | None] | None,
    *,
    clears: bool = False,
    lines: list[int] | None = None,
) -> list[tuple[int, str, str, str]]:
    """Line, column, wanted and found of one request, against a lead or none."""
    asked = [(2, lines, "c1", "b1", status, tag, clears)]
    leads = [("c2", "b1", "", "", "", "", "", "paused", "Hot", 0)]  # another campaign's
    if live:
        leads.append(("c1", "b1", "", "", "", "", "", *live, 0))  # type: ignore[arg-type] # a null tag
    found = find_differences(
        pl.DataFrame(asked, schema=REQUESTS, orient="row"),
        pl.DataFrame(leads, schema=SCHEMA, orient="row"),
        clear_word="null",
    )
    assert found.schema == DIFFERENT
    return [(row[0], *row[3:]) for row in found.iter_rows()]


@pytest.mark.parametrize(
    ("status", "tag", "clears", "live"),
    [
        ("paused", None, False, ("paused", None)),
        ("paused", None, False, ("paused", "Hot")),  # the tag was not asked for
        (None, "Hot", False, ("active", "hot")),  # labels are the same regardless of case
        (None, None, True, ("active", None)),
        ("active", "Hot", False, ("active", "Hot")),
    ],
)
def test_what_is_there_is_no_difference(
    status: str | None, tag: str | None, live: tuple[str, str | None], *, clears: bool
) -> None:
    assert compared(status, tag, live, clears=clears) == []


@pytest.mark.parametrize(
    ("status", "tag", "clears", "live", "expected"),
    [
        ("paused", None, False, ("active", None), [("status", "paused", "active")]),
        ("paused", None, False, ("completed", None), [("status", "paused", "completed")]),
        (None, "Hot", False, ("active", None), [("aiTag", "Hot", "null")]),
        (None, "Hot", False, ("active", "Cold"), [("aiTag", "Hot", "Cold")]),
        (None, None, True, ("active", "Cold"), [("aiTag", "null", "Cold")]),
        ("paused", "Hot", False, ("active", "Cold"),
         [("status", "paused", "active"), ("aiTag", "Hot", "Cold")]),
        ("paused", "Hot", False, None, [("", "", MISSING)]),
    ],
)  # fmt: skip
def test_a_difference_names_the_column_what_was_wanted_and_what_is_there(
    status: str | None,
    tag: str | None,
    live: tuple[str, str | None] | None,
    expected: list[tuple[str, str, str]],
    *,
    clears: bool,
) -> None:
    assert compared(status, tag, live, clears=clears) == [(2, *row) for row in expected]


def test_a_request_of_several_rows_stands_for_each_of_them() -> None:
    rows = compared("paused", None, ("active", None), lines=[2, 7])
    assert [row[0] for row in rows] == [2, 7]
