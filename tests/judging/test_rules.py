from collections.abc import Mapping
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch.errors import SettingsError
from batch.judging import rules as judging
from batch.judging.explain import Explainer, located
from batch.judging.rules import Rules, check_rules, judge
from batch.model import Field, Reason

CAMPAIGN = "64F0C0FFEE64F0C0FFEE0001"
LEAD = "65ab65ab65ab65ab65ab0001"
LABELS = ("Interested", "Meeting booked", "Not interested")
RULES = Rules(name="leads.csv", labels=LABELS)
UNCHECKED = Rules(name="leads.csv")


def cells(*rows: Mapping[str, str | None], blank_row: bool = False) -> pl.DataFrame:
    """Rows as the reader gives them, from line 2; what a row does not name is a good cell."""
    good = {"campaignId": CAMPAIGN, "campaignLeadId": LEAD, "status": "paused", "aiTag": None}
    schema = {"line": pl.UInt32, "blank_row": pl.Boolean} | dict.fromkeys(Field, pl.String)
    return pl.DataFrame(
        [
            {"line": line, "blank_row": blank_row, **good, **row}
            for line, row in enumerate(rows, start=2)
        ],
        schema=schema,
    )


def judge_one(row: Mapping[str, str | None], rules: Rules = RULES) -> dict[str, object]:
    return judge(cells(row), rules).row(0, named=True)


def sentence(row: Mapping[str, str | None], rules: Rules = RULES) -> str:
    """The reason and the whole sentence about one row at line 2."""
    judged = judge_one(row, rules)
    reason, column = Reason(str(judged["reason"])), judged["column"]
    where = None if column is None else Field(str(column))
    message = Explainer(rules).sentence(reason, where, str(judged["found"]))
    return f"{reason}: " + located(message, name=rules.name, line=2, column=where)


BLANK_IDS = {"campaignId": "", "campaignLeadId": None}

WRONG = [
    # ids
    (
        {"campaignId": ""},
        "missing_id: leads.csv line 2, column campaignId: campaignId is blank; expected an id.",
    ),
    (
        {"campaignLeadId": "\u200b \xa0"},
        (
            "missing_id: leads.csv line 2, column campaignLeadId: "
            "campaignLeadId is blank; expected an id."
        ),
    ),
    (
        {"campaignLeadId": "ann@example.com"},
        (
            'bad_id: leads.csv line 2, column campaignLeadId: found "ann@example.com"; '
            "expected 24 hexadecimal digits."
        ),
    ),
    (
        {"campaignLeadId": LEAD[1:]},
        (
            "bad_id: leads.csv line 2, column campaignLeadId: "
            'found "5ab65ab65ab65ab65ab0001", 23 hexadecimal digits; expected 24.'
        ),
    ),
    (
        {"campaignLeadId": "6.5E+23"},
        (
            'bad_id: leads.csv line 2, column campaignLeadId: found "6.5E+23": a spreadsheet '
            "program turned this id into a number. "
            "Format the column as text, then paste the ids again."
        ),
    ),
    (
        {"campaignId": "6,5e+23"},
        (
            'bad_id: leads.csv line 2, column campaignId: found "6,5e+23": a spreadsheet program '
            "turned this id into a number. Format the column as text, then paste the ids again."
        ),
    ),
    (
        {"campaignId": "#N/A"},
        (
            'bad_cell: leads.csv line 2, column campaignId: found "#N/A", a spreadsheet\'s error. '
            "Mend it, or write the value."
        ),
    ),
    # status
    (
        {"status": "Repleid"},
        'bad_status: leads.csv line 2, column status: found "Repleid"; expected active or paused.',
    ),
    (
        {"status": "null"},
        'bad_status: leads.csv line 2, column status: found "null"; expected active or paused.',
    ),
    (
        {"status": "paused\n64f0,65ab"},
        (
            'bad_cell: leads.csv line 2, column status: found "paused\\n64f0,65ab", which has a '
            "line break: a quote may be unclosed. Close or remove the quote, "
            "or take the line break out."
        ),
    ),
    # aiTag
    (
        {"aiTag": "Intrested"},
        (
            'unknown_tag: leads.csv line 2, column aiTag: "Intrested" is not a label of this '
            'workspace. Did you mean "Interested"?'
        ),
    ),
    (
        {"aiTag": "Meeting\xa0booked"},
        (
            'unknown_tag: leads.csv line 2, column aiTag: "Meeting\\xa0booked" is not a label of '
            'this workspace. Did you mean "Meeting booked"?'
        ),
    ),
    (
        {"aiTag": "Blue"},
        (
            'unknown_tag: leads.csv line 2, column aiTag: "Blue" is not a label of this workspace; '
            'expected "Interested", "Meeting booked", "Not interested".'
        ),
    ),
    (
        {"aiTag": "=VLOOKUP(A2,B:C,2)"},
        (
            'bad_cell: leads.csv line 2, column aiTag: found "=VLOOKUP(A2,B:C,2)", a formula '
            "without a stored value. Open the file in a spreadsheet program and save it, "
            "or paste values in its place."
        ),
    ),
    (
        {"aiTag": "nan"},
        (
            'bad_cell: leads.csv line 2, column aiTag: found "nan", which is no label. '
            "Leave the cell blank to keep the tag, or write null to clear it."
        ),
    ),
    # rows
    (
        {"status": " ", "aiTag": "\ufeff"},
        "nothing_to_change: leads.csv line 2: neither status nor aiTag is given.",
    ),
]


