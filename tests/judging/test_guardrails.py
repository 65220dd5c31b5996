import pytest

from batch.judging.guardrails import Range, TagLimit, too_many_tag_changes, unexpected_changes
from batch.judging.plan import Plan
from batch.terminal.remedies import in_terminal
from tests.support.wired import plan_of


@pytest.fixture
def plan() -> Plan:
    """30 tags set and 12 cleared: 42 leads' tags change, whatever statuses do."""
    return plan_of(requests=60, sendable_rows=60, tags_set=30, tags_cleared=12, to_paused=25)


@pytest.mark.parametrize(("limit", "is_too_many"), [(0, False), (42, False), (41, True)])
def test_more_tag_changes_than_the_limit_are_too_many_and_0_is_no_limit(
    plan: Plan, limit: int, *, is_too_many: bool
) -> None:
    text = too_many_tag_changes(plan, TagLimit(limit=limit, setting="tag_change_limit"))
    assert (text is not None) is is_too_many
    if text:
        assert in_terminal(text) == (
            "42 leads' tags would change, more than the 41 of tag_change_limit; tag changes can "
            "start or stop e-mails. If that is meant, use --expect-changes 42, or type 42 at the "
            "question."
        )


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [
        (42, 42, None),
        (40, 50, None),
        (43, 50, "43 to 50"),
        (0, 41, "0 to 41"),
        (1200, 1200, "1,200"),
    ],
)
def test_another_number_of_tag_changes_than_was_expected_is_refused(
    plan: Plan, least: int, most: int, expected: str | None
) -> None:
    text = unexpected_changes(plan, Range(least=least, most=most))
    if expected is None:
        assert text is None
    else:
        assert text == (f"42 leads' tags would change; expected {expected}. Nothing was sent.")


def test_where_nothing_was_expected_anything_may_change(plan: Plan) -> None:
    assert unexpected_changes(plan, None) is None
