"""The cells of a spreadsheet as they are judged, also where e-mail addresses stand for ids."""

from dataclasses import dataclass

import polars as pl

from batch.columns import Naming
from batch.jobs.request import Request
from batch.judging.resolve import RESOLVED, CampaignNaming, LeadDirectory, provisional, read_names
from batch.judging.rules import Rules
from batch.judging.survey import Cells
from batch.model import Field
from batch.reading.table import Table


def named_of(request: Request, table: Table) -> CampaignNaming:
    """How the rows of a table name their campaigns."""
    return CampaignNaming(
        campaign=request.reading.campaign,
        column=Naming.CAMPAIGN if Naming.CAMPAIGN in table.fields else Field.CAMPAIGN_ID,
        name_first=table.campaign_was_found,
    )


@dataclass(slots=True)
class Lookup:
    """Where leads are looked up by their e-mail addresses; None until that was read."""

    directory: LeadDirectory | None = None


def cells_of(
    table: Table, rules: Rules, named: CampaignNaming, directory: LeadDirectory | None = None
) -> Cells:
    """What gives the cells of a table, with ids in the place of e-mail addresses.

    directory: where they are looked up. Without one they are those that the table has; where it
    has none, the names stand in their place.
    """
    if not table.is_by_email:
        return table.cells
    return lambda: (
        _with_looked_up(frame, table, rules, named, directory) for frame in table.cells()
    )


def _with_looked_up(
    cells: pl.DataFrame,
    table: Table,
    rules: Rules,
    named: CampaignNaming,
    directory: LeadDirectory | None,
) -> pl.DataFrame:
    if directory is None and table.ids is not None:
        return with_ids(cells, table.ids.between(cells["line"][0], cells["line"][-1]))
    names = read_names(cells, rules, named)
    ids = directory.resolve(names).cast(RESOLVED) if directory else provisional(names)
    return with_ids(cells, ids)


def with_ids(cells: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The cells with these ids, as `resolve.RESOLVED`, in the place of their own."""
    rest = cells.drop(Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    return rest.join(ids, on="line", how="left", maintain_order="left")
