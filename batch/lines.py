"""Pick rows by their lines, and list lines for people."""

from collections.abc import Iterable, Iterator

import polars as pl


def only_lines(frame: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    """The frame's rows whose `line` is one of `lines`.

    lines: UInt32, rising, as the frame's own are; so only the part that fits is searched.
    """
    if not frame.height:
        return frame
    first = lines.search_sorted(frame["line"][0], "left")
    end = lines.search_sorted(frame["line"][-1], "right")
    return frame.filter(pl.col("line").is_in(lines[first:end].implode()))


def frames_with(frames: Iterable[pl.DataFrame], lines: pl.Series) -> Iterator[pl.DataFrame]:
    """The frames with only these lines, as `only_lines` picks them, and without empty frames.

    frames: in line order.
    """
    picked = (only_lines(frame, lines) for frame in frames)
    return (frame for frame in picked if frame.height)


def line_list(lines: Iterable[int], *, most: int = 20) -> str:
    """Rising lines as text, as "2 to 5, 9"; after `most` parts, the number of further lines."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][1] + 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    shown = [str(a) if a == b else f"{a} to {b}" for a, b in parts[:most]]
    more = sum(b - a + 1 for a, b in parts[most:])
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
