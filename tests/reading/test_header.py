import pytest

from batch.columns import ADDED_COLUMNS, ADDED_SETS, Column, column_of, recognised_fields
from batch.errors import InputError
from batch.model import Field
from batch.reading.header import find_columns
from batch.reading.layout import count_looked_up_ids, find_added_columns, refuse_newer
from batch.terminal.remedies import in_terminal

IDS = ("campaignId", "campaignLeadId")


def found(*header: str, **columns: str) -> dict[str, int]:
    given = {column_of(field): name for field, name in columns.items()}
    return {str(k): v for k, v in find_columns(header, given, name="leads.csv").items()}


def refusal(*header: str, **columns: str) -> str:
    with pytest.raises(InputError) as caught:
        found(*header, **columns)
    return in_terminal(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        ("campaignId", "campaignLeadId", "status", "aiTag"),
        ("CAMPAIGNID", "campaignleadid", "Status", "AITAG"),
        ("Campaign ID", "campaign lead id", " status ", "AI Tag"),
        ("campaign_id", "campaign-lead-id", "STATUS", "ai_tag"),
        ("campaign\u00a0Id", "campaign\nLead\tId", "status\ufeff", "ai - _ tag"),
    ],
)
def test_columns_are_found_whatever_their_case_spaces_hyphens_or_underscores(
    header: tuple[str, ...],
) -> None:
    assert found("Note", *header) == {
        "campaignId": 1,
        "campaignLeadId": 2,
        "status": 3,
        "aiTag": 4,
    }


def test_a_column_that_only_resembles_a_field_is_the_users() -> None:
    assert found(*IDS, "aiTag", "statuses", "my campaignId") == {
        "campaignId": 0,
        "campaignLeadId": 1,
        "aiTag": 2,
    }


@pytest.mark.parametrize("given", ["Campaign", " Campaign ", "campaign", "CAM PAIGN"])
def test_other_names_are_mapped_exactly_or_else_loosely(given: str) -> None:
    assert found("Campaign", "campaignLeadId", "status", campaignId=given)["campaignId"] == 0


def test_an_exact_name_outranks_a_loose_one() -> None:
    header = ("campaign", "Campaign", "campaignLeadId", "status")
    assert found(*header, campaignId="Campaign")["campaignId"] == 1


def test_a_mapped_column_outranks_one_with_the_fields_own_name() -> None:
    assert found("campaignId", "Campaign", "campaignLeadId", "status", campaignId="Campaign") == {
        "campaignId": 1,
        "campaignLeadId": 2,
        "status": 3,
    }


def test_a_mapped_column_is_no_other_field() -> None:
    header = (*IDS, "status", "aiTag")
    assert found(*header, aiTag="status") == {"campaignId": 0, "campaignLeadId": 1, "aiTag": 2}


@pytest.mark.parametrize("optional", ["status", "aiTag"])
def test_status_or_ai_tag_may_be_missing(optional: str) -> None:
    assert found(*IDS, optional)[optional] == 2


def test_status_and_ai_tag_may_not_both_be_missing() -> None:
    assert refusal(*IDS, "tag name") == (
        'leads.csv: there is no column status or aiTag; found "campaignId", "campaignLeadId", '
        '"tag name". Nearest to aiTag is "tag name". Use --map aiTag="tag name"'
    )


def test_a_missing_column_is_named_with_what_was_found_and_the_nearest_name() -> None:
    assert refusal("campaignId", "lead", "aiTag") == (
        "leads.csv: column campaignLeadId (or email in its place) is missing; "
        'found "campaignId", "lead", "aiTag". '
        'Nearest is "lead". Use --map campaignLeadId="lead"'
    )


def test_two_missing_columns_are_named_together() -> None:
    assert refusal("Campaign", "xyz", "aiTag") == (
        "leads.csv: columns campaignId and campaignLeadId (or email in its place) are missing; "
        'found "Campaign", "xyz", "aiTag". '
        'Nearest to campaignId is "Campaign". '
        'Use --map campaignId="Campaign" --map campaignLeadId="…"'
    )


def test_a_missing_column_without_a_near_name_says_how_to_name_one() -> None:
    assert refusal("campaignId", "", "xyz", "aiTag") == (
        "leads.csv: column campaignLeadId (or email in its place) is missing; "
        'found "campaignId", "xyz", "aiTag". '
        'Use --map campaignLeadId="…"'
    )


