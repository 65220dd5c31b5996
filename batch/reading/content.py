"""Unpack a file (gzip, Zstandard) and detect its format by its content, not by its suffix."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePath

import zstandard

from batch.errors import InputError

_CHUNK = 1 << 20
_ZSTD_CHUNK = 4096  # bytes; what they expand to comes at once, and may be 128 MiB
# A bomb expands a thousandfold; a spreadsheet with ids in it, which are noise, seldom tenfold.
MAX_EXPANSION = 200
FREE_EXPANSION = 64 << 20  # bytes that any file may expand to

_GZIP, _ZSTD, _ZIP, _OLE, _PARQUET = (
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    b"PAR1",
)

# What people take for a spreadsheet but is none: its name in messages, and how it begins.
_OTHER_STARTS = {
    "a picture": (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"),
    "a PDF document": (b"%PDF-",),
    "an Arrow or Feather file": (b"ARROW1",),
}
_OTHER_TEXTS = {
    "JSON": re.compile(rb'\s*[\[{]\s*["\[{]'),
}
# What spreadsheet programs open, and many programs export under the name .xls.
_OPENED_TEXTS = {
    "a web page (HTML)": re.compile(
        rb"(?i)\s*(?:<\?xml\b[^>]*+>\s*)?+"
        rb"(?:<(?:!doctype html|html|head|meta|body|table|div)\b|<!--|MIME-Version:)"
    ),
    "an XML document": re.compile(rb"(?i)\s*<(?:\?xml|!doctype)\b"),
}
_XML_2003 = b"urn:schemas-microsoft-com:office:spreadsheet"
_HEAD = 4096  # bytes; page and XML name themselves in their first lines
_MARKS_AND_NULS = b"\0\xef\xbb\xbf\xfe\xff"  # without them the start of any Unicode text is ASCII


class Format(StrEnum):
    """The formats that are read, each as a message names it."""

    TEXT = "CSV or other text"
    XLSX = "an .xlsx workbook"
    XLS = "an .xls workbook"
    ODS = "an .ods spreadsheet"
    PARQUET = "a Parquet file"


_FORMAT_OF_SUFFIX = {  # the first of a format is its usual one
    ".csv": Format.TEXT,
    ".tsv": Format.TEXT,
    ".tab": Format.TEXT,
    ".txt": Format.TEXT,
    ".xlsx": Format.XLSX,
    ".xlsm": Format.XLSX,
    ".xls": Format.XLS,
    ".ods": Format.ODS,
    ".parquet": Format.PARQUET,
}


def unpack(path: Path, *, scratch: Path, name: str) -> Path:
    """The file itself, or an unpacked copy in the scratch folder if it is gzip or Zstandard.

    Raises InputError when it is damaged, or expands as no spreadsheet does.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if not start.startswith((_GZIP, _ZSTD)):
        return path
    limit = max_unpacked_bytes(path.stat().st_size)
    copy = scratch / "unpacked"
    size = 0
    try:
        with copy.open("wb") as out:
            for chunk in _unpacked_chunks(path, is_gzip=start.startswith(_GZIP)):
                size += len(chunk)
                if size > limit:
                    raise InputError(
                        f"{name}: expands to more than {MAX_EXPANSION} times its size, as no "
                        "spreadsheet does. Unpack it yourself if you trust it."
                    )
                out.write(chunk)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise InputError(
            f"{name}: can't be unpacked, it is damaged or incomplete ({error}). Fetch it again."
        ) from error
    return copy


def part_key(name: str) -> str:
    """The name of a zipped file's part as it is compared: regardless of case and of slashes.

    Some programs write backslashes, or another case than where the name is used.
    """
    return name.replace("\\", "/").lstrip("/").casefold()


def max_unpacked_bytes(size: int) -> int:
    """The most bytes that a file, or a part of one, may unpack to. size: packed, in bytes."""
    return FREE_EXPANSION + MAX_EXPANSION * size


