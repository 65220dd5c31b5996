"""Find cells of a text file that swallowed other rows: a quote was opened, and closed rows below.

Only cells with line breaks are looked at. A note of several lines stays a note: the test is whether
the lines of the cell, each put back in its place, are rows of this table.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from batch.columns import SWALLOWED, Column, Naming
from batch.model import LEAD_STATUSES, Field
from batch.reading.grid import short_text

_BREAK = re.compile(r"\r\n|\r|\n")
_ID = re.compile(r"[0-9a-fA-F]{24}")
_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
_IDS = (Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
_CHECKED = (*_IDS, Naming.EMAIL, Field.STATUS)  # fields whose values can be told from others
_ID_LENGTHS = range(4, 65)  # of another pattern
_AROUND = ' \t\xa0"='  # what exporters put round a value
_MOST_LINES = 1_000  # of a cell that are looked at: rows show at once
_FOUND_CHARACTERS = 200  # of a cell that are kept to be shown


def columns_with_breaks(frame: pl.DataFrame, width: int) -> list[int]:
    """Which of a grid's first `width` columns have a cell with a line break."""
    breaks = (pl.col(str(i)).str.contains(r"[\n\r]").any() for i in range(width))
    return [i for i, has in enumerate(frame.select(breaks).row(0)) if has]


def find_swallowed(
    frame: pl.DataFrame,
    fields: Mapping[Column, int],
    columns: Mapping[int, str],
    *,
    delimiter: str,
    widths: Sequence[int],
) -> pl.DataFrame:
    """The rows with a cell that swallowed others: their line, and SWALLOWED of the first such cell.

    frame: a grid's. fields: the positions of the columns that are read. columns: the names of the
    columns to look at. widths: the numbers of columns that a swallowed row may have.
    """
    found: dict[int, tuple[int, str | None, str, str]] = {}
    titles = {position: column.value for column, position in fields.items()}
    for column, name in columns.items():
        for line, *cells in frame.filter(_is_candidate(column, delimiter, widths)).iter_rows():
            values = _Values(column, cells, fields, delimiter)
            if line in found or not (values.have_id() or values.are_of_rows(widths)):
                continue
            breaks = len(_BREAK.findall(cells[column]))
            has = "has a line break" if breaks == 1 else f"has {breaks:,} line breaks"
            lines = f"line {line + 1}" if breaks == 1 else f"lines {line + 1} to {line + breaks}"
            where = "" if column in titles else f'column "{short_text(name) or column + 1}": '
            sentence = (
                f"{where}the cell {has} and seems to hold {lines} as well: a quote may be "
                "unclosed. Close or remove the quote, or take the line breaks out."
            )
            found[line] = (line, titles.get(column), cells[column][:_FOUND_CHARACTERS], sentence)
    schema = {"line": pl.UInt32, **dict.fromkeys(SWALLOWED, pl.String)}
    return pl.DataFrame(list(found.values()), schema=schema, orient="row")


def _is_candidate(column: int, delimiter: str, widths: Sequence[int]) -> pl.Expr:
    """Whether a cell is worth a closer look; hardly any note is."""
    cell = pl.col(str(column))
    breaks = cell.str.count_matches(r"\r\n?|\n").cast(pl.Int64)
    delimiters = cell.str.count_matches(delimiter, literal=True).cast(pl.Int64)
    first = cell.str.extract(r"^([^\r\n]*)").str.count_matches(delimiter, literal=True)
    fits = [
        (first == width - 1 - column)
        & ((delimiters - breaks * (width - 1)).abs() * 10 <= breaks * (width - 1))
        for width in widths
    ]
    has_id = cell.str.contains(r"[0-9a-fA-F]{24}")
    return (breaks > 0) & (delimiters > 0) & pl.any_horizontal(has_id, *fits)


class _Values:
    """The values of a cell's lines in the columns that are read, if the lines were rows.

    The first line continues the cell's own row, the others begin at the first column.
    """

    def __init__(
        self,
        column: int,
        cells: Sequence[str | None],
        fields: Mapping[Column, int],
        delimiter: str,
    ) -> None:
        self._column = column
        self._own = {field: _bare(cells[position]) for field, position in fields.items()}
        self._fields = fields
        lines = _BREAK.split(cells[column] or "", maxsplit=_MOST_LINES)
        self._lines = [line.split(delimiter) for line in lines[:_MOST_LINES]]

    def have_id(self) -> bool:
        """Whether an id stands in its place, beside another cell of its row."""
        return any(field in _IDS and _ID.fullmatch(value) for field, value in self._each())

    def are_of_rows(self, widths: Sequence[int]) -> bool:
        """Whether the lines have as many cells as rows, with values of the columns' kinds.

        For ids of another pattern, and for leads that are named by their addresses.
        """
        breaks, first = len(self._lines) - 1, len(self._lines[0])
        delimiters = sum(map(len, self._lines)) - len(self._lines)
        if not any(
            first == width - self._column
            and abs(delimiters - breaks * (width - 1)) * 10 <= breaks * (width - 1)
            for width in widths
        ):
            return False
        fitting = others = 0
        for field, value in self._each():
            if value == self._own[field] or _is_of_kind(field, value):
                fitting += 1
            elif field in _CHECKED:
                others += 1
        return fitting > 2 * others

    def _each(self) -> Iterator[tuple[Column, str]]:
        """Each value that is not blank, of lines with several cells."""
        for number, line in enumerate(self._lines):
            shift = 0 if number else self._column
            for field, position in self._fields.items():
                if len(line) > 1 and 0 <= position - shift < len(line):
                    value = _bare(line[position - shift])
                    # the start of the first line is of its own cell, not of a column that is read
                    if value and (number or position != self._column):
                        yield field, value


def _is_of_kind(field: Column, value: str) -> bool:
    if field in _IDS:
        is_word = len(value) in _ID_LENGTHS and not any(map(str.isspace, value))
        return is_word and any(map(str.isdigit, value))
    if field is Naming.EMAIL:
        return _ADDRESS.fullmatch(value) is not None
    return field is Field.STATUS and value.lower() in LEAD_STATUSES


def _bare(cell: str | None) -> str:
    return (cell or "").strip(_AROUND)
