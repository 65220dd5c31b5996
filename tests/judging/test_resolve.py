from collections.abc import Mapping

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import Naming
from batch.judging import resolve
from batch.judging.resolve import (
    RESOLVED,
    CampaignNaming,
    LeadDirectory,
    Nearest,
    provisional,
    read_names,
)
from batch.judging.rules import Rules
from batch.model import Field, Reason
from batch.recording.snapshot import SCHEMA

RULES = Rules(name="leads.csv")
SPRING, AUTUMN = "64f1c0a95e8b7d2f3a6c9e01", "64f1c0a95e8b7d2f3a6c9e02"
CAMPAIGNS = {
    "Spring": (SPRING, ""),
    SPRING: (SPRING, ""),
    AUTUMN: (AUTUMN, ""),
    "x": (None, "Why."),
}
COLUMNS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID, *Naming)
Row = tuple[int, str | None, str | None, str | None, str | None, str | None, str | None]


def lead_id(number: int) -> str:
    return f"{number:024x}"


def leads(*known: tuple[str, int, str]) -> list[pl.DataFrame]:
    """One frame for each lead: campaign, number, address."""
    return [
        pl.DataFrame(
            [{"campaign_id": campaign, "campaign_lead_id": lead_id(number), "email": email}],
            schema=SCHEMA,
        )
        for campaign, number, email in known
    ]


def cells(*rows: Mapping[str, str | None]) -> pl.DataFrame:
    """What a table gives of these rows, from line 2 on."""
    texts = [{str(column): row.get(column) for column in COLUMNS} for row in rows]
    frame = pl.DataFrame(texts, schema=dict.fromkeys(map(str, COLUMNS), pl.String))
    return frame.with_row_index("line", offset=2)


def resolved(
    *rows: Mapping[str, str | None],
    known: list[pl.DataFrame],
    named: CampaignNaming = CampaignNaming(),  # noqa: B008 - it is frozen
) -> list[Row]:
    frame = LeadDirectory(CAMPAIGNS, known).resolve(read_names(cells(*rows), RULES, named))
    assert dict(frame.schema) == dict(RESOLVED)
    return frame.rows()


ANN = leads((SPRING, 1, "Ann@Example.com"))


@pytest.mark.parametrize(
    "address", ["ann@example.com", " ANN@EXAMPLE.COM\u200b", "\u00a0ann@example.com\n"]
)
def test_an_address_is_compared_without_case_and_what_stands_round_it(address: str) -> None:
    ((_, campaign, lead, reason, *_),) = resolved(
        {"campaign": "Spring", "email": address}, known=ANN
    )
    assert (campaign, lead, reason) == (SPRING, lead_id(1), None)


@pytest.mark.parametrize(
    ("row", "reason", "column", "found"),
    [
        ({"email": "a@b.c"}, Reason.MISSING_ID, "campaign", ""),
        ({"email": "a@b.c", "campaign": "#REF!"}, Reason.BAD_CELL, "campaign", "#REF!"),
        ({"email": "a@b.c", "campaignId": "Spring"}, Reason.BAD_ID, "campaignId", "Spring"),
        ({"email": "a@b.c", "campaignId": "=A1"}, Reason.BAD_CELL, "campaignId", "=A1"),
        ({"campaign": "Spring"}, Reason.MISSING_ID, "email", ""),
        ({"campaign": "Spring", "email": "a\nb"}, Reason.BAD_CELL, "email", "a\nb"),
        (
            {"campaign": "Spring", "email": "a@b.c", "campaignLeadId": "12"},
            Reason.BAD_ID,
            "campaignLeadId",
            "12",
        ),
    ],
)
def test_what_is_wrong_with_a_row_by_itself_is_told_with_and_without_a_server(
    row: dict[str, str], reason: Reason, column: str, found: str
) -> None:
    named = CampaignNaming(column=Naming.CAMPAIGN)
    ((*_, looked_up_reason, looked_up_column, text, message),) = resolved(
        row, known=ANN, named=named
    )
    assert (looked_up_reason, looked_up_column, text, message) == (reason, column, found, None)
    frame = provisional(read_names(cells(row), RULES, named))
    assert frame.row(0)[3:] == (reason, column, found, None)
    assert dict(frame.schema) == dict(RESOLVED)


def test_a_campaigns_id_outranks_its_name_unless_the_id_was_found_by_it() -> None:
    known = leads((SPRING, 1, "a@b.c"), (AUTUMN, 2, "a@b.c"))
    row = {"campaignId": AUTUMN, "campaign": "Spring", "email": "a@b.c"}
    ((_, campaign, lead, *_),) = resolved(row, known=known)
    assert (campaign, lead) == (AUTUMN, lead_id(2))
    ((_, campaign, lead, *_),) = resolved(row, known=known, named=CampaignNaming(name_first=True))
    assert (campaign, lead) == (SPRING, lead_id(1))


