"""What run.json says of a run at its beginning, on its way, and at its end."""

import os
import platform
import secrets
from datetime import UTC, datetime
from importlib.metadata import version

from batch import __version__
from batch.jobs.dispatch import Moment
from batch.jobs.ending import Report
from batch.jobs.job import ReadyRun
from batch.model import Result, Tally
from batch.recording.runfile import RunRecord, RunState


def first_record(run: ReadyRun) -> RunRecord:
    """A run that begins now, or goes on now."""
    opened = run.opened
    if run.record is not None:
        return run.record.model_copy(
            update={
                "state": RunState.RUNNING,
                "exit_code": None,
                "stop_reason": "",
                "ended_at": None,
                "base_url": opened.access.base_url,
                "settings": opened.request.settings.public(),
                "pid": os.getpid(),
                "working_since": datetime.now(UTC),
                "resumed": run.record.resumed + 1,
                **counts_of(run.work.before),
            }
        )
    request = opened.request
    return RunRecord(
        id=secrets.token_hex(8),
        state=RunState.RUNNING,
        versions={
            "python": platform.python_version(),
            "sendkit-batch": __version__,
            **{name: version(name) for name in ("httpx", "polars", "anyio")},
        },
        input=opened.input,
        base_url=opened.access.base_url,
        workspace=run.workspace,
        settings=request.settings.public(),
        pid=os.getpid(),
        working_since=datetime.now(UTC),
        started_at=opened.started_at,
        rows=run.plan.rows,
        counts={},
        reasons={},
        sandbox=request.sandbox,
        tag_check=request.tag_check,
        retry_of=opened.retry_of,
    )


def record_at(record: RunRecord, moment: Moment) -> RunRecord:
    """The run on its way."""
    pace = f"{moment.rate_per_s:.1f} a second"
    if moment.hold:
        pace += f", held back for {moment.hold_left_s:.0f} s more ({moment.hold.why})"
    if moment.outage_s:
        pace += f", the server has been away for {moment.outage_s:.0f} s"
    return record.model_copy(
        update={"pace": pace, "requests": moment.requests, **counts_of(moment.tally)}
    )


def last_record(record: RunRecord, report: Report) -> RunRecord:
    """The run as it ended."""
    return record.model_copy(
        update={
            "state": report.state,
            "exit_code": report.exit_code,
            "stop_reason": report.reason,
            "ended_at": datetime.now(UTC),
            "requests": report.requests,
            **counts_of(report.tally),
        }
    )


def counts_of(tally: Tally) -> dict[str, object]:
    """The fields of a record that count the rows."""
    reasons = {reason: count for reason, count in sorted(tally.items()) if count}
    return {"counts": {result: tally.of(result) for result in Result}, "reasons": reasons}
