"""What campaigns' leads were at one time: a file of columns for each campaign, in one folder.

Owns the files' shape. What is in them comes from the API and goes out as Polars frames, so that a
join with an input of any length needs no Python object a lead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import polars as pl

from batch.model import CampaignLead
from batch.recording.atomic_file import disk_errors, write_frame

CAMPAIGN_ID = "campaign_id"
LEAD_COLUMNS = tuple(field.name for field in fields(CampaignLead))
_VALUES = attrgetter(*LEAD_COLUMNS)
# read_at_ms: when the lead's page arrived, Unix time in milliseconds, UTC.
# Of a run's folder: what its leads are as they are read, thrown away once the run begins.
LEADS_NOW = ".leads-now.part"
SCHEMA = pl.Schema(
    {**dict.fromkeys((CAMPAIGN_ID, *LEAD_COLUMNS), pl.String()), "read_at_ms": pl.Int64()}
)


class Snapshot:
    """The leads of some campaigns, in a folder. Methods raise RunError when the disk fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, campaign_id: str, leads: pl.DataFrame) -> None:
        """Keep a campaign's leads, in place of what was kept of it before."""
        path = self._path(campaign_id)
        with disk_errors(path):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_frame(path, leads)

    def campaign_ids(self) -> list[str]:
        """The campaigns of which something was kept."""
        return sorted(path.stem for path in self._folder.glob("*.parquet"))

    def leads_of(self, campaign_ids: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The leads of each of these campaigns that was kept, a campaign at a time."""
        for campaign_id in campaign_ids:
            path = self._path(campaign_id)
            if path.is_file():
                yield pl.read_parquet(path, glob=False)

    def find(self, leads: pl.DataFrame) -> pl.DataFrame:
        """What was kept of these leads (campaign_id, campaign_lead_id), as SCHEMA.

        Of each campaign's file no more is read into memory than those leads.
        """
        found = [pl.DataFrame(schema=SCHEMA)]
        for (campaign_id,), part in leads.group_by(CAMPAIGN_ID):
            path = self._path(str(campaign_id))
            if path.is_file():
                wanted = pl.col("campaign_lead_id").is_in(part["campaign_lead_id"].implode())
                found.append(pl.scan_parquet(path, glob=False).filter(wanted).collect())
        return pl.concat(found)

    def _path(self, campaign_id: str) -> Path:
        return self._folder / f"{campaign_id}.parquet"


class LeadRows:
    """A campaign's leads as they come, page by page; one that comes again counts as it came last.

    Pages shift while they are read, when leads are added or removed.
    """

    def __init__(self, campaign_id: str) -> None:
        self._campaign_id = campaign_id
        self._parts: list[pl.DataFrame] = []

    def add(self, leads: Sequence[CampaignLead], *, read_at_ms: int) -> pl.DataFrame:
        """Take one page, and give it back as rows; read_at_ms: when it arrived, Unix ms, UTC."""
        if not leads:
            return pl.DataFrame(schema=SCHEMA)
        # Column by column, which takes half the time of row by row.
        of_leads = zip(*map(_VALUES, leads), strict=True)
        count = len(leads)
        columns = ([self._campaign_id] * count, *map(list, of_leads), [read_at_ms] * count)
        page = pl.DataFrame(
            [
                pl.Series(name, values, dtype=dtype)
                for (name, dtype), values in zip(SCHEMA.items(), columns, strict=True)
            ]
        )
        self._parts.append(page)
        return page

    def frame(self) -> pl.DataFrame:
        """All of them, in the order of their coming."""
        rows = pl.concat([pl.DataFrame(schema=SCHEMA), *self._parts])
        if rows["campaign_lead_id"].n_unique() == len(rows):
            return rows  # as nearly always: without another copy
        return rows.unique("campaign_lead_id", keep="last", maintain_order=True)
