"""Looking up the leads that a spreadsheet names by their e-mail addresses, before it is judged."""

import re
import time
from collections.abc import Callable, Iterable

import anyio
import anyio.to_thread
import polars as pl

from batch.errors import SettingsError
from batch.jobs.cells import named_of
from batch.jobs.known_pace import known_pace, meeting_to_read
from batch.jobs.opening import OpenRun
from batch.jobs.paging import Beside, Paging
from batch.jobs.preflight import Preflight, hold_of
from batch.jobs.snapshotting import take_snapshot
from batch.judging.explain_leads import find_campaign, unknown_campaign
from batch.judging.resolve import LeadDirectory, read_names
from batch.model import Campaign
from batch.near_names import NearNames
from batch.recording.snapshot import LEADS_NOW, Snapshot
from batch.sending.pace.pacer import Pacer
from batch.settings.model import Settings
from batch.wording.progress import ReadingProgress

_SAFE_ID = re.compile("[A-Za-z0-9_-]+")  # what can change no path of a request, nor of a file


def is_needed(opened: OpenRun) -> bool:
    """Whether the run's leads are named by e-mail address, and not looked up yet."""
    return opened.table.is_by_email and opened.lookup.directory is None


async def resolve(
    opened: OpenRun,
    preflight: Preflight,
    *,
    on_reading: Callable[[ReadingProgress], None],
    pacer: Pacer | None = None,
    beside: Beside | None = None,
) -> None:
    """Read the campaigns that the rows name, so that judging can look their leads up.

    on_reading: called after each page. pacer, beside: as `Paging` takes them.
    From then on what was read of the leads is there to be looked at, too.
    Raises SettingsError when the one campaign for all rows is unknown or ambiguous,
    ListNotReadError when the server does not answer, and RunError when the disk fails.
    """
    request, settings = opened.request, opened.request.settings
    hold = hold_of(preflight, settings)
    if hold is not None:
        await anyio.sleep(max(0.0, hold[0] - time.monotonic()))
    named = await anyio.to_thread.run_sync(_campaigns_named, opened)
    concurrency = settings.pace.concurrency
    good_per_s = known_pace(request, preflight).good_per_s
    snapshot = Snapshot(opened.folder.path / LEADS_NOW)
    async with opened.client(connections=concurrency) as api:
        paging = Paging(api, settings, good_per_s=good_per_s, pacer=pacer, beside=beside)
        async with paging.at_one_pace(
            meeting_to_read(opened, preflight),
            name=opened.folder.path.name,
        ):
            campaigns = await campaign_ids(named, settings, paging)
            _refuse_unknown(request.reading.campaign, campaigns)
            found = list(dict.fromkeys(each for each, _ in campaigns.values() if each))
            taken = await take_snapshot(
                paging, found, into=snapshot, at_once=concurrency, on_reading=on_reading
            )
    for name, (campaign_id, _) in campaigns.items():
        if campaign_id in taken.unknown:
            campaigns[name] = None, unknown_campaign(name)
    _refuse_unknown(request.reading.campaign, campaigns)
    opened.lookup.names = {
        campaign_id: name for name, (campaign_id, _) in campaigns.items() if campaign_id
    }
    leads = snapshot.leads_of(found)
    opened.lookup.directory = await anyio.to_thread.run_sync(LeadDirectory, campaigns, leads)


def _campaigns_named(opened: OpenRun) -> list[str]:
    """The ways in which rows name their campaigns, each once, in the order of their coming."""
    found: dict[str, None] = {}
    rules, named = opened.request.rules(), named_of(opened.request, opened.table)
    for cells in opened.table.cells():
        names = read_names(cells, rules, named)
        usable = names.filter(pl.col("id_reason").is_null())["campaign"]
        found.update(dict.fromkeys(usable.unique(maintain_order=True)))
    return list(found)


def _refuse_unknown(campaign: str | None, campaigns: dict[str, tuple[str | None, str]]) -> None:
    campaign_id, why = campaigns.get(campaign or "", ("", ""))
    if campaign_id is None:
        raise SettingsError(f"The campaign for all rows: {why}")


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
