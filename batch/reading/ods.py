"""An .ods spreadsheet's cells as text, straight from its XML."""

import re
import zipfile
from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial

from batch.reading.cost import MAX_CELL, MAX_COLUMNS, long_cell, wide_row
from batch.reading.markup import Attributes, Listener, MarkupError, elements, listen
from batch.reading.merged import MAX_MERGED, Merged
from batch.reading.sheet import (
    MAX_ROWS,
    SheetRow,
    Workbook,
    boolean_text,
    moment_text,
    number_text,
)

_PART = "content.xml"
_NAMESPACE = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0 "
# LibreOffice's own name for a value's type; beside it an error claims to be the number 0.
_CALC_TYPE = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0 value-type"
_TABLE, _OFFICE, _TEXT, _STYLE = map(_NAMESPACE.format, ("table", "office", "text", "style"))
_DURATION = re.compile(r"PT(\d+)H(\d+)M(\d+)(?:[.,]\d+)?S")


def open_ods(archive: zipfile.ZipFile) -> Workbook:
    """The spreadsheet in an open archive, which stays open as long as rows are read.

    Raises MarkupError, and zipfile's and zlib's errors, for a damaged file.
    """

    def one(sheet: str) -> Iterator[SheetRow]:
        return (row for _, row in _rows(archive, merged, sheet))

    merged: list[Merged] = []
    sheets: dict[str, str] = {}
    hidden_styles: set[str] = set()
    style = ""
    for _, element, attributes in elements(archive, _PART, {"style", "table-properties", "table"}):
        if element == "style":
            style = attributes.get(f"{_STYLE}name", "")
        elif element == "table-properties":
            if attributes.get(f"{_TABLE}display") == "false":
                hidden_styles.add(style)
        elif element == "table":
            name = attributes.get(f"{_TABLE}name")
            if name in sheets:
                raise MarkupError(f'two sheets are called "{name}"')
            if name is not None:  # one without a name holds what a link to another file showed
                sheets[name] = attributes.get(f"{_TABLE}style-name", "")
    return Workbook(
        visible=tuple(sheet for sheet, style in sheets.items() if style not in hidden_styles),
        hidden=tuple(sheet for sheet, style in sheets.items() if style in hidden_styles),
        rows=one,
        merged=merged,
        sorted_rows=one,  # places follow from the order
        every=partial(_rows, archive, merged),
    )


def _rows(
    archive: zipfile.ZipFile, merged: list[Merged], *sheets: str
) -> Iterator[tuple[str, SheetRow]]:
    """The rows of these sheets, each with its sheet's name. merged: as `Workbook` has it."""
    gathered = _SheetListener(sheets, merged)
    listener = Listener(start=gathered.start, end=gathered.end, text=gathered.text)
    merged.clear()
    for _ in listen(archive, _PART, listener):
        yield from gathered.rows
        gathered.rows.clear()


def _cell_text(attributes: Attributes, shown: str) -> str:
    """A cell's text: what it shows, or its value as a person would type it."""
    formula = attributes.get(f"{_TABLE}formula")
    kind = attributes.get(f"{_OFFICE}value-type")
    match "error" if attributes.get(_CALC_TYPE) == "error" else kind:
        case None if formula is not None:
            return "=" + formula.removeprefix("of:").removeprefix("=")
        case "float" | "percentage" | "currency":
            return number_text(float(attributes[f"{_OFFICE}value"]))
        case "boolean":
            return boolean_text(attributes[f"{_OFFICE}boolean-value"] == "true")
        case "date":
            return moment_text(datetime.fromisoformat(attributes[f"{_OFFICE}date-value"]))
        case "time" if clock := _DURATION.fullmatch(attributes[f"{_OFFICE}time-value"]):
            return ":".join(clock.groups())
    return shown or attributes.get(f"{_OFFICE}string-value", "")


