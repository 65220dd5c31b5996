"""Rows picked by their lines."""

from collections.abc import Iterable, Iterator

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


def frames_with(frames: Iterable[pl.DataFrame], lines: pl.Series) -> Iterator[pl.DataFrame]:
    """What these frames, which follow each other, have of the lines, as `only_lines` picks them.

    Frames with none of them are left out.
    """
    picked = (only_lines(frame, lines) for frame in frames)
    return (frame for frame in picked if frame.height)
