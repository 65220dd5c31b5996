from collections.abc import Mapping, Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.columns import MERGED, SWALLOWED, Naming
from batch.judging.rules import Rules
from batch.judging.workspaces import ASSIGNED, assign, find_workspace
from batch.model import Field, Reason

RULES = Rules(name="leads.csv")
ACME, BETA, OTHER_BETA, GAMMA = (f"{n:024x}" for n in (0xA, 0xB, 0xBB, 0xC))
KNOWN = {
    ACME: ("Acme Ltd", "acme"),
    BETA: ("Beta",),
    OTHER_BETA: ("beta ",),
    GAMMA: ("Łódź",),
}
COLUMNS = (*Field, Naming.WORKSPACE)
Row = tuple[str | None, Reason | None, str]


def campaign(number: int) -> str:
    return f"{number:023x}c"


def cells(rows: Sequence[Mapping[str, str | None]], *, size: int = 3) -> list[pl.DataFrame]:
    """What a table gives of these rows, from line 2 on, some at a time."""
    schema = {"blank_row": pl.Boolean, **dict.fromkeys(map(str, COLUMNS), pl.String)}
    texts = [{"blank_row": not any(row.values()), **row} for row in rows]
    frame = pl.DataFrame(texts, schema=schema).with_row_index("line", offset=2)
    return [frame.slice(at, size) for at in range(0, frame.height, size)]


def row(workspace: str | None, lead: int = 0, tag: str = "Hot") -> dict[str, str | None]:
    """A row that is right; every number is a lead of its own, 0 none."""
    ids = (campaign(1), campaign(lead)) if lead else (None, None)
    return dict(zip(map(str, COLUMNS), (*ids, None, tag, workspace), strict=True))


def assigned(*rows: Mapping[str, str | None], default: str | None = None) -> list[Row]:
    frames = list(assign(lambda: iter(cells(rows)), RULES, KNOWN, default))
    found = pl.concat(frames).select(ASSIGNED.names())
    assert found.schema == ASSIGNED
    assert found["line"].to_list() == list(range(2, len(rows) + 2))
    return [
        (one["workspace_id"], one["reason"], one["message"] or "")
        for one in found.iter_rows(named=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Acme Ltd",
        " acme ltd\N{NO-BREAK SPACE}",
        "Acme\N{NO-BREAK SPACE}\N{SPACE}Ltd",
        "ACME",
        ACME.upper(),
    ],
)
def test_a_workspace_is_named_by_any_name_or_its_id_in_any_case(text: str) -> None:
    assert assigned(row(text)) == [(ACME, None, "")]


def test_a_name_with_characters_that_are_not_seen_is_found_as_it_is_shown() -> None:
    name = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER} Devs"
    as_read = {GAMMA: ("\N{WOMAN}\\u200d\N{PERSONAL COMPUTER} Devs",)}
    assert find_workspace(name, as_read) == GAMMA


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (
            "Acmee",
            Reason.UNKNOWN_WORKSPACE,
            '"Acmee" is none of your workspaces. Did you mean "acme"?',
        ),
        (
            "Zürich",
            Reason.UNKNOWN_WORKSPACE,
            '"Zürich" is none of your workspaces; expected "Acme Ltd", "Beta", "beta ", "Łódź".',
        ),
        (
            "BETA",
            Reason.AMBIGUOUS_WORKSPACE,
            f'2 workspaces are called "BETA": {BETA}, {OTHER_BETA}. Write the id of the right one.',
        ),
        (
            "#N/A",
            Reason.BAD_CELL,
            'found "#N/A", a spreadsheet\'s error. Mend it, or write the value.',
        ),
        ("", Reason.MISSING_WORKSPACE, "workspace is blank; expected a workspace's name or id."),
        (None, Reason.MISSING_WORKSPACE, "workspace is blank; expected a workspace's name or id."),
    ],
)
def test_what_names_no_workspace_is_told(text: str | None, reason: Reason, message: str) -> None:
    assert assigned(row(text, 1)) == [(None, reason, message)]


def test_rows_that_name_no_workspace_are_the_defaults() -> None:
    assert [owner for owner, *_ in assigned(row(None), row("Acmee"), default=GAMMA)] == [
        GAMMA,
        None,
    ]