def test_a_wide_or_unreadable_header_is_shown_in_part() -> None:
    header = ("%PDF-1.4\x00\x1b " + "y" * 80, *(f"c{i}" for i in range(19)))
    message = refusal(*header)
    assert f'found "%PDF-1.4 {"y" * 50}…", "c0", ' in message
    assert '"c10" and 8 more. ' in message


def test_many_columns_of_one_name_or_field_are_named_in_part() -> None:
    assert refusal(*IDS, *["status"] * 16_000) == (
        "leads.csv: columns 3 and 4 and 5 and 6 and 7 and 8 and 9 and 10 and 11 and 12 and 13 and "
        '14 and 15988 more are all called "status". Rename all but one of them.'
    )
    message = refusal(*IDS, *("status" + " _" * i for i in range(1, 21)))
    assert message.count("status _") == 12 + 1  # the advice names one, too
    assert '" and 8 more both read as status. ' in message


def test_two_columns_that_match_one_field_are_both_named() -> None:
    assert refusal("campaignId", "Campaign ID", "campaignLeadId", "status") == (
        'leads.csv: columns "campaignId" and "Campaign ID" both read as campaignId. '
        'Rename one, or name the right one. Use --map campaignId="campaignId"'
    )


def test_two_columns_that_match_one_field_are_settled_by_a_mapping() -> None:
    header = ("campaignId", "Campaign ID", "campaignLeadId", "status")
    assert found(*header, campaignId="Campaign ID")["campaignId"] == 1


def test_two_columns_of_the_very_same_name_can_only_be_renamed() -> None:
    assert refusal(*IDS, "status", "campaignId") == (
        'leads.csv: columns 1 and 4 are all called "campaignId". Rename all but one of them.'
    )
    assert refusal("A", "A", "campaignLeadId", "status", campaignId="A") == (
        'leads.csv: campaignId is mapped to "A", but columns 1 and 2 have that name. '
        "Rename all but one of them."
    )


def test_a_mapping_to_no_column_names_the_nearest() -> None:
    assert refusal("Campaign", "campaignLeadId", "status", campaignId="Campain") == (
        'leads.csv: campaignId is mapped to "Campain", which is no column; '
        'found "Campaign", "campaignLeadId", "status". Nearest is "Campaign".'
    )


def test_two_fields_can_not_be_mapped_to_one_column() -> None:
    assert refusal("X", "campaignLeadId", "status", campaignId="X", aiTag="X") == (
        'leads.csv: campaignId and aiTag are both mapped to "X". Map each to a column of its own.'
    )


def test_recognised_fields_counts_names_of_fields_and_mapped_ones() -> None:
    assert recognised_fields(("Campaign ID", "Lead", "x"), {}) == 1
    assert recognised_fields(("Campaign ID", "Lead", "x"), {Field.CAMPAIGN_LEAD_ID: "lead"}) == 2
    assert recognised_fields(("campaignId;campaignLeadId",), {}) == 0


OURS = (*IDS, "status", *ADDED_COLUMNS)
WIDTH = len(ADDED_COLUMNS)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (OURS, (3, 3 + WIDTH)),
        (ADDED_COLUMNS, (0, WIDTH)),
        ((*(f" {name}\t" for name in OURS), "", " \u00a0"), (3, 3 + WIDTH)),
        ((*OURS, *ADDED_COLUMNS), (3 + WIDTH, 3 + 2 * WIDTH)),
        ((*OURS, "note"), None),
        ((*OURS, "", "note", ""), None),
        ((*OURS, "request_id"), None),
        ((*IDS, "status", *ADDED_COLUMNS[1:]), None),
        ((*IDS, *reversed(ADDED_COLUMNS)), None),
        ((*IDS, "Line", *ADDED_COLUMNS[1:]), None),
        (ADDED_COLUMNS[1:], None),
        ((), None),
    ],
)
def test_a_header_is_ours_when_it_ends_with_exactly_the_added_columns_in_order(
    header: tuple[str, ...], found: tuple[int, int] | None
) -> None:
    assert find_added_columns(header) == found


@pytest.mark.parametrize("added", ADDED_SETS)
def test_results_of_every_earlier_format_are_ours(added: tuple[str, ...]) -> None:
    assert find_added_columns((*IDS, "status", *added, "")) == (3, 3 + len(added))


