"""resolved.parquet: the ids that a run's rows got by their e-mail addresses, once and for all.

Written before the run counts, so that going on with it asks nobody again. Rows are read a part at
a time, and memory does not grow with them.
"""

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from batch.errors import InputError
from batch.model import Field
from batch.recording.atomic_file import AtomicFile, disk_errors

RESOLVED_NAME = "resolved.parquet"


def write_resolved(path: Path, frames: Iterable[pl.DataFrame]) -> None:
    """Write the ids of all rows, in frames whose lines rise. Raises RunError when the disk fails.

    frames: at least one, all of one shape.
    """
    with (
        disk_errors(path),
        tempfile.TemporaryDirectory(prefix="sendkit-batch-") as scratch,
        AtomicFile(path) as new_file,
    ):
        parts = []
        for number, frame in enumerate(frames):
            parts.append(Path(scratch, f"{number}.parquet"))
            frame.write_parquet(parts[-1])
        whole = Path(scratch, "whole.parquet")
        pl.scan_parquet(parts).sink_parquet(whole, maintain_order=True)
        with whole.open("rb") as file:  # Polars panics where it writes to a disk that fails
            shutil.copyfileobj(file, new_file.file)
        new_file.publish()


class Resolved:
    """The ids of a run's rows, as they were looked up before anything was sent.

    Of several runs about the same rows the later ones' count, where they have any.
    """

    def __init__(self, *paths: Path) -> None:
        """Raises InputError when one of the files can't be read."""
        self._scans = [_scan(path) for path in paths]

    def between(self, first_line: int, last_line: int) -> pl.DataFrame:
        """What is known of the lines from first to last, in line order."""
        wanted = pl.col("line").is_between(first_line, last_line)
        frames = [scan.filter(wanted).collect() for scan in self._scans]
        return frames[0] if len(frames) == 1 else _latest(frames)


def _scan(path: Path) -> pl.LazyFrame:
    try:
        scan = pl.scan_parquet(path)
        scan.collect_schema()
    except (OSError, PolarsError) as error:
        raise InputError(
            f"{path}: can't be read. It says which leads the rows' e-mail addresses are; "
            "bring it back, or start a new run."
        ) from error
    return scan


def _latest(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The ids alone: what was said of a row without any may be out of date."""
    ids = pl.concat(frames).select("line", Field.CAMPAIGN_ID, Field.CAMPAIGN_LEAD_ID)
    return ids.group_by("line").agg(pl.all().drop_nulls().last()).sort("line")
