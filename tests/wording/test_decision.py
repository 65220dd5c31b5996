from collections import Counter

import pytest

from batch.model import Reason, Tally, Webhook, Webhooks
from batch.terminal.remedies import in_terminal
from batch.wording.decision import Decision, Moved, question_about
from batch.wording.questions import Basis, DiffLine, DiffRow, Question, Values, what_changes
from tests.support.wired import plan_of

BASE = "https://api.sendkit.ai"


def asked(*, notes: tuple[str, ...] = (), **facts: object) -> Question:
    """The question about these numbers of a plan, and other facts."""
    numbers = {
        name: facts.pop(name)
        for name in ("requests", "tags_set", "tags_cleared", "to_paused", "to_active")
        if name in facts
    }
    given: dict[str, object] = {
        "effect": plan_of(**numbers),  # type: ignore[arg-type] # whichever they are
        "tags": Counter(),
        "unread": 0,
        "rows": numbers.get("requests", 0),
        "sent_rows": numbers.get("requests", 0),
        "judged": Tally(),
        "left_out": Tally(),
        "done": Tally(),
        "run": "runs/x",
        "workspace": "Acme",
        "base_url": BASE,
        "forecast_s": 0.4,
    }
    decision = Decision(**{**given, **facts})  # type: ignore[arg-type] # the same
    return question_about(decision, notes=notes)


def fact(question: Question, title: str) -> str:
    """What a person in a terminal reads behind a title."""
    return in_terminal(dict(question.facts)[title])


def test_the_question_names_all_that_matters() -> None:
    question = asked(requests=4120, tags_set=3900, tags_cleared=41, to_paused=220, forecast_s=824.0)
    assert question.text == (
        "Change 4,120 leads in workspace Acme (api.sendkit.ai): "
        "3,900 tags set, 41 tags cleared, 220 paused. "
        "Tag changes can start or stop e-mails. About 14 min."
    )
    assert question.typed_number is None


def test_one_of_each_is_said_in_the_singular() -> None:
    question = asked(requests=1, tags_set=1, to_active=1)
    assert question.text == (
        "Change 1 lead in workspace Acme (api.sendkit.ai): 1 tag set, 1 set active. "
        "Tag changes can start or stop e-mails. About 1 s."
    )


def test_a_forecast_says_what_it_rests_on() -> None:
    for forecast_s, said in ((824.0, "About 14 min at a first guess of 5/s."), (0.4, "About 1 s.")):
        question = asked(requests=2, to_paused=2, forecast_s=forecast_s, basis=Basis.GUESS)
        assert question.text.endswith(said)
        assert fact(question, "Time") == said


def test_without_tags_nothing_is_said_of_emails() -> None:
    question = asked(requests=2, to_paused=2)
    assert question.text == (
        "Change 2 leads in workspace Acme (api.sendkit.ai): 2 paused. About 1 s."
    )
    assert "E-mails" not in dict(question.facts)


def test_a_cleared_tag_alone_can_start_or_stop_emails() -> None:
    question = asked(requests=1, tags_cleared=1)
    assert "1 tag cleared. Tag changes can start or stop e-mails." in question.text
    assert fact(question, "E-mails") == "Tag changes can start or stop e-mails."


def test_practice_says_what_a_real_run_would_do() -> None:
    question = asked(requests=1, tags_set=1, is_practice=True)
    assert fact(question, "E-mails") == "In a real run, tag changes can start or stop e-mails."
    assert "Tag changes can" not in question.text


def test_a_workspace_that_could_not_be_read_is_unknown_and_notes_stand_at_the_end() -> None:
    question = asked(
        requests=1,
        to_active=1,
        workspace=None,
        base_url="http://127.0.0.1:8080",
        forecast_s=7200.0,
        notes=("First.", "Second."),
    )
    assert question.text == (
        "Change 1 lead in an unknown workspace (127.0.0.1:8080): 1 set active. "
        "About 2 h. First. Second."
    )
    assert question.facts[-2:] == (("Note", "First."), ("Note", "Second."))


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
    assert asked(rows=rows, judged=Tally(tally)).warnings == told


def test_the_screen_says_what_is_left_out_and_why() -> None:
    question = asked(
        requests=5,
        tags_set=3,
        tags=Counter({"Hot": 2, "Cold": 1}),
        rows=40,
        sent_rows=7,
        judged=Tally({Reason.BAD_ID: 1, Reason.DUPLICATE: 2}),
        left_out=Tally({Reason.ALREADY_SO: 28, Reason.UNKNOWN_LEAD: 2}),
        canary=2,
        webhooks=Webhooks(active=(Webhook(name="CRM", host="crm.example"),)),
    )
    assert question.facts == (
        ("Tags set", "2 Hot and 1 Cold."),
        ("E-mails", "Tag changes can start or stop e-mails."),
        ("Webhooks", "1 active webhook hears of changed tags: CRM (crm.example)."),
        ("Joined", "2 rows are sent together with another row of the same lead."),
        ("Wrong", "3 rows, not sent: 2 unknown lead, 1 bad id."),
        ("Left out", "30 rows: 28 already set, 2 duplicate."),
        (
            "Canary",
            "The first 2 are changed alone; the others follow only if that reads back as set.",
        ),
        ("Time", "About 1 s."),
    )


