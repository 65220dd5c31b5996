import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.api.excerpt import MAX_LENGTH, Redactor
from tests.support.sampling import examples

KEY = 'sk_live_ab/cd+ef"gh\\ij==&k<l>m'  # a character for each way of escaping
Escape = Callable[[str], str]
NOT_SHOWN = "(not shown: the API key is in it)"


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def in_careful_json(text: str) -> str:
    return in_json(text).replace("/", "\\/").replace("<", "\\u003c").replace("&", "\\u0026")


def in_hexadecimal_entities(text: str) -> str:
    return "".join(f"&#x{ord(character):X};" for character in text)


def in_unicode_escapes(text: str) -> str:
    return "".join(f"\\u{ord(character):04x}" for character in text)


def in_a_url(text: str) -> str:
    return quote(text, safe="")


def in_every_byte_of_a_url(text: str) -> str:
    return "".join(f"%{ord(character):02x}" for character in text)


ESCAPES: tuple[Escape, ...] = (
    in_json,
    in_careful_json,
    html.escape,
    in_hexadecimal_entities,
    in_unicode_escapes,
    in_a_url,
    in_every_byte_of_a_url,
)


def test_the_key_is_replaced_wherever_it_stands_and_in_whatever_case() -> None:
    redactor = Redactor("Key-12/3")
    assert redactor.without_key("a key-12/3, KEY-12/3Key-12/3.") == "a [key], [key][key]."


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Gamma\u202eevil", r"Gamma\u202eevil"),
        (" Spring\n\u00a0sale ", "Spring sale"),
        ("a\u200bb Key\u200b-12/3", "a b [key]"),
        ("a\u200bb s\u200bk_abc", "a b [key]"),
    ],
)
def test_what_cant_be_seen_of_a_name_is_spelt_out(name: str, shown: str) -> None:
    assert Redactor("Key-12/3").name(name) == shown


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_text_that_spells_the_key_in_another_way_is_not_shown(escape: Escape) -> None:
    for key in (KEY, "abc/"):
        assert Redactor(key).one_line(f"bad {escape(key)}") in {"bad [key]", NOT_SHOWN}


@examples(300)
@given(
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=4, max_size=30),
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    escapes=st.lists(st.sampled_from(ESCAPES), max_size=3),
)
def test_no_key_gets_through_in_any_spelling(
    key: str, before: str, after: str, escapes: list[Escape]
) -> None:
    spelled = key
    for escape in escapes:
        spelled = escape(spelled)
    cleaned = Redactor(key).without_key(f"{before} {spelled} {after}")
    assert spelled.lower() not in cleaned.replace("[key]", "…").lower()


def test_a_server_that_forgets_to_escape_the_key_does_not_let_it_through() -> None:
    text = json.loads('{"error": "bad sk\\/abcd"}')["error"]  # sent as it is, read as an escape
    assert Redactor("sk\\/abcd").one_line(text) == "bad [key]"


def test_the_key_in_a_page_is_found_before_its_tags_are_taken_away() -> None:
    redactor = Redactor("ab<cd>ef&amp;gh")
    page = b"<html><p>bad ab<cd>ef&amp;gh or ab&lt;cd&gt;ef&amp;amp;gh</p>"
    assert redactor.one_line(redactor.read_text(page)) == "bad [key] or [key]"


def test_the_key_is_found_before_a_long_text_is_cut() -> None:
    redactor = Redactor("key-" + "0123456789" * 90)
    text = "x" * (MAX_LENGTH - 10) + " key-" + "0123456789" * 90
    assert redactor.one_line(text) == f"{'x' * (MAX_LENGTH - 10)} [key]"
    many = f"{'key-' + '0123456789' * 90} " * 100
    assert redactor.one_line(many).replace("[key]", "").strip(" …[k") == ""


def test_a_key_of_three_characters_is_in_too_many_words_to_be_replaced() -> None:
    assert Redactor("set").one_line("the set") == "the set"
    assert Redactor("sets").one_line("the sets") == "the [key]"


def test_what_has_the_shape_of_a_key_is_replaced_too() -> None:
    text = "sk_user_0123abc, (sk_ab…) but not task_1 or sk_"
    assert Redactor(KEY).one_line(text) == "[key], ([key]…) but not task_1 or sk_"


@examples(200)
@given(text=st.text(st.characters()), limit=st.integers(10, 50))
def test_any_text_becomes_one_short_line_that_can_be_written(text: str, limit: int) -> None:
    line = Redactor(KEY).one_line(text, limit=limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    line.encode()


def test_what_no_font_shows_becomes_a_space() -> None:
    assert Redactor("sk_some_key_123").one_line("a\u05ebb\ue000c") == "a b c"
