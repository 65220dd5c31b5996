"""An .xlsx workbook's cells as text, straight from its XML.

The libraries that read values lose what this program must know: which cell is an error, which
formula has no stored value, which row is hidden, and an id that became 6.5E+23 (as an integer it
looks like an id again).
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from string import digits

from batch.reading.markup import Attributes, Listener, MarkupError, elements, listen
from batch.reading.sheet import (
    MAX_COLUMNS,
    MAX_ROWS,
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
_EMPTY = SheetRow(cells=())
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
                parts[attributes["name"]] = part
                if attributes.get("state", "visible") != "visible":
                    hidden.append(attributes["name"])
    formats = _date_formats(archive, _target(relations, "/styles"))
    strings = _shared_strings(archive, _target(relations, "/sharedStrings"))
    return Workbook(
        visible=tuple(sheet for sheet in parts if sheet not in hidden),
        hidden=tuple(hidden),
        rows=lambda sheet: _rows(
            archive, parts[sheet], _Cells(strings=strings, formats=formats, from_1904=from_1904)
        ),
    )


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Kind and part of each relation of a part, by id."""
    folder, file = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{file}.rels")
    return {
        a["Id"]: (a["Type"], posixpath.normpath(posixpath.join("/", folder, a["Target"]))[1:])
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
            number, code = int(attributes["numFmtId"]), attributes["formatCode"]
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
    """Gathers the rows of a sheet's XML as they end."""

    def __init__(self, cells: _Cells) -> None:
        self.rows: list[SheetRow] = []
        self._cells = cells
        self._line = 0
        self._row: list[str | None] = []
        self._hidden = False
        self._column = -1
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
            while self._row and not self._row[-1]:
                self._row.pop()
            self.rows.append(SheetRow(cells=self._row, hidden=self._hidden))
        elif name == "rPh":
            self._is_phonetic = False
        else:
            self._into = None

    def _begin_row(self, attributes: Attributes) -> None:
        line = int(attributes.get("r", self._line + 1))
        if not self._line < line <= MAX_ROWS:
            raise MarkupError(f"row {line} follows row {self._line}")
        self.rows += [_EMPTY] * (line - self._line - 1)
        self._line = line
        self._row = []
        self._column = -1
        self._hidden = attributes.get("hidden") in {"1", "true"}

    def _begin_cell(self, attributes: Attributes) -> None:
        reference = attributes.get("r")
        self._column = _column(reference.rstrip(digits)) if reference else self._column + 1
        if self._column >= MAX_COLUMNS:
            raise MarkupError(f"row {self._line} has a cell {reference}")
        self._kind = attributes.get("t", "n")
        self._style = attributes.get("s", "0")
        self._value = []
        self._formula = None

    def _end_cell(self) -> None:
        formula = None if self._formula is None else "".join(self._formula)
        text = self._cells.text(self._kind, self._style, "".join(self._value), formula)
        if text is None:
            return
        self._row += [None] * (self._column - len(self._row))
        self._row.append(text)


def _rows(archive: zipfile.ZipFile, part: str, cells: _Cells) -> Iterator[SheetRow]:
    sheet = _SheetListener(cells)
    listener = Listener(start=sheet.start, end=sheet.end, text=sheet.text)
    for _ in listen(archive, part, listener):
        yield from sheet.rows
        sheet.rows.clear()


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    """The position of a column from 0, by its letters."""
    position = 0
    for letter in letters:
        position = position * 26 + ord(letter) - ord("A") + 1
    return position - 1