@pytest.mark.parametrize(
    ("text", "sets_back", "reason", "message"),
    [
        ("not read", True, "before_unknown",
         "what the lead was before was not read, so it can't be set back."),
        ("not read", False, "bad_status", 'found "not read"; expected active or paused.'),
        ("completed", True, "bad_status",
         'the lead was "completed" before; only active and paused can be set.'),
    ],
    ids=["not known", "typed", "can't be set"],
)  # fmt: skip
def test_a_row_of_an_undo_is_known_as_such_and_not_by_its_words(
    text: str, reason: str, message: str, *, sets_back: bool
) -> None:
    rules = Rules(name="leads.csv", sets_back=sets_back)
    judged = judge_one({"status": text}, rules)
    assert (judged["reason"], judged["found"]) == (reason, text)
    said = Explainer(rules).sentence(Reason(reason), Field.STATUS, text)
    assert said == message


@pytest.mark.parametrize(("row", "expected"), WRONG, ids=lambda value: str(value)[:40])
def test_a_problem_names_place_find_and_remedy(
    row: Mapping[str, str | None], expected: str
) -> None:
    assert sentence(row) == expected


def test_a_blank_row_is_told_before_anything_else() -> None:
    judged = judge(cells({**BLANK_IDS, "status": "bogus"}, blank_row=True), RULES)
    assert judged.select("reason", "column", "found").rows() == [("blank_row", None, "")]
    assert Explainer(RULES).sentence(Reason.BLANK_ROW, None, "") == "every cell is blank."


@pytest.mark.parametrize(
    ("row", "reason", "column"),
    [
        ({**BLANK_IDS, "status": None}, "nothing_to_change", None),
        ({**BLANK_IDS, "status": "bogus"}, "missing_id", "campaignId"),
        ({"campaignId": "x", "campaignLeadId": ""}, "bad_id", "campaignId"),
        ({"campaignLeadId": "x", "status": "bogus"}, "bad_id", "campaignLeadId"),
        ({"status": "bogus", "aiTag": "Blue"}, "bad_status", "status"),
        ({"status": "active", "aiTag": "Blue"}, "unknown_tag", "aiTag"),
        ({"status": None, "aiTag": "#REF!"}, "bad_cell", "aiTag"),
    ],
)
def test_the_first_problem_in_the_order_of_judgement_names_the_row(
    row: Mapping[str, str | None], reason: str, column: str | None
) -> None:
    judged = judge_one(row)
    assert (judged["reason"], judged["column"]) == (reason, column)


