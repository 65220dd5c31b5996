"""An .xlsx workbook's cells as text, straight from its XML.

The libraries that read values lose what this program must know: which cell is an error, which
formula has no stored value, which row is hidden, and an id that became 6.5E+23 (as an integer it
looks like an id again).
"""

import posixpath
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from string import digits

from batch.reading.cost import MAX_COLUMNS, check_format_code
from batch.reading.markup import Attributes, Listener, MarkupError, elements, listen
from batch.reading.places import (
    GatheredRows,
    OrderedRows,
    Places,
    Row,
    column_number,
    row_number,
)
from batch.reading.sheet import (
    SheetRow,
    Workbook,
    boolean_text,
    date_text,
    has_date,
    moment_text,
    number_text,
)

# Formats that a workbook need not spell out.
_BUILT_IN_DATES = {
    **dict.fromkeys((14, 15, 16, 17, 27, 30, 36, 50, 57), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 45, 47), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}
_ESCAPED_CHARACTER = re.compile(r"_x([0-9A-Fa-f]{4})_")


def open_xlsx(archive: zipfile.ZipFile) -> Workbook:
    """The workbook in an open archive, which stays open as long as rows are read.

    Raises MarkupError, and zipfile's and zlib's errors, for a damaged file.
    """
    root = _target(_relations(archive, ""), "/officeDocument")
    relations = _relations(archive, root)
    parts: dict[str, str] = {}
    hidden: list[str] = []
    from_1904 = False
    for _, element, attributes in elements(archive, root, {"workbookPr", "sheet"}):
        if element == "workbookPr":
            from_1904 = attributes.get("date1904") in {"1", "true"}
        elif element == "sheet":
            kind, part = relations.get(_relation_id(attributes), ("", ""))
            if kind.endswith("/worksheet"):  # a chart may be a sheet of its own
                if attributes["name"] in parts:
                    raise MarkupError(f'two sheets are called "{attributes["name"]}"')
                parts[attributes["name"]] = part
                if attributes.get("state", "visible") != "visible":
                    hidden.append(attributes["name"])
    formats = _date_formats(archive, _target(relations, "/styles"))
    strings = _shared_strings(archive, _target(relations, "/sharedStrings"))
    cells = _Cells(strings=strings, formats=formats, from_1904=from_1904)
    return Workbook(
        visible=tuple(sheet for sheet in parts if sheet not in hidden),
        hidden=tuple(hidden),
        rows=lambda sheet: _rows(archive, parts[sheet], cells),
        sorted_rows=lambda sheet: _sorted_rows(archive, parts[sheet], cells),
    )


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Kind and part of each relation of a part, by id."""
    folder, file = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{file}.rels")
    return {
        a["Id"]: (
            a["Type"],
            posixpath.normpath(posixpath.join("/", folder, a["Target"].replace("\\", "/")))[1:],
        )
        for _, _, a in elements(archive, relations, {"Relationship"})
    }


def _target(relations: dict[str, tuple[str, str]], kind: str) -> str:
    return next((part for each, part in relations.values() if each.endswith(kind)), "")


def _relation_id(attributes: Attributes) -> str:
    return next((value for key, value in attributes.items() if key.endswith(" id")), "")


def _date_formats(archive: zipfile.ZipFile, part: str) -> dict[int, str]:
    """The number formats that show dates, by the index of the cell style that uses them."""
    if not part:
        return {}
    codes = dict(_BUILT_IN_DATES)
    styles: list[int] = []
    for parent, element, attributes in elements(archive, part, {"numFmt", "xf"}):
        if (parent, element) == ("numFmts", "numFmt"):
            number, code = int(attributes["numFmtId"]), check_format_code(attributes["formatCode"])
            codes.pop(number, None)
            if has_date(code):
                codes[number] = code
        elif (parent, element) == ("cellXfs", "xf"):
            styles.append(int(attributes.get("numFmtId", 0)))
    return {style: codes[number] for style, number in enumerate(styles) if number in codes}


def _shared_strings(archive: zipfile.ZipFile, part: str) -> list[str]:
    strings: list[str] = []
    pieces: list[str] = []
    inside: list[str] = []

    def start(name: str, _attributes: Attributes) -> None:
        inside.append(name)
        if name == "si":
            pieces.clear()

    def end(name: str) -> None:
        inside.pop()
        if name == "si":
            strings.append(_plain("".join(pieces)))

    def text(piece: str) -> None:
        if inside[-1] == "t" and "rPh" not in inside:  # rPh tells how the text is pronounced
            pieces.append(piece)

    for _ in listen(archive, part, Listener(start=start, end=end, text=text)) if part else ():
        pass
    return strings


def _plain(text: str) -> str:
    """Text with its control characters, which XML can't hold and Excel writes as _x000D_."""
    if "_x" not in text:
        return text
    return _ESCAPED_CHARACTER.sub(lambda match: chr(int(match[1], 16)), text)


