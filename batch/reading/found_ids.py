"""Ids that were looked up by e-mail address, shown beside a spreadsheet's own columns."""

from collections.abc import Iterator
from typing import Protocol

import polars as pl

from batch.reading.layout import Layout


class Ids(Protocol):
    """What is needed of ids that were looked up."""

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """Those of the lines from first to last: line (UInt32), campaignId, campaignLeadId."""


def with_ids(frames: Iterator[pl.DataFrame], ids: Ids, layout: Layout) -> Iterator[pl.DataFrame]:
    """Frames of rows, as `Table.rows` gives them, with the ids that they lack behind."""
    places = enumerate(layout.lacking, layout.users)
    shown = [pl.col(field).alias(str(place)) for place, field in places]
    for frame in frames:
        found = ids.between(frame["line"][0], frame["line"][-1]).select("line", *shown)
        yield frame.join(found, on="line", how="left", maintain_order="left")
