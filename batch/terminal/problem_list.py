"""All problems of a spreadsheet as a CSV file that a spreadsheet program opens."""

import csv
from collections.abc import Iterable
from pathlib import Path

from batch.errors import UsageError
from batch.escape import escape_text
from batch.judging.plan import Problem


def write_problems(problems: Iterable[Problem], path: Path, *, read_from: Path | None) -> None:
    """Write one line for each problem: line, column, reason, found, message. Streams.

    read_from: the spreadsheet that they are read from meanwhile; it is not overwritten.
    Raises UsageError when the file can't be written.
    """
    if read_from and path.exists() and path.samefile(read_from):
        raise UsageError(
            f"{path}: is the spreadsheet itself; expected another file for its problems."
        )
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as out:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(["line", "column", "reason", "found", "message"])
            for each in problems:
                texts = (str(each.column or ""), each.reason, each.found, each.message)
                rows.writerow([each.line, *map(escape_text, texts)])
    except OSError as error:
        raise UsageError(
            f"{path}: the problems can't be written: {error.strerror}. Name another file."
        ) from error
