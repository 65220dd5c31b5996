"""Read the XML parts of a zipped workbook as a stream.

Refuses document types, so that no entity can name a file or expand; parts that unpack to far more
than they take in the archive; and parts with elements too deep within each other or tags too long.
"""

import zipfile
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO
from xml.parsers import expat

from batch.reading.content import MAX_EXPANSION, max_unpacked_bytes, part_key
from batch.reading.cost import MAX_LEVELS, CostError

_CHUNK = 1 << 16  # bytes; 40 make a row whose only cell is the last: 128 kB until it is taken
# Bytes of one tag, comment or instruction. Until it is whole, expat before 2.6 reads it from its
# beginning for every chunk: one of 60 MB, which packs to 63 kB, took 17 s.
_LONGEST_MARKUP = 1 << 20

Attributes = dict[str, str]


class MarkupError(ValueError):
    """A part is damaged, missing or built to do harm; the text says which part and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """What to call for each element's start and end, by local name, and for text.

    Attributes of a namespace are named by it, a space, and their local name.
    """

    start: Callable[[str, Attributes], None]
    end: Callable[[str], None] = lambda _name: None
    text: Callable[[str], None] = lambda _text: None


def listen(archive: zipfile.ZipFile, part: str, listener: Listener) -> Iterator[None]:
    """Call the listener for the elements of a part, chunk by chunk; yields after each chunk.

    Raises MarkupError, CostError, and zipfile's and zlib's errors for a damaged archive.
    """
    parser = _parser(part, listener)
    size = 0
    with _open_part(archive, part) as stream:
        try:
            while chunk := stream.read(_CHUNK):
                parser.Parse(chunk, False)
                size += len(chunk)
                if size - parser.CurrentByteIndex > _LONGEST_MARKUP:
                    raise CostError(
                        f"{part} has a tag or comment of more than {_LONGEST_MARKUP:,} bytes, as "
                        "no spreadsheet program writes them. Open it in one and save it again."
                    )
                yield
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise MarkupError(f"{part}: {error}") from error
    yield


def elements(
    archive: zipfile.ZipFile, part: str, names: Container[str]
) -> Iterator[tuple[str, str, Attributes]]:
    """The elements of these names in order: their parent's name, their own, their attributes."""
    found: list[tuple[str, str, Attributes]] = []
    path = [""]

    def start(name: str, attributes: Attributes) -> None:
        if name in names:
            found.append((path[-1], name, attributes))
        path.append(name)

    def end(_name: str) -> None:
        path.pop()

    for _ in listen(archive, part, Listener(start=start, end=end)):
        yield from found
        found.clear()


def _parser(part: str, listener: Listener) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = lru_cache(maxsize=256)(lambda name: name.rpartition(" ")[2])
    on_start, on_end = listener.start, listener.end
    level = 0

    def start(name: str, attributes: Attributes) -> None:
        nonlocal level
        level += 1
        if level > MAX_LEVELS:
            raise CostError(
                f"{part} has elements more than {MAX_LEVELS} levels deep, as no spreadsheet "
                "program writes them. Open it in one and save it again."
            )
        on_start(local(name), attributes)

    def end(name: str) -> None:
        nonlocal level
        level -= 1
        on_end(local(name))

    def refuse(*_: object) -> None:
        raise MarkupError(f"{part}: declares a document type, as no workbook does")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = listener.text
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _open_part(archive: zipfile.ZipFile, part: str) -> IO[bytes]:
    """Open a part for reading.

    Raises MarkupError where any part is there twice: which of the two a program reads is chance.
    """
    parts: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        first = parts.setdefault(part_key(info.filename), info)
        if first is not info and not info.is_dir():
            raise MarkupError(f"{info.filename} is in the archive twice")
    found = parts.get(part_key(part))
    if found is None:
        raise MarkupError(f"{part} is missing")
    if found.file_size > max_unpacked_bytes(found.compress_size):
        raise MarkupError(f"{part} unpacks to more than {MAX_EXPANSION} times its size")
    return archive.open(found)
