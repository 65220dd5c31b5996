"""The use case without a server: judge a spreadsheet as a run would, and send nothing."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from batch.advice import Advice
from batch.jobs.known_pace import KnownPace
from batch.jobs.missing_columns import about_missing_columns
from batch.jobs.opening import plan_of
from batch.jobs.refusal import guardrails_of, refusal_of
from batch.jobs.request import Request
from batch.judging.plan import Plan
from batch.reading.table import Table, open_table
from batch.recording.folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A spreadsheet that was judged without asking a server.

    rate_per_s: requests a second that are counted on; is_auto: where the server decides on it.
    forecast_s: how long sending would take then.
    refusal: why a run would send nothing as it is; None if it would go on.
    missing: sentences about a column that the spreadsheet has not.
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

    Raises InputError when it can't be read. What is given holds until the context ends.
    """
    with ExitStack() as resources:
        path = request.source.path
        if path is None or not path.is_file():  # a pipe can be read once only
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
            copy = RunFolder(folder).copy_input(request.source.bytes_from, name=request.source.name)
            path = copy.path
        table = resources.enter_context(
            open_table(path, request.table_options, name=request.source.name)
        )
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
            or Advice(*guardrails_of(plan, request))
            or None,
            missing=about_missing_columns(table, labels=None),
        )


def header_only(name: str) -> str:
    """What is said of a file without rows."""
    return f"{name} has a header and no rows."
