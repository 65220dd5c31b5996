import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.judging.diff import VERDICTS, Known, Verdict, judge_live
from batch.model import FINAL_STATUSES as FINAL
from batch.model import LEAD_STATUSES
from tests.support.leads_now import READ_MS, Asked, Lead, baseline, leads, requests


def verdict_of(
    asked: Asked, *now: Lead, expected: pl.DataFrame | None = None, **known: object
) -> str:
    """The verdict about one request, at line 2."""
    judged = judge_live(
        requests(asked),
        Known(leads=leads(*now), **known),  # type: ignore[arg-type]  # the fields of Known
        baseline=expected,
    )
    assert judged.schema == VERDICTS
    (verdict,) = judged["verdict"]
    return str(verdict)


@pytest.mark.parametrize(
    ("asked", "now", "verdict"),
    [
        (("a", "paused", None), ("a", "active", "Hot"), Verdict.WILL_CHANGE),
        (("a", None, "Cold"), ("a", "active", "Hot"), Verdict.WILL_CHANGE),
        (("a", None, "Cold"), ("a", "active", None), Verdict.WILL_CHANGE),
        (("a", None, ""), ("a", "active", "Hot"), Verdict.WILL_CHANGE),
        (("a", "active", "Cold"), ("a", "active", "Hot"), Verdict.WILL_CHANGE),
        (("a", "active", "hot"), ("a", "active", "Hot"), Verdict.ALREADY_SO),
        (("a", None, ""), ("a", "replied", None), Verdict.ALREADY_SO),
        (("a", "completed", None), ("a", "completed", None), Verdict.ALREADY_SO),
        (("a", "completed", "Hot"), ("a", "completed", None), Verdict.THROUGH),
        (("a", None, "Hot"), ("a", "replied", None), Verdict.THROUGH),
        (("a", "completed", "Hot"), ("a", "replied", None), Verdict.BAD_STATUS),
        *((("a", "paused", None), ("a", final, "Hot"), Verdict.FINAL_STATE) for final in FINAL),
        *((("a", "active", "hot"), ("a", final, "Hot"), Verdict.FINAL_STATE) for final in FINAL),
        *((("a", "active", "Hot"), ("a", final, None), Verdict.IN_PART) for final in FINAL),
        (("a", "paused", ""), ("a", "replied", "Hot"), Verdict.IN_PART),
        (("a", "active", "Hot"), ("a", "pending", None), Verdict.WILL_CHANGE),
        (("a", "completed", None), ("a", "active", None), Verdict.BAD_STATUS),
        (("b", "paused", None), ("a", "active", None), Verdict.UNKNOWN_LEAD),
        (("own-a", "paused", None), ("a", "active", None), Verdict.OWN_ID),
    ],
)
def test_a_request_is_judged_by_what_its_lead_is_now(
    asked: Asked, now: Lead, verdict: Verdict
) -> None:
    assert verdict_of(asked, now) == verdict


def test_the_leads_own_id_is_answered_with_the_right_one() -> None:
    known = Known(leads=leads(("a", "active", None), ("b", "active", None)))
    judged = judge_live(requests(("own-b", "paused", None), ("a", "paused", None)), known)
    assert judged["right_id"].to_list() == ["b", None]


def test_another_campaigns_lead_of_the_same_id_is_not_meant() -> None:
    known = Known(leads=leads(("a", "paused", None), campaign="other"))
    assert judge_live(requests(("a", "paused", None)), known)["verdict"][0] == "unknown_lead"


def test_in_an_unknown_campaign_no_lead_is_looked_for() -> None:
    assert verdict_of(("a", "paused", None), unknown=("c",)) == Verdict.UNKNOWN_CAMPAIGN


def test_what_was_not_read_is_sent_as_it_was_asked_for() -> None:
    assert verdict_of(("b", "paused", None), ("a", "active", None), whole=False) == Verdict.UNREAD


