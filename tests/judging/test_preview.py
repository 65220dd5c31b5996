import polars as pl
import pytest

from batch.judging.diff import Known, Verdict, judge_live
from batch.judging.preview import Preview
from batch.judging.totals import Effect
from batch.model import Outcome, Reason, Tally
from tests.support.leads_now import READ_MS, baseline, leads, requests

ASKED = requests(
    ("a", "paused", None),
    ("b", "active", "Hot"),  # only its tag changes
    ("c", None, ""),
    ("d", "active", "Cold"),  # already so
    ("e", "paused", None),  # not there
    ("own-a", "paused", None),
    ("f", "paused", "Hot"),  # replied, with that tag
    ("g", "active", "Hot"),  # bounced
)
NOW = leads(
    ("a", "active", None),
    ("b", "active", "Cold"),
    ("c", "active", "Cold"),
    ("d", "active", "Cold"),
    ("f", "replied", "Hot"),
    ("g", "bounced", "Cold"),
)


def preview_of(**known: object) -> Preview:
    several = pl.Series([None, [3, 20], *[None] * 6], dtype=pl.List(pl.UInt32))
    asked = ASKED.with_columns(lines=several)
    judged = judge_live(asked, Known(leads=NOW, **known))  # type: ignore[arg-type]  # its fields
    return Preview(verdicts=judged, clear_word="null")


def test_rows_are_counted_by_verdict_and_those_left_out_by_reason() -> None:
    preview = preview_of()
    assert preview.rows_by_verdict() == {
        Verdict.WILL_CHANGE: 4,  # one request stands for two rows
        Verdict.IN_PART: 1,
        Verdict.ALREADY_SO: 1,
        Verdict.FINAL_STATE: 1,
        Verdict.UNKNOWN_LEAD: 1,
        Verdict.OWN_ID: 1,
    }
    assert preview.tally == Tally(
        {Reason.ALREADY_SO: 1, Reason.FINAL_STATE: 1, Reason.UNKNOWN_LEAD: 2}
    )
    assert preview.lines.to_list() == [2, 3, 4, 9]
    assert preview.through.rows() == [(8, "replied"), (9, "bounced")]


def test_the_effect_counts_what_really_changes() -> None:
    assert preview_of().effect() == Effect(
        requests=4,
        sendable_rows=5,
        to_active=0,
        to_paused=1,
        tags_set=2,
        tags_cleared=1,
        clears_rows=1,
        rows_in_part=1,
    )


def test_what_is_left_out_has_the_outcome_of_all_lines_of_its_request() -> None:
    several = pl.Series([*[None] * 3, [5, 21], *[None] * 4], dtype=pl.List(pl.UInt32))
    judged = judge_live(ASKED.with_columns(lines=several), Known(leads=NOW))
    preview = Preview(verdicts=judged, clear_word="null")
    outcomes = [outcome for part in preview.left_out() for outcome in part]
    assert [(each.lines, each.reason) for each in outcomes] == [
        ((5, 21), Reason.ALREADY_SO),
        ((6,), Reason.UNKNOWN_LEAD),
        ((7,), Reason.UNKNOWN_LEAD),
        ((8,), Reason.FINAL_STATE),
    ]


def test_what_was_not_read_counts_as_a_change() -> None:
    effect = preview_of(whole=False, oldest_ms=READ_MS + 1).effect()
    assert (effect.requests, effect.to_active, effect.tags_set) == (6, 1, 3)


def test_changes_are_counted_from_one_value_to_another() -> None:
    preview = preview_of()
    assert preview.status_changes().rows() == [("active", "paused", 1)]
    assert preview.tag_changes().rows() == [("Cold", "Hot", 2), ("Cold", "null", 1)]
    assert preview.by_campaign().rows() == [("c", 4, 1, 3)]


def test_rows_left_out_have_an_outcome_with_a_sentence() -> None:
    outcomes = [outcome for part in preview_of().left_out() for outcome in part]
    assert outcomes == [
        Outcome(
            lines=(5,),
            reason=Reason.ALREADY_SO,
            message="the lead already reads status active, aiTag Cold.",
        ),
        Outcome(
            lines=(6,),
            reason=Reason.UNKNOWN_LEAD,
            message="the campaign has no lead of this id.",
        ),
        Outcome(
            lines=(7,),
            reason=Reason.UNKNOWN_LEAD,
            message="this is the lead's own id, not that of the campaign lead; expected a for it.",
        ),
        Outcome(
            lines=(8,),
            reason=Reason.FINAL_STATE,
            message="the lead is replied, so status paused is left out.",
        ),
    ]


@pytest.mark.parametrize(
    ("expected", "drifted", "message"),
    [
        (
            (2, "paused", "Hot"),
            Reason.DRIFTED,
            (
                "left as it is: it read status paused, aiTag Hot when the plan was made, and reads "
                "status active, aiTag null now."
            ),
        ),
        (
            (9, "paused", "Hot"),
            Reason.DRIFTED,
            (
                "left as it is: nothing was planned for it, and it reads status active, aiTag null "
                "now."
            ),
        ),
        (
            (2, None, "Hot"),
            Reason.CHANGED_SINCE,
            (
                "left as it is: the run asked for aiTag Hot, "
                "and it reads status active, aiTag null now."
            ),
        ),
    ],
)
def test_a_drifted_lead_is_told_with_what_it_was_and_is(
    expected: tuple[int, str | None, str], drifted: Reason, message: str
) -> None:
    judged = judge_live(
        requests(("a", "paused", None)), Known(leads=NOW), baseline=baseline(expected)
    )
    preview = Preview(verdicts=judged, clear_word="null", drifted=drifted)
    assert list(preview.left_out()) == [[Outcome(lines=(2,), reason=drifted, message=message)]]


def test_what_leads_were_is_kept_of_those_that_are_sent_or_of_all() -> None:
    preview = preview_of()
    assert preview.before(sent_only=True).rows() == [
        (2, "active", "", READ_MS),
        (3, "active", "Cold", READ_MS),
        (4, "active", "Cold", READ_MS),
        (9, "bounced", "Cold", READ_MS),
    ]
    assert preview.before(sent_only=False)["line"].to_list() == [2, 3, 4, 5, 8, 9]


def test_every_row_of_a_request_is_told_what_is_planned() -> None:
    told = preview_of().told()
    assert told.rows() == [
        (2, "will_change", "active", "paused", "null", "null", ""),
        (3, "will_change", "active", "active", "Cold", "Hot", ""),
        (4, "will_change", "active", "active", "Cold", "null", ""),
        (5, "already_so", "active", "active", "Cold", "Cold", told["message"][3]),
        (6, "unknown_lead", None, None, None, None, "the campaign has no lead of this id."),
        (7, "own_id", None, None, None, None, told["message"][5]),
        (
            8,
            "final_state",
            "replied",
            "replied",
            "Hot",
            "Hot",
            "the lead is replied, so status paused is left out.",
        ),
        (
            9,
            "in_part",
            "bounced",
            "bounced",
            "Cold",
            "Hot",
            "the lead is bounced, so status active is left out.",
        ),
        (20, "will_change", "active", "active", "Cold", "Hot", ""),
    ]
