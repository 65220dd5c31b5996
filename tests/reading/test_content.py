import gzip
import random
import zipfile
from pathlib import Path

import pytest
import zstandard

from batch.errors import InputError
from batch.reading import content
from batch.reading.content import Format, detect_format, expands_beyond, part_key, unpack

TEXT = b"campaignId,campaignLeadId,aiTag\n1,2,x\n"


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def opened(folder: Path, packed: bytes) -> Path:
    scratch = folder / "scratch"
    scratch.mkdir()
    return unpack(file_of(folder, packed), scratch=scratch, name="leads.csv.gz")


def zip_of(folder: Path, *parts: str) -> Path:
    path = folder / "file"
    with zipfile.ZipFile(path, "w") as archive:
        for part in parts:
            archive.writestr(part, b"x")
    return path


def refusal(path: Path, name: str) -> str:
    """Why a file that messages call so is none that is read."""
    with pytest.raises(InputError) as caught:
        detect_format(path, name=name)
    return str(caught.value)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(TEXT, mtime=0),
        gzip.compress(TEXT[:10], mtime=0) + gzip.compress(TEXT[10:], mtime=0),
        zstandard.compress(TEXT),
        zstandard.compress(TEXT[:10]) + zstandard.compress(TEXT[10:]),
    ],
)
def test_gz_and_zst_are_taken_off_in_one_part_or_several(tmp_path: Path, packed: bytes) -> None:
    assert opened(tmp_path, packed).read_bytes() == TEXT


def test_a_plain_file_is_not_copied(tmp_path: Path) -> None:
    assert opened(tmp_path, TEXT) == tmp_path / "file"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_file_that_is_cut_short_or_damaged_is_refused(
    tmp_path: Path, pack: type[bytes]
) -> None:
    packed = pack(bytes(range(256)) * 100)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, packed[:-8] if pack is gzip.compress else packed[:8] + b"\xff" * 9)
    assert str(caught.value).startswith(
        "leads.csv.gz: can't be unpacked, it is damaged or incomplete ("
    )
    assert str(caught.value).endswith("). Fetch it again.")


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        (-1, "Zstandard frame ended before its end was reached"),
        (-8, "Zstandard frame ended before its end was reached"),
        (b"x", "zstd decompressor error: Unknown frame descriptor"),
        (b"\x28\xb5", "Zstandard frame ended before its end was reached"),
        (b"garbage!", "zstd decompressor error: Unknown frame descriptor"),
    ],
)
def test_a_zst_that_lacks_its_end_or_has_garbage_behind_it_is_refused(
    tmp_path: Path, extra: int | bytes, cause: str
) -> None:
    packed = zstandard.compress(TEXT) * 2
    with pytest.raises(InputError) as caught:
        opened(tmp_path, packed[:extra] if isinstance(extra, int) else packed + extra)
    assert str(caught.value) == (
        f"leads.csv.gz: can't be unpacked, it is damaged or incomplete ({cause}). Fetch it again."
    )


def test_a_zst_that_is_cut_short_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    packed = zstandard.compress(TEXT)
    for length in range(4, len(packed)):
        path.write_bytes(packed[:length])
        with pytest.raises(InputError, match="damaged or incomplete"):
            unpack(path, scratch=tmp_path, name="leads.csv.zst")


def test_frames_that_a_program_puts_its_own_notes_in_are_no_content(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"
    packed = zstandard.compress(TEXT[:10]) + skippable + zstandard.compress(TEXT[10:]) + skippable
    assert opened(tmp_path, packed).read_bytes() == TEXT


def test_a_zst_of_many_chunks_is_read_whole(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(300_000)  # noqa: S311 - noise that does not pack
    assert opened(tmp_path, zstandard.compress(noise) * 2).read_bytes() == noise * 2


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: type[bytes]
) -> None:
    monkeypatch.setattr(content, "FREE_EXPANSION", 1000)
    with pytest.raises(InputError) as caught:
        opened(tmp_path, pack(b"\0" * 10_000_000))
    assert str(caught.value) == (
        "leads.csv.gz: expands to more than 200 times its size, as no spreadsheet does. "
        "Unpack it yourself if you trust it."
    )


def test_the_format_is_told_by_the_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for start, expected in (
        (TEXT, Format.TEXT),
        (b"PAR1....", Format.PARQUET),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", Format.XLS),
    ):
        path.write_bytes(start)
        assert detect_format(path, name="stdin") is expected
    xlsx = zip_of(tmp_path, "[Content_Types].xml", "xl/workbook.xml")
    assert detect_format(xlsx, name="stdin") is Format.XLSX
    assert detect_format(zip_of(tmp_path, "content.xml"), name="stdin") is Format.ODS


@pytest.mark.parametrize(
    "name",
    ["leads.csv", "LEADS.CSV", "leads.tsv", "leads.txt", "leads.csv.gz", "a.tsv.zst", "leads.2026"],
)
def test_text_may_have_these_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(TEXT)
    assert detect_format(path, name=name) is Format.TEXT


@pytest.mark.parametrize(
    ("suffix", "promised"),
    [
        (".xlsx", "an .xlsx workbook"),
        (".xls", "an .xls workbook"),
        (".ods", "an .ods spreadsheet"),
        (".parquet", "a Parquet file"),
    ],
)
def test_a_csv_under_another_formats_name_is_refused(
    tmp_path: Path, suffix: str, promised: str
) -> None:
    assert refusal(file_of(tmp_path, TEXT), f"leads{suffix}") == (
        f"leads{suffix}: its name ends in {suffix}, but its content is CSV or other text. "
        f"Rename it to end in .csv, or save it again as {promised}."
    )


def test_a_workbook_named_csv_is_refused(tmp_path: Path) -> None:
    assert refusal(zip_of(tmp_path, "[Content_Types].xml"), "leads.csv") == (
        "leads.csv: its name ends in .csv, but its content is an .xlsx workbook. "
        "Rename it to end in .xlsx, or save it again as CSV or other text."
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("leads.csv",), "is a zip archive. Unpack it and use the spreadsheet inside."),
        (
            ("[Content_Types].xml", "xl/workbook.bin"),
            "is a binary workbook (.xlsb). Save it as .xlsx.",
        ),
    ],
)
def test_other_zipped_files_are_refused(
    tmp_path: Path, parts: tuple[str, ...], message: str
) -> None:
    assert refusal(zip_of(tmp_path, *parts), "leads.zip") == f"leads.zip: {message}"


