"""Campaigns as people name them: by id, or by a name that is looked up in the workspace."""

import re
from collections.abc import Iterable

import polars as pl

from batch.jobs.paging import Paging
from batch.judging.lead_words import find_campaign
from batch.model import Campaign
from batch.near_names import NearNames
from batch.settings.model import Settings

_SAFE_ID = re.compile("[A-Za-z0-9_-]+")  # what can change no path of a request, nor of a file


async def campaign_ids(
    named: Iterable[str], settings: Settings, paging: Paging
) -> dict[str, tuple[str | None, str]]:
    """The id of the campaign for each way of naming one; else None, and why there is none.

    What looks like an id is taken for one: whether there is such a campaign shows when it is read.
    Raises ListNotReadError.
    """
    found: dict[str, tuple[str | None, str]] = dict.fromkeys(named, (None, ""))
    ids = _ids(found, settings.api.id_pattern)
    names = [each for each in found if each not in ids]
    known: list[Campaign] = []
    if names:
        listed = [campaign async for page in paging.campaigns() for campaign in page]
        known = [campaign for campaign in listed if _SAFE_ID.fullmatch(campaign.id)]
    near_names = NearNames()
    for each in found:
        found[each] = (
            (each.lower(), "") if each in ids else find_campaign(each, known, near_names=near_names)
        )
    return found


def _ids(named: Iterable[str], pattern: str) -> set[str]:
    """Those that match the pattern, by Polars: `re` may take for ever over a cell of the file."""
    cells = pl.Series(list(named), dtype=pl.String)
    return set(cells.filter(cells.str.contains(rf"\A(?:{pattern})\z")))
