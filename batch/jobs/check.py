"""Check a spreadsheet: judge it as a run would, ask no server, and list what is wrong with it."""

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from batch.advice import Advice
from batch.columns import Naming
from batch.errors import RunError, SettingsError, UsageError
from batch.escape import escape_text
from batch.jobs.cells import about_missing_columns, plan_of
from batch.jobs.known_pace import KnownPace
from batch.jobs.remembered import as_if_given, options_with_remembered
from batch.jobs.request import Request, guardrails_hit, refusal_of
from batch.judging.from_cells import Once
from batch.judging.plan import Plan, Problem
from batch.judging.workspaces import find_workspace, judged_with, problems_of
from batch.model import PLATFORM_PREFIX
from batch.reading.table import Table, open_table
from batch.recording.atomic_file import AtomicFile, disk_errors
from batch.recording.folder import RunFolder
from batch.recording.seen_workspaces import SeenWorkspaces, seen_workspaces
from batch.settings.credentials import Credentials
from batch.settings.model import Settings
from batch.wording.parts import WORKSPACES_UNKNOWN, workspaces_seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A spreadsheet that was judged without asking a server.

    rate_per_s: the expected pace, in requests a second. is_auto: the server decides on it.
    forecast_s: how long sending would take at that pace.
    refusal: why a run would send nothing; None if it would send.
    missing: sentences about columns that the spreadsheet lacks, or that can't be judged yet.
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
        told, with_workspaces = _workspaces_of(request, table)
        plan = plan_of(request, table, request.rules(), once=with_workspaces)
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
            missing=(*about_missing_columns(table, labels=None), *told),
        )


def seen_by(
    settings: Settings, credentials: Credentials | None, state_dir: Path
) -> SeenWorkspaces | None:
    """The workspaces that rows may name by these keys, as far as is known without a server.

    credentials: the key of all rows; None if there is none. None where rows name no workspaces.
    """
    sections = [name for name, each in settings.workspaces.items() if each.has_key]
    key = credentials.api_key if credentials else None
    is_platform = key is not None and key.get_secret_value().startswith(PLATFORM_PREFIX)
    if not (is_platform or sections):
        return None
    base_url = settings.api.base_url
    seen = seen_workspaces(state_dir, base_url=base_url, key=key, sections=sections)
    default = credentials.workspace_id if credentials else None
    return replace(seen, default=default if default in (seen.names or {}) else None)


def _workspaces_of(request: Request, table: Table) -> tuple[tuple[str, ...], Once | None]:
    """What is to be said of a column of workspaces, and what judges it beside the other columns.

    A run asks the server for them; here they are those that a command has seen before.
    """
    if Naming.WORKSPACE not in table.fields:
        return (), None
    seen = request.session.seen
    if seen is None or seen.names is None or seen.at is None:
        return (WORKSPACES_UNKNOWN,), None
    default = seen.default
    if request.reading.workspace is not None:
        try:
            default = find_workspace(request.reading.workspace, seen.names)
        except ValueError as error:
            raise SettingsError(f"The workspace: {error}") from error
    problems = problems_of(table.cells, request.rules(), seen.names, default)
    told = workspaces_seen(datetime.now(UTC) - seen.at)
    return (told,), partial(judged_with, problems)


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
