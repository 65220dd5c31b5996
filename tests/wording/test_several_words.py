"""What is said of a run of several workspaces."""

from collections import Counter

import pytest

from batch.judging.totals import Effect
from batch.model import Reason, Tally
from batch.recording.runfile import RunWorkspace
from batch.sending.gate import Pace
from batch.sending.pace.pacer import Hold, PaceEstimate, Source
from batch.wording.decision import Decision
from batch.wording.parts import (
    PartDecision,
    decide_together,
    question_about_parts,
    readings_together,
    shown_name,
    why_parts_stopped,
)
from batch.wording.progress import ReadingProgress
from batch.wording.questions import Question


def part(name: str, leads: int, *, tags: int = 0, wrong: int = 0, note: str = "") -> PartDecision:
    effect = Effect(
        requests=leads,
        sendable_rows=leads,
        to_active=0,
        to_paused=leads - tags,
        tags_set=tags,
        tags_cleared=0,
        clears_rows=0,
    )
    decision = Decision(
        effect=effect,
        tags=Counter({"Hot": tags} if tags else {}),
        unread=leads,
        rows=leads + wrong,
        sent_rows=leads,
        judged=Tally({Reason.BAD_ID: wrong}),
        left_out=Tally(),
        done=Tally(),
        run=f"out/parts/{name}",
        workspace=name,
        base_url="https://api.sendkit.ai",
        forecast_s=10.0,
    )
    return PartDecision(name=name, decision=decision, notes=(note,) if note else ())


def asked(
    *parts: PartDecision, unreached: tuple[str, ...] = (), done: Tally | None = None
) -> Question:
    together = decide_together(
        parts,
        nobodys=Tally({Reason.UNKNOWN_WORKSPACE: 1}),
        done=done or Tally(),
        run="out",
        base_url="https://api.sendkit.ai",
        forecast_s=20.0,
        take_back="",
        goes_on_in=None if done is None else 3,
    )
    return question_about_parts(together, parts, unreached=unreached, typed_number=None)


def test_one_question_adds_up_all_workspaces_and_has_the_unusual_first() -> None:
    question = asked(part("Acme", 10), part("Beta", 20, wrong=2), part("Café", 5, tags=5))
    assert question.headline == (
        "Change 35 leads in 3 workspaces (api.sendkit.ai): 5 tags set, 30 paused."
    )
    assert question.answer == "Send 35 changes"
    assert question.facts[:3] == (
        ("Café", "5 leads: 5 tags set."),
        ("Beta", "20 leads: 20 paused; 2 rows left out."),
        ("Acme", "10 leads: 10 paused."),
    )
    wrong = "3 rows, not sent: 2 bad id, 1 unknown workspace."
    assert dict(question.facts)["Wrong"] == wrong


def test_wrong_rows_of_workspaces_that_are_finished_are_counted_as_wrong() -> None:
    done = Tally({Reason.APPLIED: 7, Reason.UNKNOWN_TAG: 2, Reason.ALREADY_SO: 4})
    facts = dict(asked(part("Acme", 10, wrong=1), done=done).facts)
    assert facts["Wrong"] == "4 rows, not sent: 2 unknown tag, 1 unknown workspace, 1 bad id."
    assert facts["Done"] == "7 rows: 7 applied."


def test_what_is_left_is_counted_in_the_workspaces_in_which_it_is_left() -> None:
    left = asked(part("Acme", 10), done=Tally({Reason.APPLIED: 7})).headline
    assert left.startswith("Go on with out: 10 of 10 leads are left to change in 1 workspace (")
    done = asked(done=Tally({Reason.APPLIED: 7})).text
    assert done.startswith("Nothing is left to change in 3 workspaces (")


def test_twelve_workspaces_are_shown_and_the_others_counted() -> None:
    question = asked(*(part(f"W{n}", 10) for n in range(100)))
    shown = [title for title, _ in question.facts]
    assert shown[12] == "88 more"
    assert dict(question.facts)["88 more"] == "880 leads in other workspaces."


def test_what_holds_everywhere_is_said_once_and_else_of_its_workspace() -> None:
    both, one = "Tags are not checked.", "Your daily quota: 5 left."
    everywhere = asked(part("Acme", 1, note=both), part("Beta", 1, note=both))
    assert everywhere.warnings[1:] == (both,)
    question = asked(part("Acme", 1, note=one), part("Beta", 1), unreached=("Café: No key.",))
    assert question.warnings[1:] == ("Not sent: Café: No key.", f"Acme: {one}")


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ({"Acme": "", "Beta": ""}, ""),
        ({"Acme": "The key was revoked.", "Beta": ""}, "Acme: The key was revoked."),
        ({"Acme": "Interrupted.", "Beta": "Interrupted."}, "2 workspaces: Interrupted."),
        (
            {name: f"{name}." for name in "ABCDE"},
            "A: A. B: B. C: C. 2 other workspaces stopped, too.",
        ),
    ],
)
def test_why_parts_stopped_is_said_of_the_first_ones(reasons: dict[str, str], told: str) -> None:
    assert why_parts_stopped(reasons) == told


def test_workspaces_of_one_name_are_told_apart_by_their_ids() -> None:
    among = [RunWorkspace(id=id_, name=name) for id_, name in (("1", "A"), ("2", "a"), ("3", "B"))]
    assert [shown_name(each, among) for each in among] == ["A (1)", "a (2)", "B"]


def reading(share: float, *, held_s: float = 0.0) -> ReadingProgress:
    hold = Hold(since=0.0, until=held_s, why="HTTP 429") if held_s else None
    pace = Pace(
        attempts=10,
        rate_per_s=4.0,
        measured_s=10.0,
        hold=hold,
        hold_left_s=held_s,
        outage=None,
        outage_s=0.0,
        estimate=PaceEstimate(source=Source.SETTING, rate_per_s=10.0),
    )
    return ReadingProgress(leads=100, campaigns_read=1, campaigns=2, pace=pace, share=share)


def test_the_reading_of_all_workspaces_is_shown_as_one() -> None:
    at_work = [reading(0.5), reading(0.5, held_s=9.0)]
    found = readings_together([reading(1.0), None], at_work, workspaces=10, elapsed_s=6.0)
    assert (found.leads, found.campaigns_read, found.campaigns) == (300, 3, 6)
    assert found.share == pytest.approx((2 + 0.5 + 0.5) / 10)  # one of two had nothing to read
    assert found.left_s == pytest.approx(14.0)  # of 20 s, 6 are over
    assert found.pace.rate_per_s == 8.0  # of those that are at work
    assert found.pace.hold_left_s == 9.0  # the longest wait
