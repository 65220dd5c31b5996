from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.judging import survey
from batch.judging.from_cells import JudgedRows, make_plan
from batch.judging.guardrails import too_many_clears, too_many_invalid
from batch.judging.plan import Plan, Problem
from batch.judging.rules import Rules
from batch.model import Change, Field, Outcome, Reason, Status
from batch.settings.values import OnConflict
from batch.terminal.remedies import in_terminal
from tests.support.sampling import examples

CAMPAIGN = "64f0c0ffee64f0c0ffee0001"
LABELS = ("Interested", "Meeting booked")
RULES = Rules(name="leads.csv", labels=LABELS)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One input row as a test writes it."""

    lead: str = "a"
    status: str = ""
    tag: str = ""
    campaign: str = CAMPAIGN

    @property
    def is_blank(self) -> bool:
        return not (self.lead or self.status or self.tag or self.campaign)


BLANK = Row(lead="", campaign="")


def lead_id(lead: str) -> str:
    """A campaign-lead id for a short name; upper case stays, to test that ids are lowered."""
    return (lead * 24)[:24]


def source(rows: Sequence[Row], *, batch: int = 3) -> Callable[[], Iterator[pl.DataFrame]]:
    """Rows from line 2 on, in batches, as often as they are asked for."""
    frame = pl.DataFrame(
        {
            "line": range(2, len(rows) + 2),
            "blank_row": [row.is_blank for row in rows],
            Field.CAMPAIGN_ID: [row.campaign for row in rows],
            Field.CAMPAIGN_LEAD_ID: [lead_id(row.lead) for row in rows],
            Field.STATUS: [row.status for row in rows],
            Field.AI_TAG: [row.tag for row in rows],
        },
        schema={"line": pl.UInt32, "blank_row": pl.Boolean} | dict.fromkeys(Field, pl.String),
    )
    return lambda: frame.iter_slices(batch)


def plan_of(*rows: Row, on_conflict: OnConflict = OnConflict.ERROR, rules: Rules = RULES) -> Plan:
    return make_plan(source(rows), rules, on_conflict=on_conflict)


def told(plan: Plan) -> list[tuple[int, str, str]]:
    """Line, reason and message of every row that is not sent."""
    return [
        (line, outcome.reason.value, outcome.message)
        for outcomes in plan.judged()
        for outcome in outcomes
        for line in outcome.lines
    ]


def change(*lines: int, lead: str = "a", **asked: object) -> Change:
    return Change(
        lines=lines,
        campaign_id=CAMPAIGN,
        campaign_lead_id=lead_id(lead),
        **asked,  # type: ignore[arg-type]  # the fields of Change, whose types pytest compares
    )


INTERESTED = "Interested"
BOOKED = "Meeting booked"


def test_each_lead_is_one_request_in_line_order() -> None:
    plan = plan_of(Row(lead="b", status="Active"), Row(tag="interested"), Row(lead="c", tag="NULL"))
    assert list(plan.changes()) == [
        change(2, lead="b", status=Status.ACTIVE),
        change(3, ai_tag=INTERESTED),
        change(4, lead="c", clear_tag=True),
    ]
    assert told(plan) == []


def test_ids_that_differ_in_case_are_one_lead() -> None:
    plan = plan_of(Row(lead="A", status="paused"), Row(lead="a", tag=INTERESTED))
    assert list(plan.changes()) == [change(2, 3, status=Status.PAUSED, ai_tag=INTERESTED)]


def test_the_same_lead_in_two_campaigns_is_two_leads() -> None:
    plan = plan_of(Row(status="paused"), Row(campaign="f" * 24, status="active"))
    assert [c.lines for c in plan.changes()] == [(2,), (3,)]


def test_rows_with_different_fields_are_sent_together_by_the_first() -> None:
    plan = plan_of(
        Row(status="paused"),
        Row(lead="b", status="active"),
        Row(tag="null"),
        Row(lead="c", tag="x"),
    )
    assert list(plan.changes()) == [
        change(2, 4, status=Status.PAUSED, clear_tag=True),
        change(3, lead="b", status=Status.ACTIVE),
    ]
    assert (plan.requests, plan.sendable_rows, plan.tags_cleared) == (2, 3, 1)


def test_a_row_that_asks_for_nothing_new_is_a_duplicate() -> None:
    plan = plan_of(
        Row(status="paused"),
        Row(tag="interested"),
        Row(status="Paused", tag="INTERESTED"),
        Row(status="paused"),
    )
    assert list(plan.changes()) == [change(2, 3, status=Status.PAUSED, ai_tag=INTERESTED)]
    assert told(plan) == [
        (4, "duplicate", "lines 2 and 3 together ask for the same."),
        (5, "duplicate", "line 2 asks for the same."),
    ]


def test_without_labels_tags_are_compared_regardless_of_case_and_sent_as_first_written() -> None:
    plan = plan_of(Row(tag="Hot"), Row(tag="HOT"), rules=Rules(name="leads.csv"))
    assert list(plan.changes()) == [change(2, ai_tag="Hot")]
    assert told(plan) == [(3, "duplicate", "line 2 asks for the same.")]


def test_different_values_of_one_field_make_all_rows_of_the_lead_a_conflict() -> None:
    plan = plan_of(
        Row(tag=INTERESTED), Row(status="active"), Row(lead="b", tag="null"), Row(tag=BOOKED)
    )
    message = (
        'line 2 asks for "Interested", line 5 for "Meeting booked"; no row of this lead is sent. '
        "Keep one value."
    )
    assert told(plan) == [
        (2, "conflict", message),
        (3, "conflict", message),
        (5, "conflict", message),
    ]
    assert list(plan.changes()) == [change(4, lead="b", clear_tag=True)]


def test_a_conflict_is_a_problem_of_the_column_it_is_in() -> None:
    plan = plan_of(Row(status="active", tag=INTERESTED), Row(status="paused"), Row(tag=INTERESTED))
    assert [(p.line, p.column, p.found) for p in plan.problems()] == [
        (2, Field.STATUS, "active"),
        (3, Field.STATUS, "paused"),
        (4, Field.STATUS, ""),
    ]
    assert next(plan.problems()).sentence("leads.csv") == (
        "leads.csv line 2, column status: line 2 asks for active, line 3 for paused; "
        "no row of this lead is sent. Keep one value."
    )


def test_clearing_a_tag_and_setting_it_is_a_conflict() -> None:
    plan = plan_of(Row(tag="null"), Row(tag=INTERESTED))
    assert told(plan)[0][2].startswith('line 2 asks for "null", line 3 for "Interested"; ')


def test_an_invalid_row_takes_no_part_in_a_conflict() -> None:
    plan = plan_of(Row(tag=INTERESTED), Row(tag=BOOKED, status="bogus"))
    assert list(plan.changes()) == [change(2, ai_tag=INTERESTED)]


def test_with_last_wins_the_last_value_is_sent_and_the_others_are_superseded() -> None:
    plan = plan_of(
        Row(tag=INTERESTED), Row(tag=BOOKED), Row(tag="null"), on_conflict=OnConflict.LAST_WINS
    )
    assert list(plan.changes()) == [change(4, clear_tag=True)]
    message = 'line 4 asks for "null"; the last value wins.'
    assert told(plan) == [(2, "superseded", message), (3, "superseded", message)]
    assert plan.tally.error == 0


def test_with_last_wins_both_lines_that_won_are_named() -> None:
    plan = plan_of(
        Row(status="active", tag=INTERESTED),
        Row(status="paused"),
        Row(tag=BOOKED),
        on_conflict=OnConflict.LAST_WINS,
    )
    assert told(plan) == [
        (
            2,
            "superseded",
            'line 3 asks for paused, line 4 for "Meeting booked"; the last value wins.',
        )
    ]


def test_one_line_that_won_twice_is_named_once() -> None:
    plan = plan_of(
        Row(status="active", tag=INTERESTED),
        Row(status="paused", tag=BOOKED),
        on_conflict=OnConflict.LAST_WINS,
    )
    assert told(plan) == [
        (2, "superseded", 'line 3 asks for paused and "Meeting booked"; the last value wins.')
    ]


def test_a_row_that_lost_one_field_is_sent_with_the_other_and_told_so() -> None:
    plan = plan_of(
        Row(status="active", tag=INTERESTED), Row(tag=BOOKED), on_conflict=OnConflict.LAST_WINS
    )
    assert list(plan.changes()) == [change(2, 3, status=Status.ACTIVE, ai_tag=BOOKED)]
    assert list(plan.partly_sent()) == [
        (
            2,
            'sent without its aiTag: line 3 asks for "Meeting booked", and the last value wins.',
        )
    ]
    assert (plan.tags_set, plan.to_active, plan.sendable_rows) == (1, 1, 2)


def test_a_clear_that_lost_clears_nothing() -> None:
    plan = plan_of(
        Row(status="active", tag="null"), Row(tag=BOOKED), on_conflict=OnConflict.LAST_WINS
    )
    assert list(plan.changes()) == [change(2, 3, status=Status.ACTIVE, ai_tag=BOOKED)]
    assert (plan.tags_set, plan.tags_cleared, plan.clears_rows) == (1, 0, 0)


def test_a_value_that_returns_is_sent_by_the_row_that_set_it_first() -> None:
    plan = plan_of(
        Row(tag=INTERESTED), Row(tag=BOOKED), Row(tag=INTERESTED), on_conflict=OnConflict.LAST_WINS
    )
    assert list(plan.changes()) == [change(2, ai_tag=INTERESTED)]
    assert told(plan) == [
        (3, "superseded", 'line 4 asks for "Interested"; the last value wins.'),
        (4, "duplicate", "line 2 asks for the same."),
    ]


def test_the_first_problems_are_those_of_rows_and_of_leads_in_line_order() -> None:
    rows = [Row(status="active"), Row(status="bogus"), Row(status="paused"), BLANK]
    plan = plan_of(*rows, *[Row(lead="b", status="x")] * 40)
    assert plan.first_problems == tuple(islice(plan.problems(), 20))
    assert [p.line for p in plan.first_problems] == [2, 3, 4, *range(6, 23)]


def test_a_problem_carries_all_that_a_table_shows() -> None:
    plan = plan_of(Row(tag="Intrested"))
    assert plan.first_problems == (
        Problem(
            line=2,
            column=Field.AI_TAG,
            reason=Reason.UNKNOWN_TAG,
            found="Intrested",
            message='"Intrested" is not a label of this workspace. Did you mean "Interested"?',
        ),
    )


def test_the_numbers_are_those_of_the_requests() -> None:
    plan = plan_of(
        Row(lead="a", status="active", tag=INTERESTED),
        Row(lead="a", status="active"),
        Row(lead="b", status="paused"),
        Row(lead="b", tag="null"),
        Row(lead="c", tag=BOOKED),
        Row(lead="d", tag=BOOKED, campaign="f" * 24),
        Row(lead="e", tag="null"),
        Row(lead="e", tag=BOOKED),
        BLANK,
    )
    assert plan.rows == 9
    assert plan.tally == {Reason.DUPLICATE: 1, Reason.CONFLICT: 2, Reason.BLANK_ROW: 1}
    assert (plan.requests, plan.sendable_rows) == (4, 5)
    assert (plan.to_active, plan.to_paused) == (1, 1)
    assert (plan.tags_set, plan.tags_cleared, plan.clears_rows) == (3, 1, 1)


def test_a_file_without_rows_is_an_empty_plan() -> None:
    plan = plan_of()
    assert (plan.rows, plan.requests, plan.first_problems) == (0, 0, ())
    assert [*plan.changes(), *plan.problems(), *plan.judged()] == []


def test_changes_are_read_only_as_far_as_they_are_asked_for() -> None:
    read: list[int] = []
    rows = [Row(lead=f"{n:02x}", status="active") for n in range(30)]

    def cells() -> Iterator[pl.DataFrame]:
        for frame in source(rows)():
            read.append(frame.height)
            yield frame

    plan = make_plan(cells, RULES, on_conflict=OnConflict.ERROR)
    read.clear()
    assert [c.lines for c in islice(plan.changes(), 4)] == [(2,), (3,), (4,), (5,)]
    assert read == [3, 3]


@pytest.mark.parametrize(
    ("invalid", "rows", "stops"), [(20, 30, False), (21, 42, False), (21, 41, True)]
)
def test_more_than_half_and_more_than_twenty_invalid_rows_are_too_many(
    invalid: int, rows: int, *, stops: bool
) -> None:
    good = [Row(lead=f"{n:02x}", status="active") for n in range(rows - invalid)]
    text = too_many_invalid(plan_of(*good, *[Row(status="bogus")] * invalid), name="leads.csv")
    assert (text is not None) is stops
    if text is not None:
        assert in_terminal(text) == (
            "21 of 41 rows are invalid, more than half: probably the columns are the wrong ones. "
            'The first: leads.csv line 22, column status: found "bogus"; expected active or '
            "paused. "
            "Mend the file or name its columns with --map; to send the valid rows all the same, "
            "use --allow-invalid."
        )


@pytest.mark.parametrize(
    ("clears", "others", "stops"), [(20, 10, False), (21, 21, False), (21, 20, True)]
)
def test_more_than_half_and_more_than_twenty_clears_are_too_many(
    clears: int, others: int, *, stops: bool
) -> None:
    rows = [
        Row(lead=f"{n:02x}", tag="null" if n < clears else INTERESTED)
        for n in range(clears + others)
    ]
    text = too_many_clears(plan_of(*rows, *[Row(status="bogus")] * 50))
    assert (text is not None) is stops
    if text is not None:
        assert in_terminal(text) == (
            "21 of the 41 rows to send clear the tag, more than half. "
            "If that is meant, use --allow-clears, or type 21 at the question."
        )


# An oracle of the contract, row by row and with nothing of the program's in it.


@dataclass(kw_only=True)
class Expected:
    """Reason of each line that is not sent, and lines and values of each request."""

    reasons: dict[int, str] = field(default_factory=dict)
    requests: list[tuple[tuple[int, ...], str | None, str | None]] = field(default_factory=list)
    partly: list[int] = field(default_factory=list)


def alone(row: Row) -> str | None:  # noqa: PLR0911  # one return for each reason
    if row.is_blank:
        return "blank_row"
    if not row.status and not row.tag:
        return "nothing_to_change"
    if not row.campaign or not row.lead:
        return "missing_id"
    if row.lead == "x":
        return "bad_id"
    if row.status.lower() not in ("", "active", "paused"):
        return "bad_status"
    if row.tag.lower() not in ("", "null", "interested", "meeting booked"):
        return "unknown_tag"
    return None


def values(row: Row) -> dict[str, str]:
    pairs = {"status": row.status.lower(), "tag": row.tag.lower()}
    return {name: value for name, value in pairs.items() if value}


def oracle(rows: Sequence[Row], on_conflict: OnConflict) -> Expected:
    expected = Expected()
    leads: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = {}
    for line, row in enumerate(rows, start=2):
        reason = alone(row)
        if reason is not None:
            expected.reasons[line] = reason
            continue
        leads.setdefault((row.campaign, row.lead.lower()), []).append((line, values(row)))
    for members in leads.values():
        judge_lead(members, on_conflict, expected)
    expected.requests.sort()
    expected.partly.sort()
    return expected


def judge_lead(
    members: list[tuple[int, dict[str, str]]], on_conflict: OnConflict, expected: Expected
) -> None:
    asked = {(name, value) for _, row in members for name, value in row.items()}
    final = {name: value for _, row in members for name, value in row.items()}
    if on_conflict is OnConflict.ERROR and len(asked) > len(final):
        expected.reasons |= {line: "conflict" for line, _ in members}
        return
    lines = []
    seen: set[tuple[str, str]] = set()
    for line, row in members:
        lost = {name for name, value in row.items() if final[name] != value}
        if len(lost) == len(row):
            expected.reasons[line] = "superseded"
        elif seen.issuperset(row.items()):
            expected.reasons[line] = "duplicate"
        else:
            lines.append(line)
            expected.partly += [line] if lost else []
        seen.update(row.items())
    expected.requests.append((tuple(lines), final.get("status"), final.get("tag")))


# Mostly valid rows of few leads, so that rows of one lead meet in every way.
VALID = [
    Row(lead=lead, status=status, tag=tag)
    for lead in ("a", "A", "b")
    for status in ("", "active", "Paused")
    for tag in ("", "interested", "Interested", "MEETING BOOKED", "Null")
]
OTHERS = [
    BLANK,
    Row(campaign="f" * 24, status="active"),
    Row(campaign="f" * 24, tag="interested"),
    Row(campaign="", status="active"),
    Row(lead="", tag="null"),
    Row(lead="x", status="active"),
    Row(status="bogus", tag="blue"),
    Row(status="active", tag="blue"),
]
ROWS = st.lists(st.sampled_from([*VALID, *OTHERS]), max_size=14)


def sent(changes: Iterator[Change]) -> list[tuple[tuple[int, ...], str | None, str | None]]:
    return [
        (c.lines, c.status, "null" if c.clear_tag else c.ai_tag and c.ai_tag.lower())
        for c in changes
    ]


def outcomes(plan: Plan) -> list[Outcome]:
    return [outcome for part in plan.judged() for outcome in part]


@examples(50)
@given(rows=ROWS, on_conflict=st.sampled_from(OnConflict), batch=st.integers(1, 6))
def test_every_file_comes_to_what_the_contract_says(
    rows: list[Row], on_conflict: OnConflict, batch: int
) -> None:
    plan = make_plan(source(rows, batch=batch), RULES, on_conflict=on_conflict)
    expected = oracle(rows, on_conflict)

    assert sent(plan.changes()) == sent(plan.changes()) == expected.requests
    judged = outcomes(plan)
    assert judged == outcomes(plan)
    assert {o.lines[0]: o.reason for o in judged} == expected.reasons
    assert [o.lines[0] for o in judged] == sorted(expected.reasons)
    assert [line for line, _ in plan.partly_sent()] == expected.partly
    in_requests = [line for lines, _, _ in expected.requests for line in lines]
    assert sorted([*in_requests, *expected.reasons]) == list(range(2, len(rows) + 2))

    problems = list(plan.problems())
    assert [p.line for p in problems] == [o.lines[0] for o in judged if o.reason.result == "error"]
    assert plan.first_problems == tuple(problems[:20])


@examples(40)
@given(rows=ROWS, on_conflict=st.sampled_from(OnConflict))
def test_the_numbers_add_up(rows: list[Row], on_conflict: OnConflict) -> None:
    plan = make_plan(source(rows), RULES, on_conflict=on_conflict)
    expected = oracle(rows, on_conflict)

    assert plan.rows == len(rows) == plan.sendable_rows + plan.tally.total()
    assert plan.tally == Counter(expected.reasons.values())
    assert plan.requests == len(expected.requests)
    statuses = Counter(status for _, status, _ in expected.requests)
    tags = Counter(tag for _, _, tag in expected.requests)
    assert (plan.to_active, plan.to_paused) == (statuses["active"], statuses["paused"])
    assert plan.tags_cleared == tags["null"]
    assert plan.tags_set == sum(n for tag, n in tags.items() if tag not in (None, "null"))
    clears = [
        line
        for lines, _, tag in expected.requests
        if tag == "null"
        for line in lines
        if rows[line - 2].tag.lower() == "null"
    ]
    assert plan.clears_rows == len(clears)


MANY = [
    Row(lead=f"{n % 40:02x}", status="active" if n % 3 else "", tag=INTERESTED if n % 2 else "")
    for n in range(200)
]


def plan_of_many() -> Plan:
    return make_plan(source(MANY, batch=60), RULES, on_conflict=OnConflict.ERROR)


def test_leads_compared_in_parts_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plan_of_many()
    monkeypatch.setattr(survey, "_ROWS_COMPARED", 50)
    parts = plan_of_many()
    assert list(parts.changes()) == list(whole.changes())
    assert outcomes(parts) == outcomes(whole)
    assert isinstance(parts.source, JudgedRows)
    assert isinstance(whole.source, JudgedRows)
    assert len(parts.source.leads.judged) > len(whole.source.leads.judged)
    assert parts.tally == whole.tally


def test_leads_whose_hashes_collide_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = plan_of_many()
    monkeypatch.setattr(survey, "_HASH", pl.col("line").cast(pl.UInt64) * 0)
    collided = plan_of_many()
    assert list(collided.changes()) == list(apart.changes())
    assert outcomes(collided) == outcomes(apart)
    assert collided.requests == apart.requests
