"""The use case `apply`: a reviewed plan, sent as far as its leads still are what it read."""

from batch.jobs.frontend import Frontend
from batch.jobs.outcome import RunOutcome
from batch.jobs.past_run import PastRun, check_several
from batch.jobs.plan import check_no_plan, check_plan, check_same_workspace
from batch.jobs.resume import go_on, go_on_in_each
from batch.recording.runfile import RunState


def apply(past: PastRun, frontend: Frontend) -> RunOutcome:
    """Send a plan, or go on with sending it. Raises UsageError for what is no plan."""
    record = past.record()
    if record.is_of_several:
        check_several(past, record, "apply")
    asks = frontend.asks(practice=record.sandbox)
    request = past.request()
    check_plan(past.folder, record, request)
    if record.state is not RunState.PLANNED:
        frontend.note(f"{past.folder}: was begun before; going on with it.")
    elif record.part_of is not None:
        check_no_plan(past.folder, record, options=past.key_options)
    if record.is_of_several:
        return go_on_in_each(past, request, frontend)
    return go_on(
        past.folder,
        request,
        frontend,
        asks=asks,
        check=lambda preflight: check_same_workspace(record, preflight),
    )