def _repeated(attributes: Attributes, what: str) -> int:
    """How many rows or cells an element stands for. what: rows or columns."""
    times = int(attributes.get(f"{_TABLE}number-{what}-repeated", 1))
    if times < 1:
        raise MarkupError(f"repeats {what} {times} times")
    return times


class _SheetListener:
    """Gathers the rows of tables as they end; empty rows only once another follows them."""

    def __init__(self, names: Collection[str], merged: list[Merged]) -> None:
        """names: of the tables. merged: gets the groups of merged cells."""
        self._merged = merged
        self.rows: list[tuple[str, SheetRow]] = []  # each with its table's name
        self._names = names
        self._name = ""
        self._line = 0
        self._empty = 0
        self._path: list[str] = []
        self._is_wanted = False
        self._row: dict[int, str] = {}
        self._column = 0
        self._row_attributes: Attributes = {}
        self._cell: Attributes = {}
        self._paragraphs: list[str] = []

    def start(self, name: str, attributes: Attributes) -> None:
        self._path.append(name)
        if name == "table":
            if self._is_wanted:
                raise MarkupError(f"row {self._line + self._empty + 1} has a table in a cell")
            self._name = attributes.get(f"{_TABLE}name", "")
            self._is_wanted = self._name in self._names
            self._line = self._empty = 0
        if not self._is_wanted:
            return
        if name == "table-row":
            self._row, self._column, self._row_attributes = {}, 0, attributes
        elif name in {"table-cell", "covered-table-cell"}:
            self._cell, self._paragraphs = attributes, []
        elif name == "p" and self._path[-2] == "table-cell":
            self._paragraphs.append("")
        elif self._is_cell_text():
            spaces = int(attributes.get(f"{_TEXT}c", 1))
            self.text({"s": " " * min(spaces, 100), "tab": "\t", "line-break": "\n"}.get(name, ""))

    def text(self, piece: str) -> None:
        if self._is_wanted and self._is_cell_text():
            self._paragraphs[-1] += piece
            if len(self._paragraphs[-1]) > MAX_CELL:  # adding to it costs its length each time
                raise long_cell(self._next_line, self._column + 1)

    def end(self, name: str) -> None:
        self._path.pop()
        if name == "table":
            self._is_wanted = False
        if not self._is_wanted:
            return
        if name in {"table-cell", "covered-table-cell"}:
            start = self._column
            self._column += _repeated(self._cell, "columns")
            text = _cell_text(self._cell, "\n".join(self._paragraphs))
            if text and self._column > MAX_COLUMNS:
                raise wide_row(self._next_line)
            height = int(self._cell.get(f"{_TABLE}number-rows-spanned", 1))
            width = int(self._cell.get(f"{_TABLE}number-columns-spanned", 1))
            if max(height, width) > 1 and len(self._merged) < MAX_MERGED:
                line = self._next_line
                self._merged.append(Merged(line, line + height - 1, start, start + width - 1))
            if text:
                self._row.update(dict.fromkeys(range(start, self._column), text))
        elif name == "table-row":
            repeated = _repeated(self._row_attributes, "rows")
            if not self._row:
                self._empty += repeated
                return
            self._line += self._empty + repeated
            if self._line > MAX_ROWS:
                raise MarkupError(f"the sheet has more than {MAX_ROWS} rows")
            hidden = self._row_attributes.get(f"{_TABLE}visibility") in {"collapse", "filter"}
            self.rows += [(self._name, SheetRow(cells={}))] * self._empty
            self.rows += [(self._name, SheetRow(cells=self._row, hidden=hidden))] * repeated
            self._empty = 0

    @property
    def _next_line(self) -> int:
        return self._line + self._empty + 1

    def _is_cell_text(self) -> bool:
        """Whether text here belongs to a cell, not to a comment, a drawing or a pronunciation."""
        path = self._path
        is_in_paragraph = "table-cell" in path[:-1] and path[path.index("table-cell") + 1] == "p"
        return is_in_paragraph and "ruby-text" not in path
