"""An .xlsx workbook's cells as text, straight from its XML.

Libraries that read values lose what this program must know: which cell is an error, which formula
has no stored value, which row is hidden, and that an id became 6.5E+23 (as an integer it looks like
an id again).
"""

import posixpath
import re
import zipfile
from collections import Counter
from contextlib import suppress
from datetime import datetime

from batch.reading.cost import check_cell_formats, check_characters, check_format_code
from batch.reading.markup import Attributes, Listener, MarkupError, elements, listen
from batch.reading.merged import Merged
from batch.reading.sheet import (
    Workbook,
    boolean_text,
    date_text,
    has_date,
    moment_text,
    number_text,
)
from batch.reading.sheet_xml import ordered_rows, sorted_rows

# Formats that a workbook uses by number alone.
_BUILT_IN_DATES = {
    **dict.fromkeys((14, 15, 16, 17, 27, 30, 36, 50, 57), "yyyy-mm-dd"),
    **dict.fromkeys((18, 19, 20, 21, 45, 47), "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm",
    46: "[h]:mm:ss",
}
_BOOLEANS = {
    **dict.fromkeys(("1", "true"), boolean_text(1)),
    **dict.fromkeys(("0", "false"), boolean_text(0)),
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
    merged: list[Merged] = []
    from_1904 = False
    for _, element, attributes in elements(archive, root, {"workbookPr", "sheet"}):
        if element == "workbookPr":
            from_1904 = attributes.get("date1904") in {"1", "true"}
        elif element == "sheet":
            ids = (text for key, text in attributes.items() if key.endswith("/relationships id"))
            kind, part = relations.get(next(ids, ""), ("", ""))
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
        merged=merged,
        rows=lambda sheet: ordered_rows(archive, parts[sheet], cells.text, merged),
        sorted_rows=lambda sheet: sorted_rows(archive, parts[sheet], cells.text, merged),
    )


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """The relations of a part, by id: the kind of each, and the part that it leads to."""
    folder, file = posixpath.split(part)
    relations = posixpath.join(folder, "_rels", f"{file}.rels")
    found: dict[str, tuple[str, str]] = {}
    for _, _, each in elements(archive, relations, {"Relationship"}):
        if each["Id"] in found:
            raise MarkupError(f"{relations} has {each['Id']} twice")
        target = posixpath.join("/", folder, each["Target"].replace("\\", "/"))
        found[each["Id"]] = each["Type"], posixpath.normpath(target)[1:]
    return found


def _target(relations: dict[str, tuple[str, str]], kind: str) -> str:
    return next((part for each, part in relations.values() if each.endswith(kind)), "")


def _date_formats(archive: zipfile.ZipFile, part: str) -> dict[int, str]:
    """The number formats that show dates, by the index of the cell style that uses them."""
    if not part:
        return {}
    codes = dict(_BUILT_IN_DATES)
    styles: list[int] = []
    numbers: Counter[str] = Counter()  # of formats, by the list that they stand in
    for parent, element, attributes in elements(archive, part, {"numFmt", "xf"}):
        numbers[parent] += 1
        check_cell_formats(numbers[parent])
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
    characters = 0

    def start(name: str, _attributes: Attributes) -> None:
        inside.append(name)
        if name == "si":
            pieces.clear()

    def end(name: str) -> None:
        nonlocal characters
        inside.pop()
        if name == "si":
            strings.append(_plain("".join(pieces)))
            characters += len(strings[-1])
            check_characters(characters, part)

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
    """Reads a cell's type, style, formula and stored value as its text."""

    def __init__(self, *, strings: list[str], formats: dict[int, str], from_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._from_1904 = from_1904

    def text(self, kind: str, style: str, value: str, formula: str | None) -> str | None:
        """The cell's text; for a formula without a stored value the formula, from its = on."""
        if not value:
            return None if formula is None or kind == "str" else f"={formula}"
        text = value  # of "e", an error, as it is shown
        match kind:
            case "s":
                number = value.strip()
                # one below 0 would count from the end
                if not number.isdecimal() or int(number) >= len(self._strings):
                    raise MarkupError(
                        f"a cell has the shared text {number} of {len(self._strings)}"
                    )
                text = self._strings[int(number)]
            case "str" | "inlineStr":
                text = _plain(value)
            case "b":
                text = _BOOLEANS.get(value.strip().lower(), value)
            case "d":
                with suppress(ValueError):  # a time or a length of time stays as it is stored
                    text = moment_text(datetime.fromisoformat(value))
            case "n":
                number_format = self._formats.get(int(style))
                if number_format is None:
                    return number_text(float(value))
                return date_text(float(value), number_format, from_1904=self._from_1904)
        return text
