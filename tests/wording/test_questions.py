import pytest

from batch.model import Reason, Tally
from batch.wording.questions import Basis, about_wrong_rows, ask_about, ask_to_go_on, what_changes
from tests.support.wired import plan_of

BASE = "https://api.sendkit.ai"


def test_the_question_names_all_that_matters() -> None:
    plan = plan_of(requests=4120, tags_set=3900, tags_cleared=41, to_paused=220)
    question = ask_about(plan, workspace="Acme", base_url=BASE, forecast_s=824.0)
    assert question.text == (
        "Change 4,120 leads in workspace Acme (api.sendkit.ai): "
        "3,900 tags set, 41 tags cleared, 220 paused. "
        "Tag changes can start or stop e-mails. About 14 min."
    )
    assert question.typed_number is None


def test_one_of_each_is_said_in_the_singular() -> None:
    plan = plan_of(requests=1, tags_set=1, to_active=1)
    question = ask_about(plan, workspace="Acme", base_url=BASE, forecast_s=0.2)
    assert question.text == (
        "Change 1 lead in workspace Acme (api.sendkit.ai): 1 tag set, 1 set active. "
        "Tag changes can start or stop e-mails. About 1 s."
    )


def test_a_forecast_says_what_it_rests_on() -> None:
    plan = plan_of(requests=2, to_paused=2)
    for forecast_s, said in ((824.0, "About 14 min at a first guess of 5/s."), (0.4, "About 1 s.")):
        question = ask_about(
            plan, workspace="Acme", base_url=BASE, forecast_s=forecast_s, basis=Basis.GUESS
        )
        assert question.text.endswith(said)


def test_without_tags_nothing_is_said_of_emails() -> None:
    plan = plan_of(requests=2, to_paused=2)
    question = ask_about(plan, workspace="Acme", base_url=BASE, forecast_s=0.4)
    assert question.text == (
        "Change 2 leads in workspace Acme (api.sendkit.ai): 2 paused. About 1 s."
    )


def test_a_cleared_tag_alone_can_start_or_stop_emails() -> None:
    plan = plan_of(requests=1, tags_cleared=1)
    question = ask_about(plan, workspace="Acme", base_url=BASE, forecast_s=0.2)
    assert "1 tag cleared. Tag changes can start or stop e-mails." in question.text


def test_a_workspace_that_could_not_be_read_is_unknown_and_warnings_stand_at_the_end() -> None:
    question = ask_about(
        plan_of(requests=1, to_active=1),
        workspace=None,
        base_url="http://127.0.0.1:8080",
        forecast_s=7200.0,
        warnings=("First.", "Second."),
        typed_number=41,
    )
    assert question.text == (
        "Change 1 lead in an unknown workspace (127.0.0.1:8080): 1 set active. "
        "About 2 h. First. Second."
    )
    assert question.typed_number == 41


@pytest.mark.parametrize(
    ("tally", "rows", "told"),
    [
        ({Reason.DUPLICATE: 3, Reason.BLANK_ROW: 1}, 300, ()),
        (
            {Reason.BAD_ID: 6, Reason.UNKNOWN_TAG: 4, Reason.DUPLICATE: 3},
            300,
            ("10 of 300 rows are wrong and will not be sent.",),
        ),
        ({Reason.CONFLICT: 1}, 2, ("1 of 2 rows is wrong and will not be sent.",)),
    ],
)
def test_rows_that_are_wrong_are_counted(
    tally: dict[Reason, int], rows: int, told: tuple[str, ...]
) -> None:
    assert about_wrong_rows(plan_of(rows=rows, tally=Tally(tally))) == told


def test_a_run_that_is_gone_on_with_is_told_what_will_not_be_sent() -> None:
    question = ask_to_go_on(
        plan_of(rows=8, requests=6, to_paused=6),
        left=2,
        run="runs/x",
        workspace="Acme",
        base_url=BASE,
        forecast_s=0.4,
        left_out=Tally({Reason.DRIFTED: 1}),
        warnings=("First.", "Second."),
    )
    assert question.text == (
        "Go on with runs/x: 2 of 6 leads are left to change in workspace Acme (api.sendkit.ai). "
        "1 row has changed since the plan was made and is left out. "
        "Its rows ask for: 6 paused. About 1 s. First. Second."
    )


def test_nothing_to_change_is_said_so() -> None:
    question = ask_about(plan_of(), workspace="Acme", base_url=BASE, forecast_s=0.0)
    assert question.text == "Nothing to change in workspace Acme (api.sendkit.ai)."
    warned = ask_about(
        plan_of(), workspace="Acme", base_url=BASE, forecast_s=0.0, warnings=("First.",)
    )
    assert warned.text == "Nothing to change in workspace Acme (api.sendkit.ai). First."


def test_a_plan_without_changes_changes_nothing() -> None:
    assert what_changes(plan_of()) == "nothing"
