"""Columns that are proposed by their values, and the option that names them."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.advice import Fix, Remedy
from batch.columns import Column
from batch.errors import InputError
from batch.jobs.requesting import overrides_of
from batch.model import Field
from batch.reading.proposals import choice
from batch.reading.spreadsheet import TableOptions
from batch.reading.table import open_table
from batch.settings.options import CliOptions
from batch.terminal.remedies import in_terminal, map_option
from tests.support.program import write_rows
from tests.support.sampling import examples

C1, C2, L = "65c0ffee0000000000000001", "65c0ffee0000000000000002", "66a1b2c3d4e5f6a7b8c9d00"
ADDRESSES = [f"a{n}@x.example" for n in range(4)]


def proposed(
    folder: Path,
    header: Sequence[str],
    *columns: Sequence[str],
) -> dict[str, str]:
    """What is proposed for a spreadsheet of these columns, which can't be read as it is."""
    path = write_rows(folder / "leads.csv", header, list(zip(*columns, strict=True)))
    with pytest.raises(InputError) as caught:
        open_table(path, TableOptions())
    remedies = [
        part
        for part in caught.value.advice.parts
        if isinstance(part, Remedy) and part.fix is Fix.MAP_COLUMN
    ]
    return {str(column): name for each in remedies for column, name in each.columns}


CAMPAIGNS = [C1, C1, C2, C2]
LEADS = [f"{L}{n}" for n in range(4)]
STATUSES = ["active", "Paused", "", "paused"]
BOTH = {"campaignId": "a", "campaignLeadId": "b"}


@pytest.mark.parametrize(
    ("header", "columns", "found"),
    [
        # The campaign's ids are few, the lead's are many, in whatever order they come.
        (["a", "b", "status"], [CAMPAIGNS, LEADS, STATUSES], BOTH),
        (["b", "a", "status"], [LEADS, CAMPAIGNS, STATUSES], BOTH),
        (["a", "b", "c"], [CAMPAIGNS, LEADS, STATUSES], {**BOTH, "status": "c"}),
        (["a", "b", "c", "d"], [CAMPAIGNS, LEADS, STATUSES, ADDRESSES], {**BOTH, "status": "c"}),
        # Values outrank names.
        (
            ["campaign", "Lead", "a", "b", "status"],
            [ADDRESSES, STATUSES, CAMPAIGNS, LEADS, STATUSES],
            BOTH,
        ),
        # One is known.
        (["campaignId", "b", "status"], [CAMPAIGNS, LEADS, STATUSES], {"campaignLeadId": "b"}),
        (["a", "campaignLeadId", "status"], [CAMPAIGNS, LEADS, STATUSES], {"campaignId": "a"}),
        # A lead's own id looks the same: then names decide.
        (
            ["a", "campaign lead", "lead", "status"],
            [CAMPAIGNS, LEADS, LEADS, STATUSES],
            {"campaignId": "a", "campaignLeadId": "campaign lead"},
        ),
        (
            ["Camp", "Lead", "status"],
            [LEADS, LEADS, STATUSES],
            {"campaignId": "Camp", "campaignLeadId": "Lead"},
        ),
        # Nothing tells: nothing is proposed.
        (
            ["x", "y", "status"],
            [LEADS, LEADS, STATUSES],
            {"campaignId": "", "campaignLeadId": ""},
        ),
        # Addresses stand for leads where there is no column of their ids.
        (["campaignId", "m", "status"], [CAMPAIGNS, ADDRESSES, STATUSES], {"email": "m"}),
        (
            ["a", "m", "status"],
            [CAMPAIGNS, ADDRESSES, STATUSES],
            {"campaignId": "a", "email": "m"},
        ),
        (
            ["Campaigns", "m", "status"],
            [["x"] * 4, ADDRESSES, STATUSES],
            {"email": "m", "campaign": "Campaigns"},
        ),
        (["email", "a", "status"], [ADDRESSES, CAMPAIGNS, STATUSES], {"campaignId": "a"}),
        # A status that can be set is among them.
        (
            ["campaignId", "campaignLeadId", "s", "t"],
            [CAMPAIGNS, LEADS, ["completed"] * 4, STATUSES],
            {"status": "t"},
        ),
        # What exporters put round a value.
        (
            ["a", "b", "status"],
            [[f'="{each}"' for each in CAMPAIGNS], [f" {each} " for each in LEADS], STATUSES],
            BOTH,
        ),
    ],
)
def test_columns_are_proposed_by_their_values(
    tmp_path: Path, header: list[str], columns: list[list[str]], found: dict[str, str]
) -> None:
    assert proposed(tmp_path, header, *columns) == found


def test_a_few_wrong_values_make_no_other_column(tmp_path: Path) -> None:
    leads = [f"{L}{n}" for n in range(8)]
    header, campaigns, statuses = ["a", "b", "status"], [C1] * 8, ["paused"] * 8
    assert proposed(tmp_path, header, campaigns, [*leads[:7], "6.5E+23"], statuses) == BOTH
    few = proposed(tmp_path, header, campaigns, [*leads[:6], "x", "y"], statuses)
    assert few == {"campaignId": "a", "campaignLeadId": ""}