def test_what_is_skipped_in_any_workspace_needs_none() -> None:
    units = {**row("text", tag=""), "campaignId": "(id)", "campaignLeadId": "(id)"}
    rows = [{}, row("nowhere", tag=" "), {**units, "status": "active/paused"}]
    assert assigned(*rows) == [
        (None, Reason.BLANK_ROW, "every cell is blank."),
        (None, Reason.NOTHING_TO_CHANGE, "neither status nor aiTag is given."),
        (None, Reason.NOT_DATA, "a line of units: no cell could be a value."),
    ]


def test_a_cell_that_swallowed_rows_is_told_before_its_workspace() -> None:
    said = dict(zip(SWALLOWED, ("aiTag", "Hot", "It has swallowed 3 rows."), strict=True))
    [frame] = cells([row("nowhere")])
    frame = frame.with_columns(pl.lit(text).alias(name) for name, text in said.items())
    [found] = assign(lambda: iter([frame]), RULES, KNOWN, None)
    wanted = {"reason": "bad_cell", "column": "aiTag", "message": "It has swallowed 3 rows."}
    assert found.select(*wanted).row(0, named=True) == wanted


def test_a_blank_cell_of_merged_ones_is_not_the_defaults() -> None:
    [frame] = cells([row("Acme"), row(""), row("")])
    merged = (None, "workspace", None), (None, "It is merged.", None)
    frame = frame.with_columns(pl.Series(*each) for each in zip(MERGED, merged, strict=True))
    [found] = assign(lambda: iter([frame]), RULES, KNOWN, GAMMA)
    assert found.select("workspace_id", "reason", "message").rows() == [
        (ACME, None, None),
        (None, "missing_workspace", "It is merged."),
        (GAMMA, None, None),
    ]


def test_a_lead_that_two_workspaces_name_is_nobodys() -> None:
    rows = [row("Acme", 7), row("Gamma", 8), row(BETA, 7), row("Acme", 9), row("acme", 7)]
    rows[2]["campaignId"] = f" {campaign(1).upper()} "
    told = (
        f'line 2 names this lead in workspace "Acme Ltd", line 4 in "{BETA}"; '
        "no row of this lead is sent. Keep one workspace."
    )
    found = assigned(*rows)
    assert [found[n] for n in (0, 2, 4)] == [(None, Reason.CONFLICT, told)] * 3
    assert found[3] == (ACME, None, "")


def test_leads_that_are_not_named_by_ids_are_never_in_conflict() -> None:
    assert [owner for owner, *_ in assigned(row("Acme"), row(GAMMA))] == [ACME, GAMMA]


def test_a_header_without_rows_is_nobodys() -> None:
    assert list(assign(lambda: iter(()), RULES, KNOWN, None)) == []


def by_hand(rows: Sequence[Mapping[str, str | None]]) -> list[tuple[str | None, Reason | None]]:
    """The same, row by row."""
    owners: list[str | None] = []
    reasons: list[Reason | None] = []
    for one in rows:
        text = (one.get(Naming.WORKSPACE) or "").strip().lower()
        owner = reason = None
        if text in {"acme", "acme ltd", ACME}:
            owner = ACME
        elif text in {BETA, OTHER_BETA}:
            owner = text
        elif text == "beta":
            reason = Reason.AMBIGUOUS_WORKSPACE
        else:
            reason = Reason.UNKNOWN_WORKSPACE if text else Reason.MISSING_WORKSPACE
        owners.append(owner)
        reasons.append(reason)
    leads = [
        (one.get(Field.CAMPAIGN_ID), one.get(Field.CAMPAIGN_LEAD_ID)) if owner else None
        for one, owner in zip(rows, owners, strict=True)
    ]
    for at, lead in enumerate(leads):
        named_by = {o for o, other in zip(owners, leads, strict=True) if other == lead and lead}
        if lead and lead[1] and len(named_by) > 1:
            reasons[at] = Reason.CONFLICT
    return [(None if r else o, r) for o, r in zip(owners, reasons, strict=True)]


@given(
    rows=st.lists(
        st.builds(
            row,
            st.sampled_from(
                ["acme", "ACME LTD", ACME, BETA, OTHER_BETA, "beta", "Gamma?", "", None]
            ),
            st.integers(0, 4),
        ),
        max_size=12,
    )
)
def test_every_row_is_assigned_as_by_hand(rows: list[dict[str, str | None]]) -> None:
    found = assigned(*rows) if rows else []
    assert [one[:2] for one in found] == by_hand(rows)