class _Cells:
    """What a cell's type, style, formula and stored value say together."""

    def __init__(self, *, strings: list[str], formats: dict[int, str], from_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._from_1904 = from_1904

    def text(self, kind: str, style: str, value: str, formula: str | None) -> str | None:
        """The cell's text; a formula without a stored value is given as itself, from its = on."""
        if not value:
            return None if formula is None or kind == "str" else f"={formula}"
        match kind:
            case "s":
                text = self._strings[int(value)]
            case "str" | "inlineStr":
                text = _plain(value)
            case "b":
                text = boolean_text(value not in {"0", "false"})
            case "d":
                text = moment_text(datetime.fromisoformat(value))
            case "n":
                text = self._number(style, float(value))
            case _:  # "e", an error, is stored as it is shown
                text = value
        return text

    def _number(self, style: str, value: float) -> str:
        number_format = self._formats.get(int(style))
        if number_format is None:
            return number_text(value)
        return date_text(value, number_format, from_1904=self._from_1904)


class _SheetListener:
    """Reads a sheet's XML and puts its cells in their places.

    put: as `Places.put`. A reference decides, also where its row is another than its row
    element's: so do LibreOffice and openpyxl. A row without a number follows the one before, a
    cell without a reference the one to its left; where references contradict that, such a cell
    could stand in either row, and the sheet is refused.
    """

    def __init__(self, cells: _Cells, put: Callable[[int, int, str | None, bool], None]) -> None:
        self._cells = cells
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
            self._begin_cell(attributes)
        elif name in {"v", "t"}:
            self._into = None if self._is_phonetic else self._value
        elif name == "f":
            self._into = self._formula = []
        elif name == "row":
            self._begin_row(attributes)
        elif name == "rPh":
            self._is_phonetic = True

    def text(self, piece: str) -> None:
        if self._into is not None:
            self._into.append(piece)

    def end(self, name: str) -> None:
        if name == "c":
            self._end_cell()
        elif name == "row":
            self._end_row()
        elif name == "rPh":
            self._is_phonetic = False
        else:
            self._into = None

    def _begin_row(self, attributes: Attributes) -> None:
        number = attributes.get("r")
        self._is_numbered = number is not None
        self._counts |= self._is_numbered
        self._line = row_number(str(self._line + 1) if number is None else number)
        self._line_text = str(self._line)
        self._in_row, self._has_unnamed, self._has_strayed = True, False, False
        self._column = -1
        self._hidden = attributes.get("hidden") in {"1", "true"}

    def _end_row(self) -> None:
        self._in_row = False
        if self._has_strayed and not self._is_numbered:
            self._counts = False
        if self._has_unnamed and (self._has_strayed or not self._counts):
            raise MarkupError(f"row {self._line} or another: its cells don't say which")

    def _begin_cell(self, attributes: Attributes) -> None:
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

    def _end_cell(self) -> None:
        if not self._in_row:
            return
        formula = None if self._formula is None else "".join(self._formula)
        text = self._cells.text(self._kind, self._style, "".join(self._value), formula)
        if not self._is_named:
            if self._column >= MAX_COLUMNS:
                raise MarkupError(f"row {self._line} has more than {MAX_COLUMNS:,} cells")
            self._has_unnamed |= text is not None
        self._put(self._cell_line, self._column, text, self._hidden)


def _rows(archive: zipfile.ZipFile, part: str, cells: _Cells) -> Iterator[SheetRow]:
    rows = OrderedRows()
    for _ in _read(archive, part, cells, rows.add):
        yield from rows.complete
        rows.complete.clear()


def _sorted_rows(archive: zipfile.ZipFile, part: str, cells: _Cells) -> Iterator[SheetRow]:
    with tempfile.TemporaryFile(prefix="sendkit-batch-") as file:
        gathered = GatheredRows(file)
        for _ in _read(archive, part, cells, gathered.add):
            pass
        yield from gathered.rows()


def _read(
    archive: zipfile.ZipFile, part: str, cells: _Cells, give: Callable[[Row], None]
) -> Iterator[None]:
    places = Places(give)
    sheet = _SheetListener(cells, places.put)
    yield from listen(archive, part, Listener(start=sheet.start, end=sheet.end, text=sheet.text))
    places.end()
    yield
