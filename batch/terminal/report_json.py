"""The JSON object that `--json` prints when a command ends. Scripts rely on its keys."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import polars as pl

from batch.jobs.check import Checked
from batch.jobs.outcome import RunOutcome
from batch.jobs.planned import Planned
from batch.jobs.recorded import found_in
from batch.model import Result, Tally
from batch.reading.spreadsheet import Found
from batch.recording.runfile import RunRecord, RunState
from batch.terminal.remedies import in_terminal
from batch.terminal.summary import judged_tally, outcome_files


def reported(outcome: RunOutcome) -> str:
    """The object for a run."""
    return _json(
        run=str(outcome.folder),
        state=outcome.state,
        exit_code=outcome.exit_code,
        rows=outcome.rows,
        tally=outcome.tally,
        found=outcome.found,
        files=outcome_files(outcome),
        next_command=outcome.next_command,
        message=outcome.reason,
        moves=[asdict(move) for move in outcome.moves],
        **_parts_of(outcome),
        **({"pace_note": outcome.pace_note} if outcome.pace_note else {}),
        **_time_to_go_on(outcome.go_on_at),
    )


def done(folder: Path, record: RunRecord) -> str:
    """The object for a part in which nothing is left to send."""
    return _json(
        run=str(folder),
        state=record.state,
        exit_code=0,
        rows=record.rows,
        tally=record.tally,
        found=found_in(record),
        files={},
        next_command=None,
        message="It is done already.",
    )


def _parts_of(outcome: RunOutcome) -> dict[str, object]:
    """The parts of a run of several workspaces; nothing of any other."""
    if not outcome.parts:
        return {}
    return {
        "parts": [
            {
                "workspace": part.workspace.name,
                "workspace_id": part.workspace.id,
                "run": str(part.folder),
                "state": str(part.state),
                "rows": part.rows,
                **{str(result): part.tally.of(result) for result in Result},
                "reasons": {str(reason): n for reason, n in sorted(part.tally.items()) if n},
                "message": part.reason,
            }
            for part in outcome.parts
        ]
    }


def judged(checked: Checked, *, state: str, exit_code: int, next_command: str) -> str:
    """The object for a check or a dry run, with the same keys."""
    return _json(
        run=None,
        state=state,
        exit_code=exit_code,
        rows=checked.plan.rows,
        tally=judged_tally(checked.plan),
        found=checked.table.found,
        files={},
        next_command=next_command,
        message=in_terminal(checked.refusal or ""),
    )


def planned(plan: Planned) -> str:
    """The object for a plan: the same keys, and what the plan would change."""
    ready, preview = plan.ready, plan.preview
    effect = preview.effect()
    return _json(
        run=str(ready.opened.folder.path),
        state=RunState.PLANNED,
        exit_code=plan.exit_code,
        rows=plan.rows,
        tally=plan.tally,
        found=ready.opened.table.found,
        files={"plan": str(plan.sheet)},
        next_command=plan.next_command,
        message=ready.question.why,
        plan={str(verdict): rows for verdict, rows in preview.rows_by_verdict().items()},
        requests=effect.requests,
        requests_without_reading=plan.requests_without_reading,
        requests_for_reading=plan.reading,
        tag_changes=effect.tag_changes,
        forecast_s=round(ready.forecast_s, 1),
        changes={
            "status": preview.status_changes().rows(named=True),
            "aiTag": preview.tag_changes().rows(named=True),
        },
        campaigns=preview.by_campaign()
        .with_columns(pl.col("campaign_id").cast(pl.String))
        .rename({"campaign_id": "campaignId"})
        .rows(named=True),
        **_planned_parts(plan),
    )


def _planned_parts(plan: Planned) -> dict[str, object]:
    """What a plan of several workspaces does in each; nothing of any other."""
    if not plan.parts:
        return {}
    return {
        "parts": [
            {
                "workspace": each.part.target.workspace.name,
                "workspace_id": each.part.target.workspace.id,
                "run": str(each.part.opened.folder.path),
                "rows": each.part.rows,
                "plan": {
                    str(verdict): rows for verdict, rows in each.preview.rows_by_verdict().items()
                },
                "reasons": {str(reason): n for reason, n in sorted(each.plan.tally.items()) if n},
                "requests": each.preview.effect().requests,
                "tag_changes": each.preview.effect().tag_changes,
            }
            for each in plan.parts
        ]
    }


def refused(message: str, *, state: str, exit_code: int, go_on_at: datetime | None = None) -> str:
    """The object for a command that was refused, with the same keys."""
    return _json(
        run=None,
        state=state,
        exit_code=exit_code,
        rows=0,
        tally=Tally(),
        found=None,
        files={},
        next_command=None,
        message=message,
        **_time_to_go_on(go_on_at),
    )


def _time_to_go_on(go_on_at: datetime | None) -> dict[str, str]:
    """As `go_on_at`, only where it is known."""
    return {"go_on_at": go_on_at.isoformat()} if go_on_at else {}


def _json(  # noqa: PLR0913 - the keys
    *,
    run: str | None,
    state: str,
    exit_code: int,
    rows: int,
    tally: Tally,
    found: Found | None,
    files: dict[str, str],
    next_command: str | None,
    message: str,
    **more: object,
) -> str:
    return json.dumps(  # in ASCII, which survives any console's encoding
        {
            "run": run,
            "state": str(state),
            "exit_code": exit_code,
            "rows": rows,
            **{str(result): tally.of(result) for result in Result},
            "reasons": {str(reason): count for reason, count in sorted(tally.items()) if count},
            # of what is passed over the lines alone: its texts may name people
            "input": found
            and {
                "sheet": found.sheet,
                "header_line": found.header_line,
                "passed_over": found.passed_over,
            },
            "files": files,
            "next_command": next_command,
            "message": message,
            **more,
        }
    )