UNITS = {"campaignId": "(id)", "campaignLeadId": "(id)", "status": "text", "aiTag": "text"}


@pytest.mark.parametrize(
    "row",
    [
        {},
        dict.fromkeys(Field, "text"),
        {"campaignId": "24 hex digits", "campaignLeadId": "varchar(24)", "status": None},
        {"campaignId": "ObjectId", "campaignLeadId": "[string, required]", "aiTag": None},
        {"campaignId": "Campaign ID", "campaignLeadId": "Lead-ID", "status": "active/paused"},
        {"status": "active or paused", "aiTag": "(label, optional)"},
    ],
)
@pytest.mark.parametrize("rules", [RULES, UNCHECKED])
def test_a_line_of_units_is_no_data(row: Mapping[str, str | None], rules: Rules) -> None:
    told = sentence({**UNITS, **row}, rules)
    assert told == "not_data: leads.csv line 2: a line of units: no cell could be a value."


@pytest.mark.parametrize(
    ("row", "rules", "reason"),
    [
        ({"campaignId": CAMPAIGN}, UNCHECKED, "bad_id"),
        ({"campaignLeadId": LEAD}, UNCHECKED, "bad_id"),
        ({"campaignLeadId": None}, UNCHECKED, "bad_id"),
        ({"campaignLeadId": "24"}, UNCHECKED, "bad_id"),
        ({"campaignId": "6.5E+23"}, UNCHECKED, "bad_id"),
        ({"campaignId": "Summer"}, UNCHECKED, "bad_id"),
        ({"campaignId": "identity"}, UNCHECKED, "bad_id"),
        ({"campaignId": "id ann@example.com"}, UNCHECKED, "bad_id"),
        ({"status": "active"}, UNCHECKED, "bad_id"),
        ({"status": "(paused)"}, UNCHECKED, "bad_id"),
        ({"status": "Repleid"}, UNCHECKED, "bad_id"),
        ({"aiTag": "null"}, UNCHECKED, "bad_id"),
        ({"aiTag": "Interested"}, UNCHECKED, "bad_id"),
        ({"aiTag": "Lead"}, UNCHECKED, "bad_id"),  # people call labels so
        ({"aiTag": "Text"}, Rules(name="leads.csv", labels=("text",)), "bad_id"),
        ({}, Rules(name="leads.csv", clear_word="text"), "bad_id"),
        ({"campaignId": "id"}, Rules(name="leads.csv", id_pattern="[a-z]+"), "bad_id"),
        (dict.fromkeys(Field, "id"), Rules(name="leads.csv", id_pattern="[a-z]+"), "bad_status"),
        ({"status": None, "aiTag": None}, UNCHECKED, "nothing_to_change"),
    ],
)
def test_a_line_with_a_cell_that_could_be_a_value_is_a_row(
    row: Mapping[str, str | None], rules: Rules, reason: str
) -> None:
    assert judge_one({**UNITS, **row}, rules)["reason"] == reason


def test_a_valid_row_comes_out_as_it_is_sent() -> None:
    row = {
        "campaignId": f"\ufeff{CAMPAIGN}\u200b",
        "campaignLeadId": f"\xa0{LEAD.upper()}\r\n",
        "status": "\tACTIVE ",
        "aiTag": " meeting BOOKED\u3000",
    }
    assert judge_one(row) == {
        "line": 2,
        "campaign_id": CAMPAIGN.lower(),
        "campaign_lead_id": LEAD,
        "status": "active",
        "ai_tag": "Meeting booked",
        "clear_tag": False,
        "reason": None,
        "column": None,
        "found": "",
        "message": None,
    }


