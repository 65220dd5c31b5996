"""Cells of the file at hand that are mended on the page, and the sheet with them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from batch.columns import Column
from batch.errors import InputError
from batch.reading.mended import MOST_MENDS, Mend
from batch.reading.table import Table
from batch.recording.failed_sheet import SheetLimitError, write_failed_sheet
from batch.recording.result_rows import to_csv
from batch.web.row_pages import LONGEST_CELL

# A line whose cells are being mended, their texts, and what is wrong with them.
Mending = tuple[int, Mapping[Column, str], str]


def as_shown(text: str) -> str:
    """A cell as the field of a form shows it, and sends it back where nobody has touched it."""
    return "".join(" " if each.isspace() else each for each in text.replace("\0", "\ufffd")).strip()


def mended_with(
    before: Sequence[Mend], line: int, now: Mapping[Column, str], cells: Mapping[Column, str]
) -> tuple[Mend, ...]:
    """The mends of a file with other cells in one line. Raises InputError.

    now: its cells as they are, mended ones too.
    cells: the whole text of each as a form sends it. One that nobody has touched stays as it is,
    and one that is again as it was read is mended no more.
    """
    was = dict(now) | {each.column: each.was for each in before if each.line == line}
    typed = {column: as_shown(text) for column, text in cells.items() if column in now}
    changed = {column: text for column, text in typed.items() if text != as_shown(now[column])}
    for column, text in changed.items():
        if len(text) > LONGEST_CELL or not text.isprintable():
            raise InputError(
                f"line {line:,}, column {column}: expected one line of at most {LONGEST_CELL:,} "
                "characters, none of them unseen."
            )
    kept = [each for each in before if each.line != line or each.column not in changed]
    new = [
        Mend(line=line, column=column, was=was[column], now=text)
        for column, text in changed.items()
        if text != as_shown(was[column])
    ]
    if len(kept) + len(new) > MOST_MENDS:
        raise InputError(f"At most {MOST_MENDS:,} cells can be mended here: mend the file itself.")
    return tuple(sorted([*kept, *new], key=lambda mend: (mend.line, mend.column)))


def line_in(text: str) -> int | None:
    """The line that an address or a form names; None for nothing that could be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def write_mended(table: Table, path: Path) -> None:
    """Write a table with its mended cells as a sheet of texts, which no program takes for others.

    Raises InputError where a sheet can't hold it.
    """
    plain = path.with_suffix(".csv")
    header = pl.DataFrame({str(at): [name] for at, name in enumerate(table.header)})
    with plain.open("wb") as file:
        file.write(to_csv(header, ","))
        for frame in table.rows():
            file.write(to_csv(frame.drop("line"), ","))
    try:
        write_failed_sheet(plain, path, delimiter=",", name="mended")
    except SheetLimitError as limit:
        raise InputError(
            f"The mended sheet can't be downloaded: {limit}. What you mended is sent all the same."
        ) from limit
    finally:
        plain.unlink()