@pytest.mark.parametrize(
    ("behind", "told"),
    [
        (("request_id",), 'column "request_id"'),
        ((" request_id ", "", ""), 'column "request_id"'),
        (("server_email_2", "sent_by"), 'columns "server_email_2", "sent_by"'),
    ],
)
def test_a_longer_set_that_begins_with_the_added_columns_is_refused_as_newer(
    behind: tuple[str, ...], told: str
) -> None:
    column, it_is, it = (
        ("column", "it is", "it") if len(behind) != 2 else ("columns", "they are", "them")
    )
    assert told.startswith(column)
    with pytest.raises(InputError) as caught:
        refuse_newer((*OURS, *behind), {}, name="failed.csv")
    assert in_terminal(caught.value) == (
        f"failed.csv: found the {told} behind those that results add, as a newer version of this "
        'program writes; expected none behind "subsequence". Use that version, or, if '
        f'{it_is} your own, move {it} in front of "line".'
    )


@pytest.mark.parametrize(
    "header",
    [
        OURS,  # ours
        IDS,
        (*OURS, "note"),  # people name columns so
        (*OURS, "Follow_up"),
        (*OURS, "follow up"),
        (*OURS, "Rückruf_am"),
        (*OURS, "request_id", "checked by"),  # and where one is theirs, the file is
        (*OURS, "request_id", "", "sent_by"),
        (*ADDED_COLUMNS, "campaign_id", "campaign_lead_id", "ai_tag"),  # read by these
        (*OURS, "owner_label"),  # mapped
        (*IDS, "status", *ADDED_COLUMNS[:-1], "request_id"),
        (*IDS, "status", *ADDED_COLUMNS[1:], "request_id"),
    ],
)
def test_a_file_with_columns_of_the_users_own_behind_the_added_ones_is_the_users(
    header: tuple[str, ...],
) -> None:
    refuse_newer(header, {Field.AI_TAG: "Owner label"}, name="leads.csv")


def test_a_header_of_the_added_columns_alone_has_none_of_the_users() -> None:
    assert refusal() == (
        "leads.csv: columns campaignId and campaignLeadId (or email in its place) are missing; "
        "found none. "
        "That looks like a title or a row, not like the names of columns. "
        "If the header is another line, name it with --header-row."
    )


@pytest.mark.parametrize(
    ("better", "word"), [("|", '"|"'), ("\t", "tab"), (";", "semicolon"), (",", "comma")]
)
def test_a_better_delimiter_is_named_instead_of_near_columns(better: str, word: str) -> None:
    names = better.join(Field)
    with pytest.raises(InputError) as caught:
        find_columns((names,), {}, name="leads.csv", better_delimiter=better)
    shown = names.replace("\t", " ")
    assert in_terminal(caught.value) == (
        f"leads.csv: columns campaignId and campaignLeadId (or email in its place) are missing; "
        f'found "{shown}". '
        f"The delimiter seems to be {word}. Name it with --delimiter {word}."
    )


def test_a_better_delimiter_is_named_where_a_mapping_finds_no_column() -> None:
    columns: dict[Column, str] = {Field.CAMPAIGN_ID: "Campaign"}
    with pytest.raises(InputError) as caught:
        find_columns(("Campaign|Lead",), columns, name="leads.csv", better_delimiter="|")
    assert in_terminal(caught.value) == (
        'leads.csv: campaignId is mapped to "Campaign", which is no column; '
        'found "Campaign|Lead". The delimiter seems to be "|". Name it with --delimiter "|".'
    )


def test_a_better_delimiter_is_of_no_interest_once_the_columns_are_found() -> None:
    header = (*IDS, "status")
    assert find_columns(header, {}, name="leads.csv", better_delimiter="|")[Field.STATUS] == 2


@pytest.mark.parametrize(
    "header",
    [
        ("My export",),
        ("My export", "2026-11-24"),
        ("My export", "made", "today", "", "", "", ""),
        ("66e01a3c122c597083bd438b", "66f1b2000000000000000001", "active", "Hot"),
    ],
)
def test_a_title_or_a_row_where_the_header_should_be_is_told(header: tuple[str, ...]) -> None:
    told = (
        "That looks like a title or a row, not like the names of columns. "
        "If the header is another line, name it with --header-row."
    )
    assert refusal(*header).endswith(f'". {told}')
    assert refusal(*header, campaignId="Campaign").endswith(f'". {told}')