@pytest.mark.parametrize("word", ["null", "NULL", " Null\xa0"])
def test_the_clear_word_clears_the_tag_in_any_case(word: str) -> None:
    judged = judge_one({"status": None, "aiTag": word})
    assert (judged["ai_tag"], judged["clear_tag"], judged["reason"]) == (None, True, None)


def test_another_clear_word_can_be_set_even_one_that_looks_like_no_value() -> None:
    rules = Rules(name="leads.csv", labels=("Null",), clear_word="None")
    assert judge_one({"aiTag": "none"}, rules)["clear_tag"] is True
    assert judge_one({"aiTag": "null"}, rules)["ai_tag"] == "Null"


def test_without_labels_a_tag_is_kept_as_it_is_written() -> None:
    assert judge_one({"aiTag": " Brand NEW "}, UNCHECKED)["ai_tag"] == "Brand NEW"


@pytest.mark.parametrize("text", ["None", "NaN", "\\N", "\\n", "n/a", "N/A"])
def test_words_for_no_value_are_refused_as_tags_unless_they_are_labels(text: str) -> None:
    labelled = Rules(name="leads.csv", labels=(text.upper(),))
    assert judge_one({"aiTag": text})["reason"] == "bad_cell"
    assert judge_one({"aiTag": text}, UNCHECKED)["reason"] == "bad_cell"
    assert judge_one({"aiTag": text}, labelled)["ai_tag"] == text.upper()


@pytest.mark.parametrize(
    "text", ["#N/A", "#REF!", "#DIV/0!", "#name?", "#WERT!", "#¿NOMBRE?", "########", "Err:502"]
)
@pytest.mark.parametrize("field", list(Field))
def test_a_spreadsheet_error_is_refused_in_every_column_even_if_a_label_is_called_so(
    field: Field, text: str
) -> None:
    judged = judge_one({field: text}, Rules(name="leads.csv", labels=(text,)))
    assert (judged["reason"], judged["column"], judged["found"]) == ("bad_cell", field, text)


@pytest.mark.parametrize("field", list(Field))
@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\u2028b", "=A1"])
def test_a_line_break_or_a_bare_formula_is_refused_in_every_column(field: Field, text: str) -> None:
    assert judge_one({field: text}, UNCHECKED)["reason"] == "bad_cell"


@pytest.mark.parametrize(
    ("text", "labels", "meant"),
    [
        ("'=Hot", ("=Hot",), "=Hot"),
        ("'=HOT", ("=Hot",), "=Hot"),
        ("'=Hot", ("=Hot", "'=Hot"), "'=Hot"),  # the text with it is a label
        ("''=Hot", ("=Hot", "'=Hot"), "'=Hot"),
        ("'=Hot", None, "=Hot"),
        ("'Hot", ("Hot",), None),  # no apostrophe of ours
        ("'Hot", None, "'Hot"),
        ("'-5", ("-5",), None),
        ("'-5", None, "'-5"),
    ],
)
def test_the_apostrophe_of_an_export_is_taken_off_unless_a_label_has_it(
    text: str, labels: tuple[str, ...] | None, meant: str | None
) -> None:
    judged = judge_one({"aiTag": text}, Rules(name="leads.csv", labels=labels))
    assert (judged["ai_tag"], judged["reason"]) == (meant, None if meant else "unknown_tag")


def test_what_is_said_of_an_escaped_cell_is_said_of_what_is_meant() -> None:
    wrong = {field: judge_one({field: "'@x"}) for field in (Field.STATUS, Field.AI_TAG)}
    assert [row["reason"] for row in wrong.values()] == ["bad_status", "unknown_tag"]
    assert [row["found"] for row in wrong.values()] == ["@x", "@x"]
    assert judge_one({"aiTag": "'+none"}, Rules(name="x", clear_word="+none"))["clear_tag"] is True


