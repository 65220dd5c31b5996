"""The sentences about a request that are due to what its lead is now. Words only."""

from typing import NamedTuple

from batch.judging.diff import Verdict
from batch.model import Reason, Status


class Seen(NamedTuple):
    """A row of VERDICTS as far as sentences need it; a tag of None or "" is none."""

    verdict: Verdict
    status: str | None
    ai_tag: str | None
    clear_tag: bool
    live_status: str | None
    live_tag: str | None
    base_status: str | None
    base_tag: str | None
    right_id: str | None


def live_sentence(seen: Seen, *, drifted: Reason, clear_word: str) -> str:
    """Why a request is not sent, or may mean nothing; "" where there is nothing to say.

    drifted: the reason of requests whose lead is not what was expected.
    """
    match seen.verdict:
        case Verdict.ALREADY_SO:
            tag = "" if seen.clear_tag else seen.ai_tag
            sentence = f"the lead already reads {_reads(seen.status, tag, clear_word)}."
        case Verdict.FINAL_STATE:
            sentence = f"the lead is {seen.live_status}: a change may mean nothing."
        case Verdict.UNKNOWN_LEAD:
            sentence = "the campaign has no lead of this id."
        case Verdict.OWN_ID:
            sentence = (
                "this is the lead's own id, not that of the campaign lead; "
                f"expected {seen.right_id} for it."
            )
        case Verdict.UNKNOWN_CAMPAIGN:
            sentence = "the workspace has no campaign of this id."
        case Verdict.BAD_STATUS:
            sentence = (
                f'found "{seen.status}", which can\'t be set; expected {" or ".join(Status)}, or '
                f"{seen.live_status} as the lead reads now."
            )
        case Verdict.DRIFTED:
            sentence = _drifted(seen, drifted, clear_word)
        case _:
            sentence = ""
    return sentence


def _drifted(seen: Seen, reason: Reason, clear_word: str) -> str:
    expected = _reads(seen.base_status, seen.base_tag, clear_word)
    now = _reads(seen.live_status, seen.live_tag or "", clear_word)
    if reason is Reason.CHANGED_SINCE:
        return f"left as it is: the run asked for {expected}, and it reads {now} now."
    if not expected:
        return f"left as it is: nothing was planned for it, and it reads {now} now."
    return f"left as it is: it read {expected} when the plan was made, and reads {now} now."


def _reads(status: str | None, tag: str | None, clear_word: str) -> str:
    """As "status paused, aiTag Hot"; what is None is left out."""
    parts = (
        f"status {status}" if status else "",
        f"aiTag {tag or clear_word}" if tag is not None else "",
    )
    return ", ".join(filter(None, parts))