def test_a_proposal_is_never_used_unasked(tmp_path: Path) -> None:
    """It is an error until somebody names the columns."""
    header = ["a", "b", "c"]
    path = write_rows(tmp_path / "leads.csv", header, [(C1, f"{L}{n}", "paused") for n in "12"])
    with pytest.raises(InputError) as caught:
        open_table(path, TableOptions())
    assert in_terminal(caught.value) == (
        "leads.csv: columns campaignId and campaignLeadId (or email in its place) are missing; "
        'found "a", "b", "c". By their values, campaignId is "a", campaignLeadId is "b", status is '
        '"c". Use --map campaignId="a" --map campaignLeadId="b" --map status="c"'
    )


@pytest.mark.parametrize(
    ("campaign", "advice"),
    [
        ("Spring", '--map email="Mail"'),
        (
            None,
            'can be named with --campaign. Use --map email="Mail" --map campaign="…"',
        ),
    ],
)
def test_two_columns_with_addresses_are_no_title(
    tmp_path: Path, campaign: str | None, advice: str
) -> None:
    rows = [("ann@example.com", "Interested"), ("bob@example.com", "Not now")]
    path = write_rows(tmp_path / "leads.csv", ["Mail", "Label"], rows)
    with pytest.raises(InputError) as caught:
        open_table(path, TableOptions(has_campaign=campaign is not None))
    told = in_terminal(caught.value)
    assert 'found "Mail", "Label". By their values, email is "Mail". ' in told
    assert told.endswith(advice)
    assert ("--campaign" in told) is (campaign is None)


def test_a_file_whose_rows_can_t_be_read_is_told_of_by_its_names(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(f'Camp,Lead,status\n{C1},{L}1,"paused\n', "utf-8")
    with pytest.raises(InputError, match='Nearest to campaignId is "Camp"'):
        open_table(path, TableOptions())


# --- What is printed works in a shell ---

NAMES = st.text(
    st.sampled_from("aB1é中 =$`'\"\\!%#&;|<>*?~(){}[]\t\n\x1b\u200b-_")
    | st.characters(codec="utf-8"),
    max_size=12,
)
HEADERS = st.lists(NAMES, min_size=2, max_size=4)


def in_shell(options: str) -> list[str]:
    """The words that a shell makes of a line."""
    line = f"printf '%s\\0' {options}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("name", ["$HOME", "`true`", "it's", "a b", "x\\\\y"])
def test_the_printed_option_has_its_column_in_quotes_for_a_shell(name: str) -> None:
    assert in_shell(map_option(Field.CAMPAIGN_ID, name)) == ["--map", f"campaignId={name}"]


@given(header=HEADERS, data=st.data())
@examples(120)
def test_the_printed_option_names_its_column_whatever_that_is_called(
    header: list[str], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(header) - 1))
    option = map_option(Field.CAMPAIGN_ID, choice(header, at))
    assert option.isprintable()
    words = in_shell(option)
    assert words == shlex.split(option)
    flag, mapping = words
    assert flag == "--map"
    columns = overrides_of(CliOptions(mapping=(mapping,)))["columns"]
    assert columns["campaignId"] == choice(header, at)
    rows = [[C1 if i == at else f"x{n}" for i in range(len(header))] for n in range(2)]
    names: dict[Column, str] = {Field.CAMPAIGN_ID: str(columns["campaignId"])}
    with TemporaryDirectory() as folder:
        path = write_rows(
            Path(folder, "leads.csv"),
            [*header, "campaignLeadId", "status"],
            [[*row, f"{L}1", "paused"] for row in rows],
        )
        with open_table(path, TableOptions(columns=names)) as table:
            assert table.fields[Field.CAMPAIGN_ID] == at


@pytest.mark.parametrize(
    ("header", "at", "named"),
    [
        (["Lead"], 0, "Lead"),
        (["Lead", "Lead "], 1, "#2"),
        (["", "x"], 0, "#1"),
        (['"x"'], 0, "#1"),
        (["a\tb"], 0, "#1"),
        (["x" * 61], 0, "#1"),
        (["#2", "y"], 0, "#1"),
        (["y", "#1"], 1, "#2"),
        (["#1a"], 0, "#1a"),
    ],
)
def test_a_column_that_its_name_does_not_name_is_numbered(
    header: list[str], at: int, named: str
) -> None:
    assert choice(header, at) == named


def test_a_number_names_its_column_whatever_others_are_called(tmp_path: Path) -> None:
    header, row = ["", "#1", "campaignLeadId", "status"], (C1, L, f"{L}1", "active")
    path = write_rows(tmp_path / "leads.csv", header, [row])
    columns: dict[Column, str] = {Field.CAMPAIGN_ID: "#1"}
    with open_table(path, TableOptions(columns=columns)) as table:
        assert table.fields[Field.CAMPAIGN_ID] == 0
    with pytest.raises(InputError) as caught:
        open_table(path, TableOptions(columns={Field.CAMPAIGN_ID: "#5"}))
    assert str(caught.value) == (
        "leads.csv: campaignId is mapped to column 5, but there are only 4: "
        '#1 "", #2 "#1", #3 "campaignLeadId", #4 "status".'
    )
