"""A run in one sentence, and what its words mean. Pure."""

from collections.abc import Mapping

from batch.jobs.question import count_of, what_changes
from batch.judging.totals import Effect
from batch.model import Reason, Result, Tally
from batch.recording.runfile import RunRecord, RunState

RESULT_WORDS: Mapping[Result, str] = {
    Result.SUCCESS: "Applied",
    Result.ERROR: "Failed",
    Result.SKIPPED: "Needed nothing",
    Result.UNSENT: "Unsent",
}

MEANINGS: Mapping[Reason, str] = {
    Reason.APPLIED: "The server confirmed the change.",
    Reason.BLANK_ROW: "Every cell is blank.",
    Reason.NOTHING_TO_CHANGE: "Neither a status nor a tag is given.",
    Reason.DUPLICATE: "An earlier row of the lead asks for the same.",
    Reason.SUPERSEDED: "A later row of the lead asks for something else.",
    Reason.ALREADY_SO: "The lead was read, and is so already.",
    Reason.MISSING_ID: "An id is blank.",
    Reason.BAD_ID: "An id can't be right.",
    Reason.BAD_STATUS: "A status that can't be set.",
    Reason.BAD_CELL: "A cell that can't be right.",
    Reason.UNKNOWN_TAG: "No label of the workspace.",
    Reason.CONFLICT: "Rows of one lead contradict each other.",
    Reason.UNKNOWN_LEAD: "No lead of the campaign has this id, or this e-mail address.",
    Reason.AMBIGUOUS_LEAD: "Several leads of the campaign have this e-mail address.",
    Reason.UNKNOWN_CAMPAIGN: "No campaign of the workspace has this id, or this name alone.",
    Reason.DRIFTED: "The lead has changed since the plan was made.",
    Reason.CHANGED_SINCE: "The lead has changed since the run, so it is not set back.",
    Reason.BAD_REQUEST: "The server refused it as wrong (400 or 422).",
    Reason.FORBIDDEN: "The key may not do that (403).",
    Reason.NOT_FOUND: "The server knows no such lead (404 or 410).",
    Reason.REJECTED: "The server refused it.",
    Reason.REDIRECTED: "The server pointed elsewhere, which is never followed.",
    Reason.NOT_APPLIED: "The server said yes, and told of other values.",
    Reason.SUCCESS_FALSE: "The server answered, and said that it did not succeed.",
    Reason.NOT_JSON: "The answer is none of the API's.",
    Reason.EMPTY_ANSWER: "The answer says nothing.",
    Reason.OVERSIZED_ANSWER: "The answer is too long to be one of the API's.",
    Reason.RATE_LIMITED: "Refused for its pace until it was given up (429).",
    Reason.SERVER_ERROR: "The server failed until it was given up.",
    Reason.NOT_CONNECTED: "No request ever left this machine.",
    Reason.NO_ANSWER: "Sent without an answer: it may have been applied. Sending it again is safe.",
    Reason.NOT_REACHED: "The run ended before it was sent.",
    Reason.IN_FLIGHT: "On its way when the run broke off: it may have been applied.",
    Reason.STOPPED: "Answered, to be tried again, but the run stopped.",
}

STATE_WORDS: Mapping[RunState, str] = {
    RunState.PLANNED: "Planned, not applied",
    RunState.RUNNING: "Broke off",  # whoever writes a report has the journal: nobody is at work
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped early",
    RunState.INTERRUPTED: "Interrupted",
    RunState.FAILED: "Failed",
}


def run_sentence(record: RunRecord, effect: Effect, tally: Tally, rows: int) -> str:
    """What was asked, and what came of it."""
    name, where = record.input.name, _where(record)
    if not rows:
        return f"{name} has no rows: nothing was asked of {where}, and nothing was sent."
    if not effect.requests:
        return f"{name} asked for no change that could be sent to {where}; of its {_came(tally)}."
    asked = f"asked to change {count_of(effect.requests, 'lead')} in {where}"
    return f"{name} {asked} ({what_changes(effect)}); of its {_came(tally)}."


def plan_sentence(record: RunRecord, effect: Effect, states: Mapping[str, int], rows: int) -> str:
    """What is asked, and what sending it would do. states: leads by `digest.PLAN_STATES`."""
    name, where = record.input.name, _where(record)
    if not rows:
        return f"{name} has no rows: nothing is asked of {where}."
    asked = count_of(effect.requests, "lead")
    will, so, other = states.values()
    parts = [f"{will:,} would change", f"{so:,} {'is' if so == 1 else 'are'} so already"]
    parts += [f"{other:,} can't be changed"] if other else []
    return (
        f"{name} asks to change {asked} in {where} ({what_changes(effect)}): {_listed(parts)}; "
        "nothing has been sent."
    )


def _came(tally: Tally) -> str:
    parts = [
        f"{count:,} {_verb(result, count)}" for result in Result if (count := tally.of(result))
    ]
    return f"{count_of(tally.total(), 'row')}, {_listed(parts)}"


def _verb(result: Result, count: int) -> str:
    was = "was" if count == 1 else "were"
    match result:
        case Result.SUCCESS:
            return f"{was} applied"
        case Result.ERROR:
            return "failed"
        case Result.SKIPPED:
            return "needed nothing"
        case Result.UNSENT:
            return f"{was} left unsent"


def _listed(parts: list[str]) -> str:
    """As "one", "one and two", "one, two and three"."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _where(record: RunRecord) -> str:
    if record.sandbox:
        return "a practice sandbox"
    return f"workspace {record.workspace.name}" if record.workspace else "an unknown workspace"
