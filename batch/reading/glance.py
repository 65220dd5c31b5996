"""The first look at a spreadsheet: its header and some rows, before its columns are known."""

import tempfile
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from batch.errors import InputError
from batch.reading.table import TableOptions, open_grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """How a spreadsheet begins. rows: line and cells as read. is_sheet: a workbook's."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    is_sheet: bool
    delimiter: str | None


def glance(path: Path, options: TableOptions, *, name: str, rows: int) -> Glance:
    """The header and so many rows of a spreadsheet, whatever its columns are called.

    name: what messages call the file. Raises InputError when it can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        try:
            grid = open_grid(path, options, scratch=Path(scratch), name=name)
            found = chain.from_iterable(frame.iter_rows() for frame in grid.batches())
            first = tuple(
                (line, tuple(cell or "" for cell in cells)) for line, *cells in islice(found, rows)
            )
        except OSError as error:
            raise InputError(f"{name}: can't be read: {error.strerror or error}.") from error
    return Glance(header=grid.header, rows=first, is_sheet=grid.is_sheet, delimiter=grid.delimiter)
