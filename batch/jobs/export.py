"""The use case `export`: campaigns' leads as a spreadsheet, to be edited and run back."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from batch.api.sendkit import Access, SendKit
from batch.errors import SettingsError
from batch.jobs.frontend import Frontend
from batch.jobs.gate import daily_quota, make_client
from batch.jobs.paging import Paging
from batch.jobs.preflight import ask_server
from batch.jobs.resolving import campaign_ids
from batch.jobs.snapshotting import take_snapshot
from batch.judging.explain_leads import unknown_campaign
from batch.model import LEAD_STATUSES
from batch.near_names import did_you_mean
from batch.recording.lead_sheet import write_leads
from batch.recording.snapshot import Snapshot
from batch.settings.model import Settings
from batch.visible import visible
from batch.wording.progress import ReadingProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be exported.

    campaigns: their ids or names. status: leads of that status alone; None for all.
    tag: leads with that label alone, whatever its case; "" for those without one; None for all.
    out: the file to write, .csv or .xlsx; it must not be there yet.
    """

    campaigns: tuple[str, ...]
    status: str | None = None
    tag: str | None = None
    out: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written. leads: rows of the file. requests: what it took to read them."""

    path: Path
    leads: int
    campaigns: int
    requests: int


def check_wanted(wanted: Wanted) -> None:
    """Raise SettingsError for what can't be read or written, before anything is asked."""
    if wanted.status is not None and wanted.status not in LEAD_STATUSES:
        raise SettingsError(
            f'--status: found "{visible(wanted.status)}"; expected {", ".join(LEAD_STATUSES[:-1])} '
            f"or {LEAD_STATUSES[-1]}.{did_you_mean(wanted.status, LEAD_STATUSES)}"
        )
    if wanted.out.suffix.lower() not in {".csv", ".xlsx"}:
        raise SettingsError(
            f"--out: found {wanted.out}; expected a name that ends in .csv or .xlsx."
        )
    if wanted.out.exists():
        raise SettingsError(f"--out: {wanted.out} is there already. Name another file.")
    if not wanted.out.absolute().parent.is_dir():
        raise SettingsError(f"--out: {wanted.out.parent} is no folder. Make it, or name another.")


def export(
    wanted: Wanted, settings: Settings, access: Access, frontend: Frontend, *, state_dir: Path
) -> Exported:
    """Read campaigns' leads into a spreadsheet, once the key is proven. Raises as `read_leads`.

    state_dir: the user's, where requests are counted.
    """

    async def read() -> Exported:
        async with make_client(
            access,
            settings,
            connections=settings.pace.concurrency,
            quota=daily_quota(access, settings, state_dir),
        ) as api:
            preflight = await ask_server(api, workspace_id=access.workspace_id, tag_check=False)
            frontend.note(*preflight.notes)
            if preflight.workspace:
                frontend.note(f"Workspace: {preflight.workspace.name} ({access.base_url})")
            with frontend.reading() as show:
                return await read_leads(api, settings, wanted, on_reading=show)

    check_wanted(wanted)
    return frontend.run(read)


async def read_leads(
    api: SendKit,
    settings: Settings,
    wanted: Wanted,
    *,
    on_reading: Callable[[ReadingProgress], None],
) -> Exported:
    """Read the campaigns and write the file; nothing is written unless all was read.

    on_reading: called after each page. Raises SettingsError for a campaign that is unknown or
    ambiguous, ListNotReadError when the server does not answer, RunError when the disk fails.
    """
    paging = Paging(api, settings)
    campaign_ids = await _resolved(wanted.campaigns, settings, paging)
    with tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch:
        snapshot = Snapshot(Path(scratch))
        taken = await take_snapshot(
            paging,
            campaign_ids,
            into=snapshot,
            status=wanted.status,
            at_once=settings.pace.concurrency,
            on_reading=on_reading,
        )
        if taken.unknown:
            raise SettingsError(f"export: {unknown_campaign(taken.unknown[0])}")
        leads = await anyio.to_thread.run_sync(
            write_leads, snapshot.leads_of(campaign_ids), wanted.out, wanted.tag
        )
    return Exported(
        path=wanted.out,
        leads=leads,
        campaigns=len(campaign_ids),
        requests=paging.pace().attempts,
    )


async def _resolved(named: Sequence[str], settings: Settings, paging: Paging) -> tuple[str, ...]:
    """The campaigns' ids, each once, in the order of asking; names are looked up."""
    found = await campaign_ids(named, settings, paging)
    why = next((why for campaign_id, why in found.values() if campaign_id is None), None)
    if why is not None:
        raise SettingsError(f"export: {why}")
    return tuple(dict.fromkeys(each for each, _ in found.values() if each is not None))