def test_it_is_said_which_tags_started_or_ended_subsequences_before() -> None:
    moved = (
        Moved("Customer", "switched", "Onboarding"),
        Moved("Hot", "enrolled", "Warm leads"),
        Moved("Hot", "switched", "Warm leads"),
        Moved("Not now", "exited", "Onboarding"),
        Moved("Not now", "exited", "Warm leads"),
        Moved("null", "exited", "Onboarding"),
        Moved("null", "exited", "Warm leads"),
    )
    question = asked(requests=9, tags_set=8, tags_cleared=1, moved=moved)
    assert fact(question, "E-mails") == (
        "Tag changes can start or stop e-mails. In earlier runs Hot started Warm leads; Customer "
        "started Onboarding; Not now and null ended Onboarding and Warm leads."
    )


@pytest.mark.parametrize(
    ("leads", "unread", "told"),
    [
        (
            3,
            0,
            (
                "It can be taken back, except for e-mails that went out. "
                "To take it back: sendkit-batch undo runs/x"
            ),
        ),
        (
            3,
            1,
            (
                "1 of 3 leads was not read before and can't be set back. A run with --keep-before "
                "reads all of them. To take it back: sendkit-batch undo runs/x"
            ),
        ),
        (
            3,
            3,
            (
                "None of the 3 leads was read before, so this can't be taken back. A run with "
                "--keep-before reads all of them."
            ),
        ),
        (
            1,
            1,
            (
                "The lead was not read before, so this can't be taken back. A run with "
                "--keep-before reads all of them."
            ),
        ),
    ],
)
def test_it_is_said_how_far_it_can_be_taken_back(leads: int, unread: int, told: str) -> None:
    question = asked(
        requests=leads, to_paused=leads, unread=unread, take_back="sendkit-batch undo runs/x"
    )
    assert fact(question, "Undo") == told


def test_a_run_that_keeps_what_leads_were_is_not_advised_to_do_so() -> None:
    question = asked(
        requests=1, to_paused=1, unread=1, take_back="sendkit-batch undo runs/x", keeps_before=True
    )
    assert fact(question, "Undo") == "The lead was not read before, so this can't be taken back."


def test_a_yes_says_how_many_leads_it_changes() -> None:
    assert asked(requests=1248, to_paused=1248).answer == "Send 1,248 changes"
    assert asked(requests=1, to_paused=1).answer == "Send 1 change"
    back = asked(requests=17, to_paused=17, sets_back=True)
    assert back.answer == "Set 17 leads back"
    assert back.headline == "Set 17 leads back in workspace Acme (api.sendkit.ai): 17 paused."


def test_a_run_that_is_gone_on_with_is_told_what_is_left_of_it() -> None:
    question = asked(
        requests=2,
        to_paused=2,
        goes_on_of=6,
        rows=8,
        sent_rows=2,
        done=Tally({Reason.APPLIED: 4}),
        judged=Tally({Reason.BAD_ID: 1}),
        left_out=Tally({Reason.DRIFTED: 1}),
        notes=("First.",),
    )
    assert question.text == (
        "Go on with runs/x: 2 of 6 leads are left to change in workspace Acme (api.sendkit.ai): "
        "2 paused. 1 row has changed since the plan was made and is left out. About 1 s. "
        "1 of 8 rows is wrong and will not be sent. First."
    )
    assert question.answer == "Send 2 changes"
    assert fact(question, "Done") == "4 rows: 4 applied."
    assert fact(question, "Left out") == "1 row: 1 changed since the plan."


def test_nothing_to_change_is_said_so() -> None:
    assert asked().text == "Nothing to change in workspace Acme (api.sendkit.ai)."
    assert asked(notes=("First.",)).text == (
        "Nothing to change in workspace Acme (api.sendkit.ai). First."
    )
    assert asked(goes_on_of=6).text == (
        "Nothing is left to change in workspace Acme (api.sendkit.ai)."
    )


def test_the_diff_says_what_a_lead_was_and_becomes() -> None:
    rows = (
        DiffRow(2, "Ann", "Spring", Values("active", "Hot"), Values("paused", None)),
        DiffRow(3, "Bob", "Spring", Values("active", None), Values(None, "Hot")),
        DiffRow(4, "Cleo", "", None, Values("paused", "")),
        DiffRow(5, "Dan", "", None, Values(None, "Hot")),
    )
    question = asked(requests=9, to_paused=9, diff=rows)
    assert question.more_rows == 5
    assert question.diff == (
        DiffLine(2, "Ann", "Spring", "active → paused", "Hot"),
        DiffLine(3, "Bob", "Spring", "active", "no tag → Hot"),
        DiffLine(4, "Cleo", "", "not read → paused", "not read → no tag"),
        DiffLine(5, "Dan", "", "", "not read → Hot"),
    )


def test_a_plan_without_changes_changes_nothing() -> None:
    assert what_changes(plan_of()) == "nothing"