def expands_beyond(path: Path, limit: int) -> bool:
    """Whether a packed file (gzip, Zstandard, a workbook) unpacks to more than `limit` bytes.

    False for a file that is not packed, and for a damaged one: reading it raises the error.
    """
    with path.open("rb") as file:
        start = file.read(4)
    try:
        if start.startswith(_ZIP):
            with zipfile.ZipFile(path) as archive:  # it gives no more than it says here
                return sum(part.file_size for part in archive.infolist()) > limit
        size = 0
        if start.startswith((_GZIP, _ZSTD)):
            for chunk in _unpacked_chunks(path, is_gzip=start.startswith(_GZIP)):
                size += len(chunk)
                if size > limit:
                    return True
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, zipfile.BadZipFile):
        return False
    return False


def _unpacked_chunks(path: Path, *, is_gzip: bool) -> Iterator[bytes]:
    """A packed file's content, a piece at a time.

    Raises EOFError when the last Zstandard frame is cut short: the library's own stream ends
    there without an error.
    """
    with path.open("rb") as packed:
        if is_gzip:
            stream = gzip.GzipFile(fileobj=packed)
            while chunk := stream.read(_CHUNK):
                yield chunk
            return
        frame = zstandard.ZstdDecompressor().decompressobj()
        while chunk := packed.read(_ZSTD_CHUNK):
            while chunk:
                if frame.eof:
                    frame = zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(chunk)
                chunk = frame.unused_data
        if not frame.eof:
            raise EOFError("Zstandard frame ended before its end was reached")


def detect_format(path: Path, *, name: str) -> Format:
    """The format of the file's content.

    Raises InputError for a format that is not read, or when the suffix of `name` says another.
    """
    found = _format_by_content(path, name=name)
    plain = PurePath(name.lower().removesuffix(".gz").removesuffix(".zst"))
    named = _FORMAT_OF_SUFFIX.get(plain.suffix, found)
    if named is not found:
        usual = next(suffix for suffix, each in _FORMAT_OF_SUFFIX.items() if each is found)
        raise InputError(
            f"{name}: its name ends in {plain.suffix}, but its content is {found}. "
            f"Rename it to end in {usual}, or save it again as {named}."
        )
    return found


def _format_by_content(path: Path, *, name: str) -> Format:
    with path.open("rb") as file:
        start = file.read(_HEAD)
    if start.startswith(_ZIP):
        return _zipped_format(path, name=name)
    if start.startswith(_PARQUET):
        return Format.PARQUET
    if start.startswith(_OLE):
        # Excel wraps an .xlsx with a password in the container of the old .xls.
        with path.open("rb") as file:
            if "EncryptedPackage".encode("utf-16-le") in file.read(_CHUNK):
                raise InputError(f"{name}: is protected by a password. Save it without one.")
        return Format.XLS
    if start.startswith((_GZIP, _ZSTD)):
        raise InputError(f"{name}: is compressed twice. Unpack it once and use the result.")
    text = start.translate(None, _MARKS_AND_NULS)
    seems = [what for what, starts in _OTHER_STARTS.items() if start.startswith(starts)]
    seems += [what for what, pattern in _OTHER_TEXTS.items() if pattern.match(text)]
    if seems:
        raise InputError(
            f"{name}: seems to be {seems[0]}. Save its data as CSV or XLSX and use that file."
        )
    if text.lstrip().startswith(b"<") and _XML_2003 in text:
        opened = "an XML spreadsheet of Excel 2003"
    else:
        opened = next((what for what, each in _OPENED_TEXTS.items() if each.match(text)), "")
    if opened:
        raise InputError(
            f"{name}: seems to be {opened}, which only spreadsheet programs can read. Open it in "
            "one, save it as an Excel workbook (.xlsx), and use that file."
        )
    return Format.TEXT


def _zipped_format(path: Path, *, name: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {part_key(part) for part in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"{name}: can't be opened, it is damaged or incomplete. Save or fetch it again."
        ) from error
    if "xl/workbook.bin" in parts:
        raise InputError(f"{name}: is a binary workbook (.xlsb). Save it as .xlsx.")
    if part_key("[Content_Types].xml") in parts:
        return Format.XLSX
    if "content.xml" in parts:
        return Format.ODS
    raise InputError(f"{name}: is a zip archive. Unpack it and use the spreadsheet inside.")
