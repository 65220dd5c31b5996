"""The page's words for what the program counts, for people who know no reasons by name."""

import re
from collections.abc import Mapping

from batch.judging.diff import Verdict
from batch.model import Reason
from batch.recording.runfile import RunState
from batch.web.board import Kind

REASONS: Mapping[Reason, str] = {
    Reason.APPLIED: "Changed",
    Reason.BLANK_ROW: "Blank row",
    Reason.NOTHING_TO_CHANGE: "Neither a status nor a tag is given",
    Reason.DUPLICATE: "Another row asks for the same",
    Reason.SUPERSEDED: "A later row of the same lead won",
    Reason.ALREADY_SO: "The lead already is so",
    Reason.MISSING_ID: "An id is missing",
    Reason.BAD_ID: "An id that can't be right",
    Reason.BAD_STATUS: "A status that can't be set",
    Reason.BAD_CELL: "A cell that can't be read as meant",
    Reason.UNKNOWN_TAG: "No such label in this workspace",
    Reason.CONFLICT: "Rows of one lead contradict each other",
    Reason.UNKNOWN_LEAD: "No such lead in that campaign",
    Reason.UNKNOWN_CAMPAIGN: "No such campaign in this workspace",
    Reason.AMBIGUOUS_LEAD: "Several leads of that campaign have this address",
    Reason.DRIFTED: "The lead has changed since the plan was made",
    Reason.CHANGED_SINCE: "The lead has changed since that run, so it is left alone",
    Reason.BAD_REQUEST: "SendKit refused the values",
    Reason.FORBIDDEN: "SendKit does not allow this key to do it",
    Reason.NOT_FOUND: "SendKit knows no such lead in that campaign",
    Reason.REJECTED: "SendKit refused it",
    Reason.REDIRECTED: "SendKit pointed elsewhere, which is not followed",
    Reason.NOT_APPLIED: "SendKit said yes, but the lead is not so",
    Reason.SUCCESS_FALSE: "SendKit said that it did not work",
    Reason.NOT_JSON: "An answer that can't be read",
    Reason.EMPTY_ANSWER: "An answer without content",
    Reason.OVERSIZED_ANSWER: "An answer that is far too long",
    Reason.RATE_LIMITED: "SendKit kept asking to slow down",
    Reason.SERVER_ERROR: "SendKit had a fault, in every try",
    Reason.NOT_CONNECTED: "SendKit could not be reached",
    Reason.NO_ANSWER: "No answer came; it may have been changed",
    Reason.NOT_REACHED: "Not sent yet",
    Reason.IN_FLIGHT: "Sent, but the answer is not known",
    Reason.STOPPED: "To be tried again: the run ended first",
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.WILL_CHANGE: "Will change",
    Verdict.FINAL_STATE: "Will change, though that may mean nothing",
    Verdict.UNREAD: "Will be sent; what the lead is now was not read",
    Verdict.ALREADY_SO: "Already so",
    Verdict.UNKNOWN_LEAD: "No such lead in that campaign",
    Verdict.OWN_ID: "The lead's own id, not its id in the campaign",
    Verdict.UNKNOWN_CAMPAIGN: "No such campaign in this workspace",
    Verdict.BAD_STATUS: "A status that can't be set",
    Verdict.DRIFTED: "The lead has changed since",
}
KINDS: Mapping[Kind, str] = {
    Kind.PLAN: "Looking at what would change",
    Kind.RUN: "Sending",
    Kind.APPLY: "Sending the plan",
    Kind.RESUME: "Going on",
    Kind.RETRY: "Trying the failed rows again",
    Kind.UNDO: "Undoing",
    Kind.VERIFY: "Verifying",
}
STATES: Mapping[str, str] = {
    RunState.PLANNED: "Planned, nothing sent",
    RunState.RUNNING: "Under way",
    RunState.FINISHED: "Finished",
    RunState.STOPPED: "Stopped early",
    RunState.INTERRUPTED: "Stopped by hand",
    RunState.FAILED: "Broke off",
    "broke off": "Broke off",
}

# What the command line's messages say of its options, and what the page has instead.
_TYPE_IT = "type the number when you are asked"
_CHOOSE_IT = ": choose it under Columns."
_ON_THE_PAGE = (
    (r"Choose with --sheet\.", "Write the name of one under Columns."),
    (r"Name a sheet with --sheet\.", "Write its name under Columns."),
    (r"Name it with --map [^.]{0,300}\.", "Choose it under Columns."),
    (r"[,;]? ?(?:or )?name (?:it|the right one) with --map [^.]{0,300}\.", _CHOOSE_IT),
    (r"; to send the valid rows all the same, use --allow-invalid", ""),
    (r"or name its columns with --map", "or choose other columns"),
    (r"Keep one value, or use --on-conflict last-wins\.", "Keep one value."),
    (r"use --allow-clears, or type \d+ at the question", _TYPE_IT),
    (r"use --expect-changes \d+, or type \d+ at the question", _TYPE_IT),
    (r"name one campaign for all rows with --campaign\.", "name one for all rows below."),
    (r"--campaign", "Campaign"),
    (r"--base-url", "Address"),
    (r"--workspace-id", "Workspace id"),
    (r"--rate", "Pace"),
    (r"--map (\w+)", r"Column for \1"),
)


def on_the_page(text: str) -> str:
    """A message of the program, without the command line's options where the page has its own."""
    for pattern, words in _ON_THE_PAGE:
        text = re.sub(pattern, words, text)
    return re.sub(r"left out: (\w+)\.", _left_out, text)


def _left_out(found: re.Match[str]) -> str:
    words = reason_words(found[1])
    return f"left out: {words[:1].lower()}{words[1:]}."


def reason_words(name: str) -> str:
    """What a reason, or a plan's verdict, means."""
    for words in (VERDICTS, REASONS):
        for each, sentence in words.items():
            if each.value == name:
                return sentence
    return name
