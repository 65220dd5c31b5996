"""The sentences about a row whose lead or campaign was not found by its name. Words only."""

from collections.abc import Sequence

from batch.judging.explain import shown
from batch.model import Campaign
from batch.near_names import NearNames

_NAMED_IDS = 5  # ids that a sentence lists


def unknown_lead(email: str, near: str | None) -> str:
    """No lead of the campaign has the address. near: one that is nearly the same."""
    hint = f" Did you mean {shown(near)}?" if near else ""
    return f"no lead of the campaign has the e-mail address {shown(email)}.{hint}"


def gone_lead(email: str) -> str:
    """The id that an earlier run found is no lead of the campaign (any more)."""
    return (
        "the campaign has no lead of this id. "
        f"Blank the id to have it looked up again by {shown(email)}."
    )


def other_lead(email: str, own: str) -> str:
    """The id that stands in the row is that of a lead with another address."""
    return (
        f"the lead of this id has the e-mail address {shown(own)}, the row says {shown(email)}. "
        "Correct the address, or blank the id to have it looked up again."
    )


def ambiguous_lead(email: str, ids: Sequence[str]) -> str:
    """Several leads of the campaign have the address."""
    more = len(ids) - _NAMED_IDS
    listed = ", ".join(ids[:_NAMED_IDS]) + (f" and {more:,} more" if more > 0 else "")
    return (
        f"{len(ids):,} leads of the campaign have the e-mail address {shown(email)}: {listed}. "
        "Put the id of the right one into campaignLeadId."
    )


def unknown_campaign(named: str) -> str:
    """The workspace has no campaign of this id."""
    return f"found {shown(named)}; the workspace has no campaign of this id."


def find_campaign(
    named: str, known: Sequence[Campaign], *, near_names: NearNames
) -> tuple[str | None, str]:
    """The id of the campaign that has this name or id, whatever its case; else None and why.

    near_names: looks for near ones, for all names that are looked up together.
    """
    folded = named.casefold()
    found = [each for each in known if folded in {each.id.casefold(), each.name.casefold()}]
    if len(found) == 1:
        return found[0].id, ""
    if found:
        ids = ", ".join(each.id for each in found)
        return None, (
            f"{shown(named)} is the name of {len(found)} campaigns ({ids}). Name it by its id."
        )
    near = near_names.nearest(named, (each.name for each in known))
    hint = f" Did you mean {shown(near)}?" if near else ""
    return None, f"found {shown(named)}; no campaign of the workspace has this id or name.{hint}"
