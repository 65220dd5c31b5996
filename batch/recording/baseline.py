"""baseline.parquet of a run of format 1: what its leads are expected to be, or are left alone."""

from pathlib import Path

import polars as pl

from batch.errors import InputError
from batch.judging.planned import BASELINE

BASELINE_NAME = "baseline.parquet"


def read_baseline(folder: Path) -> pl.DataFrame:
    """What is expected, as BASELINE. Raises InputError when it can't be read."""
    path = folder / BASELINE_NAME
    try:
        return pl.read_parquet(path, schema=BASELINE, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(
            f"{path}: can't be read. It says what the leads are expected to be; make the plan, or "
            "the undo, once more."
        ) from error