def test_names_of_parts_are_compared_as_every_system_does(tmp_path: Path) -> None:
    assert part_key("xl/_rels/Workbook.xml") == part_key("\\XL\\_RELS/workbook.XML")
    other_case = zip_of(tmp_path, "[content_types].XML", "xl\\workbook.xml")
    assert detect_format(other_case, name="leads.xlsx") is Format.XLSX


def test_a_damaged_zip_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path, "[Content_Types].xml")
    path.write_bytes(path.read_bytes()[:40])
    assert refusal(path, "leads.xlsx") == (
        "leads.xlsx: can't be opened, it is damaged or incomplete. Save or fetch it again."
    )


def test_a_workbook_with_a_password_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512) + "EncryptedPackage".encode("utf-16-le")
    )
    assert (
        refusal(path, "leads.xlsx")
        == "leads.xlsx: is protected by a password. Save it without one."
    )


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (b"ARROW1\0\0\xff\xff", "an Arrow or Feather file"),
        (b'[{"campaignId": "a"}]', "JSON"),
        (b'{\n  "data": []}', "JSON"),
        (b'[["a", "b"]]', "JSON"),
    ],
)
@pytest.mark.parametrize("name", ["leads.xls", "leads.csv"])
def test_what_is_no_spreadsheet_is_named(
    tmp_path: Path, start: bytes, what: str, name: str
) -> None:
    assert refusal(file_of(tmp_path, start), name) == (
        f"{name}: seems to be {what}. Save its data as CSV or XLSX and use that file."
    )


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"<html><table><tr><td>campaignId</td></tr></table></html>", "a web page (HTML)"),
        (b"\r\n <!DOCTYPE html PUBLIC>", "a web page (HTML)"),
        (b"<!-- made by a program --><table>", "a web page (HTML)"),
        (b"<Table border=1>", "a web page (HTML)"),
        (b"\xef\xbb\xbf<html>", "a web page (HTML)"),
        ("\ufeff<html>".encode("utf-16-le"), "a web page (HTML)"),
        (b"MIME-Version: 1.0\r\n", "a web page (HTML)"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "a web page (HTML)"),
        (b'<?xml version="1.0"?><Workbook>', "an XML document"),
        (
            b'<?xml?>\r\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
            "an XML spreadsheet of Excel 2003",
        ),
        (
            '\ufeff<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'.encode(
                "utf-16"
            ),
            "an XML spreadsheet of Excel 2003",
        ),
    ],
)
@pytest.mark.parametrize("name", ["leads.xls", "leads.xlsx", "leads.csv"])
def test_what_spreadsheet_programs_open_says_how_to_save_it(
    tmp_path: Path, start: bytes, what: str, name: str
) -> None:
    assert refusal(file_of(tmp_path, start), name) == (
        f"{name}: seems to be {what}, which only spreadsheet programs can read. "
        "Open it in one, save it as an Excel workbook (.xlsx), and use that file."
    )


@pytest.mark.parametrize(
    "start", [b"<campaign>,lead\n", b"[id],lead\n", b"{id};lead\n", b"%,PDF\n", b"tables,x\n"]
)
def test_odd_header_names_are_text(tmp_path: Path, start: bytes) -> None:
    assert detect_format(file_of(tmp_path, start), name="leads.csv") is Format.TEXT


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_what_is_packed_twice_is_refused(tmp_path: Path, pack: type[bytes]) -> None:
    path = opened(tmp_path, pack(pack(TEXT)))
    assert refusal(path, "leads.csv.gz") == (
        "leads.csv.gz: is compressed twice. Unpack it once and use the result."
    )


@pytest.mark.parametrize("packing", ["gz", "zst", "zip", "none"])
def test_what_a_file_expands_to_is_known_before_it_is_unpacked(
    tmp_path: Path, packing: str
) -> None:
    zeros, path = bytes(5000), tmp_path / "file"
    match packing:
        case "gz":
            path.write_bytes(gzip.compress(zeros))
        case "zst":
            path.write_bytes(zstandard.ZstdCompressor().compress(zeros))
        case "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("a", zeros[:3000])
                archive.writestr("b", zeros[3000:])
        case _:
            path.write_bytes(zeros)
    assert expands_beyond(path, 4999) is (packing != "none")
    assert not expands_beyond(path, 5000)


@pytest.mark.parametrize("start", [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b""])
def test_reading_tells_of_what_is_damaged(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(start + b"nonsense" * bool(start))
    assert not expands_beyond(path, 0)
