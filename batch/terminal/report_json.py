"""How a command ended as one JSON object, for `--json`. Its keys are a promise to scripts."""

import json

from batch.jobs.check import Checked
from batch.jobs.ending import Report
from batch.model import Result, Tally
from batch.terminal.summary import judged_tally, report_files


def reported(report: Report) -> str:
    """A run as one JSON object."""
    return _json(
        run=str(report.folder),
        state=report.state,
        exit_code=report.exit_code,
        rows=report.rows,
        tally=report.tally,
        files=report_files(report),
        next_command=report.next_command,
        message=report.reason,
    )


def judged(checked: Checked, *, state: str, exit_code: int, next_command: str) -> str:
    """A check or a dry run as one JSON object of the same keys."""
    return _json(
        run=None,
        state=state,
        exit_code=exit_code,
        rows=checked.plan.rows,
        tally=judged_tally(checked.plan),
        files={},
        next_command=next_command,
        message=checked.refusal or "",
    )


def refused(message: str, *, state: str, exit_code: int) -> str:
    """A command that sent nothing, as one JSON object of the same keys."""
    return _json(
        run=None,
        state=state,
        exit_code=exit_code,
        rows=0,
        tally=Tally(),
        files={},
        next_command=None,
        message=message,
    )


def _json(
    *,
    run: str | None,
    state: str,
    exit_code: int,
    rows: int,
    tally: Tally,
    files: dict[str, str],
    next_command: str | None,
    message: str,
) -> str:
    return json.dumps(  # ASCII, so that no console's encoding can spoil it
        {
            "run": run,
            "state": str(state),
            "exit_code": exit_code,
            "rows": rows,
            **{str(result): tally.of(result) for result in Result},
            "reasons": {str(reason): count for reason, count in sorted(tally.items()) if count},
            "files": files,
            "next_command": next_command,
            "message": message,
        }
    )
