"""How runs and checks ended, as values that stand for any."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from batch.jobs.check import Checked
from batch.jobs.outcome import RunOutcome
from batch.jobs.request import Request
from batch.judging.plan import Plan
from batch.model import Field, Reason, Tally
from batch.reading.spreadsheet import Found
from batch.reading.table import Table
from batch.recording.results import ResultFiles
from batch.recording.runfile import RunState

TALLY = Tally(
    {
        Reason.NOT_FOUND: 1,
        Reason.APPLIED: 4118,
        Reason.NOT_REACHED: 2,
        Reason.DUPLICATE: 3,
        Reason.CONFLICT: 0,
    }
)
FILES = ResultFiles(
    results=Path("runs/x/results.csv"),
    failed=Path("runs/x/failed.csv"),
    failed_sheet=None,
    tally=TALLY,
    rows=4124,
    note="",
)
FOUND = Found(
    header_line=3,
    passed_over=(1,),
    columns={Field.CAMPAIGN_ID: 0, Field.CAMPAIGN_LEAD_ID: 1, Field.STATUS: 2},
    read_width=3,
    own_width=3,
    width=3,
    is_ours=False,
    sheet="Leads",
)
REPORT = RunOutcome(
    folder=Path("runs/x"),
    state=RunState.STOPPED,
    exit_code=3,
    reason="The server said [red]no[/].",
    rows=4124,
    tally=TALLY,
    examples={
        Reason.APPLIED: (2, ""),
        Reason.DUPLICATE: (9, "line 8 asks for the same."),
        Reason.NOT_FOUND: (7, "no [bold]such[/] lead :bug:"),
    },
    found=FOUND,
    files=FILES,
    next_command="sendkit-batch run runs/x/failed.csv",
    requests=4119,
)


def checked(plan: Plan, *, refusal: str | None = None, forecast_s: float = 0.0) -> Checked:
    nothing = SimpleNamespace(found=FOUND)  # all that is looked at
    return Checked(
        request=cast("Request", nothing),
        table=cast("Table", nothing),
        plan=plan,
        rate_per_s=5.0,
        is_auto=True,
        forecast_s=forecast_s,
        refusal=refusal,
        missing=(),
    )
