"""What run.json says of a run at its beginning, on its way, and at its end."""

import getpass
import os
import platform
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import islice
from typing import TypedDict

from pydantic import JsonValue

from batch import __version__
from batch.jobs.outcome import RunOutcome
from batch.jobs.ready import ReadyRun
from batch.jobs.request import Request
from batch.model import Reason, Result, Tally
from batch.recording.runfile import (
    FORMAT,
    WITHOUT_PARTS,
    RunBudget,
    RunBy,
    RunMove,
    RunRecord,
    RunState,
)
from batch.sending.pace.pacer import PaceEstimate
from batch.visible import visible
from batch.wording.amounts import duration, join_words
from batch.wording.progress import Moment

_MOST_NAMES = 1000  # of campaigns
_MOST_BY = 18  # that are kept of who went on with a run, beside the first and the present one


class Counts(TypedDict):
    """The fields of a record that count the rows."""

    counts: dict[Result, int]
    reasons: dict[Reason, int]


def first_record(run: ReadyRun) -> RunRecord:
    """A run that begins now, or goes on now."""
    opened, now = run.opened, datetime.now(UTC)
    by = RunBy(user=_user(), host=platform.node(), command=opened.request.session.command, at=now)
    if run.record is not None:
        return run.record.model_copy(
            update={
                "format": max(run.record.format, WITHOUT_PARTS),
                "plan_sha256": run.plan.sha256,
                "state": RunState.RUNNING,
                "exit_code": None,
                "stop_reason": "",
                "ended_at": None,
                "input": opened.input,
                "base_url": opened.access.base_url,
                "settings": _settings_of(opened.request),
                "pid": os.getpid(),
                "working_since": now,
                "campaigns": _names(run.record.campaigns, run.campaigns),
                "ran_by": (*run.record.ran_by[:1], *run.record.ran_by[1:][-_MOST_BY:], by),
                **_times_gone_on(run, run.record, now),
                **counts_of(run.work.before),
            }
        )
    request = opened.request
    return RunRecord(
        format=WITHOUT_PARTS if opened.part_of is None else FORMAT,
        id=new_id(),
        state=RunState.RUNNING,
        versions={
            "python": platform.python_version(),
            "sendkit-batch": __version__,
            **{name: version(name) for name in ("httpx", "polars", "anyio")},
        },
        input=opened.input,
        base_url=opened.access.base_url,
        workspace=run.workspace,
        section=request.session.section,
        settings=_settings_of(request),
        pid=os.getpid(),
        working_since=now,
        worked_s=opened.watch.seconds(),
        started_at=opened.started_at,
        rows=run.plan.rows,
        sandbox=request.session.sandbox,
        tag_check=not request.guardrails.no_tag_check,
        labels_failed=run.labels_failed,
        is_planned=request.is_planned,
        retry_of=opened.retry_of,
        undo_of=opened.undo_of,
        plan_sha256=run.plan.sha256,
        ran_by=(by,),
        campaigns=_names(opened.lookup.names, run.campaigns),
        part_of=opened.part_of,
        **counts_of(run.work.before),
    )


def new_id() -> str:
    """The id of a new run."""
    return secrets.token_hex(8)


def _names(*known: Mapping[str, str]) -> dict[str, str]:
    """The names of campaigns by id, the server's own last, and not all of very many."""
    names = {id_: name for part in known for id_, name in part.items() if name}
    return dict(islice(names.items(), _MOST_NAMES))


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's user may have no name
        return ""


def _settings_of(request: Request) -> dict[str, JsonValue]:
    """The settings in force, without the address, which has a place of its own in the record."""
    public = request.settings.public()
    del public["api"]["base_url"]
    return public


def _times_gone_on(run: ReadyRun, record: RunRecord, now: datetime) -> dict[str, object]:
    """What is different between going on with a run, and the beginning of a planned one."""
    worked_s = run.opened.watch.seconds()
    if record.state is RunState.PLANNED:
        return {"started_at": now, "worked_s": worked_s}
    return {"resumed": record.resumed + 1, "worked_s": worked_s + (record.took_s or 0)}


def _worked_s(record: RunRecord, now: datetime) -> float:
    """The time at work until now. record: as it began now."""
    since = record.working_since or now
    return (record.worked_s or 0) + max(0.0, (now - since).total_seconds())


def record_at(record: RunRecord, moment: Moment) -> RunRecord:
    """The run on its way. record: as it began now."""
    pace = f"{moment.rate_per_s:.1f} a second"
    learnt = moment.pace_estimate
    if learnt.limit is not None and learnt.window_s is not None:
        left = "" if learnt.remaining is None else f", {learnt.remaining:,} left"
        pace += f"; the server allows {learnt.limit:,} in {duration(learnt.window_s)}{left}"
    if moment.hold:
        pace += f", held back for {moment.hold_left_s:.0f} s more ({moment.hold.why})"
    if moment.outage_s:
        pace += f", the server has been away for {moment.outage_s:.0f} s"
        pace += f" ({moment.outage_why})" if moment.outage_why else ""
    if moment.sharing.others:
        pace += f", at one pace with {visible(join_words(moment.sharing.others))}"
    return record.model_copy(
        update={
            "pace": pace,
            "worked_s": _worked_s(record, datetime.now(UTC)),
            "budget": _budget_of(learnt),
            "requests": record.requests + moment.requests,
            **counts_of(moment.tally),
        }
    )


def _budget_of(learnt: PaceEstimate) -> RunBudget:
    return RunBudget(
        source=learnt.source,
        rate_per_s=learnt.rate_per_s,
        limit=learnt.limit,
        window_s=learnt.window_s,
        remaining=learnt.remaining,
    )


def last_record(record: RunRecord, outcome: RunOutcome) -> RunRecord:
    """The run as it ended. record: as it began now, after the requests of earlier times."""
    now = datetime.now(UTC)
    return record.model_copy(
        update={
            "state": outcome.state,
            "exit_code": outcome.exit_code,
            "stop_reason": outcome.reason,
            "ended_at": now,
            "worked_s": _worked_s(record, now),
            "budget": _budget_of(outcome.pace_estimate) if outcome.pace_estimate else record.budget,
            "requests": record.requests + outcome.requests,
            "moves": tuple(RunMove(**asdict(move)) for move in outcome.moves),
            **counts_of(outcome.tally),
        }
    )


def counts_of(tally: Tally) -> Counts:
    """The fields of a record that count the rows."""
    reasons = {reason: count for reason, count in sorted(tally.items()) if count}
    return {"counts": {result: tally.of(result) for result in Result}, "reasons": reasons}
