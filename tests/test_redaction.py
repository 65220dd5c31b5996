import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.excerpt import Redactor
from batch.redaction import KeyRedactor, without_keys
from tests.support.sampling import examples

KEY = "sk_0123456789abcdefghij"
UNSEEN = (
    "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u034f", "\ufe0f",
    "\u3164", "\u2800", "\u115f", "\x00", "\x1b", "\x7f", "\x85", "\n", "\r\n", "\n    ", "\t",
    " ", "\u00a0", "\u2028", "\U000e0041", "\u0301",
)  # fmt: skip


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_unseen_characters_between_its_letters_hide_no_key(unseen: str) -> None:
    for spelt in (f"{KEY[:9]}{unseen}{KEY[9:]}", unseen.join(KEY), unseen.join(KEY.upper())):
        text = f"bad <{spelt}>."
        assert KeyRedactor(KEY).without_key(text) == "bad <[key]>."
        assert Redactor(KEY).one_line(text) == "bad <[key]>."


def test_other_forms_of_its_letters_hide_no_key() -> None:
    wide = "".join(chr(ord(each) + 0xFEE0) for each in KEY)
    assert KeyRedactor(KEY).without_key(f"({wide})") == "([key])"


def test_what_stands_around_it_stays_as_it_is() -> None:
    text = f"Fu\u0308r \u202e{KEY[:3]}\u200b{KEY[3:]}\u200b{KEY} e\u0301 {KEY}"
    cleaned = KeyRedactor(KEY, mark="***").without_key(text)
    assert cleaned == "Fu\u0308r \u202e***\u200b*** e\u0301 ***"


def test_unseen_characters_hide_no_half_of_a_key() -> None:
    for half in ("sk_\u200b0123", "sk\u00ad_0123", "sk_0\x0012", "\u202esk_012"):
        assert Redactor(KEY).one_line(f"bad {half} x") == "bad [key] x"


def test_a_key_in_one_of_many_lines_leaves_the_others() -> None:
    escaped = "".join(f"%{ord(each):02x}" for each in KEY)
    text = f"first\n  second {KEY[:5]}\n{KEY[5:]}\nthird {escaped}\nlast 100 %\n"
    cleaned = KeyRedactor(KEY, mark="***").without_key_in_lines(text)
    assert cleaned == "first\n  second ***\n(not shown: the API key is in it)\nlast 100 %\n"


@examples(300)
@given(
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20),
    before=st.text(max_size=20),
    gaps=st.lists(st.sampled_from(["", *UNSEEN]), min_size=20, max_size=20),
    after=st.text(max_size=20),
)
def test_no_key_is_left_among_what_is_seen(
    key: str, before: str, gaps: list[str], after: str
) -> None:
    spelt = "".join(letter + gap for letter, gap in zip(key, gaps, strict=False))
    cleaned = KeyRedactor(key, mark="\u2713").without_key(before + spelt + after)
    seen = re.sub("[^!-~\u2713]+", "", unicodedata.normalize("NFKC", cleaned))
    assert key.lower() not in seen.lower()


@pytest.mark.parametrize(
    "text",
    [
        "sk\u200b" * 70_000, "s" * 200_000, "\u200b" * 200_000, f"{KEY[:-1]}\n" * 9_000,
        "%25" * 70_000, "&amp;" * 40_000, "\\" * 200_000, "\\u0026%41&#65;" * 14_000,
        "\ufdfa" * 20_000, "\u0301" * 200_000, f"{KEY}\u200b" * 9_000,
    ],
    ids=ascii,
)  # fmt: skip
def test_any_text_is_looked_through_in_bounded_time(text: str) -> None:
    redactor = Redactor(KEY)
    started_s = time.process_time()
    redactor.one_line(text)
    redactor.read_text(text.encode())
    assert time.process_time() - started_s < 3


def test_a_process_that_needs_no_key_gets_none() -> None:
    environ = {
        "SENDKIT_API_KEY": "x",
        "Sendkit_Batch_X": "1",
        "ACME_KEY": " sk_user_1",
        "TASK": "ask_1",
    }
    assert without_keys(environ) == {"TASK": "ask_1"}
