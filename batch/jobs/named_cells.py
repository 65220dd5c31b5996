"""The cells of a spreadsheet as they are judged, also where e-mail addresses stand for ids."""

from collections.abc import Iterator

import polars as pl

from batch.columns import Naming
from batch.jobs.request import Request
from batch.judging.resolve import Named, provisional, read_names
from batch.judging.rules import Rules
from batch.judging.survey import Cells
from batch.model import Field
from batch.reading.table import Table


def named_of(request: Request, table: Table) -> Named:
    """How the rows of a table name their campaigns."""
    return Named(
        campaign=request.campaign,
        column=Naming.CAMPAIGN if Naming.CAMPAIGN in table.fields else Field.CAMPAIGN_ID,
        name_first=table.campaign_was_found,
    )


def cells_of(table: Table, rules: Rules, named: Named) -> Cells:
    """What gives the cells of a table, with the ids that were looked up.

    Where they are still to be looked up, the names stand in their place.
    """
    return (lambda: _cells(table, rules, named)) if table.is_by_email else table.cells


def _cells(table: Table, rules: Rules, named: Named) -> Iterator[pl.DataFrame]:
    for frame in table.cells():
        if table.ids is None:
            ids = provisional(read_names(frame, rules, named))
        else:
            ids = table.ids.between(frame["line"][0], frame["line"][-1])
        yield with_ids(frame, ids)


def with_ids(cells: pl.DataFrame, ids: pl.DataFrame) -> pl.DataFrame:
    """The cells with these ids, as `resolve.RESOLVED`, in the place of their own."""
    rest = cells.drop(Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    return rest.join(ids, on="line", how="left", maintain_order="left")
