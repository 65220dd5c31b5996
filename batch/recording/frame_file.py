"""A frame as a Parquet file that appears whole or not at all.

Polars makes the bytes, and Python writes them: where Polars itself writes to a disk that fails, it
panics instead of raising.
"""

import io
from pathlib import Path

import polars as pl

from batch.recording.draft import Draft


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write the frame. Raises RunError when the disk fails."""
    content = io.BytesIO()
    frame.write_parquet(content)
    with Draft(path) as draft:
        draft.write(content.getbuffer())
        draft.publish()
