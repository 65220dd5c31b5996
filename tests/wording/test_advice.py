from batch.advice import Advice, Fix, Remedy, map_columns
from batch.errors import InputError
from batch.library import remedies as library_remedies
from batch.model import Field
from batch.terminal import remedies as terminal_remedies
from batch.terminal.remedies import in_terminal
from batch.web import remedies as web_remedies
from batch.web.remedies import on_page

SHEET, COLUMN = Remedy(Fix.NAME_SHEET), map_columns({Field.CAMPAIGN_ID: "Camp"})


def test_advice_is_its_sentences_and_each_front_end_adds_its_own_remedies() -> None:
    advice = Advice("It has 2 sheets.", SHEET, "", "It is large.")
    assert advice == "It has 2 sheets. It is large."
    assert in_terminal(advice) == "It has 2 sheets. Choose with --sheet. It is large."
    assert on_page(advice) == "It has 2 sheets. Choose one under Columns. It is large."


def test_advice_among_advice_keeps_its_remedies() -> None:
    advice = Advice("First.", Advice("Second.", COLUMN), "Third.")
    assert in_terminal(advice) == 'First. Second. Use --map campaignId="Camp" Third.'


def test_what_reads_the_same_is_said_once() -> None:
    assert on_page(Advice("No.", SHEET, SHEET)) == "No. Choose one under Columns."


def test_an_error_carries_advice() -> None:
    error = InputError("It has 2 sheets.", SHEET)
    assert str(error) == "It has 2 sheets."
    assert in_terminal(error) == "It has 2 sheets. Choose with --sheet."
    assert in_terminal(InputError(error.advice)) == in_terminal(error)


def test_a_text_without_remedies_is_said_as_it_is() -> None:
    assert in_terminal("Nothing to say.") == on_page("Nothing to say.") == "Nothing to say."


def test_every_remedy_is_said_in_a_terminal_and_the_page_names_no_option() -> None:
    for remedies in (library_remedies, terminal_remedies, web_remedies):
        assert set(remedies.SENTENCES) == set(Fix)
    for fix in Fix:
        advice = Advice(Remedy(fix, "x", ((Field.STATUS, "x"),)))
        assert in_terminal(advice), fix
        # That one is a command, to be typed in a terminal.
        assert "--" not in on_page(advice) or fix is Fix.NAME_SETTINGS, fix
