"""What was found out about a spreadsheet when it was read first, so that nobody finds it again.

A run keeps it beside its copy of the input: a later version of this program, which may find
another header or another delimiter, still reads that copy as it was read then.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from batch.columns import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a spreadsheet was read.

    header_line: the line of its header. passed_over: the lines above it that hold something.
    sheet: of a workbook. encoding, delimiter: of a text file.
    columns: the position of each column that means something.
    read_width: how many columns are read; own_width: how many of these are the user's own.
    width: how many columns have a name. is_ours: whether it is a results.csv or failed.csv.
    mends: whether slips of exporters are read as they are meant: blanks before a quote, lines
    quoted as a whole, ="…", an end mark. Earlier versions of this program read them as they stand.
    """

    header_line: int
    columns: Mapping[Column, int]
    read_width: int
    own_width: int
    width: int
    is_ours: bool
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    passed_over: tuple[int, ...] = ()
    mends: bool = False
