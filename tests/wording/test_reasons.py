import pytest

from batch.judging.diff import Verdict
from batch.model import Found, Reason, Result
from batch.wording.reasons import (
    REASON_WORDS,
    VERDICT_WORDS,
    meaning_of,
    plan_title,
    reason_title,
    rows_left_out,
)


def test_every_reason_and_every_verdict_has_its_words() -> None:
    assert set(REASON_WORDS) == set(Reason)
    assert set(VERDICT_WORDS) == set(Verdict)
    for words in REASON_WORDS.values():
        assert words.title[0].isupper()
        assert not words.meaning.endswith(".")
        assert not {"_", "`"} & {*words.title, *words.meaning}  # they are shown as they are


def test_a_reason_that_only_a_later_version_knows_is_shown_as_it_is() -> None:
    assert reason_title("something_new") == plan_title("something_new") == "something_new"


def test_a_plan_has_words_of_its_own_for_what_no_result_has() -> None:
    assert plan_title("will_change") == "Will change"
    assert plan_title("unknown_lead") == reason_title("unknown_lead")
    assert plan_title("bad_id") == reason_title("bad_id") == "An id that can't be right"


def test_a_meaning_is_a_sentence() -> None:
    assert meaning_of(Reason.APPLIED) == "The server confirmed the change."


@pytest.mark.parametrize(
    ("reason", "rows", "text"),
    [
        (Reason.ALREADY_SO, 1, "is already set."),
        (Reason.ALREADY_SO, 98_000, "are already set."),
        (Reason.DRIFTED, 1, "has changed since the plan was made and is left out."),
        (Reason.CHANGED_SINCE, 2, "have changed since the run and are not undone."),
        (Reason.UNKNOWN_LEAD, 1, "is left out: no such lead in that campaign."),
        (Reason.BAD_STATUS, 2, "are left out: a status that can't be set."),
    ],
)
def test_rows_that_are_left_out_agree_with_their_number(
    reason: Reason, rows: int, text: str
) -> None:
    assert rows_left_out(reason, rows) == text


def test_a_reason_carries_its_result_and_whether_it_may_pass() -> None:
    assert [each.value for each in Reason if each.may_pass] == [
        "forbidden", "rate_limited", "server_error", "not_connected", "no_answer",
    ]  # fmt: skip
    assert [each.value for each in Reason if each.changes_nothing] == [
        "bad_request", "forbidden", "not_found", "rejected", "redirected", "rate_limited",
        "not_connected",
    ]  # fmt: skip
    assert all((each.found is not None) == (each.result is Result.ERROR) for each in Reason)
    assert [each.value for each in Reason if each.found is Found.READ] == [
        "drifted", "changed_since",
    ]  # fmt: skip
    assert Reason("applied") is Reason.APPLIED
