"""Find a text file's encoding, check it over the whole file, and convert the file to UTF-8.

Never guesses in silence: a fallback is announced, an unmarked UTF-16 file refused.
"""

import codecs
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from batch.advice import Advice, Fix, Remedy
from batch.errors import InputError

_CHUNK = 1 << 20
_SAMPLE = 4096  # bytes; enough to recognise unmarked UTF-16, whose every other byte is NUL
_FALLBACK = "cp1252"
# The encodings of a file that begins with a byte order mark: the mark's, and the exact one.
# UTF-32 comes first, since its mark may begin with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: ("utf-32", "utf-32-le"),
    codecs.BOM_UTF32_BE: ("utf-32", "utf-32-be"),
    codecs.BOM_UTF16_LE: ("utf-16", "utf-16-le"),
    codecs.BOM_UTF16_BE: ("utf-16", "utf-16-be"),
    codecs.BOM_UTF8: ("utf-8-sig", "utf-8"),
}
_COPY = "text.csv"
_CORRECT_IT = "Correct that line, and save the file as UTF-8."
_NEED_A_MARK = {"utf-16", "utf-32"}
# Python counts these among its text encodings, but no file is written in them.
_NO_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
_END_MARK = (
    b"\x1a"  # which programs of the days of CP/M and DOS put at a text's end, and fill a block
)
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r"))


class Utf8(NamedTuple):
    """A file in UTF-8. encoding: of what it was made of. notes: for the user."""

    path: Path
    encoding: str
    notes: tuple[str, ...] = ()


def to_utf8(
    path: Path, encoding: str | None, *, scratch: Path, name: str, mends: bool = True
) -> Utf8:
    """A file with the same text in UTF-8, without an end mark (0x1A).

    encoding: as the user names it; None to find it.
    scratch: the folder for a copy, which is made only when the file can't stay as it is.
    mends: as in `Found`.
    The file may begin with a byte order mark. Raises InputError when the bytes fit no encoding,
    or not the one that is named or marked.
    """
    text = _in_utf8(path, encoding, scratch=scratch, name=name)
    return text._replace(path=_without_end_mark(text.path, scratch)) if mends else text


def _in_utf8(path: Path, encoding: str | None, *, scratch: Path, name: str) -> Utf8:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    marked = next((fitting for mark, fitting in _MARKS.items() if sample.startswith(mark)), ())
    if encoding is not None:
        codec = _codec(encoding, marked, name=name)
        convert = partial(_convert, path, codec, is_marked=bool(marked))
        return Utf8(convert(scratch=scratch, name=name), codec)
    if marked:
        convert = partial(_convert, path, marked[0], is_marked=True)
        return Utf8(convert(scratch=scratch, name=name), marked[0])
    _refuse_unmarked_utf16(sample, name=name)
    if _is_utf8(path):
        return Utf8(path, "utf-8")
    text = sample.rstrip(_END_MARK)
    # text has next to no control characters; in a picture or an archive they are a tenth
    if 20 * (len(text) - len(text.translate(None, _CONTROLS))) > len(text):
        raise InputError(
            f"{name}: is neither text nor a spreadsheet of a known format. "
            "Save its data as CSV or XLSX and use that file."
        )
    _refuse_damaged_utf8(path, name=name)
    try:
        copy = _copy_as_utf8(path, _FALLBACK, scratch / _COPY)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name}: text line {_undecodable_line(path, _FALLBACK)} is neither UTF-8 nor "
            f"{_FALLBACK} (byte 0x{error.object[error.start]:02X}).",
            Remedy(Fix.NAME_ENCODING),
        ) from error
    note = Advice(
        f"{name}: not UTF-8, so it is read as {_FALLBACK} (Western European).",
        Remedy(Fix.MEND_LETTERS),
    )
    return Utf8(copy, _FALLBACK, (note,))