def test_one_campaign_for_all_rows_is_that_of_rows_that_name_none() -> None:
    known = leads((SPRING, 1, "a@b.c"), (AUTUMN, 2, "a@b.c"))
    rows = [{"email": "a@b.c"}, {"campaign": AUTUMN, "email": "a@b.c"}]
    found = resolved(*rows, known=known, named=CampaignNaming(campaign="Spring"))
    assert [row[2] for row in found] == [lead_id(1), lead_id(2)]


def test_a_lead_whose_id_could_change_a_path_is_never_found() -> None:
    frame = ANN[0].with_columns(campaign_lead_id=pl.lit("../" + "0" * 21))
    ((*_, reason, _, _, _),) = resolved(
        {"campaign": "Spring", "email": "ann@example.com"}, known=[frame]
    )
    assert reason == Reason.UNKNOWN_LEAD


def test_without_a_server_rows_of_one_address_are_one_lead() -> None:
    rows = [
        {"campaign": "Spring", "email": "A@b.c"},
        {"campaign": "spring ", "email": "a@B.c"},
        {"campaign": "Spring", "email": "other@b.c"},
    ]
    pairs = provisional(read_names(cells(*rows), RULES, CampaignNaming())).rows()
    assert pairs[0][1:] == pairs[1][1:] != pairs[2][1:]


addresses = st.sampled_from(["a@x.c", "A@x.c", "b@x.c", "c@x.c", "ab@x.c"])
campaigns = st.sampled_from([SPRING, AUTUMN])
known_leads = st.lists(
    st.tuples(campaigns, st.integers(1, 9), addresses), unique_by=lambda x: x[:2]
)
rows_asked = st.lists(
    st.tuples(
        st.sampled_from(["Spring", SPRING, AUTUMN, "x"]),
        addresses,
        st.none() | st.integers(1, 9).map(lead_id),
    ),
    max_size=12,
)


@given(known_leads, rows_asked)
def test_every_row_gets_the_only_lead_of_its_address_or_says_why_it_has_none(
    known: list[tuple[str, int, str]], asked: list[tuple[str, str, str | None]]
) -> None:
    rows = [
        {"campaign": campaign, "email": email, "campaignLeadId": given_id}
        for campaign, email, given_id in asked
    ]
    found = resolved(*rows, known=leads(*known))
    assert [row[0] for row in found] == list(range(2, 2 + len(asked)))
    for (_, campaign_id, lead, reason, *_, message), (campaign, email, given_id) in zip(
        found, asked, strict=True
    ):
        wanted = CAMPAIGNS[campaign][0]
        own = {lead_id(n): address for where, n, address in known if where == wanted}
        of_address = sorted(n for n in own if own[n].lower() == email.lower())
        expected: tuple[Reason | None, str | None]
        if wanted is None:
            expected = (Reason.UNKNOWN_CAMPAIGN, given_id)
        elif given_id is not None:
            expected = (None if given_id in of_address else Reason.UNKNOWN_LEAD, given_id)
        elif len(of_address) == 1:
            expected = (None, of_address[0])
        else:
            expected = (Reason.AMBIGUOUS_LEAD if of_address else Reason.UNKNOWN_LEAD, None)
        assert (campaign_id, reason, lead) == (wanted, *expected)
        assert (message is None) == (reason is None)


def test_an_address_that_is_nearly_right_is_suggested_from_its_own_campaign_alone() -> None:
    known = leads((SPRING, 1, "ann.lee@acme.com"), (AUTUMN, 2, "bob.ray@acme.com"))
    rows = [
        {"campaign": "Spring", "email": "anne.lee@acme.com"},
        {"campaign": "Spring", "email": "bob.roy@acme.com"},
    ]
    assert [row[-1] for row in resolved(*rows, known=known)] == [
        (
            'no lead of the campaign has the e-mail address "anne.lee@acme.com". '
            'Did you mean "ann.lee@acme.com"?'
        ),
        'no lead of the campaign has the e-mail address "bob.roy@acme.com".',
    ]


def test_suggestions_end_when_they_have_cost_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "_COMPARISONS", 3)
    frame = pl.DataFrame({"campaign_id": [SPRING] * 2, "key": ["ann@acme.com", "bob@acme.com"]})
    suggestions = Nearest(frame)
    assert suggestions.find("anna@acme.com", SPRING) == "ann@acme.com"
    assert suggestions.find("bobb@acme.com", SPRING) is None
    assert suggestions.find("anna@acme.com", SPRING) == "ann@acme.com"  # remembered