@pytest.mark.parametrize(
    ("oldest_ms", "verdict"),
    [(READ_MS, Verdict.ALREADY_SO), (READ_MS + 1, Verdict.UNREAD)],
)
def test_what_was_read_too_long_ago_leaves_nothing_out(oldest_ms: int, verdict: Verdict) -> None:
    now = ("a", "paused", None)
    assert verdict_of(("a", "paused", None), now, oldest_ms=oldest_ms) == verdict


@pytest.mark.parametrize("asked", [("a", "active", "Hot"), ("a", "active", "Cold")])
@pytest.mark.parametrize("since_ms", [READ_MS, READ_MS + 1])
def test_a_status_is_left_out_only_where_the_lead_was_read_lately(
    asked: Asked, since_ms: int
) -> None:
    now = ("a", "completed", "Cold")
    left = {"Hot": Verdict.IN_PART, "Cold": Verdict.FINAL_STATE}[str(asked[2])]
    verdict = left if since_ms == READ_MS else Verdict.THROUGH
    assert verdict_of(asked, now, through_since_ms=since_ms) == verdict


@pytest.mark.parametrize(
    ("expected", "verdict"),
    [
        ((2, "active", "Cold"), Verdict.WILL_CHANGE),
        ((2, "active", "cold"), Verdict.WILL_CHANGE),
        ((2, None, None), Verdict.WILL_CHANGE),  # nothing is expected of it
        ((2, "completed", "Cold"), Verdict.DRIFTED),
        ((2, "active", "Hot"), Verdict.DRIFTED),
        ((2, "active", ""), Verdict.DRIFTED),
        ((3, "active", "Cold"), Verdict.DRIFTED),  # that is another's: it was not there
    ],
)
def test_a_lead_that_is_not_what_was_expected_has_drifted(
    expected: tuple[int, str | None, str | None], verdict: Verdict
) -> None:
    now = ("a", "active", "Cold")
    assert verdict_of(("a", "paused", None), now, expected=baseline(expected)) == verdict


@pytest.mark.parametrize(
    ("asked", "now", "verdict"),
    [
        (("a", "paused", None), ("a", "paused", "Hot"), Verdict.ALREADY_SO),
        (("a", "paused", None), ("b", "active", "Hot"), Verdict.UNKNOWN_LEAD),
        # Since then it is through: nothing of the first remains, but the tag of the second.
        (("a", "paused", None), ("a", "replied", "Cold"), Verdict.FINAL_STATE),
        (("a", "paused", "Hot"), ("a", "replied", "Cold"), Verdict.DRIFTED),
    ],
)
def test_a_drifted_lead_is_judged_again(asked: Asked, now: Lead, verdict: Verdict) -> None:
    assert verdict_of(asked, now, expected=baseline((2, "active", "Cold"))) == verdict


tags = st.sampled_from([None, "", "Hot", "hot", "Cold"])
statuses = st.sampled_from([None, *LEAD_STATUSES])
asked = st.tuples(st.sampled_from("abcd"), statuses, tags)
now = st.tuples(st.sampled_from(LEAD_STATUSES), st.sampled_from([None, "Hot", "Cold"]))


@given(st.lists(asked, max_size=12), st.dictionaries(st.sampled_from("abc"), now))
def test_each_request_gets_one_verdict_and_only_needed_ones_are_sent(
    wanted: list[Asked], live: dict[str, tuple[str, str | None]]
) -> None:
    known = Known(leads=leads(*((lead, *values) for lead, values in live.items())))
    judged = judge_live(requests(*wanted), known)
    assert judged["line"].to_list() == list(range(2, len(wanted) + 2))
    for (lead, status, tag), verdict in zip(wanted, map(Verdict, judged["verdict"]), strict=True):
        if lead not in live:
            assert verdict is Verdict.UNKNOWN_LEAD
            continue
        live_status, live_tag = live[lead]
        holds = status in {None, live_status} and (
            tag is None or tag.lower() == (live_tag or "").lower()
        )
        assert (verdict is Verdict.ALREADY_SO) == holds
        is_left = status in {"active", "paused"} and live_status in FINAL
        assert (verdict in {Verdict.IN_PART, Verdict.FINAL_STATE}) == is_left
        if verdict.is_sent:
            assert status in {None, "active", "paused", live_status}