def _codec(encoding: str, marked: tuple[str, ...], *, name: str) -> str:
    """Python's name for the encoding that the user named.

    marked: the encodings that the file's byte order mark allows; empty without a mark.
    """
    try:
        "".encode(encoding)  # refuses codecs that are no text encodings, such as base64
        codec = codecs.lookup(encoding).name
    except (LookupError, UnicodeError):
        codec = ""
    if not codec or codec in _NO_FILES:
        raise InputError(
            f'{name}: the encoding "{encoding}" is unknown; '
            "expected a name such as utf-8, utf-16, cp1252 or latin-1."
        )
    if marked and codec not in marked:
        raise InputError(
            f"{name}: begins with the byte order mark of {marked[-1]}, so it is not {encoding}. "
            "Name no encoding."
        )
    if codec in _NEED_A_MARK and not marked:
        raise InputError(
            f"{name}: does not begin with the byte order mark of {codec}. Name no encoding, "
            f"or {codec}-le or {codec}-be if it is {codec} all the same."
        )
    return codec


def _convert(path: Path, codec: str, *, is_marked: bool, scratch: Path, name: str) -> Path:
    """The file in UTF-8, from the encoding that its mark or the user names."""
    try:
        if codec in {"utf-8", "utf-8-sig"}:
            for _ in _decode(path, codec):
                pass
            return path
        return _copy_as_utf8(path, codec, scratch / _COPY)
    except UnicodeError as error:
        raise InputError(
            f"{name}: text line {_undecodable_line(path, codec)} is not "
            f"{codec.removesuffix('-sig')}.",
            _CORRECT_IT if is_marked else Remedy(Fix.NAME_ENCODING),
        ) from error


def _decode(path: Path, codec: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec)()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _copy_as_utf8(path: Path, codec: str, copy: Path) -> Path:
    with copy.open("w", encoding="utf-8", newline="") as file:
        file.writelines(_decode(path, codec))
    return copy


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                # checking for ASCII is ten times faster than decoding it
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _without_end_mark(path: Path, scratch: Path) -> Path:
    """The text without end marks at its very end; in a copy where it has any."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _SAMPLE)
        file.seek(start)
        tail = file.read()
    mark = tail.find(_END_MARK, len(tail.rstrip(_END_MARK + b"\r\n")))
    if mark < 0:
        return path
    copy = scratch / _COPY
    if path != copy:
        shutil.copyfile(path, copy)
    os.truncate(copy, start + mark)
    return copy


def _refuse_damaged_utf8(path: Path, *, name: str) -> None:
    """Raise InputError for a file whose letters are UTF-8 but for some.

    A file in another encoding has next to nothing that UTF-8 allows beyond ASCII.
    """
    letters = wrong = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            if not text.isascii():
                right = text.encode("utf-8", "ignore").decode()
                wrong += len(text) - len(right)  # each wrong byte is a surrogate
                letters += len(right) - len(right.encode("ascii", "ignore"))
    if letters and letters >= wrong:
        raise InputError(
            f"{name}: text line {_undecodable_line(path, 'utf-8')} is not UTF-8, though other "
            f"letters of the file are. {_CORRECT_IT}"
        )


def _undecodable_line(path: Path, codec: str) -> int:
    """The text line, from 1, with the first byte that can't be decoded."""
    line = 1
    try:
        for text in _decode(path, codec):
            line += text.count("\n")
    except UnicodeDecodeError as error:
        line += error.object[: error.start].count(b"\n")
    return line


def _refuse_unmarked_utf16(sample: bytes, *, name: str) -> None:
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    # a quarter of all bytes: text with headers in ASCII has near a half, other text has none
    if even + odd <= len(sample) / 4 or min(even, odd) > max(even, odd) / 4:
        return
    order = "utf-16-le" if odd > even else "utf-16-be"
    raise InputError(
        f"{name}: looks like UTF-16 without a byte order mark.",
        Remedy(Fix.NAME_ENCODING, order),
    )
