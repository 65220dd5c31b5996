import pytest

from batch.model import Reason, Result, Tally
from batch.recording.runfile import RunState, RunWorkspace
from batch.wording.runs import (
    BROKE_OFF,
    RESULT_WORDS,
    plan_sentence,
    run_sentence,
    state_words,
)
from tests.support.findings import a_record
from tests.support.wired import plan_of

RECORD = a_record(workspace=RunWorkspace(id="1", name="Acme"))
PLAN = plan_of(requests=3, sendable_rows=4, tags_set=2, to_paused=1)


def test_every_result_and_state_has_its_words() -> None:
    assert set(RESULT_WORDS) == set(Result)
    assert all(state_words(state)[0].isupper() for state in RunState)
    assert state_words("planned") == "Planned, nothing sent"
    assert state_words(BROKE_OFF) == "Broke off"


@pytest.mark.parametrize(
    ("tally", "came"),
    [
        ({Reason.APPLIED: 4}, "4 rows, 4 were applied."),
        ({Reason.APPLIED: 1}, "1 row, 1 was applied."),
        (
            {Reason.APPLIED: 1200, Reason.NOT_FOUND: 1, Reason.DUPLICATE: 2},
            "1,203 rows, 1,200 were applied, 1 failed and 2 needed nothing.",
        ),
        (
            {Reason.APPLIED: 1, Reason.NOT_REACHED: 2},
            "3 rows, 1 was applied and 2 were left unsent.",
        ),
    ],
)
def test_a_run_is_told_in_one_sentence(tally: dict[Reason, int], came: str) -> None:
    told = run_sentence(RECORD, PLAN, Tally(tally), sum(tally.values()))
    asked = "leads.csv asked to change 3 leads in workspace Acme (2 tags set, 1 paused)"
    assert told == f"{asked}; of its {came}"


def test_a_run_without_rows_or_without_changes_says_so() -> None:
    assert run_sentence(RECORD, plan_of(), Tally(), 0) == (
        "leads.csv has no rows: nothing was asked of workspace Acme, and nothing was sent."
    )
    assert run_sentence(RECORD, plan_of(), Tally({Reason.BAD_ID: 2}), 2) == (
        "leads.csv asked for no change that could be sent to workspace Acme; of its 2 rows, "
        "2 failed."
    )


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (a_record(sandbox=True), "a practice sandbox"),
        (a_record(workspace=None), "an unknown workspace"),
    ],
)
def test_where_it_went_is_named_as_far_as_it_is_known(record: object, where: str) -> None:
    told = plan_sentence(record, plan_of(), {"will_change": 0, "already_so": 0, "other": 0}, 0)  # type: ignore[arg-type]  # a record
    assert told == f"leads.csv has no rows: nothing is asked of {where}."


def test_a_plan_says_what_it_would_do_and_that_nothing_was_sent() -> None:
    states = {"will_change": 1, "already_so": 1, "other": 1}
    assert plan_sentence(RECORD, PLAN, states, 4) == (
        "leads.csv asks to change 3 leads in workspace Acme (2 tags set, 1 paused): 1 would "
        "change, 1 is already set and 1 can't be changed; nothing has been sent."
    )
