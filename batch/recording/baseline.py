"""baseline.parquet: what the leads of a run are expected to be; those that are not are left alone.

A plan expects what it read. An undo expects what the run that it undoes has set. Written before
the run counts, so that what is expected is known whatever happens.
"""

from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.recording.atomic_file import write_frame

BASELINE_NAME = "baseline.parquet"
SCHEMA = pl.Schema({"line": pl.UInt32, "base_status": pl.String, "base_tag": pl.String})


def write_baseline(folder: Path, baseline: pl.DataFrame) -> None:
    """Write what is expected: line (that carries the request), base_status, base_tag ("" for none).

    A null expects nothing; a lead without a row is expected not to be there.
    Raises RunError when that can't be written.
    """
    columns = (pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    write_frame(folder / BASELINE_NAME, baseline.select(columns))


def read_baseline(folder: Path) -> pl.DataFrame:
    """What is expected, as `write_baseline` takes it. Raises InputError when it can't be read."""
    path = folder / BASELINE_NAME
    try:
        return pl.read_parquet(path, schema=SCHEMA)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{path}: can't be read. It says what the leads are expected to be; make the plan, or "
            "the undo, once more."
        ) from error
