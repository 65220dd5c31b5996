"""All problems of a spreadsheet as a CSV file that a spreadsheet program opens."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from batch.errors import RunError, UsageError
from batch.escape import escape_text
from batch.judging.plan import Problem
from batch.recording.atomic_file import AtomicFile, disk_errors


def write_problems(problems: Iterable[Problem], path: Path, *, read_from: Path | None) -> None:
    """Write one line for each problem: line, column, reason, found, message. Streams.

    The file appears whole, for nobody but this user: cells are quoted in it.
    read_from: the spreadsheet that they are read from meanwhile; it is not overwritten.
    Raises UsageError when the file can't be written, or something else has its name, as a link
    that would lead elsewhere.
    """
    if read_from and path.exists() and path.samefile(read_from):
        raise UsageError(
            f"{path}: is the spreadsheet itself; expected another file for its problems."
        )
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"{path}: is a link or no plain file. Name another file.")
    try:
        with AtomicFile(path) as draft:
            out = io.TextIOWrapper(draft.file, encoding="utf-8-sig", newline="")
            with disk_errors(path):
                _write(problems, out)
                out.detach()
            draft.publish()
    except RunError as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else error
        raise UsageError(
            f"{path}: the problems can't be written: {why}. Name another file."
        ) from error


def _write(problems: Iterable[Problem], out: TextIO) -> None:
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["line", "column", "reason", "found", "message"])
    for each in problems:
        texts = (str(each.column or ""), each.reason, each.found, each.message)
        rows.writerow([each.line, *map(escape_text, texts)])
