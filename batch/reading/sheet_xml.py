"""Read the rows of an .xlsx workbook's sheet from its XML: each cell, and where it stands."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from string import digits

from batch.reading.cost import MAX_COLUMNS
from batch.reading.markup import Attributes, Listener, MarkupError, listen
from batch.reading.places import (
    GatheredRows,
    OrderedRows,
    Places,
    Row,
    column_number,
    row_number,
)
from batch.reading.sheet import SheetRow

# A cell's text, or None, by its type, style, stored value, and formula where it has one.
CellText = Callable[[str, str, str, str | None], str | None]
Put = Callable[[int, int, str | None, bool], None]  # `Places.put`


def ordered_rows(archive: zipfile.ZipFile, part: str, text: CellText) -> Iterator[SheetRow]:
    """The rows without gaps. Raises UnorderedRowsError where one comes too late."""
    rows = OrderedRows()
    for _ in _read(archive, part, text, rows.add):
        yield from rows.complete
        rows.complete.clear()


def sorted_rows(archive: zipfile.ZipFile, part: str, text: CellText) -> Iterator[SheetRow]:
    """The rows without gaps, in whatever order they come."""
    with tempfile.TemporaryFile() as file:
        gathered = GatheredRows(file)
        for _ in _read(archive, part, text, gathered.add):
            pass
        yield from gathered.rows()


def _read(
    archive: zipfile.ZipFile, part: str, text: CellText, add: Callable[[Row], None]
) -> Iterator[None]:
    places = Places(add)
    sheet = _SheetListener(text, places.put)
    yield from listen(archive, part, Listener(start=sheet.start, end=sheet.end, text=sheet.text))
    places.end()
    yield


class _SheetListener:
    """Reads a sheet's XML and puts its cells in their places.

    A cell's reference decides, even against the number of its row element: LibreOffice and
    openpyxl do the same. A row without a number follows the one before, a cell without a reference
    the one to its left; where references contradict that, such a cell could stand in either row,
    and the sheet is refused.
    """

    def __init__(self, cell_text: CellText, put: Put) -> None:
        self._cell_text = cell_text
        self._put = put
        self._in_row = False
        self._line, self._line_text = 0, "0"  # of the row element
        self._counts = True  # whether rows without a number can be counted from the one before
        self._is_numbered = self._has_unnamed = self._has_strayed = False
        self._hidden = False
        self._cell_line, self._column = 0, -1
        self._is_named = False
        self._kind = self._style = ""
        self._value: list[str] = []
        self._formula: list[str] | None = None
        self._into: list[str] | None = None
        self._is_phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            reference = attributes.get("r", "")
            self._cell_line = self._line
            self._is_named = bool(reference)
            if not reference:
                self._column += 1
            else:
                letters = reference.rstrip(digits)
                self._column = column_number(letters)
                line = reference[len(letters) :]
                if line != self._line_text:
                    self._cell_line = row_number(line)
                    self._has_strayed |= self._cell_line != self._line
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._value = []
            self._formula = None
        elif name == "v":
            self._into = None if self._kind == "inlineStr" else self._value
        elif name == "t":
            is_text = self._kind == "inlineStr" or not self._value
            self._into = self._value if is_text and not self._is_phonetic else None
        elif name == "f":
            self._into = self._formula = []
        elif name == "row":
            number = attributes.get("r")
            self._is_numbered = number is not None
            self._counts |= self._is_numbered
            self._line = row_number(str(self._line + 1) if number is None else number)
            self._line_text = str(self._line)
            self._in_row, self._has_unnamed, self._has_strayed = True, False, False
            self._column = -1
            self._hidden = attributes.get("hidden") in {"1", "true"}
        elif name == "rPh":
            self._is_phonetic = True

    def text(self, piece: str) -> None:
        if self._into is not None:
            self._into.append(piece)

    def end(self, name: str) -> None:
        if name == "c":
            if not self._in_row:
                return
            formula = None if self._formula is None else "".join(self._formula)
            text = self._cell_text(self._kind, self._style, "".join(self._value), formula)
            if not self._is_named:
                if self._column >= MAX_COLUMNS:
                    raise MarkupError(f"row {self._line} has more than {MAX_COLUMNS:,} cells")
                self._has_unnamed |= text is not None
            self._put(self._cell_line, self._column, text, self._hidden)
        elif name == "row":
            self._in_row = False
            if self._has_strayed and not self._is_numbered:
                self._counts = False
            if self._has_unnamed and (self._has_strayed or not self._counts):
                raise MarkupError(f"row {self._line} or another: its cells don't say which")
        elif name == "rPh":
            self._is_phonetic = False
        else:
            self._into = None
