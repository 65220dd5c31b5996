"""Rows picked by their lines."""

import polars as pl


def only_lines(frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    """The frame's rows whose `line` is among these.

    lines: UInt32, rising, as the frame's own are, so that only the part that fits is looked at.
    """
    if not frame.height:
        return frame
    first = lines.search_sorted(frame["line"][0], "left")
    end = lines.search_sorted(frame["line"][-1], "right")
    return frame.filter(pl.col("line").is_in(lines[first:end].implode()))
