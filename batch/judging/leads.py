"""The result of merging several rows of one lead, kept small, and its effect on the rows to send.

Values only; `merge.py` decides. Only rows that share a lead with another are here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import polars as pl

from batch.columns import COLUMNS
from batch.model import Reason

LEAD = ("campaign_id", "campaign_lead_id")

# Texts are categories, one or four bytes a row: a file may have millions of such rows.
EXPLAINED = pl.Schema(
    {
        "line": pl.UInt32(),
        "reason": pl.Enum([reason.value for reason in Reason]),
        "column": pl.Enum([column.value for column in COLUMNS]),
        "found": pl.Categorical(),
        "line_a": pl.UInt32(),
        "value_a": pl.Categorical(),
        "line_b": pl.UInt32(),
        "value_b": pl.Categorical(),
    }
)
MERGED = pl.Schema(
    {
        "line": pl.UInt32(),
        "lines": pl.List(pl.UInt32()),
        "status": pl.Categorical(),
        "ai_tag": pl.Categorical(),
        "clear_tag": pl.Boolean(),
    }
)
REQUESTS = pl.Schema(  # of `Leads.requests`; lines is null where a row stands for itself
    {
        "line": pl.UInt32(),
        "lines": pl.List(pl.UInt32()),
        "campaign_id": pl.String(),
        "campaign_lead_id": pl.String(),
        "status": pl.String(),
        "ai_tag": pl.String(),
        "clear_tag": pl.Boolean(),
    }
)
_ASKED = (("status", pl.String()), ("ai_tag", pl.String()), ("clear_tag", pl.Boolean()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Leads:
    """What became of the rows whose lead other rows name too.

    Each field is a tuple of the parts that were compared together: sorting them into one would take
    as much memory again. Each part is in line order.
    judged: rows that are not sent: reason; column and found for a conflict; and which rows at
        line_a and line_b ask for value_a and value_b instead. For a conflict both are values of
        its column; else a is about status, b about aiTag, and null where that doesn't matter.
    partly: rows that are sent without one of their values; line_a to value_b as in judged.
    joined: the lines that another row's request carries.
    merged: requests that differ from their carrying row: the lines that share it, and its values.
    """

    judged: tuple[pl.DataFrame, ...]
    partly: tuple[pl.DataFrame, ...]
    joined: tuple[pl.DataFrame, ...]
    merged: tuple[pl.DataFrame, ...]

    def requests(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The requests that these valid rows carry; lines is null where a row stands for itself.

        rows: in line order, as `rules.judge` gives them.
        """
        rows = rows.join(between(self.judged, rows), on="line", how="anti", maintain_order="left")
        rows = rows.join(between(self.joined, rows), on="line", how="anti", maintain_order="left")
        merged = between(self.merged, rows)
        rows = rows.join(merged, on="line", how="left", maintain_order="left", suffix="_merged")
        is_merged = pl.col("lines").is_not_null()
        return rows.select(
            "line",
            "lines",
            *LEAD,
            *(
                pl.when(is_merged)
                .then(pl.col(f"{name}_merged").cast(dtype))
                .otherwise(name)
                .alias(name)
                for name, dtype in _ASKED
            ),
        )


def between(parts: Iterable[pl.DataFrame], rows: pl.DataFrame) -> pl.DataFrame:
    """The lines of the parts from the first of these rows to the last, in line order.

    rows: in line order.
    """
    if rows.is_empty():
        return pl.concat(part.clear() for part in parts)
    first, last = rows.item(0, "line"), rows.item(-1, "line")
    found = []
    for part in parts:
        lines = part["line"]
        start, end = lines.search_sorted(first, "left"), lines.search_sorted(last, "right")
        found.append(part.slice(start, end - start))
    return pl.concat(found).sort("line")


def no_leads() -> Leads:
    """For a file in which no lead is named twice."""
    explained, merged = pl.DataFrame(schema=EXPLAINED), pl.DataFrame(schema=MERGED)
    return Leads(
        judged=(explained,), partly=(explained,), joined=(merged.select("line"),), merged=(merged,)
    )


def join_leads(leads: Iterable[Leads]) -> Leads:
    """Several Leads, which have no lead in common, as one."""
    leads = [no_leads(), *leads]
    return Leads(
        judged=tuple(chain.from_iterable(one.judged for one in leads)),
        partly=tuple(chain.from_iterable(one.partly for one in leads)),
        joined=tuple(chain.from_iterable(one.joined for one in leads)),
        merged=tuple(chain.from_iterable(one.merged for one in leads)),
    )
