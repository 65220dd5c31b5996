"""Check a spreadsheet: judge it as a run would, ask no server, and list what is wrong with it."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batch.advice import Advice
from batch.columns import Naming
from batch.errors import RunError, UsageError
from batch.escape import escape_text
from batch.jobs.cells import about_missing_columns, plan_of
from batch.jobs.known_pace import KnownPace
from batch.jobs.remembered import as_if_given, options_with_remembered
from batch.jobs.request import Request, guardrails_hit, refusal_of
from batch.judging.plan import Plan, Problem
from batch.reading.table import Table, open_table
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A spreadsheet that was judged without asking a server.

    rate_per_s: the expected pace, in requests a second. is_auto: the server decides on it.
    forecast_s: how long sending would take at that pace.
    refusal: why a run would send nothing; None if it would send.
    missing: sentences about columns that the spreadsheet lacks.
    """

    request: Request
    table: Table
    plan: Plan
    rate_per_s: float
    is_auto: bool
    forecast_s: float
    refusal: str | None
    missing: tuple[str, ...]


@contextmanager
def check(request: Request) -> Iterator[Checked]:
    """Judge a spreadsheet, asking no server and writing nothing.

    The result can be used until the context ends. Raises InputError for a file that can't be read.
    """
    with ExitStack() as resources:
        path = request.source.path
        if path is None or not path.is_file():  # a pipe can be read once only
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
            copy = RunFolder(folder).copy_input(request.source.bytes_from, name=request.source.name)
            path = copy.path
        options = options_with_remembered(request)
        table = resources.enter_context(open_table(path, options, name=request.source.name))
        request = as_if_given(request, table)
        plan = plan_of(request, table, request.rules())
        rate_per_s = KnownPace().expected_per_s(request.settings)
        yield Checked(
            request=request,
            table=table,
            plan=plan,
            rate_per_s=rate_per_s,
            is_auto=request.settings.pace.rate.per_s is None,
            forecast_s=plan.requests / rate_per_s,
            refusal=refusal_of(plan, request, plan)
            or Advice(*guardrails_hit(plan, request, is_total=Naming.WORKSPACE in table.fields))
            or None,
            missing=about_missing_columns(table, labels=None),
        )


def header_only(name: str) -> str:
    """What is said of a file without rows."""
    return f"{name} has a header and no rows."


def write_problems(problems: Iterable[Problem], path: Path, *, read_from: Path | None) -> None:
    """Write a CSV file of all problems: line, column, reason, found, message. Streams.

    The file appears only once it is complete, readable by this user alone: it quotes cells.
    read_from: the spreadsheet, which is still being read and must not be overwritten.
    Raises UsageError if the file can't be written, or if the path is a link or no regular file.
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
                rows = csv.writer(out, lineterminator="\n")
                rows.writerow(["line", "column", "reason", "found", "message"])
                for each in problems:
                    texts = (str(each.column or ""), each.reason, each.found, each.message)
                    rows.writerow([each.line, *map(escape_text, texts)])
                out.detach()
            draft.publish()
    except RunError as error:
        cause = error.__cause__
        why = cause.strerror if isinstance(cause, OSError) else error
        raise UsageError(
            f"{path}: the problems can't be written: {why}. Name another file."
        ) from error
