import pytest

from batch.columns import Column, Naming
from batch.judging.explain import Explainer, quoted
from batch.judging.rules import Rules
from batch.model import Field, Reason


def unknown(tag: str, *labels: str) -> str:
    explainer = Explainer(Rules(name="leads.csv", labels=labels))
    return explainer.sentence(Reason.UNKNOWN_TAG, Field.AI_TAG, tag)


def test_a_suggestion_disregards_case() -> None:
    assert unknown("INTRESTED", "Interested") == (
        '"INTRESTED" is not a label of this workspace. Did you mean "Interested"?'
    )


def test_without_a_near_label_some_are_named() -> None:
    assert unknown("Blue", "A", "B", "C", "D", "E", "F", "G") == (
        '"Blue" is not a label of this workspace; expected "A", "B", "C", "D", "E" or 2 more.'
    )


def test_a_workspace_without_labels_says_so() -> None:
    assert unknown("Blue") == (
        '"Blue" is not a label of this workspace, which has none. '
        "Create the label in SendKit first."
    )


def test_suggestions_stop_where_they_would_take_minutes() -> None:
    labels = tuple(f"Label {n:05}" for n in range(20_000))
    explainer = Explainer(Rules(name="leads.csv", labels=labels))
    tags = [f"zz{n}" for n in range(10_000)]
    for tag in tags:
        explainer.sentence(Reason.UNKNOWN_TAG, Field.AI_TAG, tag)
    late = explainer.sentence(Reason.UNKNOWN_TAG, Field.AI_TAG, "Label 0000x")
    assert late == (
        '"Label 0000x" is not a label of this workspace; expected "Label 00000", "Label 00001", '
        '"Label 00002", "Label 00003", "Label 00004" or 19,995 more.'
    )


def test_a_suggestion_once_made_is_made_again() -> None:
    explainer = Explainer(Rules(name="leads.csv", labels=("Interested",)))
    first, second = (
        explainer.sentence(Reason.UNKNOWN_TAG, Field.AI_TAG, "Intrested") for _ in range(2)
    )
    assert (
        first
        == second
        == ('"Intrested" is not a label of this workspace. Did you mean "Interested"?')
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", '"plain"'),
        ("tab\tand\x1bescape", '"tab\\tand\\x1bescape"'),
        ("mail 📨", '"mail 📨"'),
        ("x" * 61, '"' + "x" * 60 + '…"'),
    ],
)
def test_a_shown_text_is_one_short_visible_line(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (Field.CAMPAIGN_ID, "campaignId is blank; expected an id."),
        (Naming.EMAIL, "email is blank; expected an e-mail address."),
        (Naming.CAMPAIGN, "campaign is blank; expected a campaign's name."),
    ],
)
def test_what_is_blank_is_told_with_what_belongs_there(column: Column, expected: str) -> None:
    explainer = Explainer(Rules(name="leads.csv"))
    assert explainer.sentence(Reason.MISSING_ID, column, "") == expected


def test_a_reason_that_no_row_has_alone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="a row alone is never judged applied"):
        Explainer(Rules(name="leads.csv")).sentence(Reason.APPLIED, None, "")
