"""An .xls workbook's cells as text, by xlrd.

The format always stores a value beside a formula. Some programs that can't calculate store an
empty text there, which can't be told from a formula that gives one: such a cell reads as blank.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import xlrd
from xlrd.biffh import XL_CELL_BOOLEAN, XL_CELL_DATE, XL_CELL_ERROR, XL_CELL_NUMBER

from batch.reading.cost import check_format_code
from batch.reading.grid import filled_cells
from batch.reading.merged import MAX_MERGED, Merged
from batch.reading.sheet import SheetRow, Workbook, boolean_text, date_text, number_text

_is_date_format = xlrd.formatting.is_date_format_string


def is_date_format_string(book: xlrd.Book, code: str) -> bool:
    """Whether a number format shows a date. Raises CostError when it is too long to check.

    Replaces xlrd's own, which takes the square of the length and has no hook.
    """
    return bool(_is_date_format(book, check_format_code(code)))


xlrd.formatting.is_date_format_string = is_date_format_string


def open_xls(path: Path) -> Workbook:
    """The workbook in a file, which is read at once.

    Raises CostError, xlrd.XLRDError for a damaged file, and whatever its parser stumbles over.
    """
    # formatting_info for hidden rows and date formats; xlrd's own remarks are dropped
    book = xlrd.open_workbook(path, formatting_info=True, logfile=io.StringIO())
    sheets = book.sheets()
    merged: list[Merged] = []

    def rows(name: str) -> Iterator[SheetRow]:
        sheet = book.sheet_by_name(name)
        merged[:] = (
            Merged(first_row + 1, end_row, first_column, end_column - 1)
            for first_row, end_row, first_column, end_column in sheet.merged_cells[:MAX_MERGED]
        )
        for i in range(sheet.nrows):
            cells = filled_cells([_text(book, cell) for cell in sheet.row(i)])
            info = sheet.rowinfo_map.get(i)
            yield SheetRow(cells=cells, hidden=info is not None and bool(info.hidden))

    return Workbook(
        visible=tuple(sheet.name for sheet in sheets if not sheet.visibility),
        hidden=tuple(sheet.name for sheet in sheets if sheet.visibility),
        rows=rows,
        merged=merged,
        sorted_rows=rows,  # xlrd puts each cell in its place
    )


def _text(book: xlrd.Book, cell: xlrd.sheet.Cell) -> str:
    match cell.ctype:
        case t if t == XL_CELL_NUMBER:
            return number_text(cell.value)
        case t if t == XL_CELL_DATE:
            number_format = book.format_map[book.xf_list[cell.xf_index].format_key].format_str
            return date_text(cell.value, number_format, from_1904=bool(book.datemode))
        case t if t == XL_CELL_BOOLEAN:
            return boolean_text(cell.value)
        case t if t == XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
    return str(cell.value)
