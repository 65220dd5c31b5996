import codecs
import encodings.aliases
import random
from pathlib import Path

import pytest

from batch.errors import InputError
from batch.reading.encoding import to_utf8
from batch.terminal.remedies import in_terminal

TEXT = "campaignId,campaignLeadId,aiTag\n1,2,Größe €\n"


def read(folder: Path, content: bytes, encoding: str | None = None) -> tuple[str, tuple[str, ...]]:
    path = folder / "leads.csv"
    path.write_bytes(content)
    scratch = folder / "scratch"
    scratch.mkdir()
    found, _, notes = to_utf8(path, encoding, scratch=scratch, name="leads.csv")
    return found.read_bytes().decode("utf-8-sig"), notes


def refusal(folder: Path, content: bytes, encoding: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, encoding)
    return in_terminal(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    ],
)
def test_utf8_and_marked_utf16_and_utf32_are_read_without_a_word(
    tmp_path: Path, content: bytes
) -> None:
    assert read(tmp_path, content) == (TEXT, ())


def test_a_utf8_file_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text(TEXT, encoding="utf-8")
    assert to_utf8(path, None, scratch=tmp_path / "none", name="x") == (path, "utf-8", ())


def test_what_is_not_utf8_is_read_as_cp1252_and_that_is_announced(tmp_path: Path) -> None:
    text, (note,) = read(tmp_path, TEXT.encode("cp1252"))
    assert text == TEXT
    assert in_terminal(note) == (
        "leads.csv: not UTF-8, so it is read as cp1252 (Western European). "
        "If letters look wrong, name its encoding with --encoding."
    )


def test_a_letter_far_down_the_file_decides_its_encoding(tmp_path: Path) -> None:
    text = "a,b\n" * 600_000 + "é"
    assert read(tmp_path, text.encode("cp1252"))[0] == text


def test_a_letter_across_the_end_of_a_chunk_is_utf8(tmp_path: Path) -> None:
    text = "a" * ((1 << 20) - 1) + "é" + "b" * (1 << 20)
    assert read(tmp_path, text.encode()) == (text, ())


def test_a_letter_torn_apart_by_plain_text_is_not_utf8(tmp_path: Path) -> None:
    chunk = b"a" * (1 << 20)
    assert read(tmp_path, chunk[1:] + b"\xc3" + chunk + b"\xa9")[1] != ()


def test_a_letter_cut_off_at_the_end_is_not_utf8(tmp_path: Path) -> None:
    assert read(tmp_path, "aé".encode()[:-1])[0] == "aÃ"


def test_bytes_that_fit_no_encoding_are_refused_with_their_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"a,b\nc,\x81\n") == (
        "leads.csv: text line 2 is neither UTF-8 nor cp1252 (byte 0x81). "
        "Name its encoding with --encoding, or save it as UTF-8."
    )


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_unmarked_utf16_is_refused_by_its_name(tmp_path: Path, order: str) -> None:
    assert refusal(tmp_path, TEXT.encode(order)) == (
        "leads.csv: looks like UTF-16 without a byte order mark. "
        f"Name its encoding with --encoding {order}, or save it as UTF-8."
    )


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_unmarked_utf16_is_read_when_it_is_named(tmp_path: Path, order: str) -> None:
    assert read(tmp_path, TEXT.encode(order), order) == (TEXT, ())


def test_a_few_nul_characters_are_no_utf16(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\0\nc,d\0\n") == ("a,b\0\nc,d\0\n", ())


@pytest.mark.parametrize("encoding", ["cp1252", "CP1252", "windows-1252"])
def test_a_named_encoding_is_used_without_a_word(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, TEXT.encode("cp1252"), encoding) == (TEXT, ())


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_text_when_utf8_is_named(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, codecs.BOM_UTF8 + TEXT.encode(), encoding) == (TEXT, ())


def test_a_named_encoding_that_is_wrong_is_refused_with_the_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a\nb\né".encode("cp1252"), "utf-8") == (
        "leads.csv: text line 3 is not utf-8. "
        "Name its encoding with --encoding, or save it as UTF-8."
    )


def test_a_marked_file_that_is_not_what_its_mark_says_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, codecs.BOM_UTF8 + b"a\n\xe9\n") == (
        "leads.csv: text line 2 is not utf-8. Correct that line, and save the file as UTF-8."
    )


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-9", "", "\udc80"),
        *("base64", "rot13", "hex", "zlib"),
        *("idna", "punycode", "undefined"),
        *("unicode_escape", "raw_unicode_escape", "Unicode-Escape"),
    ],
)
def test_an_unknown_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    assert refusal(tmp_path, b"a", encoding) == (
        f'leads.csv: the encoding "{encoding}" is unknown; '
        "expected a name such as utf-8, utf-16, cp1252 or latin-1."
    )


@pytest.mark.parametrize("encoding", sorted({*encodings.aliases.aliases.values()}))
def test_any_encoding_that_python_knows_reads_the_file_or_is_refused(
    tmp_path: Path, encoding: str
) -> None:
    content = (TEXT + "+2AA-\\q\udc80").encode("utf-8", errors="surrogateescape")
    told = "leads.csv is read"
    try:
        read(tmp_path, content, encoding)
    except InputError as error:
        told = str(error)
    assert told.startswith("leads.csv")


@pytest.mark.parametrize("encoding", ["utf-16", "UTF16", "utf-32"])
def test_a_mark_that_the_named_encoding_needs_and_the_file_has_not_is_told(
    tmp_path: Path, encoding: str
) -> None:
    codec = codecs.lookup(encoding).name
    assert refusal(tmp_path, TEXT.encode(), encoding) == (
        f"leads.csv: does not begin with the byte order mark of {codec}. Name no encoding, "
        f"or {codec}-le or {codec}-be if it is {codec} all the same."
    )


@pytest.mark.parametrize(
    ("mark", "marked", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8", "latin-1"),
        (codecs.BOM_UTF8, "utf-8", "utf-16"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-be"),
        (codecs.BOM_UTF16_BE, "utf-16-be", "cp1252"),
        (codecs.BOM_UTF32_LE, "utf-32-le", "utf-16"),
        (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32-le"),
    ],
)
def test_a_named_encoding_that_the_mark_belies_is_refused(
    tmp_path: Path, mark: bytes, marked: str, encoding: str
) -> None:
    assert refusal(tmp_path, mark + TEXT.encode(marked), encoding) == (
        f"leads.csv: begins with the byte order mark of {marked}, so it is not {encoding}. "
        "Name no encoding."
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_a_named_encoding_may_say_what_the_mark_says(tmp_path: Path, encoding: str) -> None:
    marked = f"\ufeff{TEXT}".encode(encoding if encoding[-2:] in {"le", "be"} else encoding + "-le")
    assert read(tmp_path, marked, encoding) == (TEXT, ())


def test_bytes_that_are_no_text_are_refused_as_such(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(5000)  # noqa: S311 - noise for a test
    assert refusal(tmp_path, noise) == (
        "leads.csv: is neither text nor a spreadsheet of a known format. "
        "Save its data as CSV or XLSX and use that file."
    )


def test_a_control_character_or_two_leave_cp1252_what_it_is(tmp_path: Path) -> None:
    text = "a,b\n" * 20 + "é\0\x1b"
    assert read(tmp_path, text.encode("cp1252"))[0] == text
