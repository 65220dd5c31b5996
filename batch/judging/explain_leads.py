"""The sentences about a row's lead or campaign: not found by its name, or not as expected now.

Words only.
"""

from collections.abc import Sequence
from typing import NamedTuple

from batch.judging.diff import Verdict
from batch.judging.explain import quoted
from batch.model import Campaign, Reason, Status
from batch.near_names import NearNames

_LISTED_IDS = 5  # in a sentence


def unknown_lead(email: str, near: str | None) -> str:
    """For an address that no lead of the campaign has. near: the one most like it, if any."""
    hint = f" Did you mean {quoted(near)}?" if near else ""
    return f"no lead of the campaign has the e-mail address {quoted(email)}.{hint}"


def gone_lead(email: str) -> str:
    """For an id from an earlier run that is no lead of the campaign (any more)."""
    return (
        "the campaign has no lead of this id. "
        f"Blank the id to have it looked up again by {quoted(email)}."
    )


def other_lead(email: str, own: str) -> str:
    """For an id in the row that belongs to a lead with another address, `own`."""
    return (
        f"the lead of this id has the e-mail address {quoted(own)}, the row says {quoted(email)}. "
        "Correct the address, or blank the id to have it looked up again."
    )


def ambiguous_lead(email: str, ids: Sequence[str]) -> str:
    """For an address that several leads of the campaign have."""
    more = len(ids) - _LISTED_IDS
    listed = ", ".join(ids[:_LISTED_IDS]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"{len(ids):,} leads of the campaign have the e-mail address {quoted(email)}: {listed}. "
        "Put the id of the right one into campaignLeadId."
    )


def unknown_campaign(named: str) -> str:
    """For a campaign's id that the workspace doesn't have."""
    return f"found {quoted(named)}; the workspace has no campaign of this id."


def find_campaign(
    named: str, known: Sequence[Campaign], *, near_names: NearNames
) -> tuple[str | None, str]:
    """The id of the campaign with this name or id, in any case; else None and the reason why.

    near_names: for suggestions; one for all names that are looked up together.
    """
    folded = named.casefold()
    found = [each for each in known if folded in {each.id.casefold(), each.name.casefold()}]
    if len(found) == 1:
        return found[0].id, ""
    if found:
        ids = ", ".join(each.id for each in found)
        return None, (
            f"{quoted(named)} is the name of {len(found)} campaigns ({ids}). Name it by its id."
        )
    near = near_names.nearest(named, (each.name for each in known))
    hint = f" Did you mean {quoted(near)}?" if near else ""
    return None, f"found {quoted(named)}; no campaign of the workspace has this id or name.{hint}"


class LeadRow(NamedTuple):
    """A row of VERDICTS, with what sentences need of it; a tag of None or "" is no tag."""

    verdict: Verdict
    status: str | None
    ai_tag: str | None
    clear_tag: bool
    live_status: str | None
    live_tag: str | None
    base_status: str | None
    base_tag: str | None
    right_id: str | None


def live_sentence(row: LeadRow, *, drifted: Reason, clear_word: str) -> str:
    """Why a request is not sent, or may have no effect; "" where there is nothing to say.

    drifted: the reason of requests whose lead is not as expected.
    """
    match row.verdict:
        case Verdict.ALREADY_SO:
            tag = "" if row.clear_tag else row.ai_tag
            sentence = f"the lead already reads {_reads(row.status, tag, clear_word)}."
        case Verdict.THROUGH:
            sentence = f"the lead is {row.live_status}: a change may mean nothing."
        case Verdict.IN_PART | Verdict.FINAL_STATE:
            sentence = f"{status_left(str(row.status), str(row.live_status))}."
        case Verdict.UNKNOWN_LEAD:
            sentence = "the campaign has no lead of this id."
        case Verdict.OWN_ID:
            sentence = (
                "this is the lead's own id, not that of the campaign lead; "
                f"expected {row.right_id} for it."
            )
        case Verdict.UNKNOWN_CAMPAIGN:
            sentence = "the workspace has no campaign of this id."
        case Verdict.BAD_STATUS:
            sentence = (
                f'found "{row.status}", which can\'t be set; expected {" or ".join(Status)}, or '
                f"{row.live_status} as the lead reads now."
            )
        case Verdict.DRIFTED:
            sentence = _drifted(row, drifted, clear_word)
        case _:
            sentence = ""
    return sentence


def status_left(status: str, live_status: str) -> str:
    """That a lead which is through gets no status; a sentence without its full stop."""
    return f"the lead is {live_status}, so status {status} is left out"


def _drifted(row: LeadRow, reason: Reason, clear_word: str) -> str:
    expected = _reads(row.base_status, row.base_tag, clear_word)
    now = _reads(row.live_status, row.live_tag or "", clear_word)
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
