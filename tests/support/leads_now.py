"""Requests, and what leads are now, as frames that tests make by hand."""

import polars as pl

from batch.judging.leads import REQUESTS
from batch.recording.snapshot import SCHEMA

BASELINE = pl.Schema({"line": pl.UInt32(), "base_status": pl.String(), "base_tag": pl.String()})
READ_MS = 1_000

Asked = tuple[str, str | None, str | None]  # a lead, the status and the tag; "" clears
Lead = tuple[str, str, str | None]  # a lead, its status and its tag


def requests(*asked: Asked, campaign: str = "c", first_line: int = 2) -> pl.DataFrame:
    """A request for each, at lines that follow each other."""
    rows = [
        (line, None, campaign, lead, status, tag or None, tag == "")
        for line, (lead, status, tag) in enumerate(asked, start=first_line)
    ]
    return pl.DataFrame(rows, schema=REQUESTS, orient="row")


def leads(*now: Lead, campaign: str = "c") -> pl.DataFrame:
    """What a campaign's leads are; a lead's own id is OWN-, and the campaign lead's."""
    rows = [
        (campaign, lead, f"OWN-{lead}", "", "", "", "", status, tag, READ_MS)
        for lead, status, tag in now
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def baseline(*expected: tuple[int, str | None, str | None]) -> pl.DataFrame:
    """What is expected: line, status and tag."""
    return pl.DataFrame(list(expected), schema=BASELINE, orient="row")