@pytest.mark.parametrize(
    "header",
    [
        ("Kampagne", "Lead", "Status"),  # one name is known
        ("Kampagne", "Kontakt", "Zustand"),
        ("Kampagne", "Kontakt", "Zustand", "", "", ""),
    ],
)
def test_names_that_are_unknown_may_be_a_header_all_the_same(header: tuple[str, ...]) -> None:
    assert "--map campaignId=" in refusal(*header)
    assert "title" not in refusal(*header)


def test_names_are_shown_on_one_line_without_control_characters_and_cut() -> None:
    odd, long = "sta\ntus\x1b[31m", "x" * 99
    assert refusal(*IDS, odd, long) == (
        'leads.csv: there is no column status or aiTag; found "campaignId", "campaignLeadId", '
        f'"sta tus [31m", "{"x" * 59}…". Nearest to status is "sta tus [31m". Use '
        '--map status="#3"'
    )
    assert refusal("A\tB", "status", campaignId="A\tB", aiTag="A\tB") == (
        'leads.csv: campaignId and aiTag are both mapped to "A B". Map each to a column of its own.'
    )
    assert refusal(*IDS, "status", campaignId="\x07" + long) == (
        f'leads.csv: campaignId is mapped to "{"x" * 59}…", which is no column; '
        'found "campaignId", "campaignLeadId", "status".'
    )


def test_of_two_columns_for_one_field_the_plainest_name_is_proposed() -> None:
    assert refusal(*IDS, "sta\ntus", "status") == (
        'leads.csv: columns "sta tus" and "status" both read as status. '
        'Rename one, or name the right one. Use --map status="status"'
    )


def naming(*header: str, **columns: str) -> dict[str, int]:
    given = {column_of(field): name for field, name in columns.items()}
    found = find_columns(header, given, name="leads.csv", has_campaign="Nothing" in header)
    return {str(column): place for column, place in found.items()}


@pytest.mark.parametrize(
    "title", ["email", "E-Mail", "EMAIL", "e-mail address", "Email_Address", " e mail "]
)
def test_an_address_stands_for_the_leads_id(title: str) -> None:
    assert naming(title, "campaign_id", "aiTag") == {"campaignId": 1, "aiTag": 2, "email": 0}
    assert naming(title, "Campaign", "status") == {"status": 2, "email": 0, "campaign": 1}
    assert naming(title, "Nothing", "status") == {"status": 2, "email": 0}


def test_an_address_beside_the_leads_id_means_nothing() -> None:
    assert naming(*IDS, "email", "campaign", "status") == {
        "campaignId": 0,
        "campaignLeadId": 1,
        "status": 4,
    }


def test_a_mapped_address_that_is_not_needed_is_not_looked_for() -> None:
    assert "email" not in naming(*IDS, "status", email="Mail")
    assert naming("Mail", "In", "status", email="Mail", campaign="In") == {
        "status": 2,
        "email": 0,
        "campaign": 1,
    }


def test_addresses_without_a_campaign_are_refused() -> None:
    assert refusal("email", "status", "campain") == (
        "leads.csv: there is no column campaignId or campaign beside the e-mail addresses; "
        'found "email", "status", "campain". Nearest is "campain". One campaign for all '
        'rows can be named with --campaign. Use --map campaign="campain"'
    )


def test_two_columns_of_addresses_are_both_named() -> None:
    assert refusal("email", "Email address", "campaign", "status") == (
        'leads.csv: columns "email" and "Email address" both read as email. '
        'Rename one, or name the right one. Use --map email="email"'
    )


@pytest.mark.parametrize(
    ("header", "appended"),
    [
        (("email", "campaign", "status", "campaignId", "campaignLeadId"), 2),
        (("E-Mail", "campaign id", "status", "campaignLeadId"), 1),
        (("email", "campaignId", "campaignLeadId", "status"), 0),
        (("email", "campaignLeadId", "campaignId"), 0),
        (("email", "status", "campaign Lead Id"), 0),
        (("name", "status", "campaignId", "campaignLeadId"), 0),
        ((), 0),
    ],
)
def test_ids_that_an_earlier_run_found_are_the_last_columns_behind_addresses(
    header: tuple[str, ...], appended: int
) -> None:
    assert count_looked_up_ids(header, {}) == appended


def test_ids_that_are_mapped_are_the_users_own() -> None:
    header = ("email", "status", "campaignId", "campaignLeadId")
    assert count_looked_up_ids(header, {Field.CAMPAIGN_LEAD_ID: "campaignLeadId"}) == 0
    assert count_looked_up_ids(header, {Field.CAMPAIGN_ID: "campaignId"}) == 1