def test_tags_match_labels_however_their_accents_are_encoded() -> None:
    rules = Rules(name="leads.csv", labels=("Caf\xe9",))
    assert judge_one({"aiTag": "CAFE\u0301"}, rules)["ai_tag"] == "Caf\xe9"


@pytest.mark.parametrize("text", ["a/b", "..", "a%2fb", "a?b", "a#b", "a\\b", "a b", "a\x00b", "é"])
def test_an_id_with_an_unsafe_character_is_refused_whatever_the_pattern(text: str) -> None:
    rules = Rules(name="leads.csv", id_pattern="(?s).*")
    assert judge_one({"campaignId": text}, rules)["reason"] == "bad_id"


def test_a_pattern_must_match_the_whole_id() -> None:
    rules = Rules(name="leads.csv", id_pattern="c-[0-9]|l-[0-9]")
    good = {"campaignId": "c-1", "campaignLeadId": "l-2"}
    assert judge_one(good, rules)["reason"] is None
    assert sentence({**good, "campaignLeadId": "l-22"}, rules) == (
        'bad_id: leads.csv line 2, column campaignLeadId: found "l-22"; expected an id that '
        "matches c-[0-9]|l-[0-9], of letters, digits, _ and - only."
    )


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        [CAMPAIGN, LEAD, "paused", "ACTIVE", "Interested", "null", "n/a", "=A1", "#N/A"]
    ),
    st.text(st.sampled_from("af01-_ \n=#é"), max_size=4),
)


@settings(deadline=None)
@example(row=dict.fromkeys(Field, "=A1"), blank_row=False, rules=Rules(name="x", id_pattern=".*"))
@given(
    row=st.fixed_dictionaries(dict.fromkeys(Field, TEXTS)),
    blank_row=st.booleans(),
    rules=st.builds(
        Rules,
        name=st.just("leads.csv"),
        id_pattern=st.sampled_from([judging.DEFAULT_ID_PATTERN, ".*", r"(?s:.)+", "[^a]*"]),
        labels=st.sampled_from([None, LABELS, ("#N/A", "n/a", "=A1")]),
    ),
)
def test_a_row_that_is_plain_at_first_sight_fails_no_check(
    row: Mapping[str, str | None], *, blank_row: bool, rules: Rules
) -> None:
    good_and_row = cells({}, row, blank_row=blank_row)
    with patch.object(judging, "_is_plain", return_value=pl.lit(False)):
        in_full = judge(good_and_row, rules)
    assert judge(good_and_row, rules).equals(in_full)


def test_rows_keep_their_order_and_lines() -> None:
    judged = judge(cells({}, {"status": "x"}, {"status": None}, {"aiTag": "Interested"}), RULES)
    assert judged["line"].to_list() == [2, 3, 4, 5]
    assert judged["reason"].to_list() == [None, "bad_status", "nothing_to_change", None]


def test_a_batch_without_rows_gives_none() -> None:
    assert judge(cells(), RULES).height == 0


def test_a_label_with_the_clear_word_refuses_the_run() -> None:
    with pytest.raises(SettingsError) as caught:
        check_rules(Rules(name="leads.csv", labels=("Interested", "NULL")))
    assert str(caught.value) == (
        'The workspace has a label "NULL", and [input] clear_word = "null" clears the tag: '
        "a cell can't mean both. Set clear_word to a word that is no label; for an earlier run, "
        "which keeps its own, rename the label."
    )


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a)|(b"])
def test_a_pattern_that_cannot_be_searched_for_refuses_the_run(pattern: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_rules(Rules(name="leads.csv", id_pattern=pattern))
    assert str(caught.value) == (
        f"[api] id_pattern: '{pattern}' can't be used as a regular expression; "
        "expected one without look-around and back-references, as [0-9a-fA-F]{24}."
    )


@pytest.mark.parametrize("rules", [RULES, UNCHECKED, Rules(name="x", labels=())])
def test_ordinary_rules_are_accepted(rules: Rules) -> None:
    check_rules(rules)
