import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.escape import escape, escape_text, unescape, unescape_text
from tests.support.sampling import examples

# Weighted towards the characters that the rule is about; any other text is drawn as well.
TEXTS = st.one_of(
    st.text(alphabet="'=+-@\t\r\n＝＋－＠0159 .,()Aé", max_size=6),  # noqa: RUF001 - full-width forms
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("=1+1", "'=1+1"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-A1", "'-A1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tcmd", "'\tcmd"),
        ("\rcmd", "'\rcmd"),
        ("\ncmd", "'\ncmd"),
        ("＝1", "'＝1"),  # noqa: RUF001 - the full-width form is what is tested
        ("＋A", "'＋A"),  # noqa: RUF001 - the same
        ("－A", "'－A"),  # noqa: RUF001 - the same
        ("＠A", "'＠A"),  # noqa: RUF001 - the same
        ("'=1", "''=1"),
        ("''@x", "'''@x"),
        ("'-5", "''-5"),
        ("=", "'="),
        ("-5\n", "'-5\n"),
        ("+٣", "'+٣"),
        ("-5", "-5"),
        ("-1,234.50", "-1,234.50"),
        ("+49 (0)30 123-45", "+49 (0)30 123-45"),
        ("-", "-"),
        ("+", "'+"),
        ("--", "--"),
        ("'quoted'", "'quoted'"),
        ("Interested", "Interested"),
        ("a=b", "a=b"),
        (" =1", " =1"),
        ("", ""),
    ],
)
def test_a_text_that_could_run_as_a_formula_gets_one_apostrophe(text: str, escaped: str) -> None:
    assert escape_text(text) == escaped
    assert unescape_text(escaped) == text


@examples(300)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_unescape_gives_back_every_text_and_columns_obey_the_rule_of_cells(
    texts: list[str],
) -> None:
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    escaped = frame.select(escape(pl.col("text")))
    unescaped = escaped.select(unescape(pl.col("text")))

    assert escaped["text"].to_list() == [escape_text(text) for text in texts]
    assert unescaped["text"].to_list() == texts
    assert [unescape_text(escape_text(text)) for text in texts] == texts


@pytest.mark.parametrize("text", ["'-5", "'hello", "'", "''", "'+49 30 1234"])
def test_an_apostrophe_that_is_not_ours_stays(text: str) -> None:
    assert unescape_text(text) == text


@examples(300)
@given(TEXTS)
def test_columns_and_cells_are_unescaped_alike(text: str) -> None:
    frame = pl.DataFrame({"text": [text]}, schema={"text": pl.String})

    assert frame.select(unescape(pl.col("text")))["text"].to_list() == [unescape_text(text)]


def test_null_cells_stay_null() -> None:
    frame = pl.DataFrame({"text": [None]}, schema={"text": pl.String})

    assert frame.select(escape(pl.col("text")))["text"].to_list() == [None]
    assert frame.select(unescape(pl.col("text")))["text"].to_list() == [None]
