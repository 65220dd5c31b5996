"""Read a Parquet file's own account of its contents, before anything of it is decoded.

Its footer, and the head of each page, is a struct of Thrift's compact protocol. Numbers, lists and
structs, which hold the sizes, are kept; texts are skipped.
Source: https://github.com/apache/parquet-format (parquet.thrift), and Thrift's
thrift-compact-protocol.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

_MAX_FOOTER = 8 << 20  # bytes; 16,384 columns in one row group take some 3 MB
_MAX_LEVELS = 16  # of structs and lists within each other; the format has seven
_MARK = b"PAR1"
_TAIL = 8  # bytes: the footer's length and the mark

Value = int | None | list["Value"] | dict[int, "Value"]
Struct = dict[int, Value]

# Types of the protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = {4, 5, 6}
# What a value takes at least once it is unpacked, by the number of its physical type: BOOLEAN,
# INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY (the length alone), FIXED_LEN_BYTE_ARRAY.
_VALUE_BYTES = {0: 1, 1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 6: 4, 7: 1}


_PAGE_KINDS = (5, 7, 8)  # fields of a page's head: data, dictionary, data of the second version


class FooterError(ValueError):
    """A file is no Parquet file, or contradicts itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A file's contents by its own account.

    rows: of all row groups. unpacked_bytes: the size of its pages once unpacked, or of its values
    if that is more: a page may say "the same again" a million times.
    """

    rows: int
    unpacked_bytes: int


def read_contents(path: Path) -> Contents:
    """A file's contents by its footer and the heads of its pages.

    The heads count because a reader unpacks what a page's own head says. Raises FooterError, and
    OSError where the file can't be read.
    """
    size = path.stat().st_size
    if size < _TAIL:
        raise FooterError(f"{size} bytes")
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        length = int.from_bytes(text[size - _TAIL : size - 4], "little")
        start = size - _TAIL - length
        if text[size - 4 :] != _MARK or start < 0 or length > _MAX_FOOTER:
            raise FooterError(f"a footer of {length} bytes")
        footer = _Reader(text, start, size - _TAIL).struct()
        all_rows = unpacked = 0
        for group in _structs(footer, 4):
            rows = _integer(group, 3)
            all_rows += rows
            for column in _structs(group, 1):
                chunk = column.get(3)
                if not isinstance(chunk, dict):
                    raise FooterError("a column without metadata")
                value_bytes = _VALUE_BYTES.get(_integer(chunk, 1), 1)
                values_bytes = max(rows, _integer(chunk, 5)) * value_bytes
                unpacked += max(_pages_bytes(text, start, chunk), values_bytes)
        return Contents(rows=all_rows, unpacked_bytes=unpacked)


def _pages_bytes(text: mmap, end: int, chunk: Struct) -> int:
    """The unpacked size of a column's pages, by the head of each. end: of all pages.

    Raises FooterError for a page of more values than the column has, for which a reader would
    reserve as much memory as it says.
    """
    at = _integer(chunk, 11) if chunk.get(11) else _integer(chunk, 9)
    end = min(end, at + _integer(chunk, 7))
    total = 0
    while at < end:
        head = _Reader(text, at, end)
        page = head.struct()
        for kind in _PAGE_KINDS:
            of_kind = page.get(kind)
            if isinstance(of_kind, dict) and _integer(of_kind, 1) > _integer(chunk, 5):
                raise FooterError("a page of more values than its column")
        total += _integer(page, 2)
        at = head.at + _integer(page, 3)
    return total


def _integer(struct: Struct, field: int) -> int:
    value = struct.get(field)
    if not isinstance(value, int) or value < 0:
        raise FooterError(f"field {field} is no count")
    return value


def _structs(struct: Struct, field: int) -> Iterator[Struct]:
    values = struct.get(field)
    if not isinstance(values, list):
        raise FooterError(f"field {field} is no list")
    for each in values:
        if not isinstance(each, dict):
            raise FooterError(f"field {field} is no list of structs")
        yield each


class _Reader:
    """Reads values of the compact protocol; each takes at least a byte, so the cost is bounded."""

    def __init__(self, text: bytes | mmap, at: int, end: int) -> None:
        self.at = at
        self._text = text
        self._end = end
        self._level = 0

    def struct(self) -> Struct:
        """The fields of a struct by their numbers; texts and doubles are skipped, as None."""
        self._descend()
        fields: Struct = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._integer()
            fields[number] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind)
        self._level -= 1
        return fields

    def _value(self, kind: int) -> Value:
        if kind in _INTEGERS:
            return self._integer()
        if kind == _STRUCT:
            return self.struct()
        if kind in {_LIST, _SET}:
            return self._list()
        if kind == _BINARY:
            self._skip(self._varint())
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind in {_TRUE, _FALSE, _BYTE}:
            self._skip(1)
        elif kind == _MAP:
            count = self._varint()
            kinds = self._byte() if count else 0
            for _ in range(count):
                self._value(kinds >> 4)
                self._value(kinds & 15)
        else:
            raise FooterError(f"a value of type {kind}")
        return None

    def _list(self) -> list[Value]:
        self._descend()
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if count > self._end - self.at:
            raise FooterError(f"a list of {count}")
        values = [self._value(kind) for _ in range(count)]
        self._level -= 1
        return values

    def _descend(self) -> None:
        self._level += 1
        if self._level > _MAX_LEVELS:
            raise FooterError("structs too deep within each other")

    def _integer(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise FooterError("a number of more than 64 bits")

    def _byte(self) -> int:
        self._skip(1)
        return self._text[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > self._end:
            raise FooterError("it ends too early")
