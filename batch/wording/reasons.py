"""What each reason means, for people who know none of them by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from batch.judging.diff import Verdict
from batch.model import Reason


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one reason.

    meaning: what the manual and the report say of it; no full stop, no capital.
    title: what the page calls it, in a few words.
    left_out: what the question says of rows that are not sent for it, of one row and of several;
    without it the title says enough.
    short: behind a number, where the reason's own name says too little.
    """

    meaning: str
    title: str
    left_out: tuple[str, str] | None = None
    short: str = ""


REASON_WORDS: Mapping[Reason, Words] = {
    Reason.APPLIED: Words("the server confirmed the change", "Changed"),
    Reason.APPLIED_IN_PART: Words(
        "the server confirmed the tag; the status was left out, because the lead was read and is "
        "through (completed, bounced, unsubscribed, replied or removed)",
        "The tag was changed, the status left out",
    ),
    Reason.BLANK_ROW: Words("every cell is blank", "Blank row"),
    Reason.NOTHING_TO_CHANGE: Words(
        "neither status nor aiTag is given", "Neither a status nor a tag is given"
    ),
    Reason.NOT_DATA: Words(
        'a line of units, such as "text" or "(id)" in both ids, and no cell that could be a value',
        "A line of units, no data",
    ),
    Reason.DUPLICATE: Words(
        "another row of the lead sets the same values", "Another row asks for the same"
    ),
    Reason.SUPERSEDED: Words(
        "a later row of the lead sets other values (last-wins)", "A later row of the same lead won"
    ),
    Reason.ALREADY_SO: Words(
        "the lead was read, and already has all the values that the row asks for",
        "The lead already has these values",
        ("is already set.", "are already set."),
        short="already set",
    ),
    Reason.FINAL_STATE: Words(
        "the lead was read and is through (completed, bounced, unsubscribed, replied or removed), "
        "so its status was left out, and there was nothing else to change",
        "The lead is through, so its status is left out",
        (
            "is not sent: its lead is through, so its status is left out.",
            "are not sent: their leads are through, so their status is left out.",
        ),
        short="with a lead that is through",
    ),
    Reason.MISSING_ID: Words(
        "an id, or the e-mail address in place of it, is blank", "An id is missing"
    ),
    Reason.BAD_ID: Words("an id does not match the pattern", "An id that can't be right"),
    Reason.BAD_STATUS: Words(
        "the status is neither active nor paused", "A status that can't be set"
    ),
    Reason.BAD_CELL: Words(
        "a spreadsheet error, a formula without a value, or a line break",
        "A cell that can't be read as meant",
    ),
    Reason.MISSING_WORKSPACE: Words(
        "the workspace is blank, and none was named for such rows", "The workspace is missing"
    ),
    Reason.UNKNOWN_WORKSPACE: Words(
        "no workspace that can be reached has this name or id; the nearest one is named",
        "No such workspace",
    ),
    Reason.AMBIGUOUS_WORKSPACE: Words(
        "several workspaces have this name; their ids are named",
        "Several workspaces have this name",
    ),
    Reason.UNKNOWN_CAMPAIGN: Words(
        "no campaign has this name or id, or several have this name",
        "No such campaign in this workspace",
    ),
    Reason.UNKNOWN_LEAD: Words(
        "no lead of the campaign has the id or the e-mail address, or the id and the address "
        "don't agree",
        "No such lead in that campaign",
    ),
    Reason.AMBIGUOUS_LEAD: Words(
        "several leads of the campaign have the e-mail address",
        "Several leads of that campaign have this address",
    ),
    Reason.UNKNOWN_TAG: Words(
        "the workspace has no such label; the nearest one is named",
        "No such label in this workspace",
    ),
    Reason.CONFLICT: Words(
        "rows of one lead ask for different values of one field, or name it in two workspaces",
        "Rows of one lead contradict each other",
    ),
    Reason.BEFORE_UNKNOWN: Words(
        "nobody has read what the lead was before the run, so it can't be set back",
        "What the lead was before is not known",
        short="not read before the run",
    ),
    Reason.DRIFTED: Words(
        "the lead has changed since the plan was made, so it was left as it is",
        "The lead has changed since the plan was made",
        (
            "has changed since the plan was made and is left out.",
            "have changed since the plan was made and are left out.",
        ),
        short="changed since the plan",
    ),
    Reason.CHANGED_SINCE: Words(
        "the lead has changed since the run, so it was not set back",
        "The lead has changed since that run, so it is left alone",
        (
            "has changed since the run and is not undone.",
            "have changed since the run and are not undone.",
        ),
        short="changed since the run",
    ),
    Reason.BAD_REQUEST: Words(
        "the server refused it as wrong (400 or 422)", "SendKit refused the values"
    ),
    Reason.FORBIDDEN: Words(
        "the key may not do that (403)", "SendKit does not allow this key to do it"
    ),
    Reason.NOT_FOUND: Words(
        "the server knows no such lead (404 or 410)", "SendKit knows no such lead in that campaign"
    ),
    Reason.REJECTED: Words("the server refused it (any other 4xx)", "SendKit refused it"),
    Reason.REDIRECTED: Words(
        "the server answered with a redirect, which is never followed",
        "SendKit pointed elsewhere, which is not followed",
    ),
    Reason.NOT_APPLIED: Words(
        "the server answered with success (2xx), but with other values than were asked for",
        "SendKit said yes, but the lead has other values",
    ),
    Reason.SUCCESS_FALSE: Words(
        "the server answered, and said that it did not succeed (success: false)",
        "SendKit said that it did not work",
    ),
    Reason.NOT_JSON: Words("the answer is no JSON object", "An answer that can't be read"),
    Reason.EMPTY_ANSWER: Words(
        "the answer is empty, or has neither success nor data", "An answer without content"
    ),
    Reason.OVERSIZED_ANSWER: Words(
        "the answer is longer than the program reads", "An answer that is far too long"
    ),
    Reason.RATE_LIMITED: Words(
        "the server still asked to slow down (429) after all tries",
        "SendKit kept asking to slow down",
    ),
    Reason.SERVER_ERROR: Words(
        "the server still failed (5xx, 408 or 425) after all tries",
        "SendKit had a fault, in every try",
    ),
    Reason.NOT_CONNECTED: Words(
        "no request ever left this machine", "SendKit could not be reached"
    ),
    Reason.NO_ANSWER: Words(
        "it was sent without an answer, so it may have been applied; sending it again is safe",
        "No answer came; it may have been changed",
    ),
    Reason.NOT_REACHED: Words("the run ended before any request of it went out", "Not sent yet"),
    Reason.IN_FLIGHT: Words(
        "its last request has no known answer, so it may have been applied",
        "Sent, but the answer is not known",
    ),
    Reason.STOPPED: Words(
        "it was answered and has to be tried again, but the run ended first",
        "To be tried again: the run ended first",
    ),
}

VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.WILL_CHANGE: "will change",
    Verdict.IN_PART: "the tag will change; the lead is through, so its status is left out",
    Verdict.THROUGH: "will change, in a state in which that may mean nothing",
    Verdict.UNREAD: "will be sent; what the lead is now was not read",
    Verdict.ALREADY_SO: "already set",
    Verdict.FINAL_STATE: "nothing to send: the lead is through, so its status is left out",
    Verdict.UNKNOWN_LEAD: "no lead of the campaign has this id",
    Verdict.OWN_ID: "the lead's own id, not its campaign lead's; plan.csv names the right one",
    Verdict.UNKNOWN_CAMPAIGN: "no campaign of the workspace has this id",
    Verdict.BAD_STATUS: "a status that can't be set, and is not the lead's",
    Verdict.DRIFTED: "the lead has changed since",
}


def meaning_of(reason: Reason) -> str:
    """What a reason means, in a sentence: "The server confirmed the change."."""
    return f"{_capitalised(REASON_WORDS[reason].meaning)}."


def reason_title(name: str) -> str:
    """What a reason is called in a few words; the name itself if this version does not know it."""
    return REASON_WORDS[Reason(name)].title if name in set(Reason) else name


def reason_in_short(reason: Reason) -> str:
    """What a reason is called behind a number of rows, as "already set" or "unknown tag"."""
    return REASON_WORDS[reason].short or reason.value.replace("_", " ")


def plan_title(name: str) -> str:
    """What a row of a plan comes to: a reason, or a verdict that no result has."""
    if name in set(Verdict) - set(Reason):
        return _capitalised(VERDICT_WORDS[Verdict(name)])
    return reason_title(name)


def rows_left_out(reason: Reason, rows: int) -> str:
    """What becomes of rows that are not sent for this reason, as "are left out: blank row."."""
    words = REASON_WORDS[reason]
    if words.left_out:
        return words.left_out[0 if rows == 1 else 1]
    return f"{'is' if rows == 1 else 'are'} left out: {words.title[:1].lower()}{words.title[1:]}."


def _capitalised(clause: str) -> str:
    return clause[:1].upper() + clause[1:]
